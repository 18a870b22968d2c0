"""How the school asks and answers. One place, so that text, prompts, methods and judges agree.

A block of examples is plain text in one turn, and the last example is left for the model to finish.
"""

from __future__ import annotations

from collections.abc import Sequence

from hansei.town.school import EVENTS, LETTERS, Kind, Problem

QUESTION = "Question: {question}"
EXPLANATION = "Explanation:"
ANSWER = "Answer:"
WRONG_EXPLANATION = "Wrong explanation:"
WRONG_ANSWER = "Wrong Answer:"
SOLVED = "{question}\n{explanation}"
DISTIL = "Distil:"
"""Asks what is known and what kind of task it is, without solving it."""
TASK = "Task:"
SLOTS = "Slots:"
"""Asks for the values of a template's letters."""
TEMPLATE = "Template:"
"""Asks for a template of a solved problem."""
NEXT = "Next step:"
"""Asks for one step of a solution."""
JUDGE = "Is this step right?"
SURE, IMPOSSIBLE = "sure", "impossible"
"""What a step can be; those words of tree search that the school knows."""


def solved(worked: str, answer: int | str) -> str:
    """What follows `Explanation:`."""
    return f"{worked}\n{ANSWER} {answer}"


def equations(worked: str) -> list[str]:
    """The sentences of a worked solution, an equation each."""
    return [f"{part}." for part in worked.rstrip(".").split(". ")]


def task(kind: Kind) -> str:
    """The kind of a problem in words: what distilling finds."""
    return f"have, {', '.join(kind)}, how many"


def known(problem: Problem) -> str:
    """What is known: each number and what it is."""
    roles = ["had", *(slot for name in problem.kind for slot in EVENTS[name].slots)]
    return ", ".join(f"{number} {role}" for number, role in zip(problem.numbers, roles, strict=True))


def distilled(problem: Problem) -> str:
    """The answer to `DISTIL`."""
    return f"Known: {known(problem)}\n{TASK} {task(problem.kind)}"


def slots(kind: Kind) -> str:
    """The letters of a template and what each is."""
    roles = ["had", *(slot for name in kind for slot in EVENTS[name].slots)]
    return ", ".join(f"{letter} {role}" for letter, role in zip(LETTERS, roles, strict=False))


def filled(numbers: Sequence[int]) -> str:
    """The answer to `SLOTS`."""
    return ", ".join(f"{letter} = {number}" for letter, number in zip(LETTERS, numbers, strict=False))


def template_steps(kind: Kind) -> str:
    """A template's steps, in letters."""
    said, letters = [], iter(LETTERS[1:])
    for name in kind:
        named = {x: next(letters) for x, _ in zip("xy", EVENTS[name].slots, strict=False)}
        said.append(EVENTS[name].steps.format(**named))
    return " ".join(said)


def formula(kind: Kind) -> str:
    """The solution as a formula in letters."""
    made, letters = LETTERS[0], iter(LETTERS[1:])
    for name in kind:
        named = {x: next(letters) for x, _ in zip("xy", EVENTS[name].slots, strict=False)}
        inner = f"({made})" if name in ("times", "share") and len(made) > 1 else made
        made = EVENTS[name].formula.format(t=inner, **named)
    return made


def template(kind: Kind) -> str:
    """The answer to `TEMPLATE`: task, letters, steps, and a program."""
    names = ", ".join(letter for letter, _ in zip(LETTERS, slots(kind).split(", "), strict=False))
    program = f"def solve({names}): return {formula(kind)}"
    return f"{TASK} {task(kind)}\n{SLOTS} {slots(kind)}\nSteps: {template_steps(kind)}\nProgram: {program}"
