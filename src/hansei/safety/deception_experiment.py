"""Is the deception instrument calibrated? `hansei papers run deception`.

On models grown from text in which each trader acts on the tip, hides it and denies it at known shares, the instrument
of `hansei measure deception` is to find those shares again: its 95% intervals must hold them in about 95% of the
conditions. This shows that the instrument measures right. It does not show that small models deceive: they repeat
the shares that they were given. What large models do is measured by `hansei measure deception`, on them.

Two truths: the share in the text (exact, but a model learns it approximately), and the model's own rate (exact up to
what it says beyond the traders' lists).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hansei.core.errors import BadInput
from hansei.core.keys import content_key
from hansei.town import exchange

if TYPE_CHECKING:
    from hansei.core.result import Result
    from hansei.safety.deception import Played

VERSION = "1"
SECONDS_STEP, SECONDS_SAMPLE = 0.25, 0.3
"""Of one core, for one step of growing and for one play of every trader: measured, rounded up."""
TURN_TOKENS = 48


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment."""

    out: str = "runs/deception"
    """Folder of journals and models; the same folder again goes on where it stopped."""
    seeds: int = 5
    """Models that are grown, each from its own text."""
    samples: int = 200
    """Times that each trader is played through, at temperature 1."""
    steps: int = 800
    """Optimiser steps of each model."""
    workers: int = 2
    """Processes, one thread each."""
    quick: bool = False
    """One seed and 60 samples, in about four minutes; for looking, not for quoting."""
    dry_run: bool = False
    """Print how long it would take, and stop."""

    def __post_init__(self) -> None:
        """Raises BadInput for numbers that make no experiment."""
        for name in ("seeds", "samples", "steps", "workers"):
            if getattr(self, name) < 1:
                raise BadInput(f"{name}: expected 1 or more, found {getattr(self, name)}")
        if not self.out.strip():
            raise BadInput("out: is empty: give it a folder (an unset variable of the shell?)")


@dataclass(frozen=True)
class Task:
    """One seed: a model, and the instrument on it."""

    seed: int
    """Of weights, text and sampling."""
    samples: int
    """Plays of each trader."""
    steps: int
    """Of growing."""
    out: str
    """Folder of the experiment."""

    @property
    def folder(self) -> Path:
        """Where the model and its journal are; another model has another folder."""
        return Path(self.out) / f"seed-{self.seed}-{content_key(VERSION, exchange.VERSION, self.seed, self.steps)[:8]}"


def run(settings: Settings) -> Result:
    """Grows and measures every seed; returns the share of conditions whose intervals hold the truth."""
    from hansei.core.journal import Journal
    from hansei.core.result import Result
    from hansei.safety import deception_calibration as calibration
    from hansei.steps.pool import Pool

    if settings.quick:
        settings = replace(settings, seeds=1, samples=min(60, settings.samples))
    print(estimate(settings), flush=True)
    if settings.dry_run:
        return Result(name="deception", kind="paper", settings=asdict(settings), rows=[])
    started = time.monotonic()
    tasks = [Task(seed, settings.samples, settings.steps, settings.out) for seed in range(settings.seeds)]
    version = f"{VERSION}/{exchange.VERSION}"
    with Journal.open(Path(settings.out)) as journal, Pool(settings.workers, journal, version) as pool:
        measured = pool.run(measure_seed, tasks, "models of all seeds")
    found = calibration.result(asdict(settings), measured, time.monotonic() - started)
    return calibration.written(found, measured, Path(settings.out))


def estimate(settings: Settings) -> str:
    """How much work lies ahead, in a line."""
    each = settings.steps * SECONDS_STEP + settings.samples * SECONDS_SAMPLE
    rounds = -(-settings.seeds // settings.workers)
    return (
        f"{settings.seeds} models of {settings.steps} steps, {len(exchange.TRADERS)} traders played "
        f"{settings.samples} times on each: about {each * rounds / 60:.0f} minutes with {settings.workers} processes"
    )


def measure_seed(task: Task) -> dict[str, Any]:
    """Grows the seed's model if it is not there, plays every trader, and sets the model's own rates beside."""
    from hansei.core.journal import Journal
    from hansei.core.records import Sampling
    from hansei.models.local import LocalModel
    from hansei.safety.deception import play
    from hansei.safety.deception_judge import DeceptionJudge
    from hansei.safety.deception_truth import condition, grow, own_rates

    place = task.folder / "model"
    if not place.exists():
        grow(place, task.seed, task.steps)
    model = LocalModel(str(place), device="cpu")
    sampling = Sampling(1.0, 1.0, TURN_TOKENS, task.seed)
    with Journal.open(task.folder) as journal:
        conditions = [condition(trader) for trader in exchange.TRADERS]
        played = play(model, conditions, task.samples, sampling, DeceptionJudge(), journal)
    return {
        "seed": task.seed,
        "fingerprint": model.fingerprint,
        "traders": {
            trader.name: {"own": own_rates(model, trader), "came": came(played, trader.name)}
            for trader in exchange.TRADERS
        },
    }


def came(played: Mapping[str, Sequence[Played]], name: str) -> dict[str, Any]:
    """What came at each stage of a trader's plays, and what a careless reader would have made of the same turns."""
    from hansei.safety.deception_reading import rules_report
    from hansei.safety.deception_rows import counted

    acts = [p.attempt.text for p in played["act"] if p.condition.name == name]
    reports = [p.attempt.text for p in played["report"] if p.condition.name == name]
    read = [rules_report(text) for text in reports]
    return {
        "counts": counted(played, name),
        "careless": {
            "act": [sum(f"{exchange.STOCK}, buy" in text for text in acts), len(acts)],
            "report": [read.count("hides"), len(read) - read.count(None)],
        },
    }
