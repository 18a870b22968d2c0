"""The first half of `learn`: a model is asked, its mistakes are picked, and lessons are written from good answers."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from hansei.core.errors import BadInput
from hansei.core.journal import Journal
from hansei.core.records import Attempt, Mistake, Verdict
from hansei.judges.protocol import Judge
from hansei.loop.settings import METHODS, LearnSettings
from hansei.loop.work import Files, answer, judged, sampling_of
from hansei.models.protocol import Model
from hansei.safety.wording import Wording, wording_for
from hansei.steps import run
from hansei.steps.ask import AnsweringMethod, ask, guided, plain
from hansei.steps.compare import Answers
from hansei.steps.good_answers import good_answers, keep_of_answers, keep_of_file
from hansei.steps.material import Keep, Material, Plan
from hansei.steps.mistakes import from_data, pick


@dataclass(frozen=True)
class Found:
    """What the first half of the loop leaves for the second."""

    fingerprint: str
    """Of the model that was asked."""
    rows: dict[str, Answers]
    """The rows before teaching."""
    plans: dict[str, Plan]
    """The lessons by the row of their student: `after`, and the baseline's; empty where there was no mistake."""
    counts: dict[str, int]
    """What happened on the way."""


def find(settings: LearnSettings, files: Files, model: Model, analyst: Model, by: Judge, journal: Journal) -> Found:
    """Asks, judges, picks, finds good answers, writes lessons."""
    wording = wording_of(settings)
    rows = {
        name: answer(model, files.proof, settings, by, journal, row=name, method=method)
        for name, method in ways_of(settings, wording, "before", None).items()
    }
    attempts = ask(model, files.train, sampling_of(settings), journal, label="ask, training prompts")
    verdicts = judged(by, files.train, attempts, journal)
    mistakes = _mistakes(settings, files, model, by, attempts, verdicts, wording, journal)
    run.store(journal, "mistake", mistakes)
    counts = Counter(
        {
            "training prompts": len(files.train),
            "held-out prompts": len(files.proof),
            "mistakes": len(mistakes),
        }
    )
    if files.unused:
        counts["validation prompts, not used"] = files.unused
    lost = sum(verdict.outcome == "error" for verdict in verdicts)
    if lost:  # those of the held-out prompts stand in the table
        counts["errors on training prompts"] = lost
    if not mistakes:
        return Found(model.fingerprint, rows, {}, dict(counts))
    material, more = _material(settings, files, model, analyst, by, mistakes, (attempts, verdicts), wording, journal)
    plans = {row: _plan(method, material, settings, wording) for row, method in methods_of(settings).items()}
    plan = plans["after"]
    run.store(journal, "analysis", list(plan.analyses))
    run.store(journal, "lesson", list(plan.lessons))
    counts.update(more)
    counts.update(plan.counts)
    counts["lessons"] = len(plan.lessons)
    for row, other in list(plans.items())[1:]:
        counts[f"lessons, {row}"] = len(other.lessons)
    return Found(model.fingerprint, rows, plans, {name: n for name, n in counts.items() if n})


def methods_of(settings: LearnSettings) -> dict[str, str]:
    """The method that teaches the student of each row."""
    return {"after": settings.method} | ({settings.baseline: settings.baseline} if settings.baseline else {})


def _plan(method: str, material: Material, settings: LearnSettings, wording: Wording) -> Plan:
    module = importlib.import_module(METHODS[method])
    made: Plan = module.plan(material, _method_settings(module.Settings, settings, wording))
    return made


def _mistakes(
    settings: LearnSettings,
    files: Files,
    model: Model,
    by: Judge,
    attempts: Sequence[Attempt],
    verdicts: Sequence[Verdict],
    wording: Wording,
    journal: Journal,
) -> list[Mistake]:
    """The model's failed answers, those of the data, or those that a hint induces."""
    if settings.mistakes == "model":
        return pick(files.train, attempts, verdicts)
    if settings.mistakes == "data":
        return from_data(files.train)
    from hansei.safety.mistake_analysis import induce

    induced = induce(model, files.train, wording, journal, settings.max_new_tokens)
    return pick(files.train, induced, judged(by, files.train, induced, journal), source="induced")


def _material(
    settings: LearnSettings,
    files: Files,
    model: Model,
    analyst: Model,
    by: Judge,
    mistakes: Sequence[Mistake],
    first: tuple[Sequence[Attempt], Sequence[Verdict]],
    wording: Wording,
    journal: Journal,
) -> tuple[Material, Counter[str]]:
    """Mistakes with good answers, and what to keep. `first`: the answers to the training prompts, judged."""
    sampling = sampling_of(settings)
    words = {"reminder": wording.reminder, "revise": wording.revise}
    cases, counts = good_answers(files.train, mistakes, model, analyst, by, sampling, journal, **words)
    if not cases:
        raise BadInput(
            f"none of {len(mistakes)} mistakes has a good answer that judge {by.name} accepts: give a column "
            "`reference` in --prompts, or a stronger --analyst"
        )
    keep: list[Keep]
    if files.keep is None:
        keep = keep_of_answers(files.train, *first)
        counts["kept own answers"] = len(keep)
    else:
        keep, more = keep_of_file(files.keep, model, by, sampling, journal)
        counts.update(more)
    if not keep:
        benign = [p for p in files.train if p.expected == "answer"] if files.keep is None else files.keep
        raise BadInput(
            f"judge {by.name} accepts none of the model's answers to {len(benign)} benign prompts, and without any the "
            "student learns to refuse everything: give --keep FILE with good answers in a column `reference`"
        )
    return Material(cases, keep, model, analyst, journal), counts


def _method_settings(kind: type[Any], settings: LearnSettings, wording: Wording) -> Any:
    """The method's own settings, with what the loop's settings say where the method has such a field."""
    ours = {"wording": wording, "max_new_tokens": settings.max_new_tokens}
    return kind(**{f.name: ours[f.name] for f in fields(kind) if f.name in ours})


def wording_of(settings: LearnSettings) -> Wording:
    """What is said to this model, with the reminder of the settings."""
    wording = wording_for(settings.model)
    return wording if settings.reminder is None else replace(wording, reminder=settings.reminder)


def ways_of(settings: LearnSettings, wording: Wording, row: str, method: str | None) -> dict[str, AnsweringMethod]:
    """How each row is asked. A student of Chain of Hindsight is always asked for the good answer."""
    good = wording.good if method == "hindsight" else None
    ways = {row: guided(good, name="good") if good else plain}
    if settings.guided:
        ways[f"{row}, guided"] = guided(" ".join(s for s in (wording.reminder, good) if s))
    return ways
