"""What leaks do to a score, and what sees them, where every leak is known: `hansei papers run contamination`.

Zhou et al., "Don't Make Your LLM an Evaluation Benchmark Cheater", arXiv 2311.01964: a model is trained further on
text that holds nothing of a benchmark, its training set, its test questions, or its test questions with answers; its
score rises with each. Here on an exam about the registry's people, with one level more: the answers in other words,
which no test of copies can see. Beside the scores stands each detector's AUROC, of leaked against unleaked questions.

Deviations: a small model, one benchmark, and test questions that leak sixteen times over, for one pass over a corpus of
some hundred thousand tokens would teach a model of two million parameters nothing.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hansei.core.errors import BadInput
from hansei.core.records import Figure
from hansei.core.result import Result, Row
from hansei.core.statistics import bootstrap, paired_two_way_bootstrap, rate
from hansei.measuring.cheating import LEVELS, MODEL, Cell, cells, run_cell
from hansei.measuring.detection import auroc
from hansei.steps.pool import Pool

VERSION = "2"
SECONDS_CELL = 45.0  # on one core, measured and rounded up
DETECTORS = "auroc"
WHOLE = "whole-set"


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment."""

    out: str = "runs/contamination"
    """Folder of the journal, the chart and result.json; the same folder again goes on where it stopped."""
    seeds: int = 5
    """Seeds of who leaks, the options and the order of the text."""
    people: int = 10
    """People of each of two fames in the exam, six questions each; half of them leak."""
    steps: int = 40
    """Steps of further training, of 16 blocks of 256 tokens."""
    learning_rate: float = 2e-3
    """Peak learning rate of the further training."""
    workers: int = 2
    """Processes, one thread each."""
    quick: bool = False
    """One seed, in about two minutes; for looking, not for quoting."""
    dry_run: bool = False
    """Print how many models would be trained and how long it would take, and stop."""

    def __post_init__(self) -> None:
        """Raises BadInput for numbers that make no experiment."""
        if min(self.seeds, self.workers, self.steps) < 1 or self.people < 2 or self.learning_rate <= 0:
            raise BadInput("papers run contamination: seeds, workers and steps must be 1 or more, people 2 or more")


def run(settings: Settings) -> Result:
    """Trains a model a level and seed, and returns the tables. What was done before is in the journal."""
    from hansei.core.journal import Journal

    seeds = 1 if settings.quick else settings.seeds
    plan = cells(seeds, Cell("", 0, settings.people, settings.steps, settings.learning_rate))
    minutes = len(plan) * SECONDS_CELL / settings.workers / 60
    estimate = f"{len(plan)} models of {len(LEVELS)} levels; about {minutes:.0f} minutes"
    if settings.dry_run:
        return Result(name="contamination", kind="paper", settings=asdict(settings), rows=[], notes=[estimate])
    print(estimate, flush=True)
    started = time.monotonic()
    with Journal.open(Path(settings.out)) as journal, Pool(settings.workers, journal, VERSION, model=MODEL) as pool:
        found = pool.run(run_cell, plan, "models with leaks")
        fingerprint = pool.fingerprint
    by_level = {level: [r for c, r in zip(plan, found, strict=True) if c.level == level] for level in LEVELS}
    result = Result(
        name="contamination",
        kind="paper",
        settings=asdict(settings),
        rows=score_rows(by_level),
        parts={DETECTORS: detector_rows(by_level), WHOLE: whole_rows(by_level)},
        numbers=frozenset({*map(column, LEVELS)}),
        notes=[f"base {fingerprint}; {found[0]['members']} leaked and as many other questions a seed"],
        seeds=list(range(seeds)),
        seconds=time.monotonic() - started,
    )
    from hansei.core.output import with_files

    return with_files(result, settings.out, {"contamination.svg": chart(result)})


Levels = Mapping[str, Sequence[Mapping[str, Any]]]
"""Level to what its cells found, one a seed."""


def column(level: str) -> str:
    """A level as the name of a column."""
    return level.replace(" ", "_")


def score_rows(by_level: Levels) -> list[Row]:
    """The exam's score on leaked and on other questions, and how much the leak adds to the first."""
    base = by_level[LEVELS[0]]
    rows: list[Row] = []
    for level, found in by_level.items():
        row: dict[str, Any] = {"row": level, "leaked": rate(_part(found, True)), "others": rate(_part(found, False))}
        if level != LEVELS[0]:
            row["inflation"] = paired_two_way_bootstrap(_part(base, True), _part(found, True))
        rows.append(row | {"other_ability": rate([one["other"] for one in found])})
    return rows


def _part(found: Sequence[Mapping[str, Any]], members: bool) -> list[list[float]]:
    return [one["right"][: one["members"]] if members else one["right"][one["members"] :] for one in found]


def detector_rows(by_level: Levels) -> list[Row]:
    """Each detector's AUROC at each level."""
    names = list(by_level[LEVELS[0]][0]["detectors"])
    rows: list[Row] = []
    for name in sorted(names, key=lambda n: not n.endswith("in a row")):
        row: dict[str, Any] = {"row": name}
        for level, found in by_level.items():
            values = [one["detectors"][name] for one in found]
            sizes = [one["members"] for one in found]
            members = [v[:n] for v, n in zip(values, sizes, strict=True)]
            row[column(level)] = auroc(members, [v[n:] for v, n in zip(values, sizes, strict=True)])
        rows.append(row)
    return rows


def whole_rows(by_level: Levels) -> list[Row]:
    """What the tests of a whole set say: t of the published order, gain in ROUGE-L from naming the set, and how many
    seeds call the set read."""
    order: dict[str, Any] = {"row": "published order, t"}
    caught: dict[str, Any] = {"row": "published order, seeds with p < 0.05"}
    guided: dict[str, Any] = {"row": "guided completion, gain in ROUGE-L"}
    sure: dict[str, Any] = {"row": "guided completion, seeds with interval above 0"}
    for level, found in by_level.items():
        name = column(level)
        order[name] = bootstrap([one["order"]["t"] for one in found])
        caught[name] = _count([one["order"]["p"] for one in found], lambda p: p < 0.05)
        guided[name] = bootstrap([one["guided"]["gain"] for one in found])
        sure[name] = _count([one["guided"]["low"] for one in found], lambda low: low > 0)
    return [order, caught, guided, sure]


def _count(values: Sequence[float | None], met: Any) -> Figure:
    known = [value for value in values if value is not None]
    return Figure(float(sum(met(value) for value in known)), None, None, len(known))


def chart(result: Result) -> Any:
    """Scores by level, and beside them the AUROC of each detector by level."""
    from hansei.core.drawing import COLOURS, MARKS, canvas

    figure, (left, right) = canvas(1, 2, width=9.6, height=4.2, width_ratios=(1, 1.3))
    for number, part in enumerate(("leaked", "others")):
        for i, row in enumerate(result.rows):
            found, x = row[part], i + (number - 0.5) * 0.16
            left.plot([x, x], [found.low, found.high], color=COLOURS[number], linewidth=1.2)
            label = f"{part} questions" if i == 0 else None
            left.plot(x, found.value, MARKS[number], color=COLOURS[number], label=label)
    left.set_xticks(range(len(LEVELS)), [level.replace("test answers reworded", "reworded") for level in LEVELS])
    left.tick_params(axis="x", rotation=30)
    left.set_ylabel("share of the exam right")
    left.set_ylim(0, 1)
    left.legend(loc="upper left")
    rows = [row for row in result.parts[DETECTORS] if str(row["row"]) not in _LEFT_OUT]
    for number, level in enumerate(LEVELS[1:], 1):
        values = [row[column(level)].value for row in rows]
        right.plot(values, range(len(rows)), MARKS[number], color=COLOURS[number], label=level, markersize=5)
    right.axvline(0.5, color="#999999", linewidth=0.8)
    right.set_yticks(range(len(rows)), [str(row["row"]) for row in rows])
    right.invert_yaxis()
    right.set_xlabel("AUROC (0.5: blind)")
    right.legend(loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=2)
    return figure


_LEFT_OUT = {f"Min-{k}%" for k in (5, 10, 30, 40, 50, 60)}
