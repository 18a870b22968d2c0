"""A run's folder, and what its journal holds: enough to print, judge again and compare without the model.

OUT/journal.sqlite      every unit of work; kinds `prompt`, `attempt`, `verdict`, `mistake`, `analysis`,
                        `lesson`, `row`, `student`; notes `settings`, `run`, `counts`
OUT/comparison.json     `Comparison.to_json()` of the rows before and after
OUT/lessons/            the lessons as TRL datasets
OUT/student/            the student
OUT/report.html         written by the report
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hansei.core.errors import BadInput
from hansei.core.files import write_atomic
from hansei.core.journal import FILE, Journal
from hansei.core.keys import content_key
from hansei.core.records import Attempt, Record, Verdict, from_json
from hansei.steps.compare import Answers, Comparison

LAYOUT = 1
"""Version of the folder described above."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a run's table: a model's answers to the proof prompts, and who judged them."""

    name: str
    """`before`, `after` …"""
    model: str
    """Fingerprint of the model."""
    attempts: tuple[str, ...]
    """Ids of the answers."""
    judges: tuple[str, ...]
    """`name version` of the judge of each answer."""


@contextlib.contextmanager
def open_run(out: str | Path, settings: Mapping[str, Any]) -> Iterator[Journal]:
    """The journal of the run in `out`, new or to be gone on with; closed at the end of the block.

    A run that was interrupted before any answer came takes new settings. One that is new and stops at BadInput
    before any answer came leaves nothing behind. Raises BadInput where another version made the folder, or where
    it was made with other settings: it names what differs.
    """
    folder = Path(out)
    new = not (folder / FILE).exists()
    with contextlib.ExitStack() as stack:
        if not folder.exists():
            stack.callback(_remove_empty, folder)
        journal = stack.enter_context(Journal.open(out))
        try:
            kinds = journal.counts()
            if not kinds and journal.noted("run") is None:
                journal.note("run", LAYOUT)
            check_layout(out, journal)
            if "attempt" not in kinds:
                journal.note("settings", dict(settings))
            _same(out, journal.noted("settings"), settings)
            yield journal
        except BadInput:
            if new and "attempt" not in journal.counts():
                for file in folder.glob(f"{Path(FILE).stem}.*"):  # still claimed: nobody else is writing to them
                    file.unlink(missing_ok=True)
            raise


def _remove_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def check_layout(out: str | Path, journal: Journal) -> None:
    """Raises BadInput where the folder is no run, or one of another version."""
    found = journal.noted("run")
    if found is None:
        raise BadInput(f"{out}: its journal holds no run of `hansei learn` or `hansei probe`")
    if found != LAYOUT:
        raise BadInput(
            f"{out}: run folder of layout {LAYOUT} expected, {found} found: another version of hansei made "
            "it; use that version, or another --out"
        )


def _same(out: str | Path, there: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    names = [n for n in dict.fromkeys([*there, *now]) if there.get(n) != now.get(n)]
    if names:
        what = "; ".join(f"{n} was {there.get(n)!r} and is {now.get(n)!r}" for n in names)
        raise BadInput(f"{out}: holds a run with other settings: {what}; use another --out, or the same settings")


def file_hash(path: str | None) -> str | None:
    """What a file holds, in 16 hex digits: a run goes on only with the same prompts."""
    return None if path is None else hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16]


def store(journal: Journal, kind: str, records: Sequence[Any]) -> None:
    """Keeps all records of a kind as one unit; the last ones stored are those of the run."""
    key = content_key("run", kind, list(records))
    journal.commit(key, kind, list(records))
    journal.note(f"last {kind}", key)


def stored(journal: Journal, kind: str, record_type: type[Record]) -> list[Record]:
    """The records that were stored last; none where the run has not come so far."""
    key = journal.noted(f"last {kind}")
    values = journal.done(key) if key else None
    return [from_json(record_type, value) for value in values or []]


def keep_row(journal: Journal, name: str, model: str, answers: Answers) -> None:
    """Keeps which answers and verdicts stand in a line of the table."""
    row = Row(
        name,
        model,
        tuple(a.id for a in answers.attempts),
        tuple(f"{v.judge} {v.judge_version}" for v in answers.verdicts),
    )
    key = content_key("row", row)
    journal.commit(key, "row", [row])
    rows = dict(journal.noted("rows") or [])
    rows[name] = key
    journal.note("rows", [[n, k] for n, k in rows.items()])


def kept_rows(journal: Journal) -> dict[str, Row]:
    """The lines of the run's table, in order."""
    rows = {}
    for name, key in journal.noted("rows") or []:
        (value,) = journal.done(key) or []
        rows[name] = from_json(Row, value)
    return rows


def answers_of(journal: Journal, rows: Mapping[str, Row]) -> dict[str, Answers]:
    """Attempts and verdicts of the rows, from the journal."""
    wanted = {id for row in rows.values() for id in row.attempts}
    attempts = {a.id: a for a in journal.records("attempt", Attempt) if a.id in wanted}
    verdicts = {
        (v.attempt_id, f"{v.judge} {v.judge_version}"): v
        for v in journal.records("verdict", Verdict)
        if v.attempt_id in wanted
    }
    return {
        name: Answers(
            [attempts[id] for id in row.attempts],
            [verdicts[pair] for pair in zip(row.attempts, row.judges, strict=True)],
        )
        for name, row in rows.items()
    }


def write_comparison(path: Path, comparison: Comparison) -> None:
    """Writes a comparison as JSON, whole or not at all."""
    text = json.dumps(comparison.to_json(), indent=1, allow_nan=False)
    write_atomic(path, text + "\n")
