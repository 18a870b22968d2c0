"""What can be had without any model: the mean of the nearest neighbours' numbers, or the vote of their answers.

A model that predicts a property has to be better than the mean of the most alike things in the same table, each item
predicted from all others (leave one out).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hansei.measuring.science_chemistry import alike
from hansei.measuring.science_items import Item


def neighbours(items: Sequence[Item], k: int) -> dict[str, list[Item]]:
    """The k most alike items of the same task and domain, the most alike first, for each number and choice.

    Ties are in the table's order. An item never is its own neighbour, nor is one about the same thing.
    """
    groups: dict[tuple[str, str], list[Item]] = {}
    for item in items:
        if item.kind in ("number", "choice"):
            groups.setdefault((item.domain, item.task), []).append(item)
    found: dict[str, list[Item]] = {}
    for group in groups.values():
        for item in group:
            others = [other for other in group if other.id != item.id and thing(other) != thing(item)]
            others.sort(key=lambda other: -_alike(item, other))
            found[item.id] = others[:k]
    return found


def thing(item: Item) -> str:
    """What an item is about: items about one thing hang together."""
    return item.string or item.name or item.question


def _alike(item: Item, other: Item) -> float:
    if item.string is None or other.string is None or item.form != other.form or item.form is None:
        return alike(item.name or item.question, other.name or other.question, "text")
    return alike(item.string, other.string, item.form)


@dataclass(frozen=True, slots=True)
class Baselines:
    """The guesses that stand beside a model's answers."""

    near: Mapping[str, Sequence[Item]]
    """The most alike other items, by item id."""
    constant: Mapping[str, float | str]
    """Who knows only the task says this: the median of its other numbers, or its most frequent answer."""

    def nearest(self, item: Item) -> float | None:
        """The mean of the neighbours' numbers, rounded where only the exact count is right; None without any."""
        values = [other.number for other in self.near.get(item.id, ())] if item.kind == "number" else []
        if not values:
            return None
        return float(round(np.mean(values))) if item.absolute == 0 else float(np.mean(values))

    def vote(self, item: Item) -> str | None:
        """The most frequent answer among the neighbours, of several the nearest one's; None without any."""
        answers = [other.answer for other in self.near.get(item.id, ())] if item.kind == "choice" else []
        return Counter(answers).most_common(1)[0][0] if answers else None

    def right(self, item: Item) -> bool | None:
        """Whether the neighbours' mean or vote is right; None where they say nothing."""
        guess, chosen = self.nearest(item), self.vote(item)
        if guess is not None:
            return item.near(guess)
        return None if chosen is None else chosen == item.answer


def baselines(items: Sequence[Item], k: int) -> Baselines:
    """The guesses from a table: the k nearest neighbours, and what is constant within each task."""
    groups: dict[tuple[str, str, str], list[Item]] = {}
    for item in items:
        if item.kind in ("number", "choice"):
            groups.setdefault((item.domain, item.task, item.kind), []).append(item)
    constant: dict[str, float | str] = {}
    for group in groups.values():
        for item in group:
            others = [other.number for other in group if other.id != item.id] if item.kind == "number" else []
            if others:
                constant[item.id] = float(np.median(others))
            elif item.kind == "choice":
                constant[item.id] = Counter(one.answer for one in group).most_common(1)[0][0]
    return Baselines(neighbours(items, k), constant)
