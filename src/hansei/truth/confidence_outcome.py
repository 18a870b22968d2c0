"""What the confidence experiment found: figures over seeds and questions, kinds of people apart, and the diagram."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hansei.core import statistics
from hansei.core.calibration import BINS, DRAWS, Grid, calibration_over_seeds, compared_over_seeds
from hansei.core.records import Figure, Prompt
from hansei.core.result import Row
from hansei.steps.measure import cluster
from hansei.truth.confidence_chart import diagram

PLAIN, DIRECT = "plain", "asked directly"
NUMBERS = frozenset({"ece", "brier", "mean_distance", "auroc", "ece_ratio"})
"""Figures that are no shares."""
FAMES = ("popular", "middling", "rare")
Measured = Mapping[str, Any]
"""What `confidence_cells.measure` gives."""


@dataclass(frozen=True)
class Line:
    """One row of the table: what each seed's model said to the same questions."""

    name: str
    """As the table calls it."""
    seeds: Sequence[Measured]
    """One a seed; a single one where the base alone is measured."""

    def pairs(self, items: Sequence[Prompt], seeds: int = 0) -> list[list[tuple[float | None, float | None]]]:
        """Each seed's (confidence, correct); a single one is repeated where more `seeds` are asked for."""
        made = [[tuple(measured["values"][p.id]) for p in items] for measured in self.seeds]
        return made * seeds if len(made) == 1 and seeds else made

    def correct(self, items: Sequence[Prompt], seeds: int = 0) -> list[list[float | None]]:
        """Whether each answer is right, whatever confidence it states."""
        return [[right for _, right in seed] for seed in self.pairs(items, seeds)]


def lines(untaught: Mapping[str, Measured], finals: Sequence[Mapping[str, Any]]) -> list[Line]:
    """The base's rows, then the students', which stand in the same order in every seed's cell."""
    taught = [
        Line(f"{rows[0]['row']}, stage {rows[0]['stage']}", rows)
        for rows in zip(*(final["rows"] for final in finals), strict=True)
    ]
    return [*(Line(name, [measured]) for name, measured in untaught.items()), *taught]


def table(found: Sequence[Line], items: Sequence[Prompt], draws: int = DRAWS) -> list[Row]:
    """A row a line: accuracy and its difference to the base's plain answers; calibration and what is left of the ECE
    of asking directly; how faithful the reflections are."""
    plain, direct = (next(line for line in found if line.name == name) for name in (PLAIN, DIRECT))
    return [_row(line, items, plain, direct, draws) for line in found]


def _row(line: Line, items: Sequence[Prompt], plain: Line, direct: Line, draws: int) -> Row:
    people, S = [cluster(p) for p in items], len(line.seeds)
    right = line.correct(items)
    row: dict[str, Any] = {"row": line.name, "accuracy": statistics.rate(right, people)}
    if line is not plain:
        grid = Grid.of(line.pairs(items))
        before = plain.correct(items, S)
        row["accuracy_minus_base"] = statistics.paired_two_way_bootstrap(before, right, people)
        measured = calibration_over_seeds(grid, people, draws=draws)
        row |= {name: figure for name, figure in measured.items() if name != "accuracy"}
        if line is not direct:
            asked = Grid.of(direct.pairs(items, S))
            row["ece_ratio"] = compared_over_seeds(grid, asked, people, draws=draws)["ece"]
    if any(measured["faithful"] for measured in line.seeds):
        row["faithfulness"] = _faithfulness(line, items)
    if line is not plain:
        row["unscored"] = unscored(line, items)
    return row


def accuracy(measured: Measured) -> float:
    """Share of right answers among those that could be judged."""
    right: list[float] = [r for _, r in measured["values"].values() if r is not None]
    return sum(right) / len(right)


def brier(measured: Measured) -> float:
    """Brier score of the stated confidences; infinite where none can be read."""
    there = [(c, r) for c, r in measured["values"].values() if c is not None and r is not None]
    return sum((c - r) ** 2 for c, r in there) / len(there) if there else math.inf


def searched(untaught: Mapping[str, Measured], tried: Sequence[Measured], items: Sequence[Prompt]) -> list[Row]:
    """A row for every student of the search, beside the base's, on validation questions."""
    base = [Line(name, [untaught[name]]) for name in (PLAIN, DIRECT)]
    named = "{row}, stage {stage}: {steps} steps at {learning_rate:g}"
    return table([*base, *(Line(named.format(**made), [made]) for made in tried)], items)


def unscored(line: Line, items: Sequence[Prompt]) -> int:
    """Answers, over all seeds, without a confidence that can be read, or that nobody could judge."""
    return sum(confidence is None or right is None for seed in line.pairs(items) for confidence, right in seed)


def _faithfulness(line: Line, items: Sequence[Prompt]) -> Figure:
    asked = [p for p in items if p.id in line.seeds[0]["faithful"]]
    values = [[measured["faithful"][p.id] for p in asked] for measured in line.seeds]
    shares = {value for seed in values for value in seed} - {None, 0.0, 1.0}  # a model's ratings, from 0 to 1
    how = statistics.two_way_bootstrap if shares else statistics.rate
    return how(values, [cluster(p) for p in asked])


def apart(found: Sequence[Line], items: Sequence[Prompt], draws: int = DRAWS) -> dict[str, list[Row]]:
    """The same table for the well known, the others and the rare; and for each kind of wording."""
    groups = {fame: [p for p in items if p.tags["fame"] == fame] for fame in FAMES}
    groups |= {f"{how}_wordings": [p for p in items if p.tags["phrasing"] == how] for how in ("tuned", "heldout")}
    return {name: table(found, group, draws) for name, group in groups.items()}


def reliability(line: Line, items: Sequence[Prompt]) -> list[dict[str, Any]]:
    """The bars of a line's reliability diagram; intervals resample seeds and people."""
    pairs, people, bars = line.pairs(items), [cluster(p) for p in items], []
    for b in range(BINS):
        inside = [
            [(c, r) if c is not None and min(int(c * BINS), BINS - 1) == b else (None, None) for c, r in seed]
            for seed in pairs
        ]
        said = [c for seed in inside for c, _ in seed if c is not None]
        right = statistics.rate([[r for _, r in seed] for seed in inside], people)
        bars.append({"low": b / BINS, "confidence": sum(said) / len(said) if said else None, "correct": right})
    return bars


def chart(bars: Mapping[str, Sequence[Mapping[str, Any]]], path: Path) -> str:
    """The reliability diagram of every line that states confidences."""
    return diagram(bars, path)
