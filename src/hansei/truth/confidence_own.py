"""Stated confidence for a user's own model: `hansei confidence`."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hansei.core.errors import BadInput
from hansei.core.result import Result
from hansei.core.settings import above_zero, at_least
from hansei.models.names import check_address, check_tunable

if TYPE_CHECKING:
    from hansei.core.journal import Journal
    from hansei.core.records import Prompt


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of `hansei confidence`."""

    model: str
    """The model to be taught: a folder or a Hugging Face name."""
    questions: str
    """Questions with right answers: JSONL, CSV or Parquet with `prompt` and `reference` (and `truth.aliases`),
    TruthfulQA's CSV, NQ-open's JSONL, or a JSON list of question and answer. Rows without `split` are divided: 60%
    train, 40% heldout."""
    out: str
    """Folder of the run: journal, students, diagram, result.json. The same command again goes on."""
    writer: str | None = None
    """Who writes the reflections: a folder, a name or openai:NAME; without it the model itself (the paper: GPT-4)."""
    writer_base_url: str | None = None
    """Address of the server of an openai: writer."""
    judge: str = "reference"
    """Who says whether an answer is right: reference (it says a right answer and no known wrong one), or a chat model
    that is shown the right answers."""
    judge_base_url: str | None = None
    """Address of the server of an openai: judge."""
    embed: str | None = None
    """A sentence-transformers folder: chains with near embeddings say the same. Without it, those with the same words
    (short answers only)."""
    threshold: float = 0.9
    """With --embed: least cosine of two chains that say the same."""
    chains: int = 100
    """Chains of each question."""
    temperature: float = 1.0
    """Of the chains, and of the answers that stage 2 learns from."""
    max_new_tokens: int = 150
    """Longest chain, and longest answer with its reflection, in tokens."""
    smallest: int = 2
    """Clusters of fewer chains are dropped."""
    drawn: int = 0
    """Lessons a question: 0 for one a cluster, else so many chains in proportion to the clusters."""
    sft_steps: int = 200
    """Optimiser steps of stage 1."""
    sft_rate: float = 7e-5
    """Learning rate of stage 1 (the paper's)."""
    rl_steps: int = 100
    """Optimiser steps of stage 2; 0 for stage 1 alone."""
    rl_rate: float = 1e-5
    """Learning rate of stage 2 (the paper's)."""
    batch: int = 32
    """Lessons a step; answers a step in stage 2 (a multiple of 4, as there are four to a question)."""
    max_length: int = 1024
    """Longest lesson in tokens (at most the model's context); longer ones are left out and counted."""
    adapter: Literal["auto", "lora", "none"] = "auto"
    """auto: LoRA for models over 100 million parameters, full weights below."""
    faithful: int = 0
    """Held-out questions on which the faithfulness of reflections is rated (the paper: 100), by --writer and by a
    model as --judge: each is answered 50 times."""
    device: str = "auto"
    """auto, cpu, cuda …"""
    seed: int = 0
    """Of splits, chains and tuning."""
    limit: int | None = None
    """At most so many rows of the file."""
    dry_run: bool = False
    """Only say how many answers it would take."""

    def __post_init__(self) -> None:
        """Raises BadInput for settings that don't go together."""
        check_tunable(self, "model")
        check_address(self, "writer_base_url", "writer")
        check_address(self, "judge_base_url", "judge")
        if self.chains < 2 or self.temperature <= 0:
            raise BadInput("chains: two at least, at a temperature above 0, were expected: one says nothing of doubt")
        if not 0 < self.threshold <= 1:
            raise BadInput(f"threshold: a cosine above 0, up to 1, was expected, found {self.threshold}")
        if self.batch % 4 and self.rl_steps:
            raise BadInput(f"batch: a multiple of 4 was expected, found {self.batch}")
        if self.faithful and self.judge == "reference":
            raise BadInput("faithful: a model as --judge was expected, to rate the reflections")
        at_least(self, 1, "max_new_tokens", "smallest", "sft_steps", "batch", "max_length")
        at_least(self, 0, "drawn", "rl_steps", "faithful", "seed")
        above_zero(self, "sft_rate", "rl_rate")


def run(settings: Settings) -> Result:
    """Samples, teaches both stages, and measures every way of telling a confidence on the held-out questions."""
    from hansei.core.files import write_atomic
    from hansei.core.journal import Journal
    from hansei.truth import confidence_outcome as outcome

    began, out = time.monotonic(), Path(settings.out)
    train, heldout = _read(settings)
    if settings.dry_run:
        notes = [_estimate(settings, train, heldout)]
        return Result(name="confidence", kind="paper", settings=asdict(settings), rows=[], notes=notes)
    counts: Counter[str] = Counter()
    with Journal.open(out) as journal:
        lines = _run(settings, train, heldout, out, journal, counts)
    said = [line for line in lines if line.name != outcome.PLAIN]
    bars = {line.name: outcome.reliability(line, heldout) for line in said}
    diagram = outcome.chart(bars, out / "confidence.svg")
    result = Result(
        name="confidence",
        kind="paper",
        settings=asdict(settings),
        rows=outcome.table(lines, heldout),
        numbers=outcome.NUMBERS,
        notes=(
            "ece: binned, 10 bins; mean_distance: mean |confidence - correctness|; ece_ratio: what is left of the "
            "binned ECE of asking directly; intervals: bootstrap over questions",
            f"judge: {settings.judge}; lost on the way: {dict(counts) or 'nothing'}",
        ),
        more={"judge": settings.judge, "reliability": bars, "counts": dict(counts)},
        files=(diagram, str(out / "result.json")),
        seeds=(settings.seed,),
        errors=counts["answers that did not come"],
        unscored=sum(outcome.unscored(line, heldout) for line in said),
        seconds=time.monotonic() - began,
    )
    write_atomic(out / "result.json", json.dumps(result.to_json(), ensure_ascii=False, indent=1))
    return result


def _read(settings: Settings) -> tuple[list[Prompt], list[Prompt]]:
    from hansei.judges.reference import accepted
    from hansei.truth.factuality_questions import read_questions

    read = read_questions(settings.questions, seed=settings.seed, limit=settings.limit)
    silent = next((p for p in read if not accepted(p)), None)
    if silent is not None:
        raise BadInput(f"{settings.questions}: question {silent.id} has no right answer: add `reference`")
    train, heldout = ([p for p in read if p.split == split] for split in ("train", "heldout"))
    if not train or not heldout:
        raise BadInput(
            f"{settings.questions}: questions of both splits were expected, found {len(train)} of train and "
            f"{len(heldout)} of heldout"
        )
    return train, heldout


def _run(
    settings: Settings, train: list[Prompt], heldout: list[Prompt], out: Path, journal: Journal, counts: Counter[str]
) -> list[Any]:
    from hansei.models.load import load
    from hansei.truth import confidence_parts as parts
    from hansei.truth.confidence_outcome import DIRECT, PLAIN, Line

    base = load(settings.model, device=settings.device)
    meaning, correct = parts.meaning(settings), parts.correct(settings, journal)
    rows = parts.untaught(settings, base, heldout, meaning, correct, journal, counts)
    folders = parts.teach(settings, base, train, meaning, correct, out, journal, counts)
    measured = {DIRECT: base, **{name: load(str(path), device=settings.device) for name, path in folders.items()}}
    for name, model in measured.items():
        rows[name] = parts.measured(settings, model, heldout, meaning, correct, journal, counts)
    order = [PLAIN, DIRECT, *(name for name in rows if name not in (PLAIN, DIRECT))]
    return [Line(name, [rows[name]]) for name in order]


def _estimate(settings: Settings, train: Sequence[Prompt], heldout: Sequence[Prompt]) -> str:
    from hansei.truth import confidence_parts as parts

    students = 2 if settings.rl_steps else 1
    again = parts.AGAIN * min(settings.faithful, len(heldout)) * (students + 1)
    return (
        f"{(len(train) + len(heldout)) * settings.chains} chains, a reflection on each cluster of {len(train)} "
        f"questions, {settings.rl_steps * settings.batch} answers of stage 2, "
        f"{len(heldout) * (students + 2) + again} answers to held-out questions, {students} trainings"
    )
