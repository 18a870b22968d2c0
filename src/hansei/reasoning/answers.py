"""From what a model has written to its answer, and from several answers to the one that most of them give."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction

from hansei.core.numbers import numbers_in, parse

MARKED = re.compile(
    r"(?:^|[.!?][ \t])[^\w\n]*(?:final )?answer(?: is)?[ *]*[:：]([^\n]*)", re.IGNORECASE | re.MULTILINE
)
SAID = re.compile(r"(?:answer is|####)[ \t]*:?([^\n]*)", re.IGNORECASE)
NEXT = re.compile(r"^[^\w\n]*(?:wrong (?:explanation|answer)|question)[ *]*:", re.IGNORECASE | re.MULTILINE)
"""Where a model goes on with a wrong explanation, or with a question of its own."""


def own_words(text: str) -> str:
    """What belongs to this question: a model that has seen examples often writes the next part of them, too."""
    return NEXT.split(text, maxsplit=1)[0].strip()


def extract(text: str) -> str | None:
    """The answer in what a model has written; None where there is none.

    It is what follows the last "Answer:", "the answer is" or "####"; without any, the last number. Of a marked answer
    with words and a single number ("18 pages") the number is left to whoever compares.
    """
    text = own_words(text)
    for pattern in (MARKED, SAID):
        found = [match[1].strip().strip("*").rstrip(".").strip() for match in pattern.finditer(text)]
        if found and found[-1]:
            return found[-1]
    numbers = numbers_in(text)
    return _shown(numbers[-1]) if numbers else None


def _shown(value: Fraction) -> str:
    return str(value.numerator) if value.denominator == 1 else str(float(value))


def vote(answers: Sequence[str | None]) -> str | None:
    """The answer that most samples give; of equals the first that was given; None where none gave any.

    Self-consistency (Wang et al., arXiv 2203.11171): answers are the same where they are the same number.
    """
    counts: dict[Fraction | str, list[str]] = {}
    for answer in answers:
        if answer is not None:
            counts.setdefault(_value(answer), []).append(answer)
    if not counts:
        return None
    return max(counts.values(), key=len)[0]


def _value(answer: str) -> Fraction | str:
    whole = parse(answer)
    if whole is not None:
        return whole
    numbers = set(numbers_in(answer))
    return numbers.pop() if len(numbers) == 1 else " ".join(answer.lower().split())
