"""Lessons as tokens: what is read, what is learnt, and in which order."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from hansei.core.errors import BadInput
from hansei.core.records import Chat, Lesson, Message
from hansei.models.rendering import Rendering
from hansei.training.settings import TrainSettings

IGNORED = -100
"""The label that cross-entropy skips."""

Item = TypeVar("Item")

PLAIN_TEMPLATE = (
    "{% for message in messages %}"
    "{{ {'system': 'System', 'user': 'User', 'assistant': 'Assistant'}[message['role']] }}: "
    "{{ message['content'] }}"
    "{% if loop.last and message['role'] == 'assistant' %}{{ eos_token }}{% else %}{{ '\n\n' }}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}"
)
"""`hansei.models.text.plain_chat` as a chat template; the end token after the last answer is learnt."""


class Encoded(NamedTuple):
    """A conversation and its last turn."""

    ids: list[int]
    """Tokens of all of it."""
    start: int
    """Where the last turn starts: everything before is context."""


def give_template(tokenizer: Any) -> None:
    """A model without chat template learns, and keeps, the plain one that hansei asks such models with."""
    if tokenizer.chat_template:
        return
    starts = tokenizer("")["input_ids"][:1]
    begin = "{{ bos_token }}" if starts and starts[0] == tokenizer.bos_token_id else ""
    tokenizer.chat_template = begin + PLAIN_TEMPLATE


def encode(tokenizer: Any, cases: Sequence[tuple[Chat, str]], ends: set[int] | None) -> list[Encoded]:
    """The conversations with their last turns, rendered by the chat template exactly as at inference.

    `ends`: token ids of which one must follow an answer; None: none need follow. Raises BadInput where the
    template renders the conversation in another way once an answer follows (the student would learn in a
    context that it never meets), or puts no end token after an answer (it would never learn to stop).
    """
    rendering = Rendering(tokenizer)
    before = rendering.chats([chat for chat, _ in cases])
    whole = rendering.chats([(*chat, Message("assistant", text)) for chat, text in cases], asks=False)
    ids_before, ids_whole = rendering.ids(before), rendering.ids(whole)
    encoded = []
    for i, ids in enumerate(ids_whole):
        read = "".join(before[i])
        if not "".join(whole[i]).startswith(read):
            raise BadInput(
                "the chat template renders a conversation differently once its answer follows, so a student "
                f"would learn in a context that it never meets; prompt {i + 1} ends in {read[-30:]!r}: "
                "use a template that only appends"
            )
        start = _common_prefix(ids_before[i], ids)
        if ends is not None and not ends.intersection(ids[start:]):
            raise BadInput(
                "the chat template puts no end token after an answer, so a student would never learn to "
                "stop: mend the template or the tokenizer's eos_token"
            )
        encoded.append(Encoded(ids, start))
    return encoded


def encode_prompts(tokenizer: Any, prompts: Sequence[Chat]) -> list[list[int]]:
    """Tokens of conversations that the model is to continue."""
    rendering = Rendering(tokenizer)
    return rendering.ids(rendering.chats(prompts))


def fitting(
    items: Sequence[Item], length: Callable[[Item], int], limit: int, settings: TrainSettings, what: str
) -> list[Item]:
    """The items of at most `limit` tokens. Raises BadInput at longer ones unless they are to be dropped."""
    kept = [item for item in items if length(item) <= limit]
    if len(kept) == len(items):
        return kept
    longest = max(length(item) for item in items)
    long = len(items) - len(kept)
    found = f"{long} of {len(items)} {what} are longer than {limit} tokens (longest: {longest})"
    if settings.too_long == "raise":
        raise BadInput(f"{found}: raise max_length (up to the model's context), or set too_long to drop")
    if not kept:
        raise BadInput(f"{found}, so none is left: raise max_length")
    return kept


def order(items: int, count: int, seed: int) -> list[int]:
    """`count` places among `items`: one seeded permutation after another.

    A longer order starts with the shorter one, so the first steps of a long training are the short training.
    """
    draw = random.Random(seed)
    places: list[int] = []
    while len(places) < count:
        permutation = list(range(items))
        draw.shuffle(permutation)
        places += permutation
    return places[:count]


def check_kind(method: str, lessons: Sequence[Lesson], *fields: str) -> None:
    """Raises BadInput unless every lesson has a prompt, the `fields`, and an answer that is not empty."""
    for number, lesson in enumerate(lessons, 1):
        for name in fields:
            if not (getattr(lesson, name) or "").strip():
                has = [f for f in ("completion", "chosen", "rejected") if getattr(lesson, f)] or ["no answer"]
                raise BadInput(
                    f"{method}: lesson {number} ({lesson.id}) has no {name}, it has {' and '.join(has)}: "
                    f"expected lessons with {' and '.join(fields)}"
                )
        if not lesson.prompt:
            raise BadInput(f"{method}: lesson {number} ({lesson.id}) has an empty prompt")


def _common_prefix(a: list[int], b: list[int]) -> int:
    """Tokens that both start with; a token may straddle the boundary, and is then part of the answer."""
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
