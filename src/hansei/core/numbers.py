"""Numbers in text, read as numbers: `1,000`, `$18.00`, `−3`, `3/4`, `50%`, and the digits of any script."""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction

NUMBER = re.compile(
    r"(?<![\w.])[-+−]?(?P<sign>[$€£¥₹]\s?)?[-−]?"
    r"(?:\d{1,3}(?:[,\u00a0\u202f]\d{3})+|\d+)(?:\.\d+)?(?:\s?/\s?[1-9]\d*(?!\s?[\d/=]))?(?P<unit>\s?[%٪])?"
)
"""A number, its sign of currency, and whether it is per cent."""
LONGEST = 300
"""Characters of the longest number: what is longer is no number that anybody meant."""


def parse(text: str) -> Fraction | None:
    """The value of a text that is one number and nothing else; None for any other text. A per cent sign is dropped."""
    text = _plain(text).strip().rstrip(".")
    match = NUMBER.fullmatch(text)
    return _value(match) if match and len(text) <= LONGEST else None


def numbers_in(text: str) -> list[Fraction]:
    """The values of all numbers in a text, in order."""
    return [_value(match) for match in NUMBER.finditer(_plain(text)) if len(match[0]) <= LONGEST]


def same(answer: str, truth: str) -> bool | None:
    """Whether an answer says the number `truth`; None where `truth` is no number.

    The answer may carry a unit or words, but one number only, or the same one again: "5" is not in "50%", and
    "18 or 20" says neither. 50% and 50 are the same, as data sets leave the sign out.
    """
    wanted = parse(truth)
    if wanted is None:
        return None
    return set(numbers_in(answer)) == {wanted}


def _plain(text: str) -> str:
    """ASCII digits and signs for those of other scripts."""
    if text.isascii():
        return text
    return "".join(str(unicodedata.decimal(c)) if c.isdecimal() else "-" if c == "−" else c for c in text)


def _value(match: re.Match[str]) -> Fraction:
    digits = re.sub(r"[^\d./-]", "", match[0])
    over, _, under = digits.partition("/")
    return Fraction(over) / (Fraction(under) if under else 1)
