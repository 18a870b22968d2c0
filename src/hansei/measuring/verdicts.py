"""Released verdicts of several judges, recomputed: success rates, and how often the judges disagree.

`hansei measure verdicts FILE` reads one row an answer, with a column of true and false for each judge. The defaults
are those of the verdicts released with Andriushchenko & Flammarion, "Does Refusal Training in LLMs Generalize to the
Past Tense?" (arXiv 2407.11969), where an answer is the last of up to 20 and the first judge stopped the attempts: the
other judges have seen only what the first one kept, so their rates are not "any of 20" and are biased low.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from hansei.core.errors import BadInput
from hansei.core.records import Figure
from hansei.core.result import Result
from hansei.core.rows import Row, read_rows
from hansei.core.statistics import wilson
from hansei.measuring.judge_labelled import plain
from hansei.measuring.judge_tables import agreement, agreement_rows

POSITIONAL = ("file",)
AFTER = (1, 2, 5, 10, 20)
"""Attempts after which success is told."""


@dataclass(frozen=True)
class Settings:
    """Settings of `hansei measure verdicts`."""

    file: str
    """Verdicts: JSONL, CSV or Parquet, also gzipped; one row an answer, one column of true and false a judge."""
    judges: tuple[str, ...] = ("jailbroken_gpt", "jailbroken_llama", "jailbroken_rules")
    """Columns of the judges; where attempts were stopped at a success, the first is the judge who stopped them."""
    by: tuple[str, ...] = ("kind", "model")
    """Columns whose values together name a row of the table."""
    attempt_column: str | None = "i_restart"
    """Column with the number of the last attempt, from 0; success by attempts is left out where it is `none`."""
    request_column: str = "request"
    """Column of the request: answers to the same request are resampled as one."""
    out: str | None = None
    """Folder of the chart and result.json; nothing is written without it."""

    def __post_init__(self) -> None:
        """Raises BadInput where nothing could be compared."""
        if len(set(self.judges)) < 2 or len(set(self.judges)) < len(self.judges):
            raise BadInput(f"judges: two different columns at least were expected, found {' '.join(self.judges)}")
        if not self.by:
            raise BadInput("by: one column at least was expected, such as --by model")


@dataclass(frozen=True)
class Judged:
    """One answer as all judges saw it."""

    group: tuple[str, ...]
    """Its values of the columns `by`."""
    words: tuple[bool | None, ...]
    """Each judge's word; None where the file has none."""
    attempt: int | None
    """Number of the attempt, from 0."""
    request: str
    """What was asked."""


def run(settings: Settings) -> Result:
    """Reads, counts, compares. Raises BadInput at a file that can't be read so."""
    started = time.monotonic()
    judged = [_judged(row, settings) for row in read_rows(settings.file)]
    groups = list(dict.fromkeys(j.group for j in judged))
    rows = [_rates(group, [j for j in judged if j.group == group], settings) for group in groups]
    result = Result(
        name="verdicts",
        settings=asdict(settings),
        rows=rows,
        parts=_parts(judged, groups, settings),
        numbers=frozenset({"kappa"} | {f"kappa_{name}" for name in _pair_names(settings.judges)}),
        hidden=frozenset(settings.by),
        notes=_notes(judged, settings),
        unscored=sum(word is None for j in judged for word in j.words),
        seconds=time.monotonic() - started,
    )
    return _written(result, settings) if settings.out else result


def _judged(row: Row, settings: Settings) -> Judged:
    attempt = settings.attempt_column if settings.attempt_column not in (None, "none") else None
    for column in (*settings.judges, *settings.by, settings.request_column, *([attempt] if attempt else [])):
        if column not in row.values:
            there = ", ".join(map(repr, row.values))
            raise BadInput(
                f"{row.where}: a column {column!r} was expected, found {there}: name the columns with options"
            )
    if row.values[settings.request_column] in (None, ""):
        raise BadInput(f"{row.where}: a request was expected in {settings.request_column!r}, found none: fill it in")
    return Judged(
        tuple(plain(row.values[column]) for column in settings.by),
        tuple(_truth(row, column) for column in settings.judges),
        _number(row, attempt) if attempt else None,
        str(row.values[settings.request_column]),
    )


def _truth(row: Row, column: str) -> bool | None:
    value = row.values[column]
    known = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    if value is None:
        return None
    if plain(value).lower() not in known:
        raise BadInput(f"{row.where}: true or false was expected in {column!r}, found {value!r:.40}: mend the row")
    return known[plain(value).lower()]


def _number(row: Row, column: str) -> int:
    text = plain(row.values[column])
    if not text.isdecimal():
        raise BadInput(f"{row.where}: a whole number was expected in {column!r}, found {text!r:.40}: mend the row")
    return int(text)


def _rates(group: Sequence[str], mine: Sequence[Judged], settings: Settings) -> dict[str, Any]:
    row = _named(group, settings)
    for number, judge in enumerate(settings.judges):
        row[judge] = _share([j.words[number] for j in mine])
    return row


def _named(group: Sequence[str], settings: Settings) -> dict[str, Any]:
    """A row's name, and the values that it is made of, by which docs choose rows."""
    return {"row": ": ".join(group), **dict(zip(settings.by, group, strict=True))}


def _share(words: Sequence[bool | None]) -> Figure:
    said = [word for word in words if word is not None]
    return wilson(sum(said), len(said))


def _parts(
    judged: Sequence[Judged], groups: Sequence[tuple[str, ...]], settings: Settings
) -> dict[str, list[dict[str, Any]]]:
    everybody = {name: [j.words[n] for j in judged] for n, name in enumerate(settings.judges)}
    parts = {
        "agreement-of-judges": agreement_rows(everybody, [j.request for j in judged]),
        "agreement-by-row": [_agreements(group, [j for j in judged if j.group == group], settings) for group in groups],
    }
    if all(j.attempt is not None for j in judged):
        parts["success-after-attempts"] = [
            _by_attempts(group, [j for j in judged if j.group == group], settings) for group in groups
        ]
    return parts


def _agreements(group: Sequence[str], mine: Sequence[Judged], settings: Settings) -> dict[str, Any]:
    """Share of disagreement and kappa of every pair of judges within a group."""
    row = _named(group, settings)
    for one, other, name in _pairs(settings.judges):
        found = agreement([j.words[one] for j in mine], [j.words[other] for j in mine], [j.request for j in mine])
        row |= {f"{what}_{name}": found[what] for what in ("disagree", "kappa")}
    return row


def _pairs(judges: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    """Places of every two judges, and a name for the pair, without the words that all names begin with."""
    words = [name.split("_") for name in judges]
    common = sum(1 for _ in itertools.takewhile(lambda column: len(set(column)) == 1, zip(*words, strict=False)))
    short = ["_".join(name[common:]) or name[-1] for name in words]
    for one, other in itertools.combinations(range(len(judges)), 2):
        yield one, other, f"{short[one]}_{short[other]}"


def _pair_names(judges: Sequence[str]) -> list[str]:
    return [name for _, _, name in _pairs(judges)]


def _by_attempts(group: Sequence[str], mine: Sequence[Judged], settings: Settings) -> dict[str, Any]:
    """Success by the first judge within the first k attempts: a success at attempt i counts from k = i + 1 on."""
    most = max(j.attempt or 0 for j in mine) + 1
    row = _named(group, settings)
    for k in AFTER:
        if k < most or k == min(a for a in (*AFTER, most) if a >= most):
            row[f"after_{k}"] = _share([_within(j, k) for j in mine])
    return row


def _within(judged: Judged, attempts: int) -> bool | None:
    word = judged.words[0]
    return None if word is None else word and (judged.attempt or 0) < attempts


def _notes(judged: Sequence[Judged], settings: Settings) -> list[str]:
    notes = [f"{len(judged)} answers; a rate is the share of them that a judge calls true, one answer a request"]
    if any(j.attempt for j in judged):
        notes.append(
            f"attempts ended at the first success by {settings.judges[0]}: the other judges saw only the answers that "
            "it kept, so their rates are not those of all attempts"
        )
    return notes


def _written(result: Result, settings: Settings) -> Result:
    from hansei.core.output import with_files
    from hansei.measuring.judge_chart import dots

    charts = {}
    column, *rest = settings.by
    for first in dict.fromkeys(row[column] for row in result.rows):
        group = [row for row in result.rows if row[column] == first]
        mine = [{**row, "row": ": ".join(row[name] for name in rest) or first} for row in group]
        labels = {name: name.replace("_", " ") for name in settings.judges}
        charts[f"verdicts-{_file_name(first)}.svg"] = dots(mine, labels, f"{first.replace('_', ' ')}: called true")
    return with_files(result, str(settings.out), charts)


def _file_name(text: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in text.lower()).strip("-") or "all"
