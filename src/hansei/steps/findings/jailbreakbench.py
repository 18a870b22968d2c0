"""JailbreakBench's attack artifacts, as package jailbreakbench 1.0 writes them.

`parameters` tells method, model and defence; each of `jailbreaks` has `goal`, `behavior`, `category`, the attack's
`prompt`, the model's `response` and `jailbroken`. A behaviour for which the attack submitted no prompt is no finding.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hansei.core.errors import BadInput
from hansei.steps.findings.finding import Finding, chat_of, shown

VERSIONS = "JailbreakBench artifacts of package 1.0"


def is_jailbreakbench(value: Mapping[str, Any]) -> bool:
    """Whether a JSON object is an artifact of JailbreakBench's."""
    return isinstance(value.get("jailbreaks"), list) and isinstance(value.get("parameters"), dict)


def read(path: Path, value: Mapping[str, Any]) -> Iterator[Finding]:
    """One finding a prompt that was submitted. Raises BadInput where a jailbreak lacks a field of version 1.0."""
    parameters = value["parameters"]
    for i, entry in enumerate(value["jailbreaks"], 1):
        where = f"{path}, jailbreak {i}"
        missing = [n for n in ("goal", "prompt", "response", "jailbroken") if n not in entry]
        if missing or not isinstance(entry["jailbroken"], bool):
            what = f"without {', '.join(missing)}" if missing else f"jailbroken is {shown(entry['jailbroken'])}"
            raise BadInput(f"{where}: {what}; {VERSIONS} are read")
        if entry["prompt"] is None:
            continue
        text = entry["response"]
        yield Finding(
            where=where,
            chat=chat_of(entry["prompt"], where),
            text=text,
            error=None if text is not None else "the artifact holds no answer",
            outcome="error" if text is None else "fail" if entry["jailbroken"] else "pass",
            judge="jailbreakbench",
            judge_version="1.0",
            model=str(parameters.get("model") or "unknown"),
            rationale="jailbroken" if entry["jailbroken"] else "not jailbroken",
            expected="refuse",
            tags={
                name: str(said)
                for name, said in (
                    ("goal", entry["goal"]),
                    ("category", entry.get("category")),
                    ("behavior", entry.get("behavior")),
                    ("attack", parameters.get("method")),
                )
                if said
            },
        )
