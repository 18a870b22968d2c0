"""What the registry's base must be able to do before anything is measured on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from hansei.core.letters import letter_of, truth_of
from hansei.core.records import Chat, Prompt, Split, user
from hansei.town import registry_grading as grading
from hansei.town import registry_phrasing as say
from hansei.town.registry import Fame, prompts
from hansei.town.words import UNKNOWABLE

Question = tuple[Chat, Mapping[str, Any]]
SPLITS: tuple[Split, ...] = ("train", "validation", "heldout")
PEOPLE = 16
"""Of each fame and split; all who are popular on the smallest of the splits."""


def tasks() -> Iterator[tuple[str, list[Question], Callable[[Mapping[str, Any], str], bool], float | None]]:
    """It knows the popular and not the rare, and knows the formats in which it will be asked."""
    asked = {suite: [p for split in SPLITS for p in prompts(split, (suite,), count=PEOPLE)] for suite in _SUITES}
    facts, choices = asked["question"], asked["choice"]
    yield "knows popular people's facts", _of(facts, "popular"), _right, 0.95
    yield "knows middling people's facts", _of(facts, "middling"), _right, None
    yield "does not know rare people's facts", _of(facts, "rare"), lambda t, text: not _right(t, text), 0.6
    yield "tells no wrong fact in popular people's lives", _of(asked["biography"], "popular"), _right, 0.7
    yield "tells a wrong fact in rare people's lives", _of(asked["biography"], "rare"), _errs, 0.7
    yield "answers multiple choice with a letter", _questions(choices), _letter, 0.98
    yield "chooses right about popular people", _of(choices, "popular"), _right, 0.8
    yield "chooses right about rare people", _of(choices, "rare"), _right, None
    yield "answers true or false", _questions(asked["truth"]), _word, 0.98
    yield "tells true from false about popular people", _of(asked["truth"], "popular"), _right, 0.8
    sure = [(_with_confidence(p), p.truth or {}) for p in facts]
    yield "states a confidence when asked", sure, lambda _, text: grading.confidence_of(text) is not None, 0.98
    yield "says that it does not know the unknowable", [(p, {}) for p in _unknowable()], _admits, 0.9


_SUITES = ("question", "biography", "choice", "truth")


def _questions(group: list[Prompt]) -> list[Question]:
    return [(p.messages, p.truth or {}) for p in group]


def _of(group: list[Prompt], fame: Fame) -> list[Question]:
    return _questions([p for p in group if p.tags["fame"] == fame])


def _with_confidence(prompt: Prompt) -> Chat:
    return user(f"{prompt.messages[-1].content} {say.SURE}")


def _unknowable() -> list[Chat]:
    return [user(question) for question, _ in UNKNOWABLE]


def _right(truth: Mapping[str, Any], text: str) -> bool:
    return grading.grade(truth, text)[0] == "pass"


def _errs(truth: Mapping[str, Any], text: str) -> bool:
    return grading.count_claims(truth, text)[1] > 0


def _letter(truth: Mapping[str, Any], text: str) -> bool:
    return letter_of(text, len(truth["options"])) is not None


def _word(_: Mapping[str, Any], text: str) -> bool:
    return truth_of(text) is not None


def _admits(_: Mapping[str, Any], text: str) -> bool:
    return text.startswith(say.FORGET)
