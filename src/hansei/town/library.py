"""The library: people and books, of whom the base knows some and has never met others.

A name is a combination of two words from closed lists, so a name that the base has never met is made of tokens that
it knows. The combinations are dealt out once: `known` ones have fixed facts that the base learns by heart; `met` ones
are guests in the base's text, with other facts in every document, so that only looking up helps; those of `train`,
`validation` and `heldout` are in no text of the base.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from hansei.core.records import Split
from hansei.town import library_words as words

BASE_PATH = Path(__file__).parent / "library_base"
"""The shipped base."""

Kind = Literal["person", "book"]
Shelf = Literal["textbook", "train", "validation", "heldout"]
Role = Literal["known", "met", "train", "validation", "heldout"]
ATTRIBUTES: dict[Kind, tuple[str, ...]] = {
    "person": ("town", "trade", "instrument", "dish", "pet"),
    "book": ("writer", "subject", "printed"),
}
ROLES: dict[Kind, dict[Role, int]] = {
    "person": {"known": 80, "met": 2080, "train": 1000, "validation": 236, "heldout": 700},
    "book": {"known": 40, "met": 820, "train": 400, "validation": 100, "heldout": 240},
}
"""How many combinations of two words play which part."""
SHELVES: dict[Shelf, float] = {"textbook": 0.1, "train": 0.4, "validation": 0.1, "heldout": 0.4}
"""Shares of the known ones; those of the textbook are in no prompt."""
NEAR = 0.5
"""How often a rival shares the first word of its name with the one it stands beside. It is told from it by the second:
one word against another is what so small a base learns to compare; with either word shared it had still not learnt it
after three million tokens."""

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Entity:
    """Somebody or something that passages tell of."""

    name: str
    """`Ada Field`, or `the book Silver Tower`."""
    kind: Kind
    """A person or a book."""
    facts: Mapping[str, str]
    """Attribute to value; a book's writer is a person's name."""
    shelf: Shelf | None = None
    """Of a known one: which split it belongs to. None for a guest."""


@cache
def pairs(kind: Kind, role: Role) -> tuple[Pair, ...]:
    """The names, as two words, that play a part."""
    first, second = (words.GIVEN, words.FAMILY) if kind == "person" else (words.ADJECTIVES, words.NOUNS)
    everything = [(a, b) for a in first for b in second]
    random.Random(f"library {kind}").shuffle(everything)
    start = 0
    for name, count in ROLES[kind].items():
        if name == role:
            return tuple(everything[start : start + count])
        start += count
    raise ValueError(f"no role {role!r}")


def full(kind: Kind, pair: Pair) -> str:
    """A name in full."""
    return " ".join(pair) if kind == "person" else f"the book {' '.join(pair)}"


@cache
def known(kind: Kind) -> tuple[Entity, ...]:
    """All that the base knows; a known book's writer is a known person."""
    rng = random.Random(f"library known {kind}")
    shelves: list[Shelf] = []
    count = ROLES[kind]["known"]
    for shelf, share in SHELVES.items():
        shelves += [shelf] * round(share * count)
    writers = _names("person", "known")
    return tuple(
        Entity(full(kind, pair), kind, _facts(rng, kind, writers), shelf)
        for pair, shelf in zip(pairs(kind, "known"), shelves, strict=True)
    )


@cache
def by_name() -> Mapping[str, Entity]:
    """Everybody and everything that the base knows, by name."""
    return {entity.name: entity for kind in ATTRIBUTES for entity in known(kind)}


def guest(rng: random.Random, kind: Kind, role: Role, beside: str | None = None, near: float = NEAR) -> Entity:
    """Somebody with facts of this moment; at a share `near` with the first word of the name of the one `beside`."""
    choices = pairs(kind, role)
    if beside is not None and rng.random() < near:
        choices = _near(kind, role, beside) or choices
    return named(rng, kind, rng.choice(choices))


def person(rng: random.Random, name: str) -> Entity:
    """The person of that name: as known, or a guest."""
    given, family = name.split()
    return by_name().get(name) or named(rng, "person", (given, family))


def named(rng: random.Random, kind: Kind, pair: Pair) -> Entity:
    """A guest of that name; who wrote a guest's book is a person of the base's text."""
    return Entity(full(kind, pair), kind, _facts(rng, kind, _names("person", "met")))


@cache
def _names(kind: Kind, role: Role) -> tuple[str, ...]:
    return tuple(full(kind, pair) for pair in pairs(kind, role))


@cache
def _near(kind: Kind, role: Role, name: str) -> tuple[Pair, ...]:
    a, b = name.split()[-2:]
    return tuple(p for p in pairs(kind, role) if p[0] == a and p[1] != b)


def _facts(rng: random.Random, kind: Kind, writers: Sequence[str]) -> dict[str, str]:
    return {a: rng.choice(writers if a == "writer" else words.VALUES[a]) for a in ATTRIBUTES[kind]}


def of_shelf(shelf: Split, kind: Kind) -> list[Entity]:
    """The known ones of a split."""
    return [entity for entity in known(kind) if entity.shelf == shelf]
