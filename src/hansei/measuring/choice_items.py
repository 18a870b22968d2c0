"""Multiple-choice questions from the files that they are published in, and from a user's own.

| format | columns |
|---|---|
| MMLU | question, choices (a list), answer (letter, or number from 0), subject |
| ARC (AI2) | question, choices {text: [...], label: [...]}, answerKey |
| pairs | question, correct, wrong (a text or a list) |
| TruthfulQA | Question, Best Answer, Incorrect Answers (separated by `;`), Category |
| CSV | question, a column for each option (A, B, C …), answer |
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hansei.core.errors import BadInput
from hansei.core.letters import LETTERS
from hansei.core.rows import Row, read_rows

MOST = 20
"""Most options of a question."""


@dataclass(frozen=True, slots=True)
class Item:
    """A question with options, one of which is right."""

    id: str
    """File and line, or whatever tells it apart."""
    question: str
    """Without its options."""
    options: tuple[str, ...]
    """Two or more, all different."""
    right: int
    """Place of the right option, from 0."""
    group: str = ""
    """Subject or category; empty where there is none."""
    repeated: int = 0
    """Options that stood there twice (ten questions of MMLU have some) and were left out."""


def read_items(path: str | Path, limit: int | None = None) -> list[Item]:
    """The questions of a file, in order; the first `limit` where given. Raises BadInput at the first that is wrong."""
    items: list[Item] = []
    for row in read_rows(path):
        items.append(_item(row))
        if len(items) == limit:
            break
    if not items:
        raise BadInput(
            f"{path}: one question at least was expected, found none (the first line of a CSV is its header)"
        )
    return items


def _item(row: Row) -> Item:
    values = {name.strip().lower(): value for name, value in row.values.items() if value is not None}
    question = values.get("question")
    if not isinstance(question, str) or not question.strip():
        raise BadInput(f"{row.where}: a text in the column 'question' was expected, found {_columns(row)}: fill it in")
    given, right = _options(row, values)
    options = list(dict.fromkeys(given))
    if not 2 <= len(options) <= MOST:
        raise BadInput(f"{row.where}: 2 to {MOST} different options were expected, found {len(options)}: mend the row")
    group = values.get("subject", values.get("category", values.get("group", "")))
    place = options.index(given[right])
    return Item(row.where, question.strip(), tuple(options), place, str(group), len(given) - len(options))


def _options(row: Row, values: Mapping[str, Any]) -> tuple[list[str], int]:
    if "incorrect answers" in values:
        best = _text(row, "Best Answer", values.get("best answer"))
        wrong = [part.strip() for part in str(values["incorrect answers"]).split(";") if part.strip()]
        return [best, *(option for option in dict.fromkeys(wrong) if option != best)], 0
    if "correct" in values and "wrong" in values:
        wrong = values["wrong"] if isinstance(values["wrong"], list) else [values["wrong"]]
        return [_text(row, "correct", values["correct"]), *(_text(row, "wrong", option) for option in wrong)], 0
    labels: Sequence[str] = LETTERS
    choices = values.get("choices", values.get("options"))
    choices = _from_json(row, choices) if isinstance(choices, str) else choices
    if isinstance(choices, Mapping):
        labels, choices = [str(label) for label in choices.get("label", LETTERS)], choices.get("text")
    if choices is None:
        names = [letter for letter in LETTERS if letter.lower() in values]
        choices, labels = [values[name.lower()] for name in names], names
    if not isinstance(choices, list) or not choices:
        wanted = "'choices' (a list), columns A, B, C …, 'correct' and 'wrong', or TruthfulQA's"
        raise BadInput(f"{row.where}: options were expected in {wanted}, found {_columns(row)}")
    options = [_text(row, "choices", option) for option in choices]
    return options, _right(row, values, options, labels)


def _right(row: Row, values: Mapping[str, Any], options: Sequence[str], labels: Sequence[str]) -> int:
    """The place that `answer` names: by label, by number from 0, or by the option's own text."""
    given = values.get("answer", values.get("answerkey", values.get("label")))
    if isinstance(given, int) and not isinstance(given, bool) and 0 <= given < len(options):
        return given
    said = str(given).strip() if isinstance(given, (str, int)) and not isinstance(given, bool) else ""
    places = {label: place for place, label in enumerate(labels[: len(options)])}
    if said in options:
        return list(options).index(said)
    if said.upper() in places:
        return places[said.upper()]
    if said.isdigit() and int(said) < len(options):
        return int(said)
    expected = f"one of {', '.join(places)}, a number from 0 to {len(options) - 1} or an option's text"
    raise BadInput(f"{row.where}: {expected} was expected in 'answer', found {given!r:.40}: name the right option")


def _text(row: Row, name: str, value: Any) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value.strip():
        raise BadInput(
            f"{row.where}: a text was expected in {name!r}, found {value!r:.40}: fill it in or remove the row"
        )
    return value.strip()


def _from_json(row: Row, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{row.where}: a list as JSON was expected in 'choices', found {text[:40]!r}") from error


def _columns(row: Row) -> str:
    return "the columns " + (", ".join(f"{name!r:.30}" for name in list(row.values)[:8]) or "none")
