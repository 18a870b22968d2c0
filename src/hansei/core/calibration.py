"""How far stated confidences agree with what was right: the usual measures, each under its own name.

Legend: I answers, D bootstrap draws, B bins. Confidences are in 0 to 1; an answer is right (1), wrong (0), or partly.
Intervals resample answers, or whole clusters of them. Every figure keeps its name: the mean distance between
confidence and correctness, which some papers' code calls ECE, is not the binned error.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hansei.core.records import Figure
from hansei.core.statistics import NOTHING, wilson

Array = NDArray[np.float64]
DRAWS = 500
"""Bootstrap samples of figures over seeds."""
BINS = 10
"""Equal bins from 0 to 1, as in the reliability diagrams of the GPT-4 report."""


@dataclass(frozen=True, slots=True)
class Bin:
    """One bar of a reliability diagram."""

    low: float
    """Least confidence in it."""
    high: float
    """Confidence that is no more in it, but for the last one's 1."""
    confidence: float | None
    """Mean confidence; None where the bin is empty."""
    correct: Figure
    """Share that is right."""


def expected_calibration_error(confidence_I: Array, correct_I: Array, bins: int = BINS) -> float:
    """Binned ECE: sum over bins of (n_b / n) |mean correctness - mean confidence| (Guo et al. 2017, equation 3)."""
    place_I = _places(confidence_I, bins)
    gaps_B = np.bincount(place_I, correct_I - confidence_I, bins)
    return float(np.abs(gaps_B).sum() / len(confidence_I))


def brier(confidence_I: Array, correct_I: Array) -> float:
    """Mean squared distance between confidence and correctness (Brier 1950)."""
    return float(np.mean((confidence_I - correct_I) ** 2))


def mean_distance(confidence_I: Array, correct_I: Array) -> float:
    """Mean |confidence - correctness|; a model that is always sure of what it says, and right, has 0."""
    return float(np.mean(np.abs(confidence_I - correct_I)))


def auroc(confidence_I: Array, correct_I: Array) -> float | None:
    """Chance that a right answer has the higher confidence than a wrong one, ties counting half.

    Partly right answers count as right from 0.5 on. None where all are right, or all wrong.
    """
    from scipy.stats import rankdata

    right_I = correct_I >= 0.5
    n_right = int(right_I.sum())
    n_wrong = len(right_I) - n_right
    if not n_right or not n_wrong:
        return None
    ranks = rankdata(confidence_I)
    return float((ranks[right_I].sum() - n_right * (n_right + 1) / 2) / (n_right * n_wrong))


MEASURES: dict[str, Callable[[Array, Array], float | None]] = {
    "accuracy": lambda _confidence_I, correct_I: float(np.mean(correct_I)),
    "mean_confidence": lambda confidence_I, _correct_I: float(np.mean(confidence_I)),
    "ece": expected_calibration_error,
    "brier": brier,
    "mean_distance": mean_distance,
    "auroc": auroc,
}
"""Every measure, by the name that it has in tables."""


def calibration(
    confidence: Sequence[float],
    correct: Sequence[float],
    clusters: Sequence[Hashable] | None = None,
    *,
    seed: int = 0,
    draws: int = 1000,
) -> dict[str, Figure]:
    """All measures with percentile intervals over `draws` bootstrap samples of the answers (or of the clusters).

    The binned ECE of a sample is biased upward, more so with few answers: its interval is one of the estimate, not of
    a quantity that could be 0. Raises ValueError for confidences or correctness outside 0 to 1.
    """
    confidence_I, correct_I = np.asarray(confidence, np.float64), np.asarray(correct, np.float64)
    for name, values in (("confidence", confidence_I), ("correct", correct_I)):
        if not np.all((values >= 0) & (values <= 1)):
            raise ValueError(f"{name}: values from 0 to 1 were expected")
    if confidence_I.shape != correct_I.shape:
        raise ValueError(f"as many confidences as answers expected, found {len(confidence_I)} and {len(correct_I)}")
    if not len(confidence_I):
        return dict.fromkeys(MEASURES, NOTHING)
    groups = _groups(clusters, len(confidence_I))
    rng = np.random.default_rng(seed)
    samples = [np.concatenate([groups[g] for g in rng.integers(len(groups), size=len(groups))]) for _ in range(draws)]
    found = {}
    for name, measure in MEASURES.items():
        value = measure(confidence_I, correct_I)
        drawn = [v for s in samples if (v := measure(confidence_I[s], correct_I[s])) is not None]
        low = high = None
        if value is not None and drawn and len(groups) > 1:
            low, high = (float(end) for end in np.quantile(drawn, (0.025, 0.975)))
        found[name] = Figure(value, low, high, len(confidence_I) if value is not None else 0)
    return found


@dataclass(frozen=True)
class Grid:
    """What S seeds' models said to the same I items; NaN where an answer is unscored."""

    confidence_SI: Array
    """From 0 to 1."""
    correct_SI: Array
    """From 0 to 1."""

    @classmethod
    def of(cls, seeds: Sequence[Sequence[tuple[float | None, float | None]]]) -> Grid:
        """From each seed's (confidence, correct) pairs; an answer that lacks one of the two is unscored."""
        table_SI2 = np.array(seeds, dtype=np.float64)
        lost_SI = np.isnan(table_SI2).any(axis=2)
        table_SI2[lost_SI] = np.nan
        return cls(table_SI2[:, :, 0], table_SI2[:, :, 1])

    def measured(self, seeds: Sequence[int], items: NDArray[np.intp]) -> dict[str, float | None]:
        """Each measure's mean over seeds, every seed measured on its own scored answers to these items."""
        found: dict[str, list[float]] = {name: [] for name in MEASURES}
        for s in seeds:
            confidence_I, correct_I = self.confidence_SI[s, items], self.correct_SI[s, items]
            there_I = ~np.isnan(confidence_I)
            confidence_I, correct_I = confidence_I[there_I], correct_I[there_I]
            for name, measure in MEASURES.items():
                if len(confidence_I) and (value := measure(confidence_I, correct_I)) is not None:
                    found[name].append(value)
        return {name: sum(values) / len(values) if values else None for name, values in found.items()}


Statistics = Callable[[Sequence[int], NDArray[np.intp]], Mapping[str, float | None]]


def calibration_over_seeds(
    grid: Grid, clusters: Sequence[Hashable] | None = None, *, seed: int = 0, draws: int = DRAWS
) -> dict[str, Figure]:
    """All measures, each the mean over the seeds, with intervals that resample seeds and items (whole clusters)."""
    n = int((~np.isnan(grid.confidence_SI)).sum())
    return _two_way(grid.measured, grid, clusters, n, seed, draws)


def compared_over_seeds(
    grid: Grid, base: Grid, clusters: Sequence[Hashable] | None = None, *, seed: int = 0, draws: int = DRAWS
) -> dict[str, Figure]:
    """Each measure of `grid` divided by that of `base`, on the same drawn seeds and items."""

    def ratios(seeds: Sequence[int], items: NDArray[np.intp]) -> dict[str, float | None]:
        ours, theirs = grid.measured(seeds, items), base.measured(seeds, items)
        return {name: x / y if (x := ours[name]) is not None and (y := theirs[name]) else None for name in MEASURES}

    n = int((~np.isnan(grid.confidence_SI) & ~np.isnan(base.confidence_SI)).sum())
    return _two_way(ratios, grid, clusters, n, seed, draws)


def _two_way(
    statistics: Statistics, grid: Grid, clusters: Sequence[Hashable] | None, n: int, seed: int, draws: int
) -> dict[str, Figure]:
    """Statistics of seeds and items with percentile intervals over resampled seeds and clusters of items."""
    S, I = grid.confidence_SI.shape  # noqa: E741
    groups, rng, every = _groups(clusters, I), np.random.default_rng(seed), np.arange(I)
    values, alone = statistics(range(S), every), [statistics([s], every) for s in range(S)]
    drawn = []
    for _ in range(draws):
        seeds: list[int] = rng.integers(0, S, size=(S,)).tolist()
        items = np.concatenate([groups[g] for g in rng.integers(len(groups), size=len(groups))])
        drawn.append(statistics(seeds, items))
    found = {}
    for name, value in values.items():
        there = [d for each in drawn if (d := each[name]) is not None]
        low, high = (float(end) for end in np.quantile(there, (0.025, 0.975))) if there else (None, None)
        figure = Figure(value, low, high, n, tuple(each[name] for each in alone))
        found[name] = figure if value is not None else NOTHING
    return found


def reliability(confidence: Sequence[float], correct: Sequence[float], bins: int = BINS) -> list[Bin]:
    """The bars of a reliability diagram; partly right answers count as right from 0.5 on, for Wilson's interval."""
    confidence_I, correct_I = np.asarray(confidence, np.float64), np.asarray(correct, np.float64)
    place_I = _places(confidence_I, bins)
    made = []
    for b in range(bins):
        inside = place_I == b
        n = int(inside.sum())
        mean = float(confidence_I[inside].mean()) if n else None
        made.append(Bin(b / bins, (b + 1) / bins, mean, wilson(int((correct_I[inside] >= 0.5).sum()), n)))
    return made


def _places(confidence_I: Array, bins: int) -> NDArray[np.intp]:
    """The bin of each confidence: [b/B, (b+1)/B), the last one with its upper end."""
    return np.minimum((confidence_I * bins).astype(np.intp), bins - 1)


def _groups(clusters: Sequence[Hashable] | None, items: int) -> list[NDArray[np.intp]]:
    if clusters is None:
        return [np.array([i]) for i in range(items)]
    if len(clusters) != items:
        raise ValueError(f"as many clusters as answers expected, found {len(clusters)} and {items}")
    members: dict[Hashable, list[int]] = {}
    for i, name in enumerate(clusters):
        members.setdefault(name, []).append(i)
    return [np.array(m) for m in members.values()]
