"""The ledger: a text whose entropy is known exactly, for measuring how loss falls with compute.

A line of the ledger names a person and what is written of them: `Alella Ashfield: figs, Garth`. The person is drawn
anew for every line, rank r with probability proportional to r^-1.7 (Zipf's law); good and place are the person's own
and never change. So a line's entropy is that of the draw, and all that a model may still be short of is knowing how
often each of 16,384 people is written of, and their goods and places: many facts of all frequencies, which is what
makes the loss above the entropy fall as a power law and not in steps.

Legend: M people, T tokens a line (5: a full stop that opens the line, first name, family name, good, place).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
from numpy.typing import NDArray

from hansei.town.registry_words import VALUES

EXPONENT = 1.7
"""Of Zipf's law."""
FIRST: tuple[str, ...] = tuple(
    head + end
    for head, end in product(
        ("Al", "Ber", "Cor", "Del", "Em", "Fen", "Gar", "Hel", "Il", "Jor", "Kar", "Lor", "Mar", "Nel", "Or", "Ros"),
        ("a", "an", "ella", "en", "in", "is", "o", "us"),
    )
)
FAMILY: tuple[str, ...] = tuple(
    head + end
    for head, end in product(
        (
            "Ash", "Birch", "Cole", "Dun", "East", "Fair", "Green", "Hart", "King", "Lang", "Mill", "North", "Red",
            "Stan", "West", "Wind",
        ),
        ("bury", "field", "ford", "ley", "man", "ton", "well", "wood"),
    )
)  # fmt: skip
GOODS: tuple[str, ...] = VALUES["dish"] + VALUES["instrument"][:24]
PLACES: tuple[str, ...] = VALUES["town"][:32]
WORDS: tuple[str, ...] = (".", *FIRST, *FAMILY, *GOODS, *PLACES)
"""The vocabulary: a word's place is its token."""
LINE = 5
"""Tokens a line."""
PREDICTED = LINE - 1
"""Tokens of a line that are to be predicted: the full stop that opens it is given."""
_DRAWN = 4096


@dataclass(frozen=True)
class Ledger:
    """One ledger: who is written of how often, and what is written of them, all drawn from the seed."""

    seed: int = 0

    @cached_property
    def probabilities(self) -> NDArray[np.float64]:
        """Of each person, M, the most frequent first."""
        weights_M = np.arange(1, len(FIRST) * len(FAMILY) + 1) ** -EXPONENT
        return np.asarray(weights_M / weights_M.sum(), dtype=np.float64)

    @cached_property
    def lines(self) -> NDArray[np.int64]:
        """The one line about each person, M x T, in the order of `probabilities`."""
        rng = np.random.default_rng((self.seed, 0))
        names_M = rng.permutation(len(self.probabilities))
        first_M, family_M = np.divmod(names_M, len(FAMILY))
        good_M = rng.integers(len(GOODS), size=len(names_M))
        place_M = rng.integers(len(PLACES), size=len(names_M))
        starts = np.cumsum([1, len(FIRST), len(FAMILY), len(GOODS)])
        columns = [first_M, family_M, good_M, place_M]
        words = [start + column for start, column in zip(starts, columns, strict=True)]
        return np.stack([np.zeros_like(names_M), *words], axis=1)

    @property
    def entropy(self) -> float:
        """Nats per predicted token: -sum p log p over people, over the tokens of a line.

        Exact, as a line tells who it is about (no two share a name), and the person tells the line.
        """
        p_M = self.probabilities
        return float(-(p_M * np.log(p_M)).sum() / PREDICTED)

    def stream(self, seed: int) -> Iterator[list[int]]:
        """Endless lines as tokens, each drawn independently."""
        rng = np.random.default_rng((self.seed, 1, seed))
        reach_M = np.cumsum(self.probabilities)
        while True:
            yield from self.lines[np.searchsorted(reach_M, rng.random(_DRAWN) * reach_M[-1], side="right")].tolist()
