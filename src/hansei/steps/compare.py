"""Compare: models on the same prompts, paired; what was mended, what got worse, what lessons leaked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hansei import __version__
from hansei.core import statistics
from hansei.core.overlap import Overlap, overlap
from hansei.core.records import Attempt, Behaviour, Figure, Lesson, Prompt, Verdict, to_json
from hansei.steps.failures import reasons, told
from hansei.steps.measure import Answered, Metric, Sheet, answered, as_mapping, cluster, measure, metrics


@dataclass(frozen=True)
class Answers:
    """One model's answers to the prompts, and one judge's word on each."""

    attempts: Sequence[Attempt]
    """The answers."""
    verdicts: Sequence[Verdict]
    """One an attempt, in the attempts' order."""


@dataclass(frozen=True)
class Difference:
    """A metric's change from one row to another, over the prompts that both answered."""

    figure: Figure
    """Mean of the paired differences, with a bootstrap interval that resamples entities."""
    p: float | None
    """Exact McNemar test of the changed answers; None where the metric is no share."""
    up: int
    """Answers whose value rose."""
    down: int
    """Answers whose value fell."""


@dataclass(frozen=True)
class Change:
    """A prompt whose answer went from fail to pass, or the other way."""

    prompt_id: str
    """The prompt."""
    before: Attempt
    """The answer of the first model."""
    after: Attempt
    """The answer of the other."""
    before_behaviour: Behaviour | None
    """What the first answer does."""
    after_behaviour: Behaviour | None
    """What the other does."""


@dataclass(frozen=True)
class Comparison:
    """Models on the same prompts. `str()` is a table, `to_json()` what is stored and what `--json` prints."""

    rows: Mapping[str, Sheet]
    """All figures of each row (`before`, `after` …), in order."""
    base: str
    """The row that the others are compared with."""
    final: str
    """The row whose changed answers are listed."""
    differences: Mapping[str, Mapping[str, Difference]]
    """By row and metric: that row minus the base, on the same prompts."""
    mended: tuple[Change, ...]
    """Fail in the base, pass in the final row."""
    worsened: tuple[Change, ...]
    """Pass in the base, fail in the final row."""
    overlap: Overlap | None
    """What lessons and prompts share; None where nothing was taught."""
    paper: str = ""
    """The method or experiment."""
    judge: str = ""
    """Who judged: name and version."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What the run was asked for."""
    seeds: tuple[int, ...] = ()
    """Seeds of the training."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """What happened on the way: mistakes, dropped, lessons …"""
    notes: tuple[str, ...] = ()
    """Why answers did not come, where some did not."""

    def __str__(self) -> str:
        from hansei.steps.table import table

        return table(self)

    def to_json(self, *, seconds: float | None = None, peak_rss_mb: float | None = None) -> dict[str, Any]:
        """The object of DESIGN.md, "Commands", in plain JSON values.

        Time and memory are the caller's to give, as they are no property of the result: without them the same
        run always has the same JSON.
        """
        sheets = self.rows.values()
        return {
            "paper": self.paper,
            "settings": dict(self.settings),
            "seeds": list(self.seeds),
            "rows": [{"row": name} | _sheet(sheet) for name, sheet in self.rows.items()],
            "differences": [
                {"row": name, "minus": self.base} | {m: _difference(d) for m, d in by_metric.items()}
                for name, by_metric in self.differences.items()
            ],
            "mended": [_change(c) for c in self.mended],
            "worsened": [_change(c) for c in self.worsened],
            "overlap": to_json(self.overlap),
            "counts": dict(self.counts),
            "judge": self.judge,
            "notes": list(self.notes),
            **({} if seconds is None else {"seconds": round(seconds, 3)}),
            **({} if peak_rss_mb is None else {"peak_rss_mb": round(peak_rss_mb, 1)}),
            "errors": sum(s.counts["error"] for s in sheets),
            "unscored": sum(s.counts["unscored"] for s in sheets),
            "version": __version__,
        }


def compare(
    prompts: Sequence[Prompt],
    rows: Mapping[str, Answers],
    *,
    final: str | None = None,
    lessons: Sequence[Lesson] | None = None,
    lesson_prompts: Sequence[Prompt] = (),
    paper: str = "",
    judge: str = "",
    settings: Mapping[str, Any] | None = None,
    seeds: Sequence[int] = (),
    counts: Mapping[str, int] | None = None,
) -> Comparison:
    """The comparison of the rows, each with the first.

    `prompts` are those that the rows answered; `final` is the row whose changed answers are listed, the last
    unless said otherwise; `lessons` are what was taught on the way, and `lesson_prompts` what they came from,
    for the overlap. Raises BadInput where a lesson is a prompt of the comparison.
    """
    (base, first), *others = rows.items()
    final = final or list(rows)[-1]
    before = _paired(prompts, first)
    differences, mended, worsened = {}, [], []
    for name, answers in others:
        after = _paired(prompts, answers)
        both = [(before[key], after[key]) for key in before if key in after]
        differences[name] = _differences(metrics(prompts), both)
        if name == final:
            mended = [_changed(a, b) for a, b in both if (a[2].outcome, b[2].outcome) == ("fail", "pass")]
            worsened = [_changed(a, b) for a, b in both if (a[2].outcome, b[2].outcome) == ("pass", "fail")]
    return Comparison(
        rows={name: measure(prompts, a.attempts, a.verdicts) for name, a in rows.items()},
        base=base,
        final=final,
        differences=differences,
        mended=tuple(mended),
        worsened=tuple(worsened),
        overlap=None if lessons is None else apart(lessons, prompts, lesson_prompts),
        paper=paper,
        judge=judge,
        settings=dict(settings or {}),
        seeds=tuple(seeds),
        counts=dict(counts or {}),
        notes=tuple(
            note
            for name, a in rows.items()
            for note in told(reasons(a.attempts, a.verdicts), name if len(rows) > 1 else "")
        ),
    )


def apart(lessons: Sequence[Lesson], prompts: Sequence[Prompt], lesson_prompts: Sequence[Prompt] = ()) -> Overlap:
    """What lessons and held-out prompts share. Raises BadInput where a held-out prompt is a lesson too."""
    found = overlap(lessons, prompts, lesson_prompts)
    found.stop_if_exact()
    return found


def _paired(prompts: Sequence[Prompt], answers: Answers) -> dict[tuple[str, int], Answered]:
    """Answers by prompt and attempt number."""
    rows = answered(prompts, answers.attempts, answers.verdicts)
    return {(prompt.id, attempt.number): (prompt, attempt, verdict) for prompt, attempt, verdict in rows}


def _differences(everything: Sequence[Metric], both: Sequence[tuple[Answered, Answered]]) -> dict[str, Difference]:
    found = {}
    for metric in everything:
        mine = [(a, b) for a, b in both if metric.applies(a[0])]
        if mine:
            found[metric.name] = _one_difference(metric, mine)
    return found


def _one_difference(metric: Metric, both: Sequence[tuple[Answered, Answered]]) -> Difference:
    pairs = [(metric.value(*a[1:]), metric.value(*b[1:]), cluster(a[0])) for a, b in both]
    scored = [(x, y, c) for x, y, c in pairs if x is not None and y is not None]
    before, after = [x for x, _, _ in scored], [y for _, y, _ in scored]
    figure = statistics.paired_bootstrap(before, after, [c for _, _, c in scored])
    up = sum(y > x for x, y, _ in scored)
    down = sum(y < x for x, y, _ in scored)
    return Difference(figure, statistics.mcnemar(up, down) if metric.binary else None, up, down)


def _changed(before: Answered, after: Answered) -> Change:
    return Change(before[0].id, before[1], after[1], before[2].behaviour, after[2].behaviour)


def _sheet(sheet: Sheet) -> dict[str, Any]:
    strata = {name: {m: as_mapping(f) for m, f in figures.items()} for name, figures in sheet.strata.items()}
    figures = {name: as_mapping(figure) for name, figure in sheet.figures.items()}
    return figures | {"counts": dict(sheet.counts), "strata": strata}


def _difference(difference: Difference) -> dict[str, Any]:
    return as_mapping(difference.figure) | {"p": difference.p, "up": difference.up, "down": difference.down}


def _change(change: Change) -> dict[str, Any]:
    return {
        "prompt": change.prompt_id,
        "before": change.before.text,
        "before_behaviour": change.before_behaviour,
        "after": change.after.text,
        "after_behaviour": change.after_behaviour,
    }
