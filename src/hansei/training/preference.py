"""Direct preference optimisation on pairs of answers (Rafailov et al. 2023, arXiv 2305.18290).

The student's log-odds of the better answer are raised above the start model's (equation 7), by TRL's DPOTrainer.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hansei.core.records import Lesson
from hansei.training.job import Job, is_finished, plan
from hansei.training.lessons import Encoded, check_kind, encode, fitting
from hansei.training.settings import DPO, PreferenceSettings, TrainSettings
from hansei.training.start import Start, load_start
from hansei.training.student import finish_student


def train_dpo(
    model_path: str,
    lessons: Sequence[Lesson],
    settings: TrainSettings,
    out: Path,
    *,
    preference: PreferenceSettings = DPO,
    keep_steps: Sequence[int] = (),
) -> Path:
    """Teaches to prefer `chosen` to `rejected`; returns `out`, the student's folder.

    The reference is the start model, frozen; where that is an adapter, a frozen copy of it. Resumes, repeats
    and complains as `train_sft` does; precomputed reference scores are computed again by a resumed run.
    """
    check_kind("dpo", lessons, "chosen", "rejected")
    given = {**dataclasses.asdict(settings), **dataclasses.asdict(preference)}
    job = plan("dpo", model_path, lessons, given, out, keep_steps)
    if not is_finished(job):
        _train(job, lessons, settings, preference)
    return job.out


def _train(job: Job, lessons: Sequence[Lesson], settings: TrainSettings, preference: PreferenceSettings) -> None:
    from trl import DPOConfig, DPOTrainer

    from hansei.training.fitting import arguments, dataset, fit, quiet

    class Tokenised(DPOTrainer):  # type: ignore[misc]
        """TRL's own with rows that are tokens already: TRL would read special tokens into the words of a lesson."""

        def _prepare_dataset(self, dataset: Any, *_: Any) -> Any:
            return dataset

    with quiet():
        start = load_start(job, settings)
        pairs = fitting_pairs(job, lessons, settings, start)
        args = arguments(
            DPOConfig,
            job,
            settings,
            start,
            beta=preference.beta,
            precompute_ref_log_probs=preference.precompute_reference,
            max_length=None,
        )
        trainer = Tokenised(
            model=start.model,
            args=args,
            train_dataset=dataset([_row(*pair) for pair in pairs]),
            processing_class=start.working_tokenizer(),
            peft_config=start.lora,
        )
        fit(trainer, job, settings, start, settings.batch)
        finish_student(job, trainer.model, start)


def fitting_pairs(
    job: Job, lessons: Sequence[Lesson], settings: TrainSettings, start: Start
) -> list[tuple[Encoded, Encoded]]:
    """Of each lesson that fits: its prompt with chosen, and with rejected."""
    chosen = encode(start.tokenizer, [(le.prompt, le.chosen or "") for le in lessons], start.ends)
    rejected = encode(start.tokenizer, [(le.prompt, le.rejected or "") for le in lessons], start.ends)
    pairs = list(zip(chosen, rejected, strict=True))
    limit = min(settings.max_length, start.context)
    kept = fitting(pairs, lambda pair: max(len(answer.ids) for answer in pair), limit, settings, "pairs")
    job.facts["dropped"] = len(pairs) - len(kept)
    return kept


def _row(chosen: Encoded, rejected: Encoded) -> dict[str, list[int]]:
    """The tokens of the prompt, which both start with, and of either answer, end of turn included."""
    start = min(chosen.start, rejected.start)
    return {
        "prompt_ids": chosen.ids[:start],
        "chosen_ids": chosen.ids[start:],
        "rejected_ids": rejected.ids[start:],
    }
