"""Critique-Revise (Bai et al. 2022, "Constitutional AI", arXiv 2212.08073, supervised stage).

The model criticises its own bad answer and rewrites it; the student is tuned on the revisions.

Deviations: one round of critique and revision (the original draws several principles); as in the baseline, revisions
are used as they come, good or bad. Those that are empty, cut off or errors are dropped and counted.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from hansei.core.keys import content_key
from hansei.core.records import Message, Prompt, Sampling, user
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
    sampling = Sampling(max_new_tokens=settings.max_new_tokens)
    words = settings.wording
    questions = {
        c.mistake.id: Prompt(content_key("critique", c.mistake.id, words.analyse), question(c.mistake, words.analyse))
        for c in material.cases
    }
    critiques = ask(material.analyst, list(questions.values()), sampling, material.journal, label="criticise mistakes")
    text = {a.prompt_id: a.text for a in critiques if unusable(a) is None}
    requests = {
        mistake: Prompt(
            content_key("revision", q.id, words.revise, text[q.id]),
            (*q.messages, Message("assistant", text[q.id]), *user(words.revise)),
        )
        for mistake, q in questions.items()
        if q.id in text
    }
    revisions = ask(material.analyst, list(requests.values()), sampling, material.journal, label="revise answers")
    revised = {a.prompt_id: a for a in revisions}
    lessons, lost = [], Counter[str]({"critique unusable": len(questions) - len(requests)})
    for case in material.cases:
        request = requests.get(case.mistake.id)
        if request is None:
            continue
        attempt = revised[request.id]
        reason = unusable(attempt)
        if reason:
            lost[f"revision {reason}"] += 1
            continue
        lessons.append(
            answer(
                case.prompt.messages,
                attempt.text.strip(),
                prompt_id=case.prompt.id,
                purpose="revision",
                mistakes=(case.mistake.id,),
            )
        )
    return Plan(lessons + kept(material.keep), counts={k: n for k, n in lost.items() if n})
