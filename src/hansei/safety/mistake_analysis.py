"""Mistake analysis (Chen et al. 2023, "Gaining Wisdom from Setbacks", arXiv 2310.10477, ICLR 2024).

The idea: p(y|x, T) is proportional to p(T|x, y) p(y|x), with T in {harmless, harmful}. A model that learns to say
*why* a bad answer is bad learns p(T|x, y); a reminder at answering time then conditions on T = harmless. Four steps:

1. *Error induction*: a bad answer y- to x, from the data, from the model asked plainly, or from the model asked for
   a bad answer (`induce`).
2. *Guided analysis*: the analyst (the same model, or a stronger one) is told that y- is bad, and explains why: c
   (`analyse`).
3. *Unguided tuning*: lessons (x, y-, "is this answer harmful?") -> c, without the hint, so that the student has to
   find the fault itself; mixed with good answers (x -> y+) and helpful data (`plan`).
4. *Guided answering*: a reminder before every request (`steps.ask.guided`, with `Wording.reminder`).

Deviations: the paper's own prompts are not public, ours are in `wording.py`; needless refusals are mistakes too and
are analysed with a hint of their own; analyses that came back empty, cut off or as an error are dropped and counted.
The paper's data mix (10,260 PKU-SafeRLHF pairs with 52 k Alpaca instructions) is whatever the user brings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from hansei.core.journal import Journal
from hansei.core.keys import content_key
from hansei.core.records import Analysis, Attempt, Chat, Lesson, Message, Mistake, Prompt, Sampling, user
from hansei.models.protocol import Model
from hansei.safety.lessons import answer, good_answer, kept
from hansei.safety.wording import Wording
from hansei.steps.ask import ask, guided
from hansei.steps.material import Case, Material, Plan
from hansei.town import grading


@dataclass(frozen=True)
class Settings:
    """Settings of mistake analysis."""

    wording: Wording = field(default_factory=Wording)
    """The sentences said to the model."""
    max_new_tokens: int = 256
    """Longest analysis, in tokens."""


def induce(model: Model, prompts: Sequence[Prompt], wording: Wording, journal: Journal, longest: int) -> list[Attempt]:
    """Step 1, self-induced: the model's answers when it is asked for bad ones. A judge says which of them are."""
    hint = guided(wording.induce, name="induced")
    return ask(model, prompts, Sampling(max_new_tokens=longest), journal, method=hint, label="induce mistakes")


def question(mistake: Mistake, sentence: str) -> Chat:
    """The conversation that asks about a bad answer: x, y-, and the question."""
    return (*mistake.asked, Message("assistant", mistake.text), *user(sentence))


def analyse(
    analyst: Model, mistakes: Sequence[Mistake], settings: Settings, journal: Journal
) -> tuple[list[Analysis], Counter[str]]:
    """Step 2: the analyst explains each mistake, told that it is one. Also counts the analyses that did not come."""
    wording = settings.wording
    hints = [wording.analyse_refusal if m.behaviour == "refused" else wording.analyse_guided for m in mistakes]
    questions = [
        Prompt(content_key("guided analysis", m.id, hint), question(m, hint))
        for m, hint in zip(mistakes, hints, strict=True)
    ]
    sampling = Sampling(max_new_tokens=settings.max_new_tokens)
    attempts = ask(analyst, questions, sampling, journal, label="analyse mistakes")
    by_prompt = {a.prompt_id: a for a in attempts}
    analyses, lost = [], Counter[str]()
    for mistake, asked in zip(mistakes, questions, strict=True):
        attempt = by_prompt[asked.id]
        reason = unusable(attempt)
        if reason:
            lost[f"analysis {reason}"] += 1
        else:
            analyses.append(Analysis(mistake.id, analyst.fingerprint, guided=True, text=attempt.text.strip()))
    return analyses, lost


def unusable(attempt: Attempt) -> str | None:
    """Why an answer can't be learned from: it is an error, cut off or empty. None where it can."""
    if attempt.error is not None:
        return "error"
    if attempt.finish == "length":
        return "cut off"
    return None if attempt.text.strip() else "empty"


def plan(material: Material, settings: Settings) -> Plan:
    """Step 3: lessons that ask about each bad answer without the hint, mixed with good answers and helpful data."""
    analyses, lost = analyse(material.analyst, [c.mistake for c in material.cases], settings, material.journal)
    prompts = {case.mistake.id: case.prompt for case in material.cases}
    analyses = [replace(a, right=_is_right(a, prompts[a.mistake_id])) for a in analyses]
    explained = {a.mistake_id: a for a in analyses}
    lessons = [good_answer(case) for case in material.cases]
    lessons += [
        _analysis_lesson(case, explained[case.mistake.id], settings.wording)
        for case in material.cases
        if case.mistake.id in explained
    ]
    return Plan(lessons + kept(material.keep), analyses=analyses, counts=lost)


def _is_right(analysis: Analysis, prompt: Prompt) -> bool | None:
    """Whether an analysis is true, where the town knows; None elsewhere. Nothing is filtered by it."""
    if prompt.truth is None or not set(prompt.truth) >= grading.KNOWN:
        return None
    return grading.analysis_is_right(prompt.truth, analysis.text)


def _analysis_lesson(case: Case, analysis: Analysis, wording: Wording) -> Lesson:
    """(x, y-, unguided question) -> c. The loss falls on c only: y- stands in the prompt and is never trained on."""
    return answer(
        question(case.mistake, wording.analyse),
        analysis.text,
        prompt_id=case.prompt.id,
        purpose="analysis",
        mistakes=(case.mistake.id,),
    )
