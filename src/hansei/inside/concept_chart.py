"""The pictures of `concept-geometry`: heat maps, held-out words, and a simplex in two and three dimensions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hansei.core.drawing import COLOURS, MARKS, canvas
from hansei.inside.concept_directions import Array
from hansei.inside.concept_study import children_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hansei.inside.concept_rows import Study

LABELLED = 40
"""Concepts that a heat map can name."""
TICKS = (5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000)
WORDS = 60
"""Words of one set in a picture."""


def charts(found: Study, show: str | None = None) -> dict[str, Figure]:
    """All pictures, by file name; the simplex is left out where no concept has two children."""
    made = {"concept-geometry.svg": heat_maps(found), "concept-geometry-heldout.svg": heldout(found)}
    concept = found.tree.names.index(show) if show is not None else _telling(found)
    if concept is not None and len(children_of(found.tree)[concept]) > 1:
        made["concept-geometry-simplex.svg"] = simplex(found, concept)
    return made


def _telling(found: Study) -> int | None:
    """The concept with three to five children and most words, else with two or more."""
    children = children_of(found.tree)
    for wanted in (range(3, 6), range(2, 10**6)):
        fitting = [k for k, below in enumerate(children) if len(below) in wanted]
        if fitting:
            return max(fitting, key=lambda k: len(found.tree.members[k]))
    return None


def heat_maps(found: Study) -> Figure:
    """Closeness in the tree, cosines of the concepts, and cosines of each concept less the one above it."""
    names, K = found.tree.names, len(found.tree.names)
    vectors_Kd = found.real[0].vectors_Kd
    above = [parents[0] if parents else None for parents in found.tree.parents]
    differences_Kd = np.stack([v if p is None else v - vectors_Kd[p] for v, p in zip(vectors_Kd, above, strict=True)])
    panels = {
        "closeness in the tree": closeness(found),
        "cosine of concepts": _cosines(vectors_Kd),
        "cosine of concept - parent": _cosines(differences_Kd),
    }
    side = 3.4 if K > LABELLED else max(3.2, 0.115 * K)
    figure: Figure
    figure, axes = canvas(1, 3, width=3 * side + 1.8, height=side + 1.1)
    for axis, (title, values_KK) in zip(axes, panels.items(), strict=True):
        image = axis.imshow(values_KK, vmin=-1, vmax=1, cmap="RdBu_r", interpolation="nearest")
        axis.set_title(title, fontsize=9)
        axis.grid(False)
        axis.set_xticks([])
        axis.set_yticks([])
    if K <= LABELLED:
        axes[0].set_yticks(range(K), names, fontsize=6)
        for axis in axes:
            axis.set_xticks(range(K), names, fontsize=6, rotation=90)
    else:
        axes[0].set_ylabel(f"{K} concepts in the tree's order")
    figure.colorbar(image, ax=axes, shrink=0.8, pad=0.01)
    return figure


def closeness(found: Study) -> Array:
    """1 / (1 + length of the shortest path), K x K, as upstream draws it; 0 where there is none."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import shortest_path

    K = len(found.tree.names)
    edges = [(child, parent) for child, parents in enumerate(found.tree.parents) for parent in parents]
    rows, columns = (np.array(side, dtype=np.intp) for side in zip(*edges, strict=True)) if edges else ([], [])
    graph = coo_array((np.ones(len(edges)), (rows, columns)), shape=(K, K)).tocsr()
    made: Array = 1 / (1 + shortest_path(graph, directed=False, unweighted=True))
    return made


def _cosines(vectors_Kd: Array) -> Array:
    norms_K = np.linalg.norm(vectors_Kd, axis=1)
    unit_Kd = vectors_Kd / np.where(norms_K > 0, norms_K, 1.0)[:, None]
    made: Array = unit_Kd @ unit_Kd.T
    return made


def heldout(found: Study) -> Figure:
    """Projection and AUROC of held-out words against the size of the concept, for concepts and for nonsense."""
    figure: Figure
    figure, (left, right) = canvas(1, 2, width=8.6, height=3.6)
    sizes = np.array([len(members) for members in found.tree.members])
    sides = (("concepts", found.real, COLOURS[0], "o"), ("random nested sets", found.null, COLOURS[1], "^"))
    for axis, of, ideal, label in (
        (left, "projection_K", (0.0, 1.0), "projection of held-out words"),
        (right, "auroc_K", (0.5, 1.0), "AUROC against the tree's other words"),
    ):
        for name, measured, colour, mark in sides:
            values = np.stack([getattr(one, of) for one in measured])
            there = ~np.isnan(values).all(axis=0)
            means = np.nanmean(values[:, there], axis=0)
            beside = sizes[there] * np.linspace(0.95, 1.05, there.sum())  # many concepts are of one size
            axis.scatter(beside, means, s=14, color=colour, marker=mark, alpha=0.7, lw=0, label=name)
        for level in ideal:
            axis.axhline(level, color="black", lw=0.7, ls=":")
        axis.set_xscale("log")
        ticks = [t for t in TICKS if sizes.min() / 1.2 <= t <= sizes.max() * 1.2]
        axis.set_xticks(ticks, [str(t) for t in ticks])
        axis.minorticks_off()
        axis.set_xlabel("words of the concept")
        axis.set_ylabel(label)
    figure.legend(*left.get_legend_handles_labels(), loc="outside upper center", ncol=2).set_frame_on(False)
    return figure


def simplex(found: Study, concept: int) -> Figure:
    """Left: a concept against the difference of two children. Right: the span of up to four children. One split."""
    from mpl_toolkits import mplot3d  # type: ignore[import-untyped]  # noqa: F401  (makes the projection known)

    children = sorted(children_of(found.tree)[concept], key=lambda k: -len(found.tree.members[k]))[:4]
    first, names = found.real[0], found.tree.names
    figure: Figure
    figure, axes = canvas(1, 2, width=9.4, height=4.4, squeeze=False)
    left, right = axes[0]
    parent_d, difference_d = first.vectors_Kd[concept], first.vectors_Kd[children[0]] - first.vectors_Kd[children[1]]
    _flat(left, found, [*children[:2]], concept, _axes(np.stack([parent_d, difference_d])))
    left.set_xlabel(f"along {names[concept]}")
    left.set_ylabel(f"{names[children[0]]} - {names[children[1]]}")
    corners_kd = first.vectors_Kd[children]
    if len(children) == 2:  # a binary concept is a line, which the left picture shows
        right.remove()
        return _with_legend(figure, left)
    if len(children) > 3:
        place = right.get_subplotspec()
        right.remove()
        right = figure.add_subplot(place, projection="3d")
        right.tick_params(labelsize=6)
    base = _axes(corners_kd[1:] - corners_kd[0])
    _flat(right, found, children, concept, base)
    right.set_title(f"the simplex of {names[concept]}", fontsize=9)
    return _with_legend(figure, right)


def _with_legend(figure: Figure, axis: Any) -> Figure:
    legend = figure.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncol=6, fontsize=7)
    legend.set_frame_on(False)
    return figure


def _axes(spanning_kd: Array) -> Array:
    """An orthonormal basis of the span, the first vector's direction first."""
    basis_dk, upper_kk = np.linalg.qr(spanning_kd.T)
    made: Array = (basis_dk * np.sign(np.diag(upper_kk))).T
    return made


def _flat(axis: Any, found: Study, children: list[int], concept: int, axes_kd: Array) -> None:
    """Held-out words of each child and of none of the concept, and the corners, in the plane or space given.

    Words that a corner was estimated from lie by it for nonsense too, so they are not drawn.
    """
    first = found.real[0]
    inside = set(found.tree.members[concept])
    outside = [n for n in range(len(found.tree.tokens)) if n not in inside and first.out_N[n]]
    groups = [("words of no such kind", outside, COLOURS[4], ".")] if outside else []
    groups += [
        (found.tree.names[child], [n for n in found.tree.members[child] if first.out_N[n]], COLOURS[n], MARKS[n])
        for n, child in enumerate(children)
    ]
    groups = [(name, places[:: max(1, len(places) // WORDS)], colour, mark) for name, places, colour, mark in groups]
    for name, places, colour, mark in groups:
        points = (found.vectors_Nd[places] @ axes_kd.T).T
        size = 9 if colour == COLOURS[4] else 22
        axis.scatter(*points, s=size, color=colour, marker=mark, alpha=0.8, lw=0, label=name)
    for n, child in enumerate(children):
        corner = first.vectors_Kd[child] @ axes_kd.T
        axis.scatter(*corner[:, None], s=70, color=COLOURS[n], marker=MARKS[n], edgecolors="black", lw=1)
    if len(children) > 2:
        corners = np.stack([first.vectors_Kd[child] @ axes_kd.T for child in children])
        for a in range(len(corners)):
            for b in range(a):
                axis.plot(*np.stack([corners[a], corners[b]]).T, color="black", lw=0.7)
