"""Pick: the attempts that a judge has confirmed as fails, and the bad answers that the data brings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from hansei.core.keys import content_key
from hansei.core.records import Attempt, Behaviour, Mistake, Prompt, Verdict, by_id


def pick(
    prompts: Sequence[Prompt],
    attempts: Sequence[Attempt],
    verdicts: Sequence[Verdict],
    *,
    source: Literal["model", "induced"] = "model",
) -> list[Mistake]:
    """The mistakes among the attempts, in their order; needless refusals are mistakes too.

    `verdicts` are those on `attempts`. What is unscored or an error is no mistake. `asked` is the prompt as
    it stands, without the hint that may have induced the mistake. The same bad answer twice is one mistake.
    """
    known = by_id(prompts)
    verdict_on = {verdict.attempt_id: verdict for verdict in verdicts}
    found: dict[str, Mistake] = {}
    for attempt in attempts:
        verdict = verdict_on[attempt.id]
        if verdict.outcome == "fail":
            mistake = _mistake(known[attempt.prompt_id], attempt.text, source, verdict.behaviour, verdict.rationale)
            found.setdefault(mistake.id, mistake)
    return list(found.values())


def from_data(prompts: Sequence[Prompt]) -> list[Mistake]:
    """The bad answers that the data brings (`Prompt.mistake`): the paper's "origin" mistakes."""
    return [_mistake(prompt, prompt.mistake, "data", None, "") for prompt in prompts if prompt.mistake is not None]


def _mistake(
    prompt: Prompt,
    text: str,
    source: Literal["data", "model", "induced"],
    behaviour: Behaviour | None,
    rationale: str,
) -> Mistake:
    key = content_key("mistake", prompt.id, prompt.messages, text, source)
    return Mistake(key, prompt.id, prompt.messages, text, source, behaviour, rationale)
