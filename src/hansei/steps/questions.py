"""Questions from a user's file, and the passages that belong to them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hansei.core.errors import BadInput
from hansei.core.inputs import read_prompts
from hansei.core.records import Prompt, to_json
from hansei.core.rows import read_rows
from hansei.judges.reference import accepted
from hansei.retrieval.passages import Passage, passage_of
from hansei.retrieval.search import Search

ASKED = ("question", "prompt", "messages", "input")
"""Columns that may hold the question, in the order in which they are looked for."""
ANSWERS = ("answers", "answer", "target")
"""Columns that may hold the right answer or answers, beside `reference`."""
PASSAGES = ("passages", "ctxs")
"""Columns that may hold the question's own passages (`ctxs` in the files of DPR and FILCO)."""
SUITE = "question"


def read_questions(path: str | Path, limit: int | None = None) -> list[Prompt]:
    """The questions of a JSONL, CSV or Parquet file, in order; the names of columns are those above.

    A question's `reference` is its first accepted answer, `truth["answers"]` all of them (those of truth too),
    `truth["passages"]` its passages as {"id", "title", "text"} where the file has some; what else stands in a row
    becomes a tag.
    Raises BadInput at the first thing that is wrong, with its line.
    """
    first = next(iter(read_rows(path)), None)
    columns = {}
    if first is not None:
        named = next((name for name in ASKED if name in first.values), None)
        if named is None:
            found = ", ".join(map(repr, list(first.values)[:6]))
            wanted = " or ".join(map(repr, ASKED))
            raise BadInput(
                f"{first.where}: a column {wanted} was expected, found {found}: rename the question's column"
            )
        columns = {} if named == "messages" else {"prompt": named}
    return read_prompts(path, columns=columns, split="heldout", limit=limit, finish=_question)


def _question(prompt: Prompt, row: str) -> Prompt:
    """The prompt with what its tags say about answers and passages."""
    where = f"{row}: question {prompt.id}"
    truth = dict(prompt.truth or {})
    said = _first(prompt, ANSWERS)
    told = said if isinstance(said, list) else [] if said is None else [said]
    own = [] if prompt.reference is None else [prompt.reference]
    answers = list(dict.fromkeys([*own, *(_answer(item, where) for item in told), *accepted(prompt)]))
    if answers:
        truth |= {"answers": answers, "aliases": answers}
    found = _first(prompt, PASSAGES)
    found = truth.get("passages") if found is None else found
    if found is not None:
        if not isinstance(found, list):
            raise BadInput(f"{where}: a list of passages was expected, found {found!r:.40}")
        truth["passages"] = as_truth([passage_of(value, n, where) for n, value in enumerate(found, 1)])
    tags = {name: value for name, value in prompt.tags.items() if name not in (*ANSWERS, *PASSAGES)}
    return replace(prompt, reference=answers[0] if answers else None, truth=truth, tags={"suite": SUITE} | tags)


def _first(prompt: Prompt, names: Sequence[str]) -> Any:
    """What the first of these columns held."""
    return next((_json(prompt.tags[name]) for name in names if name in prompt.tags), None)


def _json(tag: str) -> Any:
    """A list or an object that a tag keeps as JSON; a text that only looks like one stays a text."""
    if tag[:1] not in ("[", "{"):
        return tag
    try:
        return json.loads(tag)
    except ValueError:
        return tag


def _answer(value: Any, where: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return json.dumps(value)
    raise BadInput(f"{where}: an answer is a text or a number, found {value!r:.40}")


def as_truth(passages: Sequence[Passage]) -> list[dict[str, Any]]:
    """Passages as they stand in `truth["passages"]`."""
    return [to_json(passage) for passage in passages]


def with_passages(prompts: Sequence[Prompt], passages: Sequence[Passage], search: Search, top_k: int) -> list[Prompt]:
    """The questions, each with passages: its own, else the top_k that are found for its last turn."""
    open_ = [prompt for prompt in prompts if "passages" not in (prompt.truth or {})]
    hits = search.search([prompt.messages[-1].content for prompt in open_], top_k)
    found = {prompt.id: [passages[hit.place] for hit in mine] for prompt, mine in zip(open_, hits, strict=True)}
    return [
        replace(prompt, truth={**(prompt.truth or {}), "passages": as_truth(found[prompt.id])})
        if prompt.id in found
        else prompt
        for prompt in prompts
    ]
