"""Chinchilla's surface with intervals: L(N, D) = E + A / N^alpha + B / D^beta (arXiv 2203.15556, equation 10).

Legend: R runs, S resamples, P parameters. A resample draws runs with replacement, as weights of the same fit, and all
resamples are fitted at once from the best parameters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hansei.core.errors import BadInput
from hansei.core.records import Figure
from hansei.measuring.scaling_fit import Array, Surface, fit_surface, minimise
from hansei.measuring.scaling_laws import LEVELS, errors

FEWEST = 8
"""Runs; five parameters are fitted."""
ALIKE = 0.999
"""Correlation of log N and log D beyond which their parts of the loss can't be told apart."""


@dataclass(frozen=True)
class SurfaceLaw:
    """The surface fitted to R runs, and to S resamples of them."""

    best: Surface
    drawn: tuple[Surface, ...]
    error_S: Array
    """Standard deviation of the log loss about the surface, one draw for each resample."""
    runs: int
    """R."""
    seed: int

    def at(self, n: float, d: float) -> Figure:
        """The loss of one further run with n parameters and d tokens, with its interval."""
        rng = np.random.default_rng((self.seed, 1))
        where = np.array([n]), np.array([d])
        drawn_S = np.array([surface.at(*where)[0] for surface in self.drawn])
        low, high = np.quantile(drawn_S * np.exp(self.error_S * rng.standard_normal(len(drawn_S))), LEVELS)
        return Figure(float(self.best.at(*where)[0]), float(low), float(high), self.runs)

    def parameters(self) -> dict[str, Figure]:
        """E, A, B, alpha, beta with their intervals."""
        found = {}
        for name in ("E", "A", "B", "alpha", "beta"):
            low, high = np.quantile([getattr(surface, name) for surface in self.drawn], LEVELS)
            found[name] = Figure(getattr(self.best, name), float(low), float(high), self.runs)
        return found


def fit(n_R: Array, d_R: Array, loss_R: Array, *, draws: int, seed: int, what: str) -> SurfaceLaw:
    """The surface through R runs. Raises BadInput where they are too few, or N and D rise together."""
    if len(n_R) < FEWEST or len(np.unique(n_R)) < 3 or len(np.unique(d_R)) < 3:
        raise BadInput(
            f"{what}: {FEWEST} runs with 3 different params and 3 different tokens at least were expected, found "
            f"{len(n_R)} with {len(np.unique(n_R))} and {len(np.unique(d_R))}"
        )
    if abs(np.corrcoef(np.log(n_R), np.log(d_R))[0, 1]) > ALIKE:
        raise BadInput(
            f"{what}: params and tokens rise together, so their parts of the loss can't be told apart: add runs "
            "of other shapes, or use --form power"
        )
    best = fit_surface(n_R, d_R, loss_R)
    if not (best.alpha > 0 and best.beta > 0 and best.A > 0 and best.B > 0):
        raise BadInput(
            f"{what}: a loss that falls with params and with tokens was expected, found alpha {best.alpha:.3g}, beta "
            f"{best.beta:.3g}: check the columns, or add runs of other shapes"
        )
    rng = np.random.default_rng(seed)
    runs = len(n_R)
    weight_SR = rng.multinomial(runs, np.full(runs, 1 / runs), draws).astype(float)
    start_P = np.array([np.log(best.A), np.log(best.B), np.log(best.E), best.alpha, best.beta])
    start_SP = np.repeat(start_P[None, :], draws, axis=0)
    found_SP, cost_S = minimise(np.log(n_R), np.log(d_R), np.log(loss_R)[None, :], weight_SR, start_SP, 100)
    drawn = tuple(
        Surface(float(np.exp(e)), float(np.exp(a)), float(np.exp(b)), float(alpha), float(beta), float(cost))
        for (a, b, e, alpha, beta), cost in zip(found_SP, cost_S, strict=True)
    )
    residual_R = np.log(loss_R / best.at(n_R, d_R))
    return SurfaceLaw(best, drawn, errors(residual_R, 5, draws, rng), runs, seed)
