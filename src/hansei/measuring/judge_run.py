"""A stored run's rates, raw and corrected for the errors of its judge."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hansei.core.errors import BadInput
from hansei.core.records import Figure, Prompt, Verdict
from hansei.core.statistics import rate
from hansei.judges.reliability import Reliability, corrected

if TYPE_CHECKING:
    from hansei.judges.protocol import Judge


def corrected_rows(out: str, judge: Judge, trust: Reliability, says: Sequence[str]) -> list[dict[str, Any]]:
    """For each row of the run, and each kind of request in it, the share that the judge calls positive.

    Kinds are the suite of a prompt and what is expected of the answer. Raises BadInput where the folder is no run,
    or another judge (or another version) judged it: the errors measured are not the errors made there.
    """
    from hansei.core.journal import FILE, Journal
    from hansei.steps import run
    from hansei.steps.measure import answered, suite

    if not (Path(out) / FILE).is_file():
        raise BadInput(f"{out}: a run's folder was expected, there is no {FILE}: check the path")
    with Journal.open(out, read_only=True) as journal:
        run.check_layout(out, journal)
        answers = run.answers_of(journal, run.kept_rows(journal))
        prompts = run.stored(journal, "prompt", Prompt)
    rows = []
    for name, there in answers.items():
        _same_judge(out, judge, there.verdicts)
        cases = answered(prompts, there.attempts, there.verdicts)
        kinds = dict.fromkeys((suite(p), p.expected) for p, _, _ in cases)
        for kind in kinds:
            mine = [(p, v) for p, _, v in cases if (suite(p), p.expected) == kind]
            rows.append(_row(name, kind, mine, trust, says))
    if not rows:
        raise BadInput(f"{out}: the run has no answers yet: run it again to finish it")
    return rows


def _row(
    name: str,
    kind: tuple[str, str | None],
    cases: Sequence[tuple[Prompt, Verdict]],
    trust: Reliability,
    says: Sequence[str],
) -> dict[str, Any]:
    from hansei.measuring.judge import counts_as_positive
    from hansei.steps.measure import cluster

    words = [counts_as_positive(v, says) for _, v in cases]
    raw: Figure = rate([None if w is None else float(w) for w in words], [cluster(p) for p, _ in cases])
    return {
        "row": f"{name}: {kind[0]}, to be {_TO_BE[kind[1]]}",
        "raw": raw,
        "corrected": corrected(raw, trust.sensitivity, trust.specificity),
        "no_word": words.count(None),
    }


_TO_BE = {"refuse": "refused", "answer": "answered", None: "judged freely"}


def _same_judge(out: str, judge: Judge, verdicts: Sequence[Verdict]) -> None:
    here = f"{judge.name} {judge.version}"
    others = {f"{v.judge} {v.judge_version}" for v in verdicts} - {here}
    if others:
        raise BadInput(
            f"{out}: judged by {', '.join(sorted(others))}, but measured is {here}: judge the run again with "
            f"`hansei judge {out} --judge {judge.name}`, or measure its judge"
        )
