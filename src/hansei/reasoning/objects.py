"""The bridging objects of an explanation: its equations, its other numbers, and the names in it.

The paper takes them from spaCy's en_core_web_trf. That model is on no package index, so that the default is a set of
rules; a spaCy pipeline that is installed is used where it is named (`spacy:en_core_web_sm`).
"""

from __future__ import annotations

import calendar
import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from hansei.core.errors import BadInput
from hansei.core.numbers import NUMBER

Type = Literal["equation", "number", "name", "choice"]


@dataclass(frozen=True, slots=True)
class Span:
    """One object in a text."""

    start: int
    """Place of its first character."""
    end: int
    """Place after its last character."""
    type: Type
    """What it is; objects change places only with their like."""
    text: str
    """Its words."""


Recogniser = Callable[[str, str], list[Span]]
"""From a text, and another one that it belongs to (its question), to its objects in order and without overlap."""

_SIDE = r"[$€£]?\(?[-−]?[$€£]?\d[\d,.]*%?\)?(?:\s*[-+−*/×÷x·]\s*\(?[$€£]?\d[\d,.]*%?\)?)"
EQUATION = re.compile(rf"(?<![\w.]){_SIDE}+\s*=\s*[-−]?[$€£]?\d[\d,]*(?:\.\d+)?%?")
"""An equation whose left side has an operation: `3 * 4 = 12`."""
CHOICE = re.compile(r"\([A-Z]\)|\b(?:True|False|true|false|yes|no|Yes|No|valid|invalid)\b")
"""An option, as the answers of multiple-choice and yes-or-no questions are."""
NAME = re.compile(r"\b[A-Z][a-z]+(?:-[A-Z][a-z]+)?\b")
START = re.compile(r"(?:^|[.!?:;\n]\s*)\W*$")
"""What stands before the first word of a sentence."""
TIMES = frozenset(
    (*calendar.day_name, *calendar.month_name, "I"),
)
"""Words with a capital that name nobody."""


def by_rules(text: str, context: str) -> list[Span]:
    """Equations, then numbers, options and names in what is left.

    A capitalised word at the start of a sentence is a name where it stands with its capital inside a sentence, too.
    """
    found: list[Span] = []
    kinds: tuple[tuple[Type, re.Pattern[str]], ...] = (
        ("equation", EQUATION),
        ("number", NUMBER),
        ("choice", CHOICE),
        ("name", NAME),
    )
    inside = _inside(text) | _inside(context)
    for kind, pattern in kinds:
        for match in pattern.finditer(text):
            named = kind != "name" or (match[0] in inside and match[0] not in TIMES)
            apart = not any(match.start() < other.end and other.start < match.end() for other in found)
            if named and apart:
                found.append(Span(match.start(), match.end(), kind, match[0]))
    return sorted(found, key=lambda span: span.start)


def _inside(text: str) -> set[str]:
    """Capitalised words that stand inside a sentence."""
    return {
        match[0] for match in NAME.finditer(text) if not START.search(text[max(0, match.start() - 8) : match.start()])
    }


def recogniser(name: str = "rules") -> Recogniser:
    """The recogniser of that name: `rules`, or `spacy:PIPELINE`. Raises BadInput where it is not there."""
    if name == "rules":
        return by_rules
    if name.startswith("spacy:"):
        return functools.partial(_by_pipeline, _pipeline(name.removeprefix("spacy:")))
    raise BadInput(f"recogniser {name!r}: `rules` or `spacy:PIPELINE` was expected, such as spacy:en_core_web_sm")


def _pipeline(name: str) -> Any:
    try:
        import spacy
    except ImportError:
        raise BadInput(f"recogniser spacy:{name}: spaCy is not installed; install it, or use `rules`") from None
    try:
        return spacy.load(name)
    except OSError as error:
        raise BadInput(f"recogniser spacy:{name}: spaCy has no such pipeline ({error}): install it") from error


def _by_pipeline(pipeline: Any, text: str, context: str) -> list[Span]:
    """Names from the pipeline's entities; equations, numbers and options by rules, which read them more surely."""
    found = [span for span in by_rules(text, context) if span.type != "name"]
    for entity in pipeline(text).ents:
        inside = any(entity.start_char < span.end and span.start < entity.end_char for span in found)
        if entity.label_ in {"PERSON", "ORG", "GPE", "LOC", "NORP", "FAC", "PRODUCT"} and not inside:
            found.append(Span(entity.start_char, entity.end_char, "name", entity.text))
    return sorted(found, key=lambda span: span.start)


def finer(text: str, spans: list[Span]) -> list[Span]:
    """The same objects with every equation taken apart into its numbers."""
    found = [span for span in spans if span.type != "equation"]
    for span in spans:
        if span.type == "equation":
            for match in re.finditer(r"\d[\d,]*(?:\.\d+)?", text[span.start : span.end]):
                found.append(Span(span.start + match.start(), span.start + match.end(), "number", match[0]))
    return sorted(found, key=lambda span: span.start)


def put(text: str, spans: list[Span], words: list[str]) -> str:
    """The text with other words in the places of its objects."""
    pieces, at = [], 0
    for span, word in zip(spans, words, strict=True):
        pieces += [text[at : span.start], word]
        at = span.end
    return "".join([*pieces, text[at:]])
