"""What `hansei answer` can answer by. Imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Answering:
    """One of `hansei answer NAME`."""

    name: str
    """What it is called on the command line."""
    help: str
    """What it does, in a line."""
    make: str
    """`module:function`: from the module's `Settings` to a `ThinkingMethod`. The module may also have
    `prepare(prompts, settings) -> prompts`, for files with columns of their own, and
    `begin(prompts, settings, model, journal) -> ThinkingMethod`, for methods that do something with the model first."""


METHODS: tuple[Answering, ...] = (
    Answering(
        "plain",
        "The question as it stands, with its passages before it where there are some.",
        "hansei.steps.answering_plain:make",
    ),
    Answering(
        "reading-notes",
        "A note on each passage that says what it is good for, then the answer, in one call (Chain-of-Note).",
        "hansei.reading.reading_notes:make",
    ),
    Answering(
        "context-filter",
        "A filter model copies from the passages what helps, and the model answers from that alone (FILCO).",
        "hansei.reading.context_filter_answer:make",
    ),
    Answering(
        "contrastive-cot",
        "Demonstrations with a right and an automatically spoilt explanation, before a question to be reasoned about.",
        "hansei.reasoning.contrastive_cot:make",
    ),
    Answering(
        "thought-templates",
        "A template distilled from solved problems: the model reads its slots, its program runs in a sandbox.",
        "hansei.reasoning.thought_templates:make",
    ),
    Answering(
        "tree-of-thoughts",
        "A search over steps that the model proposes and judges: many calls a question.",
        "hansei.reasoning.tree_of_thoughts:make",
    ),
)
