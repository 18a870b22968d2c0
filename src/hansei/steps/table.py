"""A comparison as plain text: value [low, high] n, and what was not measured.

At most 110 columns wide, but for what a server says of an error.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from hansei.core.records import Figure
from hansei.steps.measure import ALWAYS, QUESTIONS, Metric, Sheet, metrics

if TYPE_CHECKING:
    from hansei.steps.compare import Comparison, Difference

WIDTH = 110
"""Columns of a terminal that still stands beside an editor."""
MISSING = "not measured"
_COUNTS = ("asked", "error", "unscored", "refused", "partial", "garbled", "truncated")


def table(comparison: Comparison) -> str:
    """All rows with intervals, paired differences, counts, held-out strata, changes and overlap."""
    parts = [_figures(comparison), _strata(comparison.rows), "\n".join(_words(comparison))]
    return "\n\n".join(part for part in parts if part)


def _figures(comparison: Comparison) -> str:
    """Metrics down, rows and differences across."""
    always = () if all(sheet.figures.keys() <= QUESTIONS for sheet in comparison.rows.values()) else ALWAYS
    shown = [m for m in _metrics() if m.name in always or _anywhere(comparison.rows, m.name)]
    columns = [
        [
            name,
            *(_cell(m, sheet.figures.get(m.name)) for m in shown),
            *(str(sheet.counts[c]) for c in _COUNTS),
        ]
        for name, sheet in comparison.rows.items()
    ]
    for name, differences in comparison.differences.items():
        cells = [_change(m, differences.get(m.name)) for m in shown]
        columns.append([f"{name} - {comparison.base}", *cells, *("" for _ in _COUNTS)])
    names = {"asked": "answers", "error": "  errors"}
    labels = ["", *(m.label for m in shown), *(names.get(c, f"  {c}") for c in _COUNTS)]
    return _grid(labels, columns)


def _strata(rows: Mapping[str, Sheet]) -> str:
    """The harmless and helpful rates where wording or category was held out of the lessons; the JSON has all."""
    keys = dict.fromkeys(stratum for sheet in rows.values() for stratum in sheet.strata)
    lines = [
        (m, key)
        for m in _metrics()[:2]
        for key in keys
        if key.endswith("=heldout") and any(m.name in sheet.strata.get(key, {}) for sheet in rows.values())
    ]
    if not lines:
        return ""
    columns = [
        [name, *(_cell(m, sheet.strata.get(key, {}).get(m.name)) for m, key in lines)] for name, sheet in rows.items()
    ]
    labels = [f"{m.label}, held-out {key.partition('=')[0].removesuffix('_split')}" for m, key in lines]
    return _grid(["held out apart", *labels], columns)


def _words(comparison: Comparison) -> Iterable[str]:
    if len(comparison.rows) > 1:
        yield (
            f"{comparison.final} against {comparison.base}: {len(comparison.mended)} answers mended, "
            f"{len(comparison.worsened)} worsened"
        )
    if comparison.overlap is not None:
        yield str(comparison.overlap)
    if comparison.counts:
        counts = ", ".join(f"{count} {name}" for name, count in comparison.counts.items())
        yield textwrap.fill(counts, WIDTH)
    judge = f"judge: {comparison.judge}; " if comparison.judge else ""
    yield f"{judge}value [95% interval] n; n leaves out errors and unscored answers"
    yield from comparison.notes


def _metrics() -> tuple[Metric, ...]:
    return metrics(())


def _anywhere(rows: Mapping[str, Sheet], metric: str) -> bool:
    return any(metric in sheet.figures for sheet in rows.values())


def _cell(metric: Metric, figure: Figure | None) -> str:
    if figure is None or figure.value is None:
        return MISSING
    scale, digits, sign = (100, 1, "%") if metric.percent else (1, 2, "")
    low, high = (_number(x, scale, f".{digits}f") for x in (figure.low, figure.high))
    return f"{scale * figure.value:.{digits}f}{sign} [{low}, {high}] {figure.n}"


def _number(value: float | None, scale: int, form: str) -> str:
    """`-` where too little was measured for an interval."""
    return "-" if value is None else format(scale * value, form)


def _change(metric: Metric, difference: Difference | None) -> str:
    if difference is None or difference.figure.value is None:
        return MISSING
    figure = difference.figure
    scale, digits = (100, 1) if metric.percent else (1, 2)
    value, low, high = (_number(x, scale, f"+.{digits}f") for x in (figure.value, figure.low, figure.high))
    p = "" if difference.p is None else " p<.001" if difference.p < 0.001 else f" p={difference.p:.3f}"
    return f"{value} [{low}, {high}]{p}"


def _grid(labels: Sequence[str], columns: Sequence[Sequence[str]]) -> str:
    """Columns side by side under the labels; those that don't fit go into another block below."""
    first = max(len(label) for label in labels)
    blocks: list[list[Sequence[str]]] = [[]]
    used = first
    for column in columns:
        wide = 2 + max(len(cell) for cell in column)
        if blocks[-1] and used + wide > WIDTH:
            blocks.append([])
            used = first
        blocks[-1].append(column)
        used += wide
    return "\n\n".join(_block(labels, block) for block in blocks)


def _block(labels: Sequence[str], block: Sequence[Sequence[str]]) -> str:
    widths = [max(len(cell) for cell in column) for column in block]
    first = max(len(label) for label in labels)
    lines = [
        "  ".join([label.ljust(first), *(c[i].ljust(w) for c, w in zip(block, widths, strict=True))]).rstrip()
        for i, label in enumerate(labels)
        if i == 0 or any(c[i] for c in block)
    ]
    return "\n".join(lines)
