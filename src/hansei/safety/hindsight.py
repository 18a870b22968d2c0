"""Chain of Hindsight (Liu et al. 2023, arXiv 2302.02676; baseline of 2310.10477).

The model learns good and bad answers alike, each under a sentence that says which it is, and is asked for good ones.

Deviations: the original writes both answers into one sequence and trains on both; here each is a lesson of its own,
so that the loss falls on one turn. This is the one method that trains on mistakes, as completions to `Wording.bad`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hansei.core.records import Lesson
from hansei.safety.lessons import answer, kept, prefixed
from hansei.safety.wording import Wording
from hansei.steps.material import Case, Keep, Material, Plan


@dataclass(frozen=True)
class Settings:
    """Settings of Chain of Hindsight."""

    wording: Wording = field(default_factory=Wording)
    """The sentences said to the model."""


def plan(material: Material, settings: Settings) -> Plan:
    """good + x -> y+ and bad + x -> y-; helpful data under the good sentence."""
    lessons = [_lesson(c, settings.wording.good, c.good) for c in material.cases]
    lessons += [_lesson(c, settings.wording.bad, c.mistake.text) for c in material.cases]
    keep = [Keep(k.prompt_id, prefixed(k.chat, settings.wording.good), k.good) for k in material.keep]
    return Plan(lessons + kept(keep))


def _lesson(case: Case, sentence: str, text: str) -> Lesson:
    return answer(
        prefixed(case.prompt.messages, sentence),
        text,
        prompt_id=case.prompt.id,
        purpose="hindsight",
        mistakes=(case.mistake.id,),
    )
