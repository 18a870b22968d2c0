"""What a teaching method is given, and what it gives back: the seam between the loop and the wings.

A method is a function `plan(material, settings) -> Plan`. It writes lessons; it does not train. `teach` does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from hansei.core.journal import Journal
from hansei.core.records import Analysis, Chat, Lesson, Mistake, Prompt
from hansei.models.protocol import Model

Recipe = Literal["sft", "dpo", "rlhf"]


@dataclass(frozen=True)
class Case:
    """A mistake with a good answer to the same prompt."""

    prompt: Prompt
    """The prompt that was answered badly."""
    mistake: Mistake
    """The bad answer."""
    good: str
    """An answer that the judge accepts, or the data's reference."""


@dataclass(frozen=True)
class Keep:
    """A benign prompt with a good answer: what the student must not forget."""

    prompt_id: str
    """Where it came from, for the overlap check."""
    chat: Chat
    """The conversation."""
    good: str
    """The good answer."""
    refusal: str | None = None
    """What a needless refusal of it would look like, where the data knows; for preferences."""


@dataclass(frozen=True)
class Material:
    """All that a method may use."""

    cases: Sequence[Case]
    """Mistakes with good answers."""
    keep: Sequence[Keep]
    """Benign prompts with good answers."""
    model: Model
    """The model to be taught."""
    analyst: Model
    """Who explains mistakes: the same model, or a stronger one."""
    journal: Journal
    """Where every answer asked for on the way is kept."""


@dataclass(frozen=True)
class Plan:
    """Lessons, and how to train on them."""

    lessons: Sequence[Lesson]
    """What to train on."""
    recipe: Recipe = "sft"
    """`rlhf`: a reward model on the preference lessons, then RLOO from the student of the SFT lessons."""
    analyses: Sequence[Analysis] = ()
    """The explanations, for the report."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """What was dropped or unusable, by reason."""
