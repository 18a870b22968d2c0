"""Numbers that make no training are one line before anything is asked, in the commands that teach a user's model."""

from __future__ import annotations

from typing import Any

import pytest

from hansei.core.errors import BadInput
from hansei.safety import mart_own
from hansei.truth import confidence_own, demonstrations_own

CONFIDENCE: dict[str, Any] = {"model": "m", "questions": "q.jsonl", "out": "o"}
DEMONSTRATIONS: dict[str, Any] = {"model": "m", "demonstrations": "d.jsonl", "out": "o"}
MART: dict[str, Any] = {
    "target": "m",
    "attacker": "m",
    "prompts": "p.jsonl",
    "keep": "k.jsonl",
    "judge": "rules",
    "attacks": 1,
    "adversary_below": 0.5,
    "safe_above": 0.5,
    "instructions": 0,
    "exercises": 0,
    "out": "o",
}
KINDS: tuple[tuple[Any, dict[str, Any]], ...] = (
    (confidence_own.Settings, CONFIDENCE),
    (demonstrations_own.Settings, DEMONSTRATIONS),
    (mart_own.Settings, MART),
)


@pytest.mark.parametrize(("kind", "given"), KINDS)
@pytest.mark.parametrize("number", [{"batch": 0}, {"max_new_tokens": 0}, {"max_length": 0}, {"seed": -1}])
def test_a_number_that_makes_no_training_is_said(kind: Any, given: dict[str, Any], number: dict[str, int]) -> None:
    kind(**given)
    (name,) = number
    with pytest.raises(BadInput, match=f"{name}: expected"):
        kind(**given | number)


@pytest.mark.parametrize(
    ("kind", "given", "name"),
    [
        (confidence_own.Settings, CONFIDENCE, "sft_rate"),
        (demonstrations_own.Settings, DEMONSTRATIONS, "learning_rate"),
        (mart_own.Settings, MART, "learning_rate"),
    ],
)
def test_a_learning_rate_of_0_is_said(kind: Any, given: dict[str, Any], name: str) -> None:
    with pytest.raises(BadInput, match=f"{name}: expected a number above 0"):
        kind(**given | {name: 0.0})
