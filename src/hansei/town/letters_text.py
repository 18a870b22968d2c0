"""The text that the letters give the base to grow up on.

Asked for a letter, it writes in the generic style. Asked for one as a textbook writer would write it, it writes so.
And it meets collections: letters by one hand, one request after another, which is what examples before a request look
like. The hands are those of the textbook writers only, so that following a style that it never met is not something
it has simply been taught.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from hansei.core.records import user
from hansei.town.letters import GENERIC, Style, Writer, letter, on_shelf, request, some_topic
from hansei.town.letters_words import AS, ASK, ASK_HELDOUT
from hansei.town.schooling import Document, Turns

PLAIN, NAMED, COLLECTION = 0.6, 0.15, 0.25
"""Shares of the documents: the generic style, a named textbook writer, a textbook writer's letters in a row."""
LONGEST_COLLECTION = 11
"""Letters in the longest collection: ten examples and one more."""


def documents(seed: int) -> Iterator[Document]:
    """An endless seeded stream of conversations."""
    rng = random.Random(f"letters text {seed}")
    textbook = on_shelf("textbook")
    while True:
        kind = rng.choices((plain, named, collection), (PLAIN, NAMED, COLLECTION))[0]
        yield user(*kind(rng, rng.choice(textbook)))


def plain(rng: random.Random, _: Writer) -> Turns:
    """One to three letters in the generic style."""
    return tuple(part for _ in range(rng.choice((1, 1, 2, 3))) for part in _exchange(rng, GENERIC))


def named(rng: random.Random, writer: Writer) -> Turns:
    """A letter as a textbook writer would write it."""
    asked, written = _exchange(rng, writer.style)
    return AS.format(request=asked, name=writer.name), written


def collection(rng: random.Random, writer: Writer) -> Turns:
    """Several letters by one hand."""
    return tuple(part for _ in range(rng.randint(2, LONGEST_COLLECTION)) for part in _exchange(rng, writer.style))


def _exchange(rng: random.Random, style: Style) -> tuple[str, str]:
    topic = some_topic(rng)
    return request(topic, rng.choice(ASK + ASK_HELDOUT)), letter(style, topic)
