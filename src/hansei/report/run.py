"""From a run's folder to its page."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from hansei import __version__
from hansei.core.journal import Journal
from hansei.core.records import Analysis, Attempt, Exchange, Lesson, Mistake, Verdict, by_id
from hansei.loop.stored import Stored, comparison_of, load_run
from hansei.report.html import write_report
from hansei.report.page import (
    Difference,
    Error,
    Example,
    Explained,
    Lessons,
    Pair,
    Row,
    RunPage,
    Said,
    Shared,
    Step,
    Told,
    Traced,
)
from hansei.steps import run
from hansei.steps.compare import Answers, Comparison

REPORT = "report.html"
"""Name of the page in a run's folder."""
DROPPED = ("dropped", "analysis", "critique", "revision", "too long", "not used")
"""What in a run's counts was left out: every count whose name holds one of these."""


def report_of_run(folder: str | Path) -> Path:
    """Writes the page of a run into its folder. Raises BadInput where the folder holds no finished run."""
    with Journal.open(folder, read_only=True) as journal:
        page = page_of_run(folder, journal)
    return write_report(page, Path(folder) / REPORT)


def page_of_run(folder: str | Path, journal: Journal) -> RunPage:
    """The page of a run, from its journal alone."""
    there = load_run(folder, journal)
    comparison = comparison_of(there)
    counts = journal.noted("counts") or {}
    return RunPage(
        title=f"{there.settings.get('method', 'probe')} on {there.settings['model']}",
        models=_models(there, Path(folder)),
        rows=tuple(Row(name, sheet.figures, sheet.counts) for name, sheet in comparison.rows.items()),
        compared=(comparison.base, comparison.final),
        differences=_differences(comparison),
        pairs=_pairs(there, comparison),
        told=_told(journal, there, comparison),
        traces=_traces(there),
        mistakes=_mistakes(journal, there),
        lessons=_lessons(there.lessons or ()),
        dropped={name: n for name, n in counts.items() if any(word in name for word in DROPPED)},
        counts={name: n for name, n in counts.items() if not any(word in name for word in DROPPED)},
        overlap=_shared(comparison),
        settings=there.settings,
        judge=comparison.judge.partition(" ")[0],
        judge_version=comparison.judge.partition(" ")[2],
        seeds=comparison.seeds,
        version=__version__,
        seconds=journal.noted("seconds"),
    )


def _models(there: Stored, folder: Path) -> dict[str, str]:
    """Row to what was asked: the model as named, or the student's folder."""
    model = str(there.settings["model"])
    names = {}
    for row in there.rows:
        student = folder / ("student" if row.startswith("after") else f"student-{row}")
        names[row] = str(student) if student.is_dir() else model if row.startswith(("before", "model")) else row
    return names


def _differences(comparison: Comparison) -> tuple[Difference, ...]:
    found = comparison.differences.get(comparison.final, {})
    return tuple(Difference(name, d.figure, d.p) for name, d in found.items())


def _pairs(there: Stored, comparison: Comparison) -> tuple[Pair, ...]:
    if comparison.final == comparison.base:
        return ()
    before, after = (_said(there.rows[name]) for name in (comparison.base, comparison.final))
    return tuple(
        Pair(p.id, p.messages, before[p.id], after[p.id], p.expected, p.tags)
        for p in there.prompts
        if p.id in before and p.id in after
    )


def _said(answers: Answers) -> dict[str, Said]:
    """The first answer to each prompt, with the judge's word."""
    found: dict[str, Said] = {}
    for attempt, verdict in zip(answers.attempts, answers.verdicts, strict=True):
        found.setdefault(attempt.prompt_id, _one(attempt, verdict))
    return found


def _one(attempt: Attempt, verdict: Verdict) -> Said:
    text = attempt.text if attempt.error is None else attempt.error
    return Said(text, verdict.outcome, verdict.behaviour, verdict.rationale, verdict.score)


def _told(journal: Journal, there: Stored, comparison: Comparison) -> tuple[Told, ...]:
    """The answers that no pair, mistake or trace shows; of an import all that are no mistakes, as pairs show the first.

    Where models are compared, the rows between the first and the last are left to the journal.
    """
    if comparison.final != comparison.base and there.settings.get("method") != "import":
        return ()
    shown = {(m.prompt_id, m.text) for m in run.stored(journal, "mistake", Mistake)}
    asked = by_id(there.prompts)
    return tuple(
        Told(row, asked[a.prompt_id].messages, _one(a, v))
        for row, answers in there.rows.items()
        for a, v in zip(answers.attempts, answers.verdicts, strict=True)
        if not a.trace and not (v.outcome == "fail" and (a.prompt_id, a.text) in shown)
    )


def _traces(there: Stored) -> tuple[Traced, ...]:
    """The answers that came about in steps."""
    asked = by_id(there.prompts)
    return tuple(
        Traced(a.prompt_id, asked[a.prompt_id].messages, _one(a, v), tuple(_step(step) for step in a.trace))
        for answers in there.rows.values()
        for a, v in zip(answers.attempts, answers.verdicts, strict=True)
        if a.trace
    )


def _step(step: Exchange) -> Step:
    tokens = f"{step.prompt_tokens:,} tokens read, {step.completion_tokens:,} written" if step.by_model else ""
    return Step(step.label, step.rendered, step.error or step.text, tokens)


def _mistakes(journal: Journal, there: Stored) -> tuple[Error, ...]:
    """Every mistake, its analyses, and where others were taught from why no lesson came of it."""
    analyses: Mapping[str, list[Analysis]] = defaultdict(list)
    for analysis in run.stored(journal, "analysis", Analysis):
        analyses[analysis.mistake_id].append(analysis)
    taught = {m for lesson in there.lessons or () for m in lesson.mistakes}
    return tuple(
        Error(
            prompt=m.asked,
            said=Said(m.text, "fail", m.behaviour, m.rationale),
            source=m.source,
            analyses=tuple(Explained(a.analyst, a.text, a.guided, a.right) for a in analyses[m.id]),
            dropped="" if there.lessons is None or m.id in taught else "no good answer to learn from",
        )
        for m in run.stored(journal, "mistake", Mistake)
    )


def _lessons(lessons: Sequence[Lesson]) -> tuple[Lessons, ...]:
    numbers = Counter(lesson.purpose for lesson in lessons)
    return tuple(
        Lessons(purpose, n, tuple(_example(x) for x in [le for le in lessons if le.purpose == purpose][:5]))
        for purpose, n in numbers.items()
    )


def _example(lesson: Lesson) -> Example:
    return Example(lesson.prompt, lesson.completion or lesson.chosen or "", lesson.rejected)


def _shared(comparison: Comparison) -> Shared | None:
    found = comparison.overlap
    if found is None:
        return None
    return Shared(found.n_lessons, found.n_prompts, len(found.exact), len(found.ngram13), len(found.shared_entities))
