"""Questions with right (and wrong) answers from public files and the user's own, and answers judged by them.

Four layouts are known: TruthfulQA's CSV (Question, Best Answer, Correct Answers, Incorrect Answers), NQ-open's JSONL
(question, answer: a list), the evaluation sets of SaySelf (a JSON list of question, answer, negative_answer, gzipped or
not), and every file that `hansei.core.inputs.read_prompts` reads.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from hansei.core.errors import BadInput
from hansei.core.inputs import assign_splits, read_prompts
from hansei.core.keys import content_key
from hansei.core.records import Prompt, user
from hansei.core.rows import read_rows
from hansei.judges.reference import normalise, references

OPPOSITE = {"true": "false", "false": "true", "yes": "no", "no": "yes"}
"""Answers to questions that have two: one is wrong where the other is right."""


def read_questions(path: str | Path, *, seed: int = 0, limit: int | None = None, heldout: float = 0.4) -> list[Prompt]:
    """The questions of a file as prompts, divided into train and heldout where the file says nothing; each once.

    `reference` is the best answer, `truth["aliases"]` the other right ones, `truth["wrong"]` known wrong ones.
    Raises BadInput at the first row that can't be read, with its place.
    """
    path = Path(path)
    rows = _rows(path)
    if rows is None:
        return read_prompts(path, seed=seed, limit=limit, validation=0.0, heldout=heldout)
    made: dict[str, Prompt] = {}
    for where, row in islice(rows, limit):
        prompt = _prompt(where, row)
        made[prompt.id] = _joined(made[prompt.id], prompt) if prompt.id in made else prompt
    return assign_splits(list(made.values()), seed, 0.0, heldout)


def _rows(path: Path) -> Iterable[tuple[str, Mapping[str, Any]]] | None:
    """(place, {"question", "answer", …}) of each row of a public layout; None for any other file."""
    if path.name.removesuffix(".gz").endswith(".json"):
        return _json_rows(path)
    first = next(iter(read_rows(path)), None)
    if first is None or "prompt" in first.values or "messages" in first.values:
        return None
    if {"Question", "Best Answer", "Correct Answers", "Incorrect Answers"} <= set(first.values):
        return ((row.where, _truthfulqa(row.values)) for row in read_rows(path))
    if {"question", "answer"} <= set(first.values):
        return ((row.where, row.values) for row in read_rows(path))
    return None


def _json_rows(path: Path) -> list[tuple[str, Mapping[str, Any]]]:
    try:
        data = path.read_bytes()
        listed = json.loads(gzip.decompress(data) if path.suffix == ".gz" else data)
    except FileNotFoundError:
        raise BadInput(f"{path}: there is no such file: check the path") from None
    except (OSError, EOFError, ValueError, RecursionError) as error:
        raise BadInput(f"{path}: a JSON list of questions was expected, it can't be read: {error}") from error
    if not isinstance(listed, list) or not listed or not all(isinstance(row, dict) for row in listed):
        raise BadInput(f'{path}: a list of objects such as {{"question": …, "answer": …}} was expected')
    return [(f"{path}, row {number}", row) for number, row in enumerate(listed, 1)]


def _truthfulqa(row: Mapping[str, Any]) -> dict[str, Any]:
    best, right, wrong = (row[name] or "" for name in ("Best Answer", "Correct Answers", "Incorrect Answers"))
    return {
        "question": row["Question"],
        "answer": [best, *right.split(";")],
        "negative_answer": wrong.split(";"),
        "category": row.get("Category"),
    }


def _prompt(where: str, row: Mapping[str, Any]) -> Prompt:
    question = row.get("question")
    if not isinstance(question, str) or not question.strip():
        raise BadInput(f"{where}: a text was expected in 'question', found {question!r:.40}")
    right = _texts(where, "answer", row.get("answer"))
    if not right:
        raise BadInput(f"{where}: one answer at least was expected in 'answer', found none")
    wrong = _texts(where, "negative_answer", row.get("negative_answer"))
    if not wrong and len(right) == 1 and normalise(right[0]) in OPPOSITE:
        wrong = [OPPOSITE[normalise(right[0])]]
    category = row.get("category")
    return Prompt(
        id=content_key("question", question)[:16],
        messages=user(question.strip()),
        expected="answer",
        tags={"category": str(category)} if category else {},
        truth={"aliases": right[1:], "wrong": wrong},
        reference=right[0],
    )


def _joined(one: Prompt, again: Prompt) -> Prompt:
    """A question that stands in the file twice: its right answers are those of both rows, and so are its wrong ones."""
    right = [*_answers(one), *_answers(again)]
    wrong = [*(one.truth or {})["wrong"], *(again.truth or {})["wrong"]]
    told = {"aliases": list(dict.fromkeys(right))[1:], "wrong": list(dict.fromkeys(wrong))}
    return replace(one, truth=told)


def _answers(prompt: Prompt) -> list[str]:
    """The accepted answers as the file has them, the best one first."""
    return [str(prompt.reference), *(prompt.truth or {})["aliases"]]


def _texts(where: str, name: str, value: Any) -> list[str]:
    """A text or a list of texts, stripped, without empty ones and repeats."""
    listed = [value] if isinstance(value, str) else value or []
    if not isinstance(listed, list) or not all(isinstance(text, str) for text in listed):
        raise BadInput(f"{where}: a text or a list of texts was expected in {name!r}, found {value!r:.40}")
    return list(dict.fromkeys(text.strip() for text in listed if text.strip()))


def by_reference(claims: Sequence[tuple[Prompt, str]]) -> list[float | None]:
    """A `Worth` of short answers: 1 if the answer says a right one and no wrong one, else 0.

    None where the prompt has no reference. Texts are compared after normalisation (case, articles, marks), as whole
    words. What is part of a longer match does not count: "not sick" is no "sick" where both are known.
    """
    return [says_right(prompt, text) for prompt, text in claims]


def says_right(prompt: Prompt, text: str) -> float | None:
    """What `by_reference` says of one answer."""
    right = references(prompt)
    if not right:
        return None
    wrong = [n for n in map(normalise, map(str, (prompt.truth or {}).get("wrong", []))) if n]
    answer = normalise(text)
    spans = [(*span, True) for span in _spans(answer, right)] + [(*span, False) for span in _spans(answer, wrong)]
    kept = [ok for start, end, ok in spans if not any(_inside(start, end, other) for other in spans)]
    return float(bool(kept) and all(kept))


def _spans(answer: str, texts: Iterable[str]) -> list[tuple[int, int]]:
    """Where the texts stand in the answer, as whole words."""
    found = (re.finditer(rf"(?<!\S){re.escape(text)}(?!\S)", answer) for text in dict.fromkeys(texts))
    return [match.span() for matches in found for match in matches]


def _inside(start: int, end: int, other: tuple[int, int, bool]) -> bool:
    return other[0] <= start and end <= other[1] and end - start < other[1] - other[0]
