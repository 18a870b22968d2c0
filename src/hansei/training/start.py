"""The model that is taught, in memory, ready for TRL's trainers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hansei.core.errors import BadInput
from hansei.town.districts import district_of
from hansei.training.job import Job
from hansei.training.lessons import give_template
from hansei.training.settings import TrainSettings

LORA_ABOVE = 100_000_000
"""Parameters above which adapter=auto means LoRA."""


@dataclass(frozen=True)
class Start:
    """The start model."""

    model: Any
    """transformers' model, or PEFT's around it where the start model is an adapter."""
    tokenizer: Any
    """As the student is saved with, chat template included."""
    lora: Any
    """peft.LoraConfig of a new adapter, else None."""
    context: int
    """Longest text in tokens."""
    ends: set[int] | None
    """Tokens that end an answer; None for a reward model, which writes none."""
    bf16: bool
    """Whether to train in bf16 autocast."""
    use_cpu: bool
    """Whether to stay off the GPU."""
    use_cache: bool
    """What the model's configuration says of the key-value cache."""

    def working_tokenizer(self) -> Any:
        """A copy that trainers may change, with a token to pad with."""
        import copy

        tokenizer = copy.deepcopy(self.tokenizer)
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token
        return tokenizer


def load_start(job: Job, settings: TrainSettings, reward: bool = False) -> Start:
    """Loads the start model: full weights in float32; under LoRA on a GPU in the precision of the files.

    `reward`: with a new head of one number in place of the language model's, drawn from the settings' seed.
    Raises BadInput where it can't be loaded.
    """
    import torch

    from hansei.models.loading import end_tokens, load_tokenizer

    model = _load_reward_base(job, settings) if reward else _load_causal(job)
    tokenizer = load_tokenizer(job.place, job.name)
    give_template(tokenizer)
    use_cpu = settings.device == "cpu" or not torch.cuda.is_available()
    adapted = job.place.adapter is not None
    if adapted and settings.adapter == "none":
        raise BadInput(f"{job.name}: is an adapter, it can't be trained with adapter=none: merge it first")
    lora = adapted or settings.adapter == "lora"
    if settings.adapter == "auto" and not adapted:
        lora = model.num_parameters() > LORA_ABOVE
    if use_cpu or not lora:
        model = model.float()
    config = model.config.get_text_config()
    return Start(
        model=_with_adapter(model, job) if adapted else model,
        tokenizer=tokenizer,
        lora=_lora(settings, reward) if lora and not adapted else None,
        context=getattr(config, "max_position_embeddings", None) or settings.max_length,
        ends=None if reward else set(end_tokens(model, tokenizer)),
        bf16=_bf16(settings, use_cpu),
        use_cpu=use_cpu,
        use_cache=bool(getattr(model.config, "use_cache", True)),
    )


def base_name(job: Job) -> str:
    """What an adapter calls its base: the Hugging Face name, else the folder."""
    folder = district_of(job.name) is not None or Path(job.name).expanduser().is_dir()
    return str(job.place.base.resolve()) if folder else job.name


def _load_causal(job: Job) -> Any:
    from transformers import AutoModelForCausalLM

    return _load(AutoModelForCausalLM, job)


def _load_reward_base(job: Job, settings: TrainSettings) -> Any:
    from transformers import AutoModelForSequenceClassification, set_seed
    from trl.trainer.reward_trainer import suppress_seqcls_warning

    if job.place.adapter is not None:
        raise BadInput(f"{job.name}: a reward model can't start from an adapter: start from {job.place.base}")
    set_seed(settings.seed)  # the new head is random
    with suppress_seqcls_warning():
        return _load(AutoModelForSequenceClassification, job, num_labels=1)


def _load(kind: Any, job: Job, **more: Any) -> Any:
    try:
        model = kind.from_pretrained(job.place.base, dtype="auto", use_safetensors=True, **more)
    except Exception as error:  # transformers raises many kinds for a folder that it can't read
        reason = str(error).strip().splitlines()[:1] or [type(error).__name__]
        raise BadInput(f"{job.name}: can't be loaded to be taught: {reason[0]}") from error
    model.name_or_path = base_name(job)  # what PEFT writes into a new adapter
    return model


def _with_adapter(model: Any, job: Job) -> Any:
    from peft import PeftModel

    return PeftModel.from_pretrained(model, str(job.place.adapter), is_trainable=True)


def _lora(settings: TrainSettings, reward: bool) -> Any:
    from peft import LoraConfig

    return LoraConfig(
        r=settings.lora_rank,
        lora_alpha=settings.lora_alpha,
        lora_dropout=0.0,
        target_modules="all-linear",  # of PEFT: all but the output head, which TRL reads directly
        task_type="SEQ_CLS" if reward else "CAUSAL_LM",
        modules_to_save=["score"] if reward else None,
    )


def _bf16(settings: TrainSettings, use_cpu: bool) -> bool:
    import torch

    from hansei.training.precision import has_bf16

    if settings.bf16 == "yes" and not has_bf16("cpu" if use_cpu else "cuda"):
        raise BadInput("bf16: this machine computes no faster in bf16: set bf16 to auto or no")
    if settings.bf16 == "auto":
        return not use_cpu and torch.cuda.is_bf16_supported()
    return settings.bf16 == "yes"
