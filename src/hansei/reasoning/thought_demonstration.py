"""The three tasks of Buffer of Thoughts' release, solved by programs alone: what a template's program is worth there.

The released templates of Game of 24, word sorting and checkmate hold solvers, and their worked examples are items of
the test. A solver needs no model, so that these tasks say nothing of a model's thoughts: this is a demonstration only.
The programs here are our own (`hand/`), run in the sandbox; items that the released templates show are held out.
Checked by rule: every number of the four once, and the value is 24; the sorted words; a legal move that mates.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hansei.core.errors import BadInput
from hansei.reasoning import programs
from hansei.reasoning.arithmetic import reckon
from hansei.reasoning.hand import checkmate
from hansei.reasoning.invalid import Solved
from hansei.reasoning.problems import read_problems

HAND = Path(__file__).parent / "hand"
FOLDER = "buffer_of_thoughts"
_LIST = re.compile(r"List:\s*(.*)", re.DOTALL)


def demonstration(data: str) -> dict[str, list[float]]:
    """For each task which items its program alone solves. Raises BadInput where the files are not there."""
    home = Path(data) / FOLDER if (Path(data) / FOLDER).is_dir() else Path(data)
    found = {}
    for file, (program, shown, slots, right) in TASKS.items():
        if not (home / file).is_file():
            raise BadInput(f"{home / file}: there is no such file: --data names a folder that holds {FOLDER}")
        items = [item for n, item in enumerate(read_problems(home / file)) if n != shown and item.question != shown]
        found[file.removesuffix(".jsonl")] = _solved(program, items, slots, right)
    return found


def _solved(program: str, items: Sequence[Solved], slots: Slots, right: Check) -> list[float]:
    source = (HAND / f"{program}.py").read_text(encoding="utf-8")
    outcomes = []
    for item in items:
        try:
            said = programs.run(source, dict(slots(item.question)))
        except programs.Failed:
            said = ""
        outcomes.append(float(right(item, said)))
    return outcomes


def is_24(item: Solved, said: str) -> bool:
    """Whether an expression uses exactly the item's numbers and comes to 24 (the released check takes any 24)."""
    used = sorted(int(number) for number in re.findall(r"\d+", said.partition("=")[0]))
    return used == sorted(map(int, item.question.split())) and reckon(said) == 24


def is_sorted(item: Solved, said: str) -> bool:
    """Whether the words are those of the file's answer, in its order."""
    return said.split() == item.answer.split()


def is_mate(item: Solved, said: str) -> bool:
    """Whether a move mates, be it the file's or another one."""
    mates: Any = checkmate.mates
    return bool(mates(item.question, said.strip()))


Slots = Callable[[str], Mapping[str, Any]]
Check = Callable[[Solved, str], bool]
TASKS: Mapping[str, tuple[str, int | str, Slots, Check]] = {
    "gameof24.jsonl": ("game_of_24", "1 7 10 13", lambda q: {"numbers": [int(n) for n in q.split()]}, is_24),
    "word_sorting.jsonl": ("word_sorting", 1, lambda q: {"words": _LIST.findall(q)[0].split()}, is_sorted),
    "CheckmateInOne.jsonl": ("checkmate", 0, lambda q: {"moves": q}, is_mate),
}
"""The program, the item that a released template shows (its place or its text), its slots, and the check."""
