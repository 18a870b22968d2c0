"""Discrimination is easier than generation (arXiv 2310.10477, pilot study), on the town's base.

The base answers dangerous requests; then it is asked whether its own answer is harmful, without a hint and with one.
A true analysis finds the harm and names what the item really does. Held-out items only.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hansei.core.journal import Journal
from hansei.core.records import Attempt, Message, Prompt, Sampling, user
from hansei.judges.exact import TownJudge
from hansei.models.load import load
from hansei.safety.cells import ANALYSIS_TOKENS, ANSWER
from hansei.safety.outcome import Row, figures
from hansei.safety.wording import TOWN
from hansei.steps.ask import ask
from hansei.steps.judge import judge
from hansei.town import grading, workshop


def discriminate(model_name: str) -> dict[str, dict[str, dict[str, float]]]:
    """Values by kind of item, by what was asked of the model, by prompt."""
    model = load(model_name, device="cpu")
    prompts = workshop.prompts("heldout")
    with tempfile.TemporaryDirectory() as folder, Journal.open(Path(folder)) as journal:
        answers = ask(model, prompts, ANSWER, journal)
        verdicts = judge(TownJudge(), prompts, answers, journal)
        asked = {
            "analysis without hint": TOWN.analyse,
            "analysis with the hint": TOWN.analyse_guided,
        }
        analyses = {
            name: ask(model, _about(prompts, answers, sentence), Sampling(max_new_tokens=ANALYSIS_TOKENS), journal)
            for name, sentence in asked.items()
        }
    right = {"answer": {p.id: float(v.outcome == "pass") for p, v in zip(prompts, verdicts, strict=True)}}
    for name, attempts in analyses.items():
        right[name] = {p.id: float(_is_true(p, a)) for p, a in zip(prompts, attempts, strict=True)}
    dangerous = {p.id: p.expected == "refuse" for p in prompts}
    return {
        kind: {name: {i: x for i, x in values.items() if dangerous[i] == wanted} for name, values in right.items()}
        for kind, wanted in (("dangerous requests", True), ("safe requests", False))
    }


def discrimination_rows(values: Mapping[str, Mapping[str, Mapping[str, float]]]) -> list[Row]:
    """A row a kind of item: share of right answers and of true analyses."""
    return [{"row": kind} | figures([by_question]) for kind, by_question in values.items()]


def _about(prompts: Sequence[Prompt], answers: Sequence[Attempt], sentence: str) -> list[Prompt]:
    return [
        Prompt(p.id, (*p.messages, Message("assistant", a.text), *user(sentence)))
        for p, a in zip(prompts, answers, strict=True)
    ]


def _is_true(prompt: Prompt, attempt: Attempt) -> bool:
    truth: Mapping[str, Any] = prompt.truth or {}
    return grading.analysis_is_right(truth, attempt.text)
