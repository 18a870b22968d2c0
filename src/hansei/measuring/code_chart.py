"""The chart of `hansei measure code`: how programs ended, and pass@k where there are several a task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hansei.core.drawing import COLOURS, canvas
from hansei.measuring.code import counts, row
from hansei.sandbox.run import KINDS, Outcome

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(outcomes: Mapping[str, Sequence[Outcome]]) -> Figure:
    """Bars of how programs ended; beside them pass@k and pass^k over k, with 95% intervals, where n > 1."""
    most = min((n for n, _ in counts(outcomes)), default=0)
    figure, axes = canvas(1, 2 if most > 1 else 1, width=8.6 if most > 1 else 5.6, height=3.2)
    bars, *curve = list(axes) if most > 1 else [axes]
    _bars(bars, outcomes)
    if curve:
        _curve(curve[0], outcomes, most)
    return figure  # type: ignore[no-any-return]


def _bars(axis: Any, outcomes: Mapping[str, Sequence[Outcome]]) -> None:
    kinds = Counter(o.kind for found in outcomes.values() for o in found).most_common()[::-1]
    names, sizes = [KINDS[kind] for kind, _ in kinds], [count for _, count in kinds]
    colours = [COLOURS[2] if kind == "passed" else COLOURS[4] if kind == "test" else COLOURS[1] for kind, _ in kinds]
    drawn = axis.barh(names, sizes, color=colours)
    axis.bar_label(drawn, padding=3)
    axis.set_xlim(0, 1.2 * max(sizes, default=1))
    axis.set_xlabel("programs")
    axis.grid(visible=False, axis="y")


def _curve(axis: Any, outcomes: Mapping[str, Sequence[Outcome]], most: int) -> None:
    steps = sorted({k for k in (1, 2, 3, 5, 10, 20, 50, 100, 200) if k <= most} | {most})
    figures = row("", outcomes, steps)
    for name, colour, mark in (("pass@", COLOURS[0], "o"), ("pass^", COLOURS[3], "s")):
        found = [figures.get(f"{name}{k}", figures["pass@1"]) for k in steps]
        axis.plot(steps, [f.value for f in found], color=colour, marker=mark, label=f"{name}k")
        axis.fill_between(steps, [f.low for f in found], [f.high for f in found], color=colour, alpha=0.15)
    if most > 10:
        axis.set_xscale("log")
    axis.set_xticks(steps, [str(k) for k in steps])
    axis.minorticks_off()
    axis.set_ylim(-0.02, 1.02)
    axis.set_xlabel("k")
    axis.set_ylabel("mean over tasks, 95% interval")
    axis.legend()
