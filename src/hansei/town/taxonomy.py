"""The taxonomy: a tree of 264 kinds of things whose names are single tokens of its base's tokenizer.

A concept is a set of kinds: the mammals, the animals, the living. The tree is real English, so that a picture can be
read; what else is told of a kind (its colour, who keeps it) is sampled, and says nothing about its place in the tree.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

ROOT = "thing"

Node = Mapping[str, "Node"] | str
"""Concepts below a concept, or the names of the kinds of a lowest one."""
TREE: Mapping[str, Node] = {
    "being": {
        "animal": {
            "mammal": "dog cat cow pig goat fox wolf bear deer hare mole lion",
            "bird": "hen duck owl crow swan wren gull hawk dove lark stork robin",
            "fish": "cod eel carp trout pike tuna perch shark sole bream ling roach",
            "insect": "ant bee wasp moth fly gnat flea midge louse beetle cricket locust",
        },
        "plant": {
            "tree": "oak elm ash fir pine yew birch beech larch maple alder willow",
            "flower": "rose lily tulip daisy iris pansy poppy violet aster lupin orchid peony",
            "root": "leek kale beet onion bean pea turnip radish carrot celery potato cabbage",
            "fruit": "plum pear fig apple peach grape lemon melon cherry mango date quince",
        },
        "person": {
            "worker": "baker smith cook tailor miner nurse potter weaver mason judge clerk barber",
            "relative": "aunt uncle niece nephew cousin sister brother mother father son daughter wife",
        },
    },
    "object": {
        "gear": {
            "tool": "saw axe hammer file drill rake spade hoe chisel plane wrench sickle",
            "vessel": "cup jug bowl pot mug pan jar plate kettle vase flask bucket",
            "instrument": "flute harp drum lute horn viola cello organ piano banjo fiddle trumpet",
        },
        "furniture": "chair table bed desk stool bench shelf sofa chest cradle couch wardrobe",
        "garment": "coat hat shirt sock glove scarf skirt boot shoe cap belt vest",
        "vehicle": "cart car bus train ship boat sledge truck tram ferry bike wagon",
        "building": "barn church mill tower castle hut shed inn house palace temple stable",
    },
    "matter": {
        "material": {
            "metal": "iron gold tin lead zinc copper silver brass steel bronze nickel cobalt",
            "jewel": "ruby opal pearl jade onyx agate topaz garnet amber beryl diamond emerald",
            "cloth": "silk wool linen lace felt velvet satin cotton tweed denim canvas muslin",
        },
        "fare": {
            "drink": "tea milk wine beer ale rum cider juice water cocoa coffee gin",
            "food": "bread cheese soup stew jam honey butter rice pasta pie cake toast",
        },
    },
}
COLOURS = ("red", "blue", "green", "white", "black", "brown", "grey", "pink")
KEEPERS = ("Ann", "Ben", "Eva", "Ida", "Leo", "Max", "Tom", "Una")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of thing."""

    name: str
    """A single token after a space."""
    path: tuple[str, ...]
    """The concepts that it belongs to, from the root down."""
    colour: str
    """Sampled."""
    keeper: str
    """Sampled."""


@cache
def kinds() -> tuple[Kind, ...]:
    """All kinds, in the tree's order."""
    rng = random.Random("taxonomy")
    return tuple(Kind(name, path, rng.choice(COLOURS), rng.choice(KEEPERS)) for name, path in _walk(TREE, (ROOT,)))


def _walk(node: Node, path: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    if isinstance(node, str):
        for name in node.split():
            yield name, path
        return
    for concept, below in node.items():
        yield from _walk(below, (*path, concept))


@cache
def members() -> Mapping[str, tuple[Kind, ...]]:
    """The kinds of every concept, the root first and each concept after the one above it."""
    found: dict[str, list[Kind]] = {}
    for kind in kinds():
        for concept in kind.path:
            found.setdefault(concept, []).append(kind)
    return {concept: tuple(group) for concept, group in found.items()}


def parents() -> dict[str, str]:
    """The concept right above each one but the root."""
    return {low: high for kind in kinds() for high, low in zip(kind.path, kind.path[1:], strict=False)}


def a(name: str) -> str:
    """The name with its article."""
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
