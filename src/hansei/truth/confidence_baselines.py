"""What a stated confidence is compared with: the model asked directly, its agreement with itself, its probabilities."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from hansei.core.errors import BadInput
from hansei.core.records import Attempt, Prompt
from hansei.models.protocol import Model
from hansei.truth.confidence import Case, Correct, Form

Values = Mapping[str, tuple[float | None, float | None]]
"""Prompt's id to (confidence, correct); None where it is unscored, or where no answer came."""


def stated(prompts: Sequence[Prompt], attempts: Sequence[Attempt], form: Form, correct: Correct) -> Values:
    """What answers in the form say of themselves. Of the untaught model this is "asked directly"."""
    found: dict[str, tuple[float | None, float | None]] = {p.id: (None, None) for p in prompts}
    for prompt, attempt in zip(prompts, attempts, strict=True):
        if attempt.error is None:
            read = form.read(attempt.text)
            found[prompt.id] = (read.confidence, correct(prompt, read.answer))
    return found


def self_consistency(found: Sequence[Case], correct: Correct) -> Values:
    """The answer of the largest cluster, and its share of the chains."""
    return {
        case.prompt.id: (case.clusters[0].share, correct(case.prompt, case.clusters[0].chains[0]))
        if case.clusters
        else (None, None)
        for case in found
    }


def token_probability(
    model: Model, prompts: Sequence[Prompt], attempts: Sequence[Attempt], correct: Correct, *, mean: bool
) -> Values:
    """The probability of the plain answer's tokens: of all of them together, or (`mean`) their geometric mean.

    Raises BadInput where the model does not tell probabilities (most endpoints).
    """
    there = [(p, a) for p, a in zip(prompts, attempts, strict=True) if a.error is None and a.text]
    scores = model.logprobs([(a.asked, a.text) for _, a in there])
    found: dict[str, tuple[float | None, float | None]] = {p.id: (None, None) for p in prompts}
    for (prompt, attempt), logp in zip(there, scores, strict=True):
        if logp:
            total = sum(logp) / (len(logp) if mean else 1)
            found[prompt.id] = (min(1.0, math.exp(total)), correct(prompt, attempt.text))
    return found


def counts(values: Values) -> dict[str, int]:
    """How many answers there were, and how many of them are in no rate: no confidence, or no word on correctness."""
    return {
        "answers": len(values),
        "without confidence": sum(c is None and r is not None for c, r in values.values()),
        "not judged": sum(r is None for _, r in values.values()),
    }


def need_scored(values: Values, what: str) -> None:
    """Raises BadInput where not one answer has both a confidence and a judgement."""
    if not any(c is not None and r is not None for c, r in values.values()):
        raise BadInput(f"{what}: not one of {len(values)} answers states a confidence that can be read and is judged")
