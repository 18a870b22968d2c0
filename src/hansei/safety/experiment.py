"""The experiment of mistake analysis (arXiv 2310.10477) on the town: `hansei papers run mistake-analysis`.

Every row of the paper's table, for several numbers of dangerous training items: the same number of lessons in every
row; step count and learning rate chosen per row and answering mode on validation items, with the same budget, under
the condition that safe requests stay right; then several seeds of the tuning (items, data order), measured on items,
phrasings, attack wordings and a harm category that no lesson knows.

Two processes of one thread each are faster here than one of two, and a cell's numbers do not depend on its neighbours.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hansei.core.errors import BadInput
from hansei.steps.pool import Pool

if TYPE_CHECKING:
    from hansei.safety.cells import Final
    from hansei.safety.outcome import Outcome

VERSION = "1"
SEARCH_SEED = 1000  # apart from the seeds that are reported
STEPS = (5, 10, 20, 40)
RATES = (3e-4, 6e-4, 1e-3)
RLOO_STEPS = (5, 10, 20, 40)
RLOO_RATES = (2e-5, 5e-5, 1e-4)
KEPT_HELPFUL = 0.95  # of the base's right answers to safe requests


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment."""

    out: str = "runs/mistake-analysis"
    """Folder of the journal; the same folder again goes on where it stopped."""
    seeds: int = 5
    """Seeds of the tuning, besides the one that the search uses."""
    sizes: tuple[int, ...] = (10, 20, 50)
    """Numbers of dangerous training items."""
    workers: int = 2
    """Processes, one thread each."""
    quick: bool = False
    """One size (20), one seed, and a search over the lowest and the highest learning rate only: about 7 minutes on two
    free cores, 10 as measured beside other work. For looking, not for quoting."""
    dry_run: bool = False
    """Print how many students would be made and how long it would take, and stop."""

    def __post_init__(self) -> None:
        """Raises BadInput for numbers that make no experiment."""
        if self.seeds < 1 or self.workers < 1 or not self.sizes:
            raise BadInput("papers run mistake-analysis: seeds, sizes and workers must be 1 or more")
        if not all(1 <= size <= 99 for size in self.sizes):
            raise BadInput(f"sizes {self.sizes}: the town has 99 dangerous training items; use 1 to 99")


Choice = tuple[float, int]
"""A learning rate and a step count."""
Line = tuple[str, int, str]
"""Row's name, size, answering mode."""


def run(settings: Settings) -> Outcome:
    """Search, then measure; returns the table. Every finished student is in the journal of `settings.out`."""
    from hansei.core.journal import Journal
    from hansei.safety.cells import measure_base, run_final
    from hansei.safety.discrimination import discriminate, discrimination_rows
    from hansei.safety.goal_hijack import hijack_rows, hijack_tasks, run_hijack
    from hansei.safety.outcome import Outcome, lesson_counts, table_rows
    from hansei.safety.transfer import run_transfer, transfer_rows, transfer_tasks

    if settings.quick:
        settings = replace(settings, sizes=(20,), seeds=1)
    print(estimate(settings), flush=True)
    if settings.dry_run:
        return Outcome(asdict(settings), [], {}, {}, [], 0.0)
    started = time.monotonic()
    with Journal.open(Path(settings.out)) as journal, Pool(settings.workers, journal, VERSION) as pool:
        (base,) = pool.run(measure_base, ["town"], "base")
        searched = list(_searches(settings, pool, base))
        choices = {line: choice for found, _ in searched for line, choice in found.items()}
        frontier = [point for _, points in searched for point in points]
        finals = pool.run(run_final, _finals(settings, choices), "students of all seeds")
        seeds = range(settings.seeds)
        parts = {
            "goal-hijacking": hijack_rows(pool.run(run_hijack, hijack_tasks(seeds), "goal hijacking")),
            "discrimination": discrimination_rows(*pool.run(discriminate, ["town"], "discrimination")),
            "transfer": transfer_rows(pool.run(run_transfer, transfer_tasks(seeds), "which lessons mend what")),
        }
    rows = table_rows(base, finals, choices)
    seconds = time.monotonic() - started
    return Outcome(asdict(settings), rows, parts, lesson_counts(finals), frontier, seconds)


def estimate(settings: Settings) -> str:
    """How much work lies ahead, in a line."""
    from hansei.safety.cells import ROWS
    from hansei.safety.goal_hijack import hijack_tasks
    from hansei.safety.transfer import transfer_tasks

    lines, seeds = len(ROWS) * len(settings.sizes), range(settings.seeds)
    searches, finals = lines * len(rates(settings)[0]), lines * settings.seeds
    seconds = (
        searches * SECONDS_SEARCH
        + finals * SECONDS_FINAL
        + len(hijack_tasks(seeds)) * SECONDS_HIJACK
        + len(transfer_tasks(seeds)) * SECONDS_TRANSFER
    ) / settings.workers
    return (
        f"{searches} searches over {len(STEPS)} step counts and about {finals} or more students of "
        f"{len(ROWS)} rows; about {seconds / 60:.0f} minutes with {settings.workers} processes, a free core each"
    )


# On one core, evaluations included: processor time of a quick run of two seeds and three rates, 25 minutes in all.
SECONDS_SEARCH = 26.0
SECONDS_FINAL = 22.0  # of a row, size and seed; a third of them take two students, one for each answering mode
SECONDS_HIJACK = 23.0
SECONDS_TRANSFER = 10.0


def rates(settings: Settings) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The learning rates that are searched over: of SFT, and of RLOO."""
    return (RATES[::2], RLOO_RATES[::2]) if settings.quick else (RATES, RLOO_RATES)


def _searches(
    settings: Settings, pool: Pool, base: Mapping[str, Any]
) -> Iterator[tuple[dict[Line, Choice], list[dict[str, Any]]]]:
    """Best choice of each line on the validation items, and every point that was tried."""
    from hansei.safety.cells import ROWS, Cell, run_cell

    needed = KEPT_HELPFUL * mean(base["validation"]["plain"]["values"]["helpful_rate"])
    plain_rows = [row for row in ROWS if row.method != "rlhf"]
    of_sft, of_rloo = rates(settings)
    cells = [
        Cell(row, size, SEARCH_SEED, rate, STEPS, "validation")
        for row in plain_rows
        for size in settings.sizes
        for rate in of_sft
    ]
    found, points = _choose(pool.run(run_cell, cells, "search"), needed)
    yield found, points
    starts = {size: found["SFT", size, "plain"] for size in settings.sizes}
    rloo = [
        Cell(row, size, SEARCH_SEED, rate, RLOO_STEPS, "validation", starts[size][1], starts[size][0])
        for row in ROWS
        if row.method == "rlhf"
        for size in settings.sizes
        for rate in of_rloo
    ]
    yield _choose(pool.run(run_cell, rloo, "search RLHF"), needed)


def _choose(results: Sequence[Mapping[str, Any]], needed: float) -> tuple[dict[Line, Choice], list[dict[str, Any]]]:
    """The most harmless choice of each line among those that stay helpful; where none does, the most helpful."""
    points = [
        {
            "row": result["cell"]["row"]["name"],
            "size": result["cell"]["size"],
            "mode": mode,
            "learning_rate": result["cell"]["learning_rate"],
            "steps": int(step),
            "harmless_rate": mean(measured["values"]["harmless_rate"]),
            "helpful_rate": mean(measured["values"]["helpful_rate"]),
        }
        for result in results
        for step, modes in result["students"].items()
        for mode, measured in modes.items()
    ]
    best: dict[Line, dict[str, Any]] = {}
    for point in points:
        line = (point["row"], point["size"], point["mode"])
        if line not in best or _merit(point, needed) > _merit(best[line], needed):
            best[line] = point
    return {line: (p["learning_rate"], p["steps"]) for line, p in best.items()}, points


def _merit(point: Mapping[str, Any], needed: float) -> tuple[bool, float, float]:
    kept = point["helpful_rate"] >= needed
    return kept, point["harmless_rate"] if kept else point["helpful_rate"], -point["steps"]


def _finals(settings: Settings, choices: Mapping[Line, Choice]) -> list[Final]:
    """One training a row, size, seed and learning rate, with the step counts that its modes have chosen."""
    from hansei.safety.cells import MODES, ROWS, Cell, Final

    finals = []
    for seed in range(settings.seeds):
        for size in settings.sizes:
            start = choices["SFT", size, "plain"]
            for row in ROWS:
                chosen = {mode: choices[row.name, size, mode] for mode in MODES}
                for rate in sorted({rate for rate, _ in chosen.values()}):
                    wanted = tuple((steps, mode) for mode, (r, steps) in chosen.items() if r == rate)
                    steps = tuple(sorted({s for s, _ in wanted}))
                    first = (start[1], start[0]) if row.method == "rlhf" else (0, 0.0)
                    finals.append(Final(Cell(row, size, seed, rate, steps, "heldout", *first), wanted))
    return finals


def mean(values: Mapping[str, float | None]) -> float:
    """Mean of the values that are there."""
    there = [v for v in values.values() if v is not None]
    return sum(there) / len(there) if there else 0.0
