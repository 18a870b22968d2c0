"""The experiment of contrastive chain-of-thought (arXiv 2311.09277): `hansei papers run contrastive-cot`.

On held-out problems of the school: standard prompting, chain-of-thought, and contrastive chain-of-thought with the five
kinds of wrong explanation, each built automatically from the same demonstrations; one demonstration and four;
demonstrations that leave no doubt about who writes them; and self-consistency. A seed is a draw of demonstrations, of
their wrong explanations and of samples; items are the same.
Further models (`--models`) make a ladder of sizes.

`--show FILE` prints the demonstrations that are built from a file such as GSM8K's train.jsonl, to be read, and from how
many of its problems one can be built.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hansei.core import statistics
from hansei.core.errors import BadInput
from hansei.core.result import Result
from hansei.reasoning.contrastive_cells import COT, FEW, PRODUCTS, ROWS, Cell, Row, run_cell, voted
from hansei.reasoning.invalid import Kind, Solved, Unbuildable, invalid
from hansei.steps.pool import Pool

VERSION = "1"
NAME = "contrastive-cot"
BASE = "town:school"


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment."""

    out: str = "runs/contrastive-cot"
    """Folder of the journal; the same folder again goes on where it stopped."""
    seeds: int = 5
    """Draws of demonstrations, wrong explanations and samples."""
    items: int = 60
    """Held-out problems, a quarter each of one to four steps."""
    samples: int = 3
    """Answers that self-consistency draws; below 2 it is left out."""
    temperature: float = 0.7
    """Their temperature."""
    models: tuple[str, ...] = ()
    """Further models beside the school's base: NAME=FOLDER, such as other sizes of it."""
    workers: int = 2
    """Processes, one thread each."""
    show: str | None = None
    """A file of solved problems: print the demonstrations that are built from it, and stop."""
    dry_run: bool = False
    """Print how many answers would be made, and stop."""

    def __post_init__(self) -> None:
        """Raises BadInput for numbers that make no experiment."""
        if self.seeds < 1 or self.items < 4 or self.workers < 1 or self.temperature <= 0:
            raise BadInput(f"papers run {NAME}: seeds, workers >= 1, items >= 4 and temperature > 0 were expected")
        if any("=" not in model for model in self.models):
            raise BadInput(f"papers run {NAME}: --models NAME=FOLDER was expected, found {', '.join(self.models)}")


def run(settings: Settings) -> Result:
    """Asks every model in every way with every seed. Every finished cell is in the journal of `settings.out`."""
    if settings.show is not None:
        return _shown(settings.show)
    from hansei.core.journal import Journal

    models = {"school": BASE, **dict(model.split("=", 1) for model in settings.models)}
    print(_estimate(settings, models), flush=True)
    if settings.dry_run:
        return Result(name=NAME, kind="paper", settings=asdict(settings), rows=())
    started = time.monotonic()
    found: dict[str, list[dict[str, Any]]] = {}
    with Journal.open(Path(settings.out)) as journal:
        for name, model in models.items():
            rows = _rows(settings, first=model == BASE)
            cells = [Cell(model, seed, settings.items, rows, settings.temperature) for seed in range(settings.seeds)]
            with Pool(min(settings.workers, settings.seeds), journal, VERSION, model=model) as pool:
                found[name] = pool.run(run_cell, cells, name)
    order = {name: [row.name for row in _rows(settings, first=model == BASE)] for name, model in models.items()}
    tables = {name: table(cells, order[name]) for name, cells in found.items()}
    everything = [measured for cells in found.values() for cell in cells for measured in cell.values()]
    return Result(
        name=NAME,
        kind="paper",
        settings=asdict(settings),
        rows=tables["school"],
        parts={name: rows for name, rows in tables.items() if name != "school"},
        numbers=frozenset({"tokens", "unanswered"}),
        notes=(
            f"{settings.items} held-out problems; minus CoT: paired, chain-of-thought of as many shots and samples; "
            "intervals: two-way bootstrap over seeds of demonstrations and problems",
            "hasty: of the problems with a product, answers of a writer who skips products",
        ),
        more={"judge": "number 1"},
        seeds=range(settings.seeds),
        errors=sum(measured["errors"] for measured in everything),
        seconds=time.monotonic() - started,
    )


def _rows(settings: Settings, *, first: bool) -> tuple[Row, ...]:
    """All rows for the school's base; those of the comparison for other sizes."""
    if first:
        return (*ROWS, *FEW, *PRODUCTS, *(voted(settings.samples) if settings.samples > 1 else ()))
    return (*(row for row in ROWS if row.mistake in ("none", "incoherent-objects")), *FEW, *PRODUCTS)


def table(cells: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[dict[str, Any]]:
    """A line for each row: accuracy, the difference to chain-of-thought, tokens an item, unanswered items."""
    lines = []
    for name in names:
        right = [cell[name]["right"] for cell in cells]
        line: dict[str, Any] = {"row": name, "accuracy": statistics.rate(right)}
        against = name.replace(name.partition(",")[0], COT)
        if name.startswith("contrastive"):
            plain = [cell[against]["right"] for cell in cells]
            line["minus_CoT"] = statistics.paired_two_way_bootstrap(plain, right)
        line["hasty"] = statistics.rate([cell[name]["hasty"] for cell in cells])
        line["tokens"] = statistics.two_way_bootstrap([cell[name]["tokens"] for cell in cells])
        line["unanswered"] = sum(cell[name]["unanswered"] for cell in cells)
        lines.append(line)
    return lines


def _estimate(settings: Settings, models: Mapping[str, str]) -> str:
    answers = sum(
        settings.items * settings.seeds * sum(row.samples for row in _rows(settings, first=model == BASE))
        for model in models.values()
    )
    return (
        f"{len(models)} models, {settings.seeds} seeds, {answers} answers; about {1 + answers / 2000:.0f} core-minutes"
    )


def _shown(path: str) -> Result:
    """Demonstrations of every kind, to be read, and the share of the file's problems from which one can be built."""
    from hansei.reasoning.contrastive_cot import demonstrations, shown
    from hansei.reasoning.invalid import KINDS
    from hansei.reasoning.problems import read_problems

    started = time.monotonic()
    pool = [solved for solved in read_problems(path) if solved.explanation]
    for kind in KINDS:
        print(f"--- {kind}\n")
        try:
            for one in demonstrations(pool, 4, kind, 0):
                print(f"{shown(one)}\n")
        except BadInput as error:  # a file may be fit for some kinds and not for others
            print(f"none: {error}\n")
    built = {kind: [_buildable(solved, kind, pool) for solved in pool] for kind in KINDS}
    return Result(
        name=NAME,
        kind="paper",
        settings={"show": Path(path).name},
        rows=[{"row": kind, "built": statistics.rate(found)} for kind, found in built.items()],
        notes=(f"built: problems of {Path(path).name} from which a wrong explanation of that kind can be built",),
        seconds=time.monotonic() - started,
    )


def _buildable(solved: Solved, kind: Kind, pool: Sequence[Solved]) -> float:
    rng = random.Random(solved.question)
    try:
        invalid(solved, kind, rng, rng.sample(list(pool), min(20, len(pool))))
    except Unbuildable:
        return 0.0
    return 1.0
