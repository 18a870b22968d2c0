"""The library's prompts: questions with five passages, of which a chosen share is noise, and the whole truth."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from hansei.core.records import Prompt, Split, user
from hansei.town import library_phrasing as say
from hansei.town import library_scene as scene
from hansei.town.library import ATTRIBUTES, Entity, Kind, guest, named, of_shelf, pairs
from hansei.town.library_scene import Passage, Question, Task

About = Literal["guest", "known"]
Noise = Literal["near", "random"]
PASSAGES = 5
"""Passages before a question."""
SENTENCES = (3, 4, 5)
"""Sentences of a passage about a person; a book has three facts at most."""
SAME = 0.3
"""How often one of the near noise passages is about the one who is asked for, but does not tell the fact."""
NEARLY_ALL = 0.9
"""How many of the near ones share a word of the name; not all, as a name may have fewer than four such neighbours."""
BOOKS = 0.25
"""Share of questions about books."""


@dataclass(frozen=True)
class Case:
    """What kind of question is made."""

    split: Split
    """Whose names and wordings."""
    task: Task = "lookup"
    """Look a fact up, judge a claim, or look up by way of a book's writer."""
    about: About = "guest"
    """Whether the base knows the one who is asked about."""
    noise: float = 0.8
    """Share of the passages that do not tell the fact (for two hops: the writer's fact). The others tell it, in
    different words and among other facts. At 1 a question about a guest can't be answered."""
    noise_is: Noise = "near"
    """`near` passages are what a lexical search ranks first: they share a word of the name and tell the same
    attribute of somebody else, or tell other facts of the same one. `random` ones are about anybody."""

    @property
    def name(self) -> str:
        """As it stands in ids and tags."""
        return f"{self.task}/{self.about}/{self.noise_is}{round(100 * self.noise)}"

    @property
    def gold(self) -> int:
        """Passages that tell the fact."""
        return round((1 - self.noise) * PASSAGES)


def prompts(case: Case, count: int = 300) -> list[Prompt]:
    """`count` different questions of a kind, each with five passages.

    The message is the question alone: `render` puts the truth's passages before it. Half of the heldout questions
    are in a held-out wording (tag `phrasing`). Raises ValueError where there are not so many questions.
    """
    rng = random.Random(f"library prompts {case.split} {case.name}")
    subjects = _subjects(rng, case)
    made = [_prompt(rng, case, n, *subject) for n, subject in zip(range(count), subjects, strict=False)]
    if len(made) < count:
        raise ValueError(f"{count} questions expected; {case.split} {case.name} has {len(made)}")
    return made


def render(prompt: Prompt, request: str = "") -> str:
    """The user's turn: the prompt's passages, its question, and what else is wished."""
    passages = [p["text"] for p in (prompt.truth or {})["passages"]]
    return say.render(passages, prompt.messages[-1].content, request)


def _subjects(rng: random.Random, case: Case) -> Iterator[tuple[Entity, str]]:
    """Who is asked about and which attribute, no pair twice; a question of two hops is about a writer."""
    sorts: tuple[Kind, ...] = ("person",) if case.task == "twohop" else ("person", "book")
    left: dict[Kind, list[tuple[Entity, str]]] = {}
    for kind in sorts:
        known = case.about == "known"
        every = of_shelf(case.split, kind) if known else [named(rng, kind, p) for p in pairs(kind, case.split)]
        left[kind] = [(entity, attribute) for entity in every for attribute in ATTRIBUTES[kind]]
        rng.shuffle(left[kind])
    while any(left.values()):
        book = bool(left.get("book")) and (rng.random() < BOOKS or not left["person"])
        yield left["book" if book else "person"].pop()


def _prompt(rng: random.Random, case: Case, number: int, subject: Entity, attribute: str) -> Prompt:
    told = [scene.passage(rng, subject, rng.choice(SENTENCES), [attribute]) for _ in range(case.gold)]
    hop = 1 if case.task == "twohop" else 0
    told += _noise(rng, case, PASSAGES - case.gold - hop, subject, attribute)
    rng.shuffle(told)
    asks = say.ASK_HELDOUT if case.split == "heldout" and number % 2 else say.ASK
    form = asks[attribute][number // 2 % len(asks[attribute])]
    if case.task == "claim":
        question = scene.claim(rng, subject, attribute, told)
    elif case.task == "lookup":
        question = scene.lookup(form, subject, attribute)
    else:
        book = _written_by(subject, guest(rng, "book", case.split))
        question = scene.twohop(form, book, subject, attribute)
        # before the passage about its writer, so that notes can be taken in order
        first = next((i for i, p in enumerate(told) if p.about is subject), len(told))
        told.insert(rng.randrange(first + 1), scene.passage(rng, book, 3, ["writer"]))
    return _with_truth(case, number, question, told, subject, "heldout" if asks is say.ASK_HELDOUT else "tuned")


def _written_by(writer: Entity, book: Entity) -> Entity:
    return Entity(book.name, book.kind, {**book.facts, "writer": writer.name})


def _noise(rng: random.Random, case: Case, count: int, subject: Entity, attribute: str) -> list[Passage]:
    """Passages that do not tell the fact, each about somebody else."""
    told: dict[str, Passage] = {}
    if case.noise_is == "near" and count and rng.random() < SAME:
        told[subject.name] = scene.passage_without(rng, subject, attribute)
    while len(told) < count:
        near = case.noise_is == "near"
        kind: Kind = subject.kind if near or rng.random() < 1 - BOOKS else "book"
        other = guest(rng, kind, case.split, beside=subject.name if near else None, near=NEARLY_ALL)
        if other.name != subject.name:
            sentences = rng.choice(SENTENCES)
            told.setdefault(other.name, scene.passage(rng, other, sentences, [attribute] if near else []))
    return list(told.values())


def _with_truth(
    case: Case, number: int, question: Question, told: list[Passage], subject: Entity, phrasing: str
) -> Prompt:
    answerable = case.gold > 0 or case.about == "known"
    answer = question.answer if answerable else say.UNKNOWN
    name = f"{case.name}/{number}"
    return Prompt(
        id=name,
        messages=user(question.text),
        split=case.split,
        expected="answer",
        tags={"suite": case.name, "task": case.task, "entity": subject.name, "phrasing": phrasing},
        truth={
            "passages": [{"id": f"{name}/{i}", "title": "", "text": p.text} for i, p in enumerate(told, 1)],
            "answers": [answer],
            "kinds": scene.kinds(told, question),
            "notes": scene.notes(told, question),
            "helpful": scene.helpful(told, question),
            "fact": scene.fact(told, question, None if answerable else question.untold),
            "memory": None if case.gold else say.memory(question.hops[-1][0], case.about == "known"),
            "task": case.task,
            "answerable": answerable,
        },
        reference=answer,
    )
