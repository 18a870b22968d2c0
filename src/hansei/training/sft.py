"""Supervised fine-tuning on lessons: prompt, completion, loss on the completion only.

Everything that a lesson quotes in its prompt, such as the mistake it is about, is read and never trained on.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hansei.core.errors import BadInput
from hansei.core.records import Lesson
from hansei.training.job import Job, is_finished, plan
from hansei.training.lessons import IGNORED, Encoded, check_kind, encode, fitting, order
from hansei.training.settings import TrainSettings
from hansei.training.start import Start, load_start
from hansei.training.student import finish_student


@dataclasses.dataclass(frozen=True)
class TailLoss:
    """Some steps learn only what stands after given words of a completion; what stands before is context there.

    For completions that reason before they answer: the answer's few tokens weigh little among the reasoning's many,
    and in a step of their own they are all of the loss.
    """

    words: str
    """The last place of these words in a completion is where its tail begins."""
    share: float = 0.5
    """Share of the steps that learn the tails alone, spread evenly: 0.5 is every second step."""

    def __post_init__(self) -> None:
        if not self.words or not 0 <= self.share <= 1:
            raise BadInput(f"tail: words and a share from 0 to 1 were expected, found {self.words!r}, {self.share}")

    def at(self, step: int) -> bool:
        """Whether a step, counted from 0, learns the tails alone."""
        return int((step + 1) * self.share) > int(step * self.share)

    def places(self, rows: int, settings: TrainSettings) -> list[int]:
        """Rows in the order in which they are read, where their copies with labels on the tail follow after them."""
        drawn = order(rows, settings.steps * settings.batch, settings.seed)
        return [place + rows * self.at(i // settings.batch) for i, place in enumerate(drawn)]


def train_sft(
    model_path: str,
    lessons: Sequence[Lesson],
    settings: TrainSettings,
    out: Path,
    *,
    keep_steps: Sequence[int] = (),
    stop_loss: float | None = None,
    tail: TailLoss | None = None,
) -> Path:
    """Teaches the lessons' completions with TRL's SFTTrainer; returns `out`, the student's folder.

    The loss is the mean cross-entropy over the completions' tokens of a step, end of turn included.
    `keep_steps`: also keeps the students after so many steps as `out/step-N`; needs a constant schedule, so
    that each is the student that a training of so many steps would give. `stop_loss`: stops after the first step
    whose loss is below; the student's facts say after how many (`stopped`). `tail`: some steps learn the ends of the
    completions only.

    A killed training resumes from its newest whole checkpoint in `out.work` (save_every=0: none, it starts
    again) and gives the same weights, bit for bit, on one machine with the same number of threads. Where
    `out` holds this very student already, nothing is done. Raises BadInput at lessons, settings or a folder
    that it can't work with, and where the loss is not finite.
    """
    check_kind("sft", lessons, "completion")
    if stop_loss is not None and keep_steps:
        raise BadInput("stop_loss: a training that may stop early can't promise students of given step counts")
    given = dataclasses.asdict(settings) | ({} if stop_loss is None else {"stop_loss": stop_loss})
    given |= {} if tail is None else {"tail": dataclasses.asdict(tail)}
    job = plan("sft", model_path, lessons, given, out, keep_steps)
    if not is_finished(job):
        _train(job, lessons, settings, stop_loss, tail)
    return job.out


def _train(
    job: Job, lessons: Sequence[Lesson], settings: TrainSettings, stop_loss: float | None, tail: TailLoss | None
) -> None:
    from trl import SFTConfig, SFTTrainer

    from hansei.training.fitting import StopBelow, arguments, dataset, fit, quiet
    from hansei.training.packing import packer

    tokenised = {"skip_prepare_dataset": True}  # by `_rows`, once and in one batch
    with quiet():
        start = load_start(job, settings)
        tokenizer = start.working_tokenizer()
        rows = _rows(job, lessons, settings, start)
        places = None if tail is None else tail.places(len(rows), settings)
        args = arguments(SFTConfig, job, settings, start, max_length=None, dataset_kwargs=tokenised)
        if stop_loss is not None:
            args.logging_steps = 1
        trainer = SFTTrainer(
            model=start.model,
            args=args,
            train_dataset=dataset(rows if tail is None else [*rows, *_tails(tokenizer, rows, tail.words)]),
            processing_class=tokenizer,
            peft_config=start.lora,
            data_collator=packer(start.model, tokenizer.pad_token_id) if settings.packing else None,
            callbacks=None if stop_loss is None else [StopBelow(job, stop_loss)],
        )
        fit(trainer, job, settings, start, settings.batch, places)
        finish_student(job, trainer.model, start)


def _rows(job: Job, lessons: Sequence[Lesson], settings: TrainSettings, start: Start) -> list[dict[str, list[int]]]:
    """One row a lesson: `input_ids` and `labels`, of one length."""
    encoded = encode(start.tokenizer, [(le.prompt, le.completion or "") for le in lessons], start.ends)
    limit = min(settings.max_length, start.context)
    kept = fitting(encoded, lambda e: len(e.ids), limit, settings, "lessons")
    job.facts["dropped"] = len(encoded) - len(kept)
    return [{"input_ids": e.ids, "labels": labels(e)} for e in kept]


def _tails(tokenizer: Any, rows: Sequence[dict[str, list[int]]], words: str) -> list[dict[str, list[int]]]:
    """The rows again, with labels on what stands after the last `words` alone. Raises BadInput at one without."""
    from hansei.training.tail import after_words

    tails = []
    for number, row in enumerate(rows, 1):
        learnt = [label for label in row["labels"] if label != IGNORED]
        behind = after_words(tokenizer, _row(learnt), words)[0].tolist()
        if not any(behind):
            raise BadInput(
                f"sft: lesson {number} has no {words!r} in its completion, so its tail can't be learnt alone"
            )
        kept = [label if is_behind else IGNORED for label, is_behind in zip(learnt, behind, strict=True)]
        tails.append(row | {"labels": [IGNORED] * (len(row["labels"]) - len(kept)) + kept})
    return tails


def _row(ids: Sequence[int]) -> Any:
    """One row of token ids, [1, T]."""
    import torch

    return torch.tensor([list(ids)])


def labels(encoded: Encoded) -> list[int]:
    """What is learnt at each token: the token itself in the last turn, nothing before it."""
    return [IGNORED] * encoded.start + encoded.ids[encoded.start :]
