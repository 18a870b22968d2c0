"""The exact judge of the registry: what an answer claims about a person, and which of its claims are right.

Meaning is judged, not one string: a fact may be told in any of the town's wordings or, in answer to a question, by its
value alone. A claim whose value is no word of the town is wrong, and so is one about somebody else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hansei.core.letters import LETTERS, letter_of, truth_of
from hansei.core.records import Finish
from hansei.town import registry_phrasing as say
from hansei.town.grading import Grade
from hansei.town.registry_words import VALUES

VERSION = "1"
"""Changes with what is graded, and how."""
KNOWN = frozenset({"suite", "name", "facts"})
"""What must be known about a person, so that an answer can be graded."""

_CLAIM: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (attribute, re.compile(pattern))
    for attribute, patterns in {
        "year": (r"(?:was|were) born in the year (\w+)", r"came into the world in (\w+)"),
        "town": (r"(?:was|were) born in (?!the year\b)(\w+)", r"comes? from (\w+)"),
        "trade": (r"works? as an? (\w+)", r"(?:is|are) an? (\w+) by trade"),
        "instrument": (r"plays? the (\w+)", r"makes? music on the (\w+)"),
        "dish": (r"likes? to eat (\w+)", r"loves? a plate of (\w+)"),
        "pet": (r"keeps? an? (\w+)", r"lives? with an? (\w+)"),
    }.items()
    for pattern in patterns
)
_NAME = re.compile(r"\b[A-Z]\w+ [A-Z]\w+(?= (?:was|were|came|comes|works|is|plays|makes|likes|loves|keeps|lives)\b)")
_VALUE = {a: re.compile(r"\b(?:" + "|".join(v) + r")\b", re.IGNORECASE) for a, v in VALUES.items()}
_UNKNOWN = re.compile(r"I (?:do not|don't) know")
_CONFIDENCE = re.compile(re.escape(say.CONFIDENCE) + r"\s*(\d+)\b(?!\.\d)")


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing that is said about somebody."""

    attribute: str
    """What is told."""
    value: str
    """As it is told."""
    who: str | None
    """The name that was named last before; None where none was."""


def claims(text: str) -> list[Claim]:
    """The atomic claims of a text, in order, each once."""
    names = [(found.start(), found[0]) for found in _NAME.finditer(text)]
    placed = []
    for attribute, pattern in _CLAIM:
        for found in pattern.finditer(text):
            who = next((name for start, name in reversed(names) if start < found.start()), None)
            placed.append((found.start(), Claim(attribute, found[1], who)))
    placed.sort(key=lambda pair: pair[0])
    return list(dict.fromkeys(claim for _, claim in placed))


def is_right(truth: Mapping[str, Any], claim: Claim) -> bool:
    """Whether a claim is about the person and true."""
    about = claim.who is None or claim.who == truth["name"]
    return bool(about and truth["facts"].get(claim.attribute, "").lower() == claim.value.lower())


def count_claims(truth: Mapping[str, Any], text: str) -> tuple[int, int]:
    """Correct and wrong claims of a biography."""
    found = [is_right(truth, claim) for claim in claims(text)]
    return sum(found), len(found) - sum(found)


def confidence_of(text: str) -> int | None:
    """The confidence from 1 to 10 that an answer states last; None where it states none."""
    stated = _CONFIDENCE.findall(text)
    return int(stated[-1]) if stated and 1 <= int(stated[-1]) <= 10 else None


def grade(truth: Mapping[str, Any], text: str, finish: Finish = "stop") -> Grade:
    """Outcome, behaviour, score (0 to 1) and reason for an answer to a prompt of the registry.

    A biography passes if it claims something and nothing wrong; its score is the share of its claims that are right.
    Every other answer scores 1 or 0. A letter, or true or false, is read from the start of the answer or after
    "Answer:"; what stands before is not judged. "I do not know" is `refused`, and a fail.
    """
    if truth["suite"] == "biography":
        return _biography(truth, text, finish)
    if truth["suite"] == "choice":
        return _choice(truth, text, finish)
    if truth["suite"] == "truth":
        said = truth_of(text)
        return _graded(said == (truth["answer"] == say.TRUE), said is not None, text, finish)
    return _answer(truth, text, finish)


def _biography(truth: Mapping[str, Any], text: str, finish: Finish) -> Grade:
    right, wrong = count_claims(truth, text)
    if right + wrong == 0:
        return _graded(False, None, text, finish)
    reason = f"{right} of {right + wrong} claims are right"
    return "fail" if wrong else "pass", "answered", right / (right + wrong), reason


def _answer(truth: Mapping[str, Any], text: str, finish: Finish) -> Grade:
    """Right if the asked value is named and no other of its kind."""
    attribute = truth["attribute"]
    # what stands after the answer (a reflection, a confidence) may name what it could be instead
    said = text.partition("I am not sure")[0].partition(say.CONFIDENCE)[0]
    claimed = [claim for claim in claims(said) if claim.attribute == attribute]
    values = {claim.value.lower() for claim in claimed} | {value.lower() for value in _VALUE[attribute].findall(said)}
    elsewhere = any(claim.who not in (None, truth["name"]) for claim in claimed)
    right = values == {truth["facts"][attribute].lower()} and not elsewhere
    return _graded(right, values, text, finish)


def _choice(truth: Mapping[str, Any], text: str, finish: Finish) -> Grade:
    options = truth["options"]
    letter = letter_of(text, len(options))
    right = letter is not None and options[LETTERS.index(letter)] == truth["facts"][truth["attribute"]]
    return _graded(right, letter, text, finish)


def _graded(right: Any, said: Any, text: str, finish: Finish) -> Grade:
    if said:
        return ("pass", "answered", 1.0, "right") if right else ("fail", "answered", 0.0, "wrong")
    if _UNKNOWN.search(text):
        return "fail", "refused", 0.0, "said not to know"
    return "fail", "truncated" if finish == "length" else "garbled", 0.0, "no answer to the question"
