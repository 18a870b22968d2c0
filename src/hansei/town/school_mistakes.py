"""Wrong solutions of school problems, as the base meets them under `Wrong explanation:`.

Five kinds, after the taxonomy of invalid demonstrations in Wang et al. (arXiv 2212.10001) that contrastive
chain-of-thought uses: bridging objects are the numbers of a solution, its language is what stands around them. These
know how a solution is made; `reasoning/invalid.py` makes such from any text.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence

from hansei.town.school import EVENTS, LARGEST, Problem

MISTAKES = (
    "invalid reasoning",
    "incoherent objects",
    "incoherent language",
    "irrelevant objects",
    "irrelevant language",
)
OTHER_WORDS = ("In an hour", "On the way", "By the sea", "In the rain", "At the inn", "Up the hill")
_STEP = re.compile(r"(?P<words>[^:.]+): (?P<left>\d+) (?P<sign>[-+x/]) (?P<right>\d+) = (?P<result>\d+)\.")
_NUMBER = re.compile(r"\d+")


def mistaken(rng: random.Random, problem: Problem, mistake: str) -> tuple[str, str]:
    """A wrong explanation of that kind and a wrong answer, never the right one.

    Where the numbers were changed, the answer is the last of them; where the words were, it is some number on the way.
    """
    while True:
        wrong = _WAYS[mistake](rng, problem.worked)
        numbers = _NUMBER.findall(wrong)
        answer = rng.choice(numbers) if mistake.endswith("language") else numbers[-1]
        if answer != str(problem.answer):
            return wrong, answer


INSTEAD = {"packs": "find", "use": "give"}
"""What a hasty writer takes an event for: packs are counted once, and of several days the first."""


def hasty(problem: Problem) -> str | None:
    """The solution of a writer who skips products; the right one where there are none.

    None where the count then leaves 1 to LARGEST or can't be shared out.
    """
    said, count, numbers = [], problem.numbers[0], iter(problem.numbers[1:])
    for name in problem.kind:
        given = [next(numbers) for _ in EVENTS[name].slots]
        event = EVENTS[INSTEAD.get(name, name)]
        x = given[0]
        if name == "share" and count % x:
            return None
        after = event.apply(count, x)
        if not 1 <= after <= LARGEST:
            return None
        said.append(event.worked.format(t=count, x=x, r=after))
        count = after
    return " ".join(said)


def slip(rng: random.Random, worked: str) -> str:
    """One equation with the wrong sign; what follows is reckoned on from its wrong result.

    Every equation is true in itself and stays from 1 to LARGEST, and the last result is another one than before; where
    no sign allows that (2 x 2, 2 + 2), the last result is off by a few.
    """
    steps: list[dict[str, str]] = [match.groupdict() for match in _STEP.finditer(worked)]
    ways = [(place, sign) for place, step in enumerate(steps) for sign in "+-x" if sign != step["sign"]]
    for place, sign in rng.sample(ways, len(ways)):
        said = _carried(steps, place, sign)
        if said is not None and _NUMBER.findall(said)[-1] != steps[-1]["result"]:
            return said
    off = [int(steps[-1]["result"]) + d for d in (-3, -2, -1, 1, 2, 3)]
    wrong = str(rng.choice([n for n in off if 1 <= n <= LARGEST]))
    return f"{worked.rstrip('.').rpartition(' ')[0]} {wrong}."


def _carried(steps: Sequence[Mapping[str, str]], wrong: int, sign: str) -> str | None:
    """The steps with another sign in one of them, and all after it reckoned on; None where a count leaves its range."""
    said, instead = [], dict[str, str]()
    for place, step in enumerate(steps):
        left, right = (instead.get(step[side], step[side]) for side in ("left", "right"))
        mark = sign if place == wrong else step["sign"]
        result = _reckon(int(left), mark, int(right))
        if result is None:
            return None
        if place >= wrong:
            instead[step["result"]] = str(result)
        said.append(f"{step['words'].strip()}: {left} {mark} {right} = {result}.")
    return " ".join(said)


def _reckon(left: int, sign: str, right: int) -> int | None:
    """The result, if it is a whole number from 1 to LARGEST."""
    if sign == "/":
        return left // right if left % right == 0 else None
    result = {"+": left + right, "-": left - right, "x": left * right}[sign]
    return result if 1 <= result <= LARGEST else None


def _objects_moved(rng: random.Random, worked: str) -> str:
    numbers = _NUMBER.findall(worked)
    rng.shuffle(numbers)
    return _NUMBER.sub(lambda _: numbers.pop(), worked)


def _objects_replaced(rng: random.Random, worked: str) -> str:
    return _NUMBER.sub(lambda _: str(rng.randint(1, LARGEST)), worked)


def _words_moved(rng: random.Random, worked: str) -> str:
    said = [match["words"].strip() for match in _STEP.finditer(worked)]
    if len(set(said)) < 2:
        return _words_replaced(rng, worked)
    turned = said[1:] + said[:1]
    return _STEP.sub(lambda match: f" {turned.pop(0)}{match[0][len(match['words']) :]}", worked).strip()


def _words_replaced(rng: random.Random, worked: str) -> str:
    return _STEP.sub(lambda match: f" {rng.choice(OTHER_WORDS)}{match[0][len(match['words']) :]}", worked).strip()


_WAYS: dict[str, Callable[[random.Random, str], str]] = dict(
    zip(MISTAKES, (slip, _objects_moved, _words_moved, _objects_replaced, _words_replaced), strict=True)
)
