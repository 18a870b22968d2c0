"""Letters of options, and reading the one that an answer names."""

from __future__ import annotations

import re

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_FIRST = re.compile(
    r"^[\W_]*(?:(?:the )?(?:correct |right |best )?(?:answer|option|choice)(?: is)?[\W_]*)?([A-Za-z])(?!\w)", re.I
)
_ANYWHERE = re.compile(r"\b(?:answer|option|choice)(?: is)?:? *\(?([A-Z])\b(?!')")


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
