"""The student's folder: weights that plain transformers or PEFT loads, tokenizer, facts and a model card."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hansei.core.files import folder_atomic, write_atomic
from hansei.core.records import Figure, Student
from hansei.training.job import Job, read_facts
from hansei.training.start import Start

METHODS = {
    "sft": "supervised fine-tuning (TRL SFTTrainer), loss on the last turn only",
    "dpo": "direct preference optimisation (TRL DPOTrainer)",
    "dpo-online": "direct preference optimisation (TRL DPOTrainer) on pairs with its own samples",
    "reward": "reward model on preferred and rejected answers (TRL RewardTrainer)",
    "rloo": "REINFORCE with a leave-one-out baseline (TRL RLOOTrainer)",
}


def finish_student(job: Job, model: Any, start: Start) -> Student:
    """Writes the student, and those kept on the way, to `job.out` in one rename; clears the work folder."""
    with folder_atomic(job.out) as partial:
        save(job, model, start, partial, job.facts.get("stopped", job.settings["steps"]))
        for step in job.keep_steps:
            shutil.copytree(job.work / f"step-{step}", partial / f"step-{step}")
    shutil.rmtree(job.work)
    return read_student(job.out)


def keep_student(job: Job, model: Any, start: Start, step: int) -> None:
    """Keeps the student as it is after `step` steps, in the work folder until the training is done."""
    with folder_atomic(job.work / f"step-{step}", replace=True) as partial:
        save(job, model, start, partial, step)


def save(job: Job, model: Any, start: Start, folder: Path, steps: int) -> None:
    """Weights as safetensors, configuration, tokenizer with chat template, facts, card. No pickle."""
    adapter = hasattr(model, "peft_config")
    only = {"selected_adapters": ["default"]} if adapter else {}  # not the frozen copy "ref"
    model.config.use_cache = start.use_cache  # trainers turn it off, which slows every answer
    model.save_pretrained(folder, **only)
    start.tokenizer.save_pretrained(folder)
    facts = {
        "key": job.key,
        "method": job.method,
        "parent": job.parent,
        "parent_name": job.name,
        "lessons_hash": job.lessons_hash,
        "lessons": job.lessons,
        "steps": steps,
        "settings": job.settings,
        "adapter": adapter,
        **job.facts,
    }
    write_atomic(folder / "hansei.json", json.dumps(facts, indent=1, sort_keys=True))
    write_card(folder)


def read_student(folder: str | Path) -> Student:
    """The record of the student in `folder`. Raises BadInput where there is none."""
    facts = read_facts(Path(folder))
    return Student(str(folder), facts["parent"], facts["method"], facts["lessons_hash"], facts["adapter"])


def write_card(
    folder: str | Path,
    before: Mapping[str, Figure] | None = None,
    after: Mapping[str, Figure] | None = None,
) -> None:
    """Writes the model card, README.md: how the student was made and, once measured, what changed.

    `before`, `after`: figures by metric of the start model and of the student, on the same prompts.
    """
    folder = Path(folder)
    facts = read_facts(folder)
    settings = [f"| {_safe(k)} | {_safe(v)} |" for k, v in sorted(facts["settings"].items())]
    lessons = [f"| {_safe(purpose)} | {count} |" for purpose, count in facts["lessons"].items()]
    lines = [
        *_front_matter(facts),
        "# A student of hansei",
        "",
        f"Taught from `{_code(facts['parent_name'])}` (fingerprint `{facts['parent']}`) by "
        f"{METHODS[facts['method']]}, {facts['steps']} steps.",
        "",
        "## Lessons",
        "",
        f"{sum(facts['lessons'].values())} lessons, hash of lessons and settings `{facts['lessons_hash']}`; "
        f"{facts.get('dropped', 0)} left out because they were too long.",
        "",
        "| purpose | lessons |",
        "|---|---|",
        *lessons,
        "",
        "## Measured",
        "",
        *_measured(before or {}, after or {}),
        "",
        "## Settings",
        "",
        "| setting | value |",
        "|---|---|",
        *settings,
        "",
        "## Use",
        "",
        *_use(facts),
        "",
    ]
    write_atomic(folder / "README.md", "\n".join(lines))


def _front_matter(facts: Mapping[str, Any]) -> list[str]:
    lines = ["---", f"library_name: {'peft' if facts['adapter'] else 'transformers'}", "tags: [hansei, trl]"]
    if re.fullmatch(r"[\w.-]+/[\w.-]+", facts["parent_name"]) and not Path(facts["parent_name"]).exists():
        lines.append(f"base_model: {json.dumps(facts['parent_name'])}")
    return [*lines, "---", ""]


def _measured(before: Mapping[str, Figure], after: Mapping[str, Figure]) -> list[str]:
    names = [*before, *(name for name in after if name not in before)]
    if not names:
        return ["Not measured yet."]
    rows = [f"| {_safe(name)} | {_figure(before.get(name))} | {_figure(after.get(name))} |" for name in names]
    return ["95% intervals; n in brackets.", "", "| metric | before | after |", "|---|---|---|", *rows]


def _figure(figure: Figure | None) -> str:
    if figure is None or figure.value is None:
        return "-"
    interval = "" if figure.low is None else f" {figure.low:.3f} to {figure.high:.3f}"
    return f"{figure.value:.3f}{interval} ({figure.n})"


def _use(facts: Mapping[str, Any]) -> list[str]:
    if facts["method"] == "reward":
        kind = "`AutoModelForSequenceClassification.from_pretrained(folder, num_labels=1)`"
        how = "`peft.AutoPeftModelForSequenceClassification`" if facts["adapter"] else kind
        return [f"Load it with {how}: one logit, the reward of a whole conversation."]
    if facts["adapter"]:
        return [
            "`peft.AutoPeftModelForCausalLM.from_pretrained(folder)` loads it, base included. To serve it:",
            "",
            f"    vllm serve BASE --enable-lora --max-lora-rank {_safe(facts['settings']['lora_rank'])} "
            "--lora-modules student=FOLDER",
        ]
    return [
        "`transformers.AutoModelForCausalLM.from_pretrained(folder)` loads it. To serve it:",
        "",
        "    vllm serve FOLDER",
    ]


def _safe(value: Any) -> str:
    """One line of text that is neither HTML nor Markdown, whatever a file or a model put into it."""
    text = " ".join(str(value).split())[:300]
    return re.sub(r"[\\`*\[\]|!#~<>&\"']", lambda found: f"&#{ord(found[0])};", text)


def _code(value: Any) -> str:
    """The same for a text inside backticks, where no escape works."""
    return re.sub(r"[`|<>&\s]+", " ", str(value))[:300]
