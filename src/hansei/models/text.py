"""Text around the answer: reasoning kept apart, and conversations of models without a chat template."""

from __future__ import annotations

import re

from hansei.core.records import Chat

PAIRS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("[THINK]", "[/THINK]"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<seed:think>", "</seed:think>"),
)
"""What reasoning models put around their reasoning (DeepSeek, Qwen, Magistral, Command A, Seed)."""

CHANNELS = ("<|start|>", "<|channel|>", "<|message|>", "<|end|>")
"""The marks of gpt-oss, which names a channel (`analysis`, `final`) before each message."""

MARKS = frozenset(CHANNELS) | frozenset(mark for pair in PAIRS for mark in pair)
"""Special tokens that are kept when an answer is decoded, because they say what is reasoning."""

PLAIN = "plain-chat-1"
"""Name and version of the rendering below; part of a fingerprint that depends on it."""


def split_reasoning(text: str, opened: bool | None = None) -> tuple[str, str]:
    """(reasoning, answer), both stripped of outer white space.

    Reasoning stands in marks at the start of the text. `opened` says whether the prompt already ended with
    the opening mark; None: unknown, and a closing mark without an opening one ends the reasoning. Reasoning
    that was cut off before its closing mark leaves an empty answer. Marks later in the text are the
    answer's own words.
    """
    text = text.strip()
    if text.startswith("<|channel|>"):
        return _channels(text)
    for opening, closing in PAIRS:
        inside = text.startswith(opening)
        if inside or (closing in text and opened is not False):
            reasoning, closed, answer = text.removeprefix(opening).partition(closing)
            return reasoning.strip(), answer.strip() if closed else ""
    return (text, "") if opened else ("", text)


def opens_reasoning(rendered: str) -> bool:
    """Whether a rendered prompt ends inside the reasoning, as templates of some reasoning models do."""
    return rendered.rstrip().endswith(tuple(opening for opening, _ in PAIRS))


def plain_chat(chat: Chat) -> str:
    """The conversation as plain text that ends with `Assistant:`, for models without a chat template."""
    names = {"system": "System", "user": "User", "assistant": "Assistant"}
    turns = [f"{names[m.role]}: {m.content}\n\n" for m in chat]
    return "".join(turns) + "Assistant:"


def plain_answer(text: str) -> str:
    """The answer of a model asked by `plain_chat`: what stands before it speaks for the user again."""
    return re.split(r"\n\s*User:", text, maxsplit=1)[0]


def _channels(text: str) -> tuple[str, str]:
    """gpt-oss: messages `<|channel|>NAME<|message|>TEXT<|end|><|start|>assistant…`; `final` is the answer."""
    found = re.findall(r"<\|channel\|>(\w+)[^<]*<\|message\|>(.*?)(?=<\|end\|>|<\|start\|>|$)", text, re.S)
    reasoning = "\n".join(words.strip() for name, words in found if name != "final")
    return reasoning, "\n".join(words.strip() for name, words in found if name == "final")
