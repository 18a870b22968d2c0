"""Chinchilla's surface fitted to 240 runs: ours from 500 starts at once, SciPy's from a few, one after the other.

    python benchmarks/scaling.py

SciPy takes its slopes by finite differences, as published fits do; its time for 500 starts is reckoned from 20.
"""

from __future__ import annotations

import platform
import time

import numpy as np
import scipy
from scipy.optimize import minimize
from scipy.special import logsumexp

from hansei.measuring.scaling_fit import fit_surface, starts

RUNS, STARTS, TRIED = 240, 500, 20


def main() -> None:
    """Both sides on the same runs; prints seconds, costs and the ratio."""
    rng = np.random.default_rng(0)
    n, d = 10 ** rng.uniform(7, 10, RUNS), 10 ** rng.uniform(8.5, 11.5, RUNS)
    loss = (1.82 + 482 / n**0.348 + 2085 / d**0.366) * np.exp(0.01 * rng.standard_normal(RUNS))

    def objective(p: np.ndarray) -> float:
        fitted = logsumexp([p[0] - p[3] * np.log(n), p[1] - p[4] * np.log(d), np.full(RUNS, p[2])], axis=0)
        r = np.abs(fitted - np.log(loss))
        return float(np.where(r <= 1e-3, r * r / 2, 1e-3 * (r - 5e-4)).sum())

    chosen = starts()[:: len(starts()) // STARTS][:STARTS]
    fit_surface(n, d, loss, chosen)
    began = time.perf_counter()
    ours = fit_surface(n, d, loss, chosen)
    seconds = time.perf_counter() - began
    began = time.perf_counter()
    costs = [float(minimize(objective, s, method="L-BFGS-B").fun) for s in chosen[:: STARTS // TRIED]]
    each = (time.perf_counter() - began) / len(costs)
    print(f"{platform.processor() or platform.machine()}, NumPy {np.__version__}, SciPy {scipy.__version__}")
    print(f"hansei: {STARTS} starts {seconds:.2f} s, cost {ours.cost:.6e}")
    print(f"SciPy:  {each * STARTS:.1f} s for {STARTS} starts ({each * 1000:.1f} ms each), best cost {min(costs):.6e}")
    print(f"ratio {each * STARTS / seconds:.0f}")


if __name__ == "__main__":
    main()
