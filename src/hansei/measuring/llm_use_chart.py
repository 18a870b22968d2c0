"""The chart of `llm-use`: the calibration curve with the floor, and the estimates of the texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hansei.core.drawing import COLOURS, canvas
from hansei.measuring.word_training import Candidate

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(rows: Sequence[Mapping[str, Any]], best: Candidate) -> Figure:
    """Left: raw estimate against true share on held-out training text. Right: each text, raw and calibrated."""
    figure: Figure
    figure, (left, right) = canvas(1, 2, width=9.6, height=max(3.4, 0.9 + 0.28 * len(rows)))
    curve(left, best, top=max([0.3, *(row["raw_share"].value for row in rows)]))
    places = np.arange(len(rows))[::-1]
    for name, colour, mark, shift in (("share", COLOURS[0], "o", 0.12), ("raw_share", COLOURS[4], "s", -0.12)):
        figures = [row[name] for row in rows]
        x = np.array([100 * f.value for f in figures])
        away = np.array([[100 * (f.value - f.low), 100 * (f.high - f.value)] for f in figures]).T
        label = {"share": "calibrated", "raw_share": "raw"}[name]
        right.errorbar(x, places + shift, xerr=np.maximum(away, 0), fmt=mark, ms=4, color=colour, label=label)
    right.axvline(100 * best.calibration.floor, color=COLOURS[1], lw=1, ls="--", label="floor of the raw estimate")
    right.set_yticks(places, [Path(row["row"]).name for row in rows])
    right.set_xlabel("sentences modified by a language model, %")
    right.set_xlim(left=0)
    figure.legend(*right.get_legend_handles_labels(), loc="outside lower right", ncol=3)
    return figure


def curve(axis: Any, best: Candidate, *, top: float) -> None:
    """The calibration curve up to a raw estimate of about `top`, with the line of no error and the floor."""
    shares = np.linspace(0, min(1.0, 1.1 * top), 23)
    axis.plot(100 * shares, 100 * shares, color=COLOURS[4], lw=0.8, ls=":", label="no error")
    axis.plot(
        100 * shares, [100 * best.calibration.raw(share) for share in shares], color=COLOURS[0], label="raw estimate"
    )
    axis.axhline(100 * best.calibration.floor, color=COLOURS[1], lw=1, ls="--", label="floor")
    axis.set_xlabel("true share of held-out training mixtures, %")
    axis.set_ylabel("raw estimate, %")
    axis.legend(loc="upper left")


def validation(rows: Sequence[Mapping[str, Any]], best: Candidate) -> Figure:
    """Left: the calibration curve. Right: error of each validation file, published, raw and calibrated."""
    figure: Figure
    figure, (left, right) = canvas(1, 2, width=9.6, height=4.0)
    curve(left, best, top=max(row["raw_share"].value for row in rows))
    series = (
        ("published_share", "published procedure", COLOURS[4], "s", -0.35),
        ("raw_share", "chosen vocabulary, raw", COLOURS[1], "D", 0.0),
        ("share", "calibrated", COLOURS[0], "o", 0.35),
    )
    for name, label, colour, mark, shift in series:
        shown = [(100 * row["true_share"], row[name]) for row in rows if row[name].value is not None]
        x = np.array([true + shift for true, _ in shown])
        y = np.array([100 * figure_.value - true for true, figure_ in shown])
        away = np.array([[100 * (f.value - f.low), 100 * (f.high - f.value)] for _, f in shown]).T
        if shown:
            right.errorbar(x, y, yerr=np.maximum(away, 0), fmt=mark, ms=4, color=colour, label=label, lw=1)
    right.axhline(0, color="black", lw=0.8)
    right.set_xlabel("true share, %")
    right.set_ylabel("estimate minus truth, points")
    figure.legend(*right.get_legend_handles_labels(), loc="outside lower right", ncol=3)
    return figure
