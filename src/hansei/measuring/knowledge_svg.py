"""The knowledge map as SVG: a two-sided river of fields, after LLMMaps (arXiv 2304.00457).

Beyond the paper: every share shows its interval, a field without answers is dashed and not empty, and rows are as
high as their labels, so that four hundred leaves can be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from hansei.core.drawing import COLOURS, well_formed
from hansei.core.result import show_figure
from hansei.measuring.knowledge_data import BLOOM, Benchmark, Node
from hansei.measuring.knowledge_glyphs import (
    INK,
    MUTED,
    bar,
    cut,
    difficulty,
    dots,
    gauge,
    hallucination,
    pyramid,
    shade,
    text,
)
from hansei.measuring.knowledge_layout import BRANCH, FIRST, LEAF, SUBBAR, TURN, Place, Sheet, layout, pruned
from hansei.measuring.knowledge_stats import Stats, stats

FOOTER = 96.0
BAR = 96.0
"""Width of a leaf's bar."""


@dataclass(frozen=True)
class Map:
    """A drawn map."""

    svg: str
    """The picture."""
    left_out: int
    """Leaves without any question, which are not drawn."""


def draw(benchmark: Benchmark, *, empty_leaves: bool = False) -> Map:
    """Draws the map of one model or of several; hue tells the field of one, or the model among several."""
    asked = frozenset(benchmark.questions)
    tree = benchmark.tree if empty_leaves else pruned(benchmark.tree, asked)
    tree = tree or Node(benchmark.tree.name)
    left_out = sum(1 for _ in benchmark.tree.leaves()) - sum(1 for _ in tree.leaves())
    models = list(benchmark.scores)
    sheet = layout(tree, len(models), FOOTER)
    found = {p.path: [stats(benchmark, m, p.node.everything()) for m in models] for p in sheet.places}
    slowest = max((s.seconds or 0.0 for all_ in found.values() for s in all_), default=0.0)
    parts = [_branches(p, found[p.path], len(models)) for p in sheet.places]
    parts += [_place(p, found[p.path], models, slowest) for p in sheet.places]
    parts += [_middle(benchmark, sheet, models), _heading(benchmark, models, left_out), _legend(sheet, len(models))]
    box = f"0 0 {sheet.width:.0f} {sheet.height:.0f}"
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" width="{sheet.width:.0f}" '
        f'height="{sheet.height:.0f}" font-family="sans-serif" role="img" '
        f'aria-label="Knowledge map of {escape(benchmark.name)}">'
        f'<rect width="100%" height="100%" fill="#ffffff"/>{"".join(parts)}</svg>\n'
    )
    return Map(well_formed(svg), left_out)


def _hues(place: Place, models: int) -> Sequence[str]:
    return COLOURS[:models] if models > 1 else [COLOURS[place.field % len(COLOURS)]]


def _branches(place: Place, found: Sequence[Stats], models: int) -> str:
    """A branch a model, filled along its way up to the accuracy; a leaf's is only a thin line to its bar."""
    if place.leaf:
        way = _way(place, 0.0, 0.9)
        tone = shade(COLOURS[place.field % len(COLOURS)], 0.35) if models == 1 else "#cccccc"
        return f'<path d="{way}" fill="none" stroke="{tone}" stroke-width="1.2"/>'
    width = (14.0 if place.depth == 1 else 8.0) if models == 1 else 4.0
    made = []
    for j, (s, colour) in enumerate(zip(found, _hues(place, models), strict=True)):
        shift = (j - (models - 1) / 2) * width
        way = _way(place, shift, TURN)
        line = f'<path class="m{j}" d="{way}" fill="none" stroke-width="{width:g}" pathLength="100"'
        figure = s.accuracy
        if figure.value is None:
            made.append(f'{line} stroke="{MUTED}" stroke-opacity="0.35" stroke-dasharray="1 1"/>')
            continue
        made.append(f'{line} stroke="{shade(colour, 0.13)}"/>')
        for share, tone in ((figure.high, shade(colour, 0.45)), (figure.low, colour)):
            made.append(f'{line} stroke="{tone}" stroke-dasharray="{100 * (share or 0):.2f} 200"/>')
        made.append(f'{line} stroke="{INK}" stroke-dasharray="0 {100 * figure.value:.2f} 0.7 200"/>')
    return "".join(made)


def _way(place: Place, shift: float, turn: float) -> str:
    """A branch's path: it turns within the first `turn` of its width, and is level from there on."""
    (x0, y0), (x1, y1) = place.start, place.end
    a, b, c = (x0 + share * turn * (x1 - x0) for share in (0.6, 0.4, 1.0))
    y0, y1 = y0 + shift, y1 + shift
    return f"M{x0:.1f} {y0:.1f}C{a:.1f} {y0:.1f} {b:.1f} {y1:.1f} {c:.1f} {y1:.1f}H{x1:.1f}"


def _place(place: Place, found: Sequence[Stats], models: Sequence[str], slowest: float) -> str:
    told = _told(place.path, found, models)
    name = " › ".join(place.path)
    opened = f'<g class="node" data-name="{escape(name)}" data-told="{escape(told)}"><title>{escape(told)}</title>'
    drawn = _leaf(place, found) if place.leaf else _label(place, found, slowest)
    return f"{opened}{drawn}</g>"


def _told(path: Sequence[str], found: Sequence[Stats], models: Sequence[str]) -> str:
    lines = [" › ".join(path), f"{found[0].questions} questions"]
    if found[0].difficulty is not None:
        lines.append(f"mean difficulty {found[0].difficulty:.1f} of 5")
    for model, s in zip(models, found, strict=True):
        line = f"{model}: {show_figure(s.accuracy, percent=True) if s.asked else 'no data'}"
        line += f", {s.seconds:.2f} s an answer" if s.seconds is not None else ""
        line += f", hallucination score {s.hallucination:.2f}" if s.hallucination is not None else ""
        lines.append(line)
    return "\n".join(lines)


def _leaf(place: Place, found: Sequence[Stats]) -> str:
    (x, y), side, models = place.end, place.side, len(found)
    each = 9.0 if models == 1 else SUBBAR
    top = y - models * each / 2
    made = []
    for j, (s, colour) in enumerate(zip(found, _hues(place, models), strict=True)):
        drawn = bar(x, top + j * each, BAR, each - (0 if models == 1 else 0.8), s.accuracy, colour, side)
        made.append(f'<g class="m{j}">{drawn}</g>')
        if models == 1:
            left = x if side > 0 else x - BAR
            made.append(dots(left, top, BAR, each, s.asked))
    first = found[0]
    count = f"n={first.asked}" if first.asked else "no data"
    count = count if models == 1 or first.questions == 0 else f"n={first.questions}"
    anchor, sign = ("start", 1) if side > 0 else ("end", -1)
    words = (
        f"{cut(place.node.name, LEAF - BAR - 60, 10)}  {count}"
        if side > 0
        else (f"{count}  {cut(place.node.name, LEAF - BAR - 60, 10)}")
    )
    made.append(text(x + sign * (BAR + 6), y + 3.5, words, 10, anchor=anchor, fill=INK if first.asked else MUTED))
    return "".join(made)


def _label(place: Place, found: Sequence[Stats], slowest: float) -> str:
    """The name over the branch, near its end; of a field also the glyphs under it."""
    (x, y), side = place.end, place.side
    if place.depth > 1:
        words = cut(place.node.name, BRANCH * (1 - TURN) - 8, 9.5)
        over = y - (7 if len(found) == 1 else 4 + 2 * len(found))
        return _outlined(x - side * 4, over, words, 9.5, "end" if side > 0 else "start")
    room = FIRST * (1 - TURN)
    left = x - room if side > 0 else x + 4
    words = cut(place.node.name, room, 11.5)
    made = [_outlined(left, y - 16, words, 11.5, "start", bold=True)]
    first = found[0]
    made.append(gauge(left + 10, y + 29, first.seconds, slowest))
    made.append(text(left + 22, y + 28, "" if first.seconds is None else f"{first.seconds:.2g} s", 8.5, fill=MUTED))
    made.append(difficulty(left + 54, y + 29, first.difficulty))
    made.append(hallucination(left + 94, y + 22, first.hallucination))
    share = "no data" if first.accuracy.value is None else f"{100 * first.accuracy.value:.0f}%"
    words = f"{share} of {first.asked}" if len(found) == 1 else f"{first.questions} questions"
    made.append(text(left + 107, y + 28, words, 9.5))
    return "".join(made)


def _outlined(x: float, y: float, words: str, size: float, anchor: str, bold: bool = False) -> str:
    """Text with a white edge, so that a branch behind it leaves it readable."""
    made = text(x, y, words, size, anchor=anchor, bold=bold)
    return made.replace("<text ", '<text paint-order="stroke" stroke="#ffffff" stroke-width="3" ', 1)


def _middle(benchmark: Benchmark, sheet: Sheet, models: Sequence[str]) -> str:
    x, y = sheet.middle
    everything = [stats(benchmark, m, benchmark.questions) for m in models]
    total = len(benchmark.questions)
    count = {level: sum(q.bloom == level for q in benchmark.questions.values()) for level in BLOOM}
    shares = {level: count[level] / total if total else 0.0 for level in BLOOM}
    hues = COLOURS[: len(models)] if len(models) > 1 else ["#333333"]
    tall = 250 + 15 * len(models)
    made = [
        f'<rect x="{x - 109:.1f}" y="{y - 118:.1f}" width="218" height="{tall}" rx="10" fill="#fff" stroke="#ddd"/>'
    ]
    if any(count.values()):
        made.append(pyramid(x, y + 72, [s.bloom for s in everything], hues, shares))
    else:
        made.append(text(x, y, "no Bloom levels given", 10, anchor="middle", fill=MUTED))
    for j, (model, s, hue) in enumerate(zip(models, everything, hues, strict=True)):
        line = y + 92 + 15 * j
        share = "no data" if s.accuracy.value is None else f"{100 * s.accuracy.value:.2f}%"
        score = "" if s.hallucination is None else f", HS {s.hallucination:.2f}"
        words = f"{cut(model, 70, 10)}: {share}{score}"
        made.append(text(x, line, words, 10.5, anchor="middle", fill=hue, bold=True))
    made.append(text(x, y + 97 + 15 * len(models), f"{total} questions", 10, anchor="middle", fill=MUTED))
    return "".join(made)


def _heading(benchmark: Benchmark, models: Sequence[str], left_out: int) -> str:
    made = [text(24, 34, f"Knowledge map: {benchmark.name}", 20, bold=True)]
    note = f"{len(benchmark.questions)} questions; 95% intervals"
    note += f"; {left_out} leaves without a question are not drawn" if left_out else ""
    made.append(text(24, 54, note, 11, fill=MUTED))
    if len(models) > 1:
        x = 24.0
        for model, hue in zip(models, COLOURS, strict=False):
            made.append(f'<rect x="{x:.1f}" y="64" width="14" height="10" fill="{hue}"/>')
            made.append(text(x + 18, 73, model, 11))
            x += 34 + 7 * len(model)
    return "".join(made)


def _legend(sheet: Sheet, models: int) -> str:
    from hansei.core.statistics import wilson

    y, hue = sheet.height - 62, "#0b5fa5"
    made = [bar(24, y, BAR, 9, wilson(12, 18), hue)]
    made.append(
        text(128, y + 8, "tick: accuracy; full colour up to the interval's lower end, lighter to the upper", 10)
    )
    made.append(bar(24, y + 18, BAR, 9, wilson(0, 0), hue))
    made.append(text(128, y + 26, "no data (which is not 0%)", 10))
    x = 300.0
    if models == 1:
        made += [bar(x, y + 18, BAR, 9, wilson(9, 10), hue), dots(x, y + 18, BAR, 9, 30)]
        made.append(text(x + BAR + 8, y + 26, "a dot a question, as far as there is room; hue: the field", 10))
    else:
        made.append(text(x, y + 26, "a bar a model, in its hue; glyphs are those of the first model", 10))
    made += [gauge(34, y + 48, 1.0, 3.0), text(50, y + 46, "mean time of an answer (log scale)", 10)]
    made += [difficulty(250, y + 48, 3.4), text(280, y + 46, "mean difficulty, 1 to 5", 10)]
    made += [hallucination(428, y + 41, 0.33)]
    made.append(text(442, y + 46, "hallucination score: 0 accuracy falls with difficulty, 1 it rises (signs only)", 10))
    return "".join(made)
