"""How a student is trained: frozen settings whose field docstrings are the command's help."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, get_args

from hansei.core.errors import BadInput
from hansei.core.settings import above_zero, at_least

Adapter = Literal["auto", "lora", "none"]
Bf16 = Literal["auto", "yes", "no"]
Schedule = Literal["constant", "cosine", "linear"]
TooLong = Literal["raise", "drop"]
Device = Literal["auto", "cpu"]


@dataclass(frozen=True)
class TrainSettings:
    """What every training loop shares. Raises BadInput at a value that can't work."""

    steps: int = 200
    """Optimiser steps; lessons are repeated in a new seeded order as often as that takes."""
    batch: int = 32
    """Lessons a step (completions a step for RLOO); every step is full."""
    micro_batch: int = 0
    """Lessons in memory at once; 0 is the whole batch. Must divide `batch`. Changes no more than rounding."""
    learning_rate: float = 2e-4
    """Peak of the schedule, for AdamW."""
    schedule: Schedule = "constant"
    """After the warm-up: constant, or a cosine or a line down to 0."""
    warmup: int = 0
    """Steps of linear warm-up."""
    weight_decay: float = 0.0
    """AdamW's decoupled weight decay; norms and biases are left out."""
    max_grad_norm: float = 1.0
    """Gradients are scaled down to this norm."""
    max_length: int = 1024
    """Longest lesson in tokens; the model's own context, where that is shorter. RLOO: longest prompt."""
    too_long: TooLong = "raise"
    """What is done at a longer lesson: stop and say how many, or drop and count. Nothing is ever cut."""
    adapter: Adapter = "auto"
    """auto: LoRA for models over 100 million parameters, full weights below. A start model that is an adapter
    already is trained on as one."""
    lora_rank: int = 16
    """Rank of LoRA's matrices, on every linear layer but the output head."""
    lora_alpha: int = 32
    """LoRA's scale is alpha / rank."""
    bf16: Bf16 = "auto"
    """bf16 autocast. auto: on GPUs that have it, never on a processor."""
    packing: bool = False
    """SFT only: put the lessons of a step end to end into as few rows as fit, where attention is PyTorch's
    (sdpa). The loss is the same up to rounding; pays where lengths differ much."""
    gradient_checkpointing: bool = False
    """Compute activations again in the backward pass: less memory, about a fifth slower."""
    save_every: int = 0
    """Steps between checkpoints that a killed run resumes from; 0: none, a killed run starts again."""
    seed: int = 0
    """Seed of the order of lessons, of new weights and of dropout."""
    device: Device = "auto"
    """auto: the first CUDA GPU where there is one."""

    def __post_init__(self) -> None:
        at_least(self, 1, "steps", "batch", "max_length", "lora_rank", "lora_alpha")
        at_least(self, 0, "micro_batch", "warmup", "weight_decay", "save_every", "seed")
        above_zero(self, "learning_rate", "max_grad_norm")
        kinds = {
            "schedule": Schedule,
            "too_long": TooLong,
            "adapter": Adapter,
            "bf16": Bf16,
            "device": Device,
        }
        for name, kind in kinds.items():
            one_of(name, getattr(self, name), get_args(kind))
        if self.micro_batch and self.batch % self.micro_batch:
            raise BadInput(f"micro_batch: {self.micro_batch} does not divide batch={self.batch}")


class Own(Protocol):
    """What the commands that teach a model of the user's own ask of every training."""

    @property
    def batch(self) -> int: ...
    @property
    def max_length(self) -> int: ...
    @property
    def adapter(self) -> Adapter: ...
    @property
    def seed(self) -> int: ...
    @property
    def device(self) -> str: ...


def own_training(settings: Own, steps: int, rate: float) -> TrainSettings:
    """A training of such a command: lessons that are too long are left out, and counted, not a reason to stop."""
    return TrainSettings(
        steps=steps,
        learning_rate=rate,
        batch=settings.batch,
        max_length=settings.max_length,
        too_long="drop",
        adapter=settings.adapter,
        seed=settings.seed,
        device="cpu" if settings.device == "cpu" else "auto",
    )


@dataclass(frozen=True)
class PreferenceSettings:
    """What DPO adds (Rafailov et al. 2023, arXiv 2305.18290). The loss is its equation 7."""

    beta: float = 0.1
    """How strongly the student is held to the start model."""
    precompute_reference: bool = True
    """Score every pair once by the start model before training, in place of keeping it in memory and asking
    it at each step: faster where pairs are seen more than once, and half the memory."""

    def __post_init__(self) -> None:
        above_zero(self, "beta")


@dataclass(frozen=True)
class RolloutSettings:
    """What RLOO adds (Ahmadian et al. 2024, arXiv 2402.14740). Defaults are TRL's, but for the length."""

    beta: float = 0.05
    """Weight of the KL penalty against the start model, inside the reward; 0: no penalty and no reference."""
    num_generations: int = 4
    """Answers to each prompt, which are each other's baseline. Must divide `batch`."""
    max_completion: int = 64
    """Longest answer in tokens."""
    temperature: float = 1.0
    """Of the answers that are learnt from."""
    mask_truncated: bool = False
    """Leave answers that hit `max_completion` out of the loss. A reward model can't see that."""
    learn_after: str = ""
    """Learn only what stands after the last such words of an answer (`Confidence:`); all before them counts as
    given, and an answer without them teaches nothing. Empty: learn whole answers."""

    def __post_init__(self) -> None:
        at_least(self, 0, "beta")
        at_least(self, 2, "num_generations")
        at_least(self, 1, "max_completion")
        above_zero(self, "temperature")


def one_of(name: str, found: str, expected: tuple[str, ...]) -> None:
    """Raises BadInput unless `found` is one of `expected`."""
    if found not in expected:
        raise BadInput(f"{name}: expected one of {', '.join(expected)}, found {found!r}")


DPO = PreferenceSettings()
RLOO = RolloutSettings()
