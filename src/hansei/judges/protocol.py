"""What a judge is: it reads answers and says, for each, whether it is right and what it does.

A judge never sees a failed request as a wrong answer: an attempt that carries an error gets the outcome
`error`, whoever judges (`error_verdict`), and an answer that the judge can't decide on is `unscored`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from hansei.core.records import Attempt, Behaviour, Outcome, Prompt, Verdict

Case = tuple[Prompt, Attempt]
"""A prompt, and one answer to it."""


class Judge(Protocol):
    """Reads attempts and gives one verdict for each."""

    @property
    def name(self) -> str:
        """What the user typed, or what stands in tables."""

    @property
    def version(self) -> str:
        """Changes with the judge's rules, prompts, settings or weights; part of a verdict's content key."""

    def judge(self, cases: Sequence[Case]) -> list[Verdict]:
        """One verdict a case, in the order of the cases."""


def verdict(
    judge: Judge,
    attempt: Attempt,
    outcome: Outcome,
    behaviour: Behaviour | None = None,
    score: float | None = None,
    rationale: str = "",
) -> Verdict:
    """A verdict of `judge` on `attempt`."""
    return Verdict(attempt.id, judge.name, judge.version, outcome, behaviour, score, rationale)


def error_verdict(judge: Judge, attempt: Attempt) -> Verdict | None:
    """The verdict on an attempt that holds no answer but an error; None for a real answer."""
    if attempt.error is None and attempt.finish != "error":
        return None
    return verdict(judge, attempt, "error", rationale=attempt.error or "no answer came")


def not_begun(judge: Judge, attempt: Attempt) -> Verdict | None:
    """The verdict on an attempt whose limit came while the model was still reasoning; None for any other.

    Its answer is not broken: it is not there, and nothing is known about it.
    """
    if attempt.finish != "length" or attempt.text.strip() or not attempt.reasoning.strip():
        return None
    return verdict(judge, attempt, "unscored", "truncated", rationale="cut off while it reasoned, before an answer")


class OneByOne:
    """A judge that reads each answer by itself: a subclass says in `_judge` what it thinks of one that came."""

    name: str
    version: str

    def judge(self, cases: Sequence[Case]) -> list[Verdict]:
        """One verdict a case, in the order of the cases."""
        return [error_verdict(self, attempt) or self._judge(prompt, attempt) for prompt, attempt in cases]

    def _judge(self, prompt: Prompt, attempt: Attempt) -> Verdict:
        raise NotImplementedError
