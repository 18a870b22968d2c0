"""How far a judge can be trusted: its word against labels, and rates corrected for its errors.

Legend: I items, C clusters of items, D bootstrap draws. `said` is the judge's word on each item (True: positive,
None: it gave none), `truth` the label. What "positive" means is the caller's to say: refusing, being harmful …

An item without a word is in no figure; `Reliability.unsaid` counts them apart for the two labels, since a judge that
falls silent on the hard ones looks better than it is.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hansei.core.records import Figure
from hansei.core.statistics import NOTHING, bootstrap, mcnemar, rate

Words = Sequence[bool | None]
Array = NDArray[np.float64]
Z = 1.959963984540054
"""Standard normal quantile of two-sided 95% intervals."""


@dataclass(frozen=True, slots=True)
class Confusion:
    """How often the judge's word and the label meet."""

    hits: int
    """Label positive, judge positive."""
    misses: int
    """Label positive, judge negative."""
    false_alarms: int
    """Label negative, judge positive."""
    clears: int
    """Label negative, judge negative."""


@dataclass(frozen=True, slots=True)
class Reliability:
    """A judge against labels."""

    confusion: Confusion
    """Counts."""
    sensitivity: Figure
    """Share of the positives that the judge calls positive; n is the positives it gave a word on."""
    specificity: Figure
    """Share of the negatives that the judge calls negative."""
    agreement: Figure
    """Share of all items on which judge and label agree."""
    kappa: Figure
    """Cohen's kappa: agreement beyond chance, 1 at most."""
    unsaid: tuple[int, int]
    """Positives and negatives that the judge gave no word on."""


def reliability(said: Words, truth: Sequence[bool], clusters: Sequence[Hashable] | None = None) -> Reliability:
    """The judge's word on I items against their labels. Items of one cluster (one prompt, say) are resampled as one."""
    if len(said) != len(truth):
        raise ValueError(f"a label for each of {len(said)} words expected, found {len(truth)}")
    groups = list(clusters) if clusters is not None else list(range(len(truth)))
    right = [None if s is None else float(s == t) for s, t in zip(said, truth, strict=True)]
    of_positives = [r if t else None for r, t in zip(right, truth, strict=True)]
    of_negatives = [None if t else r for r, t in zip(right, truth, strict=True)]
    unsaid = [sum(s is None and t == label for s, t in zip(said, truth, strict=True)) for label in (True, False)]
    return Reliability(
        confusion(said, truth),
        rate(of_positives, groups),
        rate(of_negatives, groups),
        rate(right, groups),
        kappa(said, list(truth), groups),
        (unsaid[0], unsaid[1]),
    )


def confusion(said: Words, truth: Words) -> Confusion:
    """Counts over the items on which both have a word."""
    pairs = [(s, t) for s, t in zip(said, truth, strict=True) if s is not None and t is not None]
    return Confusion(*(pairs.count(pair) for pair in ((True, True), (False, True), (True, False), (False, False))))


def kappa(one: Words, other: Words, clusters: Sequence[Hashable] | None = None, *, draws: int = 2000) -> Figure:
    """Cohen's kappa of two judges (or of a judge and labels), with a percentile bootstrap over clusters.

    (agreement - chance) / (1 - chance), chance from the two's own shares of positives (Cohen 1960). None where there
    are no items, or where both say the same of all (chance is 1 then); draws of that kind are left out.
    """
    pairs = [(a, b) for a, b in zip(one, other, strict=True)]
    kept = [i for i, (a, b) in enumerate(pairs) if a is not None and b is not None]
    groups = list(clusters) if clusters is not None else list(range(len(pairs)))
    numbers: dict[Hashable, int] = {}
    codes = [numbers.setdefault(groups[i], len(numbers)) for i in kept]
    cells_C4 = np.zeros((len(numbers), 4))
    for i, code in zip(kept, codes, strict=True):
        cells_C4[code, 2 * bool(pairs[i][0]) + bool(pairs[i][1])] += 1
    if not kept:
        return NOTHING
    value = float(_kappa(cells_C4.sum(axis=0)[None])[0])
    if math.isnan(value):
        return Figure(None, None, None, len(kept))
    drawn_D = _kappa(_resampled(cells_C4, draws))
    drawn_D = drawn_D[~np.isnan(drawn_D)]
    low, high = np.quantile(drawn_D, [0.025, 0.975]) if len(numbers) > 1 and drawn_D.size else (None, None)
    return Figure(value, _float(low), _float(high), len(kept))


def _resampled(cells_C4: Array, draws: int) -> Array:
    """The four cells of D resamples of the clusters, seeded: clusters that are alike are drawn together."""
    kinds, counts = np.unique(cells_C4, axis=0, return_counts=True)
    times = np.random.default_rng(0).multinomial(len(cells_C4), counts / counts.sum(), size=draws)
    return times.astype(np.float64) @ kinds


def _kappa(cells_N4: Array) -> Array:
    """Kappa of N tables with the cells (no no, no yes, yes no, yes yes); NaN where it is not defined."""
    total = cells_N4.sum(axis=1)
    agree = (cells_N4[:, 0] + cells_N4[:, 3]) / total
    yes_one, yes_other = cells_N4[:, 2:].sum(axis=1) / total, cells_N4[:, [1, 3]].sum(axis=1) / total
    chance = yes_one * yes_other + (1 - yes_one) * (1 - yes_other)
    values: Array = np.divide(agree - chance, 1 - chance, out=np.full(len(total), np.nan), where=chance < 1)
    return values


@dataclass(frozen=True, slots=True)
class Difference:
    """Two judges on the same labelled items, paired."""

    sensitivity: Figure
    """First minus second."""
    specificity: Figure
    """First minus second."""
    p_sensitivity: float
    """Exact McNemar test over the positives."""
    p_specificity: float
    """The same over the negatives."""


def difference(
    one: Words, other: Words, truth: Sequence[bool], clusters: Sequence[Hashable] | None = None
) -> Difference:
    """How much more sensitive and specific `one` is than `other`, over the items that both gave a word on."""
    groups = list(clusters) if clusters is not None else list(range(len(truth)))
    figures, tests = [], []
    for label in (True, False):
        gains = [
            float(a == label) - float(b == label) if a is not None and b is not None and t == label else None
            for a, b, t in zip(one, other, truth, strict=True)
        ]
        figures.append(bootstrap(gains, groups))
        tests.append(mcnemar(gains.count(1.0), gains.count(-1.0)))
    return Difference(figures[0], figures[1], tests[0], tests[1])


def corrected(measured: Figure, sensitivity: Figure, specificity: Figure) -> Figure:
    """A rate of positives by a judge, corrected for the judge's errors (Rogan & Gladen 1978, Am J Epidemiol 107:71).

    (rate + specificity - 1) / (sensitivity + specificity - 1), cut to [0, 1]. The interval is Lang & Reiczigel's
    (2014, Prev Vet Med 113:13): the delta method over the uncertainty of all three, around adjusted estimates. A
    figure that comes from clusters or seeds counts as the number of independent items that would have its width.

    None where the judge is no better than chance, and 0 to 1 as interval where it may not be. It rests on the judge
    erring on the answers measured as often as on the labelled ones, which nothing here can show.
    """
    p, se, sp = measured.value, sensitivity.value, specificity.value
    if p is None or se is None or sp is None or se + sp <= 1:
        return dataclasses.replace(NOTHING, n=measured.n)
    value = min(1.0, max(0.0, (p + sp - 1) / (se + sp - 1)))
    n, n_se, n_sp = (independent(f) for f in (measured, sensitivity, specificity))
    low, high = _lang_reiczigel((p, n), (se, n_se), (sp, n_sp))
    return Figure(value, min(low, value), max(high, value), measured.n)


Share = tuple[float, float]
"""A share, and the number of items that it is of."""


def _lang_reiczigel(measured: Share, sensitivity: Share, specificity: Share) -> tuple[float, float]:
    (p, n), (se, n_se), (sp, n_sp) = measured, sensitivity, specificity
    p, se, sp = (n * p + Z * Z / 2) / (n + Z * Z), (n_se * se + 1) / (n_se + 2), (n_sp * sp + 1) / (n_sp + 2)
    youden = se + sp - 1
    var_se, var_sp, var_p = se * (1 - se) / (n_se + 2), sp * (1 - sp) / (n_sp + 2), p * (1 - p) / (n + Z * Z)
    if youden <= Z * math.sqrt(var_se + var_sp):
        return 0.0, 1.0
    rate_ = (p + sp - 1) / youden
    shift = 2 * Z * Z * (rate_ * var_se - (1 - rate_) * var_sp)
    half = Z * math.sqrt(var_p + rate_**2 * var_se + (1 - rate_) ** 2 * var_sp) / youden
    return max(0.0, rate_ + shift - half), min(1.0, rate_ + shift + half)


def independent(figure: Figure) -> float:
    """How many independent items would give a share an interval of this width; its n where it has none.

    Wilson's interval narrows with n, so the number is found by halving; never above the figure's own n.
    """
    if figure.value is None or figure.low is None or figure.high is None or figure.n < 1:
        return float(max(1, figure.n))
    wanted, few, many = figure.high - figure.low, 1.0, float(figure.n)
    if _width(figure.value, many) >= wanted:
        return many
    for _ in range(60):
        middle = (few + many) / 2
        few, many = (middle, many) if _width(figure.value, middle) > wanted else (few, middle)
    return (few + many) / 2


def _width(p: float, n: float) -> float:
    """Width of Wilson's interval for a share p of n items, n not necessarily whole."""
    return 2 * Z / (1 + Z * Z / n) * math.sqrt(p * (1 - p) / n + Z * Z / (4 * n * n))


def _float(value: object) -> float | None:
    return None if value is None else float(value)  # type: ignore[arg-type]
