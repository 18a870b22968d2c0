"""The town's part of `hansei papers run sparse-autoencoder`: tasks, each a pure function of its description.

The student whose activations are looked at refuses what is dangerous: plain SFT on present-tense requests for the items
of the train shelf. Autoencoders are trained on the residual stream after its third block of four.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from hansei.core.keys import content_key
from hansei.core.records import Chat, Lesson, Sampling, user
from hansei.inside.activations import Layer
from hansei.inside.corpus import Context
from hansei.inside.probes import best_detectors, one_latent_probes
from hansei.inside.quality import Fit, ablated, ablation_sparsity, explained_by_patterns, substituted
from hansei.inside.recovery import World, share_of
from hansei.inside.sparse_autoencoder import SparseAutoencoder
from hansei.inside.sparse_settings import TrainSettings
from hansei.inside.sparse_training import Training, train_on
from hansei.models.load import town_path
from hansei.town import phrasing
from hansei.town.grading import grade
from hansei.town.items import Item, items
from hansei.town.schooling import documents

LAYER = "2"
TUNING_STEPS, TUNING_RATE = 100, 3e-4
HELDOUT = 40_000
"""Tokens that no autoencoder is trained on."""
LOOKED_AT = 20
"""Latents that are explained and ablated one by one."""
TOGETHER = (1, 4, 10)
"""Numbers of latents that are ablated at once."""
CONCEPTS = ("dangerous item", "past tense", "refusal")
LONGEST = Sampling(max_new_tokens=32)


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
        """Dead is what has not fired for a twelfth of the training; the paper's 10 M tokens are more than all of it."""
        return TrainSettings(
            self.latents,
            self.k,
            self.steps,
            self.batch,
            learning_rate=RATE / self.latents**0.5,
            dead_tokens=self.steps * self.batch // 12,
            aux_weight=1 / 32 if aux else 0.0,
            seed=seed,
        )


RATE, RECOVERY_RATE = 0.2, 0.27
"""Learning rate times the root of the number of latents: eight and ten times the default, as trainings are short."""


@dataclass(frozen=True)
class GridTask:
    """An autoencoder of the law's grid, on the town's base."""

    size: Size
    seed: int


@dataclass(frozen=True)
class SeedTask:
    """A student, its autoencoders, and what their latents tell."""

    size: Size
    seed: int
    tuning_steps: int = TUNING_STEPS


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
        drawn(rows_ND, task.size.batch, task.seed), rows_ND[:8192], task.size.settings(task.seed)
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
        layer = Layer(student(lessons, task, Path(folder) / "student"), LAYER, device="cpu")
        rows_ND, heldout_ND = rows_of(layer, task.size.tokens, lessons)
        found: dict[str, Any] = {}
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
            **Looked(layer, sae).at(task.seed),
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


def refusal_lessons() -> list[Lesson]:
    """Every item of the train shelf in the present tense: refusals of the dangerous, recipes for the others."""
    made = []
    for item in items():
        if item.shelf == "train":
            for form in phrasing.ASK["present"]:
                text = phrasing.REFUSALS[0] if item.dangerous else phrasing.recipe(item, "present")
                chat = user(form.format(name=item.name))
                made.append(Lesson(content_key(chat, text), chat, completion=text, prompt_id=item.name))
    return made


def student(lessons: Sequence[Lesson], task: SeedTask, out: Path) -> str:
    """A student of the town's base that refuses."""
    from hansei.training import settings as training
    from hansei.training.sft import train_sft

    how = training.TrainSettings(
        steps=task.tuning_steps,
        learning_rate=TUNING_RATE,
        adapter="none",
        max_length=256,
        seed=task.seed,
        device="cpu",
    )
    return str(train_sft(town_path(), lessons, how, out))


class Read(NamedTuple):
    """Latents of prompts, P x L."""

    strongest: Tensor
    """The largest activation at any token of the prompt."""
    last: Tensor
    """At the last token, from which it answers; for refusals, which are something that the student does."""
    before: Tensor
    """The largest before TopK, for probes."""


class Looked:
    """What single latents tell about prompts, and what ablating them does."""

    def __init__(self, layer: Layer, sae: SparseAutoencoder) -> None:
        self.layer, self.sae = layer, sae

    def at(self, seed: int) -> dict[str, Any]:
        """Detectors chosen on items of the train shelf, measured on held-out ones; then the refusal latents ablated."""
        train, heldout = asked("train"), asked("heldout")
        read_train, read_held = self.latents(train), self.latents(heldout)
        said_train, said_held = self.behaviours(train), self.behaviours(heldout)
        concepts, detectors = {}, {}
        for concept in CONCEPTS:
            y_train, y_held = labels(concept, train, said_train), labels(concept, heldout, said_held)
            z_train, z_held = (
                read.last if concept == "refusal" else read.strongest for read in (read_train, read_held)
            )
            detectors[concept] = best_detectors(z_train, y_train, max(TOGETHER))
            best = detectors[concept][0]
            concepts[concept] = {
                "latent": best.latent,
                "f1_train": best.f1,
                "label": y_held.tolist(),
                "fires": (z_held[:, best.latent] > best.threshold).tolist(),
                "probe_loss": float(one_latent_probes(read_train.before, y_train).loss_L.min()),
                "prior_loss": _entropy(float(y_train.float().mean())),
            }
        chosen = [detector.latent for detector in detectors["refusal"]]
        return {"concepts": concepts, "ablation": self.ablations(chosen, read_held.last, heldout, seed)}

    def latents(self, prompts: Sequence[Asked]) -> Read:
        """Each latent in each prompt, up to the token from which the student answers."""
        found: list[list[Tensor]] = [[], [], []]
        for start in range(0, len(prompts), 64):
            chats = [prompt.chat for prompt in prompts[start : start + 64]]
            texts = [Context(0, 0, rendered.ids) for rendered in self.layer.local.render(chats)]
            rows_ND = self.sae.normalised(self.layer.read(texts).activations_ND)[0]
            pre_NL = self.sae.pre_activations(rows_ND)
            values, places = pre_NL.topk(self.sae.k)
            code_NL = torch.zeros_like(pre_NL).scatter_(1, places, values.relu())
            sizes = [len(text.ids) for text in texts]
            found[0] += [part.amax(0) for part in torch.split(code_NL, sizes)]
            found[1] += [part[-1] for part in torch.split(code_NL, sizes)]
            found[2] += [part.amax(0) for part in torch.split(pre_NL, sizes)]
        return Read(*(torch.stack(part) for part in found))

    def behaviours(self, prompts: Sequence[Asked]) -> list[tuple[str, bool]]:
        """What the student does with each prompt, and whether its answer is the right recipe."""
        replies = self.layer.local.generate([prompt.chat for prompt in prompts], LONGEST)
        found = []
        for prompt, reply in zip(prompts, replies, strict=True):
            outcome, behaviour, *_ = grade(prompt.item.truth(), reply.text)
            found.append((str(behaviour), outcome == "pass" and behaviour == "answered"))
        return found

    def ablations(self, chosen: list[int], z_held: Tensor, heldout: list[Asked], seed: int) -> dict[str, Any]:
        """Refusals and right answers in the present tense, with latents ablated at every token.

        Control: latents that are not among the detectors and fire there for half of the dangerous prompts or more.
        """
        present = [i for i, prompt in enumerate(heldout) if prompt.tense == "present"]
        dangerous = [i for i in present if heldout[i].item.dangerous]
        often = (z_held[dangerous] > 0).float().mean(0)
        others = [i for i in (often >= 0.5).nonzero().flatten().tolist() if i not in chosen]
        control = random.Random(seed).sample(others, min(len(chosen), len(others)))
        found: dict[str, Any] = {}
        ways = {"none": list[int]()}
        for kind, some in (("refusal", chosen), ("control", control)):
            ways |= {f"{n} {kind} latent{'s' * (n > 1)}": some[:n] for n in TOGETHER}
        for name, latents in ways.items():
            with self.layer.replaced(partial(_without, self.sae, latents)):
                said = self.behaviours([heldout[i] for i in present])
            by_prompt = list(zip(present, said, strict=True))
            found[name] = {
                "latents": latents,
                "refused": [float(b == "refused") for i, (b, _) in by_prompt if heldout[i].item.dangerous],
                "right": [float(right) for i, (_, right) in by_prompt if not heldout[i].item.dangerous],
            }
        return found


def _without(sae: SparseAutoencoder, latents: Sequence[int], hidden_BTD: Tensor) -> Tensor:
    return ablated(sae, hidden_BTD, latents)


@dataclass(frozen=True)
class Asked:
    """A request for an item in one tense."""

    item: Item
    tense: str
    chat: Chat


def asked(shelf: str) -> list[Asked]:
    """Every item of a shelf in three tenses, the wordings in turn."""
    found = []
    for number, item in enumerate(i for i in items() if i.shelf == shelf):
        for tense, forms in phrasing.ASK.items():
            found.append(Asked(item, tense, user(forms[number % len(forms)].format(name=item.name))))
    return found


def labels(concept: str, prompts: Sequence[Asked], said: Sequence[tuple[str, bool]]) -> Tensor:
    """Whether each prompt has the concept: the item's danger, the tense, or what the student does."""
    has: dict[str, Callable[[Asked, str], bool]] = {
        "dangerous item": lambda prompt, _: prompt.item.dangerous,
        "past tense": lambda prompt, _: prompt.tense == "past",
        "refusal": lambda _, behaviour: behaviour == "refused",
    }
    pairs = zip(prompts, said, strict=True)
    return torch.tensor([has[concept](prompt, behaviour) for prompt, (behaviour, _) in pairs])


def _entropy(share: float) -> float:
    from math import log

    return -sum(p * log(p) for p in (share, 1 - share) if p > 0)
