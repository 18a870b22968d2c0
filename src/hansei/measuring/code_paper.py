"""`hansei papers run code`: are right programs passed, and are hostile ones contained?

For the survey of language models for code (arXiv 2311.07989) the figures of a model are only as good as what judges its
programs. So the benchmarks' own solutions must pass (HumanEval 164, MBPP 974), what CRUXEval (arXiv 2401.03065) says of
its 800 functions must come out when they are run, and programs that attack the judge or the machine must fail, in each
way of isolation that this machine has.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hansei.core.errors import BadInput
from hansei.core.result import Result
from hansei.core.rows import Row, read_rows
from hansei.core.statistics import rate
from hansei.measuring.code import check, row
from hansei.measuring.code_tasks import Task, free_names, read_tasks
from hansei.sandbox.hostile import Hostile, attack
from hansei.sandbox.launch import WAYS, Limits, Way
from hansei.sandbox.run import KINDS, Outcome, Sandbox

SETS = {
    "HumanEval": "humaneval/HumanEval.jsonl.gz",
    "MBPP": "mbpp/mbpp.jsonl",
    "CRUXEval": "cruxeval/cruxeval.jsonl",
}
"""Where each set lies in the folder of data."""


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment."""

    data: str | None = None
    """Folder with humaneval/HumanEval.jsonl.gz, mbpp/mbpp.jsonl and cruxeval/cruxeval.jsonl; without it only the
    hostile programs are run."""
    seconds: int = 30
    """Processor time of one solution; the slowest of MBPP takes about 3 s."""
    workers: int = 2
    """Programs that run at the same time."""
    out: str | None = None
    """Folder for result.json; nothing is written without it."""
    dry_run: bool = False
    """Say what would be run and how programs would be isolated, and stop."""

    def __post_init__(self) -> None:
        """Raises BadInput for a folder without the sets."""
        for path in SETS.values() if self.data is not None else ():
            if not (Path(str(self.data)) / path).is_file():
                raise BadInput(f"{self.data}: a folder with {', '.join(SETS.values())} was expected, found no {path}")


def run(settings: Settings) -> Result:
    """Run every solution and every hostile program. Raises BadInput where nothing isolates them."""
    started = time.monotonic()
    tasks = {name: tasks_of(Path(settings.data) / path) for name, path in SETS.items()} if settings.data else {}
    if settings.dry_run:
        with Sandbox() as sandbox:
            counted = (
                ", ".join(f"{len(found)} of {name}" for name, found in tasks.items()) or "no benchmark (no --data)"
            )
            said = [f"solutions: {counted}; then the hostile programs in each way of isolation", str(sandbox.isolation)]
            return Result(name="code", kind="paper", settings=asdict(settings), rows=[], notes=said)
    rows, notes = _solutions(tasks, settings)
    attacked = _attacked(settings.workers, notes)
    rows += [_contained(way, found, harm) for way, (found, harm) in attacked.items()]
    result = Result(
        name="code",
        kind="paper",
        settings={name: value for name, value in asdict(settings).items() if name not in ("data", "out")},
        rows=rows,
        parts={"hostile": _table({way: found for way, (found, _) in attacked.items()})},
        notes=notes if tasks else [*notes, "no benchmark was run: name their folder with --data"],
        seconds=time.monotonic() - started,
    )
    if settings.out is None:
        return result
    from hansei.core.output import with_files

    return with_files(result, settings.out, {})


def tasks_of(path: Path) -> list[Task]:
    """The tasks of one of the sets, each with its solution."""
    if path.name != "cruxeval.jsonl":
        return read_tasks(path)
    return [_cruxeval(line) for line in read_rows(path)]


def _cruxeval(line: Row) -> Task:
    """A function, an input and the output that comes of it, as a task that the function solves."""
    texts = [line.values.get(name) for name in ("id", "code", "input", "output")]
    if not all(isinstance(text, str) for text in texts):
        raise BadInput(f"{line.where}: texts in id, code, input and output were expected, found {texts!r:.60}")
    name, code, given, output = map(str, texts)
    tests = (f"assert f({given}) == {output}",)
    return Task(name, request="", tests=tests, names=tuple(sorted(free_names(line, "input", tests))), reference=code)


def _solutions(tasks: dict[str, list[Task]], settings: Settings) -> tuple[list[dict[str, Any]], list[str]]:
    """A row for each set: solutions that pass, and how fast they were run. What did not pass is in the notes."""
    rows: list[dict[str, Any]] = []
    notes: list[str] = []
    limits = Limits(seconds=settings.seconds, patience=10.0 * settings.seconds)
    for name, found in tasks.items():
        started, used = time.monotonic(), _processor()
        with Sandbox(limits, workers=settings.workers) as box:
            outcomes = check(found, {task.id: [str(task.reference)] for task in found}, box)
            notes += [str(box.isolation)] * (not notes)
        speed = len(found) / (time.monotonic() - started)
        spent = 1000 * (_processor() - used) / len(found)
        fast = {"a_second": round(speed, 1), "processor_ms": round(spent, 1)}
        rows.append(row(f"{name}: its own solutions", outcomes, (1,)) | fast)
        notes += [f"{name} {key}: {o}" for key, (o,) in outcomes.items() if not o.passed]
    return rows, notes


def _processor() -> float:
    """Processor seconds of this process and of those that have ended below it."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


Attacked = tuple[list[tuple[Hostile, Outcome]], list[str]]
"""How each hostile program ended, and the harm found."""


def _attacked(workers: int, notes: list[str]) -> dict[Way, Attacked]:
    """The hostile programs in each way of isolation that works here; one that does not is said in the notes."""
    found: dict[Way, Attacked] = {}
    for way in WAYS[:-1]:
        try:
            with Sandbox(Limits(seconds=1, patience=5.0, memory_mb=256), workers=workers, way=way) as box:
                found[way] = attack(box)
                notes += [str(box.isolation)] * (not notes)
        except BadInput as error:
            notes.append(f"not tried: {error}")
    if not found:
        raise BadInput(notes[-1])
    return found


def _contained(way: Way, found: Sequence[tuple[Hostile, Outcome]], harm: Sequence[str]) -> dict[str, Any]:
    return {
        "row": f"hostile programs, {way}",
        "tasks": len(found),
        "programs": len(found),
        "pass@1": rate([float(outcome.passed) for _, outcome in found]),
        "harm": "; ".join(harm) or "none",
    }


def _table(attacked: dict[Way, list[tuple[Hostile, Outcome]]]) -> list[dict[str, Any]]:
    """A row for each hostile program: how it ended, and where it ended otherwise."""
    rows = []
    for ended in zip(*attacked.values(), strict=True):
        reasons = [reason(outcome) for _, outcome in ended]
        others = [f"{way}: {said}" for way, said in zip(attacked, reasons, strict=True) if said != reasons[0]]
        rows.append({"row": ended[0][0].name, "ended": reasons[0], "elsewhere": "; ".join(others)})
    return rows


def reason(outcome: Outcome) -> str:
    """How a program ended, without what differs between machines (paths, addresses)."""
    kinds = KINDS[outcome.kind]
    detail = outcome.detail.partition(":")[0].partition(" in line")[0]
    return kinds if outcome.kind in ("wrong", "forged", "opaque", "time") else f"{kinds} ({detail})"
