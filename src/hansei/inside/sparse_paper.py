"""The experiment of *Scaling and Evaluating Sparse Autoencoders* on the town: `hansei papers run sparse-autoencoder`.

Dead latents of the largest autoencoder with AuxK and without; what the model loses with its reconstructions; latents
that tell a dangerous item, the past tense and a refusal, chosen on items of the train shelf and measured on held-out
ones; refusals with latents ablated that were chosen by their effect on validation items; the law L(n, k) with the
largest n predicted from the others; how many of 2,000 known directions are recovered from synthetic data.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hansei.core.errors import BadInput
from hansei.core.result import Result

if TYPE_CHECKING:
    from hansei.inside.sparse_town import GridTask, RecoveryTask, SeedTask

VERSION = "1"
LONGER = 0.6
"""Steps grow with the number of latents to this power, as the tokens that training to the end takes."""
SECONDS = {"grid": 17.0, "seed": 75.0, "recovery": 12.0}  # a task on one quiet core, rounded up


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment."""

    out: str = "runs/sparse-autoencoder"
    """Folder of the journal and the chart; the same folder again goes on where it stopped."""
    seeds: int = 5
    """Seeds of students, autoencoders and synthetic data."""
    workers: int = 2
    """Processes, one thread each."""
    quick: bool = False
    """Two seeds, small autoencoders and short trainings, in about 3 minutes; for looking, not for quoting."""
    dry_run: bool = False
    """Print how much would be trained and how long it would take, and stop."""

    def __post_init__(self) -> None:
        """Raises BadInput for numbers that make no experiment."""
        if self.seeds < 1 or self.workers < 1:
            raise BadInput("papers run sparse-autoencoder: seeds and workers must be 1 or more")


@dataclass(frozen=True)
class Tasks:
    """All that is trained."""

    grid: list[GridTask]
    without: list[GridTask]
    """The largest of them without AuxK."""
    seeds: list[SeedTask]
    recovery: list[RecoveryTask]


def tasks(settings: Settings) -> Tasks:
    """The largest size first, as it takes longest."""
    from hansei.inside.sparse_town import GridTask, RecoveryTask, SeedTask, Size

    quick = settings.quick
    tokens, batch = (40_000, 256) if quick else (240_000, 256)
    sizes = (512, 362, 256) if quick else (1024, 724, 512, 362, 256)
    ks = (8, 16) if quick else (4, 8, 16, 32)
    seeds = range(min(2, settings.seeds) if quick else settings.seeds)
    known = 150 if quick else 500
    shapes = ((2000, 8),) if quick else ((2000, 8), (2000, 4), (1000, 8))
    longest = 300 if quick else 3676
    steps = {n: round(longest * (n / sizes[0]) ** LONGER) for n in sizes}
    return Tasks(
        [GridTask(Size(n, k, steps[n], batch, tokens), 0) for n in sizes for k in ks],
        [GridTask(Size(sizes[0], k, longest, batch, tokens), 0, aux=False) for k in ks[:2]],
        [SeedTask(Size(sizes[0], 16, longest // 2, batch, tokens // 2), seed) for seed in seeds],
        [RecoveryTask(n, k, known, 512 if quick else 1024, seed) for n, k in shapes for seed in seeds],
    )


def run(settings: Settings) -> Result:
    """Train, look, fit. Every finished autoencoder's figures are in the journal of `settings.out`."""
    from hansei.core.journal import Journal
    from hansei.inside import sparse_rows as rows
    from hansei.inside.sparse_town import run_grid, run_recovery, run_seed
    from hansei.steps.pool import Pool

    todo = tasks(settings)
    print(estimate(settings, todo), flush=True)
    if settings.dry_run:
        return Result(name="sparse-autoencoder", kind="paper", settings=asdict(settings), rows=())
    started = time.monotonic()
    with Journal.open(Path(settings.out)) as journal, Pool(settings.workers, journal, VERSION) as pool:
        seeds = pool.run(run_seed, todo.seeds, "students")
        grid = pool.run(run_grid, todo.grid, "sizes")
        without = pool.run(run_grid, todo.without, "sizes without AuxK")
        known = pool.run(run_recovery, todo.recovery, "known directions")
    law = rows.law(grid)
    parts: dict[str, Sequence[dict[str, Any]]] = {
        "substituted": rows.substituted(seeds),
        "concepts": rows.concepts(seeds),
        "ablation": rows.ablation(seeds),
        "students": rows.students(seeds),
        "dead": rows.dead_by_k(grid, without),
        "law": law.rows,
        "predicted": law.predicted,
        "recovery": rows.recovery(todo.recovery, known),
    }
    chart = rows.chart(law, parts["recovery"], Path(settings.out) / "sparse-autoencoder.svg")
    return Result(
        name="sparse-autoencoder",
        kind="paper",
        settings=asdict(settings),
        rows=rows.dead(seeds),
        parts=parts,
        numbers=rows.NUMBERS,
        notes=(
            "dead: did not fire in the last 76 steps of the training; dead heldout: not on 40,000 held-out tokens; "
            "loss and KL in nats a token, on held-out text",
            "intervals over seeds; of concepts and ablations over seeds and prompts",
        ),
        more={"judge": "town", "grid": grid, "laws": law.fits},
        files=(chart,),
        seeds=sorted({task.seed for task in todo.seeds}),
        seconds=time.monotonic() - started,
    )


def estimate(settings: Settings, todo: Tasks) -> str:
    """How much work lies ahead, in a line."""
    share = 0.1 if settings.quick else 1.0
    each = zip(SECONDS.values(), (len(todo.grid) + len(todo.without), len(todo.seeds), len(todo.recovery)), strict=True)
    minutes = share * sum(seconds * count for seconds, count in each) / 60 / settings.workers
    return (
        f"{len(todo.grid)} autoencoders of the law's grid and {len(todo.without)} without AuxK, "
        f"{len(todo.seeds)} students with two each, "
        f"{len(todo.recovery)} on known directions; about {minutes:.0f} minutes with {settings.workers} processes, "
        "a free core each"
    )
