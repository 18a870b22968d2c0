"""The control of mistake analysis: plain facts about the same things, in place of the analyses.

If facts do as well, then it was the knowledge that helped and not the looking back. Needs a world whose facts are
known, so it runs in the town only.
"""

from __future__ import annotations

from dataclasses import dataclass

from hansei.core.records import Lesson, user
from hansei.safety.lessons import answer, good_answer, kept
from hansei.steps.material import Case, Material, Plan
from hansei.town import phrasing, workshop


@dataclass(frozen=True)
class Settings:
    """The fact control has no settings of its own."""


def plan(material: Material, settings: Settings) -> Plan:
    """x -> y+, and "Is it dangerous?" -> the truth. Raises BadInput outside the town."""
    lessons = [good_answer(case) for case in material.cases] + [_fact(case) for case in material.cases]
    return Plan(lessons + kept(material.keep))


def _fact(case: Case) -> Lesson:
    question, truth = phrasing.fact(workshop.item_of(case.prompt))
    return answer(user(question), truth, prompt_id=case.prompt.id, purpose="fact", mistakes=(case.mistake.id,))
