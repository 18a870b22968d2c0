"""The experiment of thought templates (Buffer of Thoughts, arXiv 2406.04271): `hansei papers run thought-templates`.

On held-out problems of the school, by one model: the direct answer, chain-of-thought, tree searches of several sizes,
the program of a template without the model, and templates distilled by the model from solved problems of the split
`train`. A seed is a draw of those problems and of the search; items are the same. delta is chosen on validation items.

Calls, tokens and seconds an item are counted for each; distilling the buffer is told apart, as it is done once.
`--show FOLDER` solves the three tasks of the paper's release by programs alone, as a demonstration.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hansei.core import statistics
from hansei.core.errors import BadInput
from hansei.core.result import Result
from hansei.reasoning.thought_cells import BOT, COT, Cell, Choice, run_cell, run_choice
from hansei.reasoning.thought_demonstration import FOLDER, demonstration
from hansei.reasoning.tree_of_thoughts import Search
from hansei.steps.pool import Pool

VERSION = "1"
NAME = "thought-templates"
BASE = "town:school"
COUNTED = ("calls", "tokens", "seconds", "program_seconds")
THRESHOLDS = (0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment."""

    out: str = "runs/thought-templates"
    """Folder of the journal; the same folder again goes on where it stopped."""
    seeds: int = 5
    """Draws of the solved problems that templates come from."""
    items: int = 48
    """Held-out problems, a quarter each of one to four steps."""
    examples: int = 160
    """Solved problems that templates are distilled from."""
    widths: tuple[int, ...] = (1, 3)
    """Widths of the tree searches; each draws 3 next steps."""
    show: str | None = None
    """Folder of public data that holds `buffer_of_thoughts`: solve its three tasks by programs alone, and stop."""
    workers: int = 2
    """Processes, one thread each."""
    model: str = BASE
    """The model: the school's base, or the folder of another size of it."""
    dry_run: bool = False
    """Print how many answers would be made, and stop."""

    def __post_init__(self) -> None:
        """Raises BadInput for numbers that make no experiment."""
        if min(self.seeds, self.workers, self.examples) < 1 or self.items < 4 or min(self.widths, default=0) < 1:
            raise BadInput(f"papers run {NAME}: seeds, workers, examples, widths >= 1 and items >= 4 were expected")


def run(settings: Settings) -> Result:
    """Chooses delta, then answers in every way with every seed; finished cells are in the journal of `settings.out`."""
    if settings.show is not None:
        return _demonstrated(settings.show)
    from hansei.core.journal import Journal

    print(_estimate(settings), flush=True)
    if settings.dry_run:
        return Result(name=NAME, kind="paper", settings=asdict(settings), rows=())
    started = time.monotonic()
    with (
        Journal.open(Path(settings.out)) as journal,
        Pool(settings.workers, journal, VERSION, model=settings.model) as pool,
    ):
        (tried,) = pool.run(
            run_choice, [Choice(settings.model, settings.examples, settings.items, THRESHOLDS)], "choose delta"
        )
        delta = max(tried, key=lambda point: (point["right"], point["threshold"]))["threshold"]
        searches = tuple(Search(width=width) for width in settings.widths)
        cells = [
            Cell(settings.model, seed, settings.examples, settings.items, delta, searches)
            for seed in range(settings.seeds)
        ]
        found = pool.run(run_cell, cells, "answer")
    rows = table([cell["rows"] for cell in found], found[0]["order"])
    buffers = [cell["buffer"] for cell in found]
    return Result(
        name=NAME,
        kind="paper",
        settings=asdict(settings),
        rows=rows,
        parts={"work": work([cell["work"] for cell in found])},
        numbers=frozenset({"calls", "tokens", "seconds", "program_seconds"}),
        notes=(
            f"delta {delta}, chosen on {settings.items} validation problems; buffers of "
            f"{', '.join(str(b['templates']) for b in buffers)} templates, {sum(b['right'] for b in buffers)} of "
            f"{sum(b['templates'] for b in buffers)} true; distilling took "
            f"{sum(b['tokens'] for b in buffers) / len(buffers):,.0f} tokens, once a buffer",
            "cost: tokens an item, of those of the widest tree; seconds: share of a batch, of the model alone",
        ),
        more={"judge": "number 1", "search": tried, "buffers": buffers},
        seeds=range(settings.seeds),
        errors=sum(row["errors"] for cell in found for row in cell["rows"].values()),
        seconds=time.monotonic() - started,
    )


def table(cells: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[dict[str, Any]]:
    """A line for each way: accuracy, the differences to chain-of-thought and the widest tree, what an item costs."""
    trees = [name for name in names if name.startswith("tree")]
    widest = trees[-1] if trees else None
    lines = []
    for name in names:
        grid = {key: [cell[name][key] for cell in cells] for key in ("right", *COUNTED)}
        line: dict[str, Any] = {"row": name, "accuracy": statistics.rate(grid["right"])}
        if COT in names and name != COT:
            plain = [cell[COT]["right"] for cell in cells]
            line["minus_CoT"] = statistics.paired_two_way_bootstrap(plain, grid["right"])
        if widest is not None:
            against = [cell[widest]["right"] for cell in cells]
            line["minus_tree"] = statistics.paired_two_way_bootstrap(against, grid["right"]) if name != widest else None
            spent = sum(sum(cell[widest]["tokens"]) for cell in cells)
            line["cost"] = f"{100 * sum(map(sum, grid['tokens'])) / spent:.1f}%"
        for key in COUNTED:
            line[key] = statistics.two_way_bootstrap(grid[key])
        line["unanswered"] = sum(cell[name]["unanswered"] for cell in cells)
        lines.append(line)
    return lines


def work(cells: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The model's own work in the row `BOT`, for kinds whose templates the base has met and for the others."""
    lines = []
    for shelf in ("textbook", "other"):
        places = [n for n, name in enumerate(cells[0]["shelf"]) if name == shelf]
        if not places:
            continue
        line: dict[str, Any] = {"row": f"{BOT}: kinds on the shelf {shelf}"}
        for key in ("template_chosen", "slots_filled", "answer"):
            line[key] = statistics.rate([[cell[key][n] for n in places] for cell in cells])
        lines.append(line)
    return lines


def _demonstrated(data: str) -> Result:
    """The released tasks by programs alone. Sandboxed runs, one after the other: about a minute."""
    started = time.monotonic()
    found = demonstration(data)
    return Result(
        name=NAME,
        kind="paper",
        settings={"show": FOLDER},
        rows=[{"row": name, "program_alone": statistics.rate(right)} for name, right in found.items()],
        notes=("a solver needs no model: these tasks say nothing of a model's thoughts",),
        seconds=time.monotonic() - started,
    )


def _estimate(settings: Settings) -> str:
    calls = 5 + sum(width * 3 * 2 * 5 for width in settings.widths)
    answers = settings.seeds * (settings.items * calls + 3 * settings.examples)
    return (
        f"{settings.seeds} buffers of {settings.examples} solved problems, {settings.items} items: {answers} calls; "
        f"about {1 + answers / 8000:.0f} core-minutes"
    )
