"""The user's runs for `hansei measure scaling`: compute, and what came of it, from JSONL, CSV or Parquet.

Columns: `compute` (or `params` and `tokens`: then 6 N D), and `loss`, or `passes` and `attempts`, or `pass_rate`, or
both kinds. With `problem`, a row is one problem of a run, and rows of the same `run` (or, without such a column, the
same compute) are one run.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hansei.core.errors import BadInput
from hansei.core.rows import Row, read_rows
from hansei.measuring.scaling_fit import Array

NEEDED = (
    "`compute` (or `params` and `tokens`) with `loss`, `pass_rate`, or `passes` and `attempts` were expected as columns"
)


@dataclass(frozen=True)
class Losses:
    """R runs with a loss each, by compute."""

    compute: Array
    loss: Array
    params: Array | None
    """N of each run, where the file has it."""
    tokens: Array | None
    """D of each run, where the file has it."""
    has_compute: bool
    """Whether the file tells compute itself, and it is not 6 N D."""


@dataclass(frozen=True)
class Passes:
    """R runs on P problems, by compute."""

    compute: Array
    log_rate: Array
    """P x R, of the problems that every run solves at least once."""
    never: int
    """Problems that some run never solves: left out, as in GPT-4's report, as 0 has no logarithm."""
    always: int
    """Runs that solve every problem every time: left out, as no power law tells when that is."""


def read_runs(path: str | Path) -> tuple[Losses | None, Passes | None]:
    """The runs of a file. Raises BadInput at whatever is none, with file, line and how to mend it."""
    rows = list(read_rows(path))
    if not rows:
        raise BadInput(f"{path}: no runs in it: one row a run was expected")
    columns = set().union(*(row.values for row in rows))
    has_pass = "pass_rate" in columns or {"passes", "attempts"} <= columns
    if not ("compute" in columns or {"params", "tokens"} <= columns) or not ("loss" in columns or has_pass):
        raise BadInput(f"{path}: {NEEDED}, found {', '.join(sorted(map(str, columns))) or 'none'}")
    compute_R = [_compute(row) for row in rows]
    losses = _losses(rows, compute_R, columns) if "loss" in columns else None
    return losses, _passes(path, rows, compute_R, columns) if has_pass else None


def _compute(row: Row) -> float:
    if row.values.get("compute") is not None:
        return _number(row, "compute")
    return 6 * _number(row, "params") * _number(row, "tokens")


def _losses(rows: Sequence[Row], compute_R: Sequence[float], columns: set[Any]) -> Losses:
    """One loss a run; where a run has a row for each problem, its loss stands in all of them and counts once."""
    whole = {"params", "tokens"} <= columns
    values = [
        (c, _number(row, "loss"), *((_number(row, "params"), _number(row, "tokens")) if whole else ()))
        for c, row in zip(compute_R, rows, strict=True)
    ]
    if "problem" in columns:
        values = list(dict.fromkeys(values))
    table = np.array(sorted(values))
    return Losses(
        table[:, 0], table[:, 1], table[:, 2] if whole else None, table[:, 3] if whole else None, "compute" in columns
    )


def _passes(path: str | Path, rows: Sequence[Row], compute_R: Sequence[float], columns: set[Any]) -> Passes:
    if "problem" not in columns:
        rates = {(n, ""): _rate(row) for n, row in enumerate(rows)}
        computes = dict(enumerate(compute_R))
        return _table(path, rates, computes, "")
    rates, computes, numbers = {}, {}, {}  # type: ignore[var-annotated]
    for row, compute in zip(rows, compute_R, strict=True):
        name = row.values.get("run") if "run" in columns else compute
        if name is None or row.values.get("problem") is None:
            raise BadInput(f"{row.where}: the names of run and problem were expected, found none")
        run, problem = numbers.setdefault(str(name), len(numbers)), str(row.values["problem"])
        if (run, problem) in rates:
            raise BadInput(
                f"{row.where}: problem {problem!r} of run {name} stands in it twice: add a column `run` or drop a row"
            )
        if computes.setdefault(run, compute) != compute:
            raise BadInput(f"{row.where}: run {name} had compute {computes[run]:g} before, here {compute:g}")
        rates[run, problem] = _rate(row)
    return _table(path, rates, computes, "problem")


def _table(
    path: str | Path, rates: Mapping[tuple[int, str], float], computes: Mapping[int, float], what: str
) -> Passes:
    problems = list(dict.fromkeys(problem for _, problem in rates))
    order = sorted(computes, key=lambda run: computes[run])
    missing = [(run, problem) for run in order for problem in problems if (run, problem) not in rates]
    if missing:
        run, problem = missing[0]
        raise BadInput(f"{path}: every run on every problem was expected; {problem!r} of {computes[run]:g} is missing")
    rate_PR = np.array([[rates[run, problem] for run in order] for problem in problems])
    solved_P = (rate_PR > 0).all(axis=1)
    if not solved_P.any():
        found = "every problem has a run that never solves it" if what else "a run has a pass rate of 0"
        raise BadInput(f"{path}: {found}: more attempts, easier problems or larger runs are needed for a logarithm")
    rate_PR = rate_PR[solved_P]
    open_R = (rate_PR < 1).any(axis=0)
    if not open_R.any():
        raise BadInput(f"{path}: every run solves every problem every time: harder problems or smaller runs are needed")
    return Passes(
        np.array([computes[run] for run in order])[open_R],
        np.log(rate_PR[:, open_R]),
        int((~solved_P).sum()),
        int((~open_R).sum()),
    )


def _rate(row: Row) -> float:
    if row.values.get("pass_rate") is not None:
        rate = _number(row, "pass_rate", zero=True)
        if rate > 1:
            raise BadInput(f"{row.where}: a pass_rate from 0 to 1 was expected, found {rate:g}: is it in per cent?")
        return rate
    passes, attempts = _number(row, "passes", zero=True), _number(row, "attempts")
    if passes > attempts or passes % 1 or attempts % 1:
        raise BadInput(f"{row.where}: whole passes of whole attempts were expected, found {passes:g} of {attempts:g}")
    return passes / attempts


def _number(row: Row, name: str, *, zero: bool = False) -> float:
    """A finite number above 0, or from 0 on."""
    value = row.values.get(name)
    least = "0 or more" if zero else "above 0"
    try:
        if isinstance(value, bool):
            raise TypeError
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise BadInput(f"{row.where}: {name}: a number {least} was expected, found {value!r:.60}") from None
    if not math.isfinite(number) or number < 0 or (number == 0 and not zero):
        raise BadInput(f"{row.where}: {name}: a number {least} was expected, found {number:g}: mend or drop the row")
    return number


def held_out(compute_R: NDArray[np.float64], decades: float) -> NDArray[np.bool_]:
    """Which runs lie within `decades` of the largest, and so are kept from the fit; none where `decades` is 0."""
    if not decades:
        return np.zeros(len(compute_R), dtype=bool)
    largest = float(np.log10(compute_R.max()))
    return np.asarray(np.log10(compute_R) > largest - decades + 1e-9, dtype=bool)
