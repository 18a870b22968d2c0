"""Calibration as the GPT-4 report shows it (arXiv 2303.08774, figure 8): is a model right as often as it says?

`hansei measure calibration FILE`: rows with `confidence` (0 to 1) and `correct` (or `score`), or with `options`, the
probability of each option, and `answer`, the right one; several models by a column `model`.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hansei.core import drawing
from hansei.core.calibration import BINS, Bin, calibration, reliability
from hansei.core.errors import BadInput
from hansei.core.output import with_files
from hansei.core.result import Result
from hansei.core.rows import Row, read_rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Chart

POSITIONAL = ("file",)
_WORDS = {"true": 1.0, "yes": 1.0, "right": 1.0, "false": 0.0, "no": 0.0, "wrong": 0.0}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of `hansei measure calibration`."""

    file: str
    """JSONL, CSV or Parquet with `confidence` and `correct` (or `score`); or with `options` (probabilities, as an
    object from option to probability, or a list) and `answer` (the right option, or its place in the list from 0)."""
    group: str = "model"
    """Column that tells the rows of the table apart, where it is there."""
    cluster: str | None = None
    """Column of what hangs together (such as the passage of several questions): resampled as one."""
    bins: int = BINS
    """Equal bins of the reliability diagram; the binned ECE has always 10."""
    seed: int = 0
    """Seed of the bootstrap."""
    out: str | None = None
    """Folder for the reliability diagram and result.json."""

    def __post_init__(self) -> None:
        if not 2 <= self.bins <= 100:
            raise BadInput(f"bins: 2 to 100 expected, found {self.bins}")


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer with its confidence."""

    confidence: float
    correct: float
    cluster: str


def run(settings: Settings) -> Result:
    """Measures each group of the file and draws its reliability diagram. Raises BadInput at a row that is none."""
    started = time.monotonic()
    groups, unscored = read(settings)
    rows, bars = [], {}
    for name, answers in groups.items():
        clusters = [a.cluster for a in answers] if settings.cluster else None
        confidence, correct = [a.confidence for a in answers], [a.correct for a in answers]
        rows.append({"row": name, **calibration(confidence, correct, clusters, seed=settings.seed)})
        bars[name] = reliability(confidence, correct, settings.bins)
    result = Result(
        name="calibration",
        settings=asdict(settings),
        rows=rows,
        numbers=frozenset({"ece", "brier", "mean_distance", "auroc"}),
        notes=[
            "ece: binned, 10 bins, biased upward where answers are few; mean_distance: mean |confidence - correctness|",
        ],
        more={"bins": {name: [asdict(b) for b in made] for name, made in bars.items()}},
        unscored=unscored,
        seconds=time.monotonic() - started,
    )
    return with_files(result, settings.out, {"reliability.svg": diagram(bars)}) if settings.out else result


def read(settings: Settings) -> tuple[dict[str, list[Answer]], int]:
    """The answers by group, and how many rows bear no confidence or no score: those are unscored, never wrong."""
    groups: dict[str, list[Answer]] = {}
    unscored = 0
    stem = Path(settings.file).stem
    for row in read_rows(settings.file):
        if settings.cluster and row.values.get(settings.cluster) is None:
            raise BadInput(f"{row.where}: a value in the column {settings.cluster!r} of --cluster was expected")
        answer = _answer(row, str(row.values.get(settings.cluster or "") or ""))
        if answer is None:
            unscored += 1
        else:
            groups.setdefault(str(row.values.get(settings.group) or stem), []).append(answer)
    if not groups:
        raise BadInput(f"{settings.file}: no row bears both a confidence and a score")
    return groups, unscored


def _answer(row: Row, cluster: str) -> Answer | None:
    values = row.values
    if "options" in values:
        return _chosen(row, cluster)
    if "confidence" not in values or not {"correct", "score"} & values.keys():
        found = ", ".join(values)
        raise BadInput(f"{row.where}: columns confidence and correct (or options and answer) expected, found {found}")
    confidence, correct = values["confidence"], values.get("correct", values.get("score"))
    if confidence in (None, "") or correct in (None, ""):
        return None
    return Answer(_share(confidence, row, "confidence"), _share(correct, row, "correct"), cluster)


def _chosen(row: Row, cluster: str) -> Answer | None:
    """The most probable option: its probability, and whether it is the right one."""
    options = row.values["options"]
    if isinstance(options, str):
        try:
            options = json.loads(options)
        except json.JSONDecodeError:
            raise BadInput(f"{row.where}: options: a list or an object of probabilities was expected") from None
    if isinstance(options, Sequence) and not isinstance(options, str):
        options = {str(i): p for i, p in enumerate(options)}
    if not isinstance(options, Mapping) or not options:
        raise BadInput(f"{row.where}: options: a list or an object of probabilities was expected, found {options!r}")
    shares = {name: _share(p, row, f"option {name}") for name, p in options.items()}
    answer = row.values.get("answer")
    if answer in (None, ""):
        return None
    if str(answer) not in shares:
        raise BadInput(f"{row.where}: answer {answer!r} is none of the options {', '.join(shares)}")
    best = max(shares, key=lambda name: shares[name])
    return Answer(shares[best], float(best == str(answer)), cluster)


def _share(value: Any, row: Row, name: str) -> float:
    if isinstance(value, str) and value.strip().lower() in _WORDS:
        return _WORDS[value.strip().lower()]
    try:
        share = float(value)
    except (TypeError, ValueError):
        share = math.nan
    if not 0 <= share <= 1:
        raise BadInput(f"{row.where}: {name}: a number from 0 to 1 was expected, found {value!r}")
    return share


def diagram(bars: Mapping[str, Sequence[Bin]]) -> Chart:
    """A reliability diagram: share right against mean confidence, with Wilson's intervals and the answers a bin."""
    figure, (axes, below) = drawing.canvas(
        2, 1, width=5.2, height=5.6, sharex=True, gridspec_kw={"height_ratios": (4, 1)}
    )
    axes.plot([0, 1], [0, 1], color="#999999", linewidth=1, linestyle=":", label="as often right as said")
    wide = 0.8 / len(bars)
    for i, (name, made) in enumerate(bars.items()):
        colour, mark = drawing.COLOURS[i % len(drawing.COLOURS)], drawing.MARKS[i % len(drawing.MARKS)]
        there = [b for b in made if b.confidence is not None]
        x, y = [b.confidence for b in there], [b.correct.value or 0.0 for b in there]
        spread = [
            [b.correct.value - b.correct.low for b in there],  # type: ignore[operator]
            [b.correct.high - b.correct.value for b in there],  # type: ignore[operator]
        ]
        axes.errorbar(x, y, spread, color=colour, marker=mark, markersize=5, linewidth=1.2, capsize=2, label=name)
        step = made[0].high - made[0].low
        left = [b.low + step * (0.1 + wide * (i + 0.5)) for b in made]
        below.bar(left, [b.correct.n for b in made], step * wide, color=colour)
    axes.set(ylabel="share right", xlim=(-0.02, 1.02), ylim=(-0.03, 1.03))
    axes.legend(loc="upper left")
    below.set(xlabel="confidence", ylabel="answers")
    result: Chart = figure
    return result
