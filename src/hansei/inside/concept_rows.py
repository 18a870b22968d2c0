"""The tables of `hansei measure concept-geometry`: a study of a hierarchy, and what is told of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from hansei.core.records import Figure
from hansei.core.statistics import paired_two_way_bootstrap, two_way_bootstrap
from hansei.inside.concept_directions import Array
from hansei.inside.concept_study import KINDS, Measured, categories_of
from hansei.inside.concept_tree import Kept
from hansei.inside.unembedding import Unembedding

Null = Literal["vocabulary", "words"]
METRICS = {
    "heldout_projection": "projection_K",
    "other_words_projection": "inside_K",
    "heldout_auroc": "auroc_K",
    "random_token_auroc": "random_auroc_K",
}
NUMBERS = frozenset({*METRICS, "abs_cos", "null_abs_cos", "excess", "null_projection", "auroc_difference"})


@dataclass(frozen=True)
class Study:
    """The measurements of one hierarchy in one space, and of nonsense of the same shape: one of each a seed."""

    tree: Kept
    """The hierarchy."""
    real: Sequence[Measured]
    """Of its words."""
    null: Sequence[Measured]
    """Of random tokens in their places."""
    vectors_Nd: Array
    """Its tokens in the space."""
    concepts: Mapping[str, Sequence[int]]
    """Of every kind of angle, the concept that each pair counts for."""


def head_rows(found: Study) -> list[dict[str, Any]]:
    """Held-out words of the concepts, of nonsense, and the difference; intervals over seeds and concepts."""

    def row(name: str, figure: Callable[[str], Figure]) -> dict[str, Any]:
        return {"row": name} | {metric: figure(of) for metric, of in METRICS.items()}

    return [
        row("concepts", lambda of: two_way_bootstrap(_table(found.real, of))),
        row("random nested sets", lambda of: two_way_bootstrap(_table(found.null, of))),
        row("difference", lambda of: paired_two_way_bootstrap(_table(found.null, of), _table(found.real, of))),
    ]


def _table(measured: Sequence[Measured], of: str) -> Array:
    return np.stack([getattr(one, of) for one in measured])


def angle_rows(found: Study) -> list[dict[str, Any]]:
    """Every kind of pair: mean |cosine|, the same in nonsense, and the excess over it (negative: more orthogonal)."""
    rows = []
    for kind, of in found.concepts.items():
        real, null = (np.stack([one.cosines[kind] for one in side]) for side in (found.real, found.null))
        rows.append(
            {
                "row": KINDS[kind],
                "pairs": len(of),
                "abs_cos": two_way_bootstrap(np.abs(real), of),
                "null_abs_cos": two_way_bootstrap(np.abs(null), of),
                "excess": paired_two_way_bootstrap(np.abs(null), np.abs(real), of),
                "cos": _mean(real),
                "null_cos": _mean(null),
            }
        )
    return rows


def _mean(values: Array) -> float | None:
    """The mean of the cosines, without a minus before a nought; None where a flat tree has no such pair."""
    return None if np.isnan(values).all() else round(float(np.nanmean(values)), 3) + 0.0


def category_rows(found: Study) -> list[dict[str, Any]]:
    """Binary and larger categorical concepts: how often a held-out word lies nearest its own corner of the simplex."""
    categories = categories_of(found.tree)
    real, null = _table(found.real, "right_C"), _table(found.null, "right_C")
    rows = []
    for name, chosen in (
        ("binary", [n for n, (_, values) in enumerate(categories) if len(values) == 2]),
        ("three or more values", [n for n, (_, values) in enumerate(categories) if len(values) > 2]),
    ):
        if chosen:
            rows.append(
                {
                    "row": name,
                    "concepts": len(chosen),
                    "accuracy": two_way_bootstrap(real[:, chosen]),
                    "null_accuracy": two_way_bootstrap(null[:, chosen]),
                    "chance": f"{100 * np.mean([1 / len(categories[n][1]) for n in chosen]):.1f}%",
                }
            )
    return rows


def concept_rows(found: Study) -> list[dict[str, Any]]:
    """Each concept, the largest first: means over the seeds."""
    tables = {of: (_table(found.real, of), _table(found.null, of)) for of in ("projection_K", "auroc_K")}
    order = sorted(range(len(found.tree.names)), key=lambda k: -len(found.tree.members[k]))
    return [
        {
            "row": found.tree.names[k],
            "words": len(found.tree.members[k]),
            "heldout_projection": _shown(tables["projection_K"][0][:, k]),
            "null_projection": _shown(tables["projection_K"][1][:, k]),
            "heldout_auroc": _shown(tables["auroc_K"][0][:, k]),
            "null_auroc": _shown(tables["auroc_K"][1][:, k]),
        }
        for k in order
    ]


def _shown(values: Array) -> float | None:
    return None if np.isnan(values).all() else round(float(np.nanmean(values)), 3)


def notes(unembedding: Unembedding, found: Study, null: Null) -> list[str]:
    """What is to be minded with these figures."""
    size, width = unembedding.vocabulary.size, unembedding.width
    said = [
        f"unembedding: {unembedding.origin}, {size} tokens of width {width}; {len(found.tree.names)} concepts over "
        f"{len(found.tree.tokens)} single-token words",
        "a projection is 1 on the words that a concept was estimated from, by construction: only held-out ones tell",
        "random nested sets: the same tree with tokens drawn from "
        + ("the whole vocabulary" if null == "vocabulary" else "its own words")
        + "; AUROC is against the other words of the tree, and against tokens outside it",
        "concepts share words, and the intervals take them for independent",
    ]
    if size < 4 * width:
        said.append(
            f"{size} tokens are few for a width of {width}: whitened, any sets are nearly orthogonal, so only the "
            "excess and the held-out words tell"
        )
    return said
