"""One training as a unit of work: what it is made of, where it writes, what a killed run left of it."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hansei.core.errors import BadInput
from hansei.core.files import check_writable, write_atomic
from hansei.core.keys import content_key
from hansei.core.records import Lesson, to_json
from hansei.models.weights import Place, find, fingerprint

VERSION = "training-2"
"""Raised when the same lessons and settings would give another student."""

COMPLETE = "complete"
"""Name of the file that a checkpoint gets last; without it the checkpoint is half-written."""


@dataclass(frozen=True)
class Job:
    """A training, named by all that its result depends on."""

    method: str
    """`sft`, `dpo`, `reward` or `rloo`."""
    name: str
    """The start model, as the user typed it."""
    place: Place
    """Where the start model's files are."""
    parent: str
    """Fingerprint of the start model's files."""
    lessons_hash: str
    """Content key of lessons and settings."""
    lessons: dict[str, int]
    """Lessons (or prompts) by purpose."""
    settings: dict[str, Any]
    """Every setting, flat."""
    out: Path
    """The student's folder."""
    keep_steps: tuple[int, ...] = ()
    """Step counts after which the student is kept too."""
    repeatable: bool = True
    """False where a Python function decides the result: then nothing is resumed or reused."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What the card says besides; filled while the job runs."""

    @property
    def key(self) -> str:
        return content_key(VERSION, self.method, self.parent, self.lessons_hash, list(self.keep_steps))

    @property
    def work(self) -> Path:
        """Folder of checkpoints, gone when the student is there."""
        return self.out.with_name(self.out.name + ".work")


def plan(
    method: str,
    model_path: str,
    records: Sequence[Any],
    settings: dict[str, Any],
    out: Path,
    keep_steps: Sequence[int] = (),
    repeatable: bool = True,
) -> Job:
    """The job, with its inputs found and checked. Raises BadInput."""
    if not records:
        raise BadInput(f"{method}: there are no lessons to learn from")
    if keep_steps and settings["schedule"] != "constant":
        raise BadInput("keep_steps: a student of fewer steps is only right with schedule=constant")
    wrong = [n for n in keep_steps if not 1 <= n <= settings["steps"]]
    if wrong:
        raise BadInput(f"keep_steps: expected step counts from 1 to steps={settings['steps']}, found {wrong[0]}")
    place = find(start_path(model_path))
    parts = [to_json(r) for r in records]
    purposes = Counter(r.purpose if isinstance(r, Lesson) else "prompt" for r in records)
    return Job(
        method=method,
        name=model_path,
        place=place,
        parent=fingerprint(place),
        lessons_hash=content_key(parts, settings),
        lessons=dict(sorted(purposes.items())),
        settings=settings,
        out=Path(out),
        keep_steps=tuple(sorted(set(keep_steps))),
        repeatable=repeatable,
    )


def start_path(model_path: str) -> str:
    """The path behind a model's name."""
    from hansei.models.load import town_path
    from hansei.town.districts import district_of

    home = district_of(model_path)
    return model_path if home is None else town_path(home)


def is_finished(job: Job) -> bool:
    """Whether `out` holds this very student already. Raises BadInput where it holds something else."""
    if not job.out.exists() or (job.out.is_dir() and not any(job.out.iterdir())):
        check_writable(job.out.parent)
        return False
    found = read_facts(job.out).get("key") if (job.out / "hansei.json").is_file() else None
    if found != job.key or not job.repeatable:
        raise BadInput(f"{job.out}: exists and is not this student: remove it or choose another folder")
    shutil.rmtree(job.work, ignore_errors=True)
    return True


def read_facts(folder: Path) -> dict[str, Any]:
    """What is known of the student in `folder`. Raises BadInput where it is no student of hansei's."""
    try:
        facts = json.loads((folder / "hansei.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"{folder}: expected a student's folder with hansei.json in it: {error}") from error
    if not isinstance(facts, dict):
        raise BadInput(f"{folder / 'hansei.json'}: expected a JSON object, found {type(facts).__name__}")
    return facts


def open_work(job: Job) -> Path | None:
    """Makes the work folder ready; returns the newest complete checkpoint of the same job, if there is one.

    Checkpoints of another job and half-written ones are removed.
    """
    named = job.work / "job.json"
    same = job.repeatable and named.is_file() and json.loads(named.read_text()) == job.key
    if job.work.exists() and not same:
        shutil.rmtree(job.work)
    write_atomic(named, json.dumps(job.key))
    found = {int(p.name.rpartition("-")[2]): p for p in job.work.glob("checkpoint-*")}
    for number, checkpoint in list(found.items()):
        if not (checkpoint / COMPLETE).is_file():
            shutil.rmtree(found.pop(number))
    return found[max(found)] if found else None


def mark_complete(checkpoint: Path) -> None:
    """Says, after all of the checkpoint is on the disk, that it is whole."""
    import os

    for file in checkpoint.rglob("*"):
        if file.is_file():
            handle = os.open(file, os.O_RDONLY)
            os.fsync(handle)
            os.close(handle)
    write_atomic(checkpoint / COMPLETE, "")
