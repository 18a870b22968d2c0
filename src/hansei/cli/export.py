"""`hansei export RUN --to FORMAT`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hansei.cli.common import command_of
from hansei.core.errors import BadInput

if TYPE_CHECKING:
    from hansei.core.journal import Journal


@dataclass(frozen=True, kw_only=True)
class ExportSettings:
    """Settings of `hansei export`."""

    run: str
    """Folder of a run."""
    to: Literal["trl", "parquet", "inspect"]
    """trl: the lessons as TRL's datasets, one JSONL file for each kind of trainer; parquet: all records of the
    run, one table for each kind; inspect: the answers of the comparison as logs of Inspect AI."""
    out: str | None = None
    """Folder for the files; RUN/export/FORMAT if not given."""


@dataclass(frozen=True)
class Exported:
    """What was written."""

    folder: str
    """Where."""
    rows: Mapping[str, int]
    """By file or kind of record: how many."""

    def __str__(self) -> str:
        return "\n".join([f"{n:>8,} {name}" for name, n in self.rows.items()] + [f"in {self.folder}"])

    def to_json(self) -> dict[str, Any]:
        """Folder and counts."""
        return {"folder": self.folder, "rows": dict(self.rows)}


def _export(settings: ExportSettings) -> Exported:
    from hansei.core.files import disk_errors
    from hansei.core.journal import Journal

    folder = Path(settings.out or Path(settings.run) / "export" / settings.to)
    write = {"trl": _to_trl, "parquet": _to_parquet, "inspect": _to_inspect}[settings.to]
    with Journal.open(settings.run, read_only=True) as journal, disk_errors(f"writing to {folder}"):
        return Exported(str(folder), write(settings.run, journal, folder))


def _to_trl(run: str, journal: Journal, folder: Path) -> dict[str, int]:
    from hansei.core.export import to_trl
    from hansei.core.records import Lesson
    from hansei.steps.run import stored

    lessons = stored(journal, "lesson", Lesson)
    if not lessons:
        raise BadInput(f"{run}: no lessons were taught in this run, so TRL has nothing to train on")
    return to_trl(lessons, folder)


def _to_parquet(_run: str, journal: Journal, folder: Path) -> dict[str, int]:
    from hansei.core.export import to_parquet

    return to_parquet(journal, folder)


def _to_inspect(run: str, journal: Journal, folder: Path) -> dict[str, int]:
    """The answers of the run's table, with every judge's word on them."""
    from hansei.core.inspect_log import to_inspect
    from hansei.core.records import Verdict
    from hansei.loop.stored import load_run

    there = load_run(run, journal)
    attempts = {a.id: a for answers in there.rows.values() for a in answers.attempts}
    verdicts = [v for v in journal.records("verdict", Verdict) if v.attempt_id in attempts]
    return to_inspect(there.prompts, list(attempts.values()), verdicts, folder)


command = command_of(ExportSettings, _export, positional=["run"])
