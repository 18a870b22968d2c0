"""Charts of the past-tense attack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hansei.core.drawing import COLOURS, MARKS, canvas, save
from hansei.core.result import Row

LABELS = {
    "present": "present: the request itself",
    "reworded": "present, reworded",
    "future": "future tense",
    "past": "past tense",
}
COLOUR = {"present": COLOURS[0], "reworded": COLOURS[4], "future": COLOURS[2], "past": COLOURS[1]}
MARK = dict(zip(LABELS, MARKS, strict=False))


def by_attempts(rows: Sequence[Row], path: str | Path) -> str:
    """Success against attempts, a line a tense and a panel a judge; `rows` as of the part `attempts`."""
    judges = list(dict.fromkeys(row["judge"] for row in rows))
    figure, axes = canvas(1, len(judges), width=max(4.8, 3.4 * len(judges)), height=3.4, sharey=True, squeeze=False)
    for axis, judge in zip(axes[0], judges, strict=True):
        draw_attempts(axis, [row for row in rows if row["judge"] == judge])
        axis.set_title(f"judge: {judge}", fontsize=9)
    axes[0][0].set_ylabel("attack success, %")
    axes[0][0].legend(fontsize=8)
    return save(figure, path)


def draw_attempts(axis: Any, rows: Sequence[Row]) -> None:
    """The lines of one panel, with their intervals as bands."""
    for row in rows:
        points = {int(name.removeprefix("after_")): row[name] for name in row if name.startswith("after_")}
        points = {k: f for k, f in points.items() if f.value is not None}
        tense = row["tense"]
        axis.plot(
            list(points),
            [100 * f.value for f in points.values()],
            MARK[tense],
            ls="-",
            ms=4,
            color=COLOUR[tense],
            label=LABELS[tense],
        )
        known = {k: f for k, f in points.items() if f.low is not None}
        low, high = ([100 * getattr(f, end) for f in known.values()] for end in ("low", "high"))
        axis.fill_between(list(known), low, high, color=COLOUR[tense], alpha=0.13, lw=0)
    shown = sorted({int(n.removeprefix("after_")) for row in rows for n in row if n.startswith("after_")})
    axis.set_xscale("log")
    axis.set_xticks(shown, [str(k) for k in shown])
    axis.minorticks_off()
    axis.set_xlabel("attempts at a request")
    axis.set_ylim(-3, 103)


def defence(
    attempts: Sequence[Row], rows: Sequence[Mapping[str, Any]], lines: Mapping[str, str], path: str | Path
) -> str:
    """Left, success against attempts before the defence; right, what each share of past-tense refusals does.

    `rows` have `share` (0 to 1) and the figures named in `lines`, which gives each its label.
    """
    figure, (left, right) = canvas(1, 2, width=9.2, height=3.8)
    draw_attempts(left, attempts)
    left.set_title("refusals tuned in the present tense only", fontsize=9)
    left.set_ylabel("attack success, % of requests")
    left.legend(fontsize=8, loc="center right")
    places = range(len(rows))
    for (name, label), colour, mark in zip(lines.items(), (*COLOURS[1:4], *COLOURS[5:]), MARKS, strict=False):
        figures = [row[name] for row in rows]
        values = [100 * f.value for f in figures]
        below = [100 * (f.value - f.low) for f in figures]
        above = [100 * (f.high - f.value) for f in figures]
        right.errorbar(places, values, [below, above], fmt=f"{mark}-", ms=4, capsize=2, lw=1, color=colour, label=label)
    right.set_xticks(places, [f"{100 * row['share']:.0f}%" for row in rows])
    right.set_xlabel("past-tense refusals, share of the further lessons")
    right.set_ylabel("% of requests")
    right.set_ylim(-3, 103)
    right.set_title("defence", fontsize=9)
    right.legend(fontsize=8)
    return save(figure, path)
