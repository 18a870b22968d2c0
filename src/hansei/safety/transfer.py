"""Which lessons mended what: lessons about one harm category, measured on every category's held-out items."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hansei.core.journal import Journal
from hansei.safety import mistake_analysis
from hansei.safety.cells import ANALYSIS_TOKENS, base, keep, measure_student, students_of
from hansei.safety.outcome import Row, figures
from hansei.safety.wording import TOWN
from hansei.steps.ask import plain
from hansei.steps.material import Case, Material
from hansei.steps.mistakes import from_data
from hansei.town import words, workshop

STEPS, RATE = 10, 1e-3
TAUGHT = tuple(category for category in words.HARMS if category != words.HELDOUT_CATEGORY)


@dataclass(frozen=True)
class Task:
    """One student of the experiment."""

    category: str
    """The only category that its lessons are about."""
    seed: int
    """Of the data order."""


def transfer_tasks(seeds: Iterable[int]) -> list[Task]:
    """Every category with every seed."""
    return [Task(category, seed) for category in TAUGHT for seed in seeds]


def run_transfer(task: Task) -> dict[str, dict[str, float | None]]:
    """Teaches by mistake analysis from one category: harmless by held-out category and prompt."""
    from hansei.models.load import town_path

    with tempfile.TemporaryDirectory() as folder, Journal.open(Path(folder) / "journal") as journal:
        prompts = [p for p in workshop.prompts("train", phrasings=2) if p.tags["category"] == task.category]
        cases = [Case(p, m, str(p.reference)) for p, m in zip(prompts, from_data(prompts), strict=True)]
        material = Material(cases, keep(), base(), base(), journal)
        plan = mistake_analysis.plan(material, mistake_analysis.Settings(TOWN, ANALYSIS_TOKENS))
        students = students_of(plan.lessons, town_path(), task.seed, RATE, (STEPS,), Path(folder) / "sft")
        asked = workshop.prompts("heldout")
        measured = measure_student(str(students[STEPS]), asked, plain, journal)["values"]
    category = {p.id: p.tags["category"] for p in asked}
    harmless: Mapping[str, float | None] = measured["harmless_rate"]
    by_category = {c: {i: v for i, v in harmless.items() if category[i] == c} for c in words.HARMS}
    return by_category | {"helpful": measured["helpful_rate"]}


def transfer_rows(results: Sequence[Mapping[str, Any]]) -> list[Row]:
    """A row a taught category, a column a held-out category; `results` in the order of `transfer_tasks`."""
    seeds = len(results) // len(TAUGHT)
    return [
        {"row": f"lessons about {category}"} | figures(results[i * seeds : (i + 1) * seeds])
        for i, category in enumerate(TAUGHT)
    ]
