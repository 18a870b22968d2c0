"""Settings of `hansei inside …`: frozen dataclasses whose field docstrings are the commands' help. No PyTorch here."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Literal

from hansei.core.errors import BadInput

Normalise = Literal["layer", "scale"]
Layout = Literal["openai", "saelens", "sparsify", "hansei"]
INTERVENTION = "intervention.json"
"""The file that makes a folder an intervention on a model's latents."""


def check_sizes(latents: int, k: int) -> None:
    """Raises BadInput where there are fewer latents than are to be active."""
    if k < 1 or latents < k:
        raise BadInput(f"{latents} latents, of which {k} are to be active: at least 1, and no more than there are")


@dataclass(frozen=True)
class CollectSettings:
    """Settings of `hansei inside collect`."""

    model: str
    """Folder or Hugging Face name of a causal language model; town and town:DISTRICT too."""
    text: str
    """What it reads: a file (.txt, .md, .jsonl, .parquet), a folder of them, or town."""
    out: str
    """Folder of the shards; the same command again goes on where it was stopped."""
    layer: str = "0"
    """Number of the block whose output is kept (the residual stream after it), or a module's name."""
    tokens: int = 1_000_000
    """How many tokens' activations; the last shard is filled."""
    context: int = 64
    """Tokens that the model reads at once (the paper: 64)."""
    skip: int = 0
    """First places of each context that are left out: in many models the first token's activation is an outlier."""
    column: str = "text"
    """Field of .jsonl and .parquet that holds the text."""
    shard_contexts: int = 1024
    """Contexts a shard."""
    together: int = 32
    """Contexts that the model reads in one batch."""
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    """In which activations are kept."""
    device: str = "auto"
    """cuda, cpu … or auto."""
    seed: int = 0
    """Of the town's documents."""

    def __post_init__(self) -> None:
        """Raises BadInput for numbers that collect nothing."""
        for name in ("tokens", "context", "shard_contexts", "together"):
            if getattr(self, name) < 1:
                raise BadInput(f"{name}: expected 1 or more, found {getattr(self, name)}")
        if not 0 <= self.skip < self.context:
            raise BadInput(f"skip: expected 0 to {self.context - 1} (context is {self.context}), found {self.skip}")


@dataclass(frozen=True)
class TrainSettings:
    """How an autoencoder is trained."""

    latents: int = 4096
    """Size of the dictionary (n)."""
    k: int = 32
    """Active latents of a token."""
    steps: int = 2000
    """Optimiser steps."""
    batch: int = 2048
    """Activations a step."""
    learning_rate: float = 0.0
    """Adam's; 0: 2e-4 / sqrt(latents / 16,384), the paper's law of 1 / sqrt(n)."""
    decay: float = 0.2
    """Share of the steps at the end in which the learning rate falls to 0 on a line."""
    normalise: Normalise = "scale"
    """`scale`: all activations are divided by one number; `layer`: each to mean 0 and standard deviation 1, as the
    autoencoders that the authors released. Saved with the autoencoder."""
    aux_k: int = 0
    """Dead latents that rebuild what is missing of a token; 0: the power of two nearest to half the width."""
    aux_weight: float = 1 / 32
    """Weight of the dead latents' loss; 0 trains without it."""
    dead_tokens: int = 10_000_000
    """A latent that has not fired for so many tokens counts as dead."""
    multi: bool = False
    """Multi-TopK: also rebuild from four times as many latents, with weight 1/8."""
    ema: float = 0.999
    """Share of the old in the moving average of the weights, which is what is saved; 0 saves the last weights."""
    bf16: Literal["auto", "yes", "no"] = "auto"
    """Look for the active latents in bf16 and compute them in float32; the result is float32's. auto: on processors
    that have the instructions, and as long as it pays."""
    seed: int = 0
    """Of the start and of the order of activations."""

    def __post_init__(self) -> None:
        """Raises BadInput for numbers that make no training."""
        check_sizes(self.latents, self.k)
        for name in ("steps", "batch", "dead_tokens"):
            if getattr(self, name) < 1:
                raise BadInput(f"{name}: expected 1 or more, found {getattr(self, name)}")
        for name in ("learning_rate", "aux_k", "aux_weight", "seed"):
            if getattr(self, name) < 0:
                raise BadInput(f"{name}: expected 0 or more, found {getattr(self, name)}")
        for name in ("decay", "ema"):
            if not 0 <= getattr(self, name) < 1:
                raise BadInput(f"{name}: expected a share from 0 to below 1, found {getattr(self, name)}")

    @property
    def rate(self) -> float:
        """The learning rate before it decays."""
        return self.learning_rate or 2e-4 / math.sqrt(self.latents / 2**14)


@dataclass(frozen=True)
class RunSettings(TrainSettings):
    """Settings of `hansei inside train`."""

    out: str = ""
    """Folder of the autoencoder, always needed; the same command again goes on where it was stopped."""
    data: str | None = None
    """Folder that `hansei inside collect` wrote; or leave it out and give --model and --text."""
    model: str | None = None
    """Train straight from this model's activations, without writing them: a folder, a Hugging Face name, or town."""
    text: str | None = None
    """What the model reads: a file (.txt, .md, .jsonl, .parquet), a folder of them, or town."""
    layer: str = "0"
    """With --model: number of the block, or a module's name."""
    context: int = 64
    """With --model: tokens that it reads at once."""
    skip: int = 0
    """With --model: first places of each context that are left out."""
    column: str = "text"
    """With --model: field of .jsonl and .parquet that holds the text."""
    buffer: int = 65_536
    """Activations that are mixed: each batch is drawn at random from so many, and their places are filled again."""
    save_every: int = 500
    """Steps between checkpoints."""

    def __post_init__(self) -> None:
        """Raises BadInput for numbers that make no training, or where it is not clear what to train on."""
        TrainSettings.__post_init__(self)
        if not self.out:
            raise BadInput("inside train: --out FOLDER is needed, for the autoencoder")
        if (self.data is None) == (self.model is None) or (self.model is None) != (self.text is None):
            raise BadInput("inside train: give --data FOLDER, or --model and --text together")
        if self.save_every < 1:
            raise BadInput(f"save_every: expected 1 or more, found {self.save_every}")
        if self.buffer < 2 * self.batch:
            raise BadInput(f"buffer: expected twice the batch of {self.batch} or more, found {self.buffer}")

    def training(self) -> TrainSettings:
        """The part that says how it is trained."""
        return TrainSettings(**{f.name: getattr(self, f.name) for f in fields(TrainSettings)})

    def source(self) -> CollectSettings:
        """What --model and the settings beside it mean."""
        return CollectSettings(
            self.model or "",
            self.text or "",
            "",
            self.layer,
            context=self.context,
            skip=self.skip,
            column=self.column,
            seed=self.seed,
        )


@dataclass(frozen=True)
class ConvertSettings:
    """Settings of `hansei inside convert`."""

    sae: str
    """The autoencoder: a folder or file of hansei, OpenAI, SAELens or sparsify."""
    out: str
    """Folder to write."""
    to: Layout = "hansei"
    """The layout to write."""


@dataclass(frozen=True)
class QualitySettings:
    """Settings of `hansei inside evaluate`."""

    sae: str
    """The autoencoder: a folder or file of hansei, OpenAI, SAELens or sparsify."""
    model: str
    """The model that it was trained on."""
    text: str
    """Text that it was not trained on: a file (.txt, .md, .jsonl, .parquet), a folder of them, or town."""
    layer: str = "0"
    """Number of the block, or a module's name."""
    tokens: int = 20_000
    """How many tokens the model reads."""
    context: int = 64
    """Tokens that it reads at once."""
    column: str = "text"
    """Field of .jsonl and .parquet that holds the text."""
    latents: int = 50
    """So many latents, drawn at random from those that fire, are explained by token patterns and ablated."""
    seed: int = 0
    """Of the town's documents and of the draw."""

    def __post_init__(self) -> None:
        """Raises BadInput for numbers that measure nothing."""
        for name in ("tokens", "context", "latents"):
            if getattr(self, name) < 1:
                raise BadInput(f"{name}: expected 1 or more, found {getattr(self, name)}")


@dataclass(frozen=True)
class ViewSettings:
    """Settings of `hansei inside show`."""

    sae: str
    """The autoencoder: a folder or file of hansei, OpenAI, SAELens or sparsify."""
    model: str
    """The model that it was trained on."""
    text: str
    """Text to look for examples in: a file (.txt, .md, .jsonl, .parquet), a folder of them, or town."""
    layer: str = "0"
    """Number of the block, or a module's name."""
    out: str = "latents.html"
    """The page."""
    tokens: int = 50_000
    """How many tokens the model reads."""
    context: int = 64
    """Tokens that it reads at once."""
    column: str = "text"
    """Field of .jsonl and .parquet that holds the text."""
    latents: int = 200
    """So many latents, drawn at random from those that fire."""
    only: tuple[int, ...] = ()
    """These latents, and no others."""
    seed: int = 0
    """Of the town's documents and of the draw."""

    def __post_init__(self) -> None:
        """Raises BadInput for numbers that show nothing."""
        for name in ("tokens", "context", "latents"):
            if getattr(self, name) < 1:
                raise BadInput(f"{name}: expected 1 or more, found {getattr(self, name)}")


@dataclass(frozen=True)
class MistakeSettings:
    """Settings of `hansei inside mistakes`."""

    run: str
    """Folder of a run of `hansei learn`, `probe` or `demo`."""
    sae: str
    """An autoencoder of the model whose answers are looked at."""
    out: str
    """Folder for the interventions and the page, and for both halves of the answers, which are runs themselves."""
    layer: str = "0"
    """Number of the block, or a module's name."""
    row: str = "before"
    """Whose answers: a line of the run's table, such as before or after."""
    model: str | None = None
    """That line's model; if not given, the run's own model for before and its students for the others."""
    behaviour: Literal["any", "answered", "refused", "garbled"] = "any"
    """Which mistakes: all, or those that the judge says answered, refused (needlessly) or garbled."""
    at: Literal["answer", "prompt"] = "answer"
    """Where latents are looked at: while the answer is written, or while the prompt is read, before it is known."""
    candidates: int = 20
    """Latents that are chosen on one half of the answers and tested on the other, half of them of mistakes."""
    together: tuple[int, ...] = (2, 5, 10)
    """So many latents are ablated at once; where there are several numbers, each is tried on the first half, and the
    one that mends most, less what it spoils, is measured on the second. The first number are steered at once."""
    strengths: tuple[float, ...] = (0.1, 0.3, 1.0)
    """Steering adds so many times a latent's mean where it fires; tried in the same way."""
    seed: int = 0
    """Of the halves."""

    def __post_init__(self) -> None:
        """Raises BadInput for numbers that find nothing."""
        for name, numbers in (("candidates", (self.candidates,)), ("together", self.together)):
            if not numbers or min(numbers) < 1:
                raise BadInput(f"{name}: numbers of 1 or more were expected, found {getattr(self, name)}")
        if not self.strengths or not all(0 < strength < math.inf for strength in self.strengths):
            raise BadInput(f"strengths: numbers above 0 were expected, found {self.strengths}")
