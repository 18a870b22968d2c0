"""One model of the reading-notes experiment: its lessons, its tuning, its answers.

A cell is a pure function of its description, so cells run in any order, in several processes, and are stored whole.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from hansei.core.journal import Journal
from hansei.core.records import Attempt, Lesson, Prompt, Split
from hansei.judges.reference import normalise, references
from hansei.models.load import load, town_path
from hansei.reading.reading_lessons import EQUAL, HYBRID, LIBRARY_TAIL, from_truth, lessons
from hansei.reading.reading_notes import AT_ONCE, NOTED, SHORT, UNKNOWN, Settings, Wording, make
from hansei.steps.answering import answer
from hansei.town.districts import district_of
from hansei.town.library_prompts import Case, Noise, prompts
from hansei.training.settings import TrainSettings
from hansei.training.sft import train_sft

LONGEST = 128
"""Tokens of notes on five passages and an answer: 110 at most."""
VALIDATION = 50
"""Questions of each kind that tell the number of steps; about the known there are 52."""
SEARCH_SEEDS = (1000, 1001, 1002)
"""Apart from the seeds that are reported. Several, as two step counts of one model differ by less than two models."""
RATIOS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
NOISY, UNKNOWABLE, GOLD, GOLD_KNOWN = "noise only, known", "nothing tells", "one tells, guest", "one tells, known"
KINDS: dict[str, tuple[str, float]] = {
    NOISY: ("known", 1.0),
    UNKNOWABLE: ("guest", 1.0),
    GOLD: ("guest", 0.8),
    GOLD_KNOWN: ("known", 0.8),
}
"""The kinds of question that teach and prove: whom they are about, and the share of noise."""

WAYS: dict[str, Wording] = {"once": AT_ONCE, "sentence": SHORT, "notes": NOTED}
"""How a student is asked, and was taught: the answer at once, the sentence that tells it first, or notes first."""
ASKED: dict[str, tuple[str, ...]] = {"equal": ("notes",), "hybrid": ("notes", "sentence")}
"""How the students of a row are asked, where not by the name of the row."""

Values = dict[str, dict[str, float | None]]
"""Question id to `right`, `unknown` (the answer is "unknown"), `tokens` written, and with notes `kinds` (share of the
passages whose kind is noted rightly) and `known` (whether the note on what it knows itself is right, where one should
stand); None where no answer came, or no such note."""


@dataclass(frozen=True)
class Teaching:
    """How a model is tuned."""

    model: str
    """What is tuned."""
    row: str
    """once, sentence, notes, equal or hybrid."""
    steps: tuple[int, ...]
    """After how many steps students are kept."""
    learning_rate: float
    """Of AdamW."""
    batch: int
    """Lessons a step."""
    train: int
    """Questions of each kind that teach."""
    adapter: Literal["none", "lora"] = "none"
    """All weights are tuned, or a LoRA adapter."""


@dataclass(frozen=True)
class Cell:
    """A tuned model, and how much it is asked."""

    teaching: Teaching
    """Of one step count."""
    seed: int
    """Of the order of lessons, and of which lessons have no notes in hybrid training."""
    proof: int
    """Held-out questions of each kind."""
    curve: int
    """Held-out questions of each point of the curves."""


def questions(split: Split, count: int) -> dict[str, list[Prompt]]:
    """Questions of each kind; all noise is retrieved, but of those that teach half is random."""
    made: dict[str, list[Prompt]] = {}
    for kind, (about, noise) in KINDS.items():
        near = count - count // 2 if split == "train" else count
        cases = [(Case(split, "lookup", about, noise, "near"), near)]  # type: ignore[arg-type]
        cases += [(Case(split, "lookup", about, noise, "random"), count - near)]  # type: ignore[arg-type]
        made[kind] = [prompt for case, some in cases for prompt in prompts(case, some)]
    return made


def curve_questions(count: int) -> dict[tuple[Noise, float], list[Prompt]]:
    """Held-out questions about the known, by kind and share of noise."""
    kinds: tuple[Noise, ...] = get_args(Noise)
    return {
        (kind, ratio): prompts(Case("heldout", "lookup", "known", ratio, kind), count)
        for kind in kinds
        for ratio in RATIOS
        if count
    }


def taught_lessons(teaching: Teaching, seed: int) -> list[Lesson]:
    """The row's lessons: the same questions and answers for every row, with notes or without."""
    asked = [prompt for group in questions("train", teaching.train).values() for prompt in group]
    without = {"once": 1.0, "sentence": 1.0, "hybrid": HYBRID}.get(teaching.row, 0.0)
    short = AT_ONCE if teaching.row == "once" else SHORT
    return lessons(asked, from_truth(asked), without=without, seed=seed, short=short)


def students(teaching: Teaching, seed: int, folder: Path) -> dict[int, str]:
    """Tunes, and keeps the student after each number of steps."""
    home = district_of(teaching.model)
    path = teaching.model if home is None else town_path(home)
    settings = TrainSettings(
        steps=max(teaching.steps),
        batch=teaching.batch,
        learning_rate=teaching.learning_rate,
        adapter=teaching.adapter,
        warmup=10,
        packing=True,
        seed=seed,
        device="cpu",
    )
    tail = {"once": None, "sentence": None, "equal": EQUAL}.get(teaching.row, LIBRARY_TAIL)
    out = train_sft(
        path, taught_lessons(teaching, seed), settings, folder / "student", keep_steps=teaching.steps, tail=tail
    )
    return {steps: str(out / f"step-{steps}") for steps in teaching.steps}


def run_search(task: tuple[Teaching, int]) -> list[dict[str, Any]]:
    """For each step count of a seed the share of right answers on validation questions, "unknown" among them."""
    teaching, seed = task
    with tempfile.TemporaryDirectory() as folder, Journal.open(Path(folder) / "journal") as journal:
        kept = students(teaching, seed, Path(folder))
        asked = [prompt for group in questions("validation", VALIDATION).values() for prompt in group]
        found = []
        for steps, path in kept.items():
            values = measured(path, asked, ASKED.get(teaching.row, (teaching.row,))[0], journal)
            right = [v["right"] for v in values.values() if v["right"] is not None]
            found.append({"steps": steps, "right": sum(right) / max(1, len(right)), "n": len(right)})
        return found


def together(searches: Sequence[Sequence[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The searches of several seeds as one: for each step count the share of all right answers."""
    found = []
    for points in zip(*searches, strict=True):
        n = sum(point["n"] for point in points)
        right = sum(point["right"] * point["n"] for point in points) / max(1, n)
        found.append({"steps": points[0]["steps"], "right": right, "n": n})
    return found


def run_cell(cell: Cell) -> dict[str, Any]:
    """Tunes and asks: {way: {kind: values}} and {way: {"near 0.2": values}}; a hybrid student is asked both ways."""
    with tempfile.TemporaryDirectory() as folder, Journal.open(Path(folder) / "journal") as journal:
        (path,) = students(cell.teaching, cell.seed, Path(folder)).values()
        ways = ASKED.get(cell.teaching.row, (cell.teaching.row,))
        return {way: _asked(path, cell.proof, cell.curve, way, journal) for way in ways}


def run_untaught(task: tuple[str, int, int]) -> dict[str, Any]:
    """The base itself, asked in every way."""
    model, proof, curve = task
    with tempfile.TemporaryDirectory() as folder, Journal.open(Path(folder) / "journal") as journal:
        return {way: _asked(model, proof, curve, way, journal) for way in WAYS}


def _asked(path: str, proof: int, curve: int, way: str, journal: Journal) -> dict[str, Any]:
    kinds = {kind: measured(path, group, way, journal) for kind, group in questions("heldout", proof).items()}
    points = {
        f"{kind} {ratio}": measured(path, group, way, journal)
        for (kind, ratio), group in curve_questions(curve).items()
    }
    return {"kinds": kinds, "curve": points}


def measured(path: str, asked: Sequence[Prompt], way: str, journal: Journal) -> Values:
    """What each answer is worth, asked in one of the `WAYS`."""
    notes = way == "notes"
    settings = Settings(
        model="town:library", questions="the library's", out="none", notes=notes, max_new_tokens=LONGEST, device="cpu"
    )
    attempts = answer(load(path, device="cpu"), asked, make(settings, WAYS[way]), journal)
    return {p.id: _value(p, a, notes) for p, a in zip(asked, attempts, strict=True)}


def _value(prompt: Prompt, attempt: Attempt, notes: bool) -> dict[str, float | None]:
    if attempt.error is not None:
        return dict.fromkeys(("right", "unknown", "tokens", *(["kinds", "known"] if notes else [])))
    said = normalise(attempt.text)
    value: dict[str, float | None] = {
        "right": float(said in references(prompt)),
        "unknown": float(said == UNKNOWN),
        "tokens": float(attempt.completion_tokens),
    }
    if not notes:
        return value
    return value | {"kinds": _kinds_right(prompt, attempt), "known": _known_right(prompt, attempt)}


def _kinds_right(prompt: Prompt, attempt: Attempt) -> float:
    truth: Mapping[str, Any] = prompt.truth or {}
    noted = {n["passage"]: n["kind"] for n in json.loads(next(e.text for e in attempt.trace if e.label == "notes"))}
    rows = list(zip(truth["passages"], truth["kinds"], strict=True))
    right: int = sum(noted.get(p["id"]) == kind for p, kind in rows)
    return right / len(rows)


def _known_right(prompt: Prompt, attempt: Attempt) -> float | None:
    memory = (prompt.truth or {})["memory"]
    said = next((e.text for e in attempt.trace if e.label == "memory"), None)
    return None if memory is None or said is None else float(memory.endswith(f"({said})"))
