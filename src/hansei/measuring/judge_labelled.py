"""Labelled sets: answers on which people (or anybody whose word is taken for true) have said what they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from hansei.core.errors import BadInput
from hansei.core.keys import content_key
from hansei.core.records import Attempt, Expected, Prompt, Sampling, user
from hansei.core.rows import Row, read_rows


@dataclass(frozen=True)
class Columns:
    """What the columns of a labelled set are called."""

    prompt: str = "prompt"
    """The request."""
    answer: str = "answer"
    """The answer that is labelled."""
    label: str = "label"
    """The label."""
    category: str | None = None
    """What the table is divided by; None for no division."""
    expected: str | None = None
    """Whether the request is to be refused or answered (`refuse`, `answer`), for judges that need it."""


@dataclass(frozen=True)
class Labelled:
    """One labelled answer."""

    prompt: Prompt
    """The request."""
    attempt: Attempt
    """The answer."""
    label: str
    """As the file has it."""
    positive: bool
    """Whether the label is one of those that count as positive."""
    category: str
    """Empty where there is none."""
    values: Mapping[str, Any]
    """The whole row: words of other judges may stand in it."""

    @property
    def cluster(self) -> str:
        """Answers to the same request are resampled as one."""
        return self.prompt.messages[-1].content


def read_labelled(
    path: str | Path,
    columns: Columns,
    positive: Sequence[str],
    *,
    only: Mapping[str, str] | None = None,
    limit: int | None = None,
) -> list[Labelled]:
    """The labelled answers of a JSONL, CSV or Parquet file (also .gz), in order.

    positive: the labels that count as positive; all other labels are negative.
    only: rows whose columns have these values; the others are left out.
    limit: at most so many, spread evenly, as files are often sorted.

    Raises BadInput at a missing column, an answer that is no text, a row without label, a set without
    positives or without negatives.
    """
    rows = [row for row in read_rows(path) if _wanted(row, only or {})]
    if not rows:
        raise BadInput(f"{path}: no row has {_said(only or {})}: check the names and values")
    if limit is not None and limit < len(rows):
        rows = [rows[i * len(rows) // limit] for i in range(limit)]
    labelled = [_labelled(row, columns, frozenset(positive)) for row in rows]
    found = Counter(item.label for item in labelled)
    unknown = [value for value in positive if value not in found]
    if not positive or unknown or len({item.positive for item in labelled}) < 2:
        there = ", ".join(f"{value!r} ({count})" for value, count in found.most_common(8))
        what = f"{unknown[0]!r} is none of them" if unknown else f"given are {', '.join(positive) or 'none'}"
        raise BadInput(
            f"{path}: column {columns.label!r} holds {there}; {what}: say with --positive which of them count as "
            "positive, so that some rows are positive and some are not"
        )
    return labelled


def parse_only(given: Sequence[str]) -> dict[str, str]:
    """`COLUMN=VALUE` texts as a mapping. Raises BadInput at another form."""
    pairs = [text.partition("=") for text in given]
    for column, sign, _ in pairs:
        if not column or not sign:
            raise BadInput(f"only: COLUMN=VALUE was expected, found {column!r}: such as --only model=gpt4")
    return {column: value for column, _, value in pairs}


def plain(value: Any) -> str:
    """A label as text: `true` and `false` for booleans, numbers as they are written."""
    return str(value).lower() if isinstance(value, bool) else str(value).strip()


def _wanted(row: Row, only: Mapping[str, str]) -> bool:
    for column in only:
        if column not in row.values:
            raise _no_column(row, column)
    return all(plain(row.values[column]) == value for column, value in only.items())


def _said(only: Mapping[str, str]) -> str:
    return " and ".join(f"{column}={value}" for column, value in only.items()) or "anything in it"


def _labelled(row: Row, columns: Columns, positive: frozenset[str]) -> Labelled:
    label = plain(
        _value(row, columns.label) if row.values.get(columns.label) is not None else _unlabelled(row, columns)
    )
    answer, request = _value(row, columns.answer) or "", _value(row, columns.prompt)
    for name, text in ((columns.answer, answer), (columns.prompt, request)):
        if not isinstance(text, str):
            raise BadInput(f"{row.where}: a text was expected in {name!r}, found {text!r:.40}: mend the row")
    category = plain(_value(row, columns.category)) if columns.category else ""
    prompt = Prompt(row.where, user(request), expected=_expected(row, columns.expected))
    key = content_key("labelled", request, answer, row.where)
    attempt = Attempt(key, prompt.id, "labelled", "plain", Sampling(), 0, prompt.messages, answer, "stop")
    return Labelled(prompt, attempt, label, label in positive, category, row.values)


def _unlabelled(row: Row, columns: Columns) -> Any:
    if columns.label not in row.values:
        raise _no_column(row, columns.label)
    raise BadInput(
        f"{row.where}: a label was expected in {columns.label!r}, found none: give it one, or leave such rows out "
        "with --only COLUMN=VALUE"
    )


def _value(row: Row, column: str) -> Any:
    if column not in row.values:
        raise _no_column(row, column)
    return row.values[column]


def _no_column(row: Row, column: str) -> BadInput:
    there = ", ".join(repr(name) for name in list(row.values)[:12])
    return BadInput(f"{row.where}: a column {column!r} was expected, found {there}: name the columns with options")


def _expected(row: Row, column: str | None) -> Expected | None:
    if column is None:
        return None
    value = _value(row, column)
    if value not in get_args(Expected):
        raise BadInput(f"{row.where}: refuse or answer was expected in {column!r}, found {value!r:.40}: mend the row")
    return value  # type: ignore[no-any-return]


Word = Literal["pass", "fail", "answered", "refused", "partial", "garbled", "truncated"]
"""What of a verdict can count as the judge's positive word: an outcome, or a behaviour."""
OUTCOMES = ("pass", "fail")
