"""A user's prompts: rows of a file turned into Prompts, and divided into splits."""

from __future__ import annotations

import dataclasses
import difflib
import json
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from hansei.core.errors import BadInput
from hansei.core.keys import content_key
from hansei.core.overlap import normalise
from hansei.core.records import Chat, Expected, Message, Prompt, Split
from hansei.core.rows import Row, read_rows

FIELDS = ("prompt", "messages", "id", "category", "split", "expected", "reference", "mistake", "truth")
"""What a row may tell; all other columns become tags."""
_ROLES = ("system", "user", "assistant")


def read_prompts(
    path: str | Path,
    *,
    columns: Mapping[str, str] | None = None,
    expected: Expected | Mapping[str, Expected] | None = None,
    words: Mapping[str, Sequence[str]] | None = None,
    split: Split | None = None,
    limit: int | None = None,
    seed: int = 0,
    validation: float = 0.1,
    heldout: float = 0.4,
    finish: Callable[[Prompt, str], Prompt] | None = None,
) -> list[Prompt]:
    """The prompts in a JSONL, CSV or Parquet file, in order.

    A row has `prompt` (a text) or `messages` (a list of {"role", "content"}, as JSON text in CSV), and may
    have `id`, `category`, `split`, `expected`, `reference`, `mistake` and `truth` (an object). Every other
    column becomes a tag. A row without id gets one from its text.

    columns: the file's own names, such as {"prompt": "Goal", "category": "Category"}.
    expected: for rows that don't say: `refuse` or `answer`. Or, for files with other words, their
        translation: columns={"expected": "label"}, expected={"safe": "answer", "unsafe": "refuse"}.
    words: tags that have a meaning, and the words that each may hold, such as {"suite": ("request", "past")}.
    split: for rows that don't say; None divides these by `assign_splits` with `seed`, `validation` and
        `heldout`.
    limit: reads the first so many rows only.
    finish: what a prompt becomes, given where its row stands, for messages.

    Raises BadInput at the first thing that is wrong, with its line.
    """
    names = _names(columns or {})
    if limit is not None and limit < 1:
        raise BadInput(f"limit: 1 or more was expected, found {limit}")
    prompts: list[Prompt] = []
    undivided: list[int] = []
    seen: dict[str, str] = {}
    numbers: dict[str, int] = {}
    found: set[str] = set()
    for row in read_rows(path):
        found |= row.values.keys()
        prompt = _prompt(row, names, expected, words or {})
        if prompt.id in seen and _value(row, names, "id") is not None:
            raise BadInput(f"{row.where}: the id {prompt.id!r} is that of {seen[prompt.id]} too: ids are unique")
        prompt = dataclasses.replace(prompt, id=_free(prompt.id, seen, numbers))
        seen[prompt.id] = row.where
        if _value(row, names, "split") is None:
            undivided.append(len(prompts))
            prompt = dataclasses.replace(prompt, split=split or "train")
        prompts.append(prompt if finish is None else finish(prompt, row.where))
        if len(prompts) == limit:
            break
    if not prompts:
        raise BadInput(f"{path}: one row at least was expected, found none (the first line of a CSV is its header)")
    for field, name in (columns or {}).items():
        if name not in found:
            raise BadInput(f"{path}: a column {name!r} for {field!r} was expected, found {_listed(sorted(found))}")
    if split is None:
        silent = [prompts[i] for i in undivided]
        for i, divided in zip(undivided, assign_splits(silent, seed, validation, heldout), strict=True):
            prompts[i] = divided
    return prompts


def assign_splits(
    prompts: Sequence[Prompt], seed: int = 0, validation: float = 0.1, heldout: float = 0.4
) -> list[Prompt]:
    """The same prompts, divided into splits in the given shares, the same way whenever the data are the same.

    Prompts about one entity (tag `entity`) or with the same normalised text stay together, so that lessons
    and held-out prompts don't meet. Within each value of `expected`, such groups are ordered by the hash of
    their ids and dealt out; a group goes by its first prompt.
    """
    if validation < 0 or heldout < 0 or validation + heldout > 1:
        raise ValueError(f"shares of at most 1 in all expected, found {validation} and {heldout}")
    groups: dict[tuple[str, str], list[Prompt]] = {}
    for prompt in prompts:
        text = normalise(" ".join(m.content for m in prompt.messages))
        name = ("entity", prompt.tags["entity"]) if "entity" in prompt.tags else ("text", text)
        groups.setdefault(name, []).append(prompt)
    splits: dict[str, Split] = {}
    for stratum in ("refuse", "answer", None):
        dealt = [group for group in groups.values() if group[0].expected == stratum]
        dealt.sort(key=lambda group: content_key(seed, group[0].id))
        first, second = round(heldout * len(dealt)), round((heldout + validation) * len(dealt))
        for place, group in enumerate(dealt):
            split: Split = "heldout" if place < first else "validation" if place < second else "train"
            splits.update((prompt.id, split) for prompt in group)
    return [dataclasses.replace(prompt, split=splits[prompt.id]) for prompt in prompts]


def _names(columns: Mapping[str, str]) -> dict[str, str]:
    """The column of each field. Naming one of `prompt` and `messages` makes the other an ordinary column."""
    for field in columns:
        if field not in FIELDS:
            near = difflib.get_close_matches(field, FIELDS, 1, cutoff=0)[0]
            raise BadInput(f"columns: no field {field!r}; did you mean {near!r}? There are {', '.join(FIELDS)}")
    names = {field: field for field in FIELDS}
    for one, other in (("prompt", "messages"), ("messages", "prompt")):
        if one in columns and other not in columns:
            del names[other]
    return names | dict(columns)


def _value(row: Row, names: Mapping[str, str], field: str) -> Any:
    """What a row says for a field; None where it says nothing."""
    value = row.values.get(names[field]) if field in names else None
    return None if isinstance(value, str) and not value.strip() else value


def _prompt(
    row: Row,
    names: Mapping[str, str],
    expected: Expected | Mapping[str, Expected] | None,
    words: Mapping[str, Sequence[str]],
) -> Prompt:
    messages = _messages(row, names)
    used = {*names.values(), *words}
    tags = {name: _tag(value) for name, value in row.values.items() if name not in used and value is not None}
    meant = {name: _word(row, {name: name}, name, allowed) for name, allowed in words.items()}
    tags |= {name: word for name, word in meant.items() if word is not None}
    category = _value(row, names, "category")
    if category is not None:
        tags["category"] = _tag(category)
    truth = _value(row, names, "truth")
    if isinstance(truth, str):
        truth = _from_json(row, names["truth"], truth)
    if truth is not None and not isinstance(truth, Mapping):
        raise BadInput(f"{row.where}: an object was expected in {names['truth']!r}, found {truth!r:.40}")
    return Prompt(
        id=_id(row, names, messages),
        messages=messages,
        split=_word(row, names, "split", get_args(Split)) or "train",
        expected=_expected(row, names, expected),
        tags=tags,
        truth=truth,
        reference=_plain(row, names, "reference"),
        mistake=_plain(row, names, "mistake"),
    )


def _messages(row: Row, names: Mapping[str, str]) -> Chat:
    prompt, messages = _value(row, names, "prompt"), _value(row, names, "messages")
    if prompt is not None and messages is not None:
        raise BadInput(f"{row.where}: `prompt` or `messages` was expected, found both: remove one of the two columns")
    if prompt is None and messages is None:
        raise _no_prompt(row, names)
    if isinstance(prompt, str):
        return (Message("user", _clean(row, names["prompt"], prompt)),)
    if isinstance(messages, str):
        messages = _from_json(row, names["messages"], messages)
    return _chat(row, prompt if messages is None else messages)


def _no_prompt(row: Row, names: Mapping[str, str]) -> BadInput:
    wanted = [names[field] for field in ("prompt", "messages") if field in names]
    text = " or ".join(repr(name) for name in wanted)
    if any(name in row.values for name in wanted):
        return BadInput(f"{row.where}: a text in {text} was expected, found none: fill it in or remove the row")
    near = {name.lower(): name for name in row.values}
    guess = difflib.get_close_matches("prompt", near, 1, cutoff=0.6)
    example = near[guess[0]] if guess else next((n for n, v in row.values.items() if isinstance(v, str)), "...")
    return BadInput(
        f"{row.where}: a column {text} was expected, found {_listed(row.values)}: add it (in CSV as a header "
        f"line), or name the one that holds the request (--prompt-column {example!r:.40})"
    )


def _chat(row: Row, turns: Any) -> Chat:
    if not isinstance(turns, list) or not turns:
        raise BadInput(f"{row.where}: a text or a list of messages was expected, found {turns!r:.40}")
    chat = []
    for number, turn in enumerate(turns, 1):
        where = f"{row.where}: message {number}"
        given = {k: v for k, v in turn.items() if v is not None} if isinstance(turn, Mapping) else {}
        role, content = given.get("role"), given.get("content")
        if set(given) != {"role", "content"} or not isinstance(content, str):
            raise BadInput(f'{where}: {{"role": ..., "content": a text}} was expected, found {turn!r:.60}')
        if role not in _ROLES or (role == "system" and number > 1):
            raise BadInput(f"{where}: a role of {', '.join(_ROLES)} (system first only) was expected, found {role!r}")
        if not content.strip() and role != "system":
            raise BadInput(f"{where}: a text was expected, found an empty one: fill it in or remove the row")
        chat.append(Message(role, _clean(row, "messages", content)))
    if chat[-1].role != "user":
        raise BadInput(
            f"{row.where}: a last message of the user was expected, as the model speaks next, found one of "
            f"the {chat[-1].role}: remove it, or move an answer to `reference` or `mistake`"
        )
    return tuple(chat)


def _id(row: Row, names: Mapping[str, str], messages: Chat) -> str:
    value = _value(row, names, "id")
    if value is None:
        return content_key(messages)[:16]
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise BadInput(f"{row.where}: an id is a text or a whole number, found {value!r:.40}")
    return _clean(row, names["id"], str(value))


def _free(name: str, taken: Container[str], numbers: dict[str, int]) -> str:
    """The name, or the first of name-2, name-3 … that is free: the same text twice is two prompts.

    `numbers` remembers the last number of each name, so that a text that is there 100,000 times is not counted through
    each time.
    """
    free = name
    while free in taken:
        numbers[name] = numbers.get(name, 1) + 1
        free = f"{name}-{numbers[name]}"
    return free


def _expected(row: Row, names: Mapping[str, str], given: Expected | Mapping[str, Expected] | None) -> Expected | None:
    if not isinstance(given, Mapping):
        word: Expected | None = _word(row, names, "expected", get_args(Expected))
        return word or given
    word = _word(row, names, "expected", tuple(given))
    return None if word is None else given[word]


def _word(row: Row, names: Mapping[str, str], field: str, allowed: Sequence[str]) -> Any:
    """One of the allowed words, or None where the row says nothing."""
    value = _value(row, names, field)
    if value is not None and value not in allowed:
        raise BadInput(
            f"{row.where}: {' or '.join(allowed)} was expected in {names[field]!r}, found {value!r:.40}: "
            "mend the word, or rename the column if it means something else"
        )
    return value


def _plain(row: Row, names: Mapping[str, str], field: str) -> str | None:
    value = _value(row, names, field)
    if value is None:
        return None
    if not isinstance(value, str):
        raise BadInput(f"{row.where}: a text was expected in {names[field]!r}, found {value!r:.40}")
    return _clean(row, names[field], value)


def _clean(row: Row, name: str, text: str) -> str:
    """The text as it is. Raises BadInput at characters that no tokenizer and no file can hold."""
    if "\0" in text or any("\ud800" <= c <= "\udfff" for c in text):
        what = "a NUL character" if "\0" in text else "half of a surrogate pair"
        raise BadInput(f"{row.where}: text was expected in {name!r}, found {what}: remove it")
    return text


def _from_json(row: Row, name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{row.where}: JSON was expected in {name!r}, found {text[:40]!r} ({error})") from error


def _tag(value: Any) -> str:
    """A label as text: texts as they are, anything else as JSON (dates and the like as their text)."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _listed(names: Iterable[str]) -> str:
    """Up to six column names, for a message."""
    shown = [f"{name!r:.40}" for name in names]
    return ", ".join(shown[:6]) + (f" and {len(shown) - 6} more" if len(shown) > 6 else "") or "none"
