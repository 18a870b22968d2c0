"""Does a model prefer the order in which a test set is published?

Oren et al. 2023, "Proving Test Set Contamination in Black Box Language Models" (arXiv 2310.17623). Items of a set are
exchangeable: no order of them is likelier than another to a model that has not read the file. The set is cut into
shards; of each, the log-probability of the published order is compared with that of random orders, and a one-sided t
test over the shards gives the p-value.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

Score = Callable[[Sequence[Sequence[str]]], Sequence[float]]
"""Lists of items in an order -> log-probability of each list."""


@dataclass(frozen=True)
class OrderTest:
    """What the shards say together."""

    t: float | None
    """Student's t of the differences; None where it can't be computed."""
    p: float | None
    """Chance of a t so large for a model that has not read the set; None likewise."""
    differences: tuple[float, ...]
    """Of each shard: published order minus the mean of the random ones, in nats."""


def order_test(items: Sequence[str], score: Score, shards: int, permutations: int, seed: int = 0) -> OrderTest:
    """Compares the published order with random ones in contiguous shards of the items."""
    from scipy.stats import t as student

    rng = np.random.default_rng(seed)
    edges = np.linspace(0, len(items), min(shards, len(items) // 2) + 1).astype(int)
    parts = [items[a:b] for a, b in pairwise(edges)]
    orders = [[part, *([part[i] for i in rng.permutation(len(part))] for _ in range(permutations))] for part in parts]
    values = iter(score([order for group in orders for order in group]))
    scores = [[next(values) for _ in group] for group in orders]
    differences = tuple(row[0] - math.fsum(row[1:]) / permutations for row in scores)
    spread = float(np.std(differences, ddof=1)) if len(differences) > 1 else 0.0
    if not spread > 0 or not np.isfinite(differences).all():
        return OrderTest(None, None, differences)
    t = float(np.mean(differences)) / spread * math.sqrt(len(differences))
    return OrderTest(t, float(student.sf(t, len(differences) - 1)), differences)
