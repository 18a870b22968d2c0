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
"""Asks about a step, which stands after it."""
SURE, IMPOSSIBLE = "sure", "impossible"
"""What a step can be; those words of tree search that the school knows."""


def solved(worked: str, answer: int | str) -> str:
    """What follows `Explanation:`."""
    return f"{worked}\n{ANSWER} {answer}"


def equations(worked: str) -> list[str]:
    """The sentences of a worked solution, an equation each."""
    return [f"{part}." for part in worked.rstrip(".").split(". ")]


def verdict(step: str, right: str) -> str:
    """The answer to `JUDGE`: the result as it is said, the step as it should be, their difference, and the word."""
    said, result = (int(text.rstrip(".").rpartition(" ")[2]) for text in (step, right))
    word = SURE if step == right else IMPOSSIBLE
    return f"Said {said}. {right} Said {said} - {result} = {said - result}: {word}"


def roles(kind: Kind) -> list[str]:
    """What each number of such a problem is."""
    return ["had", *(slot for name in kind for slot in EVENTS[name].slots)]


def task(kind: Kind) -> str:
    """The kind of a problem in words: what distilling finds."""
    return ", ".join(roles(kind))


def known(problem: Problem) -> str:
    """What is known: each number and what it is."""
    return ", ".join(f"{number} {role}" for number, role in zip(problem.numbers, roles(problem.kind), strict=True))


def distilled(problem: Problem) -> str:
    """The answer to `DISTIL`."""
    return f"Known: {known(problem)}\n{TASK} {task(problem.kind)}"


def slots(kind: Kind) -> str:
    """The letters of a template and what each is."""
    return ", ".join(f"{letter} {role}" for letter, role in zip(LETTERS, roles(kind), strict=False))


def filled(numbers: Sequence[int]) -> str:
    """The answer to `SLOTS`."""
    return ", ".join(f"{letter} = {number}" for letter, number in zip(LETTERS, numbers, strict=False))


def template_steps(kind: Kind) -> str:
    """A template's steps: the sentences of a solution, with letters."""
    return " ".join(_in_letters(kind, [EVENTS[name].steps for name in kind]))


def program(kind: Kind) -> str:
    """A template's program: a statement for each equation."""
    names = ", ".join(LETTERS[: len(roles(kind))])
    statements = ["t = a", *_in_letters(kind, [EVENTS[name].program for name in kind]), "return t"]
    return f"def solve({names}): {'; '.join(statements)}"


def _in_letters(kind: Kind, forms: Sequence[str]) -> list[str]:
    """The events' forms with the letters of their numbers, from b on."""
    letters = iter(LETTERS[1:])
    return [
        form.format(**{x: next(letters) for x, _ in zip("xy", EVENTS[name].slots, strict=False)})
        for name, form in zip(kind, forms, strict=True)
    ]


def template(kind: Kind) -> str:
    """The answer to `TEMPLATE`: each line follows from the one before it, and the first from the solution."""
    return f"Steps: {template_steps(kind)}\n{SLOTS} {slots(kind)}\n{TASK} {task(kind)}\nProgram: {program(kind)}"
