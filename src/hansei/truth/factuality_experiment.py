"""The factuality experiment (arXiv 2311.08401) in the town: `hansei papers run factuality`.

The registry's base writes lives of people of whom it knows much, some or hardly anything. Its own samples about some
people are ranked, with the registry as reference or by the base's agreement with itself, and taught by SFT and DPO;
what shows is the lives of others, of whom no lesson speaks.

Beta (how strongly students are held to the SFT student) and the length penalty are those with the fewest wrong claims
on *validation* people among those that keep at least 94% of the base's correct claims there; where none keeps as many,
those that keep most. One training differs from the next by more than people do, so the search has two seeds, apart
from those that are reported. It is the same with the reference and without it. Of the paper's measures of agreement
max p is taken.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hansei.core.errors import BadInput
from hansei.core.result import Result
from hansei.core.seeds import reported

if TYPE_CHECKING:
    from hansei.truth.factuality_cells import Reward, Run

VERSION = "6"
SEARCH_SEEDS = (1000, 1001)
TRIED = ((3.0, 0.2), (3.0, 0.3), (3.25, 0.1))
"""Length penalties and values of beta to choose from. A life has two to six facts, four on average:
with a penalty near 3 longer ones win where the base knows much and shorter ones where it does not. With 3 and beta 0.1
students end lives early also where the base knows all of the person."""
RATE, STEPS = 1.2e-4, 240
"""Of DPO."""
REWARDS: tuple[Reward, ...] = ("reference", "max")
KEPT = 0.94
"""Least share of the base's correct claims that a choice keeps on validation people; the proof needs 0.9, and has kept
up to 5 points less than was promised."""
QUICK = 60
"""Steps of a quick run."""
SECONDS = {
    "samples": 100.0,
    "best of ten": 70.0,
    "step": 0.25,
    "measured": 12.0,
}  # on one quiet core: measured, rounded up


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment."""

    out: str = "runs/factuality"
    """Folder of the journal and the chart; the same folder again goes on where it stopped."""
    seeds: int = 5
    """Seeds of samples, order of lessons and measured answers."""
    first_seed: int = 0
    """The first of them. Others than those that have been looked at make a proof of their own."""
    workers: int = 2
    """Processes, one thread each."""
    quick: bool = False
    """Two seeds and no search; for looking, not for quoting."""
    dry_run: bool = False
    """Print how many students would be made and how long it would take, and stop."""

    def __post_init__(self) -> None:
        """Raises BadInput for numbers that make no experiment."""
        if self.seeds < 1 or self.workers < 1:
            raise BadInput("papers run factuality: seeds and workers must be 1 or more")
        _ = self.chosen_seeds

    @property
    def chosen_seeds(self) -> range:
        """The seeds that are reported. Raises BadInput where one of them is the search's."""
        return reported(self.first_seed, self.seeds, SEARCH_SEEDS[0])


def run(settings: Settings) -> Result:
    """Search on validation people, then every reward with every seed on held-out ones."""
    from hansei.core.journal import Journal
    from hansei.steps.pool import Pool
    from hansei.truth import factuality_outcome as outcome
    from hansei.truth.factuality_cells import Cell, run_cell

    if settings.quick:
        settings = replace(settings, seeds=min(2, settings.seeds))
    print(estimate(settings), flush=True)
    if settings.dry_run:
        return Result(name="factuality", kind="paper", settings=asdict(settings), rows=())
    seeds = settings.chosen_seeds
    started = time.monotonic()
    with (
        Journal.open(Path(settings.out)) as journal,
        Pool(settings.workers, journal, VERSION, model="town:registry") as pool,
    ):
        tried: list[dict[str, Any]] = []
        if settings.quick:
            runs = [_run(name, 0.2, 3.0, QUICK) for name in REWARDS]
        else:
            tried = pool.run(run_cell, [Cell(seed, search(), "validation") for seed in SEARCH_SEEDS], "search")
            runs = choose(outcome.points(tried))
        cells = [Cell(seed, tuple(runs), "heldout") for seed in seeds]
        found = pool.run(run_cell, cells, "seeds")
    table = outcome.rows(found)
    return Result(
        name="factuality",
        kind="paper",
        settings=asdict(settings),
        rows=table,
        parts={
            "change": outcome.changes(found),
            **outcome.apart(found),
            "samples-by-length": outcome.by_length(found),
            "pairs": outcome.about_pairs(found),
            **({"search": outcome.searched(tried)} if tried else {}),
        },
        numbers=frozenset({"correct_claims", "wrong_claims", "seldom_told"}),
        notes=(
            "claims a life, by the registry's facts; intervals: two-way bootstrap over seeds and people",
            "change: against the base; lives are drawn at temperature 1 unless the row says otherwise",
            *(
                f"{r.reward}: learning rate {r.learning_rate:g}, beta {r.beta:g}, {r.steps} steps, gamma {r.gamma:g}"
                for r in runs
            ),
        ),
        more={"judge": "town (exact)", "counts": found[0]["counts"], "lives": outcome.told(found)},
        files=(outcome.chart(table, Path(settings.out) / "factuality.svg"),),
        seeds=seeds,
        errors=sum(row["errors"] for cell in found for row in cell["rows"]),
        seconds=time.monotonic() - started,
    )


def search() -> tuple[Run, ...]:
    """The same trainings with the reference and without; all share their samples."""
    return tuple(_run(name, beta, gamma) for name in REWARDS for gamma, beta in TRIED)


def _run(reward: Reward, beta: float, gamma: float, steps: int = STEPS) -> Run:
    from hansei.truth.factuality_cells import Run

    return Run(reward, RATE, beta, steps, gamma)


def choose(points: Sequence[Mapping[str, Any]]) -> list[Run]:
    """Of each reward the point with the fewest wrong claims among those that keep enough.

    `wrong_claims` and `correct_claims` of a point are Figures of changes against the base.
    """
    chosen = []
    for name in REWARDS:
        mine = [p for p in points if p["reward"] == name]
        enough = [p for p in mine if _kept(p) >= KEPT]
        best = min(enough, key=_wrong) if enough else max(mine, key=_kept)
        chosen.append(_run(name, best["beta"], best["gamma"]))
    return chosen


def _kept(point: Mapping[str, Any]) -> float:
    return 1 + float(point["correct_claims"].value)


def _wrong(point: Mapping[str, Any]) -> float:
    return float(point["wrong_claims"].value)


def estimate(settings: Settings) -> str:
    """How much work lies ahead, in a line."""
    searches = 0 if settings.quick else len(SEARCH_SEEDS)
    tries, students = len(search()) * searches, settings.seeds * len(REWARDS)
    trained = tries * STEPS + students * (QUICK if settings.quick else STEPS)
    measured = tries + 2 * searches + students + 3 * settings.seeds
    seconds = (
        (searches + settings.seeds) * SECONDS["samples"]
        + settings.seeds * SECONDS["best of ten"]
        + trained * SECONDS["step"]
        + measured * SECONDS["measured"]
    )
    return (
        f"{tries} trainings of the search and {students} students of {settings.seeds} seeds; at most "
        f"{seconds / 60 / settings.workers:.0f} minutes with {settings.workers} processes"
    )
