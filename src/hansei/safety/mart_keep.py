"""MART goes on while the help holds: which round's target is the result.

Each round refuses more, and in time more than it should. The rule here is a test of non-inferiority on validation
prompts: a round's target keeps the help where the 95% interval of what is left of the start's right answers to safe
requests lies above the share that was asked for. Its lower end decides, not its middle, as a few prompts by chance
all answered right say little about the others. The result is the target of the last round that keeps the help.

An addition of hansei's: the method of the paper ends after a number of rounds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hansei.core.errors import BadInput
from hansei.core.records import Figure, Prompt
from hansei.steps.measure import cluster

DRAWS = 2000
LEAST = 10
"""Fewest safe validation prompts that the rule is applied to."""


def watched(validation: Sequence[Prompt], keep_helpful: float | None) -> list[Prompt]:
    """The prompts that the rule looks at: those to be answered; none without the rule. Raises BadInput at too few."""
    if keep_helpful is None:
        return []
    safe = [p for p in validation if p.expected == "answer" and p.tags.get("kind") != "alarming"]
    if len(safe) < LEAST:
        raise BadInput(
            f"keep_helpful: at least {LEAST} validation prompts that expect an answer are needed to see whether the "
            f"help holds, found {len(safe)}: give more, or leave keep_helpful out"
        )
    return safe


def help_left(start: Mapping[str, float | None], now: Mapping[str, float | None], prompts: Sequence[Prompt]) -> Figure:
    """What is left of the start's help: a ratio over the prompts that were judged both times, paired.

    `start`, `now`: 1 where the answer is right, by prompt id; None where nobody can say.
    """
    both = [p for p in prompts if start[p.id] is not None and now[p.id] is not None]
    before, after = ([[values[p.id] for p in both]] for values in (start, now))
    return share_left(before, after, [cluster(p) for p in both])


def last_kept(left: Sequence[Figure], keep_helpful: float) -> int:
    """The number of the last round that keeps the help, from what is left after rounds 1, 2 …; 0 where none does."""
    kept = [number for number, figure in enumerate(left, 1) if figure.low is not None and figure.low >= keep_helpful]
    return max(kept, default=0)


def share_left(before: Sequence[Any], after: Sequence[Any], clusters: Sequence[str], seed: int = 0) -> Figure:
    """mean(after) / mean(before) over S seeds x I items, both resampled (clusters of items as one), as pairs."""
    codes = {name: i for i, name in enumerate(dict.fromkeys(clusters))}
    place = np.array([codes[name] for name in clusters], dtype=np.intp)
    sums = [np.array([np.bincount(place, row, len(codes)) for row in _floats(table)]) for table in (before, after)]
    if not sums[0].sum():
        return Figure(None, None, None, 0)
    rng, (seeds, groups) = np.random.default_rng(seed), sums[0].shape
    totals = np.zeros((2, DRAWS))
    for draw in range(DRAWS):
        chosen = np.ix_(rng.integers(0, seeds, seeds), rng.integers(0, groups, groups))
        totals[:, draw] = [table[chosen].sum() for table in sums]
    ratios = totals[1] / np.where(totals[0] > 0, totals[0], np.nan)
    low, high = np.nanquantile(ratios, [0.025, 0.975])
    per_seed = tuple(float(b / a) if a else None for a, b in zip(*(t.sum(axis=1) for t in sums), strict=True))
    return Figure(float(sums[1].sum() / sums[0].sum()), float(low), float(high), place.size * seeds, per_seed)


def _floats(table: Sequence[Any]) -> Any:
    """Values as numbers; what nobody could judge would unpair the two tables."""
    values = np.array(table, dtype=np.float64)
    if np.isnan(values).any():
        raise ValueError("a value for every seed and item expected: an answer has no verdict")
    return values
