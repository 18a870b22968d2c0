"""The context-filter experiment (FILCO, arXiv 2311.08377): `hansei papers run context-filter`.

On the town's library: questions with five passages of three to five sentences, of which one tells the fact. Three
kinds: a fact is looked up, a claim is judged, or a fact about the writer of a book is looked up by way of the book's
passage. For each measure and seed a filter model and two answer models (from sentences, from passages) are taught, and
one answer model from all passages. The number of steps of each is told by validation questions; so is the measure that
stands in the main table for each kind of question.

With --model and --questions the same runs on a user's model and file (questions, answers and passages): 50% of the
questions teach, 10% choose, 40% prove. The models of the first seed are kept in OUT/students, for
`hansei answer context-filter --model OUT/students/MEASURE/answer-filtered --filter-model OUT/students/MEASURE/filter`.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hansei.core.errors import BadInput
from hansei.core.result import Result
from hansei.reading.context_measures import Measure
from hansei.steps.pool import Pool

if TYPE_CHECKING:
    from hansei.reading.context_filter import Keep
    from hansei.reading.context_filter_cells import Cell, Data

VERSION = "2"
TWO = "cxmi, two"
"""CXMI may keep two spans, as a question of two hops needs, in place of the one that the paper's code keeps unless
told. Which of both is better for a kind of question is told by validation, as if they were two measures."""
LIBRARY = "town:library"


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment."""

    model: str = LIBRARY
    """The model that is taught to filter and to answer."""
    questions: str | None = None
    """JSONL, CSV or Parquet with question, answers and passages, in place of the library's questions."""
    out: str = "runs/context-filter"
    """Folder of the journal, the chart and the models; the same folder again goes on where it stopped."""
    seeds: int = 5
    """Seeds of the trainings."""
    measures: tuple[Measure, ...] = ("strinc", "lexical", "cxmi")
    """By what the sentences that help are told."""
    steps: tuple[int, ...] = (25, 75)
    """Optimiser steps that are tried for every model."""
    learning_rate: float = 5e-4
    """Of AdamW."""
    batch: int = 16
    """Lessons a step."""
    longest: int = 64
    """Longest text that is written, in tokens."""
    train: int = 400
    """Questions of each of the library's three kinds that teach."""
    proof: int = 150
    """Held-out questions of each kind."""
    device: Literal["auto", "cpu"] = "cpu"
    """auto: the first CUDA GPU where there is one; with --workers 1, where one model fits."""
    workers: int = 2
    """Processes, one thread each."""
    quick: bool = False
    """One seed, strinc only and 40 questions of each kind; for looking, not for quoting."""
    dry_run: bool = False
    """Print how many models would be taught, and stop."""

    def __post_init__(self) -> None:
        """Raises BadInput for numbers that make no experiment."""
        for name in ("seeds", "batch", "longest", "train", "proof", "workers"):
            if getattr(self, name) < 1:
                raise BadInput(f"papers run context-filter: {name}: expected at least 1, found {getattr(self, name)}")
        if self.model.startswith("openai:"):
            raise BadInput("papers run context-filter: teaches its models, and a served one can't be taught from here")
        if not self.steps or min(self.steps) < 1 or not self.measures:
            raise BadInput("papers run context-filter: steps and measures: one of each at least was expected")
        if self.model == LIBRARY and self.questions is None:
            return
        if self.questions is None or self.model == LIBRARY:
            raise BadInput(
                "papers run context-filter: --model and --questions go together: a model of your own reads "
                "questions of your own"
            )


def run(settings: Settings) -> Result:
    """Score, teach, ask. Every finished model is in the journal of `settings.out`."""
    from hansei.core.journal import Journal
    from hansei.reading import context_filter_outcome as outcome
    from hansei.reading.context_filter_cells import questions, run_cell, run_silver

    if settings.quick:
        settings = replace(settings, seeds=1, measures=("strinc",), train=min(40, settings.train), proof=40)
    print(estimate(settings), flush=True)
    if settings.dry_run:
        return Result(name="context-filter", kind="paper", settings=asdict(settings), rows=())
    started = time.monotonic()
    data = data_of(settings)
    heldout = questions(data, "heldout")
    validation = questions(data, "validation")
    if not (heldout and validation and questions(data, "train")):
        raise BadInput(f"{settings.questions}: too few questions with answers and passages to teach, choose and prove")
    with (
        Journal.open(Path(settings.out)) as journal,
        Pool(settings.workers, journal, VERSION, model=settings.model) as pool,
    ):
        keeps = keeps_of(settings)
        kept = pool.run(run_silver, [(data, keep) for keep in keeps.values()], "score")
        cells = cells_of(settings, data, dict(zip(keeps, kept, strict=True)))
        found = list(zip(cells, pool.run(run_cell, cells, "models"), strict=True))
    chosen = outcome.chosen(found, validation)
    table = outcome.rows(found, chosen, heldout)
    return Result(
        name="context-filter",
        kind="paper",
        settings=asdict(settings),
        rows=table,
        parts={
            "measures": outcome.by_measure(found, heldout),
            "differences": outcome.differences(found, chosen, heldout),
        },
        numbers=frozenset({"context_tokens", "silver_tokens", "tokens_read"}),
        hidden=frozenset({"measure", "task"}),
        notes=(
            "exact match after normalisation; context tokens: what the passages add to the answer model's prompt; "
            "tokens read: by both models; intervals: two-way bootstrap over seeds and questions",
            *(f"{task}: measure {measure}, chosen on validation questions" for task, measure in chosen.items()),
            *outcome.steps(found),
        ),
        more={"judge": "exact-match"},
        files=(outcome.chart(table, Path(settings.out) / "context-filter.svg"),),
        seeds=range(settings.seeds),
        errors=outcome.missing(found),
        seconds=time.monotonic() - started,
    )


def estimate(settings: Settings) -> str:
    """How much work lies ahead, in a line."""
    names = keeps_of(settings)
    models = settings.seeds * (1 + 3 * len(names))
    return (
        f"{models} models of {max(settings.steps)} steps of {settings.batch}: for each of {settings.seeds} seeds one "
        f"that reads all passages, and for each measure ({'; '.join(names)}) a filter and two that answer"
    )


def keeps_of(settings: Settings) -> dict[str, Keep]:
    """What is compared, by name: every measure, and CXMI twice."""
    from hansei.reading.context_filter import Keep

    keeps = {measure: Keep(measure) for measure in settings.measures}
    return keeps | ({TWO: Keep("cxmi", 2)} if "cxmi" in keeps else {})  # type: ignore[return-value]


def data_of(settings: Settings) -> Data:
    """Which questions the settings mean."""
    from hansei.reading.context_filter_cells import Data
    from hansei.steps.run import file_hash

    counts = (settings.train, max(20, settings.proof // 3), settings.proof)
    return Data(settings.model, settings.questions, counts, file_hash(settings.questions), settings.device)


def cells_of(settings: Settings, data: Data, kept: dict[str, Any]) -> list[Cell]:
    """Every cell; the models of the first seed are kept."""
    from hansei.reading.context_filter_cells import Cell, Teaching

    teaching = Teaching(settings.steps, settings.learning_rate, settings.batch, settings.longest)
    made: list[Cell] = []
    for seed in range(settings.seeds):
        made.append(Cell(data, teaching, seed, None, (), _students(settings, seed, "full")))
        for measure, of in kept.items():
            silver = tuple((name, tuple(sentences), tuple(passages)) for name, sentences, passages in of)
            made.append(Cell(data, teaching, seed, measure, silver, _students(settings, seed, measure)))
    return made


def _students(settings: Settings, seed: int, name: str) -> str | None:
    return str(Path(settings.out) / "students" / name.replace(", ", "-")) if seed == 0 else None
