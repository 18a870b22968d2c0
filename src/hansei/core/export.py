"""A run's content in other tools' formats."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hansei.core.files import write_atomic
from hansei.core.journal import Journal
from hansei.core.records import Lesson, as_dicts

TRL_FILES = ("sft.jsonl", "preference.jsonl", "label.jsonl")


def to_trl(lessons: Iterable[Lesson], folder: str | Path) -> dict[str, int]:
    """Writes lessons as TRL's conversational datasets; returns the rows in each file that was written.

    sft.jsonl: prompt, completion (SFTTrainer); preference.jsonl: prompt, chosen, rejected (DPOTrainer,
    RewardTrainer); label.jsonl: prompt, completion, label (KTOTrainer). Each value is a list of
    {"role", "content"}. A file is there only if it has rows: one of these names that an earlier export left
    is removed. `datasets.load_dataset("json", data_files=...)` reads them.

    Raises ValueError at a lesson that is none of the three.
    """
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in TRL_FILES}
    for lesson in lessons:
        name, row = _trl_row(lesson)
        rows[name].append(row)
    for name, found in rows.items():
        path = Path(folder) / name
        if found:
            text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in found)
            write_atomic(path, text.encode("utf-8", "backslashreplace"))  # \udXXX, where UTF-8 has no form
        else:
            path.unlink(missing_ok=True)
    return {name: len(found) for name, found in rows.items() if found}


def _trl_row(lesson: Lesson) -> tuple[str, dict[str, Any]]:
    row: dict[str, Any] = {"prompt": as_dicts(lesson.prompt)}
    match (lesson.completion, lesson.chosen, lesson.rejected, lesson.label):
        case (str(completion), None, None, None):
            return "sft.jsonl", row | {"completion": _said(completion)}
        case (None, str(chosen), str(rejected), None):
            return "preference.jsonl", row | {"chosen": _said(chosen), "rejected": _said(rejected)}
        case (str(completion), None, None, bool(label)):
            return "label.jsonl", row | {"completion": _said(completion), "label": label}
    raise ValueError(
        f"lesson {lesson.id}: completion, or chosen and rejected, or completion and label expected, "
        "found another combination"
    )


def _said(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def to_parquet(journal: Journal, folder: str | Path) -> dict[str, int]:
    """Writes one table for each kind of record, KIND.parquet, in commit order; returns the rows in each.

    Numbers, texts and lists (such as messages) are columns of their type; objects, whose names differ from
    row to row (tags, truth, sampling), and columns of mixed types (or with half surrogate pairs, which Parquet
    can't hold) are JSON text. Raises ValueError for a
    kind whose records are no objects.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    counts = {}
    for kind in journal.counts():
        rows = list(journal.records(kind))
        if not rows:
            continue
        if not all(isinstance(row, Mapping) for row in rows):
            raise ValueError(f"{journal.where}: records of kind {kind!r} are no objects and make no table")
        names = dict.fromkeys(name for row in rows for name in row)
        columns = {name: _column([row.get(name) for row in rows]) for name in names}
        buffer = io.BytesIO()
        pq.write_table(pa.table(columns), buffer)
        write_atomic(Path(folder) / f"{kind}.parquet", buffer.getvalue())
        counts[kind] = len(rows)
    return counts


def _column(values: list[Any]) -> Any:
    """A column of the values' own type, else of their JSON text."""
    import pyarrow as pa

    if not any(isinstance(value, Mapping) for value in values):
        try:
            column = pa.array(values)
            return column.cast(pa.string()) if pa.types.is_null(column.type) else column
        except (pa.ArrowException, OverflowError, UnicodeEncodeError):
            pass
    return pa.array([None if v is None else json.dumps(v) for v in values], pa.string())
