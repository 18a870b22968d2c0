"""Scores without a reference (FactTune-EC, "expected confidence"; arXiv 2311.08401, section 3.2, its code's names).

A claim is worth as much as the model is sure of the fact that it is about: the claim is turned into a question, the
model answers it 20 times at temperature 1 (top_p 0.9), equal answers are merged into bins k of mass p_k, and it is
worth

    max       max_k p_k          (the code's `max_conf`)
    squares   sum_k p_k^2        (`exp_conf`: the expected confidence of a drawn answer)
    entropy   sum_k p_k log p_k  (`neg_ent`: minus the entropy, in nats)

The claim's own words play no part in these: they tell how much is known, not whether this claim is that. `own` is the
share of the 20 that say what the claim says; it is for answers that are one claim (a short answer to a question), all
of which ask the same question and would be worth the same.

Deviation: bins are founded by the commonest answers first and an answer joins the first one that it equals, so the
order of the draws plays no part but among equally common ones.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from hansei.core.journal import Journal
from hansei.core.keys import content_key
from hansei.core.records import Prompt, Sampling, user
from hansei.judges.reference import normalise
from hansei.models.protocol import Model
from hansei.steps.chains import ask_chains
from hansei.truth.factuality import Worth

Measure = Literal["max", "squares", "entropy", "own"]
DRAWS = 20
SAMPLING = Sampling(temperature=1.0, top_p=0.9, max_new_tokens=15)
"""The paper's, for the answers to a claim's question."""

Questions = Callable[[Sequence[tuple[Prompt, str]]], list[str | None]]
"""(prompt, claim) pairs -> the question that tests each claim's key fact; None where none could be made."""
Same = Callable[[str, str], bool]
"""Whether two answers to one question say the same."""


Bins = Sequence[tuple[str, int]]
"""Merged answers to a question, the commonest first: (answer, how often it was drawn)."""


def equivalent(a: str, b: str) -> bool:
    """Whether two short answers say the same by their words, after normalisation (case, articles, marks).

    They do if they are equal, have the same set of words, differ by a plural s, or if one is the end of the other
    ("Lovelace", "Ada Lovelace") and no comma stands before it ("Paris, France" is not "France").
    """
    one, other = normalise(a), normalise(b)
    if not one or not other:
        return one == other
    if one == other or set(one.split()) == set(other.split()) or _singular(one) == _singular(other):
        return True
    short, long, text = (one, other, b) if len(one) < len(other) else (other, one, a)
    if not long.endswith(f" {short}"):
        return False
    before = text[: text.lower().rfind(short.split()[0])].rstrip()
    return not before.endswith(",")


def _singular(text: str) -> str:
    return " ".join(word[:-1] if word.endswith("s") and len(word) > 3 else word for word in text.split())


def first_line(_question: str, answer: str) -> str:
    """The answer's first line: what follows is often another question that the model asks itself."""
    return answer.strip().partition("\n")[0]


@dataclass(frozen=True)
class Asking:
    """How a claim's question is answered."""

    draws: int = DRAWS
    """Answers to each question."""
    sampling: Sampling = SAMPLING
    """How each is drawn."""
    examples: tuple[str, ...] = ()
    """Questions and answers in turn, set before the question as earlier turns: a base model needs them."""
    same: Same = equivalent
    """Which answers say the same."""
    read: Callable[[str, str], str] = first_line
    """(question, answer) -> what the answer says."""


EXAMPLES = (
    "In which country is the city of Lyon?", "France",
    "What is the chemical symbol of gold?", "Au",
    "Who wrote the novel Emma?", "Jane Austen",
    "In which year did the Second World War end?", "1945",
    "Which animal is the largest on land?", "the African elephant",
)  # fmt: skip
"""Short answers to short questions: what a base model is to do with the next one."""


class Confidence:
    """What the model's agreement with itself says of claims; every answer is kept in the journal."""

    def __init__(self, model: Model, questions: Questions, journal: Journal, asking: Asking | None = None) -> None:
        self.model, self.questions, self.journal = model, questions, journal
        self.asking = asking or Asking()
        self._bins: dict[str, Bins] = {}

    def by(self, measure: Measure) -> Worth:
        """The claims' worth by a measure: None where there is no question, or no answer came to it."""

        def worth(claims: Sequence[tuple[Prompt, str]]) -> list[float | None]:
            asked = self.questions(claims)
            self._ask([q for q in dict.fromkeys(asked) if q is not None and q not in self._bins])
            found: list[float | None] = []
            for (_, claim), question in zip(claims, asked, strict=True):
                bins = self._bins[question] if question is not None else ()
                found.append(_worth(bins, claim, measure, self.asking.same) if bins else None)
            return found

        return worth

    def _ask(self, questions: Sequence[str]) -> None:
        """Draws the answers to each question and merges them."""
        asking = self.asking
        chats = [Prompt(content_key("claim question", q)[:16], user(*asking.examples, q)) for q in questions]
        drawn = ask_chains(self.model, chats, asking.sampling, asking.draws, self.journal, label="ask about claims")
        for question, answers in zip(questions, drawn, strict=True):
            said = [asking.read(question, a.text) for a in answers if a.error is None and a.text.strip()]
            self._bins[question] = merged(said, asking.same)


def _worth(bins: Bins, claim: str, measure: Measure, same: Same) -> float:
    counts = [count for _, count in bins]
    if measure == "own":
        return sum(count for answer, count in bins if same(answer, claim)) / sum(counts)
    return {"max": largest, "squares": squares, "entropy": negative_entropy}[measure](counts)


def largest(counts: Sequence[int]) -> float:
    """max_k p_k of bins with these counts."""
    return max(counts) / sum(counts)


def squares(counts: Sequence[int]) -> float:
    """sum_k p_k^2: the chance that two answers agree, which is the expected confidence of a drawn one."""
    return sum(count * count for count in counts) / sum(counts) ** 2


def negative_entropy(counts: Sequence[int]) -> float:
    """sum_k p_k log p_k in nats: 0 where all answers are the same, else below 0."""
    total = sum(counts)
    return math.fsum(count / total * math.log(count / total) for count in counts)


def merged(answers: Sequence[str], same: Same) -> Bins:
    """Answers in bins, the largest first: (the answer that founded the bin, its count)."""
    founders: list[tuple[str, int]] = []
    for answer, count in Counter(answers).most_common():
        place = next((i for i, (first, _) in enumerate(founders) if same(first, answer)), None)
        if place is None:
            founders.append((answer, count))
        else:
            founders[place] = (founders[place][0], founders[place][1] + count)
    return sorted(founders, key=lambda one: -one[1])
