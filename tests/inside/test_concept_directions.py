"""Whitening and the vector of a concept, against the formulas written out."""

from __future__ import annotations

import numpy as np
import pytest

from hansei.core.errors import BadInput
from hansei.inside import concept_directions
from hansei.inside.concept_directions import concept_vector, ledoit_wolf, space_of


def direct(words_nd: np.ndarray) -> np.ndarray:
    """The published estimator, d x d."""
    from sklearn.covariance import LedoitWolf

    mean = words_nd.mean(axis=0)
    unit = np.linalg.pinv(LedoitWolf().fit(words_nd).covariance_) @ mean
    unit /= np.linalg.norm(unit)
    return (mean @ unit) * unit


def drawn(n: int, d: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) * np.linspace(0.2, 2, d) + 0.5


@pytest.mark.parametrize(("n", "d"), [(2, 16), (3, 16), (16, 16), (17, 16), (20, 64), (200, 20), (60, 512)])
def test_the_vector_is_that_of_scikit_learn_s_ledoit_wolf_and_its_pseudo_inverse(n: int, d: int) -> None:
    words_nd = drawn(n, d)
    assert np.abs(concept_vector(words_nd) - direct(words_nd)).max() < 1e-9


@pytest.mark.parametrize(("n", "d"), [(2, 5), (5, 40), (40, 5), (300, 30)])
def test_shrinkage_is_scikit_learn_s(n: int, d: int) -> None:
    from sklearn.covariance import ledoit_wolf_shrinkage

    words_nd = drawn(n, d)
    x_nd = words_nd - words_nd.mean(axis=0)
    shrinkage, mu = ledoit_wolf((x_nd**2).sum(axis=1), float(((x_nd @ x_nd.T) ** 2).sum()), d)
    assert shrinkage == pytest.approx(ledoit_wolf_shrinkage(words_nd), abs=1e-12)
    assert mu == pytest.approx(np.trace(x_nd.T @ x_nd) / n / d)


def test_training_words_project_to_1_in_the_mean_whatever_they_are() -> None:
    words_nd = drawn(30, 50)
    vector_d = concept_vector(words_nd)
    assert (words_nd @ vector_d).mean() / (vector_d @ vector_d) == pytest.approx(1.0)


def test_the_causal_space_is_white_and_leaves_the_softmax_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    rows_Vd = rng.normal(size=(300, 12)) @ rng.normal(size=(12, 12)) + 3
    monkeypatch.setattr(concept_directions, "BLOCK", 64)
    space = space_of(lambda a, b: rows_Vd[a:b], 300)
    g_Vd = space.vectors(rows_Vd)
    assert np.allclose(g_Vd.mean(axis=0), 0) and np.allclose(g_Vd.T @ g_Vd / 300, np.eye(12))
    assert np.linalg.matrix_rank(space.root_dd) == 12
    context_d = rng.normal(size=12)
    moved_d = np.linalg.inv(space.root_dd) @ context_d  # l(x) = Cov^(1/2) lambda(x)
    change_V = g_Vd @ moved_d - rows_Vd @ context_d
    assert np.allclose(change_V, change_V[0])


def test_the_euclidean_space_is_only_centred_and_missing_directions_stay_out_of_the_causal_one() -> None:
    rows_Vd = np.random.default_rng(2).normal(size=(6, 10))  # fewer tokens than dimensions
    assert np.allclose(space_of(lambda a, b: rows_Vd[a:b], 6, whiten=False).vectors(rows_Vd), rows_Vd - rows_Vd.mean(0))
    space = space_of(lambda a, b: rows_Vd[a:b], 6)
    g_Vd = space.vectors(rows_Vd)
    assert np.linalg.matrix_rank(space.root_dd) == 5 and np.linalg.matrix_rank(g_Vd) == 5
    assert np.allclose(g_Vd @ g_Vd.T, 6 * np.eye(6) - 1), "whitened, so few tokens are a regular simplex: no structure"


def test_what_has_no_direction_is_said() -> None:
    with pytest.raises(BadInput, match="all have one vector"):
        concept_vector(np.ones((7, 4)))
    with pytest.raises(BadInput, match="1 words all have one vector"):
        concept_vector(drawn(1, 4))
    with pytest.raises(BadInput, match="no finite numbers"):
        space_of(lambda a, b: np.full((b - a, 3), np.nan), 5)
    with pytest.raises(BadInput, match="rows are all the same"):
        space_of(lambda a, b: np.ones((b - a, 3)), 5)
