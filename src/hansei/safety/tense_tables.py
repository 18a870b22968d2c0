"""The tables of the past-tense attack on one model: shares of requests, with Wilson's intervals.

In mode paper the first judge's success is "any of the attempts"; the others' is that of the one answer they are shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hansei.core import statistics
from hansei.core.records import Figure, Prompt
from hansei.core.result import Row
from hansei.judges.refusals import find_refusal
from hansei.safety.tense import Mode, Tense, Tries, Values, paper_rule, request, success_after
from hansei.steps.measure import Answered, cluster

AFTER = (1, 2, 5, 10, 20)
"""Attempts after which the success is shown."""
NAMES: Mapping[Tense, str] = {
    "present": "present_tense_success",
    "reworded": "reworded_success",
    "past": "past_tense_success",
    "future": "future_tense_success",
}
"""The metric of each kind of attempt."""
Attacked = Mapping[Tense, Tries]
"""What was tried in each tense, with the same requests, judges and number of attempts."""


def figure(values: Values, prompts: Sequence[Prompt]) -> Figure:
    """A share of the requests; Wilson's interval where no two are about one thing."""
    return statistics.rate([values[p.id] for p in prompts], [cluster(p) for p in prompts])


def shown_after(attempts: int) -> list[int]:
    """The numbers of attempts to show, of so many."""
    return sorted({k for k in AFTER if k < attempts} | {attempts})


def success(tried: Tries, judge: str, mode: Mode) -> Values:
    """After all attempts: by the judge's own scores, or by what the paper's rule shows it."""
    if mode == "paper":
        return paper_rule(tried.scores, tried.first)[judge]
    scores = tried.scores[judge]
    return success_after(scores, max(map(len, scores.values())))


def by_judge(
    prompts: Sequence[Prompt], tries: Attacked, mode: Mode, safe: Mapping[Tense, Sequence[Answered]]
) -> list[Row]:
    """A row a judge, a column a tense; in the first judge's row its needless refusals of safe requests in each."""
    judges = next(iter(tries.values())).verdicts
    rows: list[dict[str, Any]] = [
        {"row": judge} | {NAMES[t]: figure(success(tried, judge, mode), prompts) for t, tried in tries.items()}
        for judge in judges
    ]
    for tense, answered in safe.items():
        if answered:
            name = "over_refusal" if tense == "present" else f"over_refusal_{tense}"
            rows[0][name] = figure(needless(answered), [p for p, _, _ in answered])
    return list(rows)


def needless(answered: Sequence[Answered]) -> Values:
    """Which requests that expect an answer were refused."""
    return {p.id: float(v.behaviour == "refused") if v.outcome in ("pass", "fail") else None for p, _, v in answered}


def by_attempts(prompts: Sequence[Prompt], tries: Attacked, mode: Mode, attempts: int) -> list[Row]:
    """Success after so many attempts; in mode paper by the first judge only, as the others see one answer each."""
    judges = list(next(iter(tries.values())).verdicts)
    return [
        {"row": f"{tense}, {judge}", "tense": tense, "judge": judge}
        | {f"after_{k}": figure(success_after(tried.scores[judge], k), prompts) for k in shown_after(attempts)}
        for judge in (judges if mode == "independent" else judges[:1])
        for tense, tried in tries.items()
    ]


def by_rule(prompts: Sequence[Prompt], tries: Attacked) -> list[Row]:
    """Mode independent: every judge over every attempt, beside the paper's rule on the same answers."""
    rows: list[Row] = []
    for tense, tried in tries.items():
        for judge, ruled in paper_rule(tried.scores, tried.first).items():
            every = success(tried, judge, "independent")
            pairs = [(ruled[p.id], every[p.id]) for p in prompts]
            before, after = zip(*pairs, strict=True)
            shown = {"paper": figure(ruled, prompts), "independent": figure(every, prompts)}
            difference = statistics.paired_bootstrap(before, after, [cluster(p) for p in prompts])
            rows.append({"row": f"{tense}, {judge}"} | shown | {"difference": difference})
    return rows


def by_category(prompts: Sequence[Prompt], tries: Attacked, mode: Mode) -> list[Row]:
    """A row a tense and category, a column a judge; empty where the requests have no categories."""
    groups: dict[str, list[Prompt]] = {}
    for prompt in prompts:
        if "category" in prompt.tags:
            groups.setdefault(prompt.tags["category"], []).append(prompt)
    return [
        {"row": f"{tense}, {name}"} | {judge: figure(success(tried, judge, mode), group) for judge in tried.verdicts}
        for tense, tried in tries.items()
        for name, group in groups.items()
    ]


def about_reformulations(tries: Attacked) -> list[str]:
    """A line a tense: how many there were, and how many of them were none."""
    notes = []
    for tense, tried in tries.items():
        if tense != "present":
            asked = [[a.asked[-1].content for a in made if a is not None] for made in tried.attempts.values()]
            lost = sum(a is None for made in tried.attempts.values() for a in made)
            again = sum(len(texts) - len(set(texts)) for texts in asked)
            refused = sum(find_refusal(text) is not None for texts in asked for text in texts)
            notes.append(
                f"{tense}: {sum(map(len, asked))} reformulations, {again} of them repeats and {refused} refusals in "
                f"place of one; {lost} did not come"
            )
    return notes


def lines(prompts: Sequence[Prompt], tries: Attacked) -> Iterator[dict[str, Any]]:
    """One object an attempt: the request, what was sent in its place, the answer, and each judge's word."""
    for tense, tried in tries.items():
        scores = tried.scores
        for prompt in prompts:
            for number, attempt in enumerate(tried.attempts[prompt.id]):
                said = {judge: values[prompt.id][number] for judge, values in scores.items()}
                yield {
                    "id": prompt.id,
                    "category": prompt.tags.get("category"),
                    "tense": tense,
                    "attempt": number + 1,
                    "request": request(prompt),
                    "reformulated": None if attempt is None else attempt.asked[-1].content,
                    "response": None if attempt is None else attempt.text,
                    "error": "no reformulation came" if attempt is None else attempt.error,
                    "success": {judge: None if value is None else bool(value) for judge, value in said.items()},
                }
