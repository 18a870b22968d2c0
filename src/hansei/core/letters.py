"""Letters of options, and reading the one that an answer names; and true or false."""

from __future__ import annotations

import re

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_FIRST = re.compile(
    r"^[\W_]*(?:(?:the )?(?:correct |right |best )?(?:answer|option|choice)(?: is)?[\W_]*)?([A-Za-z])(?!\w)", re.I
)
_ANYWHERE = re.compile(r"\b(?:answer|option|choice)(?: is)?:? *\(?([A-Z])\b(?!')")

_WORD = re.compile(r"\W*(true|false|yes|no)\b", re.I)
_LAST_WORD = re.compile(r"\banswer(?: is)?:? *\W*(true|false|yes|no)\b", re.I)


def truth_of(text: str) -> bool | None:
    """Whether an answer says true (or yes) or false (or no): at its start, or else after its last "answer".

    None where it says neither.
    """
    first = _WORD.match(text)
    found = [first[1]] if first else _LAST_WORD.findall(text)
    return found[-1].lower() in ("true", "yes") if found else None


def letter_of(text: str, count: int) -> str | None:
    """The letter of one of `count` options that an answer names: at its start, or after "answer", "option", "choice".

    None where it names none, or only one beyond the options. A small letter counts only with a mark behind it or
    alone, as "a" is also a word.
    """
    allowed = LETTERS[:count]
    first = _FIRST.match(text)
    if first:
        letter, rest = first[1], text[first.end() :]
        if (letter.isupper() and not re.match(r" +[a-z]", rest)) or re.match(r"\s*$|[).:]", rest):
            return letter.upper() if letter.upper() in allowed else None
    found = {letter for letter in _ANYWHERE.findall(text) if letter in allowed}
    return found.pop() if len(found) == 1 else None
