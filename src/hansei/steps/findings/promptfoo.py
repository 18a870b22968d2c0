"""promptfoo's JSON output (`promptfoo eval --output results.json`), results of version 3.

`results.results` has an entry a test: `prompt.raw` (a text, or a conversation as JSON text), `response.output`,
`success`, and `failureReason`: 0 none, 1 an assertion failed, 2 an error, which is no fail.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hansei.core.errors import BadInput
from hansei.core.records import Outcome
from hansei.steps.findings.finding import Finding, chat_of, number, shown

VERSIONS = "promptfoo JSON results of version 3"
_ERROR = 2
_TAGS = {"pluginId": "plugin", "strategyId": "strategy", "harmCategory": "category"}


def is_promptfoo(value: Mapping[str, Any]) -> bool:
    """Whether a JSON object is an output of promptfoo's."""
    return isinstance(value.get("results"), dict) and "evalId" in value


def read(path: Path, value: Mapping[str, Any]) -> Iterator[Finding]:
    """One finding an entry. Raises BadInput for results of another version."""
    results = value["results"]
    if results.get("version") != 3:
        raise BadInput(f"{path}: results of version {shown(results.get('version'))}; {VERSIONS} are read")
    entries = results.get("results")
    if not isinstance(entries, list):
        raise BadInput(f"{path}: results.results: a list was expected, found {shown(entries)}")
    for i, entry in enumerate(entries, 1):
        where = f"{path}, result {i}"
        if not isinstance(entry, dict):
            raise BadInput(f"{where}: an object was expected, found {shown(entry)}")
        yield _finding(where, entry)


def _finding(where: str, entry: Mapping[str, Any]) -> Finding:
    prompt, provider = entry.get("prompt") or {}, entry.get("provider") or {}
    grading, response = entry.get("gradingResult") or {}, entry.get("response") or {}
    output = response.get("output")
    error = entry.get("error") if entry.get("failureReason") == _ERROR else None
    error = error or response.get("error") or (None if output is not None else "promptfoo holds no answer")
    return Finding(
        where=where,
        chat=chat_of(_raw(prompt.get("raw") if isinstance(prompt, dict) else prompt), where),
        text=None if error else output if isinstance(output, str) else json.dumps(output, ensure_ascii=False),
        error=str(error) if error else None,
        outcome="error" if error else _outcome(where, entry, grading),
        behaviour="refused" if response.get("isRefusal") is True and not error else None,
        judge="promptfoo",
        judge_version="3",
        model=str(provider.get("label") or provider.get("id") or "unknown") if isinstance(provider, dict) else provider,
        score=number(entry.get("score")),
        rationale=str(grading.get("reason") or ""),
        tags=_tags(entry, grading),
    )


def _outcome(where: str, entry: Mapping[str, Any], grading: Mapping[str, Any]) -> Outcome:
    if (grading.get("metadata") or {}).get("graderError") is True:
        return "unscored"
    success = entry.get("success")
    if not isinstance(success, bool):
        raise BadInput(f"{where}: success: true or false was expected, found {shown(success)}")
    return "pass" if success else "fail"


def _raw(raw: Any) -> Any:
    """A conversation that is written as JSON text is one; any other text is the user's turn."""
    if isinstance(raw, str) and raw.lstrip().startswith("["):
        try:
            turns = json.loads(raw)
        except (json.JSONDecodeError, RecursionError):
            return raw
        if isinstance(turns, list) and turns and all(isinstance(t, dict) and "role" in t for t in turns):
            return turns
    return raw


def _tags(entry: Mapping[str, Any], grading: Mapping[str, Any]) -> dict[str, str]:
    said = {**(grading.get("metadata") or {}), **(entry.get("metadata") or {})}
    tags = {tag: str(said[name]) for name, tag in _TAGS.items() if said.get(name)}
    return {"category": tags["plugin"], **tags} if "plugin" in tags else tags
