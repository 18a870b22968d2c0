"""The comparison of `hansei demonstrations`: new requests, answers of all ways, and a judge asked in both orders."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hansei.core.files import write_atomic
from hansei.core.journal import Journal
from hansei.core.keys import content_key
from hansei.core.records import Attempt, Prompt, Sampling
from hansei.core.result import Row
from hansei.core.statistics import bootstrap
from hansei.judges.pairwise import Match, PairwiseJudge, Preference
from hansei.models.load import load, load_beside
from hansei.steps.ask import ask, plain
from hansei.steps.units import finish
from hansei.truth.demonstrations import few_shot

if TYPE_CHECKING:
    from hansei.truth.demonstrations_own import Settings

MATCHES = 32
"""Matches in a unit of work: what is judged again when a run is killed in the middle."""


def judge_of(settings: Settings, shown: Sequence[Prompt]) -> PairwiseJudge:
    """The judge that the settings name, who sees the demonstrations."""
    model = load_beside(settings.judge or "", settings.judge_base_url, device=settings.device)
    return PairwiseJudge(model, [(d.messages, d.reference or "") for d in shown])


def sampling_of(settings: Settings) -> Sampling:
    """How the answers that are compared are drawn."""
    return Sampling(settings.answer_temperature, max_new_tokens=settings.max_new_tokens, seed=settings.seed)


def compare(
    settings: Settings,
    judge: PairwiseJudge,
    shown: Sequence[Prompt],
    asked: Sequence[Prompt],
    students: dict[str, Path],
) -> tuple[list[Row], list[str]]:
    """DITTO's answers against each baseline's."""
    with Journal.open(Path(settings.out)) as journal:
        names = ("DITTO", *settings.baselines)
        answers = {name: _answers(settings, name, shown, asked, students, journal) for name in names}
        rows: list[Row] = []
        lines: list[dict[str, Any]] = []
        for name in settings.baselines:
            said, lost = _matches(judge, asked, answers["DITTO"], answers[name], journal)
            rows.append(_row(name, said, lost))
            lines += [{"baseline": name} | asdict(preference) for preference in said]
    kept = [{"row": name} | asdict(a) for name, attempts in answers.items() for a in attempts]
    for file, records in (("answers.jsonl", kept), ("preferences.jsonl", lines)):
        text = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
        write_atomic(Path(settings.out) / file, text)
    notes = [f"judge: {settings.judge}, asked in both orders; win_rate counts no preference as half"]
    if rows and all(row["no_preference"] == row["win_rate"].n for row in rows):
        notes.append("the judge has no preference anywhere, so nothing is shown: another judge may see more")
    return rows, notes


def _answers(
    settings: Settings,
    name: str,
    shown: Sequence[Prompt],
    asked: Sequence[Prompt],
    students: dict[str, Path],
    journal: Journal,
) -> list[Attempt]:
    how = few_shot(shown) if name == "few-shot prompting" else plain
    model = load(str(students.get(name, settings.model)), device=settings.device)
    return ask(model, asked, sampling_of(settings), journal, method=how, label=name)


def _matches(
    judge: PairwiseJudge, asked: Sequence[Prompt], ours: Sequence[Attempt], theirs: Sequence[Attempt], journal: Journal
) -> tuple[list[Preference], int]:
    """Preferences between answers, and the number of requests to which one of the two has none."""
    there = [
        Match(p.id, p.messages, a.text, b.text)
        for p, a, b in zip(asked, ours, theirs, strict=True)
        if a.error is None and b.error is None
    ]
    said: list[Preference] = []
    for start in range(0, len(there), MATCHES):
        part = there[start : start + MATCHES]
        key = content_key("preferences", judge.version, judge.sampling, judge.examples, part)
        said += finish(
            journal,
            key,
            "preference",
            Preference,
            len(part),
            lambda _, items, part=part: judge.judge([part[i] for i in items]),  # type: ignore[misc]
            lambda _, preference: preference.choice == "error",
        )
    return said, len(asked) - len(there)


def _row(name: str, said: Sequence[Preference], lost: int) -> dict[str, Any]:
    counts = Counter(preference.choice for preference in said)
    return {
        "row": f"DITTO over {name}",
        "win_rate": bootstrap([preference.win for preference in said]),
        "wins": counts["first"],
        "losses": counts["second"],
        "no_preference": counts["none"],
        "unscored": counts["unscored"],
        "errors": counts["error"] + lost,
    }
