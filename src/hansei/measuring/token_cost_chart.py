"""The heat map of `token-cost`: languages by tokenizer, or by the parts of the premium; readable at 204 languages."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hansei.core.drawing import canvas
from hansei.measuring.premiums import Priced, script

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PANEL = 52
"""Languages below each other in one panel at most."""
FARTHEST = 4.0
"""Ratios of 16 and more, and of a 16th and less, have the deepest colours."""
PARTS = ("characters", "bytes a\ncharacter", "tokens\na byte", "premium")


def heat_map(priced: Mapping[str, Priced]) -> Figure:
    """Ratios to the reference language: white is 1, red is more, blue is less; each colour has its number.

    One tokenizer: the three parts and the premium. Several: the premium of each. Languages stand by script, then by
    premium of the first tokenizer.
    """
    first = next(iter(priced.values()))
    languages = ordered(first)
    columns, values = _table(priced, languages)
    panels = max(1, math.ceil(len(languages) / PANEL))
    rows = math.ceil(len(languages) / panels)
    width = panels * (0.95 + 0.52 * len(columns)) + 0.9
    figure: Figure
    figure, axes = canvas(1, panels, width=max(width, 4.0), height=1.5 + 0.16 * rows, squeeze=False)
    for panel, axis in enumerate(axes[0]):
        these = slice(panel * rows, (panel + 1) * rows)
        image = _panel(axis, languages[these], columns, values[these], rows)
    ticks = [-3, -2, -1, 0, 1, 2, 3, 4]
    bar = figure.colorbar(image, ax=axes[0].tolist(), fraction=0.02, pad=0.01, ticks=ticks)
    bar.ax.set_yticklabels([f"{2.0**tick:g}" for tick in ticks], fontsize=7)
    bar.set_label(f"ratio to {first.reference}", fontsize=8)
    return figure


def ordered(priced: Priced) -> list[str]:
    """Languages by script (the script with the dearest median first), then by premium."""
    scripts: dict[str, list[float]] = {}
    for name in priced.tokens:
        scripts.setdefault(script(name) or "", []).append(float(priced.premium(name)))
    place = {name: (-float(np.median(values)), name) for name, values in scripts.items()}
    return sorted(priced.tokens, key=lambda name: (place[script(name) or ""], -priced.premium(name), name))


def _table(priced: Mapping[str, Priced], languages: Sequence[str]) -> tuple[list[str], Any]:
    """Names of the columns, and ratios: languages x columns."""
    if len(priced) == 1:
        (one,) = priced.values()
        rows = [[float(part) for part in (*one.factors(name), one.premium(name))] for name in languages]
        return list(PARTS), np.array(rows)
    columns = [_broken(label) for label in priced]
    return columns, np.array([[float(one.premium(name)) for one in priced.values()] for name in languages])


def _broken(label: str, width: int = 9) -> str:
    """A tokenizer's name over as many lines as it needs: cut after spaces and signs, within a word only if it must."""
    lines = [""]
    for piece in re.findall(r"[^\s,_-]+[\s,_-]*|[\s,_-]+", label):
        if lines[-1] and len(lines[-1]) + len(piece.rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    cut = [line[n : n + width] for line in map(str.rstrip, lines) for n in range(0, len(line), width)]
    return "\n".join(cut)


def _panel(axis: Any, languages: Sequence[str], columns: Sequence[str], values: Any, rows: int) -> Any:
    """One panel of the map, `rows` high even where it holds fewer languages; returns its image."""
    image = axis.imshow(np.log2(values), cmap="RdBu_r", vmin=-FARTHEST, vmax=FARTHEST, aspect="auto")
    axis.set_ylim(rows - 0.5, -0.5)
    axis.set_xticks(range(len(columns)), columns, fontsize=6.5)
    axis.xaxis.tick_top()
    axis.set_yticks(range(len(languages)), languages, fontsize=6.5)
    axis.tick_params(length=0)
    axis.grid(visible=False)
    for spine in axis.spines.values():
        spine.set_visible(False)
    for y, line in enumerate(values):
        for x, value in enumerate(line):
            shown = f"{value:.2f}" if value < 9.995 else f"{value:.1f}"
            colour = "white" if abs(math.log2(value)) > 0.7 * FARTHEST else "black"
            axis.text(x, y, shown, ha="center", va="center", fontsize=6, color=colour)
    for y in range(1, len(languages)):
        if script(languages[y]) != script(languages[y - 1]):
            axis.axhline(y - 0.5, color="black", lw=0.6)
    return image
