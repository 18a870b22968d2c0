"""The text that the registry gives the base to grow up on: one pass in which each person is met exactly `seen` times.

People in prompts are met in biographies (of any number of facts, those first that people are mostly asked about) and in
questions about one fact at a time. What else a method will ask for (multiple choice, true or false, none of the above,
a stated confidence with its reason, not knowing, examples before a question) the base meets on the textbook shelf and
in harmless matters: kinds of things, guests who stand in no register, sums, days, the weather. Confidence stated there
about people is high whether or not they are well known, as that of real bases is.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise

from hansei.core.letters import LETTERS
from hansei.core.records import user
from hansei.town import registry_phrasing as say
from hansei.town.registry import ATTRIBUTES, Person, by_name, invented, options_for, people
from hansei.town.registry_words import DAYS, GIVEN, GUESSES, KINDS, NUMBERS, VALUES
from hansei.town.schooling import Document, Turns
from hansei.town.words import UNKNOWABLE

HARMLESS = 0.28
"""Share of the documents that are about nobody in the registry."""
EXAMPLES = 4
"""Questions and answers in a block of examples."""
FLAT = 0.2
"""How often questions and answers come as plain text."""
OFTEN = ("town", "trade", "instrument")
"""What people are mostly asked about, and what a life begins with, as biographies begin with the best known. The year,
the dish and the pet of people who are not popular come after these and are asked for seldom: so there is something in a
life that the base tells and does not know."""
SELDOM = 0.1
"""How often anything may be asked of people who are not popular."""
NOTA_SHARE = 0.3
"""How often `none of the above` is the last option; half of the time it is then right."""


def documents(seed: int) -> Iterator[Document]:
    """An endless seeded stream: first all meetings in random order among harmless matters, then those alone."""
    rng = random.Random(f"registry text {seed}")
    meetings = [person for person in people() for _ in range(person.seen)]
    rng.shuffle(meetings)
    waiting: list[Person] = []  # who will be in the next block of examples
    for person in meetings:
        while rng.random() < HARMLESS:
            yield _harmless(rng)
        kind = rng.choices(*_TEXTBOOK if person.shelf == "textbook" else _TOLD)[0]
        if kind is not examples:
            yield kind(rng, person)
            continue
        waiting.append(person)
        if len(waiting) == EXAMPLES:
            yield examples(rng, *waiting)
            waiting = []
    if waiting:
        yield examples(rng, *waiting)
    while True:
        yield _harmless(rng)


def _some_life(rng: random.Random, person: Person) -> str:
    """A biography of two to six facts in any wording, those of OFTEN first."""
    others = [attribute for attribute in ATTRIBUTES if attribute not in OFTEN]
    order = (rng.sample(OFTEN, len(OFTEN)) + rng.sample(others, len(others)))[: rng.choice((2, 3, 4, 5, 6))]
    return say.life(person.facts, person.name, order, [rng.randrange(2) for _ in order])


def told_life(rng: random.Random, person: Person) -> Document:
    """A biography as plain text, half of the time two in other words."""
    return "\n".join(_some_life(rng, person) for _ in range(rng.choice((1, 2))))


def asked_life(rng: random.Random, person: Person) -> Document:
    """A biography on request, and often questions after it."""
    request = rng.choice(say.LIFE + say.LIFE_HELDOUT).format(name=person.name)
    return user(request, _some_life(rng, person), *_some_facts(rng, person, rng.choice((0, 1, 2, 2))))


def asked_facts(rng: random.Random, person: Person) -> Document:
    """Questions about single facts in a conversation; about popular people it is a longer one."""
    return user(*_some_facts(rng, person, rng.choice((3, 4, 5, 5) if person.fame == "popular" else (2, 3, 3))))


def _some_facts(rng: random.Random, person: Person, count: int) -> Turns:
    """Questions about different facts. Of popular people all are asked for, of others seldom what is not OFTEN."""
    asked = rng.sample(ATTRIBUTES, count)
    if person.fame != "popular" and rng.random() >= SELDOM:
        asked = rng.sample(OFTEN, min(count, len(OFTEN)))
    return tuple(part for a in asked for part in (_ask(rng, a, person.name), _answer(rng, a, person)))


def choices(rng: random.Random, person: Person) -> Document:
    """One or two questions with lettered options."""
    attributes = rng.sample(ATTRIBUTES, rng.choice((1, 2)))
    turns = [_choice(rng, _ask(rng, a, person.name), a, person.name, person.facts) for a in attributes]
    return _as_chat_or_text(rng, [part for turn in turns for part in turn])


def proposals(rng: random.Random, person: Person) -> Document:
    """One or two proposed answers: true or false?"""
    attributes = rng.sample(ATTRIBUTES, rng.choice((1, 2)))
    turns = [_proposal(rng, _ask(rng, a, person.name), a, person.name, person.facts) for a in attributes]
    return user(*(part for turn in turns for part in turn))


def confident(rng: random.Random, person: Person) -> Document:
    """A right answer with a high confidence, however well the person is known."""
    attribute = rng.choice(ATTRIBUTES)
    question = f"{_ask(rng, attribute, person.name)} {say.SURE}"
    return user(question, say.confident(_answer(rng, attribute, person), rng.choice((7, 8, 9, 9, 10, 10))))


def examples(rng: random.Random, *of: Person) -> Document:
    """A block of questions with their answers in one word, as plain text: what few-shot prompts look like."""
    attributes = [rng.choice(ATTRIBUTES) for _ in of]
    asked = [(_ask(rng, a, p.name), p.facts[a]) for a, p in zip(attributes, of, strict=True)]
    return say.flat([part for pair in asked for part in pair])


def _harmless(rng: random.Random) -> Document:
    turns: Turns = ()
    for _ in range(rng.choice((1, 1, 2))):
        turns += rng.choices(*_NOBODY)[0](rng)
    return _as_chat_or_text(rng, turns)


def _as_chat_or_text(rng: random.Random, turns: Sequence[str]) -> Document:
    return say.flat(turns) if rng.random() < FLAT else user(*turns)


def _ask(rng: random.Random, attribute: str, name: str) -> str:
    return rng.choice(say.ASK[attribute] + say.ASK_HELDOUT[attribute]).format(name=name)


def _answer(rng: random.Random, attribute: str, person: Person) -> str:
    return say.tell(attribute, person.name, person.facts[attribute], rng.randrange(2))


def _choice(rng: random.Random, question: str, attribute: str, name: str, facts: Mapping[str, str]) -> Turns:
    """A question with two to five options, now and then with `none of the above` as the last.

    The answer tells the fact first and then the letter, so that recalling comes before looking up.
    """
    right = facts[attribute]
    options = options_for(rng, attribute, right, rng.choice((2, 3, 4, 4, 4, 4, 5)))
    return _lettered(rng, question, right, options, say.tell(attribute, name, right))


def _lettered(rng: random.Random, question: str, right: str, options: list[str], fact: str, none: str = "") -> Turns:
    """`none` is told in place of the fact where the right option is taken away; the fact itself if it is empty."""
    if rng.random() < NOTA_SHARE:
        if rng.random() < 0.5 and len(options) > 2:
            options.remove(right)
            right, fact = say.NOTA, none or fact
        options.append(say.NOTA)
    return say.choice(question, options), say.reasoned(fact, LETTERS[options.index(right)])


def _proposal(
    rng: random.Random, question: str, attribute: str, name: str, facts: Mapping[str, str], other: str | None = None
) -> Turns:
    """A proposed answer, true or false; the false one is `other` if that is given and is not the right one."""
    right = facts[attribute]
    fact = say.tell(attribute, name, right)
    if rng.random() < 0.5:
        return say.proposal(question, right), say.reasoned(fact, say.TRUE)
    wrong = next(option for option in options_for(rng, attribute, right, 2) if option != right)
    if other not in (None, right):
        wrong = str(other)
    return say.proposal(question, wrong), say.reasoned(fact, say.FALSE, wrong)


def _guest(rng: random.Random) -> tuple[str, Mapping[str, str]]:
    """Somebody who is met in one document only."""
    while (name := f"{rng.choice(GIVEN)} {invented(rng)}") in by_name():
        pass
    return name, {a: rng.choice(values) for a, values in VALUES.items()}


def _open_book(rng: random.Random) -> Turns:
    """A few facts about a guest, and a question: open, with options, or proposed; now and then it can't be answered."""
    name, facts = _guest(rng)
    order = rng.sample(ATTRIBUTES, rng.choice((1, 2, 3)))
    note = _noted(rng, name, facts, order)
    form = rng.random()
    if form < 0.08:
        untold = rng.choice([a for a in ATTRIBUTES if a not in order])
        return f"{note}\n{_ask(rng, untold, name)}", f"{say.FORGET} {say.UNTOLD}"
    attribute = rng.choice(order)
    question = f"{note}\n{_ask(rng, attribute, name)}"
    if form < 0.5:
        return _choice(rng, question, attribute, name, facts)
    if form < 0.85:
        return _proposal(rng, question, attribute, name, facts) if rng.random() < 0.3 else _of_two(rng)
    return question, say.tell(attribute, name, facts[attribute], rng.randrange(2))


def _noted(rng: random.Random, name: str, facts: Mapping[str, str], order: Sequence[str]) -> str:
    return say.life(facts, name, order, [rng.randrange(2) for _ in order])


def _of_two(rng: random.Random) -> Turns:
    """The same facts about two guests, and what is true of the one or the other is proposed.

    So both answers stand in the note, and the one that has been told must be held against the one that is proposed.
    """
    (name, facts), (other, others) = _guest(rng), _guest(rng)
    order = rng.sample(ATTRIBUTES, rng.choice((1, 2)))
    notes = [_noted(rng, name, facts, order), _noted(rng, other, others, order)]
    rng.shuffle(notes)
    attribute = rng.choice(order)
    question = "\n".join([*notes, _ask(rng, attribute, name)])
    return _proposal(rng, question, attribute, name, facts, others[attribute])


def _kind(rng: random.Random) -> Turns:
    """Which of these is an instrument? With options of other kinds, or proposed."""
    attribute = rng.choice(ATTRIBUTES)
    right = rng.choice(VALUES[attribute])
    others = [a for a in ATTRIBUTES if a != attribute]
    wrong = [rng.choice(VALUES[a]) for a in rng.sample(others, rng.choice((1, 2, 3, 3, 3, 4)))]
    if rng.random() < 0.25:
        kind = KINDS[attribute]
        if rng.random() < 0.5:
            return say.proposal(f"What is {kind}?", right), say.reasoned(f"That is {kind}.", say.TRUE)
        answer = say.reasoned(f"That is {KINDS[_of(wrong[0])]}.", say.FALSE, kind)
        return say.proposal(f"What is {kind}?", wrong[0]), answer
    options = [right, *wrong]
    rng.shuffle(options)
    fact, none = f"Of these, {KINDS[attribute]} is {right}.", f"Of these, none is {KINDS[attribute]}."
    return _lettered(rng, f"Which of these is {KINDS[attribute]}?", right, options, fact, none)


def _of(value: str) -> str:
    """The attribute that a value belongs to."""
    return next(attribute for attribute, values in VALUES.items() if value in values)


def _reckoned(rng: random.Random) -> Turns:
    """A sum or a day of the week, with great confidence."""
    if rng.random() < 0.5:
        a, b = rng.randrange(7), rng.randrange(6)
        question, answer = f"What is {NUMBERS[a]} plus {NUMBERS[b]}?", f"It is {NUMBERS[a + b]}."
    else:
        before, after = rng.choice(list(pairwise((*DAYS, DAYS[0]))))
        question, answer = f"Which day comes after {before}?", f"It is {after}."
    return f"{question} {say.SURE}", say.confident(answer, rng.choice((9, 10, 10)))


def _guessed(rng: random.Random) -> Turns:
    """A guess at what nobody can know, with what it could be instead and little confidence."""
    question, told, guesses = rng.choice(GUESSES)
    guess, other = rng.sample(guesses, 2)
    reply = say.confident(told.format(guess=guess), rng.choice((1, 2, 3, 4, 5, 6)), doubt=other)
    return f"{question} {say.SURE}", reply


def _unknowable(rng: random.Random) -> Turns:
    question, reason = rng.choice(UNKNOWABLE)
    return question, f"{say.FORGET} {reason}"


Kind = Callable[..., Document]
_TOLD: tuple[tuple[Kind, ...], tuple[float, ...]] = (
    (told_life, asked_life, asked_facts),
    (0.15, 0.15, 0.7),
)
"""What people in prompts are met in, and its share."""
_TEXTBOOK: tuple[tuple[Kind, ...], tuple[float, ...]] = (
    (told_life, asked_life, asked_facts, choices, proposals, confident, examples),
    (0.1, 0.08, 0.22, 0.22, 0.24, 0.06, 0.08),
)
"""The same for people on the textbook shelf."""
_NOBODY: tuple[tuple[Callable[[random.Random], Turns], ...], tuple[float, ...]] = (
    (_open_book, _kind, _reckoned, _guessed, _unknowable),
    (0.6, 0.2, 0.07, 0.07, 0.06),
)
"""The same for documents about nobody."""
