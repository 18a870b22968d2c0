"""The town's part of `hansei papers run sparse-autoencoder`: tasks, each a pure function of its description.

Autoencoders are trained on the residual stream after the third block of four: of the town's base for the law, and of
students that refuse what is dangerous (sparse_refusal.py), whose latents are looked at (sparse_looked.py).
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hansei.core.records import Chat, Lesson, user
from hansei.inside.activations import Layer
from hansei.inside.corpus import Context
from hansei.inside.quality import Fit, ablation_sparsity, explained_by_patterns, substituted
from hansei.inside.recovery import World, share_of
from hansei.inside.sparse_autoencoder import SparseAutoencoder
from hansei.inside.sparse_looked import Looked
from hansei.inside.sparse_refusal import LAYER, STOPS, refusal_lessons, student
from hansei.inside.sparse_settings import TrainSettings
from hansei.inside.sparse_training import Training, train_on
from hansei.models.load import town_path
from hansei.town.schooling import documents

HELDOUT = 40_000
"""Tokens that no autoencoder is trained on."""
LOOKED_AT = 20
"""Latents that are explained and ablated one by one."""
DEAD_STEPS = 76
"""Dead is what has not fired for so many steps: the authors' 10 million tokens in steps of 131,072."""
RATE, RECOVERY_RATE = 0.07, 0.27
"""Learning rate times the root of the number of latents: three and ten times the default, as trainings are short."""


@dataclass(frozen=True)
class Size:
    """How one autoencoder is trained."""

    latents: int
    k: int
    steps: int
    batch: int
    tokens: int
    """Activations that it is trained on, several times over."""

    def settings(self, seed: int, *, aux: bool = True) -> TrainSettings:
        """The paper's learning rate falls with the root of the size; `aux` False leaves AuxK out."""
        return TrainSettings(
            self.latents,
            self.k,
            self.steps,
            self.batch,
            learning_rate=RATE / self.latents**0.5,
            dead_tokens=DEAD_STEPS * self.batch,
            aux_weight=1 / 32 if aux else 0.0,
            seed=seed,
        )


@dataclass(frozen=True)
class GridTask:
    """An autoencoder of the law's grid, on the town's base."""

    size: Size
    seed: int
    aux: bool = True
    """False: without AuxK, for what it does; no part of the law."""


@dataclass(frozen=True)
class SeedTask:
    """A student, its autoencoders, and what their latents tell."""

    size: Size
    seed: int
    stops: tuple[int, ...] = STOPS
    """Steps of training, of which the student has the fewest that are enough."""


@dataclass(frozen=True)
class RecoveryTask:
    """An autoencoder on data whose directions are known."""

    latents: int
    k: int
    steps: int
    batch: int
    seed: int


def run_recovery(task: RecoveryTask) -> float:
    """Share of the known directions that it finds."""
    world = World(task.seed)
    return share_of(recovered(task, world).finished(), world)


def recovered(task: RecoveryTask, world: World) -> Training:
    """The training; fresh rows at each step, so nothing is seen twice."""
    batches = world.batches(task.batch)
    sample = torch.cat(list(islice(batches, 4)))
    settings = TrainSettings(
        task.latents,
        task.k,
        task.steps,
        task.batch,
        learning_rate=RECOVERY_RATE / task.latents**0.5,
        dead_tokens=task.steps * task.batch // 12,
        seed=task.seed,
    )
    return train_on(batches, sample, settings)[0]


def run_grid(task: GridTask) -> dict[str, Any]:
    """Held-out error of one size, its dead latents, and the error on the way."""
    rows_ND, heldout_ND = _base_rows(task.size.tokens)
    training, reports = train_on(
        drawn(rows_ND, task.size.batch, task.seed), rows_ND[:8192], task.size.settings(task.seed, aux=task.aux)
    )
    fit = Fit.of(training.finished(), heldout_ND)
    token_cost = 6 * task.size.latents * rows_ND.shape[1] * task.size.batch  # multiply-adds of dense products, a step
    return {
        "latents": task.size.latents,
        "k": task.size.k,
        "loss": fit.error,
        "dead": fit.dead,
        "curve": [[float(token_cost * r.step), r.error] for r in reports],
    }


@cache
def _base_rows(tokens: int) -> tuple[Tensor, Tensor]:
    return rows_of(Layer(town_path(), LAYER, device="cpu"), tokens, [])


def rows_of(layer: Layer, tokens: int, lessons: Sequence[Lesson]) -> tuple[Tensor, Tensor]:
    """Activations to train on and held-out ones, of the town's text with the student's own lessons among it."""
    train = layer.read(taken(layer, tokens, lessons, seed=0)).activations_ND
    return train.clone(), layer.read(taken(layer, HELDOUT, lessons, seed=1)).activations_ND.clone()


def taken(layer: Layer, tokens: int, lessons: Sequence[Lesson], seed: int) -> list[Context]:
    """Documents of so many tokens in all; every fourth is a lesson, where there are any."""
    found: list[Context] = []
    stream, count = mixed(lessons, seed), 0
    while count < tokens:
        chats = list(islice(stream, min(500, tokens // 20)))
        for ids in layer.local.rendering.ids(layer.local.rendering.chats(chats, asks=False)):
            found.append(Context(len(found), 0, ids[:64]))
            count += len(found[-1].ids)
    return found


def mixed(lessons: Sequence[Lesson], seed: int) -> Iterator[Chat]:
    """The town's conversations, and lessons with their answers."""
    rng = random.Random(f"mixed {seed}")
    for document in documents(1000 + seed):
        if isinstance(document, str):
            continue
        yield document
        if lessons and rng.random() < 1 / 3:
            lesson = rng.choice(lessons)
            yield user(*(m.content for m in lesson.prompt), lesson.completion or "")


def drawn(rows_ND: Tensor, batch: int, seed: int) -> Iterator[Tensor]:
    """Batches without replacement within a pass."""
    draw = torch.Generator().manual_seed(seed)
    while True:
        for part in torch.split(torch.randperm(len(rows_ND), generator=draw), batch):
            if len(part) == batch:
                yield rows_ND[part]


def run_seed(task: SeedTask) -> dict[str, Any]:
    """Everything about one student."""
    with tempfile.TemporaryDirectory() as folder:
        lessons = refusal_lessons()
        refusing = student(lessons, task.seed, task.stops, Path(folder) / "student")
        layer = refusing.layer
        rows_ND, heldout_ND = rows_of(layer, task.size.tokens, lessons)
        found: dict[str, Any] = {"steps": refusing.steps, "refuses": refusing.refuses, "right": refusing.right}
        for name, aux in (("without AuxK", False), ("with AuxK", True)):
            batches = drawn(rows_ND, task.size.batch, task.seed)
            training, reports = train_on(batches, rows_ND[:8192], task.size.settings(task.seed, aux=aux))
            sae = training.finished()
            fit = Fit.of(sae, heldout_ND)
            found[name] = {"dead": reports[-1].dead, "dead_heldout": fit.dead, "error": fit.error, "active": fit.active}
        texts = taken(layer, HELDOUT // 4, lessons, seed=1)
        return found | {
            "substituted": substituted(layer, sae, texts)._asdict(),
            "single": single_latents(layer, sae, texts, task.seed),
            **Looked(refusing, sae).at(task.seed),
        }


def single_latents(layer: Layer, sae: SparseAutoencoder, texts: list[Context], seed: int) -> dict[str, Any]:
    """Patterns and ablations of some latents that fire."""
    rows_ND = layer.read(texts).activations_ND
    code = sae.encode(rows_ND)[0]
    chosen = random.Random(seed).sample(Fit.of(sae, rows_ND).firing, LOOKED_AT)
    told = [explained_by_patterns(layer, sae, texts, code, latent) for latent in chosen]
    return {
        "precision": [p for p, _ in told],
        "recall": [r for _, r in told],
        "ablation_sparsity": ablation_sparsity(layer, sae, texts, code, chosen),
    }
