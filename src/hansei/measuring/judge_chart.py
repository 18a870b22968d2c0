"""Charts of judges: shares with their intervals, a line for each judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hansei.core.drawing import COLOURS, MARKS, canvas
from hansei.core.records import Figure

LINE = 0.42
"""Height of a line, in inches."""
SPREAD = 0.44
"""Share of a line's height over which its marks are spread."""


def trust_chart(rows: Sequence[Mapping[str, Any]]) -> Any:
    """Sensitivity and specificity of each judge."""
    return dots(rows, {"sensitivity": "sensitivity", "specificity": "specificity"}, "share of the labelled answers")


def dots(rows: Sequence[Mapping[str, Any]], series: Mapping[str, str], what: str, *, height: float = LINE) -> Any:
    """A line for each row, with a mark and its interval for each figure of `series` (field to label)."""
    figure, axes = canvas(width=6.4, height=0.9 + height * len(rows))
    step = SPREAD / (len(series) - 1) if len(series) > 1 else 0.0
    for number, (field, label) in enumerate(series.items()):
        shift = number * step - SPREAD / 2 if len(series) > 1 else 0.0
        there = [(y, row[field]) for y, row in enumerate(rows) if _drawn(row.get(field))]
        axes.errorbar(
            [100 * f.value for _, f in there],
            [y + shift for y, _ in there],
            xerr=[[100 * (f.value - _or(f.low, f.value)) for _, f in there],
                  [100 * (_or(f.high, f.value) - f.value) for _, f in there]],
            fmt=MARKS[number % len(MARKS)],
            color=COLOURS[number % len(COLOURS)],
            markersize=4.5,
            linewidth=1,
            label=label,
        )  # fmt: skip
    axes.set_yticks(range(len(rows)), [str(row["row"]) for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(-2, 102)
    axes.set_xlabel(f"{what}, % (95% interval)")
    figure.legend(loc="outside upper right", ncols=len(series), frameon=False, fontsize=9)
    return figure


def _drawn(value: Any) -> bool:
    return isinstance(value, Figure) and value.value is not None


def _or(value: float | None, other: float) -> float:
    return other if value is None else value
