"""What latents tell of mistakes: AUROC against good answers, and against mended twins, chosen and tested apart.

Letters: N answers (twins after them), L latents, D bootstrap draws, C clusters: what prompts are about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hansei.core.records import Figure
from hansei.core.statistics import mcnemar, paired_bootstrap, rate
from hansei.inside.mistake_answers import LEAST, Case

DRAWS = 1000
LEVEL = 0.05
"""Corrected p-value below which a latent has stood the test."""
Array = NDArray[np.float64]
WORDS = ("on mistakes", "on good answers")
"""Where a latent fires more."""


class Told:
    """What latents tell of the cases: `z_NL` is of the cases, then of the twins."""

    def __init__(self, cases: Sequence[Case], z_NL: Array, candidates: int) -> None:
        self.z_NL, self.candidates = z_NL, candidates
        self.bad_N = np.array([case.bad for case in cases])
        self.first_N = np.array([case.first for case in cases])
        self.about = [case.about for case in cases]
        pairs = [(i, len(cases) + j) for j, i in enumerate(owners(cases))]
        self.pairs = np.array(pairs, dtype=int).reshape(-1, 2)

    def _chosen(self, score_L: Array) -> list[int]:
        """As many latents of mistakes (the highest scores) as of good answers (the lowest), the farthest first."""
        order = np.argsort(-score_L, kind="stable")
        half = min(self.candidates, len(order)) // 2
        both = np.concatenate([order[: min(self.candidates, len(order)) - half], order[len(order) - half :]])
        return [int(latent) for latent in sorted(both, key=lambda latent: -abs(score_L[latent]))]

    def separating(self) -> list[dict[str, Any]]:
        """The candidates by AUROC on the first half, as they tell mistakes from good answers on the second."""
        first = np.flatnonzero(self.first_N)
        chance_L = aurocs(self.z_NL[first], self.bad_N[first])
        chosen = self._chosen(chance_L - 0.5)
        second = np.flatnonzero(~self.first_N)
        tested = [self._test(second, latent) for latent in chosen]
        rows = []
        for latent, (figure, _), p in zip(chosen, tested, holm([p for _, p in tested]), strict=True):
            row = {"row": f"latent {latent}", "latent": latent, "fires_more": _more(chance_L[latent] - 0.5)}
            row |= {"auroc_first_half": float(chance_L[latent]), "auroc": figure, "p_holm": p}
            for name, bad in (("fires_on_mistakes", True), ("fires_on_good_answers", False)):
                mine = second[self.bad_N[second] == bad]
                row[name] = rate((self.z_NL[mine, latent] > 0).astype(float), [self.about[i] for i in mine])
            rows.append(row)
        return rows

    def _test(self, rows: NDArray[np.intp], latent: int) -> tuple[Figure, float]:
        """AUROC with an interval that resamples what prompts are about, and a p-value.

        The p-value is Mann and Whitney's on the mean of each outcome about one thing, so that each counts once.
        """
        z_N, bad_N, about = self.z_NL[rows, latent], self.bad_N[rows], np.array([self.about[i] for i in rows])
        codes = np.unique(about, return_inverse=True)[1]
        value = float(aurocs(z_N[:, None], bad_N)[0])
        low, high = _interval(z_N, bad_N, codes)
        from scipy.stats import mannwhitneyu

        means = [
            [float(z_N[(codes == c) & (bad_N == bad)].mean()) for c in np.unique(codes[bad_N == bad])]
            for bad in (True, False)
        ]
        return Figure(value, low, high, len(rows)), float(mannwhitneyu(*means).pvalue)

    def against_twins(self) -> list[dict[str, Any]]:
        """The candidates that fire on mistakes and not on their twins, or the other way; [] with too few twins."""
        in_first = self.first_N[self.pairs[:, 0]]
        first, second = self.pairs[in_first], self.pairs[~in_first]
        if min(len(first), len(second)) < LEAST:
            return []
        on = self.z_NL > 0
        more_L = on[first[:, 0]].mean(0) - on[first[:, 1]].mean(0)
        chosen = self._chosen(more_L)
        about = [self.about[i] for i in second[:, 0]]
        rows, tests = [], []
        for latent in chosen:
            bad, good = (on[second[:, side], latent].astype(float) for side in (0, 1))
            up, down = _signs(bad - good, about)
            tests.append(mcnemar(up, down))
            row = {"row": f"latent {latent}", "latent": latent, "fires_more": _more(more_L[latent])}
            row |= {"fires_on_mistakes": rate(bad, about), "fires_on_twins": rate(good, about)}
            rows.append(row | {"difference": paired_bootstrap(good, bad, about)})
        return [row | {"p_holm": p} for row, p in zip(rows, holm(tests), strict=True)]

    def ranked(self, rows: Sequence[Mapping[str, Any]]) -> tuple[list[int], list[int]]:
        """Latents of mistakes and of good answers that stood the test, in the order in which they were chosen."""
        held = [row for row in rows if row["p_holm"] < LEVEL]
        bad, good = ([row["latent"] for row in held if row["fires_more"] == where] for where in WORDS)
        return bad, good

    def mean(self, latent: int) -> float:
        """Its mean over the texts of the first half that it fires in, twins among them."""
        halves = np.concatenate([self.first_N, self.first_N[self.pairs[:, 0]]])
        z_N = self.z_NL[halves, latent]
        return float(z_N[z_N > 0].mean())


def _more(difference: float) -> str:
    return WORDS[0] if difference > 0 else WORDS[1]


def _signs(difference: Array, about: Sequence[str]) -> tuple[int, int]:
    """About how many things the mean difference is above 0, and below: pairs about one thing count once."""
    means = [difference[[a == name for a in about]].mean() for name in dict.fromkeys(about)]
    return sum(m > 0 for m in means), sum(m < 0 for m in means)


def aurocs(z_NL: Array, bad_N: NDArray[np.bool_]) -> Array:
    """For each latent the chance that it is stronger in a mistake than in a good answer, ties counting half."""
    from scipy.stats import rankdata

    n_bad, n_good = int(bad_N.sum()), int((~bad_N).sum())
    ranks_NL = rankdata(z_NL, axis=0)
    return np.asarray((ranks_NL[bad_N].sum(0) - n_bad * (n_bad + 1) / 2) / (n_bad * n_good))


def _interval(z_N: Array, bad_N: NDArray[np.bool_], codes: NDArray[np.intp]) -> tuple[float | None, float | None]:
    """Percentiles of the AUROC over resampled clusters, from each pair's win and how often both were drawn."""
    rng = np.random.default_rng(0)
    times_DC = rng.multinomial(codes.max() + 1, np.full(codes.max() + 1, 1 / (codes.max() + 1)), DRAWS).astype(float)
    wins = (z_N[bad_N][:, None] > z_N[~bad_N]) + 0.5 * (z_N[bad_N][:, None] == z_N[~bad_N])
    bad_DB, good_DG = times_DC[:, codes[bad_N]], times_DC[:, codes[~bad_N]]
    pairs_D = bad_DB.sum(1) * good_DG.sum(1)
    there = pairs_D > 0
    values = ((bad_DB @ wins) * good_DG).sum(1)[there] / pairs_D[there]
    return (float(np.quantile(values, 0.025)), float(np.quantile(values, 0.975))) if there.any() else (None, None)


def holm(p: Sequence[float]) -> list[float]:
    """p-values corrected for how many there are (Holm 1979, Scandinavian Journal of Statistics 6:65)."""
    order, made, least = np.argsort(p, kind="stable"), [0.0] * len(p), 0.0
    for rank, i in enumerate(order):
        least = max(least, min(1.0, (len(p) - rank) * p[i]))
        made[i] = least
    return made


def owners(cases: Sequence[Case]) -> list[int]:
    """For each twin the number of its mistake."""
    return [i for i, case in enumerate(cases) if case.twin is not None]
