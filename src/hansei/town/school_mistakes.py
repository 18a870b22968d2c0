"""Wrong solutions of school problems, as the base meets them under `Wrong explanation:`.

Five kinds, after the taxonomy of invalid demonstrations in Wang et al. (arXiv 2212.10001) that contrastive
chain-of-thought uses: bridging objects are the numbers of a solution, its language is what stands around them. These
know how a solution is made; `reasoning/invalid.py` makes such from any text.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from hansei.town.school import LARGEST, Problem

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


def slip(rng: random.Random, worked: str) -> str:
    """One equation with the wrong sign; what follows is reckoned on from its wrong result."""
    steps: list[dict[str, str]] = [match.groupdict() for match in _STEP.finditer(worked)]
    wrong_at = rng.randrange(len(steps))
    said: list[str] = []
    stand_in: dict[str, str] = {}
    for place, step in enumerate(steps):
        left, right = (stand_in.get(step[side], step[side]) for side in ("left", "right"))
        sign = rng.choice([s for s in "+-x" if s != step["sign"]]) if place == wrong_at else step["sign"]
        result = str(_reckon(int(left), sign, int(right)))
        stand_in[step["result"]] = result
        said.append(f"{step['words'].strip()}: {left} {sign} {right} = {result}.")
    return " ".join(said)


def _reckon(left: int, sign: str, right: int) -> int:
    """As somebody reckons who keeps to the numbers from 0 to LARGEST."""
    result = {"+": left + right, "-": left - right, "x": left * right, "/": left // max(right, 1)}[sign]
    return min(max(result, 0), LARGEST)


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
