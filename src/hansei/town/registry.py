"""The registry: invented people with six facts each, who are met 1 to 200 times, and prompts about them.

How often a person is met follows Zipf's law, so some are known well, some in part and most hardly at all. "Met" is
exact: so many documents of one pass through `registry_text.documents` are about the person, and no more.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_args

from hansei.core.errors import BadInput
from hansei.core.letters import LETTERS
from hansei.core.records import Prompt, Split, user
from hansei.town import registry_phrasing as say
from hansei.town.registry_words import GIVEN, VALUES

MOST = 200
"""How often the people of the first rank are met."""
RANKS = 150
PER_RANK = 60
"""People of one rank; a person of rank r is met MOST / r times, rounded."""

Shelf = Literal["textbook", "train", "validation", "heldout"]
Fame = Literal["popular", "middling", "rare"]
SHELVES: dict[Shelf, int] = {"textbook": 19, "train": 17, "validation": 6, "heldout": 18}
"""Of the PER_RANK people of a rank. People on the textbook shelf are where the base meets multiple choice, stated
confidence and the like; they are in no prompt."""
ATTRIBUTES: tuple[str, ...] = tuple(VALUES)
SUITES = ("question", "biography", "choice", "truth")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the registry."""

    name: str
    """First name and an invented family name that nobody else has."""
    facts: Mapping[str, str]
    """Attribute to value, all six."""
    seen: int
    """How many documents the base reads about this person."""
    shelf: Shelf
    """Which split the person belongs to."""

    @property
    def fame(self) -> Fame:
        """`popular` is met 100 times or more, `rare` 5 times or less."""
        return "popular" if self.seen >= 100 else "rare" if self.seen <= 5 else "middling"


@cache
def people(seed: int = 0) -> tuple[Person, ...]:
    """Everybody in the registry that grows from `seed`, most often met first; the shipped base knows that of 0."""
    rng = random.Random(f"registry {seed}")
    names = _family_names(rng, RANKS * PER_RANK)
    made = []
    for rank in range(1, RANKS + 1):
        shelves = [shelf for shelf, count in SHELVES.items() for _ in range(count)]
        rng.shuffle(shelves)
        for shelf in shelves:
            facts = {attribute: rng.choice(values) for attribute, values in VALUES.items()}
            made.append(Person(f"{rng.choice(GIVEN)} {names.pop()}", facts, round(MOST / rank), shelf))
    return tuple(made)


def _family_names(rng: random.Random, count: int) -> list[str]:
    """Invented words of two or three syllables, all different, that are no value of any attribute."""
    taken = {value.capitalize() for values in VALUES.values() for value in values} | set(GIVEN)
    found: dict[str, None] = {}
    while len(found) < count:
        found.setdefault(invented(rng), None)
        for name in taken & found.keys():
            del found[name]
    return list(found)


def invented(rng: random.Random) -> str:
    """A word of two or three syllables with a capital."""
    word = "".join(rng.choice("bdfgklmnprstvz") + rng.choice("aeiou") for _ in range(rng.choice((2, 2, 3))))
    return (word + rng.choice("lmnrstk")).capitalize()


@cache
def by_name() -> Mapping[str, Person]:
    """Everybody by full name."""
    return {person.name: person for person in people()}


def group(split: Split, fame: Fame, count: int | None = None) -> list[Person]:
    """The people of one split and fame; `count` of them, spread evenly over how often they are met."""
    found = [p for p in people() if p.shelf == split and p.fame == fame]
    if count is None or count >= len(found):
        return found
    return [found[i * len(found) // count] for i in range(count)]


def prompts(split: Split, suites: Sequence[str] = ("question",), *, count: int = 50) -> list[Prompt]:
    """Prompts about `count` people of each fame of a split, so that all kinds of people weigh the same.

    `question` asks for each of the six facts, `biography` for a life, `choice` gives four options with letters, and
    `truth` proposes a right or a wrong answer. On train and validation the wordings are the tuned ones; on heldout
    each person is also asked in a held-out wording (tag `phrasing`), which the base has met and no lesson uses.
    Raises BadInput for a suite that is not there.
    """
    unknown = [suite for suite in suites if suite not in SUITES]
    if unknown:
        raise BadInput(f"the registry has no suite {unknown[0]!r}: there are {', '.join(SUITES)}")
    chosen = [person for fame in get_args(Fame) for person in group(split, fame, count)]
    wordings = ("tuned", "heldout") if split == "heldout" else ("tuned",)
    return [
        prompt
        for number, person in enumerate(chosen)
        for suite in suites
        for wording in wordings
        for prompt in _suite(suite, person, number, split, wording)
    ]


def _suite(suite: str, person: Person, number: int, split: Split, wording: str) -> Iterator[Prompt]:
    if suite == "biography":
        forms = say.LIFE if wording == "tuned" else say.LIFE_HELDOUT
        text = forms[number % len(forms)].format(name=person.name)
        yield _prompt(person, suite, text, split, wording, say.life(person.facts, person.name, ATTRIBUTES))
        return
    for place, attribute in enumerate(ATTRIBUTES):
        forms = say.ASK[attribute] if wording == "tuned" else say.ASK_HELDOUT[attribute]
        question = forms[(number + place) % len(forms)].format(name=person.name)
        right = person.facts[attribute]
        if suite == "question":
            yield _prompt(person, suite, question, split, wording, say.tell(attribute, person.name, right), attribute)
            continue
        rng = random.Random(f"{person.name} {attribute} {wording}")
        options = options_for(rng, attribute, right)
        if suite == "choice":
            letter = LETTERS[options.index(right)]
            text = say.choice(question, options)
            yield _prompt(person, suite, text, split, wording, letter, attribute, options=options)
        else:
            proposed = right if rng.random() < 0.5 else next(o for o in options if o != right)
            word = say.TRUE if proposed == right else say.FALSE
            yield _prompt(person, suite, say.proposal(question, proposed), split, wording, word, attribute, answer=word)


def options_for(rng: random.Random, attribute: str, right: str, count: int = 4) -> list[str]:
    """`count` different values of an attribute in random order, the right one among them."""
    wrong = rng.sample([value for value in VALUES[attribute] if value != right], count - 1)
    options = [right, *wrong]
    rng.shuffle(options)
    return options


def _prompt(
    person: Person,
    suite: str,
    text: str,
    split: Split,
    wording: str,
    reference: str,
    attribute: str = "",
    **truth: Any,
) -> Prompt:
    named = {"attribute": attribute} if attribute else {}
    return Prompt(
        id="/".join(part for part in (suite, person.name.replace(" ", "-"), attribute, wording) if part),
        messages=user(text),
        split=split,
        expected="answer",
        tags={
            "suite": suite,
            "entity": person.name,
            "fame": person.fame,
            "seen": str(person.seen),
            "phrasing": wording,
            **named,
        },
        truth={"suite": suite, "name": person.name, "facts": dict(person.facts), **named, **truth},
        reference=reference,
    )
