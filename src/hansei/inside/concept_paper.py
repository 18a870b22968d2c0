"""Concept geometry (arXiv 2406.01506) on the town's taxonomy: `hansei papers run concept-geometry`.

The tree that the base has grown up with, measured in the base's own unembedding, beside four kinds of nonsense and
controls: the same tree over random tokens, over its own words shuffled, over Gaussian vectors, and without whitening.
Bases of other seeds are grown on request, so that the figures are of more than one training.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from hansei.core.errors import BadInput
from hansei.core.records import Figure
from hansei.core.result import Result
from hansei.core.statistics import paired_two_way_bootstrap, two_way_bootstrap
from hansei.inside import concept_geometry as geometry
from hansei.inside import concept_rows as tables
from hansei.inside.concept_directions import Array
from hansei.inside.concept_geometry import TOWN
from hansei.inside.concept_rows import METRICS, NUMBERS, Study
from hansei.inside.concept_tree import Kept
from hansei.inside.unembedding import Unembedding, load_unembedding

VERSION = "1"
MINUTES = 7
"""Of one base on one core, measured on a busy machine."""


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment."""

    out: str = "runs/concept-geometry"
    """Folder for the charts, result.json and the bases that are grown; the same folder again goes on."""
    seeds: int = 5
    """Seeds of the held-out words and of the random sets, on every base."""
    bases: int = 1
    """Bases, each of its own seed: the shipped one, and others that are grown in OUT."""
    heldout: float = 0.3
    """Share of the words that no concept is estimated from."""
    workers: int = 2
    """Processes that grow bases, one thread each."""
    quick: bool = False
    """Two seeds and the shipped base; for looking, not for quoting."""
    dry_run: bool = False
    """Print what would be measured, and how long it takes, and stop."""

    def __post_init__(self) -> None:
        """Raises BadInput for numbers that make no experiment."""
        if self.seeds < 1 or self.bases < 1 or self.workers < 1:
            raise BadInput("papers run concept-geometry: seeds, bases and workers must be 1 or more")
        if not 0.1 <= self.heldout <= 0.5:
            raise BadInput(f"heldout: a share from 0.1 to 0.5 was expected, found {self.heldout}")


@dataclass(frozen=True)
class Condition:
    """One way of measuring the tree."""

    name: str
    """Of its rows."""
    of: Callable[[Unembedding], Unembedding]
    """What becomes of a base's unembedding."""
    space: geometry.SpaceName = "causal"
    """Whitened or not."""
    null: tables.Null = "vocabulary"
    """What nonsense is drawn from."""


def run(settings: Settings) -> Result:
    """Grows what is missing, measures every condition on every base."""
    started = time.monotonic()
    if settings.quick:
        settings = replace(settings, seeds=2, bases=1)
    grown = settings.bases - 1
    minutes = MINUTES * -(-grown // settings.workers)
    print(
        f"{settings.bases} bases ({grown} to be grown, about {minutes} minutes), {settings.seeds} splits, "
        f"{len(CONDITIONS)} conditions: about {10 * settings.bases} s of measuring",
        flush=True,
    )
    if settings.dry_run:
        return Result(name="concept-geometry", kind="paper", settings=asdict(settings), rows=[])
    bases = [load_unembedding(TOWN), *(load_unembedding(folder) for folder in _grown(settings))]
    trees = [geometry.hierarchy_of(geometry.Settings(model=TOWN), base.vocabulary) for base in bases]
    _check(trees)
    studies = {c.name: _studied(c, bases, trees, settings) for c in CONDITIONS}
    trained = studies["trained base"]
    result = Result(
        name="concept-geometry",
        kind="paper",
        settings=asdict(settings),
        rows=_rows(studies),
        parts=_parts(studies, len(bases)),
        numbers=NUMBERS,
        notes=[
            *tables.notes(bases[0], trained, "vocabulary"),
            f"{len(bases)} bases x {settings.seeds} splits; intervals: two-way bootstrap over these and the concepts",
        ],
        seeds=list(range(settings.seeds)),
        seconds=time.monotonic() - started,
    )
    from hansei.core.output import with_files
    from hansei.inside.concept_chart import charts

    return with_files(result, settings.out, charts(trained, "animal"))


def gaussian(base: Unembedding) -> Unembedding:
    """Independent normal vectors in the place of a base's own."""
    size, width = base.vocabulary.size, base.width
    drawn = np.random.default_rng([size, width]).normal(size=(size, width)).astype(np.float32)
    return replace(base, rows=lambda a, b: drawn[a:b], origin="Gaussian vectors")


CONDITIONS: Sequence[Condition] = (
    Condition("trained base", lambda base: base),
    Condition("trained base, nonsense of its own words", lambda base: base, null="words"),
    Condition("trained base, not whitened", lambda base: base, space="euclidean"),
    Condition("Gaussian vectors", gaussian),
)


def _grown(settings: Settings) -> list[str]:
    """Folders of the further bases, grown where they are not there."""
    folders = [str(Path(settings.out) / f"base-{seed}") for seed in range(1, settings.bases)]
    missing = [folder for folder in folders if not (Path(folder) / "config.json").is_file()]
    if missing:
        from hansei.core.journal import Journal
        from hansei.steps.pool import Pool

        with (
            Journal.open(Path(settings.out)) as journal,
            Pool(settings.workers, journal, VERSION, model=TOWN) as pool,
        ):
            # The time makes each a task of its own: a base that was deleted is grown again, whatever was journaled.
            pool.run(grow, [{"folder": f, "seed": folders.index(f) + 1, "at": time.time()} for f in missing], "bases")
    return folders


def grow(task: dict[str, Any]) -> dict[str, Any]:
    """A base of the district from a seed of its own, as the shipped one was grown."""
    from hansei.town.districts import DISTRICTS
    from hansei.training.base import train_base
    from hansei.training.pretrain import PretrainSettings

    home = DISTRICTS["taxonomy"]
    plan = PretrainSettings(steps=home.steps, batch=home.batch, seed=task["seed"])
    losses: list[float] = []
    train_base(Path(task["folder"]), plan, lambda _, loss: losses.append(loss), home.documents)
    return {"folder": task["folder"], "last_loss": float(np.mean(losses[-50:]))}


def _check(trees: Sequence[Kept]) -> None:
    """Every base must have the same concepts; a tokenizer that splits a name would lose a word."""
    for tree in trees[1:]:
        if (tree.names, tree.parents, len(tree.tokens)) != (trees[0].names, trees[0].parents, len(trees[0].tokens)):
            raise BadInput("papers run concept-geometry: the bases' tokenizers know different words: grow them anew")


def _studied(condition: Condition, bases: Sequence[Unembedding], trees: Sequence[Kept], settings: Settings) -> Study:
    """All splits on all bases, as one study of the first base's tree."""
    found = [
        geometry.study(condition.of(base), tree, settings.seeds, settings.heldout, condition.space, condition.null)
        for base, tree in zip(bases, trees, strict=True)
    ]
    return replace(
        found[0],
        real=[measured for one in found for measured in one.real],
        null=[measured for one in found for measured in one.null],
    )


def _table(study: Study, side: str, of: str) -> Array:
    return np.stack([getattr(one, of) for one in getattr(study, side)])


def _rows(studies: dict[str, Study]) -> list[dict[str, Any]]:
    """Concepts, nonsense and their difference in each condition."""
    return [
        row | {"row": f"{name}: {row['row']}"} for name, study in studies.items() for row in tables.head_rows(study)
    ]


def _parts(studies: dict[str, Study], bases: int) -> dict[str, Sequence[dict[str, Any]]]:
    trained, own = studies["trained base"], studies["trained base, nonsense of its own words"]
    gauss, flat = studies["Gaussian vectors"], studies["trained base, not whitened"]
    parts: dict[str, Sequence[dict[str, Any]]] = {
        "orthogonality": tables.angle_rows(trained),
        "orthogonality-own-words": tables.angle_rows(own),
        "orthogonality-gaussian": tables.angle_rows(gauss),
        "orthogonality-not-whitened": tables.angle_rows(flat),
        "categories": tables.category_rows(trained),
        "categories-own-words": tables.category_rows(own),
        "levels": level_rows(trained),
        "concepts": tables.concept_rows(trained),
    }
    if bases > 1:
        parts["bases"] = base_rows(trained, bases)
    return parts


def level_rows(study: Study) -> list[dict[str, Any]]:
    """Held-out words by how deep in the tree their concept stands."""
    depth: list[int] = []
    for parents in study.tree.parents:
        depth.append(1 + depth[parents[0]] if parents else 0)
    rows = []
    for level in sorted(set(depth)):
        chosen = [k for k, one in enumerate(depth) if one == level]
        rows.append(
            {"row": f"level {level}", "concepts": len(chosen)}
            | {name: two_way_bootstrap(_table(study, "real", of)[:, chosen]) for name, of in METRICS.items()}
            | {"null_projection": two_way_bootstrap(_table(study, "null", "projection_K")[:, chosen])}
        )
    return rows


def base_rows(study: Study, bases: int) -> list[dict[str, Any]]:
    """The same figures of each base alone."""
    rows = []
    for base, places in enumerate(np.array_split(np.arange(len(study.real)), bases)):

        def figure(of: str, places: Any = places) -> Figure:
            return two_way_bootstrap(_table(study, "real", of)[places])

        nulls, reals = (_table(study, side, "auroc_K")[places] for side in ("null", "real"))
        rows.append(
            {"row": "shipped base" if base == 0 else f"base of seed {base}"}
            | {name: figure(of) for name, of in METRICS.items()}
            | {"auroc_difference": paired_two_way_bootstrap(nulls, reals)}
        )
    return rows
