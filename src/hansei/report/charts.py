"""The comparison as pictures: SVG by matplotlib, made to live in the page.

Colours are classes of the page's style sheet (so that they follow light and dark mode and need no inline
style, which the page forbids), text stays text, and nothing in the file depends on the time or on chance.
"""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from hansei.core.records import Figure
from hansei.report.page import Difference, Row
from hansei.report.words import measure, plain, reading, shared_metrics, signed, value

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH = 5.2
"""Inches at 100 units an inch: wide enough for labels, narrow enough to be read on a telephone."""
LINE = 0.17
"""Inches of height for each bar."""
SERIES = 6
"""Rows that have a colour and a shape of their own; more are not drawn (the table has them all)."""
_MARKERS = ("o", "s", "D", "^", "v", "P")
_INK, _MUTED, _GRID = "#010101", "#020202", "#030303"
_COLOURS = tuple(f"#0100{i:02d}" for i in range(SERIES))
_CLASSES = {_INK: "ink", _MUTED: "muted", _GRID: "grid"} | {c: f"series-{i}" for i, c in enumerate(_COLOURS)}
_SVG = "{http://www.w3.org/2000/svg}"
_KEPT = {
    "text-anchor",
    "font-size",
    "font-weight",
    "stroke-width",
    "stroke-linecap",
    "stroke-linejoin",
    "stroke-dasharray",
}


def rates_chart(rows: Sequence[Row]) -> Markup:
    """Every share of every row: a mark with its interval on a scale from 0 to 100%; empty without shares."""
    rows = rows[:SERIES]
    names = [m for m in shared_metrics([dict(r.figures) for r in rows]) if measure(m).percent]
    if not names:
        return Markup("")
    block = len(rows) + 2.0
    axes, save = _axes(len(names) * block, [0, 20, 40, 60, 80, 100], -4, 104)
    for i, name in enumerate(names):
        _heading(axes, i * block, measure(name).label, measure(name).better)
        for j, row in enumerate(rows):
            _bar(axes, i * block + 1.1 + j, row.figures.get(name), j)
    axes.set_xticklabels([f"{x}%" for x in (0, 20, 40, 60, 80, 100)])
    described = "; ".join(
        f"{measure(m).label}: " + ", ".join(f"{plain(r.name)} {value(r.figures.get(m), True)}" for r in rows)
        for m in names
    )
    return save("rates", f"Shares with 95% intervals. {described}.")


def differences_chart(differences: Sequence[Difference], series: int = 1) -> Markup:
    """Every change of a share in points, with its interval, around zero; empty without any."""
    drawn = [d for d in differences if measure(d.metric).percent and d.figure.value is not None]
    if not drawn:
        return Markup("")
    ends = [abs(100 * e) for d in drawn for e in (d.figure.value, d.figure.low, d.figure.high) if e is not None]
    reach = next(r for r in (5, 10, 20, 50, 100) if r >= min(max(ends), 100))
    ticks = [-reach, -reach / 2, 0, reach / 2, reach]
    block = 2.9
    axes, save = _axes(len(drawn) * block, ticks, -1.06 * reach, 1.06 * reach)
    axes.axvline(0, color=_MUTED, linewidth=1)
    for i, d in enumerate(drawn):
        _heading(axes, i * block, measure(d.metric).label, reading(d))
        _bar(axes, i * block + 1.1, d.figure, min(series, SERIES - 1))
    axes.set_xticklabels([signed(t / 100, True).removesuffix(" points").replace("±", "") for t in ticks])
    described = "; ".join(f"{measure(d.metric).label} {signed(d.figure.value, True)}" for d in drawn)
    return save("differences", f"Changes in percentage points with 95% intervals. {described}.")


def _axes(lines: float, ticks: Sequence[float], low: float, high: float) -> tuple[Axes, Callable[[str, str], Markup]]:
    from matplotlib import rc_context
    from matplotlib.figure import Figure as Canvas

    height = lines * LINE + 0.45
    canvas = Canvas(figsize=(WIDTH, height), dpi=72)
    axes = canvas.add_axes((0.015, 0.30 / height, 0.97, 1 - 0.38 / height))
    axes.set_xlim(low, high)
    axes.set_ylim(lines - 0.4, -0.9)
    axes.set_yticks([])
    axes.set_xticks(list(ticks))
    axes.tick_params(axis="x", length=0, colors=_MUTED, labelsize=10)
    axes.grid(axis="x", color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_frame_on(False)

    def save(name: str, described: str) -> Markup:
        buffer = io.StringIO()
        with rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
            canvas.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
        return _for_the_page(buffer.getvalue(), described)

    return axes, save


def _heading(axes: Axes, y: float, label: str, note: str) -> None:
    left, right = axes.get_xlim()
    axes.text(left, y, label, color=_INK, fontsize=11, fontweight="bold", va="center")
    words = f"{note} is better" if note in ("higher", "lower") else note
    axes.text(right, y, words, color=_MUTED, fontsize=10, va="center", ha="right")


def _bar(axes: Axes, y: float, figure: Figure | None, series: int) -> None:
    if figure is None or figure.value is None:
        return
    colour = _COLOURS[series]
    if figure.low is not None and figure.high is not None:
        axes.plot([100 * figure.low, 100 * figure.high], [y, y], color=colour, linewidth=3, solid_capstyle="round")
    axes.plot([100 * figure.value], [y], color=colour, marker=_MARKERS[series], markersize=7, clip_on=False)


def _for_the_page(svg: str, described: str) -> Markup:
    """The SVG without document type, metadata, clipping and styles; colours as classes of the page."""
    root = ET.fromstring(svg[svg.index("<svg") :])  # noqa: S314 (our own, just written)
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (f"{_SVG}metadata", f"{_SVG}style") or (
                child.tag == f"{_SVG}g" and child.get("id") == "patch_1"
            ):
                parent.remove(child)
    for element in root.iter():
        _attributes(element)
    for name in ("width", "height"):
        root.attrib.pop(name, None)
    text = ET.tostring(root, encoding="unicode")
    text = re.sub(r"\bns\d+:|\sxmlns:ns\d+=\"[^\"]*\"", "", text)
    opening = f'<svg role="img" aria-label="{escape(described)}" '
    return Markup(text.replace("<svg ", opening, 1))  # noqa: S704 (matplotlib escapes labels, and so does `escape`)


def _attributes(element: ET.Element) -> None:
    """Turns `style` into attributes and classes, and drops what needs a style sheet of its own."""
    classes = []
    for declaration in element.attrib.pop("style", "").split(";"):
        name, _, content = (part.strip() for part in declaration.partition(":"))
        if name in ("fill", "stroke"):
            if content in _CLASSES:
                classes.append(f"{name}-{_CLASSES[content]}")
            elif content == "none":
                element.set(name, "none")
        elif name == "font":
            classes += ["bold"] if content.startswith("bold") else []
            size = re.search(r"([\d.]+)px", content)
            element.set("font-size", size[1] if size else "10")
        elif name in _KEPT:
            element.set(name, content)
    if classes:
        element.set("class", " ".join(classes))
    element.attrib.pop("clip-path", None)
