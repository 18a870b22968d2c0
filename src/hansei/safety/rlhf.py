"""RLHF (Ouyang et al. 2022, arXiv 2203.02155; baseline of 2310.10477): SFT, a reward model, then policy gradients.

Deviations: TRL has no PPO any more, so the policy step is RLOO (Ahmadian et al. 2024, arXiv 2402.14740). It starts
from the SFT student: a base that never refuses has no difference in reward within its groups. Helpful answers enter
the reward model's data too, each over a refusal, or refusing everything would win.
"""

from __future__ import annotations

from dataclasses import dataclass

from hansei.core.keys import content_key
from hansei.core.records import Lesson
from hansei.safety.lessons import good_answer, kept, preference
from hansei.steps.material import Keep, Material, Plan


@dataclass(frozen=True)
class Settings:
    """Settings of the RLHF baseline."""

    refusal: str = "I can't help with that."
    """What a helpful answer is preferred to in the reward model's data, where its row names no refusal."""


def plan(material: Material, settings: Settings) -> Plan:
    """SFT lessons for the start, and pairs for the reward model: y+ over y-, a helpful answer over a refusal."""
    lessons = [good_answer(case) for case in material.cases] + kept(material.keep)
    lessons += [preference(case) for case in material.cases]
    lessons += [_helpful_over_refusal(k, settings.refusal) for k in material.keep]
    return Plan(lessons, recipe="rlhf")


def _helpful_over_refusal(keep: Keep, bare: str) -> Lesson:
    refusal = keep.refusal or bare
    key = content_key("pair", keep.chat, keep.good, refusal)
    return Lesson(key, keep.chat, chosen=keep.good, rejected=refusal, prompt_id=keep.prompt_id, purpose="preference")
