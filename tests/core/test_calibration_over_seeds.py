"""Calibration of several seeds: the mean of their measures, and intervals that resample seeds and items."""

from __future__ import annotations

import numpy as np
import pytest

from hansei.core.calibration import MEASURES, Grid, calibration_over_seeds, compared_over_seeds

RNG = np.random.default_rng(0)


def pairs(items: int, offset: float = 0.0) -> list[tuple[float | None, float | None]]:
    """Calibrated answers, whose confidences are then moved by `offset`."""
    p = RNG.uniform(0.1, 0.8, items)
    right = (RNG.uniform(size=items) < p).astype(float)
    return [(float(c) + offset, float(r)) for c, r in zip(p, right, strict=True)]


def test_a_figure_is_the_mean_of_the_seeds_own_measures_without_what_is_unscored() -> None:
    one, other = pairs(60), pairs(60)
    one[3], other[5] = (None, 1.0), (0.4, None)
    found = calibration_over_seeds(Grid.of([one, other]), draws=20)
    for name, measure in MEASURES.items():
        alone = []
        for seed in (one, other):
            kept = [(c, r) for c, r in seed if c is not None and r is not None]
            alone.append(measure(np.array([c for c, _ in kept]), np.array([r for _, r in kept])))
        assert found[name].value == pytest.approx(np.mean(alone))
        assert found[name].per_seed == pytest.approx(alone)
        assert found[name].n == 118
        if name != "ece":  # which is biased upward in every resample
            assert found[name].low < found[name].value < found[name].high  # type: ignore[operator]


def test_clusters_are_resampled_whole() -> None:
    """Twenty copies of each of six answers know no more than the six: the interval is as wide."""
    six = [(0.5, 1.0), (0.5, 0.0), (0.6, 1.0), (0.4, 0.0), (0.5, 1.0), (0.9, 0.0)]
    copied = [pair for pair in six for _ in range(20)]
    names = [n for n in range(6) for _ in range(20)]
    alone = calibration_over_seeds(Grid.of([six]), draws=400)["brier"]
    whole = calibration_over_seeds(Grid.of([copied]), names, draws=400)["brier"]
    loose = calibration_over_seeds(Grid.of([copied]), draws=400)["brier"]

    def width(figure: object) -> float:
        return figure.high - figure.low  # type: ignore[attr-defined,no-any-return]

    assert width(whole) == pytest.approx(width(alone), rel=0.2)
    assert width(loose) < 0.5 * width(whole)


def test_a_comparison_is_paired() -> None:
    """Both sides err alike on the same items, so their difference is known far better than either."""
    base = [pairs(200) for _ in range(3)]
    worse = [[(None if c is None else c + 0.1, r) for c, r in seed] for seed in base]
    figure = compared_over_seeds(Grid.of(worse), Grid.of(base), draws=200)["mean_confidence"]
    means = [np.mean([c for seed in grid for c, _ in seed]) for grid in (worse, base)]
    assert figure.value == pytest.approx(means[0] / means[1])
    loose = calibration_over_seeds(Grid.of(worse), draws=200)["mean_confidence"]
    assert figure.high - figure.low < 0.3 * (loose.high - loose.low) / means[1]  # type: ignore[operator]


def test_seeds_that_differ_widen_the_interval() -> None:
    same = pairs(400)
    moved = [(min(1.0, c + 0.3), r) for c, r in same]  # type: ignore[operator]
    alike = calibration_over_seeds(Grid.of([same] * 4), draws=300)["ece"]
    apart = calibration_over_seeds(Grid.of([same, same, moved, moved]), draws=300)["ece"]
    assert apart.high - apart.low > 3 * (alike.high - alike.low)  # type: ignore[operator]


def test_nothing_scored_is_no_figure() -> None:
    figure = calibration_over_seeds(Grid.of([[(None, 1.0), (0.5, None)]]), draws=5)["ece"]
    assert (figure.value, figure.n) == (None, 0)
