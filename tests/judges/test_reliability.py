"""Judges against labels: the counts, kappa, and rates corrected for a judge's errors."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hansei.core.records import Figure
from hansei.core.statistics import wilson
from hansei.judges.reliability import corrected, difference, independent, kappa, reliability

WORDS = st.lists(st.tuples(st.sampled_from([True, False, None]), st.booleans()), min_size=1, max_size=40)


def obvious_kappa(one: list[bool], other: list[bool]) -> float:
    """Cohen 1960, by hand: agreement that chance would not have brought."""
    n = len(one)
    agree = sum(a == b for a, b in zip(one, other, strict=True)) / n
    chance = sum((one.count(v) / n) * (other.count(v) / n) for v in (True, False))
    return (agree - chance) / (1 - chance)


@settings(deadline=None, max_examples=50)
@given(WORDS)
def test_the_counts_and_shares_are_those_of_the_items_with_a_word(pairs: list[tuple[bool | None, bool]]) -> None:
    said, truth = [s for s, _ in pairs], [t for _, t in pairs]
    found = reliability(said, truth)
    counts = found.confusion
    assert counts.hits + counts.misses + found.unsaid[0] == truth.count(True)
    assert counts.clears + counts.false_alarms + found.unsaid[1] == truth.count(False)
    assert found.sensitivity.n == counts.hits + counts.misses
    if found.sensitivity.n:
        assert found.sensitivity.value == pytest.approx(counts.hits / found.sensitivity.n)
    if found.specificity.n:
        assert found.specificity.value == pytest.approx(counts.clears / found.specificity.n)
    assert found.agreement.n == len(pairs) - sum(found.unsaid)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=40))
def test_kappa_is_cohens_and_does_not_care_who_is_first(pairs: list[tuple[bool, bool]]) -> None:
    one, other = [a for a, _ in pairs], [b for _, b in pairs]
    found = kappa(one, other)
    assert found.value == kappa(other, one).value
    if len(set(one)) == 1 and set(one) == set(other):
        assert found.value is None
    else:
        assert found.value == pytest.approx(obvious_kappa(one, other))
        assert found.low is not None and found.low <= found.value + 1e-9
        assert found.high is not None and found.value <= found.high + 1e-9


def test_kappa_of_the_usual_example() -> None:
    """Two readers of 50 grant proposals: 20 both yes, 15 both no, 5 and 10 apart: agreement .7, chance .5."""
    one = [True] * 25 + [False] * 25
    other = [True] * 20 + [False] * 5 + [True] * 10 + [False] * 15
    assert kappa(one, other).value == pytest.approx(0.4)


def test_kappas_interval_holds_the_true_value_about_as_often_as_it_says() -> None:
    rng, held = np.random.default_rng(3), 0
    for _ in range(200):
        truth = rng.random(150) < 0.4
        said = np.where(rng.random(150) < 0.15, ~truth, truth)
        found = kappa(said.tolist(), truth.tolist(), draws=400)
        # agreement .85; shares of positives .4 and .43, so chance is .4 * .43 + .6 * .57
        true = (0.85 - (0.4 * 0.43 + 0.6 * 0.57)) / (1 - (0.4 * 0.43 + 0.6 * 0.57))
        held += found.low <= true <= found.high  # type: ignore[operator]
    assert 0.90 <= held / 200 <= 0.99


def test_answers_to_one_request_are_resampled_as_one() -> None:
    said, truth = [True, False] * 40, [True, True] * 40
    alone = reliability(said, truth)
    together = reliability(said + said, truth + truth, [*range(80), *range(80)])
    apart = reliability(said + said, truth + truth)
    width = {name: f.sensitivity.high - f.sensitivity.low for name, f in  # type: ignore[operator]
             {"alone": alone, "together": together, "apart": apart}.items()}  # fmt: skip
    assert together.sensitivity.n == 160
    assert width["apart"] < 0.8 * width["together"]
    assert width["together"] == pytest.approx(width["alone"], rel=0.15)


def test_two_judges_are_compared_on_what_both_have_said() -> None:
    truth = [True] * 30 + [False] * 20
    one = [True] * 30 + [False] * 20
    other = [True] * 20 + [False] * 9 + [None] + [True] * 10 + [False] * 10
    found = difference(one, other, truth)
    assert found.sensitivity.value == pytest.approx(9 / 29) and found.sensitivity.n == 29
    assert found.specificity.value == pytest.approx(0.5)
    assert found.p_sensitivity == pytest.approx(2 * 0.5**9) and found.p_specificity == pytest.approx(2 * 0.5**10)


def test_the_corrected_rate_is_rogan_and_gladens() -> None:
    """Rate .3, sensitivity .9, specificity .8: (.3 + .8 - 1) / (.9 + .8 - 1) = 1/7."""
    found = corrected(wilson(30, 100), wilson(90, 100), wilson(80, 100))
    assert found.value == pytest.approx(1 / 7) and found.n == 100
    assert found.low is not None and found.high is not None and 0 <= found.low < 1 / 7 < found.high <= 1


def test_a_perfect_judge_changes_nothing_but_the_doubt() -> None:
    found, raw = corrected(wilson(30, 100), wilson(500, 500), wilson(500, 500)), wilson(30, 100)
    assert found.value == pytest.approx(0.3)
    assert found.low <= raw.low + 0.01 and found.high >= raw.high - 0.01  # type: ignore[operator]


@pytest.mark.parametrize(
    ("prevalence", "sensitivity", "specificity", "n", "labelled"),
    [
        (0.02, 0.9, 0.95, 200, 100),
        (0.3, 0.93, 0.91, 150, 220),
        (0.8, 0.8, 0.7, 300, 60),
        (1.0, 0.9, 0.9, 100, 50),
    ],
)
def test_the_corrected_interval_covers_the_true_rate_and_the_raw_one_does_not(
    prevalence: float, sensitivity: float, specificity: float, n: int, labelled: int
) -> None:
    rng = np.random.default_rng(1)
    seen = prevalence * sensitivity + (1 - prevalence) * (1 - specificity)
    held = raw_held = 0
    for _ in range(300):
        raw = wilson(int(rng.binomial(n, seen)), n)
        trust = [wilson(int(rng.binomial(labelled, p)), labelled) for p in (sensitivity, specificity)]
        found = corrected(raw, *trust)
        held += found.low <= prevalence <= found.high  # type: ignore[operator]
        raw_held += raw.low <= prevalence <= raw.high  # type: ignore[operator]
    assert held / 300 >= 0.91  # 95% said; three standard errors of 300 simulations are .038
    if abs(seen - prevalence) > 0.07:
        assert raw_held / 300 < 0.6


def test_a_judge_like_a_coin_corrects_nothing() -> None:
    assert corrected(wilson(30, 100), wilson(50, 100), wilson(50, 100)).value is None
    assert corrected(wilson(30, 100), wilson(40, 100), wilson(50, 100)) == Figure(None, None, None, 100)
    doubtful = corrected(wilson(30, 100), wilson(6, 10), wilson(6, 10))
    assert (doubtful.low, doubtful.high) == (0.0, 1.0)
    nothing = Figure(None, None, None, 0)
    assert corrected(nothing, wilson(9, 10), wilson(9, 10)).value is None
    assert corrected(wilson(3, 10), nothing, wilson(9, 10)).value is None


@pytest.mark.parametrize(("k", "n"), [(0, 40), (7, 40), (40, 40), (300, 1000)])
def test_wilsons_interval_counts_for_its_own_number_of_items(k: int, n: int) -> None:
    assert independent(wilson(k, n)) == pytest.approx(n, rel=1e-6)


def test_a_wider_interval_counts_for_fewer_items() -> None:
    narrow = wilson(30, 100)
    wide = Figure(0.3, 0.3 - 2 * (0.3 - narrow.low), 0.3 + 2 * (narrow.high - 0.3), 100)  # type: ignore[operator]
    assert independent(wide) == pytest.approx(25, rel=0.1)
    assert independent(Figure(0.3, None, None, 7)) == 7
    assert math.isfinite(independent(Figure(None, None, None, 0)))
