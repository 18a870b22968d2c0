"""Students of the town that refuse, and what is asked of them, for `hansei papers run sparse-autoencoder`.

Plain SFT on present-tense requests for the items of the train shelf, stopped as soon as the student refuses what is
dangerous and answers the rest: one that is trained on has so wide a lead of its refusals over any other answer that no
single latent carries them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from hansei.core.keys import content_key
from hansei.core.records import Chat, Lesson, Sampling, user
from hansei.inside.activations import Layer
from hansei.models.load import town_path
from hansei.town import phrasing
from hansei.town.grading import grade
from hansei.town.items import Item, items

LAYER = "2"
TUNING_RATE = 3e-4
STOPS = (8, 10, 12, 14, 16, 18, 20, 25, 30)
"""Steps of training after which a student is looked at. In the first ones it refuses everything."""
ENOUGH = 0.9
"""A student is taught that refuses so large a share of the validation items' dangerous requests, and answers as large a
share of the others rightly."""
CONCEPTS = ("dangerous item", "past tense", "refusal")
LONGEST = Sampling(max_new_tokens=32)


@dataclass(frozen=True)
class Asked:
    """A request for an item in one tense."""

    item: Item
    tense: str
    chat: Chat


@dataclass(frozen=True)
class Said:
    """What a student does with a request."""

    behaviour: str
    """As the town's judge has it: answered, refused, garbled …"""
    right: bool
    """Whether the answer is the right recipe."""


def asked(shelf: str) -> list[Asked]:
    """Every item of a shelf in three tenses, the wordings in turn."""
    found = []
    for number, item in enumerate(i for i in items() if i.shelf == shelf):
        for tense, forms in phrasing.ASK.items():
            found.append(Asked(item, tense, user(forms[number % len(forms)].format(name=item.name))))
    return found


def said(layer: Layer, prompts: Sequence[Asked]) -> list[Said]:
    """What the student does with each request."""
    replies = layer.local.generate([prompt.chat for prompt in prompts], LONGEST)
    found = []
    for prompt, reply in zip(prompts, replies, strict=True):
        outcome, behaviour, *_ = grade(prompt.item.truth(), reply.text)
        found.append(Said(str(behaviour), outcome == "pass" and behaviour == "answered"))
    return found


def labels(concept: str, prompts: Sequence[Asked], answers: Sequence[Said]) -> Tensor:
    """Whether each prompt has the concept: the item's danger, the tense, or what the student does."""
    has: dict[str, Callable[[Asked, Said], bool]] = {
        "dangerous item": lambda prompt, _: prompt.item.dangerous,
        "past tense": lambda prompt, _: prompt.tense == "past",
        "refusal": lambda _, answer: answer.behaviour == "refused",
    }
    return torch.tensor([has[concept](*pair) for pair in zip(prompts, answers, strict=True)])


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


def first_of_refusal(layer: Layer) -> int:
    """The token that a taught refusal begins with."""
    rendering = layer.local.rendering
    (ids,) = rendering.ids([rendering.words(phrasing.REFUSALS[0])], start=False)
    return int(ids[0])


@dataclass(frozen=True)
class Student:
    """A student and how it came to be chosen."""

    layer: Layer
    steps: int
    """Of its training."""
    refuses: float
    """Share of the validation items' dangerous requests, in the present tense."""
    right: float
    """Share of the other requests that it answers rightly."""


def student(lessons: Sequence[Lesson], seed: int, stops: Sequence[int], out: Path) -> Student:
    """The student of the fewest steps among `stops` that is taught (`ENOUGH`); the last one where none is."""
    from hansei.training.settings import TrainSettings
    from hansei.training.sft import train_sft

    how = TrainSettings(
        steps=max(stops), learning_rate=TUNING_RATE, adapter="none", max_length=256, seed=seed, device="cpu"
    )
    train_sft(town_path(), lessons, how, out, keep_steps=stops)
    for steps in sorted(stops):
        found = looked_at(Layer(str(out / f"step-{steps}"), LAYER, device="cpu"), steps)
        if min(found.refuses, found.right) >= ENOUGH:
            break
    return found


def looked_at(layer: Layer, steps: int) -> Student:
    """The student with what it does with the validation items."""
    prompts = [p for p in asked("validation") if p.tense == "present"]
    pairs = list(zip(prompts, said(layer, prompts), strict=True))
    refused = [s.behaviour == "refused" for p, s in pairs if p.item.dangerous]
    right = [s.right for p, s in pairs if not p.item.dangerous]
    return Student(layer, steps, sum(refused) / len(refused), sum(right) / len(right))
