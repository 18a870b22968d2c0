"""What the taxonomy's base must be able to do before anything is measured on it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from hansei.core.records import Chat, user
from hansei.town.schooling import Turns
from hansei.town.taxonomy import a, kinds, members
from hansei.town.taxonomy_text import NO, YES, what, whether, which

Question = tuple[Chat, Mapping[str, Any]]


def tasks() -> Iterator[tuple[str, list[Question], Callable[[Mapping[str, Any], str], bool], float | None]]:
    """It knows what each kind is and kinds of each concept, which is what its unembedding is measured for.

    Questions that ask it to compare are told only: no measurement rests on them, and it is bad at them.
    """
    rng = random.Random("taxonomy checks")
    yield "says what a kind is, and what is above it", _asked([what(rng, kind) for kind in kinds()]), _same, 0.98
    answers = [whether(rng, kind) for kind in kinds()]
    for word in (YES, NO):
        chosen = [turns for turns in answers if turns[1].startswith(word)]
        yield f"tells whether a kind is of a concept: {word}", _asked(chosen), _same, None
    names: list[Question] = [(user(f"Name {a(concept)}."), {"concept": concept}) for concept in members()]
    yield "names a kind of a concept", names, _member, 0.95
    yield "finds the one of a concept among three", _asked([which(rng, k) for k in kinds()]), _same, None


def _asked(turns: list[Turns]) -> list[Question]:
    return [(user(question), {"answer": answer}) for question, answer in turns]


def _same(truth: Mapping[str, Any], text: str) -> bool:
    return bool(text.strip() == truth["answer"])


def _member(truth: Mapping[str, Any], text: str) -> bool:
    return text.strip() in {f"Take the {kind.name}." for kind in members()[truth["concept"]]}
