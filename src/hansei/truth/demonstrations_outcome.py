"""What the demonstrations experiment found: figures over seeds and writers, the curve, and the chart."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hansei.core import statistics
from hansei.core.records import Figure
from hansei.core.result import Row

Found = Sequence[Mapping[str, Any]]
"""Cells, as `demonstrations_town.run_cell` returns them."""
ORDER = ("base", "few-shot prompting", "SFT, stopped early", "SFT", "self-play", "DITTO")
OURS = "DITTO"
Scores = Mapping[str, float | None]
"""Prompt id to a value; None where it is not measured."""


def main_rows(cells: Found, how: str = "drawn") -> list[Row]:
    """A row a method: style, topic, and how often DITTO's letter is the closer one."""
    ours = _values(cells, OURS, how, "scores")
    made: list[Row] = []
    for name in _measured(cells):
        scores = _values(cells, name, how, "scores")
        row: dict[str, Any] = {
            "row": name,
            "style": _figure(scores),
            "all_features": _figure(_each(scores, _perfect), statistics.rate),
            "on_topic": _figure(_values(cells, name, how, "on_topic"), statistics.rate),
        }
        if name != OURS:
            row |= {
                "ditto_over": _figure(_wins(ours, scores)),
                "ditto_lead": _figure(_each(_wins(ours, scores), _lead)),
            }
        made.append(row)
    return made


def curve_rows(cells: Found, numbers: Sequence[int]) -> list[Row]:
    """A row for each number of demonstrations: the style of each method, and DITTO's win rates."""
    made: list[Row] = []
    for shown in sorted(numbers):
        mine = [c for c in cells if c["cell"]["shown"] == shown]
        scores = {name: _values(mine, name, "drawn", "scores") for name in ORDER if name != "self-play"}
        row: dict[str, Any] = {"row": f"{shown} demonstrations", "shown": shown}
        row |= {_column(name): _figure(table) for name, table in scores.items()}
        for other in ("few-shot prompting", "SFT, stopped early", "SFT"):
            row[f"over_{_column(other)}"] = _figure(_wins(scores[OURS], scores[other]))
        made.append(row)
    return made


def writer_rows(cells: Found) -> list[Row]:
    """A row a writer: the style of each method."""
    names = list(dict.fromkeys(c["cell"]["writer"] for c in cells))
    return [
        {"row": writer}
        | {
            _column(name): statistics.two_way_bootstrap(_grid(_values(mine, name, "drawn", "scores")))
            for name in _measured(mine)
        }
        for writer in names
        for mine in [[c for c in cells if c["cell"]["writer"] == writer]]
    ]


def feature_rows(cells: Found) -> list[Row]:
    """A row a feature of style: how often each method has it where the writer's is not the generic one."""
    features = list(cells[0]["rows"][0]["drawn"]["features"])
    return [
        {"row": feature}
        | {
            _column(name): _figure(_values(cells, name, "drawn", "features", feature), statistics.rate)
            for name in _measured(cells)
        }
        for feature in features
    ]


def chart(rows: Sequence[Row], curve: Sequence[Row], path: Path) -> str:
    """Style by method, and by the number of demonstrations."""
    from hansei.core import drawing

    figure, (left, right) = drawing.canvas(1, 2, width=8.4, height=3.4)
    for place, row in enumerate(rows):
        _bar(left, place, row["style"], drawing.COLOURS[place])
    left.set_xticks(range(len(rows)), [row["row"].replace(" ", "\n") for row in rows], fontsize=8)
    left.set_ylabel("features of style met, %")
    left.set_ylim(0, 100)
    for place, name in enumerate(ORDER):
        points = [row for row in curve if _column(name) in row]
        _points(right, [row["shown"] for row in points], [row[_column(name)] for row in points], place, name)
    right.set_xlabel("demonstrations")
    right.set_ylim(0, 100)
    figure.legend(*right.get_legend_handles_labels(), loc="outside lower center", ncol=6, fontsize=7)
    return drawing.save(figure, path)


def _bar(axis: Any, place: int, figure: Figure, colour: str) -> None:
    axis.bar(place, 100 * (figure.value or 0.0), color=colour, width=0.65)
    axis.errorbar(place, 100 * (figure.value or 0.0), yerr=_reach([figure]), color="black", linewidth=0.8, capsize=2)


def _points(axis: Any, shown: Sequence[int], figures: Sequence[Figure], place: int, name: str) -> None:
    from hansei.core.drawing import COLOURS, MARKS

    values = [100 * (figure.value or 0.0) for figure in figures]
    style = {"color": COLOURS[place], "marker": MARKS[place], "markersize": 4, "linewidth": 1.2, "elinewidth": 0.7}
    axis.errorbar(shown, values, yerr=_reach(figures), label=name, **style)


def _reach(figures: Sequence[Figure]) -> list[list[float]]:
    """How far the intervals reach below and above; 0 where there is none, and where rounding would go below 0."""
    known = [(f.value or 0.0, f.low, f.high) for f in figures]
    below = [0.0 if low is None else max(0.0, 100 * (value - low)) for value, low, _ in known]
    above = [0.0 if high is None else max(0.0, 100 * (high - value)) for value, _, high in known]
    return [below, above]


def _column(name: str) -> str:
    short = {"few-shot prompting": "few_shot", "self-play": "self_play", "SFT, stopped early": "early_sft"}
    return short.get(name, name.lower())


def _measured(cells: Found) -> list[str]:
    """The methods that a cell at least has, in the order of the table."""
    names = {row["row"] for cell in cells for row in cell["rows"]}
    return [name for name in ORDER if name in names]


def _values(cells: Found, name: str, how: str, *path: str) -> dict[tuple[int, str], Scores]:
    """(seed, writer) to what a method got on each prompt; cells without the method are left out."""
    found = {}
    for cell in cells:
        measured = next((row[how] for row in cell["rows"] if row["row"] == name), None)
        if measured is None:
            continue
        for part in path:
            measured = measured[part]
        found[cell["cell"]["seed"], cell["cell"]["writer"]] = measured
    return found


Table = Mapping[tuple[int, str], Scores]


def _each(table: Table, change: Callable[[float], float]) -> Table:
    return {key: {id: None if v is None else change(v) for id, v in values.items()} for key, values in table.items()}


def _perfect(score: float) -> float:
    return float(score >= 1 - 1e-9)


def _lead(win: float) -> float:
    """Wins less losses."""
    return 2 * win - 1


def _wins(ours: Table, theirs: Table) -> Table:
    """1 where our letter is closer to the style, 0.5 at a tie, 0 where theirs is; on the cells that have both."""
    return {key: {id: _win(ours[key][id], v) for id, v in values.items()} for key, values in theirs.items()}


def _win(a: float | None, b: float | None) -> float | None:
    if a is None or b is None:
        return None
    return 0.5 if abs(a - b) < 1e-9 else float(a > b)


def _figure(table: Table, of: Callable[..., Figure] = statistics.two_way_bootstrap) -> Figure:
    """Mean over seeds and prompts; the prompts of one writer are resampled as one."""
    seeds = sorted({seed for seed, _ in table})
    ids = {writer: list(values) for (_, writer), values in table.items()}
    grid = [[table[seed, writer][id] for writer in ids for id in ids[writer]] for seed in seeds]
    return of(grid, [writer for writer in ids for _ in ids[writer]])


def _grid(table: Table) -> list[list[float | None]]:
    """Values [seeds x prompts] of one writer."""
    return [list(values.values()) for _, values in sorted(table.items())]
