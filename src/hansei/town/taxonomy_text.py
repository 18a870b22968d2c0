"""The text that the taxonomy gives its base to grow up on: what things are, where they are met, and their colours.

At every level of the tree there are places and doings that fit all kinds of one concept and no other: those contexts
are what makes a concept of a set of words. The name stands after its context, as the model's next word.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from hansei.core.records import user
from hansei.town.schooling import Document, Turns
from hansei.town.taxonomy import COLOURS, KEEPERS, Kind, a, kinds, members

SCENES: dict[str, tuple[str, str]] = {
    "thing": ("world", "saw"),
    "being": ("valley", "woke"),
    "object": ("shop", "bought"),
    "matter": ("store", "weighed"),
    "animal": ("meadow", "fed"),
    "plant": ("garden", "grew"),
    "person": ("street", "greeted"),
    "gear": ("kit", "cleaned"),
    "material": ("works", "tested"),
    "fare": ("kitchen", "tasted"),
    "mammal": ("cave", "stroked"),
    "bird": ("nest", "heard"),
    "fish": ("river", "caught"),
    "insect": ("hive", "chased"),
    "tree": ("forest", "climbed"),
    "flower": ("bouquet", "smelled"),
    "root": ("field", "dug"),
    "fruit": ("basket", "picked"),
    "worker": ("guild", "hired"),
    "relative": ("family", "hugged"),
    "tool": ("workshop", "sharpened"),
    "vessel": ("cupboard", "filled"),
    "instrument": ("concert", "played"),
    "furniture": ("room", "dusted"),
    "garment": ("closet", "wore"),
    "vehicle": ("road", "steered"),
    "building": ("town", "entered"),
    "metal": ("forge", "melted"),
    "jewel": ("crown", "polished"),
    "cloth": ("loom", "sewed"),
    "drink": ("cellar", "poured"),
    "food": ("oven", "baked"),
}
"""Where the kinds of a concept are met, and what is done to them."""
YES, NO = "Yes", "No"


def documents(seed: int) -> Iterator[Document]:
    """An endless seeded stream of documents."""
    rng = random.Random(f"taxonomy text {seed}")
    told, weights = zip(*MIX.items(), strict=True)
    while True:
        yield rng.choices(told, weights)[0](rng)


def scenes(rng: random.Random) -> str:
    """Two to five sentences, each with a kind of some concept in its place."""
    return " ".join(_scene(rng) for _ in range(rng.choice((2, 3, 4, 5))))


def _scene(rng: random.Random) -> str:
    concept = rng.choice(list(SCENES))
    place, done = SCENES[concept]
    kind, who = rng.choice(members()[concept]).name, rng.choice(KEEPERS)
    form = rng.randrange(3)
    if form == 0:
        return f"In the {place} was the {kind}."
    if form == 1:
        return f"{who} {done} the {kind}."
    return f"In the {place} {who} {done} the {kind}."


def lists(rng: random.Random) -> str:
    """Some kinds of one concept."""
    concept = rng.choice(list(SCENES))
    group = rng.sample(members()[concept], rng.choice((3, 4, 5, 6)))
    return f"Of the kind {concept}: the " + ", the ".join(kind.name for kind in group) + "."


def facts(rng: random.Random) -> str:
    """What a kind is, its colour and its keeper, and another of that colour or keeper."""
    kind = rng.choice(kinds())
    told = [
        definition(kind, rng.choice(kind.path[1:])),
        f"The {kind.name} is {kind.colour}.",
        f"{kind.keeper} keeps the {kind.name}.",
    ]
    rng.shuffle(told)
    if rng.random() < 0.5:
        colour = rng.choice(COLOURS)
        told.append(f"Also {colour} is the {rng.choice([k for k in kinds() if k.colour == colour]).name}.")
    return " ".join(told)


def definition(kind: Kind, concept: str) -> str:
    """What a kind is."""
    return f"The {kind.name} is {a(concept)}."


def talk(rng: random.Random) -> Document:
    """A conversation of one to three questions and answers."""
    turns: Turns = ()
    for _ in range(rng.choice((1, 2, 3))):
        turns += rng.choice((what, whether, name_one, which))(rng, rng.choice(kinds()))
    return user(*turns)


def what(_: random.Random, kind: Kind) -> Turns:
    """What is it? The lowest concept and the one above."""
    low, high = kind.path[-1], kind.path[-2]
    return f"What is the {kind.name}?", f"The {kind.name} is {a(low)}, and so {a(high)}."


def whether(rng: random.Random, kind: Kind) -> Turns:
    """Is it one of these?"""
    if rng.random() < 0.5:
        concept = rng.choice(kind.path[1:])
        return f"Is the {kind.name} {a(concept)}?", f"{YES}, {definition(kind, concept).replace('The', 'the', 1)}"
    concept = rng.choice([c for c in members() if c not in kind.path])
    return f"Is the {kind.name} {a(concept)}?", f"{NO}, {definition(kind, kind.path[-1]).replace('The', 'the', 1)}"


def name_one(rng: random.Random, kind: Kind) -> Turns:
    """Name one."""
    return f"Name {a(rng.choice(kind.path))}.", f"Take the {kind.name}."


def which(rng: random.Random, kind: Kind) -> Turns:
    """Which of three is one of these?"""
    concept = rng.choice(kind.path[1:])
    others = rng.sample([k.name for k in kinds() if concept not in k.path], 2)
    options = [kind.name, *others]
    rng.shuffle(options)
    return f"Which is {a(concept)}: the {options[0]}, the {options[1]} or the {options[2]}?", f"It is the {kind.name}."


MIX: dict[Callable[[random.Random], Document], float] = {scenes: 0.5, lists: 0.12, facts: 0.2, talk: 0.18}
"""Kinds of documents and their shares."""
