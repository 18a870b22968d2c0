"""Power laws with their intervals: what a fit says of compute that was not spent.

Legend: R runs, P problems, S bootstrap samples, K computes asked for.

A resample keeps the computes: each run's logarithm gets a new normal error and the law is fitted again; of pass rates
problems are drawn anew as well, as GPT-4's report has 23 of them. The size of the error is known only from residuals
with R less the fitted parameters as degrees of freedom; so it is drawn too, from its chi square law. An interval is
that of *one further run*, with an error of its own: where the law is a straight line in the logarithms this is
Student's, and few runs give wide intervals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hansei.core.errors import BadInput
from hansei.core.records import Figure
from hansei.measuring.scaling_fit import GRID, Array, Powers, fit_pass_rates, fit_powers

CELLS = 4_000_000
"""Values of a fit that are held in memory at a time."""
LEVELS = (0.025, 0.975)


@dataclass(frozen=True)
class Law:
    """y = a C^b + c fitted to R runs, and to S resamples of them."""

    best: Powers
    """The fit to the runs: one row."""
    drawn: Powers
    """The fits to the resamples: S rows."""
    error_S: Array
    """Standard deviation of log(y - `base`) about the law, one draw for each resample."""
    runs: int
    """R."""
    base: float
    """The known floor; 0 where the floor was fitted, or there is none."""
    seed: int

    def at(self, compute: float) -> Figure:
        """y of a run with that compute, with the interval of one further run."""
        return self.figure(float(self.best.at(np.array([compute]))[0, 0]), self.draws(compute))

    def draws(self, compute: float) -> Array:
        """S values that a further run may have."""
        rng = np.random.default_rng((self.seed, 1))  # the same for every compute, so that a band is smooth
        noise_S = self.error_S * rng.standard_normal(len(self.error_S))
        values_S: Array = (self.drawn.at(np.array([compute]))[:, 0] - self.base) * np.exp(noise_S) + self.base
        return values_S

    def figure(self, value: float, drawn_S: Array) -> Figure:
        """A value with the 95% interval of its resamples; n is the number of runs."""
        low, high = np.quantile(drawn_S, LEVELS)
        return Figure(value, float(low), float(high), self.runs)

    def parameters(self) -> dict[str, Figure]:
        """a, b and c with their intervals."""
        pairs = {name: (getattr(self.best, name), getattr(self.drawn, name)) for name in ("a", "b", "c")}
        return {name: self.figure(float(best[0]), drawn) for name, (best, drawn) in pairs.items()}


def fit_loss(compute_R: Array, loss_R: Array, floor: float | None = None, *, draws: int = 1000, seed: int = 0) -> Law:
    """L = a C^b + c (GPT-4 report, section 3.1).

    With a known `floor` (the entropy of the text), c is that and L - c is a straight line in the logarithms; else c is
    fitted too, at 0 or above. Raises BadInput where a loss is not above the floor.
    """
    if floor is not None and not np.all(loss_R > floor):
        raise BadInput(f"losses above the floor of {floor:g} were expected, found {loss_R.min():g}: check the floor")
    base = floor or 0.0
    best = _fit(compute_R, loss_R[None, :], floor)
    fitted_R = best.at(compute_R)[0]
    rng = np.random.default_rng(seed)
    error_S = errors(np.log((loss_R - base) / (fitted_R - base)), 3 if floor is None else 2, draws, rng)
    noise_SR = error_S[:, None] * rng.standard_normal((draws, len(loss_R)))
    drawn = _fit(compute_R, base + (fitted_R - base) * np.exp(noise_SR), floor)
    return Law(best, drawn, error_S, len(loss_R), base, seed)


def fit_passes(compute_R: Array, log_rate_PR: Array, *, draws: int = 1000, seed: int = 0) -> Law:
    """-E[log pass rate] = alpha C^-k, E over problems (GPT-4 report, section 3.2); a is alpha, b is -k.

    `log_rate_PR` is finite: problems that a run never solves have no logarithm. With one row, which may be an
    expectation already, only runs are resampled. Raises BadInput where a run solves every problem every time.
    """
    mean_R = -log_rate_PR.mean(axis=0)
    if not np.all(mean_R > 0):
        raise BadInput("a run solves every problem every time: no power law tells when that is; leave such runs out")
    best = _line(compute_R, mean_R[None, :], 0.0)
    rng = np.random.default_rng(seed)
    error_S = errors(np.log(mean_R / best.at(compute_R)[0]), 2, draws, rng)
    problems = len(log_rate_PR)
    times_SP = rng.multinomial(problems, np.full(problems, 1 / problems), draws)
    # A resample of problems that a run solves every time has no logarithm; it counts as a thousandth of the smallest.
    mean_SR = np.maximum(-(times_SP @ log_rate_PR) / problems, mean_R.min() * 1e-3)
    noise_SR = error_S[:, None] * rng.standard_normal((draws, len(mean_R)))
    if problems == 1:
        mean_SR = np.broadcast_to(best.at(compute_R), (draws, len(mean_R)))
    return Law(best, _line(compute_R, mean_SR * np.exp(noise_SR), 0.0), error_S, len(mean_R), 0.0, seed)


def _fit(compute_R: Array, loss_SR: Array, floor: float | None) -> Powers:
    if floor is not None:
        return _line(compute_R, loss_SR, floor)
    rows = max(1, CELLS // (GRID * len(compute_R)))
    parts = [fit_powers(compute_R, loss_SR[start : start + rows]) for start in range(0, len(loss_SR), rows)]
    return Powers(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("a", "b", "c")))


def _line(compute_R: Array, y_SR: Array, floor: float) -> Powers:
    a_S, k_S = fit_pass_rates(compute_R, y_SR - floor)
    return Powers(a_S, -k_S, np.full(len(a_S), floor))


def errors(residual_R: Array, fitted: int, draws: int, rng: np.random.Generator) -> Array:
    """S draws of the standard deviation of errors, from the residuals of a fit with so many parameters.

    There are more residuals than parameters: `check_spread` sees to that.
    """
    free = len(residual_R) - fitted
    return np.asarray(np.sqrt((residual_R**2).sum() / rng.chisquare(free, draws)))


def check_spread(compute: Sequence[float] | NDArray[np.float64], fewest: int, what: str) -> None:
    """Raises BadInput unless there are enough different computes for a fit."""
    found = len(np.unique(np.round(np.log(np.asarray(compute)), 6)))
    if found < fewest:
        raise BadInput(f"{what}: {fewest} different computes at least were expected, found {found}: add smaller runs")


def ends(figure: Figure) -> tuple[float, float, float]:
    """Value, low and high of a figure that was measured. Raises ValueError at one that was not."""
    if figure.value is None or figure.low is None or figure.high is None:
        raise ValueError(f"a figure with an interval was expected, found {figure}")
    return figure.value, figure.low, figure.high
