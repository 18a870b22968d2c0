"""Plain JSONL: a line an answer, with `prompt` or `messages`, `answer` (or `response`), and `outcome`.

`outcome` is pass or fail; true and false in `success` mean the same. A line without either is unscored: `hansei judge`
can judge it. Optional: `expected`, `category`, `model`, `judge`, `rationale`, `reference`, `error`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hansei.core.errors import BadInput
from hansei.core.records import Expected, Outcome
from hansei.steps.findings.finding import Finding, chat_of, read_lines, shown

VERSIONS = "JSONL with prompt or messages, answer or response, and outcome or success"
_WORDS: dict[Any, Outcome] = {"pass": "pass", "fail": "fail", "unscored": "unscored"}


def is_plain(first: Mapping[str, Any]) -> bool:
    """Whether a file with this first object is plain JSONL of answers."""
    return ("prompt" in first or "messages" in first) and any(n in first for n in ("answer", "response", "error"))


def read(path: Path) -> Iterator[Finding]:
    """One finding a line. Raises BadInput at the first line that is none."""
    for where, entry in read_lines(path):
        text = entry.get("answer", entry.get("response"))
        error = entry.get("error")
        if not isinstance(text, str) and error is None:
            raise BadInput(f"{where}: an answer (text in `answer` or `response`) was expected, found {shown(text)}")
        yield Finding(
            where=where,
            chat=chat_of(entry.get("messages") or entry.get("prompt"), where),
            text=None if error else text,
            error=str(error) if error else None,
            outcome="error" if error else _outcome(where, entry),
            judge=str(entry.get("judge") or "file"),
            judge_version=str(entry.get("judge_version") or "1"),
            model=str(entry.get("model") or "unknown"),
            rationale=str(entry.get("rationale") or ""),
            expected=_expected(where, entry.get("expected")),
            reference=entry["reference"] if isinstance(entry.get("reference"), str) else None,
            tags={"category": str(entry["category"])} if entry.get("category") else {},
        )


def _outcome(where: str, entry: Mapping[str, Any]) -> Outcome:
    if "outcome" in entry:
        if entry["outcome"] not in _WORDS:
            raise BadInput(f"{where}: outcome: {', '.join(_WORDS)} expected, found {shown(entry['outcome'])}")
        return _WORDS[entry["outcome"]]
    success = entry.get("success")
    if success is not None and not isinstance(success, bool):
        raise BadInput(f"{where}: success: true or false was expected, found {shown(success)}")
    return "unscored" if success is None else "pass" if success else "fail"


def _expected(where: str, value: Any) -> Expected | None:
    if value is None:
        return None
    if value == "refuse":
        return "refuse"
    if value == "answer":
        return "answer"
    raise BadInput(f"{where}: expected: refuse or answer was expected, found {shown(value)}")
