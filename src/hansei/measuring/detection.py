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
    wins_SMN = np.stack([wins for wins, _ in kept])
    pairs_SMN = np.stack([pairs for _, pairs in kept])
    value = float(np.mean([p for p in per_seed if p is not None]))
    rng = np.random.default_rng(seed)
    S, M, N = wins_SMN.shape
    drawn = []
    for _ in range(draws):
        s = rng.integers(0, S, S) if S > 1 else np.zeros(1, int)
        m, o = np.bincount(rng.integers(0, M, M), minlength=M), np.bincount(rng.integers(0, N, N), minlength=N)
        won_S, all_S = ((x[s] @ o) @ m for x in (wins_SMN, pairs_SMN))
        drawn.append(np.mean(won_S[all_S > 0] / all_S[all_S > 0]) if (all_S > 0).any() else np.nan)
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return Figure(value, float(low), float(high), n, per_seed)


def _wins(members: Sequence[float | None], others: Sequence[float | None]) -> tuple[Array, Array] | None:
    """M x N: whether the member scores higher (ties half), and whether both have a score."""
    a = np.array([np.nan if v is None else v for v in members], dtype=float)[:, None]
    b = np.array([np.nan if v is None else v for v in others], dtype=float)[None, :]
    pairs = ~(np.isnan(a) | np.isnan(b))
    if not pairs.any():
        return None
    return np.where(pairs, (a > b) + 0.5 * (a == b), 0.0), pairs.astype(float)
