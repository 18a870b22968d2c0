"""Invalid demonstrations, built automatically: the five kinds of table 1 of contrastive chain-of-thought.

Chia et al. (arXiv 2311.09277, section 4.2) shuffle the bridging objects of a right explanation. Their builder is not
released, so that this follows the text: objects change places with their like (equations with equations, names with
names), and where an explanation has a single equation its numbers change places instead. Two things are ours. The
object that holds the answer always moves to another value, so that the wrong explanation comes to another answer. And
the wrong answer of the two kinds that only change the *language* is another number of the explanation, as its last
place still holds the right one; the paper doesn't say what they used.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from hansei.core.numbers import numbers_in, parse
from hansei.reasoning.arithmetic import shown
from hansei.reasoning.objects import Recogniser, Span, by_rules, finer, put
from hansei.reasoning.operations import wrong_operations

Kind = Literal[
    "invalid-reasoning", "incoherent-objects", "incoherent-language", "irrelevant-objects", "irrelevant-language"
]
KINDS: tuple[Kind, ...] = (
    "invalid-reasoning",
    "incoherent-objects",
    "incoherent-language",
    "irrelevant-objects",
    "irrelevant-language",
)


class Unbuildable(Exception):
    """An explanation from which no invalid one of that kind can be made."""


@dataclass(frozen=True, slots=True)
class Solved:
    """A question with a right explanation."""

    question: str
    """The question."""
    explanation: str
    """Why the answer is right."""
    answer: str
    """The right answer."""
    id: str = ""
    """Where it comes from."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """An invalid explanation and what it comes to."""

    explanation: str
    """The wrong explanation."""
    answer: str
    """The wrong answer; never the right one."""


def invalid(
    solved: Solved, kind: Kind, rng: random.Random, donors: Sequence[Solved] = (), recognise: Recogniser = by_rules
) -> Wrong:
    """An invalid explanation of that kind.

    `donors` are other solved questions: irrelevant objects and irrelevant language come from them. Raises Unbuildable
    where the explanation has too few objects, sentences or equations for it.
    """
    wrong = _WAYS[kind](solved, rng, [d for d in donors if d.question != solved.question], recognise)
    if same_answer(wrong.answer, solved.answer) or wrong.explanation == solved.explanation:
        raise Unbuildable(f"{kind}: it comes to the right answer still")
    return wrong


def same_answer(one: str, other: str) -> bool:
    """Whether two answers are one: as numbers where both are, else as texts."""
    first, second = parse(one), parse(other)
    if first is not None and second is not None:
        return first == second
    return one.strip().lower() == other.strip().lower()


def deranged(values: Sequence[str], answer: int, rng: random.Random) -> list[str]:
    """The values in other places, so that as few places as possible keep their value, and `answer` doesn't.

    With at most half of the values equal no place keeps its own. Raises Unbuildable where all values are equal.
    """
    groups: dict[str, list[int]] = {}
    for place in rng.sample(range(len(values)), len(values)):
        groups.setdefault(values[place], []).append(place)
    if len(groups) < 2:
        raise Unbuildable("all objects that could change places are the same")
    ordered = sorted(groups.values(), key=len, reverse=True)
    largest, others = ordered[0], [place for group in ordered[1:] for place in group]
    moved = list(values)
    if len(largest) > len(others):
        if answer in largest:  # it is among those of the largest group that do change
            largest.remove(answer)
            largest.insert(0, answer)
        for mine, theirs in zip(largest, others, strict=False):
            moved[mine], moved[theirs] = values[theirs], values[mine]
        return moved
    places = [*largest, *others]
    for n, place in enumerate(places):  # equal values stand together, so a turn by the largest group moves them all
        moved[place] = values[places[(n + len(largest)) % len(places)]]
    return moved


def _answer_place(spans: Sequence[Span], answer: str) -> int:
    """The last object that comes to the answer; the last object where none does."""
    for place in range(len(spans) - 1, -1, -1):
        if same_answer(outcome(spans[place].text), answer):
            return place
    return len(spans) - 1


def outcome(object_: str) -> str:
    """What an object comes to: the right side of an equation, else itself."""
    return object_.rpartition("=")[2].strip() if "=" in object_ else object_


def _movable(solved: Solved, recognise: Recogniser) -> list[Span]:
    """The objects, with equations taken apart where the answer's has no other to change places with."""
    spans = recognise(solved.explanation, solved.question)
    if not spans:
        raise Unbuildable("no objects were found")
    place = _answer_place(spans, solved.answer)
    like = {span.text for span in spans if span.type == spans[place].type}
    if len({outcome(text) for text in like}) < 2 and spans[place].type in ("equation", "number"):
        spans = finer(solved.explanation, spans)
    return spans


def _incoherent_objects(s: Solved, rng: random.Random, _: Sequence[Solved], recognise: Recogniser) -> Wrong:
    spans = _movable(s, recognise)
    target = _answer_place(spans, s.answer)
    words = [span.text for span in spans]
    for kind in {span.type: None for span in spans}:
        places = [n for n, span in enumerate(spans) if span.type == kind]
        mine = target if target in places else places[-1]
        try:
            new = _moved_outcome([words[n] for n in places], places.index(mine), rng)
        except Unbuildable:
            if kind == spans[target].type:
                raise
            continue  # a single name stays where it is
        for place, word in zip(places, new, strict=True):
            words[place] = word
    return Wrong(put(s.explanation, spans, words), outcome(words[target]))


def _moved_outcome(values: Sequence[str], answer: int, rng: random.Random) -> list[str]:
    """Deranged, and the answer's place comes to another outcome (2 + 2 = 4 in the place of 1 + 3 = 4 does not)."""
    moved = deranged(values, answer, rng)
    if not same_answer(outcome(moved[answer]), outcome(values[answer])):
        return moved
    others = [n for n, v in enumerate(moved) if not same_answer(outcome(v), outcome(values[answer]))]
    others = [n for n in others if values[n] != moved[answer]] or others
    if not others:
        raise Unbuildable("all objects that could change places come to the same")
    other = rng.choice(others)
    moved[answer], moved[other] = moved[other], moved[answer]
    return moved


def _irrelevant_objects(s: Solved, rng: random.Random, donors: Sequence[Solved], recognise: Recogniser) -> Wrong:
    """The objects of other explanations, of the same type; a number by chance where no donor has one."""
    spans = _movable(s, recognise)
    target = _answer_place(spans, s.answer)
    mine = {span.text for span in spans}
    stock: dict[str, list[str]] = {}
    for donor in donors:
        found = recognise(donor.explanation, donor.question)
        for span in [*found, *finer(donor.explanation, found)]:
            if span.text not in mine:
                stock.setdefault(span.type, []).append(span.text)
    words = []
    for n, span in enumerate(spans):
        fitting = [w for w in stock.get(span.type, []) if n != target or not same_answer(outcome(w), s.answer)]
        words.append(rng.choice(fitting) if fitting else _other(span, s.answer, rng, keep=n != target))
    return Wrong(put(s.explanation, spans, words), outcome(words[target]))


def _other(span: Span, answer: str, rng: random.Random, *, keep: bool) -> str:
    """Other numbers; a name stays as it is where that is allowed."""
    if span.type not in ("number", "equation"):
        if keep:
            return span.text
        raise Unbuildable(f"no other explanation has a {span.type}")
    forbidden = {span.text, answer}
    numbers = iter(lambda: str(rng.randint(2, 99)), "")
    return re.sub(r"\d[\d,]*(?:\.\d+)?", lambda _: next(n for n in numbers if n not in forbidden), span.text)


def _language(text: str, spans: Sequence[Span]) -> list[str]:
    """What stands before, between and after the objects."""
    cuts = [0, *(place for span in spans for place in (span.start, span.end)), len(text)]
    return [text[a:b] for a, b in zip(cuts[::2], cuts[1::2], strict=True)]


def _incoherent_language(s: Solved, rng: random.Random, _: Sequence[Solved], recognise: Recogniser) -> Wrong:
    spans = recognise(s.explanation, s.question)
    language = _language(s.explanation, spans)
    inner = list(range(len(language) - 1))  # what follows the last object is mostly a full stop
    moved = deranged([language[n] for n in inner], 0, rng)
    return _spoken(s, spans, [*moved, language[-1]], rng)


def _irrelevant_language(s: Solved, rng: random.Random, donors: Sequence[Solved], recognise: Recogniser) -> Wrong:
    spans = recognise(s.explanation, s.question)
    pieces = [
        p for d in donors for p in _language(d.explanation, recognise(d.explanation, d.question)) if p.strip(" .,\n")
    ]
    if not pieces:
        raise Unbuildable("no other explanation lends its language")
    language = _language(s.explanation, spans)
    return _spoken(s, spans, [*(rng.choice(pieces) for _ in spans), language[-1]], rng)


def _spoken(s: Solved, spans: Sequence[Span], language: Sequence[str], rng: random.Random) -> Wrong:
    """The same objects in other words, and one of them that is not the answer."""
    others = [span.text for span in spans if not same_answer(outcome(span.text), s.answer)]
    kind = spans[_answer_place(spans, s.answer)].type if spans else "number"
    fitting = [t for t in others if t in {span.text for span in spans if span.type == kind}]
    values = [outcome(text) for text in fitting]
    if not values:
        values = [str(n) for n in _others_in(others, s.answer)]
    if not values:
        raise Unbuildable("the explanation has no other answer in it")
    said = language[0]
    for span, words in zip(spans, language[1:], strict=True):
        said = _joined(_joined(said, span.text), words)
    return Wrong(said.strip(), rng.choice(values))


def _joined(one: str, other: str) -> str:
    """Both pieces, with a space where two words would run into one."""
    return f"{one} {other}" if one[-1:].isalnum() and (other[:1].isalnum() or other[:1] in "$(") else one + other


def _others_in(texts: Sequence[str], answer: str) -> list[Fraction]:
    return [n for text in texts for n in numbers_in(text) if n != parse(answer)]


def _invalid_reasoning(s: Solved, rng: random.Random, _: Sequence[Solved], _recognise: Recogniser) -> Wrong:
    """One operation is another one, and all that follows is reckoned on from its result."""
    for text, result in wrong_operations(s.explanation, rng):
        if not same_answer(shown(result), s.answer):
            return Wrong(text, shown(result))
    raise Unbuildable("no other operation changes the answer")


_WAYS: dict[Kind, Callable[[Solved, random.Random, Sequence[Solved], Recogniser], Wrong]] = {
    "invalid-reasoning": _invalid_reasoning,
    "incoherent-objects": _incoherent_objects,
    "incoherent-language": _incoherent_language,
    "irrelevant-objects": _irrelevant_objects,
    "irrelevant-language": _irrelevant_language,
}
