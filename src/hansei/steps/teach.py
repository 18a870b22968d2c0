"""Teach: lessons in, student out; a finished student is found again, checked, and not trained twice."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hansei.core.errors import BadInput
from hansei.core.journal import Journal
from hansei.core.keys import content_key
from hansei.core.records import Lesson, Student
from hansei.models.weights import find, fingerprint
from hansei.steps.material import Plan
from hansei.steps.units import finish

if TYPE_CHECKING:
    from hansei.training.settings import TrainSettings


@dataclass(frozen=True)
class Taught:
    """A student as the journal keeps it."""

    student: Student
    """The student."""
    files: str
    """Fingerprint of its folder: what stands there is believed only if it is the same."""


def teach(
    model: str,
    parent: str,
    plan: Plan,
    settings: TrainSettings,
    out: Path,
    journal: Journal,
    *,
    longest: int = 64,
) -> Student:
    """Trains the model called `model` on the plan's lessons by its recipe; the student stands in `out`.

    `parent` is the fingerprint of the model that wrote the lessons. Not the model itself but its name is
    given, so that the caller can let go of it before it is loaded again for training. A student that the
    journal knows and whose folder is as it was is returned at once; a damaged one is trained again. For the
    recipe `rlhf`, `out`-sft and `out`-reward stand beside it, and `longest` is the longest answer in tokens that
    is sampled on the way. Raises BadInput as the trainings do.
    """
    sampled = longest if plan.recipe == "rlhf" else 0
    key = content_key("student", parent, list(plan.lessons), plan.recipe, settings, sampled)

    def work(_key: str, _items: Sequence[int]) -> list[Taught]:
        if journal.done(key) is not None and out.is_dir():
            shutil.rmtree(out)  # finished once, and no longer what it was
        _train(model, plan, settings, out, longest)
        return [Taught(_student(out, parent), fingerprint(find(str(out))))]

    def damaged(_: int, taught: Taught) -> bool:
        return not _is(out, taught.files)

    (taught,) = finish(journal, key, "student", Taught, 1, work, damaged)
    if not _is(out, taught.files):
        raise BadInput(f"{out}: changed while the student was trained: remove the folder and run again")
    return _student(out, parent)  # read anew: a run's folder may have been moved


def dropped(folder: str | Path) -> int:
    """How many lessons were too long for this student."""
    from hansei.training.job import read_facts

    return int(read_facts(Path(folder)).get("dropped", 0))


def _student(out: Path, parent: str) -> Student:
    from hansei.training.student import read_student

    found = read_student(out)
    return Student(found.path, parent, found.method, found.lessons_hash, found.adapter)


def _is(out: Path, files: str) -> bool:
    return out.is_dir() and any(out.glob("*.safetensors")) and fingerprint(find(str(out))) == files


def _train(model: str, plan: Plan, settings: TrainSettings, out: Path, longest: int) -> None:
    """The recipe: SFT; DPO; or SFT, a reward model, and RLOO from the SFT student."""
    from hansei.training.sft import train_sft

    answers = [lesson for lesson in plan.lessons if lesson.completion is not None]
    pairs = [lesson for lesson in plan.lessons if lesson.chosen is not None]
    if plan.recipe == "sft":
        train_sft(model, answers, settings, out)
    elif plan.recipe == "dpo":
        from hansei.training.preference import train_dpo

        train_dpo(model, pairs, settings, out)
    else:
        _rlhf(model, answers, pairs, settings, out, longest)


def _rlhf(
    model: str,
    answers: Sequence[Lesson],
    pairs: Sequence[Lesson],
    settings: TrainSettings,
    out: Path,
    longest: int,
) -> None:
    """RLOO against a reward model, from the SFT student: a base that never refuses has no choice to learn."""
    from hansei.training.reinforcement import train_reward, train_rloo
    from hansei.training.settings import RolloutSettings
    from hansei.training.sft import train_sft

    start = train_sft(model, answers, settings, out.with_name(f"{out.name}-sft"))
    reward = train_reward(model, pairs, settings, out.with_name(f"{out.name}-reward"))
    prompts = list(dict.fromkeys(lesson.prompt for lesson in pairs))
    rollout = RolloutSettings(max_completion=longest)
    train_rloo(str(start), prompts, reward, settings, out, rollout=rollout)
