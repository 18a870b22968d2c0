"""Problems with answers from the files that reasoning is measured on, and whether an answer is right.

| file | fields |
|---|---|
| GSM8K (JSONL) | question; answer = explanation with `<<3*4=12>>` marks, `#### 12` |
| MGSM (TSV without header) | question, a tab, the number |
| BIG-bench Hard (JSONL rows, or the upstream JSON with `examples`) | input, target |
| any JSONL, CSV or Parquet | question (or input, problem); answer (or target); explanation where there is one |

The files themselves are not part of hansei.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hansei.core.errors import BadInput
from hansei.core.records import Prompt, Split, user
from hansei.core.rows import Row, read_rows, read_text
from hansei.reasoning.invalid import Solved

QUESTION, ANSWER = ("question", "input", "problem"), ("answer", "target")
MARKS = re.compile(r"<<[^<>]*>>")
"""GSM8K's calculator marks."""


def read_problems(path: str | Path) -> list[Solved]:
    """The problems of a file, in order; one without an explanation has an empty one.

    Raises BadInput at a row without a question or an answer, naming its line.
    """
    path = Path(path)
    names = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    rows = _examples(path) if names[-1:] == [".json"] else read_rows(path)
    return [_problem(row) for row in rows]


def _examples(path: Path) -> Iterator[Row]:
    try:
        whole = json.loads(read_text(path))
    except ValueError as error:
        raise BadInput(f"{path}: JSON was expected, found something else ({error})") from error
    rows = whole.get("examples") if isinstance(whole, dict) else whole
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BadInput(f"{path}: a list of examples was expected; name a JSONL file, or a task of BIG-bench Hard")
    return (Row(f"{path}, example {n}", row) for n, row in enumerate(rows, 1))


def _problem(row: Row) -> Solved:
    question, answer = _first(row, QUESTION), _first(row, ANSWER)
    explanation = row.values.get("explanation") or ""
    if "####" in answer:
        explanation, _, answer = answer.rpartition("####")
    return Solved(question.strip(), MARKS.sub("", str(explanation)).strip(), answer.strip(), row.where)


def _first(row: Row, names: Sequence[str]) -> str:
    value: Any = next((row.values[name] for name in names if row.values.get(name) not in (None, "")), None)
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise BadInput(f"{row.where}: a text was expected in {' or '.join(names)}, found {value!r:.40}")
    return str(value)


def as_prompts(problems: Sequence[Solved], split: Split = "heldout") -> list[Prompt]:
    """The problems as prompts whose reference is the answer."""
    return [
        Prompt(
            id=f"{n}",
            messages=user(problem.question),
            split=split,
            truth={"answers": [problem.answer], "explanation": problem.explanation},
            reference=problem.answer,
        )
        for n, problem in enumerate(problems, 1)
    ]


def without_solution(prompt: Prompt) -> Prompt:
    """The prompt with the answer alone as its reference, where the file's answer is a solution that ends `#### N`."""
    truth = dict(prompt.truth or {})
    answers = [str(answer).rpartition("####")[2].strip() for answer in truth.get("answers", [])]
    if not answers:
        return prompt
    return replace(prompt, reference=answers[0], truth={**truth, "answers": answers, "aliases": answers})
