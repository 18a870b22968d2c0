"""Attempts and verdicts as logs of Inspect AI (its log format 2, JSON), for its viewer and its data frames."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hansei import __version__
from hansei.core.files import write_atomic
from hansei.core.keys import content_key
from hansei.core.records import Attempt, Prompt, Sampling, Verdict, as_dicts, by_id, to_json

_STOP = {"stop": "stop", "length": "max_tokens", "error": "unknown"}


def to_inspect(
    prompts: Iterable[Prompt], attempts: Sequence[Attempt], verdicts: Iterable[Verdict], folder: str | Path
) -> dict[str, int]:
    """Writes one log for each model, answering method and sampling; returns the samples in each file.

    A sample is an attempt: its epoch is the attempt's number + 1, its scores are "C" or "I" by each judge
    that scored it. What a judge could not score has no score there, and is named in the sample's metadata;
    an attempt without answer has Inspect's `error`. The journal holds no clock times, so `created` is the
    time of the export, and samples have none. Half of a surrogate pair, which Inspect's reader refuses,
    becomes U+FFFD. Logs that an earlier export left in the folder are removed.

    Raises ValueError where a prompt is missing, or one was answered twice under the same number.
    """
    known, said = by_id(prompts), _by_attempt(verdicts)
    groups: dict[tuple[str, str, Sampling], list[Attempt]] = {}
    for attempt in attempts:
        groups.setdefault((attempt.model, attempt.method, attempt.sampling), []).append(attempt)
    now = datetime.datetime.now(datetime.UTC)
    logs: dict[str, dict[str, Any]] = {}
    for (model, method, sampling), answered in groups.items():
        if len({(a.prompt_id, a.number) for a in answered}) < len(answered):
            raise ValueError(f"two attempts of {model} ({method}) with the same prompt and number")
        missing = [a.prompt_id for a in answered if a.prompt_id not in known]
        if missing:
            raise ValueError(f"no prompt {missing[0]!r} is given for an attempt of {model}")
        samples = [_sample(known[a.prompt_id], a, said.get(a.id, [])) for a in answered]
        spec = _spec(model, method, sampling, answered, now)
        # Inspect takes a JSON file for a log only if its name begins with a time.
        name = f"{now:%Y-%m-%dT%H-%M-%S}_hansei_{spec['eval_id']}.json"
        plan = {"steps": [{"solver": method}]}
        errors = sum(a.error is not None for a in answered)
        done = {"total_samples": len(answered), "completed_samples": len(answered) - errors}
        head = {"version": 2, "status": "success", "eval": spec, "plan": plan, "results": done, "stats": {}}
        logs[name] = head | {"samples": samples}
    for old in Path(folder).glob("*_hansei_*.json"):
        old.unlink()
    for name, log in logs.items():
        text = json.dumps(log, ensure_ascii=False, allow_nan=False)
        write_atomic(Path(folder) / name, text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
    return {name: len(log["samples"]) for name, log in logs.items()}


def _by_attempt(verdicts: Iterable[Verdict]) -> dict[str, list[Verdict]]:
    found: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        found.setdefault(verdict.attempt_id, []).append(verdict)
    return found


def _spec(
    model: str, method: str, sampling: Sampling, attempts: Sequence[Attempt], now: datetime.datetime
) -> dict[str, Any]:
    """What was run: Inspect's EvalSpec."""
    ids = list(dict.fromkeys(a.prompt_id for a in attempts))
    drawn = sampling.temperature > 0
    config = {"temperature": sampling.temperature, "max_tokens": sampling.max_new_tokens}
    return {
        "created": now.isoformat(timespec="seconds"),
        "eval_id": content_key(model, method, sampling),
        "task": "hansei",
        "model": model,
        "solver": method,
        "dataset": {"samples": len(ids), "sample_ids": ids},
        "config": {"epochs": max(a.number for a in attempts) + 1},
        "model_generate_config": config | ({"top_p": sampling.top_p, "seed": sampling.seed} if drawn else {}),
        "packages": {"hansei": __version__},
    }


def _sample(prompt: Prompt, attempt: Attempt, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """One attempt: Inspect's EvalSample."""
    asked = as_dicts(attempt.asked)
    scored = {v.judge: _score(v, attempt) for v in verdicts if v.outcome in ("pass", "fail")}
    tokens = {"input_tokens": attempt.prompt_tokens, "output_tokens": attempt.completion_tokens}
    metadata: dict[str, Any] = {"tags": dict(prompt.tags), "split": prompt.split, "expected": prompt.expected}
    if attempt.trace:
        metadata["trace"] = to_json(attempt.trace)
    unscored = {v.judge: v.rationale for v in verdicts if v.outcome == "unscored"}
    if unscored:
        metadata["unscored"] = unscored
    sample: dict[str, Any] = {
        "id": prompt.id,
        "epoch": attempt.number + 1,
        "input": asked,
        "target": prompt.reference or "",
        "messages": asked,
        "scores": scored,
        "metadata": metadata,
    }
    if attempt.error is not None:
        return sample | {"error": {"message": attempt.error, "traceback": "", "traceback_ansi": ""}}
    answer = {"role": "assistant", "content": _content(attempt), "source": "generate"}
    choice = {"message": answer, "stop_reason": _STOP[attempt.finish]}
    usage = tokens | {"total_tokens": sum(tokens.values())}
    output = {"model": attempt.model, "choices": [choice], "completion": attempt.text, "usage": usage}
    return sample | {"messages": [*asked, answer], "output": output}


def _content(attempt: Attempt) -> str | list[dict[str, str]]:
    if not attempt.reasoning:
        return attempt.text
    return [{"type": "reasoning", "reasoning": attempt.reasoning}, {"type": "text", "text": attempt.text}]


def _score(verdict: Verdict, attempt: Attempt) -> Mapping[str, Any]:
    more = {name: value for name, value in to_json(verdict).items() if name not in ("attempt_id", "rationale")}
    return {
        "value": "C" if verdict.outcome == "pass" else "I",
        "answer": attempt.text,
        "explanation": verdict.rationale,
        "metadata": more,
    }
