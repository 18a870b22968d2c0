"""What the concepts of a hierarchy do with words that they were not estimated from, and how orthogonal they are.

Legend: K concepts, N tokens of the hierarchy, R other tokens, d width, S seeds. Everything is computed the same way for
the real hierarchy and for nonsense: the same tree with random tokens in the place of its own, so that every set has its
size and lies in the set that it lay in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from hansei.core.errors import BadInput
from hansei.inside.concept_directions import Array, concept_vector
from hansei.inside.concept_tree import Kept

Places = NDArray[np.intp]
Pair = TypeVar("Pair", bound=tuple[int, ...])
MOST = 2000
"""Pairs of each kind whose angle is taken; of more, as many are drawn."""
FEW, WIDEST = 5, 20
"""Pairs of children that are drawn for one pair of siblings, from so many children."""
KINDS: Mapping[str, str] = {
    "child": "concept, child - concept",
    "siblings": "concept, child - other child",
    "pairs": "concept - sibling, child - other child",
    "chain": "concept - parent, child - concept",
    "unrelated": "unrelated concept, child - unrelated concept",
}
"""Which vectors are orthogonal by Theorem 8 of the paper, (a) to (d); the last is upstream's control, which fails for
want of nesting alone."""


@dataclass(frozen=True)
class Angles:
    """Pairs of vectors of one kind: each vector is the difference of two concepts, or one concept."""

    concept: Places
    """The concept that a pair counts for, so that pairs can be resampled by concept."""
    first: tuple[Places, Places | None]
    """Concept, and what is taken off it."""
    second: tuple[Places, Places]
    """The same of the other vector."""

    def cosines(self, vectors_Kd: Array) -> Array:
        """Cosine of each pair."""
        (a, b), (c, e) = self.first, self.second
        first = vectors_Kd[a] - (0 if b is None else vectors_Kd[b])
        second = vectors_Kd[c] - vectors_Kd[e]
        norms = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
        products = np.einsum("pd,pd->p", first, second)
        cosines: Array = np.divide(products, norms, out=np.full(len(norms), np.nan), where=norms > 0)
        return cosines


@dataclass(frozen=True)
class Measured:
    """What one split of the tokens gave."""

    vectors_Kd: Array
    """The vector of each concept, from its training tokens."""
    out_N: NDArray[np.bool_]
    """Which tokens were held out."""
    projection_K: Array
    """Mean of g(y) . v / |v|^2 over held-out tokens; 1 on training tokens by construction."""
    inside_K: Array
    """The same over tokens of the hierarchy outside the concept; NaN where there are none."""
    auroc_K: Array
    """Whether held-out tokens project higher than tokens of the hierarchy outside the concept; NaN likewise."""
    random_auroc_K: Array
    """Whether held-out tokens project higher than other tokens of the vocabulary."""
    cosines: Mapping[str, Array]
    """Of every kind of pair."""
    right_C: Array
    """Of every category, the share of held-out tokens of one value whose own value projects highest."""


def children_of(tree: Kept) -> list[list[int]]:
    """The concepts right below each one."""
    children: list[list[int]] = [[] for _ in tree.names]
    for concept, above in enumerate(tree.parents):
        for parent in above:
            children[parent].append(concept)
    return children


def ancestors_of(tree: Kept) -> list[set[int]]:
    """All concepts above each one; a walk through the tree may put a parent after its child."""
    found: list[set[int]] = []
    for concept in range(len(tree.names)):
        above: set[int] = set()
        ahead = list(tree.parents[concept])
        while ahead:
            one = ahead.pop()
            if one not in above:
                above.add(one)
                ahead += tree.parents[one]
        found.append(above)
    return found


def angles_of(tree: Kept, seed: int = 0) -> dict[str, Angles]:
    """The pairs of Theorem 8 that the tree has, and upstream's control; kinds without a pair are left out."""
    rng = np.random.default_rng(seed)
    children = children_of(tree)
    above = ancestors_of(tree)
    edges = [(parent, child) for child, parents in enumerate(tree.parents) for parent in parents]
    twins = [(w, z1, z0) for w, below in enumerate(children) for z0, z1 in combinations(below, 2)]
    found = {
        "child": [(w, w, -1, z, w) for w, z in edges],
        "siblings": [(w, w, -1, z1, z0) for w, z1, z0 in twins],
        "pairs": [
            (w1, w1, w0, z1, z0)
            for _, one, other in _drawn(twins, rng, MOST)
            for w1, w0 in ((one, other), (other, one))
            for z0, z1 in _drawn(list(combinations(children[w1][:WIDEST], 2)), rng, FEW)
        ],
        "chain": [(w, w, top, z, w) for w, z in edges for top in tree.parents[w]],
        "unrelated": [(w, w, -1, z, w) for z, w in _unrelated(edges, above, rng)],
    }
    return {kind: _angles(_drawn(rows, rng, MOST)) for kind, rows in found.items() if rows}


def _unrelated(
    edges: Sequence[tuple[int, int]], above: Sequence[set[int]], rng: np.random.Generator
) -> list[tuple[int, int]]:
    """For every child a concept that is neither above nor below it."""
    found = []
    for _, child in edges:
        free = [w for w in range(len(above)) if w != child and w not in above[child] and child not in above[w]]
        if free:
            found.append((child, int(rng.choice(free))))
    return found


def _drawn(rows: Sequence[Pair], rng: np.random.Generator, most: int) -> list[Pair]:
    if len(rows) <= most:
        return list(rows)
    return [rows[n] for n in sorted(rng.choice(len(rows), most, replace=False))]


def _angles(rows: Sequence[tuple[int, ...]]) -> Angles:
    of, a, b, c, e = np.array(rows, dtype=np.intp).T
    return Angles(of, (a, None if (b < 0).all() else b), (c, e))


def categories_of(tree: Kept) -> list[tuple[int, tuple[int, ...]]]:
    """Concepts with two or more children, and these: the values of a categorical concept (binary where two)."""
    return [(w, tuple(below)) for w, below in enumerate(children_of(tree)) if len(below) > 1]


def split(tokens: int, heldout: float, seed: int) -> NDArray[np.bool_]:
    """Which of N tokens are held out, the same ones in every concept.

    Drawn systematically along the tree's order, so that of any n tokens of a branch nearly n * heldout are held out.
    """
    rng = np.random.default_rng(seed)
    steps = np.floor(np.arange(tokens + 1) * heldout + rng.random())
    out_N: NDArray[np.bool_] = np.diff(steps) > 0
    return out_N


def shuffle_branches(tree: Kept, seed: int) -> Places:
    """An order of the N tokens that mixes those that belong to exactly the same concepts, and no others."""
    rng = np.random.default_rng(seed)
    of: list[list[int]] = [[] for _ in tree.tokens]
    for concept, members in enumerate(tree.members):
        for place in members:
            of[place].append(concept)
    keys = {key: n for n, key in enumerate(dict.fromkeys(map(tuple, of)))}
    branch = np.array([keys[tuple(one)] for one in of])
    return np.lexsort((rng.random(len(branch)), branch))


def measure(
    vectors_Nd: Array, others_Rd: Array, tree: Kept, heldout: float, seed: int, angles: Mapping[str, Angles]
) -> Measured:
    """Estimates every concept from its training tokens and measures it on the others.

    `vectors_Nd` are the tokens of the tree in the causal space, `others_Rd` tokens outside the tree.
    Raises BadInput where a concept has too few training tokens, or all of one vector.
    """
    order = shuffle_branches(tree, seed)
    out_N = np.zeros(len(order), dtype=bool)
    out_N[order] = split(len(order), heldout, seed)
    member_KN = np.zeros((len(tree.names), len(order)), dtype=bool)
    for concept, members in enumerate(tree.members):
        member_KN[concept, list(members)] = True
    vectors_Kd = np.stack([_vector(tree, k, vectors_Nd[member_KN[k] & ~out_N]) for k in range(len(tree.names))])
    scaled_dK = (vectors_Kd / np.einsum("kd,kd->k", vectors_Kd, vectors_Kd)[:, None]).T
    tree_NK, random_RK = vectors_Nd @ scaled_dK, others_Rd @ scaled_dK
    held_KN = member_KN & out_N
    return Measured(
        vectors_Kd,
        out_N,
        np.array([_mean(tree_NK[held_KN[k], k]) for k in range(len(tree.names))]),
        np.array([_mean(tree_NK[~member_KN[k], k]) for k in range(len(tree.names))]),
        np.array([auroc(tree_NK[held_KN[k], k], tree_NK[~member_KN[k], k]) for k in range(len(tree.names))]),
        np.array([auroc(tree_NK[held_KN[k], k], random_RK[:, k]) for k in range(len(tree.names))]),
        {kind: pairs.cosines(vectors_Kd) for kind, pairs in angles.items()},
        np.array([_right(tree_NK, held_KN, values) for _, values in categories_of(tree)]),
    )


def _vector(tree: Kept, concept: int, words_nd: Array) -> Array:
    try:
        return concept_vector(words_nd)
    except BadInput as error:
        raise BadInput(f"concept {tree.names[concept]!r}: {error}") from None


def _mean(values: Array) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _right(tree_NK: Array, held_KN: NDArray[np.bool_], values: Sequence[int]) -> float:
    """Held-out tokens of exactly one value: how often that one's projection is the largest."""
    chosen = np.array(values)
    only_N = held_KN[chosen].sum(axis=0) == 1
    if not only_N.any():
        return float("nan")
    truth = held_KN[chosen][:, only_N].argmax(axis=0)
    return float((tree_NK[only_N][:, chosen].argmax(axis=1) == truth).mean())


def auroc(inside: Array, outside: Array) -> float:
    """Probability that one of `inside` is larger than one of `outside`, ties half; NaN where either is empty."""
    if not len(inside) or not len(outside):
        return float("nan")
    ordered = np.sort(outside)
    below = np.searchsorted(ordered, inside, "left") + np.searchsorted(ordered, inside, "right")
    return float(below.mean() / 2 / len(outside))
