"""The school's part of the contrastive chain-of-thought experiment: one model, one seed of demonstrations, all rows."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hansei.core.journal import Journal
from hansei.core.numbers import same
from hansei.core.records import Attempt, Prompt, Sampling
from hansei.judges.numbers import right
from hansei.models.load import load
from hansei.reasoning.contrastive_cot import Mistake, demonstrations, of, solved_of
from hansei.reasoning.invalid import KINDS
from hansei.steps.answering import answer
from hansei.steps.town_school import problem_of
from hansei.town import school
from hansei.town.school_mistakes import hasty

LONGEST = 80  # the school's longest solution has 60 tokens
DEMONSTRATED = ("1", "2")
"""Steps of the problems in demonstrations: four of them with two explanations each fill most of the base's context."""
POOL = 400


@dataclass(frozen=True)
class Row:
    """One way to ask."""

    name: str
    """What it is called in tables."""
    mistake: Mistake = "none"
    """Kind of wrong explanations."""
    shots: int = 4
    """Demonstrations."""
    explain: bool = True
    """Whether they have explanations."""
    samples: int = 1
    """Answers that are drawn."""
    products: bool = False
    """Whether every demonstration has a product, so that it tells a careful writer from a hasty one."""


COT, CONTRASTIVE = "chain-of-thought", "contrastive: incoherent-objects"
ROWS: tuple[Row, ...] = (
    Row("standard", explain=False),
    Row(COT),
    *(Row(f"contrastive: {kind}", kind) for kind in KINDS),
)
"""Table 1 of the paper."""
FEW: tuple[Row, ...] = (Row(f"{COT}, 1 shot", shots=1), Row(f"{CONTRASTIVE}, 1 shot", "incoherent-objects", shots=1))
"""The same with a single demonstration."""
PRODUCTS: tuple[Row, ...] = (
    Row(f"{COT}, products shown", products=True),
    Row(f"{CONTRASTIVE}, products shown", "incoherent-objects", products=True),
)
"""The same with demonstrations that leave no doubt about their writer."""


def voted(samples: int) -> tuple[Row, ...]:
    """Self-consistency: table 2 of the paper."""
    return (
        Row(f"{COT}, {samples} samples", samples=samples),
        Row(f"{CONTRASTIVE}, {samples} samples", "incoherent-objects", samples=samples),
    )


@dataclass(frozen=True)
class Cell:
    """What one process does."""

    model: str
    """Name or folder of the model."""
    seed: int
    """Of demonstrations, wrong explanations and samples."""
    items: int
    """Held-out problems."""
    rows: tuple[Row, ...]
    """The ways to ask."""
    temperature: float
    """Of several samples."""


def run_cell(cell: Cell) -> dict[str, Any]:
    """{row: {"right": [0 or 1, or None where no answer came], "hasty": …, "unanswered": count, "tokens": …}}."""
    model = load(cell.model, device="cpu")
    prompts = school.prompts("heldout", cell.items)
    pool = [p for p in school.prompts("train", POOL, seed=cell.seed) if p.tags["steps"] in DEMONSTRATED]
    found = {}
    with tempfile.TemporaryDirectory() as folder, Journal.open(Path(folder)) as journal:
        for row in cell.rows:
            solved = [solved_of(p) for p in pool if _has_product(p) or not row.products]
            shots = demonstrations(solved, row.shots, row.mistake, cell.seed, row.explain)
            warm = cell.temperature if row.samples > 1 else 0.0
            sampling = Sampling(temperature=warm, max_new_tokens=LONGEST, seed=cell.seed)
            method = of(shots, sampling, row.samples, row.explain)
            found[row.name] = scored(prompts, answer(model, prompts, method, journal, label=row.name))
    return found


def _has_product(prompt: Prompt) -> bool:
    return not {"packs", "use"}.isdisjoint((prompt.truth or {})["kind"])


def _hasty_answer(prompt: Prompt) -> str | None:
    """What a writer who skips products comes to; None where that is right, or nothing."""
    said = hasty(problem_of(prompt))
    answer = None if said is None else said.rstrip(".").rpartition(" ")[2]
    return None if answer == prompt.reference else answer


def scored(prompts: Sequence[Prompt], attempts: Sequence[Attempt]) -> dict[str, Any]:
    """Right or wrong by number; an error is neither.

    `hasty`: whether the answer is that of a writer who skips products; None where there is none, or no such answer.
    """
    skipped = [_hasty_answer(p) for p in prompts]
    return {
        "hasty": [
            None if a.error is not None or said is None else float(same(a.text, said) is True)
            for said, a in zip(skipped, attempts, strict=True)
        ],
        "right": [
            None if a.error is not None else float(right(a.text, p)) for p, a in zip(prompts, attempts, strict=True)
        ],
        "unanswered": sum(a.error is None and not a.text for a in attempts),
        "tokens": [None if a.error is not None else a.prompt_tokens + a.completion_tokens for a in attempts],
        "errors": sum(a.error is not None for a in attempts),
    }
