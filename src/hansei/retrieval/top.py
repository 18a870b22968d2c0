"""The best of many scores."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Hit(NamedTuple):
    """A passage that was found."""

    place: int
    """Its place among the passages."""
    score: float
    """How well it fits; comparable within one search only."""


def best(scores_N: NDArray[Any], k: int) -> list[Hit]:
    """The k highest scores, highest first; equal ones in their order, also where the k-th is among them."""
    k = min(k, len(scores_N))
    if k < 1:
        return []
    least = np.partition(scores_N, len(scores_N) - k)[len(scores_N) - k]
    places = np.flatnonzero(scores_N >= least)
    order = places[np.argsort(-scores_N[places], kind="stable")][:k]
    return [Hit(int(place), float(scores_N[place])) for place in order]
