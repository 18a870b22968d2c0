"""`hansei export RUN --to FORMAT`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from hansei.cli.common import command_of
from hansei.core.errors import BadInput


@dataclass(frozen=True, kw_only=True)
class ExportSettings:
    """Settings of `hansei export`."""

    run: str
    """Folder of a run."""
    to: Literal["trl", "parquet"]
    """trl: the lessons as TRL's datasets, one JSONL file for each kind of trainer; parquet: all records of the
    run, one table for each kind."""
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
    from hansei.core.export import to_parquet, to_trl
    from hansei.core.files import disk_errors
    from hansei.core.journal import Journal
    from hansei.core.records import Lesson
    from hansei.steps.run import stored

    folder = Path(settings.out or Path(settings.run) / "export" / settings.to)
    with Journal.open(settings.run, read_only=True) as journal, disk_errors(f"writing to {folder}"):
        if settings.to == "parquet":
            return Exported(str(folder), to_parquet(journal, folder))
        lessons = stored(journal, "lesson", Lesson)
        if not lessons:
            raise BadInput(f"{settings.run}: no lessons were taught in this run, so TRL has nothing to train on")
        return Exported(str(folder), to_trl(lessons, folder))


command = command_of(ExportSettings, _export, positional=["run"])
