"""The reliability diagram: how often answers are right that state so much confidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hansei.core.drawing import COLOURS, MARKS, canvas, save

Bars = Sequence[Mapping[str, Any]]
"""{"low": the bin's lower end, "confidence": mean or None, "correct": Figure} each."""


def diagram(lines: Mapping[str, Bars], path: str | Path) -> str:
    """Share right against mean confidence, with intervals; below, how many answers state so much."""
    figure, (axis, below) = canvas(2, 1, width=6.0, height=6.2, sharex=True, gridspec_kw={"height_ratios": (4, 1.2)})
    axis.plot([0, 1], [0, 1], color="#999999", lw=1, ls=":", label="as often right as said")
    for i, (name, bars) in enumerate(lines.items()):
        there = [bar for bar in bars if bar["confidence"] is not None and bar["correct"].value is not None]
        x, right = [bar["confidence"] for bar in there], [bar["correct"] for bar in there]
        spread = [
            [f.value - (f.value if f.low is None else f.low) for f in right],
            [(f.value if f.high is None else f.high) - f.value for f in right],
        ]
        style = {"color": COLOURS[i % len(COLOURS)], "marker": MARKS[i % len(MARKS)]}
        axis.errorbar(x, [f.value for f in right], spread, ms=4.5, lw=1.1, capsize=2, label=name, **style)
        total = max(1, sum(bar["correct"].n for bar in bars))
        wide = 0.08 / len(lines)
        left = [bar["low"] + 0.01 + wide * (i + 0.5) for bar in bars]
        below.bar(left, [100 * bar["correct"].n / total for bar in bars], wide, color=style["color"])
    axis.set(ylabel="share right", xlim=(-0.02, 1.02), ylim=(-0.03, 1.03))
    axis.legend(loc="upper left", fontsize=8)
    below.set(xlabel="stated confidence", ylabel="% of answers")
    return save(figure, path)
