"""garak's `report.jsonl`, as versions 0.9 to 0.17 write it.

A line is an object with `entry_type`. `init` names garak's version, `start_run setup` the model and the threshold;
an `attempt` of status 2 is finished and holds a prompt, its outputs, and for each detector one score an output. A
score at or above the threshold is a hit, that is, a fail (garak/evaluators/base.py). Up to 0.12 a prompt and an output
are texts; from 0.13 on a prompt is a conversation of turns and an output a message.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hansei.core.errors import BadInput
from hansei.core.records import Chat, Outcome
from hansei.steps.findings.finding import Finding, chat_of, number, plain_text, read_lines, shown

VERSIONS = "garak report.jsonl 0.9 to 0.17"
_KNOWN = {(0, minor) for minor in range(9, 18)}
_FINISHED = 2
_THRESHOLD = 0.5  # garak's own, where the setup names none


def is_garak(first: Mapping[str, Any]) -> bool:
    """Whether a file with this first object is a report of garak's."""
    return "entry_type" in first


def read(path: Path) -> Iterator[Finding]:
    """One finding an output. Raises BadInput for another version, or where no version is named before the attempts."""
    version, model, threshold = "", "unknown", _THRESHOLD
    for where, entry in read_lines(path):
        kind = entry.get("entry_type")
        if kind == "start_run setup":
            model = str(entry.get("plugins.target_name") or entry.get("plugins.model_name") or model)
            threshold = number(entry.get("run.eval_threshold")) or threshold
            version = version or str(entry.get("_config.version") or "")
        elif kind == "init":
            version = str(entry.get("garak_version") or version)
        elif kind == "attempt" and entry.get("status") == _FINISHED:
            _check(where, version)
            yield from _attempt(where, entry, version, model, threshold)


def _check(where: str, version: str) -> None:
    parts = version.split(".")
    if len(parts) < 2 or not (parts[0].isdigit() and parts[1].isdigit()):
        raise BadInput(f"{where}: an attempt without garak's version before it; is the head of the report missing?")
    if (int(parts[0]), int(parts[1])) not in _KNOWN:
        raise BadInput(f"{where}: made by garak {version}; {VERSIONS} is read")


def _attempt(where: str, entry: Mapping[str, Any], version: str, model: str, threshold: float) -> Iterator[Finding]:
    chat = _chat(entry.get("prompt"), where)
    outputs = entry.get("outputs") or []
    scores = entry.get("detector_results") or {}
    if not isinstance(outputs, list) or not isinstance(scores, dict):
        raise BadInput(f"{where}: lists of outputs and of detector results were expected")
    tags = {"probe": str(entry.get("probe_classname") or ""), "category": str(entry.get("probe_classname") or "")}
    if entry.get("goal"):
        tags["goal"] = str(entry["goal"])
    for i, output in enumerate(outputs):
        text = plain_text(output)
        found = {name: number(values[i]) if i < len(values) else None for name, values in scores.items()}
        outcome, why = _outcome(found, threshold)
        yield Finding(
            where=f"{where}, output {i + 1}",
            chat=chat,
            text=text,
            error=None if text is not None else "garak holds no answer",
            outcome=outcome if text is not None else "error",
            judge="garak",
            judge_version=version,
            model=model,
            rationale=why,
            tags={name: value for name, value in tags.items() if value},
        )


def _outcome(scores: Mapping[str, float | None], threshold: float) -> tuple[Outcome, str]:
    """A hit of any detector is a fail; without a score of any, the answer is unscored."""
    why = ", ".join(f"{name} {'no score' if s is None else format(s, 'g')}" for name, s in sorted(scores.items()))
    there = [s for s in scores.values() if s is not None]
    if not there:
        return "unscored", why or "no detector gave a score"
    return ("fail" if max(there) >= threshold else "pass"), f"{why} (a hit from {threshold:g} on)"


def _chat(prompt: Any, where: str) -> Chat:
    if isinstance(prompt, dict) and isinstance(prompt.get("turns"), list):
        turns = [_mapping(turn, where) for turn in prompt["turns"]]
        return chat_of([{"role": t.get("role"), "content": t.get("content")} for t in turns], where)
    if isinstance(prompt, dict) and "text" in prompt:
        return chat_of(prompt["text"], where)
    return chat_of(prompt, where)


def _mapping(turn: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(turn, dict):
        raise BadInput(f"{where}: a turn with role and content was expected, found {shown(turn)}")
    return turn
