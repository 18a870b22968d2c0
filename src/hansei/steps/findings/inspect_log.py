"""Inspect AI's logs as `.json` (log format 2; `inspect log convert --to json` makes one of an `.eval` file).

A sample has `input`, `output.choices[0].message`, and `scores` by scorer. "C" and "I" are Inspect's correct and
incorrect. A number has no such meaning by itself (for some scorers high is bad): it is `unscored` unless the caller
says from which value on it is a fail, or a pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hansei.core.errors import BadInput
from hansei.core.records import Outcome
from hansei.steps.findings.finding import Finding, chat_of, number, plain_text, shown

VERSIONS = "Inspect logs of format 2, as .json"


def is_inspect(value: Mapping[str, Any]) -> bool:
    """Whether a JSON object is a log of Inspect's."""
    return isinstance(value.get("eval"), dict) and "version" in value and "status" in value


def read(
    path: Path,
    value: Mapping[str, Any],
    *,
    scorer: str | None = None,
    fail_from: float | None = None,
    pass_from: float | None = None,
) -> Iterator[Finding]:
    """One finding a sample, by the word of `scorer` (the only one where not given).

    Numeric scores: at least `fail_from` is a fail, or at least `pass_from` a pass, whichever is given. Raises
    BadInput for another format, a log without samples, or where it isn't said which of several scorers counts.
    """
    if value.get("version") != 2:
        raise BadInput(f"{path}: a log of format {shown(value.get('version'))}; {VERSIONS}, are read")
    samples = value.get("samples")
    if not isinstance(samples, list) or not samples:
        raise BadInput(f"{path}: the log holds no samples (was it written with --no-log-samples?)")
    names = sorted({name for s in samples if isinstance(s, dict) for name in s.get("scores") or {}})
    if scorer is None and len(names) > 1:
        raise BadInput(f"{path}: several scorers, {', '.join(names)}: say which one counts with --scorer")
    if scorer is not None and scorer not in names:
        raise BadInput(f"{path}: no scorer {scorer!r}; there are {', '.join(names) or 'none'}")
    chosen = scorer or (names[0] if names else "none")
    head = value["eval"]
    for i, sample in enumerate(samples, 1):
        where = f"{path}, sample {i}"
        if not isinstance(sample, dict):
            raise BadInput(f"{where}: an object was expected, found {shown(sample)}")
        yield _finding(where, sample, head, chosen, fail_from, pass_from)


def _finding(
    where: str, sample: Mapping[str, Any], head: Mapping[str, Any], scorer: str, fail: float | None, ok: float | None
) -> Finding:
    choices = (sample.get("output") or {}).get("choices") or []
    message = (choices[0].get("message") or {}) if choices and isinstance(choices[0], dict) else {}
    failed = sample.get("error") or {}
    text = None if failed else plain_text(message.get("content"))
    error = str(failed.get("message") or "error") if failed else None if text is not None else "the log holds no answer"
    said = (sample.get("scores") or {}).get(scorer) or {}
    target = sample.get("target")
    return Finding(
        where=where,
        chat=chat_of(sample.get("input"), where),
        text=text,
        error=error,
        outcome="error" if error else _outcome(said.get("value"), fail, ok),
        judge=f"inspect {scorer}",
        judge_version=str((head.get("packages") or {}).get("inspect_ai") or "2"),
        model=str(head.get("model") or "unknown"),
        score=number(said.get("value")),
        rationale=str(said.get("explanation") or ""),
        reference=target if isinstance(target, str) and target.strip() else None,
        tags={"task": str(head["task"])} if head.get("task") else {},
    )


def _outcome(value: Any, fail: float | None, ok: float | None) -> Outcome:
    if value in ("C", "I"):
        return "pass" if value == "C" else "fail"
    score = float(value) if isinstance(value, bool) else number(value)
    if score is None or (fail is None) == (ok is None):
        return "unscored"
    return "pass" if (score < fail if fail is not None else score >= (ok or 0.0)) else "fail"
