"""Judge: attempts in, verdicts out; any attempt can be judged again, offline, by any judge."""

from __future__ import annotations

from collections.abc import Sequence

from hansei.core.journal import Journal
from hansei.core.keys import content_key
from hansei.core.progress import progress
from hansei.core.records import Attempt, Prompt, Verdict, by_id
from hansei.judges.protocol import Judge
from hansei.steps.units import finish

BATCH = 128
"""Cases in a unit of work: what is judged again when a run is killed in the middle."""


def judge(
    by: Judge,
    prompts: Sequence[Prompt],
    attempts: Sequence[Attempt],
    journal: Journal,
    *,
    label: str = "judge",
) -> list[Verdict]:
    """One verdict an attempt, in the attempts' order.

    `prompts` holds at least the prompts of the attempts. Where the judge itself fails (its server is down),
    the verdict is an `error` on a good attempt, and the next run asks the judge again.
    """
    known = by_id(prompts)
    cases = [(known[attempt.prompt_id], attempt) for attempt in attempts]
    verdicts: list[Verdict] = []
    for start in progress(range(0, len(cases), BATCH), label):
        verdicts += _batch(by, cases[start : start + BATCH], journal)
    return verdicts


def _batch(by: Judge, cases: Sequence[tuple[Prompt, Attempt]], journal: Journal) -> list[Verdict]:
    # The whole prompt is in the key: a mended `expected` or `reference` means another verdict.
    key = content_key("verdicts", by.name, by.version, [(prompt, attempt.id) for prompt, attempt in cases])

    def failed(i: int, verdict: Verdict) -> bool:
        return verdict.outcome == "error" and cases[i][1].error is None

    return finish(
        journal,
        key,
        "verdict",
        Verdict,
        len(cases),
        lambda _, items: by.judge([cases[i] for i in items]),
        failed,
    )
