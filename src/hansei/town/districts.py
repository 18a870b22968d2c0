"""The districts that the base grows up on, and their shares of its text.

A new district adds a module with `documents(seed)` and a line here, and the base is trained again (`hansei town
train`). Planned: registry, letters, library, school, taxonomy (see docs/town.md).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from hansei.town import schooling

DISTRICTS: dict[str, tuple[float, Callable[[int], Iterator[schooling.Document]]]] = {
    "workshop": (1.0, schooling.documents),
}
"""District to (share of the documents, its seeded stream)."""


def documents(seed: int) -> Iterator[schooling.Document]:
    """An endless stream that mixes the districts by their shares."""
    rng = random.Random(f"districts {seed}")
    streams = {name: stream(seed) for name, (_, stream) in DISTRICTS.items()}
    shares = [share for share, _ in DISTRICTS.values()]
    while True:
        yield next(streams[rng.choices(list(streams), shares)[0]])
