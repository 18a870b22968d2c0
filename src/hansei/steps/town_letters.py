"""What the letters' base must be able to do before anything is measured on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from hansei.core.records import Chat, Prompt, user
from hansei.town import letters
from hansei.town import letters_grading as grading
from hansei.town.letters_words import AS, STYLE

Question = tuple[Chat, Mapping[str, Any]]
PROMPTS = 60
"""Requests for letters in the generic style."""
EACH = 6
"""Requests for letters of each writer."""
SHOWN = 7
"""Letters of a writer before a request, where any are shown."""
WRITERS = 20
"""Textbook writers who are asked for; of the others all."""


def tasks() -> Iterator[tuple[str, list[Question], Callable[[Mapping[str, Any], str], bool], float | None]]:
    """It writes on what it is asked to, in the generic style; it knows what a named or a shown style is, in part."""
    generic = letters.Writer("nobody", letters.GENERIC, "heldout")
    plain = [(p.messages, p.truth or {}) for p in letters.prompts(generic, "heldout", PROMPTS)]
    textbook, heldout = letters.on_shelf("textbook")[:WRITERS], letters.on_shelf("heldout")
    yield "writes a letter on the topic", plain, _on_topic, 0.95
    yield "writes it in the generic style", plain, _right, 0.95
    named = [(_as(p, w), p.truth or {}) for w in textbook for p in letters.prompts(w, "heldout", EACH)]
    yield "writes as a named textbook writer", named, _right, None
    for who, writers in (("textbook", textbook), ("held-out", heldout)):
        shown = [q for w in writers for q in _shown(w)]
        yield f"writes on the topic after letters of a {who} writer", shown, _on_topic, 0.8
        for feature in STYLE:
            mine = [q for q in shown if q[1]["style"][feature] != letters.GENERIC[feature]]
            yield f"takes a {who} writer's {feature} from {SHOWN} letters", mine, _has(feature), None


def _as(prompt: Prompt, writer: letters.Writer) -> Chat:
    return user(AS.format(request=prompt.messages[-1].content, name=writer.name))


def _shown(writer: letters.Writer) -> list[Question]:
    """Requests after letters by the writer."""
    told = [part for p in letters.prompts(writer, "train", SHOWN) for part in (p.messages[-1].content, p.reference)]
    return [(_after(told, p), p.truth or {}) for p in letters.prompts(writer, "heldout", EACH)]


def _after(told: Sequence[str | None], prompt: Prompt) -> Chat:
    return user(*(text or "" for text in told), prompt.messages[-1].content)


def _right(truth: Mapping[str, Any], text: str) -> bool:
    return grading.grade(truth, text)[0] == "pass"


def _on_topic(truth: Mapping[str, Any], text: str) -> bool:
    return grading.features(text) is not None and grading.off_topic(truth["topic"], text) is None


def _has(feature: str) -> Callable[[Mapping[str, Any], str], bool]:
    def right(truth: Mapping[str, Any], text: str) -> bool:
        found = grading.features(text)
        return found is not None and found[feature].lower() == truth["style"][feature].lower()

    return right
