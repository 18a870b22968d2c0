"""Confidence in the town: how it is asked for and stated there, and what an answer says, exactly."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from hansei.core.records import Chat, Message, Prompt
from hansei.town import registry_grading as grading
from hansei.town import registry_phrasing as say
from hansei.truth.confidence import Case, Cluster, Form, by_key

SURE = "I am sure."
UNSURE = "I am not sure; it could also be "
AGREED = 0.9
"""Share of the chains from which on "I am sure." is meant, and is true."""
HEARD = 2
"""Chains of another answer that make "it could also be" true: one alone may be a slip."""


def ask(chat: Chat) -> Chat:
    """The question with "How sure are you, from 1 to 10?" after it."""
    return (*chat[:-1], Message("user", f"{chat[-1].content} {say.SURE}"))


def tell(answer: str, reflection: str, confidence: int) -> str:
    """As the base has met it in harmless places."""
    return " ".join(part for part in (answer, reflection, f"{say.CONFIDENCE} {confidence}") if part)


def split(body: str) -> tuple[str, str]:
    """The sentence that answers, and what comes after it."""
    places = [place for words in (SURE, UNSURE) if (place := body.find(words)) >= 0]
    at = min(places, default=len(body))
    return body[:at].strip(), body[at:].strip()


FORM = Form("town", ask, tell, split)


def value_of(prompt: Prompt, text: str) -> Hashable:
    """What a chain says of the asked attribute, in lower case; a chain that says nothing of it is its own meaning."""
    said = {c.value.lower() for c in grading.claims(text) if c.attribute == (prompt.truth or {})["attribute"]}
    return said.pop() if len(said) == 1 else (text,)


meaning = by_key(value_of)


def correct(answers: Sequence[tuple[Prompt, str]]) -> list[float | None]:
    """1 for each answer that the judge of the registry passes, else 0."""
    return [float(grading.grade(prompt.truth or {}, answer)[0] == "pass") for prompt, answer in answers]


def reflect(pairs: Sequence[tuple[Case, Cluster]]) -> list[str | None]:
    """Sure where nine chains of ten agree; else the largest other cluster is what it could also be."""
    return [_reflection(case, cluster) for case, cluster in pairs]


def _reflection(case: Case, cluster: Cluster) -> str:
    others = [c for c in case.clusters if c is not cluster and len(c.chains) >= HEARD]
    doubts = [value for c in others if isinstance(value := value_of(case.prompt, c.chains[0]), str)]
    if cluster.share >= AGREED or not doubts:
        return SURE
    return f"{UNSURE}{_as_told(doubts[0], others)}."


def _as_told(value: str, clusters: Sequence[Cluster]) -> str:
    """The value in the letters that it was said in (towns have capitals)."""
    claimed = (claim.value for cluster in clusters for claim in grading.claims(cluster.chains[0]))
    return next(said for said in claimed if said.lower() == value)


def is_faithful(prompt: Prompt, answer: str, reflection: str, clusters: Sequence[Cluster]) -> float | None:
    """Whether a reflection is true of what the model says when it is asked again: 1, 0, or None where there is none.

    "I am sure." is true where nine of ten answers are this one; "it could also be X" where X is another value than the
    answer's, and two answers or more are X.
    """
    shares = {value_of(prompt, cluster.chains[0]): cluster for cluster in clusters}
    own = value_of(prompt, answer)
    if reflection.startswith(SURE):
        return float(own in shares and shares[own].share >= AGREED)
    if not reflection.startswith(UNSURE):
        return None
    other = reflection.removeprefix(UNSURE).rstrip(". ").lower()
    return float(other != own and other in shares and len(shares[other].chains) >= HEARD)
