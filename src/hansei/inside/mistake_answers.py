"""The answers of a line of a run's table, as `hansei inside mistakes` reads them, and the half that becomes a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hansei.core.errors import BadInput
from hansei.core.journal import FILE, Journal
from hansei.core.keys import content_key
from hansei.core.records import Attempt, Lesson, Prompt, by_id
from hansei.inside.activations import Layer
from hansei.inside.corpus import Context
from hansei.steps import run
from hansei.steps.compare import Answers
from hansei.steps.measure import answered, cluster

if TYPE_CHECKING:
    from hansei.inside.sparse_settings import MistakeSettings

LEAST = 10
"""Mistakes, good answers and twins that each half needs."""


class Case(NamedTuple):
    """An answer, read by the model whose it is."""

    about: str
    """What the prompt is about; resampled as one."""
    bad: bool
    text: Context
    """Conversation and answer; no longer than the model's context."""
    start: int
    """Place of the prompt's last token, from which the answer is begun."""
    first: bool
    """Whether it is in the half that latents are chosen on."""
    twin: int | None
    """Number of the good answer to the same prompt, among the twins."""


class Table(NamedTuple):
    """A run's line and what stands beside it."""

    prompts: list[Prompt]
    rows: dict[str, Answers]
    models: dict[str, str]
    lessons: list[Lesson]
    settings: dict[str, Any]


def read_run(folder: str) -> Table:
    """A run's lines and models. Raises BadInput where there are none."""
    if not (Path(folder) / FILE).is_file():
        raise BadInput(f"{folder}: a run's folder was expected, there is no {FILE}: check the path")
    with Journal.open(folder, read_only=True) as journal:
        run.check_layout(folder, journal)
        kept = run.kept_rows(journal)
        if not kept:
            raise BadInput(f"{folder}: the run has no answers yet: run it again to finish it")
        return Table(
            run.stored(journal, "prompt", Prompt),
            run.answers_of(journal, kept),
            {name: row.model for name, row in kept.items()},
            run.stored(journal, "lesson", Lesson),
            dict(journal.noted("settings")),
        )


def model_of_line(settings: MistakeSettings, table: Table) -> str:
    """The model of the line. Raises BadInput where there is no such line, or nobody knows its model."""
    row = settings.row
    if row not in table.rows:
        raise BadInput(f"{settings.run}: has no line {row!r}; there are {', '.join(table.rows)}: give one as --row")
    if settings.model:
        return settings.model
    students = [Path(settings.run) / ("student" if row == "after" else f"student-{row}"), Path(row)]
    found = [str(student) for student in students if student.is_dir()]
    if row in ("before", "model"):
        return str(table.settings["model"])
    if not found:
        raise BadInput(f"{settings.run}: where the model of line {row} is, is not stored: give it as --model")
    return found[0]


def read_cases(table: Table, settings: MistakeSettings, layer: Layer) -> tuple[list[Case], list[Context]]:
    """The line's decided answers as the model reads them, and mended twins of its mistakes."""
    line = table.rows[settings.row]
    good = _good_answers(table, settings.row)
    known = by_id(table.prompts)
    cases, twins = list[Case](), list[Context]()
    for prompt, attempt, verdict in answered(list(known.values()), line.attempts, line.verdicts):
        bad = verdict.outcome == "fail"
        if verdict.outcome not in ("pass", "fail"):
            continue
        if bad and settings.behaviour not in ("any", str(verdict.behaviour)):
            continue
        text, start = _read(layer, attempt, attempt.text, len(cases))
        mended = good.get((prompt.id, attempt.number)) if bad else None
        twin = None
        if mended is not None and mended != attempt.text:
            twin = len(twins)
            twins.append(_read(layer, attempt, mended, len(cases))[0])
        about = cluster(prompt)
        cases.append(Case(about, bad, text, start, in_first_half(about, settings.seed), twin))
    return cases, twins


def in_first_half(about: str, seed: int) -> bool:
    """Whether prompts about this are in the half that latents are chosen on."""
    return int(content_key("half", seed, about)[:8], 16) % 2 == 0


def _good_answers(table: Table, row: str) -> dict[tuple[str, int], str]:
    """Answers of the other lines that the judge passes; those of later lines before those of earlier ones."""
    found: dict[tuple[str, int], str] = {}
    for name, answers in table.rows.items():
        if name != row:
            pairs = zip(answers.attempts, answers.verdicts, strict=True)
            found |= {(a.prompt_id, a.number): a.text for a, v in pairs if v.outcome == "pass"}
    return found


def _read(layer: Layer, attempt: Attempt, answer: str, number: int) -> tuple[Context, int]:
    """The conversation and an answer to it as tokens, as the model would have written it."""
    local = layer.local
    asked = local.render([attempt.asked])[0].ids
    (said,) = local.rendering.ids([local.rendering.words(answer)], start=False)
    ids = [*asked, *said][: local.context]
    return Context(number, 0, ids), min(len(asked), len(ids)) - 1


def check_enough(cases: Sequence[Case], settings: MistakeSettings) -> None:
    for half in (True, False):
        for bad, name in ((True, "mistakes"), (False, "good answers")):
            n = sum(case.bad == bad and case.first == half for case in cases)
            if n < LEAST:
                kind = "" if settings.behaviour == "any" else f" ({settings.behaviour})"
                raise BadInput(
                    f"{settings.run}: line {settings.row} has {n} {name}{kind if bad else ''} in the "
                    f"{'first' if half else 'second'} half of its prompts, {LEAST} are needed: ask more prompts, "
                    "or look at another --row or --behaviour"
                )


def write_half(table: Table, settings: MistakeSettings, *, first: bool) -> str:
    """A half as a run: every line's answers to its prompts, and what was taught. Returns its folder."""
    kept = {p.id for p in table.prompts if in_first_half(cluster(p), settings.seed) == first}
    out = str(Path(settings.out) / ("first-half" if first else "second-half"))
    note = {"mistakes of": str(Path(settings.run).resolve()), "half": settings.seed, "row": settings.row}
    with run.open_run(out, table.settings | note) as journal:
        run.store(journal, "prompt", table.prompts)
        if table.lessons:
            run.store(journal, "lesson", table.lessons)
        for name, answers in table.rows.items():
            pairs = [p for p in zip(answers.attempts, answers.verdicts, strict=True) if p[0].prompt_id in kept]
            mine = Answers([a for a, _ in pairs], [v for _, v in pairs])
            for kind, records in (("attempt", mine.attempts), ("verdict", mine.verdicts)):
                journal.commit(content_key("half", kind, name, list(records)), kind, list(records))
            run.keep_row(journal, name, table.models[name], mine)
    return out
