"""What the letters' base must be able to do before anything is measured on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from hansei.core.records import Chat, Prompt, user
from hansei.town import letters
from hansei.town import letters_grading as grading
from hansei.town.letters_words import AS

Question = tuple[Chat, Mapping[str, Any]]
PROMPTS = 60
"""Requests for letters in the generic style."""
EACH = 4
"""Requests for letters of each writer."""
WRITERS = 15
"""Writers of a shelf who are asked for."""
SHOWN = 7
"""Letters of a writer before a request, where any are shown."""


def tasks() -> Iterator[tuple[str, list[Question], Callable[[Mapping[str, Any], str], bool], float | None]]:
    """It writes on what it is asked to, in the generic style, and knows in part what a named or a shown style is."""
    generic = letters.Writer("nobody", letters.GENERIC, "heldout")
    plain = [(p.messages, p.truth or {}) for p in letters.prompts(generic, "heldout", PROMPTS)]
    textbook, heldout = letters.on_shelf("textbook")[:WRITERS], letters.on_shelf("heldout")[:WRITERS]
    yield "writes a letter on the topic", plain, _on_topic, 0.95
    yield "writes it in the generic style", plain, _in_style(10), 0.95
    named = [(_as(p, w), p.truth or {}) for w in textbook for p in letters.prompts(w, "heldout", EACH)]
    yield "writes as a named textbook writer: five features or more", named, _in_style(5), None
    for who, writers in (("textbook", textbook), ("held-out", heldout)):
        shown = [q for w in writers for q in _shown(w)]
        yield f"writes on the topic after {SHOWN} letters of a {who} writer", shown, _on_topic, 0.8
        yield f"writes as the {who} writer of {SHOWN} letters: five features or more", shown, _in_style(5), None


def _as(prompt: Prompt, writer: letters.Writer) -> Chat:
    return user(AS.format(request=prompt.messages[-1].content, name=writer.name))


def _shown(writer: letters.Writer) -> list[Question]:
    """Requests after letters by the writer."""
    told = [part for p in letters.prompts(writer, "train", SHOWN) for part in (p.messages[-1].content, p.reference)]
    return [(_after(told, p), p.truth or {}) for p in letters.prompts(writer, "heldout", EACH)]


def _after(told: Sequence[str | None], prompt: Prompt) -> Chat:
    return user(*(text or "" for text in told), prompt.messages[-1].content)


def _on_topic(truth: Mapping[str, Any], text: str) -> bool:
    return grading.is_on_topic(truth["topic"], text)


def _in_style(features: int) -> Callable[[Mapping[str, Any], str], bool]:
    """Whether so many of the ten features of the wanted style are there."""

    def right(truth: Mapping[str, Any], text: str) -> bool:
        score = grading.grade(truth, text)[2]
        return score is not None and round(10 * score) >= features

    return right
