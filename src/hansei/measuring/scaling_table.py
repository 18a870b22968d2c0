"""What the scaling experiment found, as tables: predictions against what was then measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from hansei.core.output import with_files
from hansei.core.records import Figure
from hansei.core.result import Result
from hansei.core.statistics import bootstrap, rate
from hansei.measuring.scaling_ladder import BUCKETS
from hansei.town.ledger import Ledger

CLOSE = 0.05
"""A relative error that counts as small."""
MILLI = 1000.0
"""Reducible losses are shown in thousandths of a nat per token."""
Run = Mapping[str, Any]
Value = Callable[[Run], float]


def result_of(
    settings: Mapping[str, Any], runs: Sequence[Run], forecasts: Sequence[Run], measured: Sequence[Run], seconds: float
) -> Result:
    """The tables, with chart and result.json in the run's folder."""
    from hansei.measuring.scaling_chart import experiment

    parts = {
        "held-out": [held_out(f, m) for f, m in zip(forecasts, measured, strict=True)],
        "ladder": ladder([*runs, *measured]),
        "buckets": buckets(forecasts, measured),
        "laws": law_rows(forecasts, measured),
    }
    factor = measured[0]["compute"] / max(r["compute"] for r in runs)
    notes = [
        f"the model that is predicted has {factor:.1f} times the compute of the largest that is fitted; C = 6 N D, N "
        "all parameters, D all tokens read",
        "losses in nats (reducible: thousandths) per predicted token, exact over all lines of the ledger; reducible: "
        f"above the ledger's entropy of {Ledger(0).entropy:.6f}",
        "intervals of predictions: 95%, for one further run; every prediction was written before the training began: "
        + "; ".join(
            f"seed {f['seed']} {f['written'][11:19]} < {m['started'][11:19]}"
            for f, m in zip(forecasts, measured, strict=True)
        ),
    ]
    result = Result(
        name="scaling",
        kind="paper",
        settings=settings,
        rows=errors(forecasts, measured),
        parts=parts,
        numbers=frozenset({"predicted_reducible", "reducible", "exponent", "floor_fitted", "predicted", "measured"}),
        notes=notes,
        more={"runs": [dict(r) for r in runs], "forecasts": list(forecasts), "largest": [dict(m) for m in measured]},
        seeds=[f["seed"] for f in forecasts],
        seconds=seconds,
    )
    return with_files(result, str(settings["out"]), {"scaling.svg": experiment(runs, forecasts, measured)})


def errors(forecasts: Sequence[Run], measured: Sequence[Run]) -> list[dict[str, Any]]:
    """How far the predictions were off, over seeds."""

    def entropy(m: Run) -> float:
        return float(m["loss"] - m["reducible"])

    kinds: list[tuple[str, str, Value, Value]] = [
        ("reducible loss, entropy known", "reducible", lambda m: m["reducible"], lambda m: 0.0),
        ("pass rate, -E[log]", "neglog_pass", lambda m: m["neglog_pass"], lambda m: 0.0),
        ("loss, entropy unknown (a C^b + c)", "loss", lambda m: m["loss"], lambda m: 0.0),
        ("its reducible part", "loss", lambda m: m["loss"], entropy),
    ]
    rows = []
    for name, key, value, taken in kinds:
        off = [f[key][0] - taken(m) for f, m in zip(forecasts, measured, strict=True)]
        relative = [p / (value(m) - taken(m)) - 1 for p, m in zip(off, measured, strict=True)]
        inside = [f[key][1] <= value(m) <= f[key][2] for f, m in zip(forecasts, measured, strict=True)]
        rows.append(
            {
                "row": name,
                "error": _mean([abs(e) for e in relative]),
                "bias": _mean(relative),
                "largest_error": f"{100 * max(map(abs, relative)):.1f}%",
                "within_5_percent": rate([abs(e) <= CLOSE for e in relative]),
                "inside_interval": rate(inside),
            }
        )
    return rows


def held_out(forecast: Run, measured: Run) -> dict[str, Any]:
    """One seed's largest model."""
    predicted = _figure(forecast["reducible"], forecast["runs"], lambda x: MILLI * x)
    passes = _figure(forecast["neglog_pass"], forecast["runs"], lambda x: float(np.exp(-x)))
    return {
        "row": f"seed {forecast['seed']}",
        "predicted_reducible": predicted,
        "reducible": Figure(MILLI * measured["reducible"], None, None, 1),
        "error_percent": f"{100 * (forecast['reducible'][0] / measured['reducible'] - 1):+.1f}",
        "predicted_pass_rate": passes,
        "pass_rate": Figure(float(np.exp(-measured["neglog_pass"])), None, None, 1),
    }


def ladder(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Each rung over seeds."""
    ordered = sorted(runs, key=lambda r: r["compute"])
    rows = []
    for compute, same in groupby(ordered, key=lambda r: r["compute"]):
        group = list(same)
        first = group[0]
        rows.append(
            {
                "row": f"{compute:.1e} FLOP",
                "width": first["width"],
                "params": first["params"],
                "tokens": first["tokens"],
                "steps": first["steps"],
                "reducible": _mean([MILLI * r["reducible"] for r in group]),
                "pass_rate": _mean([float(np.exp(-r["neglog_pass"])) for r in group]),
            }
        )
    return rows


def buckets(forecasts: Sequence[Run], measured: Sequence[Run]) -> list[dict[str, Any]]:
    """-E[log pass rate] by how often a person is written of: where a power law holds for a bucket, and where not."""
    edges = [0, *BUCKETS]
    rows = []
    for n, low in enumerate(edges):
        high = f"to {edges[n + 1]:,}" if n + 1 < len(edges) else "and beyond"
        key = f"bucket {n}"
        rows.append(
            {
                "row": f"people of rank {low + 1:,} {high}",
                "predicted": _mean([f[key][0] for f in forecasts]),
                "measured": _mean([m["buckets"][n] for m in measured]),
                "inside_interval": rate(
                    [f[key][1] <= m["buckets"][n] <= f[key][2] for f, m in zip(forecasts, measured, strict=True)]
                ),
            }
        )
    return rows


def law_rows(forecasts: Sequence[Run], measured: Sequence[Run]) -> list[dict[str, Any]]:
    """The exponent of each seed, and the floor that a fit without knowledge of the entropy finds."""
    return [
        {
            "row": f"seed {f['seed']}",
            "exponent": Figure(f["exponent"], None, None, f["runs"]),
            "floor_fitted": _figure(f["fitted_floor"], f["runs"], float),
            "entropy": m["loss"] - m["reducible"],
        }
        for f, m in zip(forecasts, measured, strict=True)
    ]


def _figure(three: Sequence[float], n: int, scale: Callable[[float], float]) -> Figure:
    value, *ends = (scale(x) for x in three)
    return Figure(value, min(ends), max(ends), n)


def _mean(values: Sequence[float]) -> Figure:
    figure = bootstrap(values)
    return Figure(figure.value, figure.low, figure.high, figure.n, tuple(values))
