"""`hansei import`: findings of another tool become a run, and prompts that `hansei learn` teaches from."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from hansei.core.errors import BadInput
from hansei.core.files import write_atomic
from hansei.core.journal import Journal
from hansei.core.keys import content_key
from hansei.core.records import Attempt, Expected, Prompt, Sampling, Verdict, as_dicts
from hansei.core.settings import as_mapping
from hansei.loop.settings import ImportSettings
from hansei.steps import run
from hansei.steps.compare import Answers, Comparison, compare
from hansei.steps.findings.finding import Finding, cleaned
from hansei.steps.findings.read import VERSIONS, read_findings
from hansei.steps.mistakes import pick

METHOD = "imported"
"""The answering method of an answer that another tool got: how it asked is not known."""
PROMPTS = "prompts.jsonl"


@dataclass(frozen=True)
class Imported:
    """What came of an import. `str()` is the table and what can be done next."""

    comparison: Comparison
    """A row a model, by the tool's own verdicts."""
    counts: dict[str, int]
    """Answers, prompts, mistakes."""
    out: str
    """The run's folder."""
    format: str
    """The tool."""

    def __str__(self) -> str:
        counts = "\n".join(f"{n:>12,} {name}" for name, n in self.counts.items())
        following = (
            f"read as {VERSIONS[self.format]}\n"  # type: ignore[index]
            f"look at it:       hansei show {self.out}\n"
            f"judge it again:   hansei judge {self.out} --judge JUDGE\n"
            f"teach from it:    hansei learn --model M --prompts {Path(self.out) / PROMPTS} --mistakes data --out DIR"
        )
        return f"{self.comparison}\n\n{counts}\n\n{following}"

    def to_json(self) -> dict[str, Any]:
        """The comparison's object, with counts, format and folder."""
        return self.comparison.to_json() | {"counts": self.counts, "format": self.format, "out": self.out}


def import_findings(settings: ImportSettings) -> Imported:
    """Reads findings into a new run folder and writes its `prompts.jsonl`, a row a prompt with its first bad answer.

    Raises BadInput where the file is of no known format or version, or holds nothing, or `out` holds another run.
    """
    kind, findings = read_findings(
        settings.file, scorer=settings.scorer, fail_from=settings.fail_from, pass_from=settings.pass_from
    )
    read = list(islice(findings, settings.limit))
    found = [cleaned(finding) for finding in read]
    if not found:
        raise BadInput(f"{settings.file}: it holds no finished answer ({VERSIONS[kind]})")
    prompts = _prompts(found, settings.expected)
    rows = _answers(found)
    models = ", ".join(rows)
    said = {n: v for n, v in as_mapping(settings).items() if n not in ("file", "out")}
    source = {
        "method": "import",
        "imported": Path(settings.file).name,
        "file": run.file_hash(settings.file),
        "model": models,
    }
    identity = source | said | {"judge": found[0].judge}
    with run.open_run(settings.out, identity) as journal:
        mistakes = [m for answers in rows.values() for m in pick(prompts, answers.attempts, answers.verdicts)]
        run.store(journal, "prompt", prompts)
        _keep(journal, rows)
        run.store(journal, "mistake", mistakes)
        judges = ", ".join(sorted({f"{f.judge} {f.judge_version}" for f in found}))
        comparison = compare(prompts, rows, paper="import", judge=judges, settings=identity)
        counts = {"answers": len(found), "prompts": len(prompts), "mistakes": len(mistakes)}
        replaced = sum(one != other for one, other in zip(read, found, strict=True))
        if replaced:
            counts["answers with replaced characters"] = replaced
        journal.note("counts", counts)
        run.write_comparison(Path(settings.out) / "comparison.json", comparison)
        _write_prompts(Path(settings.out) / PROMPTS, prompts, mistakes)
    return Imported(comparison, counts, settings.out, kind)


def _keep(journal: Journal, rows: dict[str, Answers]) -> None:
    for name, answers in rows.items():
        key = content_key(METHOD, name, [a.id for a in answers.attempts])
        journal.commit(content_key(key, "attempts"), "attempt", list(answers.attempts))
        journal.commit(content_key(key, "verdicts"), "verdict", list(answers.verdicts))
        run.keep_row(journal, name, name, answers)


def _prompts(found: Sequence[Finding], expected: Expected | None) -> list[Prompt]:
    """The prompts, each once, in the order in which they were first met."""
    prompts: dict[str, Prompt] = {}
    for finding in found:
        prompt = Prompt(
            id=_id(finding),
            messages=finding.chat,
            split="heldout",
            expected=finding.expected or expected,
            tags=dict(finding.tags),
            reference=finding.reference,
        )
        prompts.setdefault(prompt.id, prompt)
    return list(prompts.values())


def _id(finding: Finding) -> str:
    return content_key("imported prompt", finding.chat, dict(finding.tags))[:16]


def _answers(found: Sequence[Finding]) -> dict[str, Answers]:
    """Answers and verdicts of each model."""
    rows: dict[str, tuple[list[Attempt], list[Verdict]]] = {}
    numbers: Counter[tuple[str, str]] = Counter()
    for finding in found:
        prompt = _id(finding)
        number = numbers[finding.model, prompt]
        numbers[finding.model, prompt] += 1
        attempt = Attempt(
            id=content_key(METHOD, finding.model, prompt, number, finding.text, finding.error),
            prompt_id=prompt,
            model=finding.model,
            method=METHOD,
            sampling=Sampling(),
            number=number,
            asked=finding.chat,
            text=finding.text or "",
            finish="error" if finding.error else "stop",
            error=finding.error,
        )
        verdict = Verdict(
            attempt_id=attempt.id,
            judge=finding.judge,
            judge_version=finding.judge_version,
            outcome=finding.outcome,
            behaviour=finding.behaviour,
            score=finding.score if finding.score is not None and 0 <= finding.score <= 1 else None,
            rationale=finding.rationale,
        )
        attempts, verdicts = rows.setdefault(finding.model, ([], []))
        attempts.append(attempt)
        verdicts.append(verdict)
    return {model: Answers(attempts, verdicts) for model, (attempts, verdicts) in rows.items()}


def _write_prompts(path: Path, prompts: Sequence[Prompt], mistakes: Iterable[Any]) -> None:
    """The prompts as `hansei learn` reads them; `mistake` is the first bad answer to each, the run holds them all."""
    bad: dict[str, str] = {}
    for mistake in mistakes:
        bad.setdefault(mistake.prompt_id, mistake.text)
    lines = []
    for prompt in prompts:
        row = {
            "id": prompt.id,
            "messages": as_dicts(prompt.messages),
            "expected": prompt.expected,
            "reference": prompt.reference,
            "mistake": bad.get(prompt.id),
            **prompt.tags,
        }
        lines.append(json.dumps({k: v for k, v in row.items() if v is not None}, ensure_ascii=False))
    write_atomic(path, "\n".join(lines) + "\n")
