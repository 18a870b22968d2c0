"""Learning from rewards: a reward model from preferences, and RLOO against it or against a function.

RLOO is REINFORCE whose baseline is the mean reward of the other answers to the same prompt (Ahmadian et al. 2024,
arXiv 2402.14740), by TRL's RLOOTrainer; it stands where papers have PPO, which TRL no longer has.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hansei.core.errors import BadInput
from hansei.core.records import Chat, Lesson, Message, as_dicts
from hansei.models.weights import find, fingerprint
from hansei.training.job import Job, is_finished, plan
from hansei.training.lessons import check_kind, encode, encode_prompts, fitting
from hansei.training.preference import fitting_pairs
from hansei.training.settings import RLOO, RolloutSettings, TrainSettings
from hansei.training.start import Start, load_start
from hansei.training.student import finish_student

Reward = Callable[[Chat, str], float | None]
"""What an answer to a conversation is worth; None where that is unknown: the answer is then learnt nothing from."""


def train_reward(model_path: str, lessons: Sequence[Lesson], settings: TrainSettings, out: Path) -> Path:
    """Trains a reward model on `chosen` over `rejected`; returns `out`, its folder.

    The start model with a new head of one number, read at the last token; the loss is Bradley and Terry's,
    -log sigmoid(reward of chosen - reward of rejected), by TRL's RewardTrainer. Resumes, repeats and complains as
    `train_sft` does. A start model that is an adapter is refused.
    """
    check_kind("reward", lessons, "chosen", "rejected")
    job = plan("reward", model_path, lessons, dataclasses.asdict(settings), out)
    if not is_finished(job):
        _train_reward(job, lessons, settings)
    return job.out


def _train_reward(job: Job, lessons: Sequence[Lesson], settings: TrainSettings) -> None:
    from trl import RewardConfig, RewardTrainer

    from hansei.training.fitting import arguments, dataset, fit, quiet

    with quiet():
        start = load_start(job, settings, reward=True)
        pairs = fitting_pairs(job, lessons, settings, start)
        trainer = RewardTrainer(
            model=start.model,
            args=arguments(RewardConfig, job, settings, start, max_length=None),
            train_dataset=dataset([{"chosen_ids": c.ids, "rejected_ids": r.ids} for c, r in pairs]),
            processing_class=start.working_tokenizer(),
            peft_config=start.lora,
        )
        fit(trainer, job, settings, start, settings.batch)
        finish_student(job, trainer.model, start)


def train_rloo(
    model_path: str,
    prompts: Sequence[Chat],
    reward: str | Path | Reward,
    settings: TrainSettings,
    out: Path,
    *,
    rollout: RolloutSettings = RLOO,
    keep_steps: Sequence[int] = (),
) -> Path:
    """Teaches answers that earn reward; returns `out`, the student's folder.

    `reward`: a folder that `train_reward` wrote, or a function. A step samples `num_generations` answers to each
    of batch / num_generations prompts, and makes one update from them (so no answer is off policy). From a model
    whose answers to a prompt all earn the same there is nothing to learn: start from one that varies. With
    `rollout.learn_after` only the tokens after these words are learnt: RLOO has no token mask, so a subclass of TRL's
    trainer sets the log-probabilities of all others to 0.

    With a reward model it resumes and repeats as `train_sft` does; with a function, whose work has no name, a
    killed training starts again and `out` must be free. Raises BadInput as `train_sft` does, and where the
    function gives something else than a finite number or None.
    """
    if settings.batch % rollout.num_generations:
        raise BadInput(f"num_generations: {rollout.num_generations} does not divide batch={settings.batch}")
    given = {**dataclasses.asdict(settings), **dataclasses.asdict(rollout)}
    given["reward"] = reward.__qualname__ if callable(reward) else fingerprint(find(str(reward)))
    job = plan("rloo", model_path, [list(p) for p in prompts], given, out, keep_steps, not callable(reward))
    if not is_finished(job):
        _train_rloo(job, prompts, reward, settings, rollout)
    return job.out


def _train_rloo(
    job: Job,
    prompts: Sequence[Chat],
    reward: str | Path | Reward,
    settings: TrainSettings,
    rollout: RolloutSettings,
) -> None:
    from trl import RLOOConfig, RLOOTrainer

    from hansei.training.fitting import arguments, dataset, fit, quiet
    from hansei.training.tail import after_words

    class Ours(RLOOTrainer):  # type: ignore[misc]
        """TRL's own, but that no words of a prompt are read as special tokens, and with a mask of tokens."""

        def _tokenize_prompts(self, prompts: list[Any]) -> tuple[list[list[int]], None, dict[str, Any]]:
            return encode_prompts(self.processing_class, [_chat(turns) for turns in prompts]), None, {}

        def _get_per_token_logps_and_entropies(
            self, model: Any, input_ids: Any, attention_mask: Any, logits_to_keep: int, *args: Any, **more: Any
        ) -> Any:
            """Every sum over an answer (ratio, KL, loss) is made of these: log-probabilities of 0 are in none."""
            found = super()._get_per_token_logps_and_entropies(
                model, input_ids, attention_mask, logits_to_keep, *args, **more
            )
            if not rollout.learn_after:
                return found
            return found[0] * after_words(tokenizer, input_ids[:, -logits_to_keep:], rollout.learn_after), *found[1:]

    with quiet():
        start = load_start(job, settings)
        kept = _fitting_prompts(job, prompts, settings, rollout, start)
        tokenizer = start.working_tokenizer()
        args = arguments(
            RLOOConfig,
            job,
            settings,
            start,
            beta=rollout.beta,
            num_generations=rollout.num_generations,
            max_completion_length=rollout.max_completion,
            temperature=rollout.temperature,
            mask_truncated_completions=rollout.mask_truncated,
            shuffle_dataset=False,  # `fit` lays the prompts out in their order
            disable_dropout=True,  # as DPO's default: sampled and scored by the same model
        )
        trainer = Ours(
            model=start.model,
            reward_funcs=_function(reward) if callable(reward) else _scorer(str(reward), start),
            args=args,
            train_dataset=dataset([{"prompt": as_dicts(chat)} for chat in kept]),
            processing_class=tokenizer,
            peft_config=start.lora,
        )
        fit(trainer, job, settings, start, settings.batch // rollout.num_generations)
        finish_student(job, trainer.model, start)


def _fitting_prompts(
    job: Job, prompts: Sequence[Chat], settings: TrainSettings, rollout: RolloutSettings, start: Start
) -> list[Chat]:
    """Prompts that leave room for an answer."""
    sized = list(zip(prompts, map(len, encode_prompts(start.tokenizer, prompts)), strict=True))
    limit = min(settings.max_length, start.context - rollout.max_completion)
    kept = fitting(sized, lambda pair: pair[1], limit, settings, "prompts")
    job.facts["dropped"] = len(sized) - len(kept)
    return [chat for chat, _ in kept]


def _function(reward: Reward) -> Callable[..., list[float | None]]:
    """The function as TRL calls it: all prompts and answers of a step at once."""

    def rewards(prompts: list[Any], completions: list[Any], **_: Any) -> list[float | None]:
        found = []
        for prompt, completion in zip(prompts, completions, strict=True):
            value = reward(_chat(prompt), completion[-1]["content"])
            if value is not None and not math.isfinite(value):
                raise BadInput(f"rloo: expected a finite number or None from the reward function, found {value}")
            found.append(value)
        return found

    return rewards


def _chat(turns: Sequence[dict[str, str]]) -> Chat:
    return tuple(Message(turn["role"], turn["content"]) for turn in turns)  # type: ignore[arg-type]


def _scorer(folder: str, start: Start) -> Callable[..., list[float]]:
    """A reward model as a function of prompts and answers, which are words to it, whatever tokens they name."""
    import torch

    model, tokenizer = _load_reward(folder)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    model.config.get_text_config().pad_token_id = tokenizer.pad_token_id
    model = model.to("cpu" if start.use_cpu else "cuda").eval()

    @torch.inference_mode()
    def rewards(prompts: list[Any], completions: list[Any], **_: Any) -> list[float]:
        cases = [(_chat(p), c[-1]["content"]) for p, c in zip(prompts, completions, strict=True)]
        ids = [encoded.ids for encoded in encode(tokenizer, cases, None)]
        batch = tokenizer.pad({"input_ids": ids}, padding_side="right", return_tensors="pt").to(model.device)
        found: list[float] = model(**batch).logits[:, 0].float().tolist()
        return found

    rewards.__name__ = "reward_model"
    return rewards


def _load_reward(folder: str) -> tuple[Any, Any]:
    """The reward model and its tokenizer. Raises BadInput where the folder holds another kind of model."""
    from transformers import AutoConfig, AutoModelForSequenceClassification

    from hansei.models.loading import load_tokenizer

    place = find(folder)
    kinds = AutoConfig.from_pretrained(place.base).architectures or [""]
    if place.adapter is None and not kinds[0].endswith("ForSequenceClassification"):
        raise BadInput(f"{folder}: expected a reward model as train_reward writes it, found a {kinds[0]}")
    model = AutoModelForSequenceClassification.from_pretrained(
        place.base, num_labels=1, dtype="auto", use_safetensors=True
    )
    if place.adapter is not None:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, str(place.adapter)).merge_and_unload()
    return model.float(), load_tokenizer(place, folder)
