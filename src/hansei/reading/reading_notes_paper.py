"""The reading-notes experiment (Chain-of-Note, arXiv 2311.09210): `hansei papers run reading-notes`.

On the town's library: questions with five passages, about people and books that the base knows or has never met. One
model is tuned to take notes and to answer, another on the same questions to answer at once, which is the paper's
rival, and a third to say only the sentence that tells the answer before it; two more show what the loss schedule and
hybrid training do. The number of steps of each is told by validation questions, with the same choice of
numbers for every row. Then held-out questions: with noise only before a question about somebody known (exact match),
about somebody whom neither passages nor base know (rejection rate), and answerable ones (over-rejection, which is the
share answered "unknown"); and the known with noise from 0 to 100% of the passages, retrieved and random.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hansei.core.errors import BadInput
from hansei.core.result import Result
from hansei.steps.pool import Pool

if TYPE_CHECKING:
    from hansei.reading.reading_notes_cells import Teaching

VERSION = "2"
ROWS = ("once", "sentence", "notes", "equal", "hybrid")
"""The answer at once; the sentence that tells it first; notes first, and half of the steps on the answer alone; notes
with one loss; notes in half of the lessons."""


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment."""

    model: str = "town:library"
    """The model that is tuned: the library's base, or the folder of another one grown on the library's text."""
    out: str = "runs/reading-notes"
    """Folder of the journal and the chart; the same folder again goes on where it stopped."""
    seeds: int = 5
    """Seeds of the trainings."""
    rows: tuple[str, ...] = ROWS
    """once, sentence, notes, equal, hybrid: which models are tuned."""
    steps: tuple[int, ...] = (40, 80, 160)
    """Optimiser steps that are tried for every row."""
    adapter: Literal["none", "lora"] = "lora"
    """A LoRA adapter is tuned, or all weights (which want a lower learning rate)."""
    learning_rate: float = 1e-3
    """Of AdamW."""
    batch: int = 8
    """Lessons a step."""
    train: int = 400
    """Questions of each kind that teach."""
    proof: int = 100
    """Held-out questions of each kind."""
    curve: int = 50
    """Held-out questions of each point of the curves over the noise ratio; 0: no curves."""
    workers: int = 2
    """Processes, one thread each."""
    quick: bool = False
    """One seed, once and notes only, 40 questions of each kind and no curves; for looking, not for quoting."""
    dry_run: bool = False
    """Print how many models would be tuned, and stop."""

    def __post_init__(self) -> None:
        """Raises BadInput for numbers that make no experiment."""
        for name in ("seeds", "batch", "train", "proof", "workers"):
            if getattr(self, name) < 1:
                raise BadInput(f"papers run reading-notes: {name}: expected at least 1, found {getattr(self, name)}")
        unknown = [row for row in self.rows if row not in ROWS]
        if unknown or not self.rows:
            raise BadInput(f"papers run reading-notes: rows: expected some of {', '.join(ROWS)}, found {self.rows}")
        if not self.steps or min(self.steps) < 1 or self.curve < 0:
            raise BadInput("papers run reading-notes: steps of 1 or more and a curve of 0 or more were expected")


def run(settings: Settings) -> Result:
    """Search on validation questions, tune, ask. Every finished model is in the journal of `settings.out`."""
    from hansei.core.journal import Journal
    from hansei.reading import reading_notes_outcome as outcome
    from hansei.reading.reading_notes_cells import SEARCH_SEEDS, Cell, run_cell, run_search, run_untaught, together

    if settings.quick:
        rows = tuple(row for row in settings.rows if row in ("once", "notes"))
        settings = replace(settings, seeds=1, rows=rows, train=min(40, settings.train), proof=40, curve=0)
    print(estimate(settings), flush=True)
    if settings.dry_run:
        return Result(name="reading-notes", kind="paper", settings=asdict(settings), rows=())
    started = time.monotonic()
    with (
        Journal.open(Path(settings.out)) as journal,
        Pool(settings.workers, journal, VERSION, model=settings.model) as pool,
    ):
        seeds = SEARCH_SEEDS[: settings.seeds]
        tasks = [(teaching(settings, row), seed) for row in settings.rows for seed in seeds]
        each = iter(pool.run(run_search, tasks, "search"))
        tried = {row: together([next(each) for _ in seeds]) for row in settings.rows}
        steps = {row: choose(points) for row, points in tried.items()}
        cells = [
            Cell(replace(teaching(settings, row), steps=(steps[row],)), seed, settings.proof, settings.curve)
            for seed in range(settings.seeds)
            for row in settings.rows
        ]
        (untaught,) = pool.run(run_untaught, [(settings.model, settings.proof, settings.curve)], "untaught")
        found = list(zip(cells, pool.run(run_cell, cells, "models"), strict=True))
    sheet = outcome.Sheet(found, untaught, settings.proof, settings.curve)
    curves = outcome.curves(sheet)
    return Result(
        name="reading-notes",
        kind="paper",
        settings=asdict(settings),
        rows=outcome.rows(sheet),
        parts={"differences": outcome.differences(sheet), "noise": curves, "notes": outcome.notes_read(sheet)},
        numbers=frozenset({"tokens"}),
        hidden=frozenset({"student", "noise_is", "noise"}),
        notes=(
            "exact match after normalisation; rejection rate: answers `unknown` where nothing tells the answer; "
            "over-rejection: the same where something does; intervals: two-way bootstrap over seeds and questions",
            *(f"{row}: {count} steps, chosen on validation questions" for row, count in steps.items()),
        ),
        more={"judge": "exact-match", "search": tried},
        files=(outcome.chart(curves, Path(settings.out) / "reading-notes.svg"),) if curves else (),
        seeds=range(settings.seeds),
        errors=outcome.missing(sheet),
        seconds=time.monotonic() - started,
    )


def estimate(settings: Settings) -> str:
    """How much work lies ahead, in a line."""
    from hansei.reading.reading_notes_cells import SEARCH_SEEDS

    count, asked = len(settings.rows), 4 * settings.proof + 12 * settings.curve
    searches = count * len(SEARCH_SEEDS[: settings.seeds])
    return (
        f"{searches} searches over {len(settings.steps)} step counts and {count * settings.seeds} models of at most "
        f"{max(settings.steps)} steps of {settings.batch}, asked {asked} questions each"
    )


def choose(points: Sequence[Mapping[str, Any]]) -> int:
    """Of the step counts the one with the most right answers on validation questions; of equals the fewest steps."""
    return int(max(points, key=lambda point: (point["right"], -point["steps"]))["steps"])


def teaching(settings: Settings, row: str) -> Teaching:
    """How a row's models are tuned, with all step counts."""
    from hansei.reading.reading_notes_cells import Teaching

    return Teaching(
        settings.model,
        row,
        tuple(sorted(settings.steps)),
        settings.learning_rate,
        settings.batch,
        settings.train,
        settings.adapter,
    )
