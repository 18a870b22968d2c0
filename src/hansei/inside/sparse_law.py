"""Scaling laws of autoencoders, fitted by least squares on the logarithm of the loss (section 3 of arXiv 2406.04093).

L(n)    = a + b n^c                    at one k
L(n, k) = exp(α + β_k ln k + β_n ln n + γ ln k ln n) + exp(ζ + η ln k)
L(C)    = a + b C^c                    the least loss reached with compute C, over all sizes
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Curve = Callable[[Array], Array]


class Law(NamedTuple):
    """A fitted law."""

    names: tuple[str, ...]
    values: Array
    low: Array
    """Lower ends of the parameters' 95% intervals, from resampled residuals."""
    high: Array


JOINT = ("alpha", "beta_k", "beta_n", "gamma", "zeta", "eta")
POWER = ("a", "b", "c")


def joint(p: Array, n: Array, k: Array) -> Array:
    """L(n, k)."""
    ln_n, ln_k = np.log(n), np.log(k)
    with np.errstate(over="ignore"):
        return np.asarray(np.exp(p[0] + p[1] * ln_k + p[2] * ln_n + p[3] * ln_k * ln_n) + np.exp(p[4] + p[5] * ln_k))


def power(p: Array, x: Array) -> Array:
    """a + b x^c."""
    return np.asarray(p[0] + p[1] * x ** p[2])


def fit_joint(n: Array, k: Array, loss: Array, *, draws: int = 200, seed: int = 0) -> Law:
    """L(n, k) from the authors' constants for GPT-4 and starts around them; the best of all."""
    published = np.array([-0.5, 0.26, -0.017, -0.042, -1.32, -0.085])
    rng = np.random.default_rng(seed)
    starts = [published, *(published + rng.normal(0, (1, 0.3, 0.3, 0.05, 1, 0.3), (24, 6)))]

    def fitted(target: Array, begin: list[Array]) -> Array:
        return _least(lambda p: np.log(np.maximum(joint(p, n, k), 1e-12)) - target, begin)

    return _with_intervals(JOINT, np.log(loss), fitted, starts, lambda p: np.log(joint(p, n, k)), draws, rng)


def fit_power(x: Array, loss: Array, *, draws: int = 200, seed: int = 0) -> Law:
    """a + b x^c with a >= 0, b > 0 and c < 0."""
    rng = np.random.default_rng(seed)
    least = float(loss.min())
    starts = [
        np.array([share * least, (float(loss[0]) - share * least) * float(x[0]) ** -c, c])
        for share in (0.0, 0.5, 0.9)
        for c in (-0.1, -0.3, -0.6)
    ]
    bounds = ([0.0, 1e-12, -5.0], [least, np.inf, -1e-6])

    def fitted(target: Array, begin: list[Array]) -> Array:
        return _least(lambda p: np.log(np.maximum(power(p, x), 1e-12)) - target, begin, bounds)

    return _with_intervals(POWER, np.log(loss), fitted, starts, lambda p: np.log(power(p, x)), draws, rng)


def _least(residual: Curve, starts: list[Array], bounds: tuple[Any, Any] = (-np.inf, np.inf)) -> Array:
    """The parameters with the least sum of squares, over several starts."""
    from scipy.optimize import least_squares

    low, high = np.asarray(bounds[0]), np.asarray(bounds[1])
    begun = [np.clip(start, low + 1e-13, np.where(np.isinf(high), high, high - 1e-13)) for start in starts]
    runs = [least_squares(residual, start, bounds=bounds, x_scale="jac", max_nfev=2000) for start in begun]
    return np.asarray(min(runs, key=lambda run: float(run.cost)).x)


def _with_intervals(
    names: tuple[str, ...],
    target: Array,
    fitted: Callable[[Array, list[Array]], Array],
    starts: list[Array],
    predicted: Curve,
    draws: int,
    rng: np.random.Generator,
) -> Law:
    """The fit, and percentiles of fits to its own values with resampled residuals, each from where the fit ended."""
    values = fitted(target, starts)
    residual = (target - predicted(values)) * np.sqrt(len(target) / max(1, len(target) - len(names)))
    again = np.array([fitted(predicted(values) + rng.choice(residual, len(target)), [values]) for _ in range(draws)])
    low, high = np.quantile(again, [0.025, 0.975], axis=0)
    return Law(names, values, low, high)
