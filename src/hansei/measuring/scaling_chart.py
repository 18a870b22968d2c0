"""Charts of scaling laws: runs, the fitted law with its interval, and what lies beyond."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hansei.core.drawing import COLOURS, canvas
from hansei.measuring.scaling_fit import Array, Surface
from hansei.measuring.scaling_laws import Law, ends
from hansei.measuring.scaling_runs import Losses

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Run = Mapping[str, Any]


def experiment(runs: Sequence[Run], forecasts: Sequence[Run], measured: Sequence[Run]) -> Figure:
    """Left: reducible loss; right: -E[log pass rate]. Ladders, predictions with intervals, the largest models."""
    figure: Figure
    figure, axes = canvas(1, 2, width=9.6, height=4.2)
    shown = (("reducible", "loss above the entropy, nats per token"), ("neglog_pass", "−E[log pass rate]"))
    for axis, (key, label) in zip(axes, shown, strict=True):
        x, y = [r["compute"] for r in runs], [r[key] for r in runs]
        axis.plot(x, y, "o", ms=3.5, color=COLOURS[0], alpha=0.6, label="ladder: fitted")
        for f, m in zip(forecasts, measured, strict=True):
            mine = sorted((r["compute"], r[key]) for r in runs if r["seed"] == f["seed"])
            slope, at = np.polyfit(np.log([c for c, _ in mine]), np.log([v for _, v in mine]), 1)
            line = np.array([mine[0][0], f["compute"]])
            axis.plot(line, np.exp(at) * line**slope, color=COLOURS[4], lw=0.6, label="law of one seed")
            place = f["compute"] * 1.12 ** (f["seed"] - (len(forecasts) - 1) / 2)
            value, low, high = f[key]
            axis.errorbar(
                place, value, yerr=[[value - low], [high - value]], fmt="_", ms=7, color=COLOURS[1], lw=1.2,
                label="predicted before training, 95%",
            )  # fmt: skip
            axis.plot(1.05 * place, m[key], "D", ms=3.5, color=COLOURS[2], label="then measured")
        _logarithmic(axis, "compute 6 N D, FLOP", label)
    _legend(figure, axes[0])
    return figure


def panels(drawn: Sequence[Callable[[Any], None]]) -> Figure:
    """A chart of one axis for each of `drawn`, which fill them."""
    figure: Figure
    figure, axes = canvas(1, len(drawn), width=5.6 * len(drawn), height=4.2, squeeze=False)
    for axis, fill in zip(axes[0], drawn, strict=True):
        fill(axis)
    _legend(figure, axes[0][0])
    return figure


def law(
    label: str, fitted: Law, compute_R: Array, y_R: Array, held_R: NDArray[np.bool_], farthest: float, axis: Any
) -> None:
    """Runs by compute, the law of those that were not held out, and its interval to the farthest compute asked for."""
    line = np.geomspace(compute_R.min(), farthest, 60)
    values, low, high = np.array([ends(fitted.at(float(c))) for c in line]).T
    axis.fill_between(line, low, high, color=COLOURS[0], alpha=0.15, lw=0, label="95% of a further run")
    axis.plot(line, values, color=COLOURS[0], lw=1.2, label="law of the fitted runs")
    _points(axis, compute_R, y_R, held_R)
    _logarithmic(axis, "compute, FLOP", label)


def surface(best: Surface, losses: Losses, held_R: NDArray[np.bool_], axis: Any) -> None:
    """Runs by compute; the fitted loss of up to 8 sizes over their tokens, and of compute that is spent best."""
    if losses.params is None:
        raise ValueError("runs with params were expected")
    sizes = np.unique(losses.params)
    for size in sizes[np.unique(np.linspace(0, len(sizes) - 1, 8).round().astype(int))]:
        at = losses.compute[losses.params == size]
        line = np.geomspace(at.min() / 2, at.max() * 2, 30)
        axis.plot(line, best.at(np.full(30, size), line / (6 * size)), color=COLOURS[4], lw=0.7, label="law, by size")
    line = np.geomspace(losses.compute.min(), losses.compute.max(), 40)
    spent = np.array([best.optimum(float(c)) for c in line])
    axis.plot(line, best.at(spent[:, 0], spent[:, 1]), color=COLOURS[2], lw=1.4, ls="--", label="law, best spent")
    _points(axis, losses.compute, losses.loss, held_R)
    _logarithmic(axis, "compute 6 N D, FLOP", "loss")


def _points(axis: Any, compute_R: Array, y_R: Array, held_R: NDArray[np.bool_]) -> None:
    axis.plot(compute_R[~held_R], y_R[~held_R], "o", ms=3.5, color=COLOURS[0], label="fitted")
    if held_R.any():
        axis.plot(compute_R[held_R], y_R[held_R], "D", ms=4, color=COLOURS[1], label="held out")


def _logarithmic(axis: Any, x: str, y: str) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.yaxis.set_major_locator(LogLocator(subs=(1.0, 1.5, 2.0, 3.0, 5.0, 7.0)))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.yaxis.set_minor_formatter(NullFormatter())
    axis.set_xlabel(x)
    axis.set_ylabel(y)


def _legend(figure: Figure, axis: Any) -> None:
    handles, labels = axis.get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))
    across = 4 if figure.get_figwidth() > 6 else 2
    figure.legend(list(once.values()), list(once), loc="outside lower center", ncol=across, frameon=False, fontsize=8)
