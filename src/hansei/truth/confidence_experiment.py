"""The confidence experiment (arXiv 2405.20974) in the town: `hansei papers run confidence`.

The registry's base knows some people well and most hardly at all, and when it is asked how sure it is, it is sure. Its
own chains about people on the train shelf teach it to say how sure it is (stage 1) and reinforcement to say so rightly
(stage 2); what shows is its answers about people on the heldout shelf, of whom no lesson speaks. The facts of the train
people decide the reward of stage 2 and nothing else.

Learning rates and step counts are those with the lowest Brier score on *validation* people among those whose accuracy
is within a point of the base's on the same questions (where none is: the most accurate), from one search seed apart
from the seeds that are reported; stage 2's are searched from the student of stage 1's. All that was tried is in the
result's part `search`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hansei.core.errors import BadInput
from hansei.core.result import Result

if TYPE_CHECKING:
    from hansei.core.result import Row
    from hansei.truth.confidence_cells import Cell, Recipe
    from hansei.truth.confidence_outcome import Measured

VERSION = "3"
SEARCH_SEED = 1000
WITHIN = 0.01
"""How much accuracy a choice may lose against the base on validation people."""
SFT_RATES, SFT_STEPS = (1e-4, 2e-4), (30, 50)
RL_RATES, RL_STEPS = (1e-4, 3e-4), (5, 10)
TAUGHT, CHOSEN_BY, ASKED = 30, 40, 20
"""People of each fame that are taught about, that settings are chosen by, and that are measured, six questions each.
The validation shelf has 12 popular people."""
OURS, PAPERS = "chains by their shares", "one lesson a cluster"
DRAWN = 4
QUICK = ((1e-4, 50), (1e-4, 10))
SECONDS = {"chains": 20.0, "sft": 0.6, "rl": 2.0, "measured": 10.0, "untaught": 25.0}  # one core, rounded up


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment."""

    out: str = "runs/confidence"
    """Folder of the journal and the chart; the same folder again goes on where it stopped."""
    seeds: int = 5
    """Seeds of chains, order of lessons and reinforcement."""
    chains: int = 20
    """Chains of each question (100 in the paper)."""
    workers: int = 2
    """Processes, one thread each."""
    quick: bool = False
    """Two seeds, 10 chains and no search; for looking, not for quoting."""
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
        settings = replace(settings, seeds=min(2, settings.seeds), chains=min(10, settings.chains))
    print(estimate(settings), flush=True)
    if settings.dry_run:
        return Result(name="confidence", kind="paper", settings=asdict(settings), rows=())
    started = time.monotonic()
    with (
        Journal.open(Path(settings.out)) as journal,
        Pool(settings.workers, journal, VERSION, model="town:registry") as pool,
    ):
        recipes = quick_recipes()
        searched: list[Row] = []
        if not settings.quick:
            recipes, searched = _search(settings, pool)
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
        parts={**outcome.apart(lines, items), **({"search": searched} if searched else {})},
        numbers=outcome.NUMBERS,
        notes=(
            "ece: binned, 10 bins; mean_distance: mean |confidence - correctness|, which the paper's code calls ECE; "
            "ece_ratio: what is left of the binned ECE of asking directly",
            "intervals: two-way bootstrap over seeds and people; greedy answers, judged by the registry's facts",
            *(_told(recipe) for recipe in recipes),
        ),
        more={
            "judge": "town (exact)",
            "reliability": bars,
            "counts": [made["counts"] for made in found],
            "texts": {line.name: line.seeds[0]["texts"] for line in lines},
        },
        files=(outcome.chart(bars, Path(settings.out) / "confidence.svg"),),
        seeds=range(settings.seeds),
        unscored=sum(outcome.unscored(line, items) for line in lines if line.name != outcome.PLAIN),
        seconds=time.monotonic() - started,
    )


def _search(settings: Settings, pool: Any) -> tuple[list[Recipe], list[Row]]:
    """The recipes with the learning rates and step counts of the search, and a row for all that was tried."""
    from hansei.truth import confidence_outcome as outcome
    from hansei.truth.confidence_cells import Cell, Stage, Untaught, questions, run_cell, run_untaught

    def cell(*recipes: Recipe) -> Cell:
        return Cell(SEARCH_SEED, TAUGHT, settings.chains, recipes, "validation", CHOSEN_BY)

    def tried(label: str, *recipes: Recipe) -> list[dict[str, Any]]:
        (made,) = pool.run(run_cell, [cell(*recipes)], label)
        return list(made["rows"])

    (untaught,) = pool.run(run_untaught, [Untaught(2, "validation", CHOSEN_BY)], "the untaught base")
    needed = outcome.accuracy(untaught[outcome.PLAIN]) - WITHIN
    first = tried("search, stage 1", *(replace(r, sft=Stage(rate, SFT_STEPS)) for r in stage_1() for rate in SFT_RATES))
    recipes = []
    for recipe in stage_1():
        best = choose([made for made in first if made["row"] == recipe.name], needed)
        recipes.append(replace(recipe, sft=Stage(best["learning_rate"], (best["steps"],))))
    ways = tuple(Stage(rate, RL_STEPS) for rate in RL_RATES)
    second = [made for made in tried("search, stage 2", replace(recipes[0], rl=ways)) if made["stage"] == 2]
    best = choose(second, needed)
    recipes[0] = replace(recipes[0], rl=(Stage(best["learning_rate"], (best["steps"],)),))
    return recipes, outcome.searched(untaught, [*first, *second], questions("validation", CHOSEN_BY))


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
    return [replace(first, rl=(Stage(QUICK[1][0], (QUICK[1][1],)),)), *others]


def choose(tried: Sequence[Measured], needed: float) -> Measured:
    """The lowest Brier score among the students that are accurate enough; else the most accurate one."""
    from hansei.truth import confidence_outcome as outcome

    enough = [made for made in tried if outcome.accuracy(made) >= needed]
    return min(enough, key=outcome.brier) if enough else max(tried, key=outcome.accuracy)


def _told(recipe: Recipe) -> str:
    rl = "".join(f"; stage 2: {stage.learning_rate:g}, {max(stage.steps)} steps" for stage in recipe.rl)
    return f"{recipe.name}: stage 1: learning rate {recipe.sft.learning_rate:g}, {max(recipe.sft.steps)} steps{rl}"


def estimate(settings: Settings) -> str:
    """How much work lies ahead, in a line."""
    s, share = SECONDS, settings.chains / 20
    steps, further = (QUICK[0][1], QUICK[1][1]) if settings.quick else (max(SFT_STEPS), max(RL_STEPS))
    seed = s["chains"] * share + 2 * steps * s["sft"] + further * s["rl"] + 3 * s["measured"]
    search, searched = 0.0, 0
    if not settings.quick:
        students = len(SFT_RATES) * 2 * len(SFT_STEPS) + len(RL_RATES) * len(RL_STEPS) + len(SFT_STEPS)
        trained = (2 * len(SFT_RATES) + 1) * steps * s["sft"] + len(RL_RATES) * further * s["rl"]
        search = 2 * s["chains"] * share + trained + students * 4
        searched = 2 * len(SFT_RATES) + 1 + len(RL_RATES)
    minutes = (search + s["untaught"] * share + settings.seeds * seed / min(settings.workers, settings.seeds)) / 60
    return (
        f"{searched} trainings to search, {3 * settings.seeds} students of {settings.seeds} seeds, "
        f"{settings.chains} chains a question; at most {minutes:.0f} minutes with {settings.workers} processes"
    )
