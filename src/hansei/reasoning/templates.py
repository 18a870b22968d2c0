"""Thought templates and the buffer that holds them (Buffer of Thoughts, arXiv 2406.04271, sections 3.2 to 3.4).

A template is (T, D, C): how a kind of task is solved, a description of it, its category. The buffer is a JSON file
made to be read: every template names the solved problems that it was made from, and what was not taken in stands
there with its reason.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hansei.core.errors import BadInput
from hansei.core.files import write_atomic
from hansei.core.rows import read_text
from hansei.core.settings import from_mapping
from hansei.reasoning.wording import CATEGORIES

FORMAT = "hansei thought templates 1"
Similarity = Callable[[str, Sequence[str]], list[float]]
"""How alike a description is to each of others, from 0 to 1."""


@dataclass(frozen=True, kw_only=True)
class Template:
    """How a kind of task is solved."""

    task: str
    """D: the kind of task in general words."""
    slots: str
    """The names of its slots, and what each is."""
    steps: str
    """T as text: how it is solved, in terms of the slots."""
    program: str = ""
    """T as a program: Python that defines `solve(slots…)`; empty where there is none. It runs in a sandbox only."""
    category: str = "Mathematical Reasoning"
    """C: one of the six categories."""
    sources: tuple[str, ...] = ()
    """The questions that it was made from."""
    made_by: str = ""
    """Fingerprint of the model that wrote it; `hand` for a written one."""


@dataclass
class Buffer:
    """The meta-buffer and its manager."""

    threshold: float
    """delta: a template is taken for a task whose description is at least so similar, and let in below it."""
    similar: Similarity
    """How alike descriptions are."""
    templates: list[Template] = field(default_factory=list)
    """What is in the buffer, in the order of arrival."""
    declined: list[dict[str, Any]] = field(default_factory=list)
    """What was not let in, and why."""

    def find(self, task: str) -> tuple[Template | None, float]:
        """The most similar template (equation 2) and its similarity; None where all are below the threshold."""
        scores = self.similar(task, [template.task for template in self.templates])
        if not scores:
            return None, 0.0
        best = max(range(len(scores)), key=lambda n: scores[n])
        return (self.templates[best] if scores[best] >= self.threshold else None), scores[best]

    def update(self, template: Template) -> bool:
        """Lets a template in if the buffer is empty or nothing in it is similar (equation 4); says whether it did."""
        scores = self.similar(template.task, [known.task for known in self.templates])
        if scores and max(scores) >= self.threshold:
            self.decline(template, f"similar ({max(scores):.2f}) to {self.templates[scores.index(max(scores))].task!r}")
            return False
        self.templates.append(template)
        return True

    def decline(self, template: Template, reason: str) -> None:
        """Keeps what was not let in."""
        self.declined.append({"reason": reason, **asdict(template), "sources": list(template.sources)})

    def save(self, path: str | Path) -> None:
        """Writes the buffer, whole or not at all."""
        whole = {
            "format": FORMAT,
            "threshold": self.threshold,
            "templates": [asdict(template) for template in self.templates],
            "declined": self.declined,
        }
        write_atomic(path, json.dumps(whole, indent=1, ensure_ascii=False) + "\n")


def load(path: str | Path, similar: Similarity, threshold: float | None = None) -> Buffer:
    """The buffer of a file, with its own threshold unless one is given. Raises BadInput at anything else."""
    try:
        whole = json.loads(read_text(path))
    except ValueError as error:
        raise BadInput(f"{path}: a buffer of thought templates (JSON) was expected, found something else") from error
    if not isinstance(whole, dict) or whole.get("format") != FORMAT or not isinstance(whole.get("templates"), list):
        raise BadInput(f"{path}: {FORMAT!r} was expected in `format`, and a list of `templates`")
    made = []
    for n, row in enumerate(whole["templates"], 1):
        if not isinstance(row, dict):
            raise BadInput(f"{path}, template {n}: an object was expected, found {row!r:.40}")
        made.append(from_mapping(Template, row, f"{path}, template {n}"))
    return Buffer(
        whole.get("threshold", 0.6) if threshold is None else threshold, similar, made, whole.get("declined", [])
    )


def leaked(sources: Iterable[str], questions: Iterable[str]) -> list[str]:
    """Questions that templates were made from: none of them may be evaluated."""
    made_from = {_plain(source) for source in sources}
    return [question for question in questions if _plain(question) in made_from]


def _plain(text: str) -> str:
    return " ".join(text.lower().split())


_PART = re.compile(r"^[^\w\n]*(known|task|category|slots|steps|program|answer)[ *]*:", re.IGNORECASE | re.MULTILINE)
_CODE = re.compile(r"```(?:python)?\n(.*?)```", re.DOTALL | re.IGNORECASE)


def parts(text: str) -> dict[str, str]:
    """The marked parts of a reply (`Task: …`), by their names in lower case; the first of each counts."""
    marks = list(_PART.finditer(text))
    found: dict[str, str] = {}
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    for mark, end in zip(marks, ends, strict=False):  # without marks there is an end, but no part
        found.setdefault(mark[1].lower(), text[mark.end() : end].strip(" *\n"))
    return found


def parse(reply: str, sources: Sequence[str], made_by: str, category: str | None = None) -> Template | None:
    """The template in a distiller's reply; None where task, slots or steps are missing."""
    found = parts(reply)
    if any(not found.get(part) for part in ("task", "slots", "steps")):
        return None
    code = _CODE.search(reply)
    program = (code[1] if code else found.get("program", "")).strip()
    return Template(
        task=found["task"],
        slots=found["slots"],
        steps=found["steps"],
        program="" if program.lower().rstrip(".") in ("", "none") else program,
        category=category if category in CATEGORIES else "Mathematical Reasoning",
        sources=tuple(sources),
        made_by=made_by,
    )
