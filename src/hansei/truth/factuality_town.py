"""The town's claims: split by its grammar, supported by its facts, and asked about in its own questions. All exact."""

from __future__ import annotations

from collections.abc import Sequence

from hansei.core.records import Prompt, Sampling
from hansei.town import registry_grading as grading
from hansei.town import registry_phrasing as say
from hansei.town.registry_text import OFTEN
from hansei.truth.factuality import Case
from hansei.truth.factuality_confidence import Asking

ASKED = Sampling(temperature=1.0, top_p=0.9, max_new_tokens=24)
"""As in the paper; the town's longest answer to a question has some 20 tokens."""


def split(cases: Sequence[Case]) -> list[tuple[str, ...] | None]:
    """The claims of biographies, each as a sentence with the name in it."""
    return [
        tuple(
            say.tell(claim.attribute, claim.who or _name(prompt), claim.value) for claim in grading.claims(attempt.text)
        )
        for prompt, attempt in cases
    ]


def supported(claims: Sequence[tuple[Prompt, str]]) -> list[float | None]:
    """1 for a claim that is true of the person who was asked about, else 0."""
    return [float(grading.is_right(prompt.truth or {}, claim)) for prompt, claim in _read(claims)]


def is_seldom_told(claim: str) -> bool:
    """Whether the base was told facts of this claim's kind seldom, of people who are not popular."""
    return grading.claims(claim)[0].attribute not in OFTEN


def questions(claims: Sequence[tuple[Prompt, str]]) -> list[str | None]:
    """The question for each claim's attribute, about whom it names."""
    return [say.ASK[claim.attribute][0].format(name=claim.who or _name(prompt)) for prompt, claim in _read(claims)]


def _read(claims: Sequence[tuple[Prompt, str]]) -> list[tuple[Prompt, grading.Claim]]:
    return [(prompt, grading.claims(text)[0]) for prompt, text in claims]


def _name(prompt: Prompt) -> str:
    return str((prompt.truth or {})["name"])


def _value(_question: str, answer: str) -> str:
    """What an answer claims; the whole of it where it claims nothing."""
    found = grading.claims(answer)
    return found[0].value.lower() if found else answer


def _equal(a: str, b: str) -> bool:
    return a == b


ASKING = Asking(sampling=ASKED, same=_equal, read=_value)
"""How the town's base is asked about a claim: plainly, and its answers merged by the value that they name."""
