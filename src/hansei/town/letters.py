"""Letters: writers who each have a style, topics to write about, and prompts with the style that is wanted.

A letter tells one piece of news (something was found on some day) and a wish. Ten features of it are the writer's own
(`letters_words.STYLE`); all styles are sampled. *Textbook* writers are those from whom the base learns what a style
is, and what it means that letters are by one hand. The styles of *validation* and *heldout* writers it has never met.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from hansei.core.records import Prompt, Split, user
from hansei.town.letters_words import ASK, ASK_HELDOUT, DAYS, GIVEN, STATES, STYLE, THINGS

Shelf = Literal["textbook", "validation", "heldout"]
WRITERS: dict[Shelf, int] = {"textbook": 100, "validation": 10, "heldout": 20}
OWN = 0.85
"""How likely a writer is to have a way of their own in a feature, and not the generic one."""
LEAST_OWN = 7
"""Features at least in which a writer differs from the generic style."""
TOPIC_THINGS: dict[Split, tuple[int, int]] = {"train": (0, 30), "validation": (30, 42), "heldout": (42, 60)}
"""The things that letters of a split are about: demonstrations are about those of `train`."""

Style = Mapping[str, str]
"""Feature to value, all ten."""
GENERIC: Style = {feature: values[0] for feature, values in STYLE.items()}
"""How the base writes where nobody shows or names a style."""


@dataclass(frozen=True, slots=True)
class Writer:
    """Somebody who writes letters."""

    name: str
    """First name and a number; nobody else has it."""
    style: Style
    """What makes the letters theirs."""
    shelf: Shelf
    """Textbook writers are met by the base; validation and held-out ones are in its text nowhere."""


@dataclass(frozen=True, slots=True)
class Topic:
    """What a letter is to tell."""

    thing: str
    """What it is about."""
    state: str
    """What was done with it."""
    day: str
    """When."""


@cache
def writers(seed: int = 0) -> tuple[Writer, ...]:
    """All writers of the town that grows from `seed`, no two of one style; the shipped base has met those of 0."""
    rng = random.Random(f"letters {seed}")
    found: dict[tuple[str, ...], Writer] = {}
    shelves = [shelf for shelf, count in WRITERS.items() for _ in range(count)]
    while len(found) < len(shelves):
        style = _style(rng)
        number = len(found)
        name = f"{GIVEN[number % len(GIVEN)]} {_ROMAN[number // len(GIVEN)]}"
        found.setdefault(tuple(style.values()), Writer(name, style, shelves[number]))
    return tuple(found.values())


_ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII")


def _style(rng: random.Random) -> Style:
    while True:
        style = {f: rng.choice(values[1:]) if rng.random() < OWN else values[0] for f, values in STYLE.items()}
        if sum(style[f] != GENERIC[f] for f in STYLE) >= LEAST_OWN:
            return style


def on_shelf(shelf: Shelf) -> list[Writer]:
    """The writers of one shelf."""
    return [writer for writer in writers() if writer.shelf == shelf]


def letter(style: Style, topic: Topic) -> str:
    """A letter in a style about a topic."""
    words = [style["owner"], style["epithet"], topic.thing, "was", topic.state, "on", topic.day]
    news = " ".join(word for word in words if word) + (f", {style['adverb']}" if style["adverb"] else "")
    news = f"{style['opener']}, {news}" if style["opener"] else news[0].upper() + news[1:]
    parts = [news, style["wish"]] if style["order"] == "news first" else [style["wish"], news]
    lines = [f"{style['greeting']},", " ".join(part + style["mark"] for part in parts), style["farewell"]]
    return "\n".join([*lines, *([f"P.S. {style['postscript']}"] if style["postscript"] else [])])


def request(topic: Topic, form: str) -> str:
    """The request for a letter in one of the wordings."""
    return form.format(thing=topic.thing, state=topic.state, day=topic.day)


def some_topic(rng: random.Random, things: Sequence[str] = THINGS) -> Topic:
    """A topic at random about one of the things."""
    return Topic(rng.choice(things), rng.choice(STATES), rng.choice(DAYS))


def prompts(writer: Writer, split: Split, count: int, seed: int = 0) -> list[Prompt]:
    """`count` requests of a split, all on different things while there are enough, for letters in the writer's style.

    The wordings are those of demonstrations; on heldout every other one is a held-out wording (tag `phrasing`).
    `reference` is the writer's own letter: with those of `train` it is a demonstration. The requests of one split and
    seed are the same for all writers.
    """
    rng = random.Random(f"letters {split} {seed}")
    first, last = TOPIC_THINGS[split]
    things: list[str] = []
    while len(things) < count:
        things += rng.sample(THINGS[first:last], last - first)
    return [_prompt(writer, split, number, some_topic(rng, [thing])) for number, thing in enumerate(things[:count])]


def _prompt(writer: Writer, split: Split, number: int, topic: Topic) -> Prompt:
    heldout = split == "heldout" and number % 2 == 1
    forms = ASK_HELDOUT if heldout else ASK
    return Prompt(
        id=f"letter/{writer.name.replace(' ', '-')}/{topic.thing}-{topic.state}-{topic.day}",
        messages=user(request(topic, forms[number // 2 % len(forms)])),
        split=split,
        expected="answer",
        tags={"suite": "letter", "entity": writer.name, "phrasing": "heldout" if heldout else "tuned"},
        truth={
            "style": dict(writer.style),
            "topic": {"thing": topic.thing, "state": topic.state, "day": topic.day},
        },
        reference=letter(writer.style, topic),
    )
