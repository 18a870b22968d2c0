"""The mixture's likelihood, its bootstrap and its calibration, against obvious versions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.optimize import minimize_scalar

from hansei.measuring import word_mixture
from hansei.measuring.word_mixture import (
    Calibration,
    Side,
    WordModel,
    bootstrap,
    estimate,
    fit,
    held_out,
    occurrences,
    resampled,
)

RNG = np.random.default_rng(0)
HUMAN, AI = RNG.normal(-2, 2, 300), RNG.normal(2, 2, 200)
"""Log ratios of two kinds of sentences."""


def plain_log_ratio(words: set[str], human: dict[str, float], ai: dict[str, float]) -> float:
    """log Q(x) - log P(x), product by product (2403.07183, section 3)."""
    total = 0.0
    for word in human:
        p, q = human[word], ai[word]
        total += np.log(q) - np.log(p) if word in words else np.log(1 - q) - np.log(1 - p)
    return total


def plain_estimate(ratios: np.ndarray, weights: np.ndarray | None = None) -> float:
    """The maximum of the likelihood by SciPy, in the published form."""
    weights = np.ones(len(ratios)) if weights is None else weights

    def loss(alpha: float) -> float:
        return -float(weights @ np.log((1 - alpha) + alpha * np.exp(ratios)))

    return float(minimize_scalar(loss, bounds=(0, 1), method="bounded", options={"xatol": 1e-10}).x)


def test_the_linear_form_is_the_product_over_words() -> None:
    human = {"we": 0.3, "show": 0.05, "realm": 0.001, "the": 0.7}
    ai = {"we": 0.02, "show": 0.01, "realm": 0.04, "the": 0.8}
    counts = [np.array([chances[w] * 1000 for w in human]) for chances in (human, ai)]
    model = fit(counts[0], 1000, counts[1], 1000, np.ones(4, bool), 1)
    texts = [["we", "show", "the"], ["realm"], ["the", "the", "unknown"], ["none"]]
    ratios = model.ratios(occurrences(texts, {word: n for n, word in enumerate(human)}))
    np.testing.assert_allclose(ratios, [plain_log_ratio(set(text), human, ai) for text in texts], rtol=1e-12)


def test_words_that_are_rare_or_everywhere_are_left_out() -> None:
    human, ai = np.array([10.0, 4, 10, 100, 50]), np.array([20.0, 50, 4, 60, 80])
    model = fit(human, 100, ai, 80, np.array([True] * 5), 5)
    assert model.words == 1
    assert np.flatnonzero(model.weights_V).tolist() == [0]
    assert np.isfinite(model.base)
    assert fit(human, 100, ai, 80, np.array([False] * 5), 5).words == 0


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5, 0.9])
def test_newton_finds_what_scipy_finds(share: float) -> None:
    ratios = np.concatenate([HUMAN[: round(300 * (1 - share))], AI[: round(200 * share)]])
    assert estimate(ratios) == pytest.approx(plain_estimate(ratios), abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-800, 800), min_size=1, max_size=30))
def test_the_estimate_is_the_best_of_a_fine_grid_however_sure_the_sentences_are(ratios: list[float]) -> None:
    found = estimate(np.array(ratios))
    cut = np.clip(np.array(ratios), -500, 500)
    grid = np.append(np.linspace(0, 1, 2001), found)
    with np.errstate(divide="ignore"):  # log 0 at the ends of the grid
        value = np.logaddexp(np.log1p(-grid)[:, None], np.log(grid)[:, None] + cut).sum(axis=1)
    assert 0 <= found <= 1
    assert value[-1] >= value.max() - 1e-6 * max(1, abs(value.max()))


def test_purely_human_and_purely_ai_sentences_are_at_the_ends() -> None:
    assert estimate(np.array([-3.0, -1e6, -0.1])) == 0.0
    assert estimate(np.array([3.0, 1e6, 0.1])) == 1.0
    assert estimate(np.zeros(5)) in (0.0, 1.0)  # nothing is known: no number in between is better


def test_each_bootstrap_draw_is_the_estimate_of_its_resample(monkeypatch: pytest.MonkeyPatch) -> None:
    ratios = np.concatenate([HUMAN[:60], AI[:15]])
    for cells in (75, 10**6):  # a draw at a time, and all at once
        monkeypatch.setattr(word_mixture, "_CELLS", cells)
        found = bootstrap(ratios, np.arange(75), 40, np.random.default_rng(3))
        weights = np.concatenate(list(resampled(np.arange(75), 40, np.random.default_rng(3))))
        np.testing.assert_allclose(found, [plain_estimate(ratios, row) for row in weights], atol=2e-6)


def test_a_resample_draws_whole_documents() -> None:
    documents = np.array([0, 2, 0, 1, 1, 1])
    weights = np.concatenate(list(resampled(documents, 500, np.random.default_rng(0))))
    assert (weights[:, 0] == weights[:, 2]).all() and (weights[:, 3] == weights[:, 5]).all()
    assert (weights[:, 0] + weights[:, 1] + weights[:, 3] == 3).all()
    assert weights.mean(axis=0) == pytest.approx(np.ones(6), abs=0.15)


def test_documents_whose_sentences_agree_widen_the_interval() -> None:
    ratios = np.repeat(np.concatenate([HUMAN[:200], AI[:40]]), 4)
    alone = bootstrap(ratios, np.arange(960), 400, np.random.default_rng(0)).std()
    together = bootstrap(ratios, np.arange(960) // 4, 400, np.random.default_rng(0)).std()
    assert together / alone == pytest.approx(2.0, rel=0.2)  # the square root of four


def calibration() -> Calibration:
    return Calibration(HUMAN + 0.7, AI + 0.7, (np.arange(300), np.arange(200)))


@pytest.mark.parametrize("share", [0.0, 0.05, 0.3, 0.95, 1.0])
def test_calibration_is_the_inverse_of_the_raw_estimate_of_a_mixture(share: float) -> None:
    curve = calibration()
    assert curve.share(curve.raw(share)) == pytest.approx(share, abs=1e-6)
    drawn = np.concatenate([np.repeat(HUMAN + 0.7, round(600 * (1 - share))), np.repeat(AI + 0.7, round(900 * share))])
    assert curve.raw(share) == pytest.approx(plain_estimate(drawn), abs=1e-5)


def test_the_floor_is_above_zero_where_ratios_are_too_high_and_calibrates_to_zero() -> None:
    curve = calibration()
    assert curve.floor > 0.02
    assert curve.share(curve.floor) == pytest.approx(0, abs=1e-9)
    assert curve.separates()
    assert not Calibration(HUMAN, HUMAN, curve.groups).separates()


def test_calibrated_draws_resample_the_training_documents() -> None:
    curve, raw = calibration(), np.full(60, 0.2)
    found = curve.draws(raw, np.random.default_rng(5))
    rng = np.random.default_rng(5)
    means = [
        [float(row @ (np.expm1(ratios) / (1 + 0.2 * np.expm1(ratios)))) / row.sum() for w in drawn for row in w]
        for ratios, drawn in (
            (curve.human_N, list(resampled(curve.groups[0], 60, rng))),
            (curve.ai_N, list(resampled(curve.groups[1], 60, rng))),
        )
    ]
    np.testing.assert_allclose(found, [h / (h - a) for h, a in zip(*means, strict=True)], rtol=1e-9)
    assert curve.draws(np.array([0.0, 1.0]), rng) == pytest.approx([0, 1], abs=0.3)


def test_the_expected_error_is_that_of_mixtures_that_are_drawn() -> None:
    curve, rng = calibration(), np.random.default_rng(1)
    found = []
    for _ in range(400):
        ais = rng.binomial(1000, 0.2)
        drawn = np.concatenate([rng.choice(curve.human_N, 1000 - ais), rng.choice(curve.ai_N, ais)])
        found.append(curve.share(estimate(drawn)))
    huge = Calibration(
        np.tile(curve.human_N, 300), np.tile(curve.ai_N, 300), curve.groups
    )  # no error of its own, as the mixtures come from these very sentences
    assert huge.expected_error(0.2, 1000) == pytest.approx(np.std(found), rel=0.1)
    assert curve.expected_error(0.2, 1000) > huge.expected_error(0.2, 1000) > huge.expected_error(0.2, 4000)


def test_held_out_ratios_know_nothing_of_their_own_fold() -> None:
    rng = np.random.default_rng(2)
    matrices = tuple((rng.random((40, 6)) < chance).astype(float) for chance in (0.3, 0.6))
    groups = (np.arange(40) // 2, np.arange(40))
    allowed = np.ones(6, bool)
    sides = [Side(sparse.csr_matrix(m), g, 4) for m, g in zip(matrices, groups, strict=True)]
    found = held_out(sides, allowed, 1)
    for side, ratios in enumerate(found):
        for n in range(40):
            fold = groups[side][n] % 4
            human, ai = (m[g % 4 != fold] for m, g in zip(matrices, groups, strict=True))
            model: WordModel = fit(human.sum(0), len(human), ai.sum(0), len(ai), allowed, 1)
            assert ratios[n] == pytest.approx(float(matrices[side][n] @ model.weights_V + model.base))
