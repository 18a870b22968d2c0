"""Text of others quoted as data for a judge, so that it can neither end its quotation nor pass for the judge.

Three fences, each enough alone against a reader that follows the format: marker lines with a tag that the
quoted text does not contain; a bar before every quoted line, so that no quoted line *is* a marker or verdict
line; and special tokens broken up, so that a tokenizer does not read `<|im_end|>` in an answer as the end of
the turn.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence

from hansei.core.records import Chat

BAR = "| "
"""Stands before every quoted line."""


def tag_for(texts: Sequence[str]) -> str:
    """16 hex digits that occur in none of the texts: from their hash, so that the same case has the same tag.

    A text can't be written to hold its own hash; should it do so by chance, the next tag is taken.
    """
    for draw in range(1_000_000):
        tag = hashlib.sha256(json.dumps([draw, *texts]).encode()).hexdigest()[:16]
        if not any(tag in text.lower() for text in texts):
            return tag
    raise AssertionError("unreachable: a text with a million chosen 16-digit tags")


def quote(text: str) -> str:
    """The text with a bar before each line, special tokens broken up, and U+FFFD for controls and half surrogates."""
    text = re.sub(r"[\x00-\x08\x0e-\x1b\x7f\ud800-\udfff]", "\ufffd", text)
    text = re.sub(r"<(?=\S)", "< ", text)  # <|im_end|>, </s>, <start_of_turn>, <think> …
    text = re.sub(r"\[(?=/?[A-Z_]{3,}\])", "[ ", text)  # [INST], [/INST], [THINK] …
    return "\n".join(BAR + line for line in text.splitlines() or [""])


def quoted_case(messages: Chat, answer: str) -> str:
    """The conversation and the answer, each between marker lines."""
    tag = tag_for([*(m.content for m in messages), answer])
    turns = "\n".join(f"{m.role}:\n{quote(m.content)}" for m in messages)
    return (
        f"=== request {tag} begins ===\n{turns}\n=== request {tag} ends ===\n\n"
        f"=== answer {tag} begins ===\n{quote(answer)}\n=== answer {tag} ends ==="
    )


def echoes(reply: str, quoted: Sequence[str], question: Chat = ()) -> bool:
    """Whether a judge's reply says nothing of its own: all its lines are lines of what it was shown.

    A single line is held against the quoted texts alone, as the verdict line that a judge may well give without a
    reason also stands in the task; more lines are held against the whole question too.
    """
    said = _lines(reply)
    shown = set().union(*(_lines(text) | _lines(quote(text)) for text in quoted))
    if len(said) > 1:
        shown = shown.union(*(_lines(m.content) for m in question))
    return said <= shown


def _lines(text: str) -> set[str]:
    bare = (line.strip().removeprefix(BAR.strip()).strip() for line in text.splitlines())
    return {line for line in bare if line}
