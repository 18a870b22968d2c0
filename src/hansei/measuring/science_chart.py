"""The chart of `hansei measure science`: for each task, the model beside what the tables alone can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hansei.core import drawing
from hansei.core.result import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Chart

SERIES = (
    ("model", ("within", "accuracy", "right")),
    ("nearest neighbours", ("within_neighbours", "neighbours")),
    ("median of the table / most frequent answer", ("within_median", "most_frequent")),
)
PARTS = ("numbers", "choices", "validity")


def draw(result: Result) -> Chart:
    """Share right by task, with 95% intervals; one mark a series."""
    rows = [row for part in PARTS for row in result.parts.get(part, ())]
    figure, axes = drawing.canvas(width=8.0, height=max(1.6 + 0.3 * len(rows), 2.4))
    for number, (name, keys) in enumerate(SERIES):
        points = [(i, f) for i, row in enumerate(rows) if (f := _first(row, keys)) is not None]
        if not points:
            continue
        places = [i + 0.22 * (number - 1) for i, _ in points]
        values = [100 * f.value for _, f in points]
        low = [100 * (f.value - (f.value if f.low is None else f.low)) for _, f in points]
        high = [100 * ((f.value if f.high is None else f.high) - f.value) for _, f in points]
        axes.errorbar(
            values,
            places,
            xerr=[[max(v, 0.0) for v in low], [max(v, 0.0) for v in high]],
            fmt=drawing.MARKS[number],
            color=drawing.COLOURS[number],
            markersize=4,
            linewidth=1,
            capsize=2,
            label=name,
        )
    axes.set_yticks(range(len(rows)), [str(row["row"]) for row in rows])
    axes.set(xlabel="share right, %", xlim=(-2, 102))
    axes.set_ylim(len(rows) - 0.4, -0.6)
    for i, row in enumerate(rows):
        if all(_first(row, keys) is None for _, keys in SERIES):
            axes.text(1, i, "not measured", va="center", color="#777777", fontsize=8)
    if axes.get_legend_handles_labels()[1]:
        figure.legend(loc="outside upper center", ncols=3)
    chart: Chart = figure
    return chart


def _first(row: Any, keys: tuple[str, ...]) -> Any:
    """The first figure with a value among the keys of a row."""
    return next((row[k] for k in keys if k in row and row[k].value is not None), None)
