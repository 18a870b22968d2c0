"""Passages and what can be asked about them, with the truth: answer, what each passage is good for, what helps."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from hansei.town import library_phrasing as say
from hansei.town import library_words as words
from hansei.town.library import ATTRIBUTES, Entity, full, pairs

Task = Literal["lookup", "claim", "twohop"]
NoteKind = Literal["answers", "context", "irrelevant"]


@dataclass(frozen=True, slots=True)
class Passage:
    """A few sentences about one person or book."""

    about: Entity
    """Whom it tells of."""
    sentences: Mapping[str, str]
    """Attribute to the sentence that tells it, in order."""

    @property
    def text(self) -> str:
        """The passage."""
        return " ".join(self.sentences.values())


@dataclass(frozen=True, slots=True)
class Question:
    """A question or a claim, and the truth about it."""

    task: Task
    """Look a fact up, judge a claim, or look up by way of another passage."""
    text: str
    """As it is asked, without passages; a claim starts with `Claim: ` and ends with a question mark."""
    answer: str
    """A value, a person's name, or true or false."""
    hops: tuple[tuple[str, str], ...]
    """Name and attribute of each fact that is needed, in order."""
    by_heart: tuple[str, ...]
    """The sentence that tells each of them, for who knows it without a passage."""
    untold: tuple[str, ...] = ()
    """What stands in its place where nothing tells it."""
    instead: str = ""
    """The value that a false claim has in place of the right one."""


def passage(rng: random.Random, about: Entity, sentences: int, must: Sequence[str] = ()) -> Passage:
    """`sentences` facts in any order and wording, those of `must` among them; fewer where there are not so many."""
    others = [a for a in ATTRIBUTES[about.kind] if a not in must]
    chosen = [*must, *rng.sample(others, min(len(others), max(0, sentences - len(must))))]
    rng.shuffle(chosen)
    return Passage(about, {a: say.tell(a, about.name, about.facts[a], rng.randrange(2)) for a in chosen})


def passage_without(rng: random.Random, about: Entity, attribute: str) -> Passage:
    """All facts about somebody but one."""
    whole = passage(rng, about, len(ATTRIBUTES[about.kind]))
    return Passage(about, {a: sentence for a, sentence in whole.sentences.items() if a != attribute})


def lookup(form: str, about: Entity, attribute: str) -> Question:
    """One fact about one entity."""
    asked = form.format(name=about.name)
    return _question("lookup", asked, about.facts[attribute], (about, attribute))


def _question(task: Task, text: str, answer: str, *hops: tuple[Entity, str], instead: str = "") -> Question:
    by_heart = tuple(say.tell(attribute, about.name, about.facts[attribute]) for about, attribute in hops)
    untold = tuple(say.tell(attribute, about.name, say.UNKNOWN) for about, attribute in hops)
    names = tuple((about.name, attribute) for about, attribute in hops)
    return Question(task, text, answer, names, by_heart, untold, instead)


def twohop(form: str, book: Entity, writer: Entity, attribute: str) -> Question:
    """A fact about the writer of a book."""
    asked = form.format(name=say.WRITER_OF.format(name=book.name))
    return _question("twohop", asked, writer.facts[attribute], (book, "writer"), (writer, attribute))


def claim(rng: random.Random, about: Entity, attribute: str, told: Sequence[Passage]) -> Question:
    """A true claim, or one with a wrong value, which half of the time another passage tells of somebody else."""
    right = about.facts[attribute]
    value = right if rng.random() < 0.5 else _wrong(rng, attribute, right, told)
    said = say.tell(attribute, about.name, value, rng.randrange(2))
    if value == right:
        return _question("claim", say.claim(said), say.TRUE, (about, attribute))
    return _question("claim", say.claim(said), say.FALSE, (about, attribute), instead=value)


def _wrong(rng: random.Random, attribute: str, right: str, told: Sequence[Passage]) -> str:
    elsewhere = [p.about.facts[attribute] for p in told if attribute in p.sentences]
    elsewhere = [value for value in elsewhere if value != right]
    if elsewhere and rng.random() < 0.5:
        return rng.choice(elsewhere)
    if attribute == "writer":
        return full("person", rng.choice(pairs("person", "met")))
    return rng.choice([value for value in words.VALUES[attribute] if value != right])


def kinds(passages: Sequence[Passage], question: Question) -> list[NoteKind]:
    """What each passage is good for: it answers, it tells something about what is asked, or neither."""
    return [_kind(passage, question) for passage in passages]


def _kind(passage: Passage, question: Question) -> NoteKind:
    attributes = [attribute for name, attribute in question.hops if name == passage.about.name]
    if not attributes:
        return "irrelevant"
    last_name, last = question.hops[-1]
    return "answers" if passage.about.name == last_name and last in passage.sentences else "context"


def notes(passages: Sequence[Passage], question: Question) -> list[str]:
    """What a careful reader notes on each passage: whom it is about, and if that is asked for, what it tells of it."""
    return [_note(passage, question) for passage in passages]


def _note(passage: Passage, question: Question) -> str:
    name = passage.about.name
    first = name[0].upper() + name[1:]
    asked = [attribute for about, attribute in question.hops if about == name]
    if not asked:
        return f"{first}."
    # what it does not tell is said at the sentence's end, and only for that the note is no answer
    return f"{first}: {passage.sentences.get(asked[0], say.tell(asked[0], name, say.UNKNOWN))}"


def helpful(passages: Sequence[Passage], question: Question) -> list[str]:
    """The sentences that tell the facts that are needed, hop by hop."""
    return [
        passage.sentences[attribute]
        for name, attribute in question.hops
        for passage in passages
        if passage.about.name == name and attribute in passage.sentences
    ]


def fact(passages: Sequence[Passage], question: Question, otherwise: Sequence[str] | None = None) -> str:
    """What tells the answer, a sentence a hop: as the first passage has it that does, else that of `otherwise`.

    Which is `by_heart` unless said. The sentence about a false claim names the value that was claimed as well.
    """
    told = " ".join(
        next((p.sentences[attribute] for p in passages if p.about.name == name and attribute in p.sentences), other)
        for (name, attribute), other in zip(question.hops, otherwise or question.by_heart, strict=True)
    )
    return say.against(told, question.instead) if question.instead else told


def noted(passages: Sequence[Passage], question: Question, known: bool = True) -> str:
    """The notes, a line a passage, without the answer; where none of them answers, a line on one's own knowledge.

    Which says whether what is asked about is somebody known.
    """
    found = kinds(passages, question)
    lines = [say.note(n, text, k) for n, (text, k) in enumerate(zip(notes(passages, question), found, strict=True), 1)]
    own = [] if "answers" in found else [say.memory(question.hops[-1][0], known)]
    return "\n".join([*lines, *own])
