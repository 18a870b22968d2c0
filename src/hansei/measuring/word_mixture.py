"""The share of one of two kinds of sentences in a mixture, by maximum likelihood over which words occur.

Liang et al., "Monitoring AI-Modified Content at Scale", arXiv 2403.07183, section 3, and "Mapping the Increasing
Use of LLMs in Scientific Papers", arXiv 2404.01268. A sentence x is the set of its words; a word t occurs with
probability p(t) in human and q(t) in AI text, independently:

    P(x) = prod_{t in x} p(t) prod_{t not in x} (1 - p(t)), Q(x) likewise,
    L(alpha) = sum_x log((1 - alpha) P(x) + alpha Q(x)),  alpha^ = argmax over [0, 1].

Words in a sentence are not independent and rare words' p and q are badly known, so alpha^ of purely human text is
not 0 (the *floor*). `Calibration` takes that out with training sentences that p and q were not counted from.

Legend: N sentences, V words, D bootstrap draws. `ratio` is log Q(x) - log P(x).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Groups = NDArray[np.intp]
"""The document of each sentence, numbered from 0."""

STEPS = 60
"""Newton steps at most; five are the rule."""
PRECISE = 1e-6
"""Steps of alpha below this end the search: as a step squares the error, what is left is far smaller."""
_CELLS = 200_000
"""Bootstrap weights held at a time: what stays in the cache of a core."""
_FAR = 500.0
"""Log ratios beyond this are cut: their exponential must be a float, and nothing is ever so sure."""


def occurrences(sentences: Sequence[Sequence[str]], words: Mapping[str, int]) -> Any:
    """Which of V words occur in which of N sentences: a sparse N x V matrix of 0 and 1."""
    from scipy import sparse

    found: list[int] = []
    starts = [0]
    for sentence in sentences:
        found += {words[word] for word in sentence if word in words}
        starts.append(len(found))
    ones = np.ones(len(found))
    return sparse.csr_matrix((ones, np.array(found, dtype=np.intp), starts), shape=(len(sentences), len(words)))


@dataclass(frozen=True)
class WordModel:
    """What each word says for AI against human: log Q(x) - log P(x) is linear in the occurrences."""

    weights_V: Array
    """log-odds of q(t) minus log-odds of p(t); 0 for words outside the vocabulary."""
    base: float
    """The ratio of a sentence without any word of the vocabulary."""
    words: int
    """Size of the vocabulary."""

    def ratios(self, occurring_NV: Any) -> Array:
        """The log ratio of each sentence, N."""
        ratios_N: Array = occurring_NV @ self.weights_V + self.base
        return ratios_N


def fit(human_V: Array, humans: int, ai_V: Array, ais: int, allowed_V: NDArray[np.bool_], least: int) -> WordModel:
    """Word probabilities from the number of sentences (of `humans` and `ais`) that hold each word.

    The vocabulary is what is allowed, occurs in at least `least` sentences of either kind, and is absent from at
    least one of either: logarithms of 0 have no place in it.
    """
    used_V = allowed_V & (human_V >= max(least, 1)) & (ai_V >= max(least, 1)) & (human_V < humans) & (ai_V < ais)
    p, q = human_V[used_V] / humans, ai_V[used_V] / ais
    absent = np.log1p(-q) - np.log1p(-p)
    weights_V = np.zeros(len(human_V))
    weights_V[used_V] = np.log(q) - np.log(p) - absent
    return WordModel(weights_V, float(absent.sum()), int(used_V.sum()))


Parts = tuple[Array, Array, Array]


def split_ratio(ratio_N: Array) -> Parts:
    """a = P/(P+Q), b = Q/(P+Q) and c = b - a: log((1-alpha) P + alpha Q) = log(a + alpha c) + constant.

    All are bounded, so that nothing overflows however sure a sentence is.
    """
    cut_N = np.clip(ratio_N, -_FAR, _FAR)
    return 1.0 / (1.0 + np.exp(cut_N)), 1.0 / (1.0 + np.exp(-cut_N)), np.tanh(cut_N / 2)


def estimate(ratio_N: Array, weight_N: Array | None = None) -> float:
    """The share alpha^ that maximises the mean log-likelihood of sentences (with weights, where given)."""
    weight_1N = (np.ones(len(ratio_N)) if weight_N is None else weight_N)[None, :]
    return float(_newton(split_ratio(ratio_N), weight_1N, 0.1)[0])


def bootstrap(ratio_N: Array, groups_N: Groups, draws: int, rng: np.random.Generator) -> Array:
    """alpha^ of each of D resamples of whole groups (documents; a sentence each where none are known)."""
    parts = split_ratio(ratio_N)
    start = estimate(ratio_N)
    return np.concatenate(
        [_newton(parts, weight_DN, start) for weight_DN in resampled(groups_N, draws, rng)] or [np.empty(0)]
    )


def _newton(parts: Parts, weight_DN: Array, start: float) -> Array:
    """The maximum of sum_N w log(a + alpha c) over [0, 1] for each row of weights, D.

    The objective is concave, so its slope falls: Newton's steps, halved into the bracket where they leave it.
    """
    a_N, b_N, c_N = parts
    at_0_D, at_1_D = _sums(weight_DN, c_N / a_N), _sums(weight_DN, c_N / b_N)
    inside_D = (at_0_D > 0) & (at_1_D < 0)
    alpha_D = np.full(len(weight_DN), min(max(start, 1e-3), 1 - 1e-3))
    low_D, high_D = np.zeros_like(alpha_D), np.ones_like(alpha_D)
    for step in range(STEPS):
        slope_D, curve_D = _slopes(parts, weight_DN, alpha_D if step else alpha_D[0])
        low_D, high_D = np.where(slope_D > 0, alpha_D, low_D), np.where(slope_D > 0, high_D, alpha_D)
        next_D = alpha_D + np.divide(slope_D, curve_D, out=np.zeros_like(slope_D), where=curve_D > 0)
        next_D = np.where((next_D > low_D) & (next_D < high_D), next_D, (low_D + high_D) / 2)
        moved_D, alpha_D = np.abs(next_D - alpha_D), next_D
        if not (moved_D[inside_D] > PRECISE).any():
            break
    return np.where(at_0_D <= 0, 0.0, np.where(at_1_D >= 0, 1.0, alpha_D))


def _slopes(parts: Parts, weight_DN: Array, alpha: Any) -> tuple[Array, Array]:
    """First and minus the second derivative of sum_N w log(a + alpha c), D, at an alpha a row or one for all."""
    a_N, _, c_N = parts
    if np.ndim(alpha) == 0:  # the same terms for all rows: a D-th of the work
        term_N = c_N / (a_N + alpha * c_N)
        return _sums(weight_DN, term_N), _sums(weight_DN, term_N**2)
    term_DN = np.multiply.outer(alpha, c_N)
    term_DN += a_N
    np.divide(c_N, term_DN, out=term_DN)
    slope_D = _sums(weight_DN, term_DN)
    term_DN *= term_DN
    return slope_D, _sums(weight_DN, term_DN)


def _sums(weight_DN: Array, term: Array) -> Array:
    """Weighted sums of terms (N, or D x N). Not by BLAS, whose threads wait for each other on a busy machine."""
    sums_D: Array = np.einsum("dn,n->d" if term.ndim == 1 else "dn,dn->d", weight_DN, term)
    return sums_D


def resampled(groups_N: Groups, draws: int, rng: np.random.Generator) -> Iterator[Array]:
    """How often each of N sentences comes up when groups are drawn with replacement: D x N, some D at a time."""
    G = int(groups_N.max(initial=-1)) + 1
    alone = len(groups_N) == G and bool((groups_N == np.arange(G)).all())
    chunk = max(1, _CELLS // max(len(groups_N), 1))
    for start in range(0, draws, chunk):
        D = min(chunk, draws - start)
        picks_DG = rng.integers(0, G, size=(D, G)) + G * np.arange(D)[:, None]
        times_DG = np.bincount(picks_DG.ravel(), minlength=D * G).reshape(D, G).astype(np.float64)
        yield times_DG if alone else times_DG[:, groups_N]


class Side:
    """Human or AI training sentences, dealt into folds by document: its way of writing is never known beforehand."""

    def __init__(self, occurring_NV: Any, groups_N: Groups, folds: int) -> None:
        self.folds = folds
        self.fold_N = groups_N % folds
        self.rows = [occurring_NV[np.flatnonzero(self.fold_N == fold)] for fold in range(folds)]
        self.sums = np.array([np.asarray(rows.sum(axis=0)).ravel() for rows in self.rows])
        self.total_V: Array = self.sums.sum(axis=0)

    def without(self, fold: int) -> tuple[Array, int]:
        """Occurrences of each word, and sentences, outside a fold."""
        return self.total_V - self.sums[fold], int((self.fold_N != fold).sum())


def held_out(sides: Sequence[Side], allowed_V: NDArray[np.bool_], least: int) -> tuple[Array, Array]:
    """Ratios of all human and all AI training sentences, each by a model of the other folds' sentences."""
    human, ai = sides
    ratios = [np.zeros(len(side.fold_N)) for side in sides]
    for fold in range(human.folds):
        model = fit(*human.without(fold), *ai.without(fold), allowed_V, least)
        for side, ratio_N in zip(sides, ratios, strict=True):
            ratio_N[side.fold_N == fold] = model.ratios(side.rows[fold])
    return ratios[0], ratios[1]


@dataclass(frozen=True)
class Calibration:
    """From a raw estimate to the share that gives it, by held-out training sentences.

    A mixture with share s of AI sentences has the raw estimate x where the slope of its likelihood is 0:
    (1 - s) S_human(x) + s S_ai(x) = 0, with S the mean of c/(a + x c) over held-out sentences of one kind. So
    s(x) = S_human(x) / (S_human(x) - S_ai(x)): the whole curve in closed form, no mixtures drawn.
    """

    human_N: Array
    """Held-out log ratios of human sentences."""
    ai_N: Array
    """Held-out log ratios of AI sentences."""
    groups: tuple[Groups, Groups]
    """The documents of both."""

    def share(self, raw: float) -> float:
        """The calibrated share of a raw estimate, not cut to [0, 1]."""
        human, ai = (float(_terms(raw, ratio_N).mean()) for ratio_N in (self.human_N, self.ai_N))
        return human / (human - ai)

    def raw(self, share: float) -> float:
        """The raw estimate of an endless held-out mixture with this share."""
        weights = [
            np.full(len(ratio_N), part / len(ratio_N))
            for part, ratio_N in ((1 - share, self.human_N), (share, self.ai_N))
        ]
        return estimate(np.concatenate([self.human_N, self.ai_N]), np.concatenate(weights))

    @cached_property
    def floor(self) -> float:
        """The raw estimate of purely human text."""
        return self.raw(0.0)

    def separates(self) -> bool:
        """Whether held-out AI text has a higher raw estimate than human text: else nothing can be told."""
        return self.raw(1.0) > self.floor + 1e-6

    def expected_error(self, share: float, sentences: int) -> float:
        """Standard deviation of the calibrated share of a mixture of so many independent sentences.

        Two parts: the mixture's own sampling, and that of the training sentences behind the curve.
        """
        raw = self.raw(share)
        human_N, ai_N = _terms(raw, self.human_N), _terms(raw, self.ai_N)
        target = ((1 - share) * (human_N**2).mean() + share * (ai_N**2).mean()) / sentences
        curve = (1 - share) ** 2 * human_N.var() / len(human_N) + share**2 * ai_N.var() / len(ai_N)
        return float(np.sqrt(target + curve) / (ai_N.mean() - human_N.mean()))

    def draws(self, raw_D: Array, rng: np.random.Generator) -> Array:
        """D raw estimates calibrated, each by its own resample of the training documents."""
        human_D, ai_D = (
            self._means(raw_D, ratio_N, groups_N, rng)
            for ratio_N, groups_N in zip((self.human_N, self.ai_N), self.groups, strict=True)
        )
        share_D: Array = human_D / (human_D - ai_D)
        return share_D

    @staticmethod
    def _means(raw_D: Array, ratio_N: Array, groups_N: Groups, rng: np.random.Generator) -> Array:
        """The mean slope at each of D raw estimates over a resample of its own."""
        parts, mean_D, done = split_ratio(ratio_N), np.zeros(len(raw_D)), 0
        alpha_D = np.minimum(raw_D, 1 - 1e-9)  # at 1 a sure human sentence would be a division by 0
        for weight_DN in resampled(groups_N, len(raw_D), rng):
            these = slice(done, done + len(weight_DN))
            mean_D[these] = _slopes(parts, weight_DN, alpha_D[these])[0] / weight_DN.sum(axis=1)
            done = these.stop
        return mean_D


def _terms(raw: Any, ratio_N: Array) -> Array:
    """The slope c/(a + x c) that each sentence adds at x."""
    a_N, b_N, c_N = split_ratio(ratio_N)
    terms: Array = c_N / ((1 - raw) * a_N + raw * b_N)
    return terms
