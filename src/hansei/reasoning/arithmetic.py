"""Plain arithmetic in a text: the value of an equation's left side, without evaluating any code."""

from __future__ import annotations

import re
from fractions import Fraction

LONGEST = 200
"""Characters of the longest sum that is reckoned."""
_SIGNS = str.maketrans({"×": "*", "x": "*", "·": "*", "÷": "/", "−": "-"})


def reckon(equation: str) -> Fraction | None:
    """The value of an equation's left side; None where it is no plain arithmetic."""
    left = equation.partition("=")[0]
    plain = re.sub(r"[$€£,\s%]", "", left).translate(_SIGNS)
    tokens = re.findall(r"\d+(?:\.\d+)?|[-+*/()]", plain)
    if "".join(tokens) != plain or not tokens or len(plain) > LONGEST:
        return None
    try:
        value, rest = _sum(tokens)
    except (IndexError, ValueError, ZeroDivisionError, RecursionError):
        return None
    return None if rest else value


def _sum(tokens: list[str]) -> tuple[Fraction, list[str]]:
    value, rest = _product(tokens)
    while rest and rest[0] in "+-":
        sign = rest[0]
        other, rest = _product(rest[1:])
        value = value + other if sign == "+" else value - other
    return value, rest


def _product(tokens: list[str]) -> tuple[Fraction, list[str]]:
    value, rest = _atom(tokens)
    while rest and rest[0] in "*/":
        sign = rest[0]
        other, rest = _atom(rest[1:])
        value = value * other if sign == "*" else value / other
    return value, rest


def _atom(tokens: list[str]) -> tuple[Fraction, list[str]]:
    if tokens[0] == "-":
        value, rest = _atom(tokens[1:])
        return -value, rest
    if tokens[0] == "(":
        value, rest = _sum(tokens[1:])
        if rest[0] != ")":
            raise ValueError("a bracket is not closed")
        return value, rest[1:]
    return Fraction(tokens[0]), tokens[1:]


def shown(value: Fraction) -> str:
    """The value as people write it; six digits where it has no short form."""
    return str(value.numerator) if value.denominator == 1 else f"{float(value):g}"
