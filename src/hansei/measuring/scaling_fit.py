"""Scaling laws as fitting problems: loss against compute, pass rate against compute, and Chinchilla's surface.

Legend: R runs, S starts (or bootstrap samples: both are batch dimensions), G grid values, P parameters.
Sources: GPT-4 report (arXiv 2303.08774, sections 3.1 and 3.2); Hoffmann et al. 2022 (arXiv 2203.15556, equation 10).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
GRID = 400
"""Values tried for the irreducible loss before it is refined."""
HUBER = 1e-3
"""Chinchilla's delta, on residuals of the log loss."""


@dataclass(frozen=True)
class Powers:
    """L = a C^b + c for each of S samples."""

    a: Array
    b: Array
    c: Array

    def at(self, compute: Array) -> Array:
        """Predicted loss, S x len(compute)."""
        powers: Array = self.a[:, None] * compute ** self.b[:, None] + self.c[:, None]
        return powers


def fit_powers(compute_R: Array, loss_SR: Array) -> Powers:
    """L = a C^b + c by least squares in L, for each row of `loss_SR` at once.

    For a fixed c the rest is a straight line, log(L - c) = log a + b log C (weighted by (L - c)^2, so that its squares
    are those of L to first order). c runs over a grid in [0, min L), then over finer ones around the best value.
    """
    x_R = np.log(compute_R)
    low_S, high_S = np.zeros(len(loss_SR)), loss_SR.min(axis=1)
    best = _lines(x_R, compute_R, loss_SR, low_S, high_S, GRID)
    for _ in range(4):  # each round is 20 times finer
        step_S = (high_S - low_S) / GRID
        low_S, high_S = np.maximum(best.c - 2 * step_S, 0), np.minimum(best.c + 2 * step_S, loss_SR.min(axis=1))
        best = _lines(x_R, compute_R, loss_SR, low_S, high_S, GRID // 5)
    return best


def _lines(x_R: Array, compute_R: Array, loss_SR: Array, low_S: Array, high_S: Array, steps: int) -> Powers:
    share_G = (np.arange(steps) + 0.5) / steps
    c_SG = low_S[:, None] + share_G * (high_S - low_S)[:, None]
    reducible_SGR = loss_SR[:, None, :] - c_SG[:, :, None]
    y_SGR, w_SGR = np.log(reducible_SGR), reducible_SGR**2
    total_SG = w_SGR.sum(axis=2)
    mean_x, mean_y = (w_SGR * x_R).sum(axis=2) / total_SG, (w_SGR * y_SGR).sum(axis=2) / total_SG
    dx_SGR = x_R - mean_x[:, :, None]
    slope_SG = (w_SGR * dx_SGR * (y_SGR - mean_y[:, :, None])).sum(axis=2) / (w_SGR * dx_SGR**2).sum(axis=2)
    a_SG = np.exp(mean_y - slope_SG * mean_x)
    fitted_SGR = a_SG[:, :, None] * compute_R ** slope_SG[:, :, None] + c_SG[:, :, None]
    cost_SG = ((fitted_SGR - loss_SR[:, None, :]) ** 2).sum(axis=2)
    rows, best = np.arange(len(loss_SR)), cost_SG.argmin(axis=1)
    return Powers(a_SG[rows, best], slope_SG[rows, best], c_SG[rows, best])


def fit_pass_rates(compute_R: Array, neglog_SR: Array) -> tuple[Array, Array]:
    """-E[log pass rate] = alpha C^-k: alpha and k for each row, a straight line in the logarithms.

    Raises ValueError where a mean is 0: every problem is always solved there, and no power law says when that is.
    """
    if not np.all(neglog_SR > 0):
        raise ValueError("-E[log pass rate] must be above 0: leave out runs that solve every problem every time")
    x_R, y_SR = np.log(compute_R), np.log(neglog_SR)
    dx_R = x_R - x_R.mean()
    slope_S = (dx_R * (y_SR - y_SR.mean(axis=1, keepdims=True))).sum(axis=1) / (dx_R**2).sum()
    return np.exp(y_SR.mean(axis=1) - slope_S * x_R.mean()), -slope_S


@dataclass(frozen=True)
class Surface:
    """L(N, D) = E + A / N^alpha + B / D^beta."""

    E: float
    A: float
    B: float
    alpha: float
    beta: float
    cost: float
    """Sum over runs of the Huber loss of the log residual."""

    def at(self, n: Array, d: Array) -> Array:
        """Predicted loss."""
        loss: Array = self.E + self.A / n**self.alpha + self.B / d**self.beta
        return loss

    def optimum(self, compute: float) -> tuple[float, float]:
        """Parameters and tokens that spend `compute` = 6 N D best."""
        share = self.beta / (self.alpha + self.beta)
        g = (self.alpha * self.A / (self.beta * self.B)) ** (1 / (self.alpha + self.beta))
        return float(g * (compute / 6) ** share), float((compute / 6) ** (1 - share) / g)


def starts() -> Array:
    """Chinchilla's 4,500 starts as rows (a, b, e, alpha, beta), with A = e^a, B = e^b, E = e^e."""
    ab, e, powers = np.arange(0, 26, 5.0), np.arange(-1, 1.5, 0.5), np.arange(0, 2.5, 0.5)
    return np.array(list(product(ab, ab, e, powers, powers)))


def fit_surface(n_R: Array, d_R: Array, loss_R: Array, start_SP: Array | None = None, rounds: int = 60) -> Surface:
    """The surface by the sum of Huber losses of log residuals, from many starts at once; the best is polished.

    Sum, not mean: a mean over runs makes the objective so small that optimisers stop at its tolerance too early.
    """
    start_SP = starts()[:: len(starts()) // 500][:500] if start_SP is None else start_SP
    logs = np.log(n_R), np.log(d_R)
    target_SR = np.log(loss_R)[None, :]
    found_SP, cost_S = minimise(*logs, target_SR, np.ones_like(target_SR), start_SP, rounds)
    best = int(np.nanargmin(cost_S))
    found_SP, cost_S = minimise(*logs, target_SR, np.ones_like(target_SR), found_SP[best : best + 1], 400)
    a, b, e, alpha, beta = found_SP[0]
    return Surface(float(np.exp(e)), float(np.exp(a)), float(np.exp(b)), float(alpha), float(beta), float(cost_S[0]))


def minimise(
    x_R: Array, y_R: Array, target_SR: Array, weight_SR: Array, start_SP: Array, rounds: int
) -> tuple[Array, Array]:
    """Levenberg-Marquardt on S problems at once; returns their parameters S x P and costs S.

    The Huber loss by reweighting: a residual beyond delta has weight delta / |r|, so that each step is one of least
    squares. A step that lowers the cost is taken and its damping falls; one that does not is undone and it rises.
    `target_SR` and `weight_SR` may have one row for all S.
    """
    p_SP, damping_S = start_SP.copy(), np.full(len(start_SP), 1e-2)
    residual_SR, slope_SRP = _residuals(p_SP, x_R, y_R, target_SR)
    cost_S = _huber(residual_SR, weight_SR)
    eye = np.eye(p_SP.shape[1])
    for _ in range(rounds):
        far_SR = weight_SR * np.minimum(1.0, HUBER / np.maximum(np.abs(residual_SR), 1e-300))
        weighted_SRP = slope_SRP * far_SR[:, :, None]
        hessian_SPP = np.einsum("srp,srq->spq", weighted_SRP, slope_SRP, optimize=True)
        gradient_SP = np.einsum("srp,sr->sp", weighted_SRP, residual_SR, optimize=True)
        scale_SP = np.einsum("spp->sp", hessian_SPP) + 1e-12
        damped = hessian_SPP + eye * (damping_S[:, None] * scale_SP)[:, None, :]
        step_SP = np.linalg.solve(damped + 1e-14 * eye, gradient_SP[:, :, None])[:, :, 0]
        trial_SP = p_SP - np.clip(step_SP, -5, 5)
        trial_residual_SR, trial_slope_SRP = _residuals(trial_SP, x_R, y_R, target_SR)
        trial_S = _huber(trial_residual_SR, weight_SR)
        better_S = trial_S < cost_S
        p_SP[better_S], cost_S[better_S] = trial_SP[better_S], trial_S[better_S]
        residual_SR[better_S], slope_SRP[better_S] = trial_residual_SR[better_S], trial_slope_SRP[better_S]
        damping_S = np.clip(np.where(better_S, damping_S / 3, damping_S * 4), 1e-12, 1e12)
        if np.all(damping_S >= 1e12):
            break
    return p_SP, cost_S


def _residuals(p_SP: Array, x_R: Array, y_R: Array, target_SR: Array) -> tuple[Array, Array]:
    """LSE(a - alpha log N, b - beta log D, e) - log L, S x R, and its slopes by a, b, e, alpha, beta, S x R x P."""
    a, b, e, alpha, beta = (p_SP[:, i : i + 1] for i in range(5))
    terms_3SR = np.stack([a - alpha * x_R, b - beta * y_R, np.broadcast_to(e, (len(p_SP), len(x_R)))])
    top_SR = terms_3SR.max(axis=0)
    powers_3SR = np.exp(terms_3SR - top_SR)
    total_SR = powers_3SR.sum(axis=0)
    share_3SR = powers_3SR / total_SR
    slope_SRP = np.stack([share_3SR[0], share_3SR[1], share_3SR[2], -share_3SR[0] * x_R, -share_3SR[1] * y_R], axis=2)
    return top_SR + np.log(total_SR) - target_SR, slope_SRP


def _huber(residual_SR: Array, weight_SR: Array) -> Array:
    size_SR = np.abs(residual_SR)
    each_SR = np.where(size_SR <= HUBER, size_SR**2 / 2, HUBER * (size_SR - HUBER / 2))
    total: Array = (weight_SR * each_SR).sum(axis=1)
    return np.where(np.isfinite(total), total, np.inf)
