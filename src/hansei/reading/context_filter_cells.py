"""One cell of the context-filter experiment: filter and answer models of one measure and seed, taught and asked.

A cell is a pure function of its description, so cells run in any order, in several processes, and are stored whole.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

from hansei.core.inputs import assign_splits
from hansei.core.journal import Journal
from hansei.core.records import Attempt, Lesson, Prompt, Sampling, Split, Verdict
from hansei.judges.reference import ExactMatchJudge, normalise
from hansei.models.load import load, town_path
from hansei.models.protocol import Model
from hansei.reading.context_filter import (
    Context,
    Keep,
    answer_lessons,
    context_filter,
    filter_lessons,
    kept_texts,
    taught_context,
    to_answer,
    to_filter,
    with_silver,
    wording_for,
)
from hansei.steps.answering import answer
from hansei.steps.questions import read_questions
from hansei.town import library_prompts as library
from hansei.town.districts import district_of
from hansei.town.library_scene import Task

TASKS: tuple[Task, ...] = ("lookup", "claim", "twohop")
Silver = tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...]
"""Of each question its id, the sentences and the passages that a measure keeps."""


@dataclass(frozen=True)
class Data:
    """Which questions."""

    model: str
    """The model that is taught."""
    questions: str | None
    """A file of the user's; None for the library's own."""
    counts: tuple[int, int, int]
    """Of the library's questions, how many of each task for training, validation and proof."""
    content: str | None = None
    """What the file holds, so that another content is another cell."""
    device: Literal["auto", "cpu"] = "cpu"
    """Where models run."""


@dataclass(frozen=True)
class Teaching:
    """How the models are taught."""

    steps: tuple[int, ...]
    """Optimiser steps that are tried; which of them is told by validation questions."""
    learning_rate: float
    """Of AdamW."""
    batch: int
    """Lessons a step."""
    longest: int
    """Longest text that is written, in tokens."""


@dataclass(frozen=True)
class Cell:
    """Models of one measure, or the one that reads everything."""

    data: Data
    """What is taught and asked."""
    teaching: Teaching
    """How."""
    seed: int
    """Of the order of lessons."""
    measure: str | None
    """`strinc`, `lexical`, `cxmi` or `cxmi, two`; None for the model that answers from all passages."""
    silver: Silver
    """What the measure keeps, for every question."""
    students: str | None = None
    """Where the models are kept; None: nowhere."""


def questions(data: Data, split: Split) -> list[Prompt]:
    """The questions of a split, tagged with their task."""
    if data.questions is None:
        count = data.counts[("train", "validation", "heldout").index(split)]
        return [prompt for task in TASKS for prompt in library.prompts(library.Case(split, task), count)]
    return [prompt for prompt in _own(data.questions) if prompt.split == split]


@cache
def _own(path: str) -> list[Prompt]:
    asked = [p for p in read_questions(path) if p.reference is not None and (p.truth or {}).get("passages")]
    return assign_splits([replace(p, tags={"task": "questions", **p.tags}) for p in asked])


def path_of(model: str) -> str:
    """The folder or name that training takes."""
    home = district_of(model)
    return model if home is None else town_path(home)


def run_silver(task: tuple[Data, Keep]) -> list[list[Any]]:
    """What a measure keeps for every question, scored by the untaught model where it is cxmi."""
    data, keep = task
    splits: tuple[Split, ...] = ("train", "validation", "heldout")
    model = load(data.model, device=data.device) if keep.measure == "cxmi" else None
    wording = wording_for(data.model)
    # split by split, as questions of different splits have the same ids
    marked = [p for split in splits for p in with_silver(questions(data, split), keep, wording, model)]
    return [[_name(p), p.truth["silver"], p.truth["silver_passages"]] for p in marked]  # type: ignore[index]


def _name(prompt: Prompt) -> str:
    """An id that no question of another split has."""
    return f"{prompt.split}/{prompt.id}"


def run_cell(cell: Cell) -> dict[str, Any]:
    """Teaches and asks: {setting: {split: {id: {"right", "context", "read"}}}}, steps, how well the filter copies."""
    with tempfile.TemporaryDirectory() as folder, Journal.open(Path(folder) / "journal") as journal:
        place = Path(folder if cell.students is None else cell.students)
        work = _Work(cell, place, journal)
        return work.full() if cell.measure is None else work.filtering()


class _Work:
    """What a cell's models share."""

    def __init__(self, cell: Cell, place: Path, journal: Journal) -> None:
        self.cell, self.place, self.journal = cell, place, journal
        self.wording = wording_for(cell.data.model)
        self.sampling = Sampling(max_new_tokens=cell.teaching.longest)
        kept = {name: {"silver": list(s), "silver_passages": list(p)} for name, s, p in cell.silver}
        self.of: dict[Split, list[Prompt]] = {
            split: [
                replace(p, truth={**(p.truth or {}), **kept.get(_name(p), {})}) for p in questions(cell.data, split)
            ]
            for split in ("train", "validation", "heldout")
        }

    def full(self) -> dict[str, Any]:
        """All passages: the untaught model, and one that is taught to answer from them."""
        untaught = self.loaded(self.cell.data.model)
        before = self.asked(untaught, "full", "heldout") if self.cell.seed == 0 else {}
        steps, model = self.answerer("full")
        found = {"full": {"heldout": self.asked(model, "full", "heldout")}, "steps": {"full": steps}}
        return found | ({"untaught": {"heldout": before}} if before else {})

    def filtering(self) -> dict[str, Any]:
        """The filter model and the two answer models of a measure, in their settings."""
        filter_steps, finder = self.filterer()
        steps, model = self.answerer("filtered")
        passage_steps, passage_model = self.answerer("passages")
        splits: tuple[Split, ...] = ("validation", "heldout")
        return {
            "filtered": {split: self.asked(model, "filtered", split, finder) for split in splits},
            "passages": {split: self.asked(passage_model, "passages", split, finder) for split in splits},
            "silver": {split: self.asked(model, "silver", split) for split in splits},
            "copied": self.copied(finder, "heldout"),
            "steps": {"filter": filter_steps, "filtered": steps, "passages": passage_steps},
        }

    def answerer(self, context: Context) -> tuple[int, Model]:
        """The answer model of a setting, after the steps that are best on validation questions with its context."""
        of = self.of["validation"]
        if context == "passages":
            of = [_with_passages(prompt, taught_context(prompt, "passages")) for prompt in of]

        def right(model: Model) -> float:
            made = self.attempts(model, of, "silver" if context == "filtered" else "full")
            return _mean({v.attempt_id: float(v.outcome == "pass") for v in self.judged(of, made)})

        return self.best(list(answer_lessons(self.of["train"], context, self.wording)), f"answer-{context}", right)

    def filterer(self) -> tuple[int, Model]:
        """The filter model that copies most of what the measure keeps of the validation questions' passages."""

        def copies(model: Model) -> float:
            return _mean(self.copied(model, "validation"))

        return self.best(list(filter_lessons(self.of["train"], self.wording)), "filter", copies)

    def best(self, lessons: Sequence[Lesson], name: str, score: Callable[[Model], float]) -> tuple[int, Model]:
        """The student with the highest score, of equals the one with the fewest steps; and those steps."""
        tried = [(steps, self.loaded(str(path))) for steps, path in self.taught(lessons, name).items()]
        return max(tried, key=lambda pair: (score(pair[1]), -pair[0]))

    def loaded(self, name: str) -> Model:
        """A model where the cell's models run."""
        return load(name, device=self.cell.data.device)

    def copied(self, model: Model, split: Split) -> dict[str, float]:
        """For each question whether the filter writes what the measure keeps, white space and signs apart."""
        prompts = self.of[split]
        replies = model.generate([to_filter(p, self.wording) for p in prompts], self.sampling)
        wanted = [" ".join(p.truth["silver"]) for p in prompts]  # type: ignore[index]
        return {
            p.id: float(normalise(" ".join(kept_texts(reply.text))) == normalise(text))
            for p, reply, text in zip(prompts, replies, wanted, strict=True)
        }

    def taught(self, lessons: Sequence[Lesson], name: str) -> Mapping[int, Path]:
        """The student after each number of steps."""
        from hansei.training.settings import TrainSettings
        from hansei.training.sft import train_sft

        teaching = self.cell.teaching
        settings = TrainSettings(
            steps=max(teaching.steps),
            batch=teaching.batch,
            learning_rate=teaching.learning_rate,
            seed=self.cell.seed,
            max_length=4096,
            too_long="drop",
            device=self.cell.data.device,
        )
        earlier = [steps for steps in teaching.steps if steps < settings.steps]
        out = train_sft(path_of(self.cell.data.model), lessons, settings, self.place / name, keep_steps=earlier)
        return {steps: out / f"step-{steps}" for steps in earlier} | {settings.steps: out}

    def asked(self, model: Model, context: Context, split: Split, finder: Model | None = None) -> dict[str, Any]:
        """Of each question whether the answer is right, the tokens of its context, and all that was read for it."""
        prompts = self.of[split]
        made = self.attempts(model, prompts, context, finder)
        bare = model.render([to_answer(p, [], self.wording) for p in prompts])  # type: ignore[attr-defined]
        return {
            p.id: {
                "right": {"pass": 1.0, "fail": 0.0}.get(v.outcome),
                "context": attempt.trace[-1].prompt_tokens - len(text.ids) if attempt.error is None else None,
                "read": attempt.prompt_tokens if attempt.error is None else None,
            }
            for p, attempt, v, text in zip(prompts, made, self.judged(prompts, made), bare, strict=True)
        }

    def attempts(
        self, model: Model, prompts: Sequence[Prompt], context: Context, finder: Model | None = None
    ) -> list[Attempt]:
        """The answers of a setting."""
        method = context_filter(self.sampling, context, self.wording, finder)
        return answer(model, prompts, method, self.journal, chunk=128, label=context)

    def judged(self, prompts: Sequence[Prompt], made: Sequence[Attempt]) -> list[Verdict]:
        """Exact match of each answer."""
        return ExactMatchJudge().judge(list(zip(prompts, made, strict=True)))


def _with_passages(prompt: Prompt, texts: Sequence[str]) -> Prompt:
    """The question with these texts as its passages."""
    passages = [{"id": str(n), "title": "", "text": text} for n, text in enumerate(texts, 1)]
    return replace(prompt, truth={**(prompt.truth or {}), "passages": passages})


def _mean(values: Mapping[str, float]) -> float:
    return sum(values.values()) / max(1, len(values))
