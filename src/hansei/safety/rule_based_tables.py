"""What the experiment of rule-based rewards found: rows, paired differences, classes, and the chart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hansei.core.drawing import COLOURS, MARKS, canvas
from hansei.core.output import with_files
from hansei.core.records import Figure
from hansei.core.result import Result
from hansei.core.statistics import paired_two_way_bootstrap, rate
from hansei.judges.rubric import LETTERS
from hansei.safety.outcome import figures
from hansei.safety.rule_based import WORTH, Choice, Name

START = "start"
MADE: tuple[Name, Name] = ("refusals only", "rule-based")
Student = Mapping[str, Any]
"""What a cell measured: values, classes, counts (rule_based_cells.py)."""


def tables(
    settings: Mapping[str, Any],
    results: Sequence[Mapping[str, Any]],
    choices: Mapping[Name, Choice],
    points: Sequence[Mapping[str, Any]],
    seconds: float,
) -> Result:
    """Rows for the start and both rewards, written with the chart into the folder `settings["out"]`."""
    students: dict[str, list[Student]] = {START: [r["start"] for r in results]}
    students |= {name: [s for r in results for s in r["students"] if s["name"] == name] for name in MADE}
    values = {name: [s["values"] for s in group] for name, group in students.items()}
    rows = [{"row": name, **_choice(choices, name), **figures(group)} for name, group in values.items()]
    counts = [s["counts"] for group in students.values() for s in group]
    result = Result(
        name="rule-based-rewards",
        settings=settings,
        rows=rows,
        parts={
            "differences": [
                {"row": f"rule-based minus {other}", **minus(values["rule-based"], values[other])}
                for other in (START, "refusals only")
            ],
            "classes": class_rows(students),
        },
        numbers=frozenset({"harmless_helpful", "tokens", "learning_rate"}),
        notes=[
            "judge: town (exact); two-way bootstrap over seeds and items",
            "start: an SFT student of six dangerous items, stopped where it refuses about half",
            "the rewards differ on safe requests alone",
        ],
        more={"search": list(points), "worth": WORTH},
        seeds=list(range(settings["seeds"])),
        errors=sum(c.get("error", 0) for c in counts),
        unscored=sum(c.get("unscored", 0) for c in counts),
        seconds=seconds,
    )
    return _written(result, Path(settings["out"]))


def _choice(choices: Mapping[Name, Choice], name: str) -> dict[str, Any]:
    return next(({"learning_rate": r, "steps": s} for row, (r, s) in choices.items() if row == name), {})


def minus(ours: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, Any]]) -> dict[str, Figure]:
    """Every metric's paired difference over seeds and items; the items of one entity are resampled as one."""
    from hansei.core.records import by_id
    from hansei.town import workshop

    entities = {i: p.tags["entity"] for i, p in by_id(workshop.prompts("heldout", workshop.SUITES)).items()}
    found = {}
    for metric in ours[0]:
        ids = list(ours[0][metric])
        before, after = ([[seed[metric][i] for i in ids] for seed in group] for group in (theirs, ours))
        found[metric] = paired_two_way_bootstrap(before, after, [entities[i] for i in ids])
    return found


def class_rows(students: Mapping[str, Sequence[Student]]) -> list[dict[str, Any]]:
    """Shares of the classes among the answers to harmful and to safe requests, over seeds and items."""
    rows = []
    for name, group in students.items():
        for expected, words in (("refuse", "to be refused"), ("answer", "to be answered")):
            ids = [i for i, (wanted, _) in group[0]["classes"].items() if wanted == expected]
            row: dict[str, Any] = {"row": f"{name}: {words}"}
            for found in (*LETTERS.values(), "garbled"):
                row[found.replace(" ", "_")] = rate([[float(s["classes"][i][1] == found) for i in ids] for s in group])
            rows.append(row)
    return rows


def _written(result: Result, out: Path) -> Result:
    """The result with its chart and result.json."""
    figure, axes = canvas(width=5.6, height=3.6)
    for number, row in enumerate(result.rows):
        _draw(axes, row["over_refusal"], row["harmless_rate"], number, str(row["row"]))
    axes.set(xlabel="over-refusal, %", ylabel="harmless, %")
    axes.legend(loc="best", frameon=False)
    return with_files(result, str(out), {"rule-based-rewards.svg": figure})


def _draw(axes: Any, x: Figure, y: Figure, number: int, label: str) -> None:
    """One row: its mean with both intervals as a large mark, its seeds as small ones."""
    colour, mark = COLOURS[number], MARKS[number]
    middle, reach = zip(*(_percent(f) for f in (x, y)), strict=True)
    look = {"fmt": mark, "color": colour, "markersize": 7, "linewidth": 1, "label": label}
    axes.errorbar([middle[0]], [middle[1]], xerr=reach[0], yerr=reach[1], **look)
    seeds = [[100 * (v or 0.0) for v in f.per_seed] for f in (x, y)]
    axes.plot(*seeds, mark, color=colour, markersize=3, alpha=0.5)


def _percent(figure: Figure) -> tuple[float, list[list[float]]]:
    value, low, high = (100 * (v or 0.0) for v in (figure.value, figure.low, figure.high))
    return value, [[value - low], [high - value]]
