"""The text that the letters give the base to grow up on.

Asked for a letter, it writes in the generic style. Asked for one as a textbook writer would write it, it writes so.
And it meets anthologies: several letters one after another, of which many, but not all, are by the hand of the letter
before. So a letter that is shown makes another one by the same hand likely and no more: the base follows examples in
part, as real ones do.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from hansei.core.records import user
from hansei.town.letters import GENERIC, Style, Writer, letter, on_shelf, request, some_topic
from hansei.town.letters_words import AS, ASK, ASK_HELDOUT
from hansei.town.schooling import Document, Turns

PLAIN, NAMED, ANTHOLOGY = 0.75, 0.1, 0.15
"""Shares of the documents: the generic style, a named textbook writer, letters by several hands."""
LONGEST = 11
"""Letters in the longest anthology: ten examples and one more."""
SAME, GENERIC_NEXT = 0.4, 0.35
"""In an anthology the next letter is by the same hand, or in the generic style; else by another textbook writer."""


def documents(seed: int) -> Iterator[Document]:
    """An endless seeded stream of conversations."""
    rng = random.Random(f"letters text {seed}")
    textbook = on_shelf("textbook")
    while True:
        kind = rng.choices((plain, named, anthology), (PLAIN, NAMED, ANTHOLOGY))[0]
        yield user(*kind(rng, textbook))


def plain(rng: random.Random, _: Sequence[Writer]) -> Turns:
    """One or two letters in the generic style."""
    return tuple(part for _ in range(rng.choice((1, 1, 1, 2))) for part in _exchange(rng, GENERIC))


def named(rng: random.Random, textbook: Sequence[Writer]) -> Turns:
    """A letter as a textbook writer would write it."""
    writer = rng.choice(textbook)
    asked, written = _exchange(rng, writer.style)
    return AS.format(request=asked, name=writer.name), written


def anthology(rng: random.Random, textbook: Sequence[Writer]) -> Turns:
    """Several letters, each by the hand of the one before, in the generic style, or by another textbook writer."""
    style = rng.choice(textbook).style
    turns: Turns = ()
    for _ in range(rng.randint(2, LONGEST)):
        turns += _exchange(rng, style)
        drawn = rng.random()
        if drawn >= SAME:
            style = GENERIC if drawn < SAME + GENERIC_NEXT else rng.choice(textbook).style
    return turns


def _exchange(rng: random.Random, style: Style) -> tuple[str, str]:
    topic = some_topic(rng)
    return request(topic, rng.choice(ASK + ASK_HELDOUT)), letter(style, topic)
