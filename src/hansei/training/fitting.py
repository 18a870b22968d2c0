"""What every TRL trainer is given, and how it is run: quietly, resumably, stopped where the loss is NaN.

Imports transformers: import it inside functions.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import shutil
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import datasets
import huggingface_hub.constants
import transformers
from transformers import PrinterCallback, TrainerCallback
from transformers.trainer_callback import ProgressCallback

from hansei.core.errors import BadInput
from hansei.core.files import disk_errors
from hansei.core.progress import counting
from hansei.training.job import Job, mark_complete, open_work
from hansei.training.lessons import order
from hansei.training.settings import TrainSettings
from hansei.training.start import Start
from hansei.training.student import keep_student

SCHEDULES = {"constant": "constant_with_warmup", "cosine": "cosine", "linear": "linear"}


class Watch(TrainerCallback):  # type: ignore[misc]
    """Shows progress, keeps students on the way, marks whole checkpoints, stops where the loss is NaN."""

    def __init__(self, job: Job, keep: Callable[[int], None], advance: Callable[[int], None]) -> None:
        self.job = job
        self.keep = keep
        self.advance = advance

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.advance(state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.advance(1)
        if state.global_step in self.job.keep_steps:
            self.keep(state.global_step)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        for name in ("loss", "train_loss", "grad_norm"):
            if not math.isfinite((logs or {}).get(name, 0.0)):
                shutil.rmtree(self.job.work)  # a checkpoint may hold the broken weights
                raise BadInput(
                    f"{self.job.method}: {name} is {logs[name]} by step {state.global_step}: "
                    f"lower learning_rate={args.learning_rate:g}, or set bf16 to no"
                )

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        mark_complete(Path(args.output_dir) / f"checkpoint-{state.global_step}")


class StopBelow(TrainerCallback):  # type: ignore[misc]
    """Ends a training after the first step whose loss is below a threshold; needs the loss of every step logged."""

    def __init__(self, job: Job, threshold: float) -> None:
        self.job = job
        self.threshold = threshold

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        if (logs or {}).get("loss", math.inf) < self.threshold:
            self.job.facts["stopped"] = state.global_step
            control.should_training_stop = True


def arguments(kind: Any, job: Job, settings: TrainSettings, start: Start, **more: Any) -> Any:
    """TRL's configuration `kind`: our settings, and none of TRL's own defaults that change the result."""
    micro = settings.micro_batch or settings.batch
    args = kind(
        output_dir=str(job.work),
        max_steps=settings.steps,
        per_device_train_batch_size=micro,
        gradient_accumulation_steps=settings.batch // micro,
        learning_rate=settings.learning_rate,
        lr_scheduler_type=SCHEDULES[settings.schedule],
        warmup_steps=settings.warmup,
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_grad_norm,
        seed=settings.seed,
        bf16=start.bf16,
        gradient_checkpointing=settings.gradient_checkpointing,
        save_strategy="steps" if settings.save_every else "no",
        save_steps=settings.save_every or settings.steps,
        save_total_limit=2,  # the newest may be half-written
        train_sampling_strategy="sequential",  # `fit` lays the lessons out in their order
        logging_steps=10,
        logging_nan_inf_filter=False,
        report_to=[],
        disable_tqdm=True,
        use_cpu=start.use_cpu,
        dataloader_num_workers=0,
        dataloader_pin_memory=not start.use_cpu,
        **more,
    )
    args._n_gpu = min(args.n_gpu, 1)  # one process, one GPU: TRL refuses DataParallel
    return args


def fit(
    trainer: Any,
    job: Job,
    settings: TrainSettings,
    start: Start,
    per_step: int,
    places: Sequence[int] | None = None,
) -> None:
    """Trains, from the newest complete checkpoint where there is one.

    `per_step`: rows of the trainer's dataset that a step reads. `places`: the rows in the order in which they are
    read; one seeded permutation after another where not given. Raises BadInput where the loss is not finite, or the
    disk is full.
    """
    resume = open_work(job)
    if places is None:
        places = order(len(trainer.train_dataset), settings.steps * per_step, settings.seed)
    trainer.train_dataset = trainer.train_dataset.select(places)
    for printing in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(printing)

    def keep(step: int) -> None:
        keep_student(job, trainer.model, start, step)

    with disk_errors(f"writing {job.work}"), counting(f"train {job.method}", settings.steps) as advance:
        trainer.add_callback(Watch(job, keep, advance))
        trainer.train(resume_from_checkpoint=str(resume) if resume else None)


def dataset(rows: Sequence[dict[str, Any]]) -> Any:
    """The rows as TRL takes them."""
    return datasets.Dataset.from_list(list(rows))


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keeps the libraries' bars off the terminal and their telemetry off the network; warnings still pass."""
    bars = transformers.utils.logging.is_progress_bar_enabled()
    maps = datasets.are_progress_bars_disabled()
    telemetry = huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY
    tqdm = os.environ.get("TQDM_DISABLE")
    transformers.utils.logging.disable_progress_bar()
    datasets.disable_progress_bars()
    huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY = True  # TRL reports each trainer that is made
    os.environ["TQDM_DISABLE"] = "1"
    harmless, handlers = Harmless(), logging.getLogger("transformers").handlers
    for handler in handlers:
        handler.addFilter(harmless)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*gradient_checkpointing` is deprecated", FutureWarning)
            yield
    finally:
        for handler in handlers:
            handler.removeFilter(harmless)
        os.environ.pop("TQDM_DISABLE")
        if tqdm is not None:
            os.environ["TQDM_DISABLE"] = tqdm
        huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY = telemetry
        if not maps:
            datasets.enable_progress_bars()
        if bars:
            transformers.utils.logging.enable_progress_bar()


class Harmless(logging.Filter):
    """Drops what transformers says about every resumed or aligned training, and nothing else."""

    KNOWN = (
        "The tokenizer has new PAD/BOS/EOS tokens that differ from the model config",
        "mtime may not be reliable on this filesystem",
        "The following arguments do not match the ones in the `trainer_state.json`",
        "There were missing keys in the checkpoint model loaded: ['lm_head.weight'].",  # tied to the embeddings
    )

    def filter(self, record: logging.LogRecord) -> bool:
        return not record.getMessage().startswith(self.KNOWN)
