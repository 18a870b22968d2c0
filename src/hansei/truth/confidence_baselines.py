"""What a stated confidence is compared with: the model asked directly, its agreement with itself, its probabilities."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from hansei.core.records import Attempt, Prompt
from hansei.models.protocol import Model
from hansei.truth.confidence import Case, Correct, Form

Values = Mapping[str, tuple[float | None, float | None]]
"""Prompt's id to (confidence, correct); None where it is unscored, or where no answer came."""


def stated(prompts: Sequence[Prompt], attempts: Sequence[Attempt], form: Form, correct: Correct) -> Values:
    """What answers in the form say of themselves. Of the untaught model this is "asked directly"."""
    there = [(p, form.read(a.text)) for p, a in zip(prompts, attempts, strict=True) if a.error is None]
    right = correct([(prompt, read.answer) for prompt, read in there])
    return _nothing(prompts) | {p.id: (read.confidence, r) for (p, read), r in zip(there, right, strict=True)}


def self_consistency(found: Sequence[Case], correct: Correct) -> Values:
    """The answer of the largest cluster, and its share of the chains."""
    largest = [(case.prompt, case.clusters[0]) for case in found if case.clusters]
    right = correct([(prompt, cluster.chains[0]) for prompt, cluster in largest])
    shares = {prompt.id: (cluster.share, r) for (prompt, cluster), r in zip(largest, right, strict=True)}
    return _nothing([case.prompt for case in found]) | shares


def token_probability(
    model: Model, prompts: Sequence[Prompt], attempts: Sequence[Attempt], correct: Correct, *, mean: bool
) -> Values:
    """The probability of the plain answer's tokens: of all of them together, or (`mean`) their geometric mean.

    Raises BadInput where the model does not tell probabilities (most endpoints).
    """
    there = [(p, a) for p, a in zip(prompts, attempts, strict=True) if a.error is None and a.text]
    scores = model.logprobs([(a.asked, a.text) for _, a in there])
    right = correct([(p, a.text) for p, a in there])
    return _nothing(prompts) | {
        p.id: (min(1.0, math.exp(sum(logp) / (len(logp) if mean else 1))), r)
        for (p, _), logp, r in zip(there, scores, right, strict=True)
        if logp
    }


def _nothing(prompts: Sequence[Prompt]) -> dict[str, tuple[float | None, float | None]]:
    return {prompt.id: (None, None) for prompt in prompts}
