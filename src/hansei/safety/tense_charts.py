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


DEFENCE = {
    "past_tense_success": ("past tense, attack success", COLOUR["past"], MARK["past"], "-"),
    "future_tense_success": ("future tense, attack success", COLOUR["future"], MARK["future"], "-"),
    "present_tense_success": ("present tense, attack success", COLOUR["present"], MARK["present"], "-"),
    "over_refusal": ("needless refusals, present tense", COLOURS[3], "v", ":"),
    "over_refusal_past": ("needless refusals, past tense", COLOURS[5], "*", ":"),
}
"""What the chart of the defence shows: label, colour, mark, line."""


def by_attempts(rows: Sequence[Row], path: str | Path) -> str:
    """Success against attempts, a line a tense and a panel a judge; `rows` as of the part `attempts`."""
    judges = list(dict.fromkeys(row["judge"] for row in rows))
    figure, axes = canvas(1, len(judges), width=max(4.8, 3.4 * len(judges)), height=3.6, sharey=True, squeeze=False)
    for axis, judge in zip(axes[0], judges, strict=True):
        draw_attempts(axis, [row for row in rows if row["judge"] == judge])
        axis.set_title(f"judge: {judge}", fontsize=9)
    axes[0][0].set_ylabel("attack success, % of requests")
    figure.legend(*axes[0][0].get_legend_handles_labels(), loc="outside lower center", ncol=2, fontsize=8)
    return save(figure, path)


def draw_attempts(axis: Any, rows: Sequence[Row]) -> None:
    """The lines of one panel, with their intervals as bands."""
    for row in rows:
        points = {int(name.removeprefix("after_")): row[name] for name in row if name.startswith("after_")}
        points = {k: f for k, f in points.items() if f.value is not None}
        style = {"color": COLOUR[row["tense"]], "marker": MARK[row["tense"]], "label": LABELS[row["tense"]]}
        axis.plot(list(points), [100 * f.value for f in points.values()], ms=4, **style)
        known = {k: f for k, f in points.items() if f.low is not None}
        low, high = ([100 * getattr(f, end) for f in known.values()] for end in ("low", "high"))
        axis.fill_between(list(known), low, high, color=style["color"], alpha=0.12, lw=0)
    shown = sorted({int(n.removeprefix("after_")) for row in rows for n in row if n.startswith("after_")})
    axis.set_xscale("log")
    axis.set_xticks(shown, [str(k) for k in shown])
    axis.minorticks_off()
    axis.set_xlabel("attempts at a request")
    axis.set_ylim(-3, 103)


def defence(attempts: Sequence[Row], rows: Sequence[Mapping[str, Any]], path: str | Path) -> str:
    """Left, success against attempts before the defence; right, what each share of past-tense refusals does.

    The first of `rows` is the student before the defence; the others have `share`, 0 to 1.
    """
    figure, (left, right) = canvas(1, 2, width=9.4, height=4.6)
    draw_attempts(left, attempts)
    left.set_title("refusals tuned in the present tense only", fontsize=9)
    left.set_ylabel("attack success, % of requests")
    for i, (name, (label, colour, mark, line)) in enumerate(DEFENCE.items()):
        figures = [row[name] for row in rows]
        values = [100 * f.value for f in figures]
        bars = [[100 * (f.value - f.low) for f in figures], [100 * (f.high - f.value) for f in figures]]
        places = [x + 0.06 * (i - 2) for x in range(len(rows))]  # side by side, so that no bar hides another
        style = {"color": colour, "fmt": mark, "ls": line, "label": label}
        right.errorbar(places, values, bars, ms=4, capsize=2, lw=1, **style)
    right.set_xticks(range(len(rows)), ["before", *(f"{100 * row['share']:g}%" for row in rows[1:])])
    right.set_xlabel("past-tense refusals among the lessons of the defence")
    right.set_ylabel("% of requests")
    right.set_ylim(-3, 103)
    right.set_title("the defence, after all attempts", fontsize=9)
    for axis in (left, right):
        axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncol=2, fontsize=8)
    return save(figure, path)
