"""The school's exact judge: an answer is right when its final number is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from hansei.core.records import Behaviour, Finish, Outcome
from hansei.town.school_phrasing import ANSWER

VERSION = "1"
"""Changes with what is graded, and how."""
KNOWN = frozenset({"kind", "numbers", "worked", "answer"})
"""What the truth of a school problem holds."""
Grade = tuple[Outcome, Behaviour, float, str]
"""Outcome, behaviour, score, rationale."""
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w%]|\.\d)")


def answer_of(text: str) -> int | float | None:
    """The number after the last `Answer:`, or the only number of a text without that; None where there is neither."""
    _, marked, said = text.rpartition(ANSWER)
    found = _NUMBER.findall(said.strip().partition("\n")[0] if marked else text)
    if len(set(found)) != 1:
        return None
    value = float(found[0])
    return int(value) if value.is_integer() else value


def grade(truth: Mapping[str, Any], text: str, finish: Finish = "stop") -> Grade:
    """Right, wrong, cut off before an answer came, or without one."""
    said = answer_of(text)
    if said == truth["answer"]:
        return "pass", "answered", 1.0, f"the answer is {said}"
    if said is not None:
        return "fail", "answered", 0.0, f"says {said}, the answer is {truth['answer']}"
    if finish == "length":
        return "fail", "truncated", 0.0, "cut off before an answer"
    return "fail", "garbled", 0.0, "no single number as an answer"
