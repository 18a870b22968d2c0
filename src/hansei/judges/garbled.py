"""Is a text broken? Empty, stuck in a loop, made of non-words, or talking to itself in role markers.

The thresholds are set so that lists, poems, code, tables, numbers and other languages and scripts are not
garbled; see tests/judges/test_garbled.py for the cases. Each check names what it saw.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections import Counter

_FENCED = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.S)
_SPECIAL_TOKEN = re.compile(r"<\|[a-z_]{2,30}\|>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>|<pad>|<unk>|</?s>", re.I)
_ROLE_LINE = re.compile(r"^\W{0,4}(?:user|human|assistant|system|instruction|response)\W{0,3}:", re.I | re.M)
_WORD = re.compile(r"\w+", re.UNICODE)
_LATIN = re.compile(r"^[A-Za-z]?[a-z]{3,}$")
_CONSONANTS = re.compile(r"[bcdfghjklmnpqrstvwxz]{5,}")
_CHARACTER_RUN = re.compile(r"(\w)\1{24,}")

LOOP_REPEATS = 4
"""A passage said this often in a row is a loop …"""
LOOP_SHARE = 0.4
"""… where it makes up this share of the words."""
RUN_LENGTH = 10
"""The same word this often in a row."""
NON_WORDS = 0.4
"""Share of Latin words without a vowel or with five consonants in a row."""
BAD_CHARACTERS = 0.05
"""Share of replacement, control, private and unassigned characters."""


def why_garbled(text: str) -> str | None:
    """What is broken about `text`, in a few words; None for a text that can be read."""
    if not text.strip():
        return "empty"
    checks = (_bad_characters, _role_markers, _one_token, _loop, _non_words)
    return next((reason for check in checks if (reason := check(text))), None)


def _bad_characters(text: str) -> str | None:
    visible = "".join(text.split())
    bad = sum(c == "\ufffd" or unicodedata.category(c) in ("Cc", "Co", "Cn", "Cs") for c in visible)
    return "replacement or control characters" if bad > BAD_CHARACTERS * len(visible) else None


def _role_markers(text: str) -> str | None:
    """Template tokens, or a conversation with itself; what stands in a code block is quoted, not spoken."""
    spoken = _FENCED.sub(" ", text)
    if len(_SPECIAL_TOKEN.findall(spoken)) >= 2 or len(_ROLE_LINE.findall(spoken)) >= 3:
        return "role markers"
    return None


def _one_token(text: str) -> str | None:
    if _CHARACTER_RUN.search(text):
        return "a run of one character"
    words = [w.lower() for w in _WORD.findall(text)]
    run = 1
    for before, word in itertools.pairwise(words):
        run = run + 1 if word == before else 1
        if run >= RUN_LENGTH:
            return "a run of one word"
    return None


def _loop(text: str) -> str | None:
    """A passage of 2 to 60 words that follows itself: a run of words that equal the word `period` before."""
    words = [w.lower() for w in _WORD.findall(text)]
    pairs = Counter(itertools.pairwise(words))
    if max(pairs.values(), default=0) < LOOP_REPEATS - 1:
        return None  # said four times in a row, a passage of two words or more has its pairs three times or more
    for period in range(2, min(60, len(words) // LOOP_REPEATS) + 1):
        run = 0
        for i in range(period, len(words)):
            run = run + 1 if words[i] == words[i - period] else 0
            said = run + period
            if said >= LOOP_REPEATS * period and said >= max(16, LOOP_SHARE * len(words)):
                return "a repetition loop"
    return None


def _non_words(text: str) -> str | None:
    spoken = _FENCED.sub(" ", text)
    visible = "".join(spoken.split())
    wordlike = sum(unicodedata.category(c)[0] in "LMN" for c in visible)
    if len(visible) >= 30 and wordlike < 0.4 * len(visible):
        return "mostly symbols"
    latin = [w for w in re.split(r"[\W\d_]+", spoken) if _LATIN.match(w)]
    broken = sum(not re.search("(?i)[aeiouy]", w) or bool(_CONSONANTS.search(w)) or len(w) > 30 for w in latin)
    return "mostly non-words" if len(latin) >= 5 and broken > NON_WORDS * len(latin) else None
