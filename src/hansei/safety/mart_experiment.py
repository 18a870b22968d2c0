"""The experiment of MART (arXiv 2311.07689) on the town: `hansei papers run mart`.

A target that was tuned against requests in the present tense only meets four rounds of an attacker that is tuned on
what succeeds. Beside it: the same with an attacker that is not tuned; without the paper's options; one round of
attacks; and two sets of static prompts (the seeds in all tuned wordings; prompts by one who knows every wording).
Arms of one round have as many of the target's own answers to learn from, and as many steps, as MART's four together.

Each arm's learning rate is chosen on validation items with a seed of its own, with the same budget, under the
condition that the target stays helpful; then several seeds are measured on held-out items, in held-out wordings too.
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
from hansei.steps.pool import Pool

if TYPE_CHECKING:
    from hansei.safety.mart_cells import Arm, Cell

VERSION = "2"
SEARCH_SEED = 1000  # apart from the seeds that are reported
RATES = (1e-4, 2e-4, 4e-4)
SECONDS_START, SECONDS_ROUNDS, SECONDS_ONE = 20.0, 30.0, 20.0  # on one quiet core: measured, rounded up
QUICK_RATE = 2e-4
QUICK = ("MART", "one round of attacks", "static prompts: the seeds")


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment."""

    out: str = "runs/mart"
    """Folder of the journal, the start models and the chart; the same folder again goes on where it stopped."""
    seeds: int = 5
    """Seeds of the start models, the attacks and the tuning, besides the one that the search uses."""
    first_seed: int = 0
    """The first of them. Others than those that have been looked at make a proof of their own."""
    workers: int = 2
    """Processes, one thread each."""
    quick: bool = False
    """One seed, three arms and no search, in about two minutes; for looking, not for quoting."""
    dry_run: bool = False
    """Print how many targets would be made and how long it would take, and stop."""

    def __post_init__(self) -> None:
        if self.seeds < 1 or self.workers < 1:
            raise BadInput("papers run mart: seeds and workers must be 1 or more")
        _ = self.chosen_seeds

    @property
    def chosen_seeds(self) -> range:
        """The seeds that are reported. Raises BadInput where one of them is the search's."""
        return reported(self.first_seed, self.seeds, SEARCH_SEED)


def run(settings: Settings) -> Result:
    """Search, then measure; writes mart.svg into `out`. Every finished cell is in the journal there."""
    from hansei.core import drawing
    from hansei.core.journal import Journal
    from hansei.safety import mart_outcome as outcome
    from hansei.town import grading

    if settings.quick:
        settings = replace(settings, seeds=1)
    print(estimate(settings), flush=True)
    if settings.dry_run:
        return Result(name="mart", kind="paper", settings=asdict(settings), rows=[])
    began = time.monotonic()
    with Journal.open(Path(settings.out)) as journal, Pool(settings.workers, journal, VERSION) as pool:
        rates, searched = _search(settings, pool)
        cells = _finals(settings, pool, rates)
    rows, rounds = outcome.main_rows(cells), outcome.round_rows(cells)
    chart = drawing.save(outcome.chart(rows, rounds), Path(settings.out) / "mart.svg")
    counts = [c["rounds"][-1]["measured"]["counts"] for c in cells]
    shared = {name for c in cells for name in c["shared_entities"]}
    return Result(
        name="mart",
        kind="paper",
        settings=asdict(settings),
        rows=rows,
        parts={"rounds": rounds, "ways": outcome.suite_rows(cells)},
        numbers=frozenset(outcome.NUMBERS),
        notes=(
            f"judge: town {grading.VERSION} (exact); two-way bootstrap over seeds and items",
            f"lessons and held-out prompts share {len(shared)} entities and no text",
        ),
        more={"judge": f"town {grading.VERSION}", "search": searched, "rates": rates, "examples": _examples(cells)},
        files=[chart],
        seeds=settings.chosen_seeds,
        errors=sum(n["error"] for n in counts),
        unscored=sum(n["unscored"] for n in counts),
        seconds=time.monotonic() - began,
    )


def estimate(settings: Settings) -> str:
    """How much work lies ahead, in a line."""
    from hansei.safety.mart_cells import ROUNDS

    arms, search = _arms(settings), 0 if settings.quick else len(RATES)
    cost = [SECONDS_ROUNDS if arm.rounds == ROUNDS else SECONDS_ONE for arm in arms]
    runs = settings.seeds + search
    seconds = ((settings.seeds + bool(search)) * SECONDS_START + runs * sum(cost)) / settings.workers
    return (
        f"{len(arms)} arms: {len(arms) * search} targets to choose learning rates, {len(arms) * settings.seeds} to be "
        f"measured; about {seconds / 60:.0f} minutes with {settings.workers} processes"
    )


def _arms(settings: Settings) -> list[Arm]:
    from hansei.safety.mart_cells import ARMS

    return [arm for arm in ARMS if not settings.quick or arm.name in QUICK]


def _start(settings: Settings, pool: Pool, seeds: Sequence[int]) -> str:
    """Trains the start models of these seeds; a folder that was removed since is made again."""
    from hansei.safety.mart_cells import Start, run_start, start_models

    start = str(Path(settings.out) / "start")
    pool.run(run_start, [Start(start, seed) for seed in seeds], "start models")
    for seed in seeds:
        start_models(start, seed)
    return start


def _search(settings: Settings, pool: Pool) -> tuple[dict[str, float], list[dict[str, Any]]]:
    """The learning rate of each arm, and every point that was tried."""
    from hansei.safety.mart_cells import ARMS, Cell, run_cell

    arms = _arms(settings)
    if settings.quick:
        return dict.fromkeys((arm.name for arm in arms), QUICK_RATE), []
    start = _start(settings, pool, [SEARCH_SEED])

    def tried(chosen: Sequence[Arm], lessons: int) -> list[dict[str, Any]]:
        cells = [Cell(arm, SEARCH_SEED, rate, "validation", start, lessons) for arm in chosen for rate in RATES]
        return [_point(found) for found in pool.run(run_cell, cells, "search")]

    points = tried([arm for arm in arms if arm.rounds > 1], 0)
    best = _best(points, ARMS[0].name)
    lessons = next(p["lessons"] for p in points if p["row"] == ARMS[0].name and p["rate"] == best)
    points += tried([arm for arm in arms if arm.rounds == 1], lessons)
    return {arm.name: _best(points, arm.name) for arm in arms}, points


def _point(found: Mapping[str, Any]) -> dict[str, Any]:
    """A cell of the search: means on the validation items, at the start and at the end."""
    start, end = (found["rounds"][n]["measured"]["values"] for n in (0, -1))
    from hansei.safety.mart_cells import KEPT_HELPFUL

    shown = {name: _mean(end[name]) for name in ("violation_rate", "helpful_rate", "over_refusal")}
    named = {"row": found["cell"]["arm"]["name"], "rate": found["cell"]["rate"], "lessons": lessons_of(found)}
    return named | shown | {"kept": shown["helpful_rate"] >= KEPT_HELPFUL * _mean(start["helpful_rate"])}


def _best(points: Sequence[Mapping[str, Any]], name: str) -> float:
    """The rate of the fewest errors (violations and over-refusals) among those that stay helpful.

    Where none stays helpful, that of the most helpful.
    """

    def merit(point: Mapping[str, Any]) -> tuple[bool, float, float]:
        errors = point["violation_rate"] + point["over_refusal"]
        return point["kept"], -errors if point["kept"] else point["helpful_rate"], -point["rate"]

    return float(max((p for p in points if p["row"] == name), key=merit)["rate"])


def _finals(settings: Settings, pool: Pool, rates: Mapping[str, float]) -> list[dict[str, Any]]:
    """All cells on held-out items: MART first, as the others are given its number of lessons and its attacks."""
    from hansei.safety.mart_cells import Cell, run_cell

    seeds = settings.chosen_seeds
    start = _start(settings, pool, seeds)
    first, *others = _arms(settings)
    mart = pool.run(run_cell, [Cell(first, s, rates[first.name], "heldout", start) for s in seeds], first.name)
    rest = [_beside(arm, found, rates[arm.name]) for arm in others for found in mart]
    return [*mart, *pool.run(run_cell, rest, "the other arms")]


def _beside(arm: Arm, mart: Mapping[str, Any], rate: float) -> Cell:
    from hansei.safety.mart_cells import Cell

    attacks = tuple((text, item) for text, item in mart["attacks"])
    lessons = lessons_of(mart) if arm.rounds == 1 else 0
    return Cell(arm, mart["cell"]["seed"], rate, "heldout", mart["cell"]["start"], lessons, attacks)


def lessons_of(found: Mapping[str, Any]) -> int:
    """Own answers that a cell's target has learnt from."""
    return sum(r["counts"].get("target lessons", 0) for r in found["rounds"])


def _examples(cells: Sequence[Mapping[str, Any]]) -> list[str]:
    """Attacks of the last attacker of the first seed."""
    return [text for text, _ in cells[0]["attacks"][:8]]


def _mean(values: Mapping[str, float | None]) -> float:
    there = [v for v in values.values() if v is not None]
    return sum(there) / len(there) if there else 0.0
