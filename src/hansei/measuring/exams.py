"""Exams as the GPT-4 report scores them (arXiv 2303.08774, section 4): by the exam's own rule, with percentiles.

An exam file tells sections, points, weights, and how points become a score and a percentile; a file of answers tells
the points that each question got. Of a score with and one without the questions that may have been seen in training,
the lower counts, as in the report. Intervals resample questions within their sections.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from hansei.core.errors import BadInput
from hansei.core.files import check_writable
from hansei.core.output import with_files
from hansei.core.records import Figure
from hansei.core.result import Result
from hansei.core.rows import read_rows, read_text

POSITIONAL = ("answers",)
DRAWS = 2000


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of `hansei measure exam`."""

    answers: str
    """JSONL, CSV or Parquet with `question` (id) and `points`, or `answer` (compared with the exam's key); several
    models by a column `model`."""
    exam: str
    """JSON: {"name", "sections": [{"name", "weight", "wrong" (points of a wrong answer, default 0), "questions":
    [{"id", "points", "answer"}]}], "scale": [[points, score], ...], "percentiles": [[score, percentile], ...]}."""
    seen: str | None = None
    """Ids of questions that may have been in the training data, one a line: scored without them too."""
    seed: int = 0
    """Seed of the bootstrap."""
    out: str | None = None
    """Folder for result.json."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question of a section."""

    id: str
    points: float
    answer: str | None


@dataclass(frozen=True, slots=True)
class Section:
    """Questions that count together."""

    name: str
    questions: tuple[Question, ...]
    weight: float
    wrong: float


@dataclass(frozen=True, slots=True)
class Exam:
    """An exam and its rule."""

    name: str
    sections: tuple[Section, ...]
    scale: tuple[tuple[float, float], ...]
    """Weighted points to score, rising; empty where points are the score."""
    percentiles: tuple[tuple[float, float], ...]
    """Score to the share of people below it, in per cent, rising; empty where none were published."""


def run(settings: Settings) -> Result:
    """Scores every model of the answers. Raises BadInput at an exam, key or answer that can't be read."""
    started = time.monotonic()
    if settings.out:
        check_writable(Path(settings.out))
    exam = read_exam(settings.exam)
    seen = _ids(settings.seen, exam) if settings.seen else frozenset()
    models, missing = read_points(settings.answers, exam)
    rows = []
    for model, points in models.items():
        whole = score(exam, points, settings.seed)
        row: dict[str, Any] = {"row": model, **whole}
        if seen:
            clean = score(exam, {q: p for q, p in points.items() if q not in seen}, settings.seed)
            row |= {f"{name}_without_seen": figure for name, figure in clean.items() if name in ("score", "percentile")}
            row["counted"] = min(
                (whole["score"], clean["score"]), key=lambda f: math.inf if f.value is None else f.value
            )
        rows.append(row)
    notes = [f"{exam.name}: {sum(len(s.questions) for s in exam.sections)} questions in {len(exam.sections)} sections"]
    notes += [f"{model}: {n} questions without an answer, in no figure" for model, n in missing.items() if n]
    if seen:
        notes.append(f"{len(seen)} questions may have been seen in training; the lower score counts")
    result = Result(
        name="exam",
        settings=asdict(settings),
        rows=rows,
        numbers=frozenset(
            {"points", "score", "percentile", "score_without_seen", "percentile_without_seen", "counted"}
        ),
        notes=notes,
        unscored=sum(missing.values()),
        seconds=time.monotonic() - started,
    )
    return with_files(result, settings.out, {}) if settings.out else result


def score(exam: Exam, points: Mapping[str, float], seed: int = 0) -> dict[str, Figure]:
    """Weighted points, score and percentile, each with an interval over questions, and the share of each section.

    A section's share is that of the points of its questions which have an answer; it counts with the section's whole
    points, so that an answer that is missing is neither right nor wrong. Without an answer to a section there is no
    total.
    """
    rng = np.random.default_rng(seed)
    shares, drawn, n = {}, [], 0
    for section in exam.sections:
        there = [q for q in section.questions if q.id in points]
        got, full = np.array([points[q.id] for q in there]), np.array([q.points for q in there])
        n += len(there)
        if not there:
            shares[section.name] = Figure(None, None, None, 0)
            continue
        times = rng.multinomial(len(there), np.full(len(there), 1 / len(there)), DRAWS)
        draws = (times @ got) / (times @ full)
        drawn.append((section, got.sum() / full.sum(), draws))
        low, high = np.quantile(draws, (0.025, 0.975)) if len(there) > 1 else (None, None)
        shares[section.name] = Figure(
            float(got.sum() / full.sum()),
            None if low is None else float(low),
            None if high is None else float(high),
            len(there),
        )
    if len(drawn) < len(exam.sections):
        nothing = Figure(None, None, None, n)
        return {"points": nothing, "score": nothing, "percentile": nothing, **shares}
    worth = [s.weight * sum(q.points for q in s.questions) for s, _, _ in drawn]
    total = float(sum(w * share for w, (_, share, _) in zip(worth, drawn, strict=True)))
    draws = np.sum([w * d for w, (_, _, d) in zip(worth, drawn, strict=True)], axis=0)
    found = {"points": _figure(total, draws, n)}
    found["score"] = _figure(_read_off(exam.scale, total), _read_off(exam.scale, draws), n)
    if exam.percentiles:
        value, spread = _read_off(exam.scale, total), _read_off(exam.scale, draws)
        found["percentile"] = _figure(_read_off(exam.percentiles, value), _read_off(exam.percentiles, spread), n)
    return found | shares


def _figure(value: Any, draws: Any, n: int) -> Figure:
    low, high = np.quantile(draws, (0.025, 0.975))
    return Figure(float(value), float(low), float(high), n)


def _read_off(table: Sequence[tuple[float, float]], value: Any) -> Any:
    """A table's value by linear interpolation, its ends beyond them; the value itself where there is no table."""
    return np.interp(value, [a for a, _ in table], [b for _, b in table]) if table else value


def read_exam(path: str | Path) -> Exam:
    """The exam in a JSON file. Raises BadInput at what is none."""
    try:
        value = json.loads(read_text(path))
    except (json.JSONDecodeError, RecursionError) as error:
        raise BadInput(f"{path}: a JSON exam was expected: {error}") from None
    if not isinstance(value, dict) or not isinstance(value.get("sections"), list) or not value["sections"]:
        raise BadInput(f"{path}: an object with a list of `sections` was expected")
    sections = tuple(_section(s, f"{path}, section {i}") for i, s in enumerate(value["sections"], 1))
    ids = [q.id for s in sections for q in s.questions]
    if len(set(ids)) < len(ids):
        raise BadInput(f"{path}: the question {next(i for i in ids if ids.count(i) > 1)!r} stands in it twice")
    return Exam(
        str(value.get("name") or Path(path).stem),
        sections,
        _table(value.get("scale"), f"{path}: scale"),
        _table(value.get("percentiles"), f"{path}: percentiles"),
    )


def _section(value: Any, where: str) -> Section:
    if not isinstance(value, dict) or not isinstance(value.get("questions"), list) or not value["questions"]:
        raise BadInput(f"{where}: an object with a list of `questions` was expected")
    questions = []
    for i, q in enumerate(value["questions"], 1):
        if not isinstance(q, dict) or q.get("id") is None:
            raise BadInput(f"{where}, question {i}: an object with an `id` was expected")
        answer = q.get("answer")
        points = _number(q.get("points", 1), f"{where}, question {q['id']}: points")
        if points <= 0:
            raise BadInput(f"{where}, question {q['id']}: points above 0 were expected, found {points:g}")
        questions.append(Question(str(q["id"]), points, None if answer is None else str(answer)))
    weight = _number(value.get("weight", 1), f"{where}: weight")
    wrong = _number(value.get("wrong", 0), f"{where}: wrong")
    return Section(str(value.get("name") or where.rpartition(", ")[2]), tuple(questions), weight, wrong)


def _table(value: Any, where: str) -> tuple[tuple[float, float], ...]:
    if value is None:
        return ()
    try:
        pairs = tuple((float(a), float(b)) for a, b in value)
    except (TypeError, ValueError):
        raise BadInput(f"{where}: pairs of numbers were expected, found {str(value)[:60]}") from None
    rising = all(a < c and b <= d for (a, b), (c, d) in pairwise(pairs))
    if len(pairs) < 2 or not rising or not all(math.isfinite(x) for pair in pairs for x in pair):
        raise BadInput(f"{where}: two rising pairs of numbers at least were expected, found {str(value)[:60]}")
    return pairs


def _number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BadInput(f"{where}: a number was expected, found {value!r}")
    return float(value)


def read_points(path: str | Path, exam: Exam) -> tuple[dict[str, dict[str, float]], dict[str, int]]:
    """Points by model and question, and how many questions each model has no answer to."""
    known = {q.id: (q, s) for s in exam.sections for q in s.questions}
    models: dict[str, dict[str, float]] = {}
    for row in read_rows(path):
        key = str(row.values.get("question"))
        if key not in known:
            raise BadInput(f"{row.where}: question {key!r} is none of the exam {exam.name}")
        model = models.setdefault(str(row.values.get("model") or Path(path).stem), {})
        if key in model:
            raise BadInput(f"{row.where}: question {key!r} was answered before")
        got = _points(row.values, *known[key], row.where)
        if got is not None:
            model[key] = got
    if not any(models.values()):
        raise BadInput(f"{path}: no answer to a question of {exam.name}")
    return models, {model: len(known) - len(points) for model, points in models.items()}


def _points(values: Mapping[str, Any], question: Question, section: Section, where: str) -> float | None:
    if values.get("points") not in (None, ""):
        try:
            points = float(values["points"])
        except (TypeError, ValueError):
            points = math.nan
        if not min(section.wrong, 0) <= points <= question.points:
            raise BadInput(f"{where}: points from 0 to {question.points:g} were expected, found {values['points']!r}")
        return points
    answer = values.get("answer")
    if answer in (None, ""):
        return None
    if question.answer is None:
        raise BadInput(f"{where}: the exam has no key for question {question.id!r}: give its points")
    right = str(answer).strip().casefold() == question.answer.strip().casefold()
    return question.points if right else section.wrong


def _ids(path: str, exam: Exam) -> frozenset[str]:
    """The questions' ids in a file, one a line. Raises BadInput at one that the exam doesn't have."""
    ids = frozenset(line.strip() for line in read_text(path).splitlines() if line.strip())
    strange = ids - {q.id for s in exam.sections for q in s.questions}
    if strange:
        raise BadInput(f"{path}: ids of questions, one a line, were expected: {min(strange)!r} is none of {exam.name}")
    return ids
