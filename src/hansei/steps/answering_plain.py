"""The plainest answering method: passages, question, answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hansei.core.records import Chat, Message, Prompt
from hansei.steps.answer_settings import AnswerSettings
from hansei.steps.answering import Ask, Thinking, ThinkingMethod


@dataclass(frozen=True, kw_only=True)
class Settings(AnswerSettings):
    """Settings of `hansei answer plain`."""


def make(settings: Settings) -> ThinkingMethod:
    """One call: the passages, if any, and the question."""

    def think(prompt: Prompt) -> Thinking:
        (reply,) = yield Ask((with_context(prompt, passages_of(prompt)),), settings.sampling, "answer")
        return reply.text

    return ThinkingMethod("plain", "1", think, {"sampling": settings.sampling})


def passages_of(prompt: Prompt) -> Sequence[Mapping[str, Any]]:
    """The question's passages; none where it has none."""
    found: Sequence[Mapping[str, Any]] = (prompt.truth or {}).get("passages", ())
    return found


def with_context(prompt: Prompt, passages: Sequence[Mapping[str, Any]]) -> Chat:
    """The conversation with passages set before its last turn: `Passage 1: TITLE. TEXT`, a line each."""
    *before, last = prompt.messages
    lines = [f"Passage {n}: {shown(passage)}" for n, passage in enumerate(passages, 1)]
    return (*before, Message("user", "\n".join([*lines, last.content])))


def shown(passage: Mapping[str, Any]) -> str:
    """A passage in one line: its title, if it has one, and its text."""
    title = f"{passage['title']}: " if passage.get("title") else ""
    return " ".join(f"{title}{passage['text']}".split())
