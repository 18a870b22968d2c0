"""Critique-Revise (Bai et al. 2022, "Constitutional AI", arXiv 2212.08073, supervised stage).

The model criticises its own bad answer and rewrites it; the student is tuned on the revisions.

Deviations: one round of critique and revision (the original draws several principles); as in the baseline, revisions
are used as they come, good or bad. Those that are empty, cut off or errors are dropped and counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from hansei.core.keys import content_key
from hansei.core.records import Attempt, Message, Prompt, Sampling, user
from hansei.safety.lessons import answer, kept
from hansei.safety.mistake_analysis import question, unusable
from hansei.safety.wording import Wording
from hansei.steps.ask import ask
from hansei.steps.material import Material, Plan


@dataclass(frozen=True)
class Settings:
    """Settings of Critique-Revise."""

    wording: Wording = field(default_factory=Wording)
    """The sentences said to the model."""
    max_new_tokens: int = 256
    """Longest critique and longest revision, in tokens."""


def plan(material: Material, settings: Settings) -> Plan:
    """x -> revision of y-, mixed with helpful data."""
    revisions, lost = _revise(material, settings)
    lessons = [
        answer(
            case.prompt.messages,
            revisions[case.mistake.id].text.strip(),
            prompt_id=case.prompt.id,
            purpose="revision",
            mistakes=(case.mistake.id,),
        )
        for case in material.cases
        if case.mistake.id in revisions
    ]
    return Plan(lessons + kept(material.keep), counts=lost)


def _revise(material: Material, settings: Settings) -> tuple[dict[str, Attempt], Counter[str]]:
    """The usable revisions by mistake, and how many critiques and revisions were not."""
    say, lost = settings.wording, Counter[str]()
    asked = {
        c.mistake.id: Prompt(content_key("critique", c.mistake.id, say.analyse), question(c.mistake, say.analyse))
        for c in material.cases
    }
    critiques = _ask(material, asked, settings, "criticise mistakes")
    requests = {
        mistake: Prompt(
            content_key("revision", asked[mistake].id, say.revise, critique.text),
            (*asked[mistake].messages, Message("assistant", critique.text), *user(say.revise)),
        )
        for mistake, critique in critiques.items()
        if unusable(critique) is None
    }
    if len(requests) < len(asked):
        lost["critique unusable"] = len(asked) - len(requests)
    usable = {}
    for mistake, attempt in _ask(material, requests, settings, "revise answers").items():
        reason = unusable(attempt)
        if reason:
            lost[f"revision {reason}"] += 1
        else:
            usable[mistake] = attempt
    return usable, lost


def _ask(material: Material, questions: Mapping[str, Prompt], settings: Settings, label: str) -> dict[str, Attempt]:
    """The analyst's answers, by the key of the question."""
    sampling = Sampling(max_new_tokens=settings.max_new_tokens)
    attempts = ask(material.analyst, list(questions.values()), sampling, material.journal, label=label)
    return dict(zip(questions, attempts, strict=True))
