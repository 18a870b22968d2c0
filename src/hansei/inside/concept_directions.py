"""Concept vectors in the causal space of an unembedding (Park et al., arXiv 2406.01506, sections 2 and 4).

Legend: V tokens, d width, n words of a concept, N vectors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, eigh

from hansei.core.errors import BadInput

Array = NDArray[np.float64]
BLOCK = 8192
"""Rows of the unembedding that are in float64 at a time."""
LEAST_EIGENVALUE = 1e-9
"""Directions with a smaller share of the largest variance are left out of the whitening."""


@dataclass(frozen=True)
class Space:
    """The map from unembedding rows to g(y) = Cov^(-1/2) (row - mean), in which inner products are causal."""

    mean_d: Array
    """Mean of all rows."""
    root_dd: Array | None
    """Cov^(-1/2), symmetric; None in the Euclidean space, which is only centred."""

    def vectors(self, rows_Nd: NDArray[np.floating]) -> Array:
        """The rows in this space, N x d."""
        centred_Nd: Array = rows_Nd.astype(np.float64) - self.mean_d
        return centred_Nd if self.root_dd is None else centred_Nd @ self.root_dd


def space_of(rows: Callable[[int, int], NDArray[np.floating]], tokens: int, *, whiten: bool = True) -> Space:
    """The space of an unembedding; `rows(a, b)` are its rows a to b, V x d in all (paper, section 2; upstream get_g).

    Cov is taken over the vocabulary, divided by V, in float64. Raises BadInput at values that are no numbers.
    """
    blocks = [(start, min(start + BLOCK, tokens)) for start in range(0, tokens, BLOCK)]

    def read() -> Iterator[Array]:
        for start, end in blocks:
            yield rows(start, end).astype(np.float64)

    mean_d: Array = np.sum([block.sum(axis=0) for block in read()], axis=0) / tokens
    if not np.isfinite(mean_d).all():
        raise BadInput("the unembedding holds values that are no finite numbers: is the file whole?")
    if not whiten:
        return Space(mean_d, None)
    cov_dd = np.zeros((len(mean_d), len(mean_d)))
    for block in read():
        centred = block - mean_d
        cov_dd += centred.T @ centred
    values_d, vectors_dd = eigh(cov_dd / tokens, overwrite_a=True, check_finite=False)
    kept = values_d > LEAST_EIGENVALUE * values_d[-1]
    if values_d[-1] <= 0 or not kept.any():
        raise BadInput("the unembedding's rows are all the same: is it a trained model?")
    half_dr = vectors_dd[:, kept] / values_d[kept] ** 0.25
    return Space(mean_d, half_dr @ half_dr.T)


def ledoit_wolf(square_norms_n: Array, frobenius: float, d: int) -> tuple[float, float]:
    """Shrinkage s and scale mu of C = (1 - s) S + s mu I, from sums over X (n x d, centred) alone.

    `square_norms_n` are |x_i|^2, `frobenius` is ||X X^T||_F^2 = ||X^T X||_F^2. The same numbers as scikit-learn's
    `ledoit_wolf_shrinkage`: Ledoit & Wolf 2004, Journal of Multivariate Analysis 88:365, lemma 3.2 to 3.4.
    """
    n = len(square_norms_n)
    trace = float(square_norms_n.sum()) / n
    mu, spread = trace / d, frobenius / n**2
    beta = (float((square_norms_n**2).sum()) / n - spread) / (d * n)
    delta = (spread - 2 * mu * trace + d * mu**2) / d
    beta = min(beta, delta)
    return (beta / delta if beta > 0 else 0.0), mu


def concept_vector(words_nd: Array) -> Array:
    """The vector of a concept from its words' vectors: (m^T u) u with u = C^-1 m / |C^-1 m| (paper, section 4.1).

    m is the mean of the words and C their Ledoit-Wolf covariance: a linear discriminant between the words and the
    origin, which is the mean of all tokens. With n <= d, C^-1 m comes through the n x n Gram matrix (Woodbury), as
    C^-1 m = (1/a) (m - X^T (n a / (1 - s) I + X X^T)^-1 X m) with a = s mu; only its direction is needed.
    Raises BadInput where all words have one vector, or one word is all there is.
    """
    n, d = words_nd.shape
    mean_d: Array = words_nd.mean(axis=0)
    x_nd = words_nd - mean_d
    square_norms_n = np.einsum("nd,nd->n", x_nd, x_nd)
    if n < 2 or square_norms_n.sum() <= 1e-20 * max(float(mean_d @ mean_d), 1e-300):
        raise BadInput(f"a concept's {n} words all have one vector: no direction can be told from them")
    square = x_nd @ x_nd.T if n <= d else x_nd.T @ x_nd
    shrinkage, mu = ledoit_wolf(square_norms_n, float(np.vdot(square, square)), d)
    if shrinkage <= 1e-12:
        solved_d = _pseudo_inverse(x_nd, mean_d)
    elif shrinkage == 1.0:
        solved_d = mean_d
    elif n <= d:
        square[np.diag_indices(n)] += n * shrinkage * mu / (1 - shrinkage)
        solved_d = mean_d - x_nd.T @ _solve(square, x_nd @ mean_d)
    else:
        square *= (1 - shrinkage) / n
        square[np.diag_indices(d)] += shrinkage * mu
        solved_d = _solve(square, mean_d)
    unit_d = solved_d / np.linalg.norm(solved_d)
    vector_d: Array = (mean_d @ unit_d) * unit_d
    return vector_d


def _solve(positive: Array, right: Array) -> Array:
    solved: Array = cho_solve(cho_factor(positive, lower=True, overwrite_a=True, check_finite=False), right)
    return solved


def _pseudo_inverse(x_nd: Array, mean_d: Array) -> Array:
    """pinv(X^T X) m: what is left of C^-1 m where Ledoit-Wolf shrinks by nothing, as it does for two words."""
    _, values, right = np.linalg.svd(x_nd, full_matrices=False)
    kept = values > 1e-10 * values[0]
    solved: Array = right[kept].T @ ((right[kept] @ mean_d) / values[kept] ** 2)
    return solved
