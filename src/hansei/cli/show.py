"""`hansei show RUN`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hansei.cli.common import command_of
from hansei.cli.reported import Reported, with_report
from hansei.core.errors import BadInput
from hansei.core.records import Attempt, to_json


@dataclass(frozen=True, kw_only=True)
class ShowSettings:
    """Settings of `hansei show`."""

    run: str
    """Folder of a run."""
    question: str | None = None
    """Id of a question that was answered in steps (`hansei answer`): print every prompt of it in full, in place of the
    page."""


@dataclass(frozen=True)
class Steps:
    """The steps to the answers to one question."""

    attempts: Sequence[Attempt]
    """The answers, one a row of the run's table."""

    def __str__(self) -> str:
        parts = []
        for attempt in self.attempts:
            for number, step in enumerate(attempt.trace, 1):
                parts.append(f"--- {number}. {step.label}")
                parts += [step.rendered, "--- gave"] if step.by_model else []
                parts.append(step.error or step.text)
            parts.append(f"--- answer of {attempt.method}\n{attempt.error or attempt.text}")
        return "\n".join(parts)

    def to_json(self) -> dict[str, Any]:
        """The attempts with their traces."""
        return {"attempts": [to_json(attempt) for attempt in self.attempts]}


def _show(settings: ShowSettings) -> Reported | Steps:
    from hansei.core.journal import Journal
    from hansei.loop.stored import comparison_of, load_run

    with Journal.open(settings.run, read_only=True) as journal:
        there = load_run(settings.run, journal)
    if settings.question is not None:
        attempts = [a for row in there.rows.values() for a in row.attempts if a.prompt_id == settings.question]
        if not attempts:
            known = ", ".join(prompt.id for prompt in there.prompts[:5])
            raise BadInput(f"{settings.run}: no question {settings.question!r}; its first ones are {known}")
        return Steps(attempts)
    comparison = comparison_of(there)
    return with_report(comparison, settings.run, measured=True)


command = command_of(ShowSettings, _show, positional=["run"])
