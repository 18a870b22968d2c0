"""What a knowledge map is drawn from: questions, one or more models' scores on them, and the tree of fields.

Read are the files of LLMMaps (arXiv 2304.00457): questions `.qar`, a model's answers `.qaa` and a hierarchy `.hir`, all
JSON keyed by question id; and plain JSONL, CSV or Parquet with `id`, `score`, and optionally `category` (levels
separated by " / "), `model`, `difficulty`, `bloom`, `seconds`, `question`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hansei.core.errors import BadInput
from hansei.core.rows import read_rows, read_text

BLOOM = ("remember", "understand", "apply", "analyze", "evaluate", "create")
"""Bloom's levels, from the lowest to the highest."""
LEVELS = " / "
"""Between the levels of a category, as in "Biology / Cells / Membranes"."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question of a benchmark."""

    id: str
    """Unique among the questions."""
    text: str = ""
    """What is asked; may be empty, as the released files of LLMMaps hold no texts."""
    difficulty: int | None = None
    """1 (easy) to 5."""
    bloom: str | None = None
    """One of Bloom's levels."""


@dataclass(frozen=True, slots=True)
class Score:
    """How one model did on one question."""

    value: float
    """0 (wrong) to 1 (right)."""
    seconds: float | None = None
    """Time of the answer."""


@dataclass(frozen=True, slots=True)
class Node:
    """A field of knowledge: its sub-fields, or, in a leaf, its questions."""

    name: str
    """As printed."""
    children: tuple[Node, ...] = ()
    """Sub-fields."""
    questions: tuple[str, ...] = ()
    """Ids of the questions that stand here and in no sub-field."""

    def everything(self) -> Iterator[str]:
        """Ids of all questions at and under this field."""
        yield from self.questions
        for child in self.children:
            yield from child.everything()

    def leaves(self) -> Iterator[Node]:
        """The fields without sub-fields."""
        if not self.children:
            yield self
        for child in self.children:
            yield from child.leaves()


@dataclass(frozen=True)
class Benchmark:
    """All that a map shows."""

    name: str
    """Title."""
    questions: Mapping[str, Question]
    """By id."""
    scores: Mapping[str, Mapping[str, Score]]
    """Model to question id to score; a question that a model was not asked is missing there."""
    tree: Node
    """The fields."""
    remarks: tuple[str, ...] = field(default=())
    """What was left out, and why."""


def read_questions(path: str | Path) -> dict[str, Question]:
    """The questions of a `.qar` file. Raises BadInput at what is none."""
    questions = {}
    for key, entry in _entries(path):
        level = entry.get("difficulty_level")
        questions[key] = Question(
            key,
            str(entry.get("question_text") or ""),
            _difficulty(level, f"{path}, question {key}"),
            _bloom(entry.get("bloom_classification"), f"{path}, question {key}"),
        )
    return questions


def read_answers(path: str | Path) -> tuple[dict[str, Score], int]:
    """A model's scores in a `.qaa` file, and how many of its answers bear none.

    `score_default` names the field that counts. Raises BadInput at what is no such file.
    """
    scores, without = {}, 0
    for key, entry in _entries(path):
        name = entry.get("score_default")
        if not isinstance(name, str):
            raise BadInput(f"{path}, answer {key}: score_default: the name of a score was expected, found {name!r}")
        if entry.get(name) is None:
            without += 1
            continue
        scores[key] = Score(_share(entry[name], f"{path}, answer {key}"), _seconds(entry.get("answer_time")))
    return scores, without


def read_tree(path: str | Path) -> Node:
    """The hierarchy of a `.hir` file. Raises BadInput at what is none."""
    return _node(_json(path), str(path))


def read_plain(paths: Sequence[str | Path]) -> tuple[dict[str, Question], dict[str, dict[str, Score]], Node | None]:
    """Questions, scores by model and, where the rows have a category, the tree, of rows with `id` and `score`.

    The model is the column `model`, or else the file's name. Raises BadInput at a row that is none.
    """
    questions: dict[str, Question] = {}
    scores: dict[str, dict[str, Score]] = {}
    places: dict[str, tuple[str, ...]] = {}
    for path in paths:
        for row in read_rows(path):
            key = str(row.values.get("id") or row.values.get("question") or "")
            if not key:
                raise BadInput(f"{row.where}: a column `id` or `question` was expected")
            questions[key] = Question(
                key,
                str(row.values.get("question") or ""),
                _difficulty(row.values.get("difficulty"), row.where),
                _bloom(row.values.get("bloom"), row.where),
            )
            model = str(row.values.get("model") or Path(path).stem)
            if "score" not in row.values:
                raise BadInput(f"{row.where}: a column `score` (0 to 1) was expected, found {', '.join(row.values)}")
            if row.values["score"] is not None:
                score = Score(_share(row.values["score"], row.where), _seconds(row.values.get("seconds")))
                scores.setdefault(model, {})[key] = score
            if row.values.get("category"):
                places[key] = tuple(p for p in str(row.values["category"]).split(LEVELS) if p.strip())
    return questions, scores, tree_of(places, questions) if places else None


def tree_of(places: Mapping[str, tuple[str, ...]], questions: Mapping[str, Question]) -> Node:
    """The tree of questions with a path each; a question without one stands under "without a category"."""
    branches: dict[str, Any] = {}
    for key in questions:
        branch = branches
        for name in places.get(key) or ("without a category",):
            branch = branch.setdefault(name, {})
        branch.setdefault("", []).append(key)

    def grown(name: str, branch: Mapping[str, Any]) -> Node:
        children = tuple(grown(n, b) for n, b in branch.items() if n)
        own = tuple(branch.get("", ()))
        if children and own:  # a question of a field at large, beside its sub-fields
            children, own = (*children, Node(f"{name}, at large", (), own)), ()
        return Node(name, children, own)

    return grown("all", branches)


def read_taxonomy(path: str | Path) -> Node:
    """A tree without questions: JSON of nested {"name", "children"}, or text of two-space indented lines."""
    path = Path(path)
    if path.suffix.lower() in (".json", ".hir"):
        return _node(_json(path), str(path))
    stack: list[tuple[int, str, list[Any]]] = [(-1, "all", [])]
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if not line.strip():
            continue
        depth = (len(line) - len(line.lstrip(" "))) // 2
        if "\t" in line[: len(line) - len(line.lstrip())] or depth > len(stack) - 1:
            raise BadInput(f"{path}, line {number}: two spaces a level were expected, at most one level deeper")
        del stack[depth + 1 :]
        entry: tuple[int, str, list[Any]] = (depth, line.strip(), [])
        stack[-1][2].append(entry)
        stack.append(entry)

    def grown(entry: tuple[int, str, list[Any]]) -> Node:
        return Node(entry[1], tuple(map(grown, entry[2])))

    if not stack[0][2]:
        raise BadInput(f"{path}: a tree of fields was expected, found an empty file")
    return grown(stack[0])


def _node(value: Any, where: str) -> Node:
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        raise BadInput(f"{where}: a field with a `name` was expected, found {str(value)[:60]}")
    children = value.get("children") or []
    keys = value.get("question_keys") or []
    if not isinstance(children, list) or not isinstance(keys, list):
        raise BadInput(f"{where}, {value['name']}: lists `children` and `question_keys` were expected")
    inside = f"{where}, {value['name']}"
    grown = tuple(_node(child, inside) for child in children)
    if grown and keys:
        return Node(value["name"], (*grown, Node(f"{value['name']}, at large", (), tuple(map(str, keys)))))
    return Node(value["name"], grown, tuple(map(str, keys)))


def _entries(path: str | Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    value = _json(path)
    if not isinstance(value, dict) or not value:
        raise BadInput(f"{path}: a JSON object keyed by question id was expected")
    for key, entry in value.items():
        if not isinstance(entry, dict):
            raise BadInput(f"{path}, question {key}: an object was expected, found {str(entry)[:40]!r}")
        yield key, entry


def _json(path: str | Path) -> Any:
    try:
        return json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise BadInput(f"{path}, line {error.lineno}: JSON was expected: {error.msg}") from None
    except RecursionError:
        raise BadInput(f"{path}: nested too deeply to be read") from None


def _share(value: Any, where: str) -> float:
    try:
        share = float(value)
    except (TypeError, ValueError):
        share = math.nan
    if not 0 <= share <= 1:
        raise BadInput(f"{where}: a score from 0 to 1 was expected, found {value!r}")
    return share


def _seconds(value: Any) -> float | None:
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _difficulty(value: Any, where: str) -> int | None:
    if value is None or value == "":
        return None
    if str(value) not in ("1", "2", "3", "4", "5"):
        raise BadInput(f"{where}: a difficulty of 1 to 5 was expected, found {value!r}")
    return int(value)


def _bloom(value: Any, where: str) -> str | None:
    if value is None or value == "":
        return None
    name = {"analyse": "analyze"}.get(str(value).strip().lower(), str(value).strip().lower())
    if name not in BLOOM:
        raise BadInput(f"{where}: one of {', '.join(BLOOM)} was expected, found {value!r}")
    return name
