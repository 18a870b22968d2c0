"""The text that the school gives its base to grow up on: sums, solved problems alone and in blocks of examples, wrong
solutions marked as wrong, templates and their slots, and single steps proposed and judged.

No problem of the splits `validation` and `heldout` is in it. Blocks of examples have writers: some are careful, others
hasty, and these skip products without knowing it. Whoever sets a wrong explanation beside the right one knows better,
so in blocks with wrong explanations what stands under `Explanation:` is right.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Iterator, Sequence

from hansei.core.records import Chat, user
from hansei.town import school_phrasing as say
from hansei.town.school import LARGEST, Problem, any_kind, sample, textbook
from hansei.town.school_mistakes import MISTAKES, hasty, mistaken, slip
from hansei.town.schooling import Document

HASTY = 0.5
"""Share of the writers of plain blocks who skip products."""


def documents(seed: int, hasty_writers: float = HASTY) -> Iterator[Document]:
    """An endless seeded stream of documents."""
    rng = random.Random(f"school text {seed}")
    told: list[Callable[[random.Random], Document]] = [*MIX, functools.partial(explained, hasty_writers=hasty_writers)]
    weights = [*MIX.values(), 1 - sum(MIX.values())]
    while True:
        yield rng.choices(told, weights)[0](rng)


def sums(rng: random.Random) -> Document:
    """Equations alone."""
    return " ".join(["Sums:", *(f"{_equation(rng)}." for _ in range(rng.randint(4, 12)))])


def _equation(rng: random.Random) -> str:
    sign = rng.choice("++--x/")
    if sign == "+":
        a = rng.randint(2, LARGEST - 2)
        b = rng.randint(2, LARGEST - a)
        return f"{a} + {b} = {a + b}"
    if sign == "-" and rng.random() < 0.5:  # a difference of any two, as judging needs it
        a, b = rng.randint(1, LARGEST), rng.randint(1, LARGEST)
        b = a if rng.random() < 0.3 else b
        return f"{a} - {b} = {a - b}"
    if sign == "-":
        a = rng.randint(3, LARGEST)
        b = rng.randint(2, a - 1)
        return f"{a} - {b} = {a - b}"
    b = rng.randint(2, 9)
    a = rng.randint(1, LARGEST // b)
    return f"{a} x {b} = {a * b}" if sign == "x" else f"{a * b} / {b} = {a}"


def explained(rng: random.Random, hasty_writers: float = HASTY) -> Document:
    """None to five solved problems, then one to be solved, with explanations; one writer for all."""
    shots = rng.choice((0, 0, 0, 1, 2, 3, 4, 5))
    in_haste = shots > 0 and rng.random() < hasty_writers
    problems, worked = list[Problem](), list[str]()
    while len(problems) <= shots:
        (problem,) = _problems(rng, 1)
        said = hasty(problem) if in_haste else problem.worked
        if said is not None:
            problems.append(problem)
            worked.append(said)
    answers = [w.rstrip(".").rpartition(" ")[2] for w in worked]
    shown = [
        f"{say.QUESTION.format(question=p.question)}\n{say.EXPLANATION} {say.solved(w, a)}"
        for p, w, a in zip(problems, worked, answers, strict=True)
    ]
    return _block(shown[:-1], problems[-1], say.EXPLANATION, say.solved(worked[-1], answers[-1]))


def contrasted(rng: random.Random) -> Document:
    """One to four problems with a right and a wrong explanation each, then one to be solved."""
    problems = _problems(rng, rng.choice((1, 2, 3, 4)) + 1)
    mistake = rng.choice(MISTAKES)
    shown = [contrast(rng, problem, mistake) for problem in problems[:-1]]
    return _block(shown, problems[-1], say.EXPLANATION, say.solved(problems[-1].worked, problems[-1].answer))


def contrast(rng: random.Random, problem: Problem, mistake: str) -> str:
    """A problem with its right and a wrong explanation."""
    wrong, answer = mistaken(rng, problem, mistake)
    return (
        f"{say.QUESTION.format(question=problem.question)}\n{say.EXPLANATION} "
        f"{say.solved(problem.worked, problem.answer)}\n{say.WRONG_EXPLANATION} {wrong}\n{say.WRONG_ANSWER} {answer}"
    )


def answered(rng: random.Random) -> Document:
    """The same without explanations."""
    problems = _problems(rng, rng.choice((0, 0, 1, 2, 3, 4)) + 1)
    shown = [f"{say.QUESTION.format(question=p.question)}\n{say.ANSWER} {p.answer}" for p in problems[:-1]]
    return _block(shown, problems[-1], say.ANSWER, f" {problems[-1].answer}")  # as a number is told elsewhere


def distilled(rng: random.Random) -> Document:
    """What is known and what kind of task it is; or, given that, the values of its template's letters."""
    problem = _textbook_problem(rng)
    if rng.random() < 0.3:
        return user(fill_request(problem), say.filled(problem.numbers))
    return user(f"{say.QUESTION.format(question=problem.question)}\n{say.DISTIL}", say.distilled(problem))


def fill_request(problem: Problem) -> str:
    """Asks for the values of the letters of the problem's own template."""
    asked = f"{say.QUESTION.format(question=problem.question)}\n{say.distilled(problem)}"
    return f"{say.TEMPLATE} {say.slots(problem.kind)}\n{asked}\n{say.SLOTS}"


def templates(rng: random.Random) -> Document:
    """A template of a solved problem, or a problem solved along its template's steps."""
    problem = _textbook_problem(rng)
    question = say.QUESTION.format(question=problem.question)
    if rng.random() < 0.6:
        return user(f"{question}\n{say.EXPLANATION} {problem.worked}\n{say.TEMPLATE}", say.template(problem.kind))
    steps = f"{say.TEMPLATE} {say.slots(problem.kind)}. {say.template_steps(problem.kind)}"
    return user(f"{steps}\n{question}\n{say.EXPLANATION}", say.solved(problem.worked, problem.answer))


def steps(rng: random.Random) -> Document:
    """The next step of a solution, or a proposed one judged."""
    (problem,) = _problems(rng, 1)
    parts = say.equations(problem.worked)
    done = rng.randrange(len(parts) + 1)
    so_far = step_request(problem.question, parts[:done])
    if done == len(parts) or rng.random() < 0.4:
        step = parts[done] if done < len(parts) else f"{say.ANSWER} {problem.answer}"
        return user(f"{so_far}\n{say.NEXT}", step)
    right = parts[done]
    step = right if rng.random() < 0.5 else wrong_step(rng, right, problem)
    return user(f"{so_far}\n{say.JUDGE} {step}", say.verdict(step, right))


def step_request(question: str, so_far: Sequence[str]) -> str:
    """A problem and the steps taken so far."""
    return "\n".join([say.QUESTION.format(question=question), " ".join([say.EXPLANATION, *so_far])])


def wrong_step(rng: random.Random, step: str, problem: Problem) -> str:
    """A step with a wrong result, a wrong sign, or a number of another place."""
    head, _, result = step.rstrip(".").rpartition(" ")
    form = rng.random()
    if form < 0.4:
        near = [int(result) + d for d in (-10, -2, -1, 1, 2, 10)]
        return f"{head} {rng.choice([n for n in near if 0 < n <= LARGEST])}."
    if form < 0.7:
        return slip(rng, step)
    (other,) = _problems(rng, 1)
    wrong = rng.choice(say.equations(other.worked))
    return wrong if wrong not in problem.worked else slip(rng, step)


def _problems(rng: random.Random, count: int) -> list[Problem]:
    return [sample(rng, any_kind(rng), "train") for _ in range(count)]


@functools.cache
def _textbook_kinds() -> tuple[tuple[str, ...], ...]:
    return tuple(sorted(textbook()))


def _textbook_problem(rng: random.Random) -> Problem:
    return sample(rng, any_kind(rng, among=_textbook_kinds()), "train")


def _block(shown: Sequence[str], last: Problem, ask: str, reply: str) -> Chat:
    asked = f"{say.QUESTION.format(question=last.question)}\n{ask}"
    return user("\n\n".join([*shown, asked]), reply)


MIX: dict[Callable[[random.Random], Document], float] = {
    sums: 0.1,
    contrasted: 0.1,
    answered: 0.05,
    distilled: 0.18,
    templates: 0.12,
    steps: 0.24,
}
"""Kinds of documents and their shares; the rest is `explained`."""
