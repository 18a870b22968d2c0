"""What the reading-notes experiment found: figures over seeds and questions, and the chart of the noise ratio."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hansei.core import statistics
from hansei.core.drawing import COLOURS, MARKS, canvas, save
from hansei.core.records import Figure, Prompt
from hansei.core.result import Row
from hansei.reading.reading_notes_cells import (
    GOLD,
    GOLD_KNOWN,
    NOISY,
    RATIOS,
    UNKNOWABLE,
    Values,
    curve_questions,
    questions,
)

if TYPE_CHECKING:
    from hansei.reading.reading_notes_cells import Cell

ANSWERABLE = (NOISY, GOLD, GOLD_KNOWN)
TITLES: dict[tuple[str, str], str] = {
    ("untaught", "once"): "not tuned, asked to answer at once",
    ("untaught", "sentence"): "not tuned, sentence first",
    ("untaught", "notes"): "not tuned, notes on request",
    ("once", "once"): "tuned to answer at once",
    ("sentence", "sentence"): "tuned to say the sentence first",
    ("notes", "notes"): "tuned with notes (half of the steps on the answer)",
    ("equal", "notes"): "tuned with notes, one loss",
    ("hybrid", "notes"): "hybrid, asked for notes",
    ("hybrid", "sentence"): "hybrid, asked for the sentence",
}
"""How a model was tuned and how it is asked, in the order of the tables."""
RIVALS = {("once", "once"): "at once", ("sentence", "sentence"): "sentence first"}
"""What students with notes are held against: the paper's rival, and one that says the one note that matters."""


@dataclass(frozen=True)
class Sheet:
    """All that was found."""

    found: Sequence[tuple[Cell, Mapping[str, Any]]]
    """Every cell, and what `run_cell` found."""
    untaught: Mapping[str, Any]
    """The same of the base."""
    proof: int
    """Held-out questions of each kind."""
    curve: int
    """Of each point of the curves."""

    def seeds(self, student: tuple[str, str]) -> list[Mapping[str, Any]]:
        """What each seed's model of a row measured when asked in one way; the base has one seed."""
        row, way = student
        if row == "untaught":
            return [self.untaught[way]]
        return [made[way] for cell, made in self.found if cell.teaching.row == row]

    def students(self) -> list[tuple[tuple[str, str], list[Mapping[str, Any]]]]:
        """Those that were measured, in order."""
        return [(student, seeds) for student in TITLES if (seeds := self.seeds(student))]


def rows(sheet: Sheet) -> list[Row]:
    """A row a student: exact match with noise only and with one passage that tells, rejection, over-rejection."""
    return [
        {
            "row": TITLES[student],
            "student": list(student),
            "noise_only": _kinds(seeds, (NOISY,), "right", sheet.proof),
            "one_tells": _kinds(seeds, (GOLD,), "right", sheet.proof),
            "one_tells_known": _kinds(seeds, (GOLD_KNOWN,), "right", sheet.proof),
            "rejection_rate": _kinds(seeds, (UNKNOWABLE,), "unknown", sheet.proof),
            "over_rejection": _kinds(seeds, ANSWERABLE, "unknown", sheet.proof),
            "tokens": _kinds(seeds, tuple(seeds[0]["kinds"]), "tokens", sheet.proof, share=False),
        }
        for student, seeds in sheet.students()
    ]


def differences(sheet: Sheet) -> list[Row]:
    """What each student tuned on notes has more than those tuned without, question by question."""
    made: list[Row] = []
    for student, seeds in sheet.students():
        for rival, name in RIVALS.items():
            before = sheet.seeds(rival)
            if before and student not in RIVALS and student[0] != "untaught":
                row = {"row": f"{TITLES[student]}, minus {name}", "student": list(student)}
                made.append(
                    row
                    | {
                        "noise_only": _difference(before, seeds, (NOISY,), "right", sheet.proof),
                        "one_tells": _difference(before, seeds, (GOLD,), "right", sheet.proof),
                        "rejection_rate": _difference(before, seeds, (UNKNOWABLE,), "unknown", sheet.proof),
                        "over_rejection": _difference(before, seeds, ANSWERABLE, "unknown", sheet.proof),
                    }
                )
    return made


def curves(sheet: Sheet) -> list[Row]:
    """Exact match about the known over the share of noise, for each student and kind of noise."""
    if not sheet.curve:
        return []
    asked = curve_questions(sheet.curve)
    return [
        {"row": f"{TITLES[student]}, {kind} noise", "student": list(student), "noise_is": kind, "noise": list(RATIOS)}
        | {
            f"noise_{round(100 * ratio)}": _figure(
                [seed["curve"][f"{kind} {ratio}"] for seed in seeds], asked[kind, ratio], "right"
            )
            for ratio in RATIOS
        }
        for kind in ("near", "random")
        for student, seeds in sheet.students()
    ]


def notes_read(sheet: Sheet) -> list[Row]:
    """How many passages get the right kind of note, by kind of question, and how often the note on what the reader
    knows itself is right; only where notes were taken."""
    return [
        {"row": TITLES[student]}
        | {kind: _kinds(seeds, (kind,), "kinds", sheet.proof, share=False) for kind in first}
        | {
            f"own knowledge, {whose}": _kinds(seeds, (kind,), "known", sheet.proof)
            for whose, kind in (("known", NOISY), ("never met", UNKNOWABLE))
        }
        for student, seeds in sheet.students()
        if student[1] == "notes" and (first := seeds[0]["kinds"])
    ]


def chart(table: Sequence[Row], path: Path) -> str:
    """Exact match over the share of noise, a panel a kind of noise."""
    figure, axes = canvas(1, 2, width=7.2, height=3.4, sharey=True)
    for axis, kind in zip(axes, ("near", "random"), strict=True):
        for place, row in enumerate([row for row in table if row["noise_is"] == kind]):
            points = [row[f"noise_{round(100 * ratio)}"] for ratio in RATIOS]
            label, _, _ = row["row"].rpartition(",")
            style = {"color": COLOURS[place], "marker": MARKS[place], "label": label}
            axis.plot([100 * r for r in RATIOS], [100 * p.value for p in points], ms=4, **style)
            low, high = ([100 * getattr(p, end) for p in points] for end in ("low", "high"))
            axis.fill_between([100 * r for r in RATIOS], low, high, color=COLOURS[place], alpha=0.12, lw=0)
        axis.set_title("retrieved noise" if kind == "near" else "random noise", fontsize=9)
        axis.set_xlabel("passages that do not tell, %")
    axes[0].set_ylabel("exact match, % (the base knows)")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncol=2, fontsize=7)
    return save(figure, path)


def missing(sheet: Sheet) -> int:
    """Answers that did not come."""
    measured = [m for _, made in sheet.found for m in made.values()] + list(sheet.untaught.values())
    groups = [values for m in measured for part in ("kinds", "curve") for values in m[part].values()]
    return sum(value["right"] is None for values in groups for value in values.values())


def _kinds(
    seeds: Sequence[Mapping[str, Any]], kinds: Sequence[str], metric: str, proof: int, share: bool = True
) -> Figure:
    values = [{i: v for kind in kinds for i, v in seed["kinds"][kind].items()} for seed in seeds]
    return _figure(values, [p for kind in kinds for p in _heldout(proof)[kind]], metric, share)


def _difference(
    before: Sequence[Mapping[str, Any]],
    after: Sequence[Mapping[str, Any]],
    kinds: Sequence[str],
    metric: str,
    proof: int,
) -> Figure:
    asked = [p for kind in kinds for p in _heldout(proof)[kind]]
    grids = [
        _grid([{i: v for kind in kinds for i, v in seed["kinds"][kind].items()} for seed in seeds], asked, metric)
        for seeds in (before, after)
    ]
    return statistics.paired_two_way_bootstrap(grids[0], grids[1], [p.tags["entity"] for p in asked])


def _figure(seeds: Sequence[Values], asked: Sequence[Prompt], metric: str, share: bool = True) -> Figure:
    how = statistics.rate if share else statistics.two_way_bootstrap
    return how(_grid(seeds, asked, metric), [p.tags["entity"] for p in asked])


def _grid(seeds: Sequence[Values], asked: Sequence[Prompt], metric: str) -> list[list[float | None]]:
    return [[values[p.id][metric] for p in asked] for values in seeds]


@cache
def _heldout(proof: int) -> dict[str, list[Prompt]]:
    return questions("heldout", proof)
