"""What the school's base must be able to do before anything is measured on it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from hansei.core.records import Chat, Prompt, user
from hansei.town import school_phrasing as say
from hansei.town.school import Problem, prompts
from hansei.town.school_grading import answer_of
from hansei.town.school_text import fill_request, step_request, wrong_step

Question = tuple[Chat, Mapping[str, Any]]
PROBLEMS = 160


def tasks() -> Iterator[tuple[str, list[Question], Callable[[Mapping[str, Any], str], bool], float | None]]:
    """It solves a part of the problems, more with steps than without, and knows what it will be asked for.

    Problems are from the split `validation`; shares without a need are told only.
    """
    asked = prompts("validation", PROBLEMS)
    textbook = [p for p in asked if p.tags["shelf"] == "textbook"]
    yield "solves problems with steps", _of(asked, say.EXPLANATION), _right, 0.4
    for steps in ("1", "2", "3", "4"):
        group = [p for p in asked if p.tags["steps"] == steps]
        yield f"solves problems of {steps} step{'s' * (steps != '1')}", _of(group, say.EXPLANATION), _right, None
    yield "solves problems without steps", _of(asked, say.ANSWER), _right, None
    yield "says what kind of task it is, textbook", _of(textbook, say.DISTIL), _kind, 0.8
    others = [p for p in asked if p.tags["shelf"] != "textbook"]
    yield "says what kind of task it is, others", _of(others, say.DISTIL), _kind, None
    fills = [(user(fill_request(problem_of(p))), p.truth or {}) for p in textbook]
    yield "fills the slots of a template", fills, _filled, 0.8
    yield "writes a template of a solved problem, textbook", _templates(textbook), _template, 0.8
    yield "writes a template of a solved problem, others", _templates(others), _template, None
    yield "calls a right step sure", list(_steps(asked, right=True)), _sure, 0.6
    yield "calls a wrong step impossible", list(_steps(asked, right=False)), _impossible, 0.6


def problem_of(prompt: Prompt) -> Problem:
    """The problem behind a prompt."""
    truth = prompt.truth or {}
    question = prompt.messages[-1].content
    return Problem(tuple(truth["kind"]), tuple(truth["numbers"]), question, truth["worked"], truth["answer"], ())


def _of(group: list[Prompt], ask: str) -> list[Question]:
    return [(user(f"{say.QUESTION.format(question=p.messages[-1].content)}\n{ask}"), p.truth or {}) for p in group]


def _templates(group: list[Prompt]) -> list[Question]:
    found = []
    for prompt in group:
        problem = problem_of(prompt)
        solved = f"{say.QUESTION.format(question=problem.question)}\n{say.EXPLANATION} {problem.worked}"
        found.append((user(f"{solved}\n{say.TEMPLATE}"), prompt.truth or {}))
    return found


def _steps(group: list[Prompt], *, right: bool) -> Iterator[Question]:
    rng = random.Random("school checks")
    for prompt in group:
        problem = problem_of(prompt)
        parts = say.equations(problem.worked)
        done = rng.randrange(len(parts))
        step = parts[done] if right else wrong_step(rng, parts[done], problem)
        so_far = step_request(problem.question, parts[:done])
        yield user(f"{so_far}\n{say.JUDGE} {step}"), prompt.truth or {}


def _right(truth: Mapping[str, Any], text: str) -> bool:
    return bool(answer_of(text) == truth["answer"])


def _kind(truth: Mapping[str, Any], text: str) -> bool:
    return text.partition(say.TASK)[2].strip() == say.task(tuple(truth["kind"]))


def _filled(truth: Mapping[str, Any], text: str) -> bool:
    return text.strip() == say.filled(truth["numbers"])


def _template(truth: Mapping[str, Any], text: str) -> bool:
    return text.strip() == say.template(tuple(truth["kind"]))


def _sure(_: Mapping[str, Any], text: str) -> bool:
    return _verdict(text) == say.SURE


def _impossible(_: Mapping[str, Any], text: str) -> bool:
    return _verdict(text) == say.IMPOSSIBLE


def _verdict(text: str) -> str:
    """What stands at the end, after the step has been worked out."""
    return text.rpartition(":")[2].strip()
