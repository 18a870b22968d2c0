"""What every reader of another tool's file yields, and small helpers to read such files with."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from hansei.core.errors import BadInput
from hansei.core.records import Behaviour, Chat, Expected, Message, Outcome
from hansei.core.rows import holdable, read_text

_ROLES = ("system", "user", "assistant")


@dataclass(frozen=True, slots=True)
class Finding:
    """One answer that another tool got from a model, and what the tool said of it."""

    where: str
    """File and place in it, for messages."""
    chat: Chat
    """What the model was asked."""
    text: str | None
    """What it answered; None where no answer came."""
    outcome: Outcome
    """The tool's word."""
    judge: str
    """Who gave it: the tool, and what in the tool decided."""
    judge_version: str
    """Version of the tool or of its file format."""
    model: str = "unknown"
    """Name of the model, as the tool calls it."""
    error: str | None = None
    """What came instead of an answer."""
    behaviour: Behaviour | None = None
    """What the answer does, where the tool says so."""
    score: float | None = None
    """How good the answer is, 0 to 1, where the tool says so."""
    rationale: str = ""
    """Why, in the tool's words."""
    expected: Expected | None = None
    """What a good model does, where the tool knows."""
    reference: str | None = None
    """A good answer, where the tool has one."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Category, probe, strategy and the like."""


def cleaned(finding: Finding) -> Finding:
    """The finding with U+FFFD for each NUL and half surrogate pair, which no tokenizer and no prompts file can hold."""
    texts = {f.name: getattr(finding, f.name) for f in fields(finding)}
    own: dict[str, Any] = {name: holdable(text) for name, text in texts.items() if isinstance(text, str)}
    return replace(
        finding,
        **own,
        chat=tuple(Message(m.role, holdable(m.content)) for m in finding.chat),
        tags={holdable(name): holdable(value) for name, value in finding.tags.items()},
    )


def chat_of(value: Any, where: str) -> Chat:
    """A prompt as a conversation: a text, or a list of messages with role and text. Raises BadInput for others."""
    if isinstance(value, str) and value.strip():
        return (Message("user", value),)
    if not isinstance(value, list) or not value:
        raise BadInput(f"{where}: a prompt (text, or a list of messages) was expected, found {shown(value)}")
    chat = []
    for turn in value:
        role = turn.get("role") if isinstance(turn, dict) else None
        text = plain_text(turn.get("content")) if isinstance(turn, dict) else None
        if role == "developer":
            role = "system"
        if role not in _ROLES or text is None:
            raise BadInput(f"{where}: a message with a role of {', '.join(_ROLES)} was expected, found {shown(turn)}")
        chat.append(Message(role, text))
    return tuple(chat)


def plain_text(content: Any) -> str | None:
    """Text of a message's content, which is a text or a list of parts; None where it holds anything but text."""
    if isinstance(content, str):
        return content
    if isinstance(content, dict) and isinstance(content.get("text"), str):
        return str(content["text"])
    if isinstance(content, list) and content:
        parts = [p.get("text") for p in content if isinstance(p, dict) and p.get("type", "text") == "text"]
        if len(parts) == len(content) and all(isinstance(p, str) for p in parts):
            return "\n".join(str(p) for p in parts)
    return None


def shown(value: Any) -> str:
    """A value for a message: short."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def number(value: Any) -> float | None:
    """A finite number, or None: true and false are none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def read_json(path: Path) -> Any:
    """The JSON value in a file. Raises BadInput with the line where there is none."""
    text = read_text(path)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise BadInput(f"{path}, line {error.lineno}: JSON was expected: {error.msg}") from None
    except RecursionError:
        raise BadInput(f"{path}: nested too deeply to be read") from None
    except ValueError as error:
        raise BadInput(f"{path}: JSON was expected, found what can't be read ({error})") from None


def read_lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Place and object of each line of a JSONL file; blank lines are skipped."""
    for n, line in enumerate(read_text(path).split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            why = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
            why = "nested too deeply" if isinstance(error, RecursionError) else why
            raise BadInput(f"{path}, line {n}: a JSON object was expected: {why}") from None
        if not isinstance(value, dict):
            raise BadInput(f"{path}, line {n}: a JSON object was expected, found {shown(value)}")
        yield f"{path}, line {n}", value
