"""The school: word problems of one to four steps about things that somebody has, with worked solutions.

A problem is a start and one to three events, each of which changes the count by a known rule: its kind is the
sequence of its events (132 kinds), and its numbers are sampled so that every intermediate count is from 1 to 30.
Numbers that nobody needs are mentioned now and then, and the start may be told last, so that the numbers of a text
are not the numbers of its solution in their order.

Problems are split by their numbers and by wording: what `heldout` asks is in no text that the base grew up on. Kinds
on the textbook shelf are those whose templates the base has met; of the others it has met solved problems only.
"""

from __future__ import annotations

import hashlib
import itertools
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from hansei.core.records import Prompt, Split, user

LARGEST = 30
"""Largest number in a problem or its solution: each is a single token of the base."""
TRIES = 100_000
LETTERS = "abcdefg"
NAMES = ("Ann", "Ben", "Eva", "Ida", "Leo", "Max", "Tom", "Una", "Kim", "Sam", "Pia", "Jon")
THINGS = ("pens", "nuts", "figs", "eggs", "cups", "hats", "keys", "coins", "shells", "stones", "books", "cards")
START = ("{who} has {a} {things}.", "There are {a} {things} with {who}.")
LATE = "At the start {who} had {a} {things}."
"""The start, where it is told last."""
IDLE = ("{who} is {n} years old.", "It is day {n} of the year.", "{other} lives in house {n}.")
"""Sentences with a number that nobody needs."""
ASK = ("How many {things} now?", "How many has {who} now?")


@dataclass(frozen=True, slots=True)
class Event:
    """Something that changes the count."""

    slots: tuple[str, ...]
    """What its numbers are."""
    told: tuple[str, ...]
    """Sentences that tell it; the last one is asked on `heldout` only."""
    worked: str
    """Its part of a solution: t is the count before, p a product on the way, r the count after."""
    steps: str
    """The same as a template says it: letters for the event's numbers, t for the count and p for a product."""
    program: str
    """The same as statements of Python."""
    numbers: Callable[[random.Random, int], tuple[int, ...]]
    """Numbers that leave the count from 1 to LARGEST; raises _NoNumber where there are none."""
    apply: Callable[..., int]
    """The count after."""


class _NoNumber(Exception):
    """No number fits an event here."""


def _within(rng: random.Random, low: int, high: int) -> int:
    if high < low:
        raise _NoNumber
    return rng.randint(low, high)


def _product(rng: random.Random, most: int) -> tuple[int, ...]:
    x = _within(rng, 2, min(9, most // 2))
    return x, _within(rng, 2, min(9, most // x))


def _divisor(rng: random.Random, t: int) -> tuple[int, ...]:
    fitting = [d for d in range(2, 10) if t % d == 0]
    if not fitting:
        raise _NoNumber
    return (rng.choice(fitting),)


EVENTS: Mapping[str, Event] = {
    "find": Event(
        ("more",),
        ("{who} finds {x} more.", "{other} gives {x} {things} to {who}.", "Then {who} gets {x} in addition."),
        "With {x} more: {t} + {x} = {r}.",
        "With {x} more: t + {x}.",
        "t = t + {x}",
        lambda rng, t: (_within(rng, 2, LARGEST - t),),
        lambda t, x: t + x,
    ),
    "give": Event(
        ("gone",),
        ("{who} gives {x} to {other}.", "{who} loses {x} of the {things}.", "Then {x} {things} are taken by {other}."),
        "With {x} gone: {t} - {x} = {r}.",
        "With {x} gone: t - {x}.",
        "t = t - {x}",
        lambda rng, t: (_within(rng, 2, t - 1),),
        lambda t, x: t - x,
    ),
    "packs": Event(
        ("packs", "in each"),
        (
            "{who} buys {x} boxes of {y} {things}.",
            "With {y} {things} in each, {who} gets {x} bags.",
            "{other} brings {x} sacks with {y} {things} each.",
        ),
        "With {x} packs, {y} in each: {x} x {y} = {p}. With {p} more: {t} + {p} = {r}.",
        "With {x} packs, {y} in each: {x} x {y} = p. With p more: t + p.",
        "p = {x} * {y}; t = t + p",
        lambda rng, t: _product(rng, LARGEST - t),
        lambda t, x, y: t + x * y,
    ),
    "use": Event(
        ("a day", "days"),
        (
            "{who} uses {x} a day for {y} days.",
            "On each of {y} days {who} sells {x}.",
            "For {y} days {who} needs {x} each day.",
        ),
        "With {x} a day, {y} days: {x} x {y} = {p}. With {p} gone: {t} - {p} = {r}.",
        "With {x} a day, {y} days: {x} x {y} = p. With p gone: t - p.",
        "p = {x} * {y}; t = t - p",
        lambda rng, t: _product(rng, t - 1),
        lambda t, x, y: t - x * y,
    ),
    "times": Event(
        ("fold",),
        ("A fairy turns each one into {x}.", "The {things} become {x} times as many.", "Now each counts for {x}."),
        "With {x} fold: {t} x {x} = {r}.",
        "With {x} fold: t x {x}.",
        "t = t * {x}",
        lambda rng, t: (_within(rng, 2, min(9, LARGEST // t)),),
        lambda t, x: t * x,
    ),
    "share": Event(
        ("parts",),
        (
            "{who} makes {x} equal heaps and keeps one.",
            "{who} and others, {x} in all, share them evenly.",
            "All are dealt out evenly to {x} people, and {who} is one.",
        ),
        "With {x} parts: {t} / {x} = {r}.",
        "With {x} parts: t / {x}.",
        "t = t // {x}",
        _divisor,
        lambda t, x: t // x,
    ),
}
"""The events; what each is called is a word of the town."""
Kind = tuple[str, ...]
"""Names of events, in order."""


def steps_of(kind: Kind) -> int:
    """Equations in a worked solution."""
    return sum(len(EVENTS[name].slots) for name in kind)


@cache
def kinds() -> tuple[Kind, ...]:
    """All kinds of one to four steps with one to three events, none twice."""
    found = [kind for n in (1, 2, 3) for kind in itertools.permutations(EVENTS, n) if steps_of(kind) <= 4]
    return tuple(sorted(found, key=lambda kind: (steps_of(kind), kind)))


@cache
def textbook() -> frozenset[Kind]:
    """Two kinds of three, and all of one event: those whose templates the base has met."""
    rng = random.Random("school textbook")
    return frozenset(kind for kind in kinds() if len(kind) == 1 or rng.random() < 2 / 3)


@dataclass(frozen=True, slots=True)
class Problem:
    """A word problem and all that is known about it."""

    kind: Kind
    """Its events."""
    numbers: tuple[int, ...]
    """The start, then each event's numbers: the values of the letters a, b, c … of its template."""
    question: str
    """Its text."""
    worked: str
    """Its solution, an equation a step."""
    answer: int
    """The count in the end."""
    told: tuple[int, ...]
    """Which wording each event has."""

    def truth(self) -> dict[str, Any]:
        """What the exact judge needs to know."""
        return {
            "kind": list(self.kind),
            "numbers": list(self.numbers),
            "worked": self.worked,
            "answer": self.answer,
            "answers": [str(self.answer)],
        }


def split_of(kind: Kind, numbers: Sequence[int]) -> Split:
    """Which split a problem belongs to, by a hash of its kind and numbers: 80% train, 5% validation, 15% heldout."""
    digest = hashlib.sha256(f"{kind} {list(numbers)}".encode()).digest()
    place = int.from_bytes(digest[:4], "big") % 100
    return "train" if place < 80 else "validation" if place < 85 else "heldout"


def sample(rng: random.Random, kind: Kind, split: Split, *, told: int | None = None) -> Problem:
    """A problem of that kind and split; `told` chooses one wording for all events, or chance does.

    Raises ValueError where there is no such problem, as far as TRIES can tell.
    """
    for _ in range(TRIES):
        try:
            start = rng.randint(2, LARGEST - 2)
            events, count = [], start
            for name in kind:
                numbers = EVENTS[name].numbers(rng, count)
                count = EVENTS[name].apply(count, *numbers)
                events.append(numbers)
        except _NoNumber:
            continue  # no number fits that event here: another start
        numbers = (start, *itertools.chain(*events))
        if count <= LARGEST and split_of(kind, numbers) == split:
            return _told(rng, kind, events, start, told)
    raise ValueError(f"no problem of the kind {kind} and the split {split} was found")


def _told(rng: random.Random, kind: Kind, events: Sequence[tuple[int, ...]], start: int, told: int | None) -> Problem:
    who, other = rng.sample(NAMES, 2)
    words = {"who": who, "other": other, "things": rng.choice(THINGS)}
    forms = tuple(rng.randrange(3) if told is None else told for _ in kind)
    sentences, worked, count = [], [], start
    for name, numbers, form in zip(kind, events, forms, strict=True):
        event, named = EVENTS[name], dict(zip("xy", numbers, strict=False))
        sentences.append(event.told[form].format(**words, **named))
        after = event.apply(count, *numbers)
        worked.append(event.worked.format(t=count, r=after, p=abs(after - count), **named))
        count = after
    if rng.random() < 0.25:
        sentences.append(LATE.format(a=start, **words))
    else:
        sentences.insert(0, rng.choice(START).format(a=start, **words))
    if rng.random() < 0.3:
        idle = rng.choice(IDLE).format(n=rng.randint(2, LARGEST), **words)
        sentences.insert(rng.randrange(len(sentences) + 1), idle)
    question = " ".join([*sentences, rng.choice(ASK).format(**words)])
    return Problem(kind, (start, *itertools.chain(*events)), question, " ".join(worked), count, forms)


def any_kind(rng: random.Random, *, among: Sequence[Kind] | None = None) -> Kind:
    """A kind, each number of steps as often as any other."""
    steps = rng.choice((1, 2, 3, 4))
    return rng.choice([kind for kind in among or kinds() if steps_of(kind) == steps])


def prompts(split: Split, count: int, *, seed: int = 0, told: int | None = None) -> list[Prompt]:
    """`count` problems of a split, a quarter each of one to four steps; kinds and wordings by chance.

    No two have the same text. Where `told` is not given, `heldout` is asked in all wordings and the other splits in
    the first two.
    """
    rng = random.Random(f"school {split} {seed}")
    found: dict[str, Prompt] = {}
    while len(found) < count:
        steps = len(found) % 4 + 1
        kind = rng.choice([k for k in kinds() if steps_of(k) == steps])
        form = told if told is not None else None if split == "heldout" else rng.randrange(2)
        problem = sample(rng, kind, split, told=form)
        if problem.question in found:
            continue
        tags = {
            "suite": "school",
            "entity": f"{'-'.join(kind)} {' '.join(map(str, problem.numbers))}",
            "kind": "-".join(kind),
            "steps": str(steps),
            "shelf": "textbook" if kind in textbook() else "other",
            "phrasing": "heldout" if 2 in problem.told else "train",
        }
        found[problem.question] = Prompt(
            id=f"school/{split}/{seed}/{len(found)}",
            messages=user(problem.question),
            split=split,
            expected="answer",
            tags=tags,
            truth=problem.truth(),
            reference=str(problem.answer),
        )
    return list(found.values())
