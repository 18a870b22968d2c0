"""`learn`: the loop from top to bottom. `probe`: its first half.

prompts -> attempts -> verdicts -> mistakes -> good answers -> lessons -> student -> attempts -> comparison
        ask         judge      pick                         plan      teach       ask again    compare

What stands before the student is in `finding.py`.
"""

from __future__ import annotations

import time
from pathlib import Path

from hansei.core.errors import BadInput
from hansei.core.journal import Journal
from hansei.core.records import Student
from hansei.judges.protocol import Judge
from hansei.loop.ahead import foretold, of_learning, of_probe
from hansei.loop.estimate import Estimate
from hansei.loop.finding import Found, find, methods_of, ways_of, wording_of
from hansei.loop.learned import Learned
from hansei.loop.settings import METHODS, TOWN, LearnSettings, ProbeSettings
from hansei.loop.work import Files, Say, answer, identity, judge_of, model_of, read, release, tell
from hansei.models.names import ENDPOINT
from hansei.steps import run
from hansei.steps.ask import plain
from hansei.steps.compare import Answers, Comparison, apart, compare
from hansei.steps.material import Plan
from hansei.steps.mistakes import pick
from hansei.steps.teach import dropped, teach
from hansei.training.settings import RLOO, TrainSettings


def learn(settings: LearnSettings, say: Say = tell) -> Learned:
    """Runs the loop and returns the comparison of the model before and after, on held-out prompts.

    The same settings and `out` again: goes on where the last run stopped. Raises BadInput for anything in the
    settings, files, models or folder that can't be worked with, and where lessons are held-out prompts too.
    """
    started = time.perf_counter()
    _check(settings)
    files = read(settings)
    planned = foretold(settings, lambda: of_learning(settings, files.train, files.proof, files.keep), say)
    if planned is not None:
        return _dry_run(planned, settings)
    elsewhere = settings.model.startswith(ENDPOINT)
    with run.open_run(settings.out, identity(settings)) as journal:
        run.store(journal, "prompt", [*files.train, *files.proof])
        by, model = judge_of(settings), model_of(settings.model, settings.base_url, settings)
        analyst = model_of(settings.analyst, settings.analyst_base_url, settings) if settings.analyst else model
        if elsewhere:
            say(
                f"{settings.model} can't be taught from here: its lessons are written to {settings.out}/lessons. "
                "Train on them where the model is, serve the student, and `hansei compare` measures it."
            )
        found = find(settings, files, model, analyst, by, journal)
        # The model is let go of before training, which loads it again: big models don't fit twice.
        del model, analyst
        release()
        remarks: list[str] = []
        student = None
        if not found.plans:
            remarks.append("No mistakes were found on the training prompts: there is nothing to teach.")
        else:
            for plan in found.plans.values():
                apart(plan.lessons, files.proof, files.train)
            _export(found.plans["after"], settings, journal)
            if elsewhere:
                remarks.append(_go_on(settings))
            else:
                students = {row: _taught(settings, row, found, journal) for row in found.plans}
                student = students["after"]
                found.counts["lessons too long"] = dropped(student.path)
                for row, taught in students.items():
                    found.rows.update(_after(settings, row, taught, files, by, journal))
        lessons = found.plans["after"].lessons if found.plans else None
        comparison = compare(
            files.proof,
            found.rows,
            final="after" if "after" in found.rows else None,
            lessons=lessons,
            lesson_prompts=files.train,
            paper=settings.method,
            judge=f"{by.name} {by.version}",
            settings=identity(settings),
            seeds=(settings.seed,),
            counts=found.counts,
        )
        run.write_comparison(Path(settings.out) / "comparison.json", comparison)
        if student:
            _card(student, comparison)
        seconds = time.perf_counter() - started
        journal.note("counts", found.counts)
        journal.note("seconds", seconds)
    return Learned(comparison, student, found.counts, settings.out, tuple(remarks), seconds)


def _check(settings: LearnSettings) -> None:
    """Raises BadInput at settings that can't work, before anything is read."""
    for name, method in (("method", settings.method), ("baseline", settings.baseline or settings.method)):
        if method not in METHODS:
            raise BadInput(f"{name} {method!r}: expected one of {', '.join(METHODS)}")
        if method == "facts" and settings.prompts != TOWN:
            raise BadInput(f"{name} facts: teaches what the town knows of its items, it goes with --prompts town only")
    if Path(settings.out).resolve() == Path(settings.model).resolve():
        raise BadInput(f"{settings.out}: is the model's own folder: name another --out")
    _training(settings)


def probe(settings: ProbeSettings, say: Say = tell) -> Learned:
    """Asks the model every prompt, judges the answers and counts. Raises BadInput as `learn` does."""
    started = time.perf_counter()
    files = read(settings)
    prompts = [*files.train, *files.proof]
    planned = foretold(settings, lambda: of_probe(settings, prompts, {"prompts": len(prompts)}), say)
    if planned is not None:
        return _dry_run(planned, settings)
    with run.open_run(settings.out, identity(settings)) as journal:
        run.store(journal, "prompt", prompts)
        by, model = judge_of(settings), model_of(settings.model, settings.base_url, settings)
        answers = answer(model, prompts, settings, by, journal, row="model", method=plain)
        run.store(journal, "mistake", pick(prompts, answers.attempts, answers.verdicts))
        comparison = compare(
            prompts,
            {"model": answers},
            paper="probe",
            judge=f"{by.name} {by.version}",
            settings=identity(settings),
            seeds=(settings.seed,),
        )
        run.write_comparison(Path(settings.out) / "comparison.json", comparison)
    counts = comparison.rows["model"].counts
    return Learned(comparison, None, counts, settings.out, seconds=time.perf_counter() - started)


def _dry_run(planned: Estimate, settings: ProbeSettings) -> Learned:
    remarks = ("dry run: nothing was asked or written",)
    return Learned(None, None, planned.counts, settings.out, remarks, estimate=planned)


def _training(settings: LearnSettings) -> TrainSettings:
    """How students are trained. Raises BadInput at a value that can't work."""
    if "rlhf" in methods_of(settings).values() and settings.batch % RLOO.num_generations:
        raise BadInput(f"batch: a multiple of {RLOO.num_generations} was expected for rlhf, found {settings.batch}")
    return TrainSettings(
        steps=settings.steps,
        batch=settings.batch,
        learning_rate=settings.learning_rate,
        adapter=settings.adapter,
        seed=settings.seed,
        max_length=settings.max_length,
        too_long="drop",  # counted: hours of answers are not thrown away for one long lesson
        device="cpu" if settings.device == "cpu" else "auto",
        packing=settings.packing,
        save_every=max(1, settings.steps // 4),
    )


def _taught(settings: LearnSettings, row: str, found: Found, journal: Journal) -> Student:
    """The student of a row: in `student`, the baseline's beside it."""
    student = teach(
        settings.model,
        found.fingerprint,
        found.plans[row],
        _training(settings),
        Path(settings.out) / ("student" if row == "after" else f"student-{row}"),
        journal,
        longest=settings.max_new_tokens,
    )
    release()
    return student


def _after(
    settings: LearnSettings, row: str, student: Student, files: Files, by: Judge, journal: Journal
) -> dict[str, Answers]:
    """Second half: ask the student the same prompts."""
    ways = ways_of(settings, wording_of(settings), row, methods_of(settings)[row])
    model = model_of(student.path, None, settings)
    return {
        name: answer(model, files.proof, settings, by, journal, row=name, method=method)
        for name, method in ways.items()
    }


def _export(plan: Plan, settings: LearnSettings, journal: Journal) -> None:
    from hansei.core.export import to_trl

    to_trl(plan.lessons, Path(settings.out) / "lessons")


def _go_on(settings: LearnSettings) -> str:
    return (
        f"The lessons are in {settings.out}/lessons, in TRL's formats. Train, serve the student, then: "
        f"hansei compare {settings.out} openai:NAME --base-url URL"
    )


def _card(student: Student, comparison: Comparison) -> None:
    from hansei.training.student import write_card

    before, after = (comparison.rows[name].figures for name in ("before", "after"))
    write_card(student.path, before, after)
