"""A wrong operation in a right explanation, and all that follows from its result."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from random import Random

from hansei.core.numbers import parse
from hansei.reasoning.arithmetic import reckon, shown
from hansei.reasoning.objects import EQUATION, by_rules

SIGN = re.compile(r"(?<=[\d)%\s])\s*([-+−*/×÷x·])\s*(?=[\d($])")
SAME = {"x": "*", "×": "*", "−": "-", "·": "*"}
"""Signs in the writing of arithmetic.py."""


def wrong_operations(explanation: str, rng: Random) -> Iterator[tuple[str, Fraction]]:
    """The explanation with another operation in one of its equations, and its last result; in a random order.

    The equation and the operation are chosen once; what is tried are other operations in its place. Later equations
    that use the result are reckoned anew. Yields nothing where no equation can be changed.
    """
    equations = [m for m in EQUATION.finditer(explanation) if SIGN.search(m[0]) and reckon(m[0]) is not None]
    if not equations:
        return
    at = rng.choice(equations)
    sign = rng.choice(list(SIGN.finditer(at[0].rpartition("=")[0])))
    ways = [other for other in "+-*" if other != SAME.get(sign[1], sign[1])]
    rng.shuffle(ways)
    for other in ways:
        left = f"{at[0][: sign.start(1)]}{other}{at[0][sign.end(1) : at[0].rindex('=')]}"
        value, was = reckon(left), _result(at[0])
        if value is None or was is None or value == was:
            continue
        after, last = _carried(explanation[at.end() :], was, value)
        changed = f"{explanation[: at.start()]}{left.rstrip()} = {shown(value)}{after}"
        yield changed, last if last is not None else value


def _carried(text: str, was: Fraction, now: Fraction) -> tuple[str, Fraction | None]:
    """A text with a result replaced wherever it is used, its equations reckoned anew; and its last result."""
    changes, last = {was: now}, None
    pieces, at = [], 0
    for span in by_rules(text, ""):
        if span.type not in ("equation", "number"):
            continue
        words = _replaced(span.text, changes)
        if span.type == "equation":
            value, old = reckon(words), _result(span.text)
            if value is not None and old is not None:
                words = f"{words.rpartition('=')[0].rstrip()} = {shown(value)}"
                changes, last = {**changes, old: value}, value
        pieces += [text[at : span.start], words]
        at = span.end
    return "".join([*pieces, text[at:]]), last


def _replaced(text: str, changes: dict[Fraction, Fraction]) -> str:
    def made(match: re.Match[str]) -> str:
        value = parse(match[0])
        return shown(changes[value]) if value in changes else match[0]

    return re.sub(r"\d[\d,]*(?:\.\d+)?", made, text)


def _result(equation: str) -> Fraction | None:
    return parse(equation.rpartition("=")[2].strip())
