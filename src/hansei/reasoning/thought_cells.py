"""The school's part of the thought-templates experiment: one seed's buffer, and every way to answer."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hansei.core.journal import Journal
from hansei.core.records import Attempt, Prompt, Sampling, user
from hansei.judges.numbers import right
from hansei.models.load import load
from hansei.models.protocol import Model
from hansei.reasoning.answers import extract
from hansei.reasoning.contrastive_cot import answer_alone, solved_of
from hansei.reasoning.program_alone import program_alone
from hansei.reasoning.similarity import by_words
from hansei.reasoning.templates import Buffer, Template
from hansei.reasoning.thought_templates import check_apart, grow, of
from hansei.reasoning.tree_of_thoughts import Search
from hansei.reasoning.tree_of_thoughts import of as searching
from hansei.reasoning.wording import SCHOOL
from hansei.steps.answering import Ask, Thinking, ThinkingMethod, answer
from hansei.town import school
from hansei.town import school_phrasing as say

REPLY = Sampling(max_new_tokens=128)  # the school's longest reply, a template, has 110 tokens
BOT, COT = "template, program", "chain-of-thought"


@dataclass(frozen=True)
class Cell:
    """What one process does."""

    model: str
    """Name or folder of the model."""
    seed: int
    """Of the solved problems that templates come from, and of the search."""
    examples: int
    """How many solved problems."""
    items: int
    """Held-out problems."""
    threshold: float
    """delta of the buffer."""
    searches: tuple[Search, ...]
    """Tree searches, narrow to wide."""


@dataclass(frozen=True)
class Choice:
    """Looks for delta on validation items."""

    model: str
    """Name or folder of the model."""
    examples: int
    """Solved problems that templates come from."""
    items: int
    """Validation problems."""
    thresholds: tuple[float, ...]
    """What is tried."""


CHOICE_SEED = 1000  # apart from the seeds that are reported


def run_choice(choice: Choice) -> list[dict[str, Any]]:
    """For each threshold: right answers, and how many templates the buffer has."""
    model, found = load(choice.model, device="cpu"), []
    prompts = school.prompts("validation", choice.items)
    with tempfile.TemporaryDirectory() as folder, Journal.open(Path(folder)) as journal:
        for threshold in choice.thresholds:
            buffer, _ = _grown(model, CHOICE_SEED, choice.examples, threshold, journal)
            attempts = answer(model, prompts, of(buffer, SCHOOL, REPLY), journal, label=f"delta {threshold}")
            correct = sum(right(a.text, p) for p, a in zip(prompts, attempts, strict=True))
            found.append({"threshold": threshold, "right": correct, "of": len(prompts), "size": len(buffer.templates)})
    return found


def run_cell(cell: Cell) -> dict[str, Any]:
    """{"rows": {name: measured}, "work": …, "buffer": {…}}: every way to answer, and what the model's own work is."""
    model = load(cell.model, device="cpu")
    prompts = school.prompts("heldout", cell.items)
    with tempfile.TemporaryDirectory() as folder, Journal.open(Path(folder)) as journal:
        buffer, attempts = _grown(model, cell.seed, cell.examples, cell.threshold, journal)
        check_apart([source for t in buffer.templates for source in t.sources], prompts)
        ways = _ways(buffer, cell)
        made = {name: answer(model, prompts, method, journal, label=name) for name, method in ways.items()}
    rows = {name: measured(prompts, found) for name, found in made.items()}
    return {
        "rows": rows,
        "order": list(rows),
        "work": own_work(prompts, made[BOT], rows[BOT]["right"]),
        "buffer": {
            "templates": len(buffer.templates),
            "declined": len(buffer.declined),
            "tokens": sum(a.prompt_tokens + a.completion_tokens for a in attempts),
            "right": sum(_is_true(template) for template in buffer.templates),
        },
    }


def _grown(model: Model, seed: int, examples: int, threshold: float, journal: Journal) -> tuple[Buffer, list[Attempt]]:
    """A buffer distilled from solved problems of the split `train`."""
    solved = [solved_of(prompt) for prompt in school.prompts("train", examples, seed=seed)]
    buffer = Buffer(threshold, by_words)
    return buffer, grow(buffer, solved, model, SCHOOL, REPLY, journal)


def _ways(buffer: Buffer, cell: Cell) -> dict[str, ThinkingMethod]:
    seeded = [replace(search, seed=cell.seed) for search in cell.searches]
    return {
        "direct answer": _asked("direct", SCHOOL.direct, answer_alone),
        COT: _asked(COT, SCHOOL.solve, extract),
        **{f"tree, {s.width} wide, {s.proposals} proposals": searching(s, SCHOOL) for s in seeded},
        "program alone": program_alone(buffer, by_words),
        BOT: of(buffer, SCHOOL, REPLY),
        "template, text": of(buffer, SCHOOL, REPLY, "text"),
    }


def _asked(name: str, request: str, read: Callable[[str], str | None]) -> ThinkingMethod:
    """One call."""

    def think(prompt: Prompt) -> Thinking:
        (reply,) = yield Ask((user(request.format(question=prompt.messages[-1].content)),), REPLY, "answer")
        return read(reply.text) or ""

    return ThinkingMethod(name, "1", think, {"request": request, "sampling": REPLY})


def measured(prompts: Sequence[Prompt], attempts: Sequence[Attempt]) -> dict[str, Any]:
    """Right or wrong, and calls, tokens and seconds an item; seconds of the model and of everything else apart."""
    asked = [[step for step in a.trace if step.asked] for a in attempts]
    return {
        "right": [
            None if a.error is not None else float(right(a.text, p)) for p, a in zip(prompts, attempts, strict=True)
        ],
        "calls": [float(len(steps)) for steps in asked],
        "tokens": [float(a.prompt_tokens + a.completion_tokens) for a in attempts],
        "seconds": [sum(step.seconds for step in steps) for steps in asked],
        "program_seconds": [sum(step.seconds for step in a.trace if not step.asked) for a in attempts],
        "errors": sum(a.error is not None for a in attempts),
        "unanswered": sum(a.error is None and not a.text for a in attempts),
    }


def own_work(prompts: Sequence[Prompt], attempts: Sequence[Attempt], correct: Sequence[float | None]) -> dict[str, Any]:
    """What the model itself did, item by item: its template's task is the problem's; its slots are; and both.

    None where that step was not reached. `shelf` says whether the base has met templates of the problem's kind.
    """
    chosen, slots = [], []
    for prompt, attempt in zip(prompts, attempts, strict=True):
        truth = prompt.truth or {}
        found = {step.label: step.text for step in attempt.trace}
        chosen.append(float(found.get("retrieval", "").partition(" ")[2] == say.task(tuple(truth["kind"]))))
        filled = found.get("fill")
        slots.append(None if filled is None else float(filled.strip() == say.filled(truth["numbers"])))
    return {
        "template_chosen": chosen,
        "slots_filled": slots,
        "answer": list(correct),
        "shelf": [prompt.tags["shelf"] for prompt in prompts],
    }


def _is_true(template: Template) -> bool:
    """Whether a distilled template is the true one of its kind."""
    kinds = {say.task(kind): kind for kind in school.kinds()}
    kind = kinds.get(template.task)
    return kind is not None and template.program == say.template(kind).rpartition("Program: ")[2]
