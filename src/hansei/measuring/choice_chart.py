"""The chart of multiple choice: accuracy by variant, and where the chosen letters stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hansei.core.drawing import COLOURS, MARKS, canvas
from hansei.core.result import Result, Row
from hansei.measuring.choice_sheet import ACCEPTED, NONE_ACCEPTED


def chart(result: Result, series: Mapping[str, Sequence[Row]] | None = None) -> Any:
    """Accuracy with intervals by variant, a mark a series, guessing as a bar; beside it the letters chosen.

    `series` are the tables to draw, by name; those of the ways of answering where not given.
    """
    drawn = series or _ways(result)
    rows = [row for row in next(iter(drawn.values())) if row["row"] not in (ACCEPTED, NONE_ACCEPTED)]
    names = [str(row["row"]) for row in rows]
    figure, (left, right) = canvas(1, 2, width=9.2, height=0.36 * len(names) + 1.3, width_ratios=(2.2, 1))
    chances = [(i, row["chance"].value) for i, row in enumerate(rows) if row.get("chance") and row["chance"].value]
    left.barh([i for i, _ in chances], [c for _, c in chances], height=0.7, color="#e6e6e6", label="guessing")
    for number, (name, lines) in enumerate(drawn.items()):
        _points(left, names, lines, number, (number - (len(drawn) - 1) / 2) * 0.22, name)
    left.set_yticks(range(len(names)), names)
    left.invert_yaxis()
    left.set_xlim(0, 1)
    left.set_xlabel("share right")
    left.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=min(4, len(drawn) + 1))
    _positions(right, result)
    return figure


def _ways(result: Result) -> dict[str, Sequence[Row]]:
    from hansei.measuring.multiple_choice import TITLES

    first = {TITLES[result.more["by"]]: result.rows}
    return first | {title: result.parts[title] for title in TITLES.values() if title in result.parts}


def _points(axis: Any, names: Sequence[str], lines: Sequence[Row], number: int, shift: float, label: str) -> None:
    by_name = {str(row["row"]): row["accuracy"] for row in lines}
    for i, name in enumerate(names):
        found = by_name.get(name)
        if found is None or found.value is None:
            continue
        low, high = (found.value if end is None else end for end in (found.low, found.high))
        axis.plot([low, high], [i + shift] * 2, color=COLOURS[number], linewidth=1.2)
        mark = MARKS[number]
        axis.plot(found.value, i + shift, mark, color=COLOURS[number], markersize=5, label=label if i == 0 else None)


def _positions(axis: Any, result: Result) -> None:
    """Bars of how often each letter is right, and marks of how often it is chosen."""
    tables = [(title, rows) for title, rows in result.parts.items() if title.startswith("positions")]
    letters = [str(row["row"]) for row in tables[0][1]]
    axis.bar(
        range(len(letters)), [row["right"].value or 0 for row in tables[0][1]], color="#d0d0d0", label="right there"
    )
    for number, (title, rows) in enumerate(tables):
        shares = [row["chosen"].value or 0 for row in rows]
        label = f"chosen, {title.removeprefix('positions-')}"
        axis.plot(range(len(letters)), shares, MARKS[number], color=COLOURS[number], markersize=5, label=label)
    axis.set_xticks(range(len(letters)), letters)
    axis.set_ylim(bottom=0)
    axis.set_title("options in another order", fontsize=9)
    axis.set_ylabel("share of questions")
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), fontsize=8)
