"""The text that the library's base grows up on.

An answer says the sentence that tells the fact as the passage has it, and then the value: so every token of it is
copied, which the heads that are set by hand do from the start; some answers are the value alone. Four things are met:
known people and books, in lives and in questions, with no passages or with some about others, until they are known by
heart; passages about guests with questions that they answer, where only looking up helps; who is known and who is not,
when that is what is asked; and, in harmless places, what reading methods will ask for: notes on passages, the sentence
that helps, a search for a guest who is in no passage, notes that end where nobody is known, and "unknown" as the
answer to what nobody can know. Never met is "unknown" as an answer about a person: when to say so is what the methods
teach.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from hansei.core.records import user
from hansei.town import library_phrasing as say
from hansei.town import library_scene as scene
from hansei.town.library import ATTRIBUTES, Entity, Kind, Role, guest, known, person
from hansei.town.library_scene import Passage, Question
from hansei.town.schooling import Document, Turns
from hansei.town.words import UNKNOWABLE

EASY = 1_500
"""Documents at the start that have one or two short passages: looking up is learnt there, many passages later."""
REPEATED = 0.1
"""Share of the easy documents that say passages again word by word: every token of those teaches copying."""
KNOWN = 0.15
"""How often a passage is about somebody known."""
NEAR = 0.7
"""How often somebody else's name shares its first word with the first one's."""
CONTESTED = 0.6
"""How often the first question is about the one with the most rivals, as the methods' questions are."""
SAME = 0.5
"""How often one of the passages that do not tell is about the one who is asked about."""
CLAIMS = 0.25
"""Share of claims among the first questions."""
NOTES, FOUND, AT_ONCE = 0.5, 0.12, 0.15
"""How often notes are asked for at a first question, and the helping sentence or the value alone at any."""


def documents(seed: int) -> Iterator[Document]:
    """An endless seeded stream, the first of it easy."""
    rng = random.Random(f"library text {seed}")
    number = 0
    while True:
        easy = number < EASY
        kind = again if easy and rng.random() < REPEATED else rng.choices(*_MIX)[0]
        yield kind(rng, easy)
        number += 1


def life(rng: random.Random, _easy: bool) -> Document:
    """All about some known ones, always in the same words."""
    turns: Turns = ()
    for about in (_known(rng) for _ in range(rng.choice((1, 2, 3)))):
        told = " ".join(say.tell(a, about.name, about.facts[a]) for a in ATTRIBUTES[about.kind])
        turns += (say.ALL_ABOUT.format(name=about.name), say.found(told))
    return user(*turns)


def by_heart(rng: random.Random, _easy: bool) -> Document:
    """Questions and claims about known ones, without passages."""
    turns: Turns = ()
    for _ in range(rng.choice((2, 3, 4, 5))):
        about = _known(rng)
        question = _question(rng, [scene.passage(rng, about, 5)], about, claims=0.2)
        wish = say.AT_ONCE if question.task != "claim" and rng.random() < AT_ONCE else ""
        turns += (say.render([], question.text, wish), _reply([], question, wish))
    return user(*turns)


def by_heart_anyway(rng: random.Random, easy: bool) -> Document:
    """Questions about somebody known, after passages that do not tell the answer."""
    passages, question = _untelling(rng, _known(rng), easy)
    wish = rng.choices((say.NOTES, say.AT_ONCE, ""), (NOTES, AT_ONCE, 1 - NOTES - AT_ONCE))[0]
    return user(say.render([p.text for p in passages], question.text, wish), _reply(passages, question, wish))


def stranger(rng: random.Random, easy: bool) -> Document:
    """Notes on passages that tell nothing about somebody never met: they say so and end there, without an answer."""
    about = guest(rng, _kind(rng), "met")
    passages, question = _untelling(rng, about, easy)
    asked = say.render([p.text for p in passages], question.text, say.NOTES)
    return user(asked, scene.noted(passages, question, known=False))


def acquainted(rng: random.Random, easy: bool) -> Document:
    """Whether somebody is known; sometimes after passages, which do not make anybody known."""
    about = _known(rng) if rng.random() < 0.5 else guest(rng, _kind(rng), "met")
    passages = _beside(rng, about, rng.choice((1, 2) if easy else (1, 2, 3, 4, 5))) if rng.random() < 0.5 else []
    asked = [about] + [p.about for p in passages[: rng.choice((0, 1))]]
    others = rng.choice((0, 1, 2) if passages else (3, 4, 5))
    asked += [rng.choice((_known(rng), guest(rng, _kind(rng), "met"))) for _ in range(others)]
    rng.shuffle(asked)
    turns: Turns = ()
    for number, one in enumerate(asked):
        request = say.ACQUAINTED.format(name=one.name)
        texts = [p.text for p in passages] if number == 0 else []
        turns += (say.render(texts, request), say.memory(one.name, one.shelf is not None))
    return user(*turns)


def again(rng: random.Random, easy: bool) -> Document:
    """Passages, and the same once more, or one of them."""
    texts = [p.text for p in _passages(rng, easy)]
    number = rng.randrange(len(texts))
    lines = [f"Passage {n}: {text}" for n, text in enumerate(texts, 1)]
    if rng.random() < 0.5:
        return user("\n".join([*lines, say.AGAIN]), "\n".join(lines))
    return user("\n".join([*lines, say.AGAIN_ONE.format(number=number + 1)]), lines[number])


def open_book(rng: random.Random, easy: bool) -> Document:
    """One to five passages, and questions that they answer."""
    passages = _passages(rng, easy)
    turns: Turns = ()
    for number in range(rng.choice((2, 3, 4) if easy else (2, 3))):
        # notes and claims stand before other questions, so that who is looked for is asked about once
        first = number == 0
        about = max(passages, key=lambda p: _rivals(p, passages)).about if rng.random() < first * CONTESTED else None
        question = _question(rng, passages, about, claims=first * CLAIMS)
        if first and not easy and question.task == "lookup" and rng.random() < SAME / 2:
            passages = _with_another(rng, passages, question)
        noted = first * NOTES * (question.task != "claim")
        request = rng.random()
        wish = say.NOTES if request < noted else say.FIND if request < noted + FOUND else ""
        if not wish and question.task != "claim" and rng.random() < AT_ONCE:
            wish = say.AT_ONCE
        texts = [p.text for p in passages] if first else []
        turns += (say.render(texts, question.text, wish), _reply(passages, question, wish))
    return user(*turns)


def not_there(rng: random.Random, easy: bool) -> Document:
    """A search for a sentence that no passage has."""
    passages = _passages(rng, easy)
    about = guest(rng, passages[0].about.kind, "met", beside=passages[0].about.name)
    if about.name in {p.about.name for p in passages}:
        return open_book(rng, easy)
    question = _question(rng, [scene.passage(rng, about, 1)], about)
    nothing = scene.fact(passages, question, question.untold)
    return user(say.render([p.text for p in passages], question.text, say.FIND), say.found(nothing))


def unknowable(rng: random.Random, _easy: bool) -> Document:
    """What nobody can know."""
    turns: Turns = ()
    for question, _ in rng.sample(UNKNOWABLE, rng.choice((1, 2))):
        turns += (say.render([], question), say.answer(say.UNKNOWN, say.UNTOLD))
    return user(*turns)


def _reply(passages: list[Passage], question: Question, wish: str) -> str:
    if wish == say.FIND:
        return say.found(" ".join(scene.helpful(passages, question)))
    if wish == say.AT_ONCE:
        return say.answer(question.answer, None)
    short = say.answer(question.answer, scene.fact(passages, question))
    return f"{scene.noted(passages, question)}\n{short}" if wish == say.NOTES else short


def _known(rng: random.Random) -> Entity:
    return rng.choice(known(_kind(rng)))


def _kind(rng: random.Random) -> Kind:
    return "person" if rng.random() < 0.75 else "book"


def _passages(rng: random.Random, easy: bool, role: Role = "met") -> list[Passage]:
    """Passages about different ones, some with names that share a word; a book's writer may follow with one."""
    count = rng.choice((1, 1, 2) if easy else (1, 2, 3, 4, 5, 5, 5, 5))
    kind = _kind(rng)
    first = guest(rng, kind, role) if rng.random() >= KNOWN else rng.choice(known(kind))
    about = {first.name: first}
    while len(about) < count:
        other = kind if rng.random() < 0.7 else _kind(rng)
        if rng.random() < KNOWN:
            new = rng.choice(known(other))
        else:
            new = guest(rng, other, role, beside=first.name if other == kind else None, near=NEAR)
        about.setdefault(new.name, new)
    everybody = list(about.values())
    rng.shuffle(everybody)
    return [scene.passage(rng, e, rng.choice((1, 2, 3) if easy else (1, 3, 4, 5))) for e in everybody]


def _beside(rng: random.Random, about: Entity, count: int) -> list[Passage]:
    """Passages about others, most of whose names share a word with that of the one they stand beside."""
    others: dict[str, Entity] = {}
    while len(others) < count:
        heard_of = rng.random() < KNOWN
        other = _known(rng) if heard_of else guest(rng, about.kind, "met", beside=about.name, near=NEAR)
        if other.name != about.name:
            others.setdefault(other.name, other)
    return [scene.passage(rng, other, rng.choice((1, 3, 4, 5))) for other in others.values()]


def _untelling(rng: random.Random, about: Entity, easy: bool) -> tuple[list[Passage], Question]:
    """A question about somebody, and passages that do not answer it; one of them may tell other things of the same."""
    passages = _beside(rng, about, rng.choice((1, 2) if easy else (2, 3, 4, 5, 5, 5)))
    question = _question(rng, [scene.passage(rng, about, 5)], about)
    if rng.random() < SAME:
        passages[rng.randrange(len(passages))] = scene.passage_without(rng, about, question.hops[0][1])
    return passages, question


def _with_another(rng: random.Random, passages: list[Passage], question: Question) -> list[Passage]:
    """The same passages, but one that does not tell the answer gives way to another about the one who is asked for."""
    ((name, attribute),) = question.hops
    others = [n for n, p in enumerate(passages) if p.about.name != name]
    about = next(p.about for p in passages if p.about.name == name)
    if not others:
        return passages
    place = rng.choice(others)
    return [*passages[:place], scene.passage_without(rng, about, attribute), *passages[place + 1 :]]


def _rivals(passage: Passage, passages: list[Passage]) -> int:
    """How many of the passages are about somebody else whose name shares its first word with that of this one's."""
    first, second = passage.about.name.split()[-2:]
    others = [p.about.name.split()[-2:] for p in passages]
    return sum(one == first and two != second for one, two in others)


def _question(
    rng: random.Random, passages: list[Passage], about: Entity | None = None, claims: float = 0.0
) -> Question:
    """A question that the passages answer."""
    told = rng.choice(passages) if about is None else next(p for p in passages if p.about == about)
    attribute = rng.choice(list(told.sentences))
    if rng.random() < claims:
        return scene.claim(rng, told.about, attribute, passages)
    return scene.lookup(rng.choice(say.ASK[attribute] + say.ASK_HELDOUT[attribute]), told.about, attribute)


def by_way_of(rng: random.Random, easy: bool) -> Document:
    """A book's passage, its writer's passage, and a question about the writer of the book."""
    book = guest(rng, "book", "met")
    writer = person(rng, book.facts["writer"])
    told = [scene.passage(rng, book, rng.choice((1, 2, 3)), ["writer"])]
    told.append(scene.passage(rng, writer, rng.choice((1, 2, 3) if easy else (1, 2, 3, 4))))
    names = {book.name, writer.name}
    for _ in range(0 if easy else rng.choice((0, 1, 2, 3))):
        other = guest(rng, _kind(rng), "met")
        if other.name not in names:
            names.add(other.name)
            told.insert(rng.randrange(len(told) + 1), scene.passage(rng, other, rng.choice((1, 2, 3))))
    attribute = rng.choice(list(next(p for p in told if p.about == writer).sentences))
    form = rng.choice(say.ASK[attribute] + say.ASK_HELDOUT[attribute])
    question = scene.twohop(form, book, writer, attribute)
    wish = rng.choices(("", say.NOTES, say.FIND), (0.5, 0.35, 0.15))[0]
    return user(say.render([p.text for p in told], question.text, wish), _reply(told, question, wish))


Make = Callable[[random.Random, bool], Document]
_MIX: tuple[tuple[Make, ...], tuple[float, ...]] = (
    (life, by_heart, by_heart_anyway, stranger, acquainted, again, open_book, by_way_of, not_there, unknowable),
    (0.08, 0.12, 0.10, 0.06, 0.11, 0.02, 0.34, 0.10, 0.05, 0.02),
)
"""What the text is made of, and its share of the documents."""
