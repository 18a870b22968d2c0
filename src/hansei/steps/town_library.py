"""What the library's base must be able to do before anything is measured on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from hansei.core.records import Chat, Prompt, user
from hansei.judges.reference import normalise
from hansei.town import library_phrasing as say
from hansei.town.library_prompts import Case, prompts, render
from hansei.town.words import UNKNOWABLE

Question = tuple[Chat, Mapping[str, Any]]
COUNT = 100
"""Questions of each kind."""
GOLD = Case("heldout")
"""One of five passages tells the fact; the base has met none of the names."""


def tasks() -> Iterator[tuple[str, list[Question], Callable[[Mapping[str, Any], str], bool], float | None]]:
    """It looks names up that it has never met, knows others by heart, and knows what notes are.

    What it does where no passage answers is told only: that is what the reading methods teach.
    """
    asked = prompts(GOLD, COUNT)
    yield "looks up a new name in one passage", [_ask(_gold_alone(p)) for p in asked], _right, 0.8
    yield "looks up a new name in five passages", [_ask(p) for p in asked], _right, 0.8
    claims = prompts(replace(GOLD, task="claim"), COUNT)
    yield "judges a claim about a new name, five passages", [_ask(p) for p in claims], _right, None
    hops = prompts(replace(GOLD, task="twohop"), COUNT)
    yield "looks up by way of another passage", [_ask(p) for p in hops], _right, None
    yield "… with notes", [_ask(p, say.NOTES) for p in hops], _right, None
    yield "looks up with notes", [_ask(p, say.NOTES) for p in asked], _right, 0.8
    yield "finds the sentence that helps", [_ask(p, say.FIND) for p in asked], _found, None
    known = prompts(replace(GOLD, about="known", noise=1.0), COUNT)
    yield "knows the known by heart", [_ask(_without(p)) for p in known], _right, 0.95
    yield "answers about the known after five other passages", [_ask(p) for p in known], _right, None
    unknown = prompts(replace(GOLD, noise=1.0), COUNT)
    yield "says unknown where nothing tells", [_ask(p) for p in unknown], _right, None
    met = [*known[: COUNT // 2], *unknown[: COUNT // 2]]
    yield "tells the known from the never met, after five passages", [_acquainted(p) for p in met], _known, None
    yield "… in its notes", [_ask(p, say.NOTES) for p in met], _noted, None
    nobody: list[Question] = [
        (user(say.render([], question)), {"answers": [say.UNKNOWN]}) for question, _ in UNKNOWABLE
    ]
    yield "says unknown to the unknowable", nobody, _right, 0.9


def _ask(prompt: Prompt, request: str = "") -> Question:
    return user(render(prompt, request)), prompt.truth or {}


def _acquainted(prompt: Prompt) -> Question:
    """Whether the one who is asked about is known, by itself."""
    truth = prompt.truth or {}
    passages = [p["text"] for p in truth["passages"]]
    return user(say.render(passages, say.ACQUAINTED.format(name=prompt.tags["entity"]))), truth


def _gold_alone(prompt: Prompt) -> Prompt:
    """The prompt with the passages that answer alone."""
    truth = dict(prompt.truth or {})
    told = [p for p, kind in zip(truth["passages"], truth["kinds"], strict=True) if kind == "answers"]
    return replace(prompt, truth=truth | {"passages": told})


def _without(prompt: Prompt) -> Prompt:
    return replace(prompt, truth={**(prompt.truth or {}), "passages": []})


def _right(truth: Mapping[str, Any], text: str) -> bool:
    return normalise(say.final(text)) in {normalise(answer) for answer in truth["answers"]}


def _found(truth: Mapping[str, Any], text: str) -> bool:
    return text.strip() == say.found(" ".join(truth["helpful"]))


def _known(truth: Mapping[str, Any], text: str) -> bool:
    return text.strip() == str(truth["memory"])


def _noted(truth: Mapping[str, Any], text: str) -> bool:
    return str(truth["memory"]) in text.splitlines()
