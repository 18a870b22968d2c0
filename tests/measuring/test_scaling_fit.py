"""Scaling fits against what made the data, and against SciPy's optimiser on the plain objective."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import logsumexp

from hansei.measuring import scaling_fit
from hansei.measuring.scaling_fit import Array, fit_pass_rates, fit_powers, fit_surface, starts

TRUE = {"E": 1.8172, "A": 482.01, "B": 2085.43, "alpha": 0.3478, "beta": 0.3658}


def runs(noise: float, seed: int = 0, n: int = 240) -> tuple[Array, Array, Array]:
    rng = np.random.default_rng(seed)
    params, tokens = 10 ** rng.uniform(7, 10, n), 10 ** rng.uniform(8.5, 11.5, n)
    loss = TRUE["E"] + TRUE["A"] / params ** TRUE["alpha"] + TRUE["B"] / tokens ** TRUE["beta"]
    return params, tokens, loss * np.exp(noise * rng.standard_normal(n))


def objective(p: Array, n: Array, d: Array, loss: Array) -> float:
    a, b, e, alpha, beta = p
    fitted = logsumexp([a - alpha * np.log(n), b - beta * np.log(d), np.full(len(n), e)], axis=0)
    r = np.abs(fitted - np.log(loss))
    return float(np.where(r <= 1e-3, r * r / 2, 1e-3 * (r - 5e-4)).sum())


def test_a_power_law_with_a_floor_comes_back_for_every_row_of_a_batch() -> None:
    compute = 10 ** np.linspace(12, 16, 9)
    a, b, c = np.array([800.0, 30.0, 5.0]), np.array([-0.2, -0.12, -0.3]), np.array([1.5, 0.0, 2.0])
    loss = a[:, None] * compute ** b[:, None] + c[:, None]
    found = fit_powers(compute, loss)
    assert found.b == pytest.approx(b, rel=1e-3) and found.c == pytest.approx(c, abs=1e-3)
    larger = np.array([1e18])
    assert found.at(larger)[:, 0] == pytest.approx(a * larger[0] ** b + c, rel=1e-3)


def test_pass_rates_are_a_line_in_the_logarithms_and_a_perfect_run_is_refused() -> None:
    compute = 10 ** np.linspace(12, 15, 6)
    alpha, k = fit_pass_rates(compute, np.array([50.0 * compute**-0.15, 9.0 * compute**-0.1]))
    assert alpha == pytest.approx([50, 9]) and k == pytest.approx([0.15, 0.1])
    with pytest.raises(ValueError, match="must be above 0"):
        fit_pass_rates(compute, np.array([[1, 1, 1, 1, 1, 0.0]]))


def test_chinchillas_surface_comes_back_from_clean_runs() -> None:
    found = fit_surface(*runs(0.0))
    assert [getattr(found, name) for name in TRUE] == pytest.approx(list(TRUE.values()), rel=1e-3)


def test_with_noise_it_is_at_least_as_good_as_scipy_from_the_same_starts() -> None:
    n, d, loss = runs(0.01, n=60)
    found = fit_surface(n, d, loss)
    assert found.cost == pytest.approx(
        objective(np.array([np.log(found.A), np.log(found.B), np.log(found.E), found.alpha, found.beta]), n, d, loss)
    )
    near = np.array([[6, 7.5, 0.6, 0.35, 0.36], [5, 5, 0.5, 0.5, 0.5], [10, 10, 0, 0.5, 0.5]])
    theirs = min(
        minimize(objective, x, (n, d, loss), method="Nelder-Mead", options={"maxiter": 4000}).fun for x in near
    )
    assert found.cost <= theirs * (1 + 1e-4)


def test_slopes_are_those_of_finite_differences() -> None:
    n, d, loss = runs(0.1, n=7)
    x, y, target = np.log(n), np.log(d), np.log(loss)[None, :]
    p = np.array([[5.0, 6.0, 0.4, 0.3, 0.4]])
    _, slopes = scaling_fit._residuals(p, x, y, target)
    for i in range(5):
        step = np.zeros((1, 5))
        step[0, i] = 1e-6
        up, down = (scaling_fit._residuals(p + s, x, y, target)[0] for s in (step, -step))
        assert slopes[0, :, i] == pytest.approx(((up - down) / 2e-6)[0], abs=1e-6)


def test_an_outlier_moves_the_huber_fit_little() -> None:
    n, d, loss = runs(0.0)
    loss[:3] *= 1.5
    assert fit_surface(n, d, loss).at(np.array([1e10]), np.array([1e12]))[0] == pytest.approx(
        TRUE["E"] + TRUE["A"] / 1e10 ** TRUE["alpha"] + TRUE["B"] / 1e12 ** TRUE["beta"], rel=1e-2
    )


def test_the_optimum_spends_the_compute_and_no_other_split_is_better() -> None:
    found = fit_surface(*runs(0.0))
    n, d = found.optimum(1e21)
    assert 6 * n * d == pytest.approx(1e21)
    others = [found.at(np.array([n * f]), np.array([d / f]))[0] for f in (0.8, 1.25)]
    assert found.at(np.array([n]), np.array([d]))[0] < min(others)


def test_the_starts_are_chinchillas() -> None:
    assert starts().shape == (4500, 5)
