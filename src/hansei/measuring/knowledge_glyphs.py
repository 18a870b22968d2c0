"""The small pictures of a knowledge map: gauge, difficulty bars, hallucination circle, Bloom's pyramid, dots."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

from hansei.core.records import Figure
from hansei.measuring.knowledge_data import BLOOM

INK, MUTED, PALE, RED = "#222222", "#666666", "#e4e4e4", "#b3261e"
_GOLDEN = (0.7548776662466927, 0.5698402909980532)  # of the plane: the R2 sequence spreads points evenly


def shade(colour: str, share: float) -> str:
    """The colour mixed with white: `share` of it is left."""
    parts = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(255 - share * (255 - p)):02x}" for p in parts)


def bar(x: float, y: float, width: float, height: float, figure: Figure, colour: str, side: int = 1) -> str:
    """A share as a bar from `x` to the given side, with its interval.

    Full colour up to the lower end of the interval, a lighter tone up to the upper end, a tick at the share itself;
    where nothing was asked, a dashed outline and no fill at all.
    """
    left = x if side > 0 else x - width
    frame = f'<rect x="{left:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
    if figure.value is None:
        return f'{frame} fill="none" stroke="{MUTED}" stroke-width="0.6" stroke-dasharray="2 2"/>'
    low, high = figure.low or 0.0, 1.0 if figure.high is None else figure.high
    tick = x + side * width * figure.value
    parts = [f'{frame} fill="{shade(colour, 0.13)}"/>']
    for share, tone in ((high, shade(colour, 0.45)), (low, colour)):
        start = x if side > 0 else x - width * share
        parts.append(
            f'<rect x="{start:.1f}" y="{y:.1f}" width="{width * share:.1f}" height="{height:.1f}" fill="{tone}"/>'
        )
    parts.append(f'<path d="M{tick:.1f} {y - 0.8:.1f}V{y + height + 0.8:.1f}" stroke="{INK}" stroke-width="1.2"/>')
    return "".join(parts)


def dots(x: float, y: float, width: float, height: float, count: int) -> str:
    """`count` points spread evenly over a rectangle, as many as fit (one on 9 square units)."""
    shown = min(count, int(width * height / 9))
    made = []
    for i in range(shown):
        across, down = ((0.5 + _GOLDEN[j] * (i + 1)) % 1 for j in (0, 1))
        made.append(f"M{x + 1 + across * (width - 2):.1f} {y + 1 + down * (height - 2):.1f}h0")
    return (
        f'<path d="{"".join(made)}" stroke="#ffffff" stroke-width="1.5" stroke-linecap="round" fill="none"/>'
        if made
        else ""
    )


def gauge(x: float, y: float, seconds: float | None, slowest: float) -> str:
    """Mean time of an answer as a needle, on a logarithmic scale up to the slowest field; x, y: its foot."""
    arc = f'<path d="M{x - 9:.1f} {y:.1f}a9 9 0 0 1 18 0" fill="none" stroke="{MUTED}" stroke-width="1.6"/>'
    if seconds is None:
        return arc + text(x, y - 1, "?", 8, anchor="middle", fill=MUTED)
    share = min(1.0, math.log1p(seconds) / math.log1p(slowest)) if slowest > 0 else 0.0
    angle = math.pi * (1 - share)
    needle = f"M{x:.1f} {y:.1f}L{x + 7.5 * math.cos(angle):.1f} {y - 7.5 * math.sin(angle):.1f}"
    return f'{arc}<path d="{needle}" stroke="{INK}" stroke-width="1.6" stroke-linecap="round"/>'


def difficulty(x: float, y: float, level: float | None) -> str:
    """Mean difficulty, 1 to 5, as five rising bars; x, y: the left foot."""
    made = []
    for i in range(5):
        height = 3.0 + 2.4 * i
        share = 0.0 if level is None else max(0.0, min(1.0, level - i))
        top = f'x="{x + 4.6 * i:.1f}" width="3.4"'
        made.append(f'<rect {top} y="{y - height:.1f}" height="{height:.1f}" fill="{PALE}"/>')
        if share:
            made.append(f'<rect {top} y="{y - share * height:.1f}" height="{share * height:.1f}" fill="{INK}"/>')
    return "".join(made)


def hallucination(x: float, y: float, score: float | None, radius: float = 8.0) -> str:
    """The hallucination score as the share of a circle's area that is red; a dashed circle where it is unknown."""
    circle = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"'
    if score is None:
        return f'{circle} fill="none" stroke="{MUTED}" stroke-dasharray="2 2"/>'
    inner = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius * math.sqrt(score):.1f}" fill="{RED}"/>'
    return f'{circle} fill="#ffffff" stroke="{RED}" stroke-width="1.2"/>{inner}'


def pyramid(
    x: float, y: float, levels: Sequence[Mapping[str, Figure]], colours: Sequence[str], shares: Mapping[str, float]
) -> str:
    """Bloom's pyramid, foot at (x, y): a step a level, a bar a model, dots for the level's share of the questions."""
    made, width, height = [], 190.0, 30.0
    for i, level in enumerate(BLOOM):
        top = y - (i + 1) * height
        each = (height - 15) / len(levels)
        n = levels[0][level].n
        there = levels[0][level].value
        words = f"{level}: no questions" if not shares[level] else f"{level} · n={n}"
        if there is not None and len(levels) == 1:
            words = f"{level} {100 * there:.0f}% · n={n}"
        made.append(text(x, top + 9, words, 9, anchor="middle", fill=INK if shares[level] else MUTED))
        for j, (figures, colour) in enumerate(zip(levels, colours, strict=True)):
            made.append(bar(x - width / 2, top + 12 + j * each, width, each - 0.6, figures[level], colour))
        if shares[level]:
            made.append(dots(x - width / 2, top + 12, width, height - 15, round(100 * shares[level])))
        width *= 0.85  # as the paper's pyramid narrows
    return "".join(made)


def text(
    x: float, y: float, words: str, size: float, *, anchor: str = "start", fill: str = INK, bold: bool = False
) -> str:
    """A line of text, escaped."""
    weight = ' font-weight="bold"' if bold else ""
    clean = escape("".join(c for c in words if c.isprintable()))
    place = f'x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" text-anchor="{anchor}"'
    return f'<text {place} fill="{fill}"{weight}>{clean}</text>'


def cut(words: str, room: float, size: float) -> str:
    """The words, shortened with an ellipsis where they are wider than `room` (a letter is about 0.54 sizes wide)."""
    most = int(room / (0.54 * size))
    return words if len(words) <= most else words[: max(1, most - 1)].rstrip() + "…"
