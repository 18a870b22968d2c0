"""The confidence experiment (arXiv 2405.20974) in the town: `hansei papers run confidence`.

The registry's base knows some people well and most hardly at all, and when it is asked how sure it is, it is sure. Its
own chains about people on the train shelf teach it to say how sure it is (stage 1) and reinforcement to say so rightly
(stage 2); what shows is its answers about people on the heldout shelf, of whom no lesson speaks. The facts of the train
people decide the reward of stage 2 and nothing else.

Learning rates and step counts are those with the lowest Brier score on *validation* people among those whose accuracy
is within a point of the base's there (where none is: the most accurate), from one search seed apart from the seeds that
are reported; stage 2's are searched from the student of stage 1's.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hansei.core.errors import BadInput
from hansei.core.result import Result

if TYPE_CHECKING:
    from hansei.truth.confidence_cells import Recipe

VERSION = "2"
SEARCH_SEED = 1000
WITHIN = 0.01
"""How much accuracy a choice may lose against the base on validation people."""
SFT_RATES, SFT_STEPS = (5e-5, 1e-4), (15, 30, 60)  # 3e-4 costs accuracy after 60 steps
RL_RATES, RL_STEPS = (5e-5, 1e-4), (10, 20)
TAUGHT, ASKED = 12, 20
"""People of each fame that are taught about, and (at most) that are measured, six questions each."""
OURS, PAPERS = "chains by their shares", "one lesson a cluster"
DRAWN = 6
QUICK = ((1e-4, 60), (1e-4, 20))
SECONDS = {"chains": 30.0, "sft": 0.25, "rl": 1.5, "measured": 12.0, "untaught": 75.0}  # one quiet core, rounded up


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment."""

    out: str = "runs/confidence"
    """Folder of the journal and the chart; the same folder again goes on where it stopped."""
    seeds: int = 5
    """Seeds of chains, order of lessons and reinforcement."""
    chains: int = 100
    """Chains of each question."""
    workers: int = 2
    """Processes, one thread each."""
    quick: bool = False
    """Two seeds, 20 chains and no search; for looking, not for quoting."""
    dry_run: bool = False
    """Print how many students would be made and how long it would take, and stop."""

    def __post_init__(self) -> None:
        """Raises BadInput for numbers that make no experiment."""
        if self.seeds < 1 or self.workers < 1 or self.chains < 2:
            raise BadInput("papers run confidence: seeds and workers must be 1 or more, chains 2 or more")


def run(settings: Settings) -> Result:
    """Search on validation people, then every recipe with every seed on held-out ones."""
    from hansei.core.journal import Journal
    from hansei.steps.pool import Pool
    from hansei.truth import confidence_outcome as outcome
    from hansei.truth.confidence_cells import Cell, Untaught, questions, run_cell, run_untaught

    if settings.quick:
        settings = replace(settings, seeds=min(2, settings.seeds), chains=min(20, settings.chains))
    print(estimate(settings), flush=True)
    if settings.dry_run:
        return Result(name="confidence", kind="paper", settings=asdict(settings), rows=())
    started = time.monotonic()
    with (
        Journal.open(Path(settings.out)) as journal,
        Pool(settings.workers, journal, VERSION, model="town:registry") as pool,
    ):
        recipes = quick_recipes()
        points: list[dict[str, Any]] = []
        if not settings.quick:
            recipes, points = _search(settings, pool)
        tasks = [Untaught(settings.chains, "heldout", ASKED)]
        (untaught,) = pool.run(run_untaught, tasks, "the untaught base")
        cells = [
            Cell(seed, TAUGHT, settings.chains, tuple(recipes), "heldout", ASKED) for seed in range(settings.seeds)
        ]
        found = pool.run(run_cell, cells, "seeds")
    items, lines = questions("heldout", ASKED), outcome.lines(untaught, found)
    bars = {line.name: outcome.reliability(line, items) for line in lines if line.name != outcome.PLAIN}
    return Result(
        name="confidence",
        kind="paper",
        settings=asdict(settings),
        rows=outcome.table(lines, items),
        parts=outcome.apart(lines, items),
        numbers=outcome.NUMBERS,
        notes=(
            "ece: binned, 10 bins; mean_distance: mean |confidence - correctness|, which the paper's code calls ECE; "
            "ece_ratio: what is left of the binned ECE of asking directly",
            "intervals: two-way bootstrap over seeds and people; greedy answers, judged by the registry's facts",
            *(_told(recipe) for recipe in recipes),
        ),
        more={
            "judge": "town (exact)",
            "search": points,
            "reliability": bars,
            "counts": [made["counts"] for made in found],
            "texts": {line.name: line.seeds[0]["texts"] for line in lines},
        },
        files=(outcome.chart(bars, Path(settings.out) / "confidence.svg"),),
        seeds=range(settings.seeds),
        unscored=sum(outcome.unscored(line, items) for line in lines if line.name != outcome.PLAIN),
        seconds=time.monotonic() - started,
    )


def _search(settings: Settings, pool: Any) -> tuple[list[Recipe], list[dict[str, Any]]]:
    """The recipes with the learning rates and step counts of the search, and all its points."""
    from hansei.truth.confidence_cells import Cell, Stage, Untaught, run_cell, run_untaught

    def cell(*recipes: Recipe) -> Cell:
        return Cell(SEARCH_SEED, TAUGHT, settings.chains, recipes, "validation", ASKED)

    (untaught,) = pool.run(run_untaught, [Untaught(2, "validation", ASKED)], "the untaught base")
    needed = _accuracy(untaught["plain"]) - WITHIN
    tried = cell(*(replace(r, sft=Stage(rate, SFT_STEPS)) for r in stage_1() for rate in SFT_RATES))
    (made,) = pool.run(run_cell, [tried], "search, stage 1")
    points = _points(made)
    recipes = []
    for recipe in stage_1():
        best = choose([p for p in points if p["row"] == recipe.name], needed)
        recipes.append(replace(recipe, sft=Stage(best["learning_rate"], (best["steps"],))))
    further = cell(*(replace(recipes[0], rl=Stage(rate, RL_STEPS)) for rate in RL_RATES))
    (made,) = pool.run(run_cell, [further], "search, stage 2")
    more = [point for point in _points(made) if point["stage"] == 2]
    best = choose(more, needed)
    return [replace(recipes[0], rl=Stage(best["learning_rate"], (best["steps"],))), *recipes[1:]], points + more


def stage_1() -> list[Recipe]:
    """What is compared: the recipe that stage 2 goes on from, and the paper's way of choosing lessons."""
    from hansei.truth.confidence import Teaching
    from hansei.truth.confidence_cells import Recipe, Stage

    none = Stage(QUICK[0][0], (QUICK[0][1],))
    return [Recipe(OURS, Teaching(drawn=DRAWN), none), Recipe(PAPERS, Teaching(), none)]


def quick_recipes() -> list[Recipe]:
    """The same with learning rates and step counts that were not searched for."""
    from hansei.truth.confidence_cells import Stage

    first, *others = stage_1()
    return [replace(first, rl=Stage(QUICK[1][0], (QUICK[1][1],))), *others]


def choose(points: Sequence[Mapping[str, Any]], needed: float) -> Mapping[str, Any]:
    """The lowest Brier score among the points that are accurate enough; else the most accurate one."""
    enough = [p for p in points if p["accuracy"] >= needed]
    return min(enough, key=lambda p: p["brier"]) if enough else max(points, key=lambda p: p["accuracy"])


def _points(made: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Accuracy and calibration of every student of a search's cell."""
    import numpy as np

    from hansei.core.calibration import Grid

    found = []
    for row in made["rows"]:
        grid = Grid.of([list(row["values"].values())])
        head = {name: row[name] for name in ("row", "stage", "learning_rate", "steps")}
        figures = grid.measured([0], np.arange(grid.confidence_SI.shape[1]))
        found.append(head | {name: figures[name] for name in ("ece", "brier", "auroc")} | {"accuracy": _accuracy(row)})
    return found


def _accuracy(measured: Mapping[str, Any]) -> float:
    right: list[float] = [r for _, r in measured["values"].values() if r is not None]
    return sum(right) / len(right)


def _told(recipe: Recipe) -> str:
    rl = "" if recipe.rl is None else f"; stage 2: {recipe.rl.learning_rate:g}, {max(recipe.rl.steps)} steps"
    return f"{recipe.name}: stage 1: learning rate {recipe.sft.learning_rate:g}, {max(recipe.sft.steps)} steps{rl}"


def estimate(settings: Settings) -> str:
    """How much work lies ahead, in a line."""
    s, share = SECONDS, settings.chains / 100
    steps, further = (QUICK[0][1], QUICK[1][1]) if settings.quick else (max(SFT_STEPS), max(RL_STEPS))
    seed = s["chains"] * share + 2 * steps * s["sft"] + further * s["rl"] + 3 * s["measured"]
    search, searched = 0.0, 0
    if not settings.quick:
        tried = len(SFT_RATES) * 2 * (steps * s["sft"] + 3) + len(RL_RATES) * (steps * s["sft"] + further * s["rl"] + 3)
        search = 2 * s["chains"] * share + tried
        searched = 2 * len(SFT_RATES) + len(RL_RATES)
    minutes = (search + s["untaught"] * share + settings.seeds * seed / min(settings.workers, settings.seeds)) / 60
    return (
        f"{searched} trainings to search, {3 * settings.seeds} students of {settings.seeds} seeds, "
        f"{settings.chains} chains a question; at most {minutes:.0f} minutes with {settings.workers} processes"
    )
