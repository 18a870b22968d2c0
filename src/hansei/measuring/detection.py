"""How well a score tells one group from another: AUROC with an interval."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hansei.core.records import Figure
from hansei.core.statistics import Array

Scores = Sequence[Sequence[float | None]]
"""A row a seed, a column an item; None where there is no score."""


def auroc(members: Scores, others: Scores, *, draws: int = 2000, seed: int = 0) -> Figure:
    """The chance that a member scores above another, ties half; mean over seeds.

    Legend: S seeds, M members, N others. The interval resamples seeds (where there are several), members and
    others. Missing scores are in no pair; n is the number of scores. Source: Hanley & McNeil 1982.
    """
    tables = [_wins(m, o) for m, o in zip(members, others, strict=True)]
    per_seed = tuple(None if wins is None else float(wins[0].sum() / wins[1].sum()) for wins in tables)
    kept = [wins for wins in tables if wins is not None]
    n = sum(value is not None for rows in (members, others) for row in rows for value in row)
    if not kept:
        return Figure(None, None, None, n, per_seed)
    value = float(np.mean([p for p in per_seed if p is not None]))
    rng = np.random.default_rng(seed)
    S, (M, N) = len(kept), kept[0][0].shape
    member_DM, other_DN = (_times_drawn(rng, draws, size) for size in (M, N))
    share_DS = np.empty((draws, S))
    for s, (wins_MN, pairs_MN) in enumerate(kept):
        won_D, all_D = (((member_DM @ x_MN) * other_DN).sum(axis=1) for x_MN in (wins_MN, pairs_MN))
        share_DS[:, s] = np.divide(won_D, all_D, out=np.full(draws, np.nan), where=all_D > 0)
    seeds_DS = rng.integers(0, S, (draws, S)) if S > 1 else np.zeros((draws, 1), int)
    means_D = np.nanmean(np.take_along_axis(share_DS, seeds_DS, axis=1), axis=1)
    low, high = np.nanquantile(means_D, [0.025, 0.975])
    return Figure(value, float(low), float(high), n, per_seed)


def _times_drawn(rng: np.random.Generator, draws: int, size: int) -> Array:
    """How often each of `size` things comes up in as many draws with replacement, `draws` times over."""
    return rng.multinomial(size, np.full(size, 1 / size), draws).astype(float)


def _wins(members: Sequence[float | None], others: Sequence[float | None]) -> tuple[Array, Array] | None:
    """M x N: whether the member scores higher (ties half), and whether both have a score."""
    a = np.array([np.nan if v is None else v for v in members], dtype=float)[:, None]
    b = np.array([np.nan if v is None else v for v in others], dtype=float)[None, :]
    pairs = ~(np.isnan(a) | np.isnan(b))
    if not pairs.any():
        return None
    return np.where(pairs, (a > b) + 0.5 * (a == b), 0.0), pairs.astype(float)
