"""The exact judge of letters: is it a letter on the topic, and how many features of the wanted style does it have?

Each feature is read off by itself, so a letter with another order or another greeting still gets its farewell counted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from hansei.core.records import Finish
from hansei.town.grading import Grade
from hansei.town.letters_words import DAYS, STATES, STYLE, THINGS

VERSION = "1"
"""Changes with what is graded, and how."""
KNOWN = frozenset({"style", "topic"})
"""What must be known, so that a letter can be graded."""


def features(text: str) -> dict[str, str] | None:
    """What a letter does in each feature of style, by that feature's values; None where it is no letter.

    A letter is a greeting on a line of its own, a body, and a farewell on a line of its own. A value that is none of
    the town's, or that can't be told, is given as it stands or as `?`.
    """
    lines = [line.strip() for line in text.strip().split("\n")]
    if len(lines) not in (3, 4) or not all(lines):
        return None
    greeting, body, farewell, *rest = lines
    postscript = rest[0].removeprefix("P.S.").strip() if rest else ""
    news = _NEWS.search(body)
    wish = _WISH.search(body)
    found = {
        "greeting": greeting.rstrip(",.! "),
        "wish": wish[0] if wish else "?",
        "mark": _mark(body),
        "farewell": farewell.rstrip(",.! "),
        "postscript": postscript.rstrip(".! "),
        "order": "?" if not (news and wish) else "news first" if news.start() < wish.start() else "wish first",
    }
    told = {name: (news[name] or "") if news else "?" for name in ("opener", "owner", "epithet", "adverb")}
    return found | told | {"owner": told["owner"].lower()}  # it may start the sentence


_NEWS = re.compile(
    r"(?:(?P<opener>\b[A-Z]\w*), )?(?P<owner>\b\w+) (?:(?P<epithet>\w+) )?(?:" + "|".join(THINGS) + r")"
    r" was (?:" + "|".join(STATES) + r") on (?:" + "|".join(DAYS) + r")(?:, (?P<adverb>\w+))?"
)
_WISH = re.compile("|".join(STYLE["wish"]), re.IGNORECASE)


def _mark(body: str) -> str:
    """The mark after every sentence; `?` where they differ."""
    marks = set(re.findall(r"[.!?]+", body))
    return marks.pop() if len(marks) == 1 and re.search(r"[.!?]$", body) else "?"


def off_topic(topic: Mapping[str, str], text: str) -> str | None:
    """What is wrong with what the letter tells: something is not named, or something else is; None where nothing is."""
    for name, words in (("thing", THINGS), ("state", STATES), ("day", DAYS)):
        told = set(re.findall(rf"\b(?:{'|'.join(words)})\b", text))
        if told != {topic[name]}:
            return f"{name}: {topic[name]} was asked for, told is {' and '.join(sorted(told)) or 'none'}"
    return None


def is_on_topic(topic: Mapping[str, str], text: str) -> bool:
    """Whether the text is a letter that tells what was asked for, and nothing else."""
    return features(text) is not None and off_topic(topic, text) is None


def grade(truth: Mapping[str, Any], text: str, finish: Finish = "stop") -> Grade:
    """Outcome, behaviour, score and reason for a letter.

    The score is the share of the ten features that are as wanted; 0 for what is no letter, or one on another topic.
    Passes with all ten.
    """
    found = features(text)
    if found is None:
        return "fail", "truncated" if finish == "length" else "garbled", 0.0, "no letter"
    wrong = off_topic(truth["topic"], text)
    if wrong is not None:
        return "fail", "answered", 0.0, wrong
    missed = [name for name, value in truth["style"].items() if not _same(found[name], value)]
    score = 1 - len(missed) / len(truth["style"])
    return "fail" if missed else "pass", "answered", score, f"not as wanted: {', '.join(missed)}" if missed else "right"


def _same(a: str, b: str) -> bool:
    return a.lower() == b.lower()
