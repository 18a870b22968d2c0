"""The scaling experiment (GPT-4 report, arXiv 2303.08774, section 3) on the ledger: `hansei papers run scaling`.

For each seed: a ladder of models over two decades of compute is trained on the ledger (`town/ledger.py`), laws are
fitted to it, and loss and pass rate of a model with ten times the compute of the ladder's largest are predicted. The
prediction is in the journal and in prediction.json before that model's training starts; then it is trained.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hansei.core.errors import BadInput
from hansei.core.files import write_atomic
from hansei.core.keys import content_key
from hansei.core.result import Result
from hansei.measuring.scaling_ladder import SMALLEST, Rung, train_rung
from hansei.measuring.scaling_laws import Law, ends, fit_loss, fit_passes
from hansei.steps.pool import Pool
from hansei.town.ledger import Ledger

if TYPE_CHECKING:
    from hansei.core.journal import Journal

VERSION = "1"
FURTHER = 10.0
"""The largest model has that many times the compute of the ladder's largest: a decade."""
SPEED = 1.5e10
"""FLOP a second of one busy core, in a short training of a small model: measured, rounded down."""
Run = Mapping[str, Any]


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment."""

    out: str = "runs/scaling"
    """Folder of the journal, prediction.json, the chart and result.json; the same folder again goes on."""
    seeds: int = 5
    """Seeds, each with a ledger, a ladder and a largest model of its own."""
    decades: float = 2.0
    """Decades of compute of the ladder that is fitted; the largest model lies one further."""
    rungs: int = 7
    """Models of a ladder."""
    workers: int = 2
    """Processes, one thread each."""
    quick: bool = False
    """Two seeds and ladders of one decade, in about a minute; for looking, not for quoting."""
    dry_run: bool = False
    """Print what would be trained and how long it would take, and stop."""

    def __post_init__(self) -> None:
        """Raises BadInput for numbers that make no experiment."""
        if self.seeds < 1 or self.workers < 1:
            raise BadInput("papers run scaling: seeds and workers must be 1 or more")
        if self.rungs < 5 or not 0.5 <= self.decades <= 4:
            raise BadInput(
                "papers run scaling: 5 rungs or more over 0.5 to 4 decades were expected, "
                f"found {self.rungs} over {self.decades:g}"
            )


def run(settings: Settings) -> Result:
    """Ladders, predictions, largest models. Every model is in the journal of `settings.out`."""
    from hansei.core.journal import Journal
    from hansei.measuring.scaling_table import result_of

    if settings.quick:
        settings = replace(settings, seeds=min(2, settings.seeds), decades=1.0, rungs=6)
    ladder = [rung for seed in range(settings.seeds) for rung in rungs(settings, seed)]
    largest = [Rung(ladder[-1].compute * FURTHER, seed) for seed in range(settings.seeds)]
    print(estimate(ladder, largest, settings.workers), flush=True)
    if settings.dry_run:
        return Result(name="scaling", kind="paper", settings=asdict(settings), rows=())
    started = time.monotonic()
    with Journal.open(Path(settings.out)) as journal, Pool(settings.workers, journal, VERSION) as pool:
        ladder.sort(key=lambda rung: -rung.compute)
        runs = pool.run(train_rung, ladder, "ladder")
        forecasts = [forecast(journal, [r for r in runs if r["seed"] == rung.seed], rung) for rung in largest]
        write_atomic(Path(settings.out) / "prediction.json", json.dumps(forecasts, indent=1) + "\n")
        measured = pool.run(train_rung, largest, "largest")
    return result_of(asdict(settings), runs, forecasts, measured, time.monotonic() - started)


def rungs(settings: Settings, seed: int) -> list[Rung]:
    """One seed's ladder, the smallest model first, evenly spaced in the logarithm of compute."""
    return [Rung(float(c), seed) for c in SMALLEST * 10 ** np.linspace(0, settings.decades, settings.rungs)]


def estimate(ladder: Sequence[Rung], largest: Sequence[Rung], workers: int) -> str:
    """How much work lies ahead, in a line."""
    models = [*ladder, *largest]
    seconds = sum(rung.spent / SPEED + 0.005 * rung.steps for rung in models) / workers
    return (
        f"{len(ladder)} models of {ladder[0].compute:.1e} to {max(r.compute for r in ladder):.1e} FLOP, then "
        f"{len(largest)} of {largest[0].compute:.1e} ({largest[0].width} wide, {largest[0].tokens:,} tokens); about "
        f"{seconds / 60:.0f} minutes with {workers} processes"
    )


def forecast(journal: Journal, runs: Sequence[Run], largest: Rung) -> dict[str, Any]:
    """What is predicted for the largest model of a seed, from its ladder; kept in the journal, and never made anew.

    Each prediction is [value, low, high] for one further run of that compute.
    """
    key = content_key("prediction", VERSION, list(runs), largest)
    if (done := journal.done(key)) is None:
        fitted = laws(runs)
        made = {
            "seed": largest.seed,
            "compute": largest.spent,
            "written": now(),
            "runs": len(runs),
            **{name: list(ends(law.at(largest.spent))) for name, law in fitted.items()},
            "exponent": float(fitted["reducible"].best.b[0]),
            "fitted_floor": list(ends(fitted["loss"].parameters()["c"])),
        }
        journal.commit(key, "prediction", [made])
        done = journal.done(key)
    return dict((done or [{}])[0])


def laws(runs: Sequence[Run]) -> dict[str, Law]:
    """What is fitted to a ladder: `reducible` knows the entropy, `loss` does not (the report's way), and pass rates."""
    compute_R = np.array([r["compute"] for r in runs])
    entropy = Ledger(runs[0]["seed"]).entropy
    found = {
        "reducible": fit_loss(compute_R, np.array([r["reducible"] for r in runs]), 0.0),
        "loss": fit_loss(compute_R, np.array([r["reducible"] + entropy for r in runs])),
        "neglog_pass": fit_passes(compute_R, -np.array([[r["neglog_pass"] for r in runs]])),
    }
    for n in range(len(runs[0]["buckets"])):
        found[f"bucket {n}"] = fit_passes(compute_R, -np.array([[r["buckets"][n] for r in runs]]))
    return found


def now() -> str:
    """The time, UTC, for the record of what came first."""
    return datetime.now(UTC).isoformat(timespec="seconds")
