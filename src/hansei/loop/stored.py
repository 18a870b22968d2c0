"""What a run has stored, its table, and `rejudge`: stored answers are judged again, and never asked again."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hansei.core.errors import BadInput
from hansei.core.journal import FILE, Journal
from hansei.core.records import Lesson, Message, Prompt, by_id
from hansei.judges.protocol import Judge
from hansei.loop.ahead import foretold, judge_part, judging
from hansei.loop.estimate import Estimate, reckon
from hansei.loop.settings import CompareSettings, RejudgeSettings
from hansei.loop.work import Say, judge_of, judged, tell
from hansei.steps import run
from hansei.steps.compare import Answers, Comparison, compare


@dataclass(frozen=True)
class Stored:
    """What a run's journal holds of its table."""

    out: str
    """The run's folder."""
    prompts: list[Prompt]
    """What the rows were asked."""
    rows: dict[str, Answers]
    """The lines of the table, in order."""
    lessons: list[Lesson] | None
    """What was taught; None where nothing was."""
    lesson_prompts: list[Prompt]
    """What the lessons may have come from."""
    settings: dict[str, Any]
    """What the run was asked for."""


def load_run(out: str | Path, journal: Journal) -> Stored:
    """The table of a run from its journal. Raises BadInput where there is none yet, or of another version."""
    run.check_layout(out, journal)
    kept = run.kept_rows(journal)
    if not kept:
        raise BadInput(f"{out}: the run has no answers yet: run it again to finish it")
    rows = run.answers_of(journal, kept)
    asked = {a.prompt_id for answers in rows.values() for a in answers.attempts}
    prompts = run.stored(journal, "prompt", Prompt)
    return Stored(
        out=str(out),
        prompts=[p for p in prompts if p.id in asked],
        rows=rows,
        lessons=run.stored(journal, "lesson", Lesson) or None,
        lesson_prompts=[p for p in prompts if p.id not in asked],
        settings=journal.noted("settings"),
    )


def rejudge(settings: RejudgeSettings, say: Say = tell) -> Comparison | Estimate:
    """A run's stored answers, judged again by another judge; nothing is asked of the models.

    Written to comparison-by-JUDGE.json in the run's folder; the run's own comparison stays. A dry run returns the
    estimate instead. Raises BadInput where the folder holds no finished answers or the judge can't be used.
    """
    planned = foretold(settings, lambda: judging_stored([settings.run], settings, {}), say)
    if planned is not None:
        return planned
    with open_stored(settings.run) as journal:
        by = judge_of(settings)
        there = judged_again(load_run(settings.run, journal), by, journal)
    comparison = compared(there, there.rows, f"{by.name} {by.version}", {"judge": settings.judge})
    name = re.sub(r"[^\w.-]+", "-", settings.judge).strip("-.")
    run.write_comparison(Path(settings.run) / f"comparison-by-{name}.json", comparison)
    return comparison


def open_stored(out: str) -> Journal:
    """The journal of an existing run, to add to. Raises BadInput where there is none."""
    if not (Path(out) / FILE).is_file():
        raise BadInput(f"{out}: a run's folder was expected, there is no {FILE}: check the path")
    return Journal.open(out)


def comparison_of(there: Stored) -> Comparison:
    """The run's own comparison, from what is stored."""
    judges = sorted({f"{v.judge} {v.judge_version}" for a in there.rows.values() for v in a.verdicts})
    return compared(there, there.rows, ", ".join(judges), {})


def judged_again(there: Stored, by: Judge, journal: Journal) -> Stored:
    """The run with the judge's verdicts; those that are in the journal are not asked for again."""
    rows = {
        name: Answers(a.attempts, judged(by, there.prompts, a.attempts, journal, f"judge, {name}"))
        for name, a in there.rows.items()
    }
    return replace(there, rows=rows)


def judging_stored(
    folders: Sequence[str], settings: CompareSettings | RejudgeSettings, counts: Mapping[str, int]
) -> Estimate:
    """What judging the stored answers of runs again would take."""
    read: list[Prompt] = []
    for folder in folders:
        with Journal.open(folder, read_only=True) as journal:
            there = load_run(folder, journal)
        known = by_id(there.prompts)
        read += [
            replace(known[a.prompt_id], messages=(*known[a.prompt_id].messages, Message("assistant", a.text)))
            for answers in there.rows.values()
            for a in answers.attempts
            if a.error is None
        ]
    part = judge_part(settings.judge or "rules", judging(read, 0), settings.judge_price)
    return reckon([part], {**counts, "answers": len(read)}, settings.device)


def compared(there: Stored, rows: Mapping[str, Answers], judge: str, changed: Mapping[str, Any]) -> Comparison:
    return compare(
        there.prompts,
        rows,
        final="after" if "after" in rows else None,
        lessons=there.lessons,
        lesson_prompts=there.lesson_prompts,
        paper=there.settings.get("method", "probe"),
        judge=judge,
        settings={**there.settings, **changed},
        seeds=(there.settings["seed"],) if "seed" in there.settings else (),  # an import draws nothing
    )
