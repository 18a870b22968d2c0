"""Scaling laws on the user's own runs: `hansei measure scaling FILE`.

GPT-4 report, arXiv 2303.08774, sections 3.1 (L = a C^b + c) and 3.2 (-E[log pass rate] = alpha C^-k), and Hoffmann et
al., arXiv 2203.15556, equation 10 (the loss by parameters and tokens, Huber loss of the log residuals). A law that fits
the runs it was fitted to says little: the largest runs, a decade of compute, are kept from the fit and predicted first.
Then the law is fitted to all runs for what `--at` asks.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, Literal

import numpy as np

from hansei.core.errors import BadInput
from hansei.core.records import Figure
from hansei.core.result import Result
from hansei.measuring import scaling_chart, scaling_surface
from hansei.measuring.scaling_fit import Array
from hansei.measuring.scaling_laws import Law, check_spread, ends, fit_loss, fit_passes
from hansei.measuring.scaling_runs import Losses, Passes, held_out, read_runs

POSITIONAL = ("file",)
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Settings:
    """Settings of the measurement."""

    file: str
    """Runs as JSONL, CSV or Parquet: compute (or params and tokens) with loss, pass_rate, or passes and attempts; with
    `problem` (and `run`) a row is one problem of a run."""
    form: Literal["power", "chinchilla"] | None = None
    """Law of the loss: by compute, or by params and tokens; without it by compute, where the file has that column."""
    floor: float | None = None
    """The irreducible loss, where it is known; without it, it is fitted."""
    at: tuple[float, ...] = ()
    """Compute to predict for; with chinchilla, spent as the fit says is best."""
    hold_out: float = 1.0
    """Decades below the largest run whose runs are kept from the fit and predicted; 0 for no check."""
    draws: int = 1000
    """Bootstrap resamples behind each interval."""
    seed: int = 0
    """Seed of the resamples."""
    out: str | None = None
    """Folder for the chart and result.json; nothing is written without it."""

    def __post_init__(self) -> None:
        """Raises BadInput for numbers that make no fit."""
        if any(not (compute > 0 and math.isfinite(compute)) for compute in self.at):
            raise BadInput(f"at: computes above 0 were expected, found {', '.join(f'{c:g}' for c in self.at)}")
        if self.hold_out and not self.hold_out >= 1:
            raise BadInput(f"hold-out: a decade or more (or 0 for no check) was expected, found {self.hold_out:g}")
        if self.floor is not None and not (self.floor >= 0 and math.isfinite(self.floor)):
            raise BadInput(f"floor: a loss of 0 or more was expected, found {self.floor:g}")
        if self.floor is not None and self.form == "chinchilla":
            raise BadInput("floor: only the law by compute takes a known floor: leave out --floor or --form chinchilla")
        if self.draws < 100:
            raise BadInput(f"draws: 100 or more were expected for an interval, found {self.draws}")


@dataclass
class Found:
    """What the laws of one file say, in the tables of the result."""

    rows: Rows = field(default_factory=list)
    held: Rows = field(default_factory=list)
    ahead: Rows = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    panels: list[Callable[[Any], None]] = field(default_factory=list)
    """What draws each law into an axis."""


def run(settings: Settings) -> Result:
    """Fits, checks, predicts. Raises BadInput at runs that no law can be fitted to."""
    started = time.monotonic()
    losses, passes = read_runs(settings.file)
    found = Found()
    by_shape = _by_shape(settings, losses)
    if losses is not None and by_shape:
        _surface(losses, settings, found)
    elif losses is not None:
        _losses(losses, settings, found)
    if passes is not None:
        _passes(passes, settings, found)
    parts = {name: rows for name, rows in (("held-out", found.held), ("predictions", found.ahead)) if rows}
    result = Result(
        name="scaling",
        settings=asdict(settings),
        rows=found.rows,
        parts=parts,
        numbers=frozenset({"a", "b", "c", "E", "A", "B", "alpha", "beta", "k", "predicted", "loss"}),
        hidden=frozenset({"a", "A", "B"}),
        notes=[*found.notes, "intervals: 95%; those of predictions are for one further run; n: runs in the fit"],
        seeds=[settings.seed],
        seconds=time.monotonic() - started,
    )
    if not settings.out:
        return result
    from hansei.core.output import with_files

    return with_files(result, settings.out, {"scaling.svg": scaling_chart.panels(found.panels)})


def _by_shape(settings: Settings, losses: Losses | None) -> bool:
    """Whether the loss is fitted by params and tokens. Raises BadInput where that, or the floor, can't be."""
    if settings.form == "chinchilla" and (losses is None or losses.params is None):
        raise BadInput(f"{settings.file}: chinchilla needs the columns params, tokens and loss")
    by_compute = losses is None or losses.has_compute
    by_shape = (settings.form or ("power" if by_compute else "chinchilla")) == "chinchilla"
    if settings.floor is not None and (losses is None or by_shape):
        raise BadInput(f"{settings.file}: --floor is for losses by compute: add --form power, or leave it out")
    return by_shape


def _losses(losses: Losses, settings: Settings, found: Found) -> None:
    fewest = 4 if settings.floor is None else 3

    def fitted(chosen_R: Any) -> Law:
        check_spread(losses.compute[chosen_R], fewest, _what(settings, chosen_R))
        return fit_loss(
            losses.compute[chosen_R], losses.loss[chosen_R], settings.floor, draws=settings.draws, seed=settings.seed
        )

    law = _report("loss", losses.compute, losses.loss, fitted, settings, found)
    p = law.parameters()
    known = {"c": law.base} if settings.floor is not None else {"c": p["c"]}
    said = f"L = {p['a'].value:.4g} C^{p['b'].value:.4f} + {p['c'].value:.4g}"
    found.rows.append({"row": "loss by compute", "law": said, "a": p["a"], "b": p["b"], **known})
    if settings.floor is None and (p["c"].value or 0) < 1e-3 * losses.loss.min():
        found.notes.append("the fitted irreducible loss is at its lower bound of 0: these runs do not show it")


def _passes(passes: Passes, settings: Settings, found: Found) -> None:
    def fitted(chosen_R: Any) -> Law:
        check_spread(passes.compute[chosen_R], 3, _what(settings, chosen_R))
        return fit_passes(
            passes.compute[chosen_R], passes.log_rate[:, chosen_R], draws=settings.draws, seed=settings.seed
        )

    law = _report("pass rate", passes.compute, -passes.log_rate.mean(axis=0), fitted, settings, found)
    p = law.parameters()
    value, low, high = (-x for x in ends(p["b"]))
    said = f"-E[log pass rate] = {p['a'].value:.4g} C^{-value:.4f}"
    found.rows.append(
        {"row": "pass rate by compute", "law": said, "a": p["a"], "k": Figure(value, high, low, p["b"].n)}
    )
    if passes.never:
        found.notes.append(f"{passes.never} problems that some run never solves are left out: 0 has no logarithm")
    if passes.always:
        found.notes.append(f"{passes.always} runs that solve every problem every time are left out")


def _report(what: str, compute_R: Array, y_R: Array, fitted: Any, settings: Settings, found: Found) -> Law:
    """Checks a law on the runs held out, and gives it fitted to all. Pass rates are shown as exp of the mean log."""
    held_R = held_out(compute_R, settings.hold_out)
    whole: Law = fitted(np.ones(len(compute_R), dtype=bool))
    shown = whole
    if held_R.any():
        shown = fitted(~held_R)
        for compute, y in sorted(zip(compute_R[held_R], y_R[held_R], strict=True)):
            found.held.append(_row(what, float(compute), shown.at(float(compute))) | _against(what, shown, compute, y))
        found.notes.append(_checked(what, held_R))
    for compute in settings.at:
        beyond = math.log10(compute / compute_R.max())
        found.ahead.append(_row(what, compute, whole.at(compute)) | {"decades_beyond": round(beyond, 2)})
    label = {"loss": "loss", "pass rate": "−E[log pass rate]"}[what]
    farthest = max([*settings.at, compute_R.max()])
    found.panels.append(partial(scaling_chart.law, label, shown, compute_R, y_R, held_R, farthest))
    return whole


def _row(what: str, compute: float, figure: Figure) -> dict[str, Any]:
    """A prediction: `predicted` of the loss, `predicted_pass_rate` of the other."""
    name = f"{what} at {compute:.4g}"
    if what == "pass rate":
        value, low, high = (math.exp(-x) for x in ends(figure))
        return {"row": name, "predicted_pass_rate": Figure(value, high, low, figure.n)}
    return {"row": name, "predicted": figure}


def _against(what: str, law: Law, compute: float, y: float) -> dict[str, Any]:
    figure = law.at(float(compute))
    shown = {"measured_pass_rate": f"{math.exp(-y):.1%}"} if what == "pass rate" else {"measured": float(y)}
    return shown | _verdict(figure, float(y))


def _verdict(figure: Figure, y: float) -> dict[str, Any]:
    """The relative error of what was fitted (of -E[log pass rate] for pass rates), and whether the interval holds."""
    value, low, high = ends(figure)
    return {"error_percent": f"{100 * (value / y - 1):+.1f}", "inside": "yes" if low <= y <= high else "no"}


def _surface(losses: Losses, settings: Settings, found: Found) -> None:
    n_R, d_R = losses.params, losses.tokens
    if n_R is None or d_R is None:
        raise BadInput(f"{settings.file}: chinchilla needs the columns params, tokens and loss")
    held_R = held_out(losses.compute, settings.hold_out)

    def fitted(chosen_R: Any) -> scaling_surface.SurfaceLaw:
        return scaling_surface.fit(
            n_R[chosen_R],
            d_R[chosen_R],
            losses.loss[chosen_R],
            draws=settings.draws,
            seed=settings.seed,
            what=_what(settings, chosen_R),
        )

    if held_R.any():
        shown = fitted(~held_R)
        for n, d, y in zip(n_R[held_R], d_R[held_R], losses.loss[held_R], strict=True):
            figure = shown.at(float(n), float(d))
            row = {"row": f"loss at {n:.3g} params, {d:.3g} tokens", "predicted": figure, "measured": float(y)}
            found.held.append(row | _verdict(figure, float(y)))
        found.notes.append(_checked("loss", held_R))
    law = fitted(np.ones(len(n_R), dtype=bool))
    best = law.best
    said = f"L = {best.E:.4g} + {best.A:.4g} / N^{best.alpha:.4f} + {best.B:.4g} / D^{best.beta:.4f}"
    found.rows.append({"row": "loss by params and tokens", "law": said, **law.parameters()})
    for compute in settings.at:
        n, d = best.optimum(compute)
        found.ahead.append(
            {
                "row": f"loss at {compute:.4g}, best spent",
                "predicted": law.at(n, d),
                "params": f"{n:.4g}",
                "tokens": f"{d:.4g}",
                "decades_beyond": round(math.log10(compute / losses.compute.max()), 2),
            }
        )
    found.panels.append(partial(scaling_chart.surface, law.best, losses, held_R))


def _what(settings: Settings, chosen_R: Any) -> str:
    left = int((~chosen_R).sum())
    return f"{settings.file}, {left} runs held out (--hold-out {settings.hold_out:g})" if left else settings.file


def _checked(what: str, held_R: Any) -> str:
    return f"{what}: {int(held_R.sum())} of {len(held_R)} runs held out, fitted without them; then the law of all runs"
