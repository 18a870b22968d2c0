"""Intervals and tests for rates and means.

Legend: S seeds, I items, C clusters, D bootstrap draws. Values may be numbers, booleans, None or NaN; the
latter two mean "not measured": they are left out of the estimate and of n, so that n tells of them. Every
interval is two-sided at 95% unless `level` says otherwise, and every draw is seeded.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hansei.core.records import Figure

Array = NDArray[np.float64]
Values = Sequence[float | None] | Array
Table = Sequence[Sequence[float | None]] | Array
Clusters = Sequence[Hashable]

NOTHING = Figure(None, None, None, 0)
"""The figure of no items at all."""
_CELLS = 4_000_000
"""Bootstrap weights held in memory at a time (32 MB)."""


def wilson(k: int, n: int, level: float = 0.95) -> Figure:
    """The share k/n of independent items, with Wilson's score interval (Wilson 1927, JASA 22:209).

    Raises ValueError unless 0 <= k <= n.
    """
    from scipy.stats import binomtest

    if not 0 <= k <= n:
        raise ValueError(f"k successes of n with 0 <= k <= n expected, found k={k}, n={n}")
    if n == 0:
        return NOTHING
    interval = binomtest(k, n).proportion_ci(level, method="wilson")
    return Figure(k / n, float(interval.low), float(interval.high), n)


def bootstrap(
    values: Values, clusters: Clusters | None = None, *, seed: int = 0, draws: int = 2000, level: float = 0.95
) -> Figure:
    """The mean of I values with a percentile bootstrap interval that resamples whole clusters.

    `clusters` names each item's cluster (all prompts about one entity, say); without it each item is its
    own. The interval is (None, None) where fewer than two clusters are measured, as nothing is known then.
    Source: Efron & Tibshirani 1993, chapter 13; Davison & Hinkley 1997, section 3.8 for clusters.
    """
    values_I = _floats(values)
    if values_I.ndim != 1:
        raise ValueError(f"one value an item expected, found an array of shape {values_I.shape}")
    figure = two_way_bootstrap(values_I[None, :], clusters, seed=seed, draws=draws, level=level)
    return dataclasses.replace(figure, per_seed=())


def paired_bootstrap(
    before: Values,
    after: Values,
    clusters: Clusters | None = None,
    *,
    seed: int = 0,
    draws: int = 2000,
    level: float = 0.95,
) -> Figure:
    """The mean difference after - before over the items measured both times, resampled as pairs."""
    return bootstrap(_difference(before, after), clusters, seed=seed, draws=draws, level=level)


def two_way_bootstrap(
    values: Table, clusters: Clusters | None = None, *, seed: int = 0, draws: int = 2000, level: float = 0.95
) -> Figure:
    """The mean over S seeds x I items, both resampled (items as clusters where given); `per_seed` is set.

    This is the pigeonhole bootstrap (Owen 2007, Annals of Applied Statistics 1:386): it allows for what the
    items share between seeds and the seeds between items, and is slightly wide where noise is all there is.
    With one seed, only items are resampled: how seeds differ can't be seen from one.
    """
    values_SI = _floats(values)
    if values_SI.ndim != 2:
        raise ValueError(f"a row for each seed expected, found an array of shape {values_SI.shape}")
    if np.isnan(values_SI).all():
        return dataclasses.replace(NOTHING, per_seed=(None,) * len(values_SI))
    sums_SC, counts_SC = _cluster_sums(values_SI, _codes(clusters, values_SI.shape[1]))
    n = int(counts_SC.sum())
    per_seed = tuple(
        float(total / count) if count else None
        for total, count in zip(sums_SC.sum(axis=1), counts_SC.sum(axis=1), strict=True)
    )
    seeds, clusters_seen = counts_SC.any(axis=1), counts_SC.any(axis=0)
    value = float(sums_SC.sum() / n)
    if clusters_seen.sum() < 2:
        return Figure(value, None, None, n, per_seed)
    means_D = _draw_means(sums_SC[seeds][:, clusters_seen], counts_SC[seeds][:, clusters_seen], seed, draws)
    low, high = np.nanquantile(means_D, [(1 - level) / 2, (1 + level) / 2])
    return Figure(value, float(low), float(high), n, per_seed)


def paired_two_way_bootstrap(
    before: Table,
    after: Table,
    clusters: Clusters | None = None,
    *,
    seed: int = 0,
    draws: int = 2000,
    level: float = 0.95,
) -> Figure:
    """The mean difference after - before over S seeds x I items, cell by cell, both resampled."""
    return two_way_bootstrap(_difference(before, after), clusters, seed=seed, draws=draws, level=level)


def ratio_of_means(before: Table, after: Table, clusters: Clusters | None = None, *, seed: int = 0) -> Figure:
    """mean(after) / mean(before) over S seeds x I items, cell by cell, both resampled (items as clusters where given).

    The interval is the percentiles of the resampled ratio (Owen 2007, as above); None with fewer than two clusters.
    Nothing where `before` is 0 throughout. Raises ValueError at a missing value, which would unpair the tables.
    """
    tables = [_floats(before), _floats(after)]
    if tables[0].shape != tables[1].shape or tables[0].ndim != 2 or any(np.isnan(table).any() for table in tables):
        shapes = " and ".join(str(table.shape) for table in tables)
        raise ValueError(f"two tables of one shape without gaps expected, found shapes {shapes} or a missing value")
    codes_I = _codes(clusters, tables[0].shape[1])
    old_SC, new_SC = (_cluster_sums(table, codes_I)[0] for table in tables)
    if not old_SC.sum():
        return NOTHING
    value, n = float(new_SC.sum() / old_SC.sum()), tables[0].size
    per_seed = tuple(float(b / a) if a else None for a, b in zip(old_SC.sum(1), new_SC.sum(1), strict=True))
    S, C = old_SC.shape
    if C < 2:
        return Figure(value, None, None, n, per_seed)
    rng = np.random.default_rng(seed)
    picks = [(rng.integers(0, S, S), rng.integers(0, C, C)) for _ in range(2000)]
    seeds_DS, clusters_DC = (_times_picked(np.stack(of)) for of in zip(*picks, strict=True))
    old_D, new_D = (((seeds_DS @ table_SC) * clusters_DC).sum(axis=1) for table_SC in (old_SC, new_SC))
    ratios_D = np.divide(new_D, old_D, out=np.full_like(old_D, np.nan), where=old_D > 0)
    low, high = np.nanquantile(ratios_D, [0.025, 0.975])
    return Figure(value, float(low), float(high), n, per_seed)


def rate(
    outcomes: Values | Table,
    clusters: Clusters | None = None,
    *,
    seed: int = 0,
    draws: int = 2000,
    level: float = 0.95,
) -> Figure:
    """A share of passes, with the interval that fits the data (I items, or S seeds x I items of 0 or 1).

    Independent items of one seed: Wilson. Clusters or several seeds: the bootstraps above; but where all
    outcomes are the same these have no width, and Wilson's interval for as many items as there are clusters
    is given instead. Raises ValueError at an outcome that is neither 0 nor 1.
    """
    table = _floats(outcomes)
    measured = ~np.isnan(table)
    if not np.isin(table[measured], (0.0, 1.0)).all():
        raise ValueError("outcomes of a rate are 0, 1 or None; use bootstrap for other values")
    codes = _codes(clusters, table.shape[-1])
    groups = np.unique(codes[np.atleast_2d(measured).any(axis=0)]).size
    if table.ndim == 1 and groups == measured.sum():
        return wilson(int(table[measured].sum()), groups, level)
    resampled = bootstrap if table.ndim == 1 else two_way_bootstrap
    figure = resampled(table, clusters, seed=seed, draws=draws, level=level)
    if figure.value in (0.0, 1.0):
        bound = wilson(groups if figure.value else 0, groups, level)
        return dataclasses.replace(figure, low=bound.low, high=bound.high)
    return figure


def mcnemar(b: int, c: int) -> float:
    """Exact two-sided p-value that b mended and c worsened pairs are equally likely (McNemar 1947).

    1.0 where no pair changed.
    """
    from scipy.stats import binomtest

    return float(binomtest(b, b + c).pvalue) if b + c else 1.0


def _draw_means(sums_SC: Array, counts_SC: Array, seed: int, draws: int) -> Array:
    """The mean of each of D resamples of the seeds and of the clusters.

    NaN where missing cells leave a resample without any value.
    """
    rng = np.random.default_rng(seed)
    S, C = counts_SC.shape
    chunk, means = max(1, _CELLS // C), []
    for start in range(0, draws, chunk):
        D = min(chunk, draws - start)
        seeds_DS, clusters_DC = _times_drawn(rng, D, S), _times_drawn(rng, D, C)
        totals_D = ((seeds_DS @ sums_SC) * clusters_DC).sum(axis=1)
        counts_D = ((seeds_DS @ counts_SC) * clusters_DC).sum(axis=1)
        means.append(np.divide(totals_D, counts_D, out=np.full(D, np.nan), where=counts_D > 0))
    return np.concatenate(means)


def _times_drawn(rng: np.random.Generator, D: int, N: int) -> Array:
    """How often each of N things comes up in N draws with replacement, D times over: D x N.

    The same law as rng.multinomial(N, [1/N] * N, D), several times faster.
    """
    return _times_picked(rng.integers(0, N, size=(D, N)))


def _times_picked(picks_DN: NDArray[np.int64]) -> Array:
    """How often each of N things is among the N picks, D times over: D x N."""
    D, N = picks_DN.shape
    apart_DN = picks_DN + N * np.arange(D)[:, None]
    return np.bincount(apart_DN.ravel(), minlength=D * N).reshape(D, N).astype(np.float64)


def _cluster_sums(values_SI: Array, codes_I: NDArray[np.intp]) -> tuple[Array, Array]:
    """Sums and numbers of the measured values of each seed in each cluster, both S x C."""
    measured_SI = ~np.isnan(values_SI)
    C = int(codes_I.max(initial=-1)) + 1
    sums = [np.bincount(codes_I, weights=row, minlength=C) for row in np.where(measured_SI, values_SI, 0.0)]
    counts = [np.bincount(codes_I, weights=row, minlength=C) for row in measured_SI]
    return np.array(sums, dtype=np.float64), np.array(counts, dtype=np.float64)


def _codes(clusters: Clusters | None, items: int) -> NDArray[np.intp]:
    """A number from 0 for each item's cluster, in order of first appearance."""
    if clusters is None:
        return np.arange(items)
    if len(clusters) != items:
        raise ValueError(f"a cluster for each of {items} items expected, found {len(clusters)}")
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for name in clusters], dtype=np.intp)


def _difference(before: Any, after: Any) -> Array:
    old, new = _floats(before), _floats(after)
    if old.shape != new.shape:
        raise ValueError(f"before and after are to be paired, found shapes {old.shape} and {new.shape}")
    return new - old


def _floats(values: Any) -> Array:
    """An array with NaN for None. Raises ValueError at an infinity."""
    array = np.array(values, dtype=np.float64)
    if np.isinf(array).any():
        raise ValueError("finite values expected, found an infinity")
    return array
