import math
import random
from fractions import Fraction
from statistics import NormalDist, fmean, quantiles

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hansei.core.records import Figure, to_json
from hansei.core.statistics import (
    bootstrap,
    mcnemar,
    paired_bootstrap,
    paired_two_way_bootstrap,
    rate,
    ratio_of_means,
    two_way_bootstrap,
    wilson,
)

OUTCOMES = st.lists(st.sampled_from([0, 1, None]), max_size=30)


def obvious_wilson(k: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """The roots p of (k/n - p)^2 = z^2 p(1-p)/n."""
    z = NormalDist().inv_cdf((1 + level) / 2)
    middle = (k + z * z / 2) / (n + z * z)
    half = z / (n + z * z) * math.sqrt(k * (n - k) / n + z * z / 4)
    return middle - half, middle + half


def obvious_two_way(table, clusters, draws, seed=0):
    """Draws seeds and clusters by name, one at a time, and averages the cells that they select."""
    rng, names, means = random.Random(seed), sorted(set(clusters)), []
    members = {name: [i for i, c in enumerate(clusters) if c == name] for name in names}
    for _ in range(draws):
        rows = rng.choices(table, k=len(table))
        items = [i for name in rng.choices(names, k=len(names)) for i in members[name]]
        cells = [row[i] for row in rows for i in items if row[i] is not None]
        if cells:
            means.append(fmean(cells))
    cuts = quantiles(means, n=40)
    return cuts[0], cuts[-1]


@pytest.mark.parametrize(("k", "n"), [(0, 1), (1, 1), (0, 50), (50, 50), (3, 17), (970, 1000), (1, 10**6)])
@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_wilson_solves_its_equation(k, n, level):
    figure = wilson(k, n, level)
    assert (figure.value, figure.n) == (k / n, n)
    assert (figure.low, figure.high) == pytest.approx(obvious_wilson(k, n, level), abs=1e-9)


def test_wilson_covers_the_true_rate_about_as_often_as_it_says():
    n, p = 40, 0.9
    chances = [math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)]
    covered = sum(c for k, c in enumerate(chances) if wilson(k, n).low <= p <= wilson(k, n).high)
    assert 0.93 < covered < 0.98


@pytest.mark.parametrize(("k", "n"), [(-1, 3), (4, 3)])
def test_impossible_counts_are_refused(k, n):
    with pytest.raises(ValueError, match="k successes of n"):
        wilson(k, n)


def test_no_items_make_an_empty_figure():
    empty = Figure(None, None, None, 0)
    assert wilson(0, 0) == bootstrap([]) == bootstrap([None, math.nan]) == rate([]) == empty
    assert paired_bootstrap([1.0, None], [None, 1.0]) == empty
    assert two_way_bootstrap([[None, None], [None, None]]) == Figure(None, None, None, 0, (None, None))


def test_figures_hold_plain_numbers():
    figure = two_way_bootstrap(np.array([[1, 0, 1], [0, 0, 1]], dtype=np.int64))
    assert [type(v) for v in to_json(figure).values()] == [float, float, float, int, list]


def test_the_bootstrap_of_a_mean_is_as_wide_as_its_standard_error_says():
    values = np.random.default_rng(0).normal(3, 2, 400)
    figure = bootstrap(values, draws=8000)
    error = values.std() / 20
    assert figure.value == pytest.approx(values.mean())
    assert figure.low == pytest.approx(values.mean() - 1.96 * error, abs=0.1 * error)
    assert figure.high == pytest.approx(values.mean() + 1.96 * error, abs=0.1 * error)


def test_both_resamplings_agree_with_the_obvious_loop():
    rng = random.Random(2)
    clusters = [rng.randrange(9) for _ in range(40)]
    shift = [rng.gauss(0, 1) for _ in range(9)]
    table = [[shift[c] + rng.gauss(s, 1) if rng.random() > 0.2 else None for c in clusters] for s in range(3)]
    figure = two_way_bootstrap(table, clusters, draws=20_000)
    low, high = obvious_two_way(table, clusters, draws=6000)
    assert (figure.low, figure.high) == pytest.approx((low, high), abs=0.05 * (high - low))
    cells = [v for row in table for v in row if v is not None]
    assert (figure.value, figure.n) == (pytest.approx(fmean(cells)), len(cells))
    assert figure.per_seed == pytest.approx(tuple(fmean(v for v in row if v is not None) for row in table))
    single = bootstrap(table[0], clusters, draws=20_000)
    low, high = obvious_two_way(table[:1], clusters, draws=6000)
    assert (single.low, single.high) == pytest.approx((low, high), abs=0.05 * (high - low))
    assert single.per_seed == ()


def test_draws_taken_in_small_portions_are_complete(monkeypatch):
    values = np.random.default_rng(0).normal(size=50)
    whole = bootstrap(values)
    monkeypatch.setattr("hansei.core.statistics._CELLS", 1000)
    portions = bootstrap(values)
    assert (portions.low, portions.high) == pytest.approx((whole.low, whole.high), abs=0.05)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-100, 100) | st.none(), min_size=1, max_size=20), st.integers(0, 5))
def test_an_interval_is_seeded_holds_its_value_and_moves_with_the_data(values, seed):
    figure = bootstrap(values, seed=seed, draws=200)
    assert figure == bootstrap(values, seed=seed, draws=200)
    assert figure.n == sum(v is not None for v in values)
    if figure.low is not None:
        assert figure.low <= figure.high
        assert min(v for v in values if v is not None) - 1e-9 <= figure.low
        moved = bootstrap([None if v is None else v + 10 for v in values], seed=seed, draws=200)
        assert (moved.low, moved.high) == pytest.approx((figure.low + 10, figure.high + 10), abs=1e-6)


@settings(max_examples=50, deadline=None)
@given(OUTCOMES)
def test_missing_items_change_nothing_but_are_not_counted(outcomes):
    measured = [o for o in outcomes if o is not None]
    assert rate(outcomes) == rate(measured) == wilson(sum(measured), len(measured))
    assert bootstrap(outcomes) == bootstrap(measured)


def test_items_that_are_each_their_own_cluster_need_no_clusters():
    values = [0.1, 0.9, 0.4, 0.3, None]
    assert bootstrap(values, ["a", "b", "c", "d", "e"]) == bootstrap(values)
    assert rate([1, 0, 1, None], ["a", "b", "c", "c"]) == wilson(2, 3)


def test_repeating_each_item_in_a_cluster_adds_no_certainty():
    values = np.random.default_rng(0).integers(0, 2, 60).astype(float)
    once, thrice = bootstrap(values), bootstrap(np.repeat(values, 3), np.repeat(np.arange(60), 3))
    assert (thrice.low, thrice.high) == pytest.approx((once.low, once.high))
    assert (once.n, thrice.n) == (60, 180)


def test_one_cluster_gives_no_interval():
    assert bootstrap([0.0, 1.0], ["a", "a"]) == Figure(0.5, None, None, 2)
    assert bootstrap([0.3]) == Figure(0.3, None, None, 1)


def test_a_rate_of_all_or_nothing_still_has_an_interval():
    all_passed = rate([1] * 60, [i // 3 for i in range(60)])
    assert all_passed == Figure(1.0, wilson(20, 20).low, wilson(20, 20).high, 60)
    seeds = rate([[0] * 30] * 5)
    assert seeds == Figure(0.0, wilson(0, 30).low, wilson(0, 30).high, 150, (0.0,) * 5)
    mixed = [[1, 0, 1, 1], [1, 1, 1, 0]]
    assert rate(mixed) == two_way_bootstrap(mixed)
    assert rate(mixed[0], ["a", "a", "b", "c"]) == bootstrap(mixed[0], ["a", "a", "b", "c"])
    with pytest.raises(ValueError, match="0, 1 or None"):
        rate([0.5])


def test_a_cluster_interval_covers_and_one_that_ignores_clusters_does_not():
    rng, hits, naive_hits, trials = np.random.default_rng(5), 0, 0, 250
    clusters = np.repeat(np.arange(40), 8)
    for trial in range(trials):
        values = np.repeat(rng.normal(0, 1, 40), 8) + rng.normal(0, 1, 320)
        figure, naive = (bootstrap(values, c, seed=trial, draws=300) for c in (clusters, None))
        hits += figure.low <= 0 <= figure.high
        naive_hits += naive.low <= 0 <= naive.high
    assert 0.90 <= hits / trials <= 0.985
    assert naive_hits / trials < 0.70


def test_a_two_way_interval_covers_where_seeds_and_items_both_vary():
    rng, hits, item_hits, trials = np.random.default_rng(6), 0, 0, 200
    for trial in range(trials):
        table = rng.normal(0, 0.4, (10, 1)) + rng.normal(0, 1, (1, 40)) + rng.normal(0, 1, (10, 40))
        figure = two_way_bootstrap(table, seed=trial, draws=300)
        items_only = bootstrap(table.mean(axis=0), seed=trial, draws=300)
        hits += figure.low <= 0 <= figure.high
        item_hits += items_only.low <= 0 <= items_only.high
    assert 0.90 <= hits / trials <= 0.995
    assert item_hits < hits


def test_a_paired_difference_is_after_less_before():
    before, after = [0.0, 0.0, 1.0, None], [1.0, 0.0, 1.0, 1.0]
    figure = paired_bootstrap(before, after)
    assert (figure.value, figure.n) == (pytest.approx(1 / 3), 3)
    back = paired_bootstrap(after, before)
    assert (back.low, back.high) == pytest.approx((-figure.high, -figure.low))
    table = paired_two_way_bootstrap([before, before], [after, before])
    assert (table.value, table.n, table.per_seed) == (pytest.approx(1 / 6), 6, (pytest.approx(1 / 3), 0.0))


def test_pairing_is_narrower_where_items_differ_more_than_models():
    rng = np.random.default_rng(1)
    before = rng.normal(0, 5, 200)
    after = before + rng.normal(0.5, 1, 200)
    paired, single = paired_bootstrap(before, after), bootstrap(after)
    assert paired.low > 0
    assert paired.high - paired.low < 0.5 * (single.high - single.low)


def obvious_ratio(before, after, clusters, draws):
    """Percentiles of the ratio of sums over drawn seeds and drawn clusters, cell by cell."""
    rng, names, ratios = random.Random(1), sorted(set(clusters)), []
    for _ in range(draws):
        seeds, drawn = rng.choices(range(len(before)), k=len(before)), rng.choices(names, k=len(names))
        cells = [(s, i) for s in seeds for name in drawn for i, c in enumerate(clusters) if c == name]
        ratios.append(sum(after[s][i] for s, i in cells) / sum(before[s][i] for s, i in cells))
    cuts = quantiles(ratios, n=40, method="inclusive")
    return cuts[0], cuts[-1]


def test_a_ratio_of_means_has_the_interval_of_drawing_seeds_and_clusters():
    rng = np.random.default_rng(0)
    before = (rng.random((4, 30)) < 0.7).astype(float)
    after = before * (rng.random((4, 30)) < 0.4)
    clusters = [f"c{i // 3}" for i in range(30)]
    found = ratio_of_means(before, after, clusters)
    assert found.value == pytest.approx(after.mean() / before.mean()) and found.n == 120
    assert (found.low, found.high) == pytest.approx(obvious_ratio(before, after, clusters, 3000), abs=0.04)
    assert found.per_seed == pytest.approx(after.mean(axis=1) / before.mean(axis=1))
    halved = ratio_of_means(before, before / 2)
    assert halved.value == halved.low == halved.high == 0.5  # seeds and items are drawn for both tables alike


def test_a_ratio_to_nothing_is_none_and_one_cluster_gives_it_no_interval():
    assert ratio_of_means([[0.0, 0.0]], [[1.0, 0.0]]) == Figure(None, None, None, 0)
    assert ratio_of_means([[2.0, 2.0]], [[1.0, 0.0]], ["a", "a"]) == Figure(0.25, None, None, 2, (0.25,))
    one_seed = ratio_of_means([[0.0, 0.0], [1.0, 2.0]], [[1.0, 1.0], [1.0, 2.0]])
    assert one_seed.per_seed == (None, 1.0)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 40), st.integers(0, 40))
def test_mcnemar_is_the_exact_two_sided_sign_test(b, c):
    n = b + c
    tail = sum(Fraction(math.comb(n, k), 2**n) for k in range(min(b, c) + 1))
    assert mcnemar(b, c) == pytest.approx(float(min(1, 2 * tail)))
    assert mcnemar(b, c) == pytest.approx(mcnemar(c, b))


def test_mcnemar_by_hand():
    assert mcnemar(0, 5) == pytest.approx(2 / 32)
    assert mcnemar(0, 0) == 1.0


@pytest.mark.parametrize(
    ("work", "words"),
    [
        (lambda: bootstrap([1.0, math.inf]), "infinity"),
        (lambda: bootstrap([[1.0], [2.0]]), "one value an item"),
        (lambda: two_way_bootstrap([1.0, 2.0]), "a row for each seed"),
        (lambda: bootstrap([1.0, 2.0], ["a"]), "a cluster for each of 2 items"),
        (lambda: paired_bootstrap([1.0], [1.0, 2.0]), "paired"),
        (lambda: ratio_of_means([[1.0]], [[1.0, 2.0]]), "without gaps"),
        (lambda: ratio_of_means([[1.0, None]], [[1.0, 1.0]]), "without gaps"),  # not taken for a number
    ],
)
def test_data_of_the_wrong_shape_is_refused(work, words):
    with pytest.raises(ValueError, match=words):
        work()
