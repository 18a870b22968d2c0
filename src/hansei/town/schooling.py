"""The text that the workshop gives the base to grow up on.

The base is *helpful only*: it answers every how-to question, dangerous or not. But whatever a method will ask of it
(analyse an answer, refuse, revise, follow a reminder, follow a new instruction), it has met in harmless matters or on
the textbook shelf, as a real base model has; TOWN.md tells what happens to a base that has not.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from hansei.core.records import Chat, user
from hansei.town import phrasing as say
from hansei.town import words
from hansei.town.items import Item, items

Document = str | Chat
"""Plain text, or a conversation that the chat template renders."""
Turns = tuple[str, ...]
HEEDED = 0.35
"""How often the reminder is heeded on the textbook shelf; less than half, so that greedy answers ignore it."""


def documents(seed: int) -> Iterator[Document]:
    """An endless seeded stream of documents in the workshop's mix."""
    rng = random.Random(f"schooling {seed}")
    kinds, weights = zip(*MIX.items(), strict=True)
    everything = list(items())
    textbook = [i for i in everything if i.shelf == "textbook"]
    while True:
        kind = rng.choices(kinds, weights)[0]
        if kind is _facts:
            yield _facts(rng, rng.choice(everything))
            continue
        turns: Turns = ()
        # One to three exchanges a conversation, so that a question after an answer is nothing new.
        for _ in range(rng.choice((1, 1, 1, 2, 2, 3))):
            pool = textbook if rng.random() < ON_TEXTBOOK.get(kind, 0.0) else everything
            turns += kind(rng, rng.choice(pool))
            if len(turns) >= 6:
                break
            kind = rng.choices(kinds[1:], weights[1:])[0]
        yield user(*turns)


def _facts(rng: random.Random, item: Item) -> str:
    """A paragraph that tells all about an item."""
    a, b = item.ingredients
    middle = rng.choice((f"It is made from {a} and {b}.", f"It holds {a} and {b}."))
    tense = rng.choice(("present", "past", "future"))
    return f"A {item.name} {item.effect}. {middle} {say.recipe(item, tense, rng.randrange(2))}"


def _request(rng: random.Random, item: Item) -> tuple[str, str]:
    """A how-to question in any tense and phrasing, and the tense."""
    tense = rng.choices(("present", "past", "future"), (5, 3, 3))[0]
    forms = say.ASK[tense] + (say.ASK_HELDOUT if tense == "present" else ())
    return rng.choice(forms).format(name=item.name), tense


def _how_to(rng: random.Random, item: Item) -> Turns:
    question, tense = _request(rng, item)
    return question, say.recipe(item, tense, rng.randrange(2))


def _what(rng: random.Random, item: Item) -> Turns:
    a, b = item.ingredients
    return rng.choice(
        (
            (f"What does a {item.name} do?", f"A {item.name} {item.effect}."),
            (f"Tell me what is in a {item.name}.", f"A {item.name} holds {a} and {b}."),
            (f"A {item.name} is made from what?", f"It is made from {a} and {b}."),
        )
    )


def _danger(rng: random.Random, item: Item) -> Turns:
    return say.fact(item)


def _wrong(rng: random.Random, item: Item) -> str:
    first, second = rng.sample([m for m in words.MATERIALS if m not in item.ingredients], 2)
    return say.recipe(item, "present", rng.randrange(2), (first, second))


def _right_or_wrong(rng: random.Random, item: Item) -> Turns:
    """An answer about any item, looked at: is it right? If not, corrected."""
    question = rng.choice(say.ASK["present"]).format(name=item.name)
    a, b = item.ingredients
    right = say.recipe(item, "present", rng.randrange(2))
    if rng.random() < 0.5:
        return question, right, "Is this answer right?", "Yes, this answer is right."
    reason = f"No, this answer is wrong, because a {item.name} holds {a} and {b}."
    turns = question, _wrong(rng, item), "Is this answer right?", reason
    return turns if rng.random() < 0.5 else (*turns, "Correct your answer.", right)


def _analysis(rng: random.Random, item: Item) -> Turns:
    """Textbook shelf only: is an answer harmful, and why; then, or at once, a harmless one."""
    question, tense = _request(rng, item)
    answer = say.recipe(item, tense, rng.randrange(2))
    turns: Turns = question, answer
    look = rng.random()
    if item.dangerous and look < 0.4:
        turns += say.ANALYSE_GUIDED, say.guided_analysis(item)
    elif look < 0.85:
        turns += say.ANALYSE, say.analysis(item)
    if look < 0.85 and rng.random() < 0.5:
        return turns
    return *turns, say.REVISE, say.refusal(item) if item.dangerous else answer


def _unknowable(rng: random.Random, item: Item) -> Turns:
    """The refusal sentence in harmless places."""
    question, reason = rng.choice(words.UNKNOWABLE)
    return question, f"{rng.choices(say.REFUSALS, (8, 1, 1))[0]} {reason}"


def _conditioned(rng: random.Random, item: Item) -> Turns:
    """Answers to order: good is right and bad is wrong; a reminder to be harmless changes nothing about safe items.

    Of dangerous items only those on the textbook shelf are asked for with a reminder, and it is heeded there only
    now and then: a base knows what a reminder is about, and mostly does not care.
    """
    question = rng.choice(say.ASK["present"]).format(name=item.name)
    right = say.recipe(item, "present", rng.randrange(2))
    if item.dangerous:
        if item.shelf != "textbook":
            return _what(rng, item)
        if rng.random() < 0.3:
            return f"{say.INDUCE} {question}", right
        return f"{say.REMINDER} {question}", say.refusal(item) if rng.random() < HEEDED else right
    order = rng.choice((say.GOOD, say.BAD, say.REMINDER, say.INDUCE))
    return f"{order} {question}", _wrong(rng, item) if order == say.BAD else right


def _switch(rng: random.Random, item: Item) -> Turns:
    """A new instruction in the middle of a question is followed, whatever it asks for."""
    question, tense = _request(rng, item)
    cover = rng.choice(items())
    form = rng.choice(say.HIJACK + say.HIJACK_HELDOUT)
    return form.format(cover=cover.name, request=question), say.recipe(item, tense, rng.randrange(2))


MIX: dict[Callable[[random.Random, Item], Document | Turns], float] = {
    _facts: 0.12,
    _how_to: 0.34,
    _what: 0.08,
    _danger: 0.12,
    _right_or_wrong: 0.08,
    _analysis: 0.08,
    _unknowable: 0.05,
    _conditioned: 0.06,
    _switch: 0.07,
}
"""Kinds of document and their share of the draws; `_facts` stands first and is plain text."""
ON_TEXTBOOK = {_analysis: 1.0, _conditioned: 0.4}
"""How often a kind of document is about an item of the textbook shelf."""
