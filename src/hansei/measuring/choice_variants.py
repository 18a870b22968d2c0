"""Variants of one multiple-choice question, to see what its answer depends on.

Wang et al., "Beyond the Answers" (arXiv 2402.01349): MCQA+ is the mean accuracy over six variants of each question;
v1 also takes options away.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from hansei.core.letters import LETTERS
from hansei.measuring.choice_items import Item
from hansei.town.registry_phrasing import NOTA, choice, proposal

Kind = Literal["letter", "truth"]
SIX = ("original", "reordered", "true", "false", "none added", "none right")
"""The variants of MCQA+: as given, options in another order, the right option and a wrong one proposed as the answer,
"none of the above" added as a last option, and the right option taken away, so that "none of the above" is right."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One variant of a question as it is put to the model."""

    item: int
    """Place of the question among all."""
    variant: str
    """One of SIX, or `3 options`, `2 options` …"""
    kind: Kind
    """Answered with a letter, or with true or false."""
    text: str
    """What the model reads."""
    options: tuple[str, ...]
    """The options in their order; the one proposed option of a true-or-false question."""
    right: int
    """Place of the right option; for true or false 0 where `true` is right and 1 where `false` is."""

    @property
    def answers(self) -> tuple[str, ...]:
        """What the model may say, in order."""
        return tuple(LETTERS[: len(self.options)]) if self.kind == "letter" else ("True", "False")


def variants(item: Item, number: int, seed: int) -> Iterator[Asked]:
    """All variants of a question that are answered with a letter; order and removed options are drawn from `seed`.

    A question of two options has no variant with fewer.
    """
    rng = random.Random(f"{seed} {number} {item.question}")
    right, options = item.options[item.right], list(item.options)
    wrong = [option for option in options if option != right]
    yield _lettered(item, number, "original", options, right)
    yield _lettered(item, number, "reordered", _reordered(rng, options), right)
    yield _lettered(item, number, "none added", [*options, NOTA], right)
    yield _lettered(item, number, "none right", [*wrong, NOTA], NOTA)
    for count in range(len(options) - 1, 1, -1):
        kept = {right, *rng.sample(wrong, count - 1)}
        yield _lettered(item, number, f"{count} options", [o for o in options if o in kept], right)


def proposals(item: Item, number: int) -> Iterator[Asked]:
    """Each option on its own, proposed as the answer."""
    for place, option in enumerate(item.options):
        name = "true" if place == item.right else "false"
        yield Asked(number, name, "truth", proposal(item.question, option), (option,), int(place != item.right))


def drawn_wrong(item: Item, number: int, seed: int) -> int:
    """Place of the wrong option that stands for the variant `false`."""
    rng = random.Random(f"wrong {seed} {number} {item.question}")
    return rng.choice([place for place in range(len(item.options)) if place != item.right])


def _lettered(item: Item, number: int, name: str, options: Sequence[str], right: str) -> Asked:
    return Asked(number, name, "letter", choice(item.question, options), tuple(options), options.index(right))


def _reordered(rng: random.Random, options: Sequence[str]) -> list[str]:
    """Another order than the given one, each as likely."""
    while (order := rng.sample(options, len(options))) == list(options):
        pass
    return order
