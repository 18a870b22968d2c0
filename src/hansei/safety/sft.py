"""The first baseline: supervised tuning on good answers to the prompts that were answered badly."""

from __future__ import annotations

from dataclasses import dataclass

from hansei.safety.lessons import good_answer, kept
from hansei.steps.material import Material, Plan


@dataclass(frozen=True)
class Settings:
    """SFT has no settings of its own."""


def plan(material: Material, settings: Settings) -> Plan:
    """x -> y+ for every mistake, mixed with helpful data."""
    return Plan([good_answer(case) for case in material.cases] + kept(material.keep))
