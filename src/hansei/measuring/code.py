"""Whether a model's programs do what they should: `hansei measure code TASKS`.

The survey of language models for code (Zhang et al., arXiv 2311.07989) compares models by pass@k on HumanEval and
MBPP. pass@k by the unbiased estimator of Chen et al. (arXiv 2107.03374, equation 1); beside it pass^k, the chance that
k programs *all* pass. Intervals resample tasks. Programs run in `hansei.sandbox` only.

Deviations from OpenAI's harness: a program's tests run in another process, which calls it with plain values, so that
it can't change what it is judged by; its time is processor time, so that a busy machine fails no program; programs
have the standard library and nothing else, can't write files and can't start processes.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hansei.core.errors import BadInput
from hansei.core.records import Attempt, Figure, Sampling
from hansei.core.result import Result
from hansei.core.statistics import NOTHING, bootstrap, rate
from hansei.measuring.code_answers import program_of, prompts, read_samples
from hansei.measuring.code_tasks import Task, read_tasks
from hansei.models.names import check_address
from hansei.sandbox.launch import Limits
from hansei.sandbox.run import KINDS, Outcome, Sandbox

POSITIONAL = ("tasks",)
NOT_CHECKED = "test"
"""The kind of outcome that says nothing of the program."""


@dataclass(frozen=True)
class Settings:
    """Settings of the measurement."""

    tasks: str
    """Tasks in the format of HumanEval (task_id, prompt, entry_point, test) or MBPP (task_id, text, test_list): JSONL,
    CSV or Parquet, also gzipped."""
    samples: str | None = None
    """Programs to be measured: a file with task_id and `completion` (goes on after HumanEval's head) or `solution`."""
    model: str | None = None
    """In place of --samples: the model that is to write them: a folder, a Hugging Face name, openai:NAME."""
    reference: bool = False
    """In place of both: the tasks' own solutions, which show whether the tests can be passed here."""
    base_url: str | None = None
    """Address of the server of a model openai:NAME."""
    answers: int = 1
    """Programs that the model writes for each task."""
    k: tuple[int, ...] = (1,)
    """The k of pass@k and pass^k; each needs at least k programs a task."""
    temperature: float = 0.0
    """Temperature of the model; above 0 where it writes several programs."""
    top_p: float = 1.0
    """Share of the probability mass that the model samples from."""
    max_new_tokens: int = 512
    """Longest answer of the model, in tokens."""
    seed: int = 0
    """Seed of the answers and of the intervals."""
    limit: int | None = None
    """Only the first tasks."""
    seconds: int = 10
    """Processor time of one program."""
    memory_mb: int = 512
    """Memory of one program."""
    workers: int = 2
    """Programs that run at the same time."""
    unconfined: bool = False
    """Run programs without isolation where this machine has none: they can do whatever you can."""
    out: str | None = None
    """Folder for the model's answers, the chart and result.json; the same folder again goes on where it stopped."""
    dry_run: bool = False
    """Say how many tasks there are, how many answers would be asked for and how programs would be isolated; stop."""

    def __post_init__(self) -> None:
        """Raises BadInput for what can't be measured."""
        if sum((self.samples is not None, self.model is not None, self.reference)) != 1:
            raise BadInput(
                "measure code: one of --samples FILE, --model NAME and --reference was expected: "
                "say which programs are to be measured"
            )
        if not self.k or min(self.k) < 1:
            raise BadInput(f"measure code: k of 1 or more were expected, found {self.k}")
        if self.answers < 1 or self.workers < 1 or (self.limit is not None and self.limit < 1):
            raise BadInput("measure code: answers, workers and limit of 1 or more were expected")
        if self.model is not None and self.answers < max(self.k):
            raise BadInput(f"measure code: pass@{max(self.k)} needs {max(self.k)} answers a task: set --answers")
        if self.answers > 1 and self.temperature == 0:
            raise BadInput(f"measure code: {self.answers} answers at temperature 0 are one answer: set --temperature")
        check_address(self, "base_url", "model")
        Limits(seconds=self.seconds, memory_mb=self.memory_mb)


def pass_at_k(n: int, c: int, k: int) -> float:
    """The chance that of k programs, drawn from n of which c pass, at least one passes: 1 - C(n-c, k) / C(n, k).

    Unbiased for the model's own chance (arXiv 2107.03374, equation 1). Raises ValueError unless c <= n and k <= n.
    """
    if not 0 <= c <= n or not 1 <= k <= n:
        raise ValueError(f"0 <= c <= n and 1 <= k <= n were expected, found n={n}, c={c}, k={k}")
    return 1.0 - math.comb(n - c, k) / math.comb(n, k)


def pass_hat_k(n: int, c: int, k: int) -> float:
    """The chance that k programs, drawn from n of which c pass, all pass: C(c, k) / C(n, k)."""
    if not 0 <= c <= n or not 1 <= k <= n:
        raise ValueError(f"0 <= c <= n and 1 <= k <= n were expected, found n={n}, c={c}, k={k}")
    return math.comb(c, k) / math.comb(n, k)


def run(settings: Settings) -> Result:
    """Read tasks and programs, run these, and count. Raises BadInput at what can't be worked with."""
    started = time.monotonic()
    everything = read_tasks(settings.tasks)
    tasks = everything[: settings.limit]
    programs = _given(settings, everything, tasks)
    attempts: list[Attempt] = []
    limits = Limits(seconds=settings.seconds, memory_mb=settings.memory_mb)
    with Sandbox(limits, workers=settings.workers, unconfined=settings.unconfined) as sandbox:
        if settings.dry_run:
            return _dry(settings, tasks, sandbox)
        if settings.model is not None:
            attempts = _asked(tasks, settings)
            programs = _programs(tasks, attempts)
        outcomes = check(tasks, programs, sandbox)
        walls = f"{sandbox.isolation} ({limits.seconds} s of processor time, {limits.memory_mb} MB)"
    result = Result(
        name="code",
        settings=asdict(settings),
        rows=[row(_name(settings), outcomes, settings.k, settings.seed)],
        parts={"how programs ended": endings(outcomes)},
        notes=[walls, *_notes(outcomes, attempts)],
        more={"tasks": per_task(outcomes)},
        seeds=[settings.seed],
        errors=sum(attempt.error is not None for attempt in attempts),
        unscored=sum(o.kind == NOT_CHECKED for found in outcomes.values() for o in found),
        seconds=time.monotonic() - started,
    )
    if settings.out is None:
        return result
    from hansei.core.output import with_files
    from hansei.measuring.code_chart import draw

    return with_files(result, settings.out, {"code.svg": draw(outcomes)})


def _given(settings: Settings, everything: Sequence[Task], tasks: Sequence[Task]) -> dict[str, list[str]]:
    """The programs that are there before anything is asked."""
    if settings.reference:
        return _references(tasks, settings)
    if settings.samples is None:
        return {}
    programs = read_samples(settings.samples, everything, tasks)
    _enough(programs, max(settings.k), settings.samples)
    return programs


def _name(settings: Settings) -> str:
    if settings.samples is not None:
        return Path(settings.samples).name
    return settings.model or "reference solutions"


def check(tasks: Sequence[Task], programs: Mapping[str, Sequence[str]], sandbox: Sandbox) -> dict[str, list[Outcome]]:
    """How each program of each task ended."""
    jobs = [(task.id, task.job(program)) for task in tasks for program in programs[task.id]]
    outcomes: dict[str, list[Outcome]] = {task.id: [] for task in tasks}
    for (name, _), outcome in zip(jobs, sandbox.judge_all([job for _, job in jobs]), strict=True):
        outcomes[name].append(outcome)
    return outcomes


def counts(outcomes: Mapping[str, Sequence[Outcome]]) -> list[tuple[int, int]]:
    """Programs and passing programs of each task whose tests can be run."""
    checked = [o for o in outcomes.values() if not any(one.kind == NOT_CHECKED for one in o)]
    return [(len(found), sum(o.passed for o in found)) for found in checked]


def row(name: str, outcomes: Mapping[str, Sequence[Outcome]], ks: Sequence[int], seed: int = 0) -> dict[str, Any]:
    """The row of a set of programs: tasks, programs, pass@k and pass^k of each k."""
    pairs = counts(outcomes)
    found: dict[str, Any] = {"row": name, "tasks": len(pairs), "programs": sum(n for n, _ in pairs)}
    for k in sorted(set(ks)):
        enough = [(n, c) for n, c in pairs if n >= k]
        found[f"pass@{k}"] = _figure([pass_at_k(n, c, k) for n, c in enough], seed)
        if k > 1:
            found[f"pass^{k}"] = _figure([pass_hat_k(n, c, k) for n, c in enough], seed)
    return found


def _figure(values: Sequence[float], seed: int) -> Figure:
    """The mean over tasks, with an interval that resamples tasks; Wilson's where each is 0 or 1."""
    if not values:
        return NOTHING
    return rate(values) if set(values) <= {0.0, 1.0} else bootstrap(values, seed=seed)


def endings(outcomes: Mapping[str, Sequence[Outcome]]) -> list[dict[str, Any]]:
    """How many programs ended how, the most frequent first."""
    kinds = Counter(outcome.kind for found in outcomes.values() for outcome in found)
    total = kinds.total()
    return [
        {"row": KINDS[kind], "programs": count, "share": rate([1] * count + [0] * (total - count))}
        for kind, count in kinds.most_common()
    ]


def per_task(outcomes: Mapping[str, Sequence[Outcome]]) -> dict[str, Any]:
    """For the JSON: programs, passing ones, and how the first failing one ended."""
    return {
        name: {
            "programs": len(found),
            "passed": sum(o.passed for o in found),
            "first_failure": next((str(o) for o in found if not o.passed), None),
        }
        for name, found in outcomes.items()
    }


def _enough(programs: Mapping[str, Sequence[str]], k: int, where: str) -> None:
    for name, found in programs.items():
        if len(found) < k:
            raise BadInput(f"{where}: pass@{k} needs {k} samples a task, found {len(found)} of {name}: lower --k")


def _references(tasks: Sequence[Task], settings: Settings) -> dict[str, list[str]]:
    for task in tasks:
        if task.reference is None:
            raise BadInput(
                f"{settings.tasks}: a solution of its own was expected with each task (canonical_solution or code), "
                f"found none with {task.id}"
            )
    if max(settings.k) > 1:
        raise BadInput(f"measure code: a task has one solution of its own, too few for pass@{max(settings.k)}")
    return {task.id: [str(task.reference)] for task in tasks}


def _asked(tasks: Sequence[Task], settings: Settings) -> list[Attempt]:
    """The model's answers, kept in the journal of --out."""
    from hansei.core.journal import Journal
    from hansei.models.load import load
    from hansei.steps.ask import ask

    model = load(str(settings.model), base_url=settings.base_url)
    sampling = Sampling(settings.temperature, settings.top_p, settings.max_new_tokens, settings.seed)
    with tempfile.TemporaryDirectory() as passing, Journal.open(settings.out or passing) as journal:
        return ask(model, prompts(tasks), sampling, journal, attempts=settings.answers, label="write programs")


def _programs(tasks: Sequence[Task], attempts: Sequence[Attempt]) -> dict[str, list[str]]:
    by_id = {task.id: task for task in tasks}
    programs: dict[str, list[str]] = {task.id: [] for task in tasks}
    for attempt in attempts:
        if attempt.error is None:
            programs[attempt.prompt_id].append(program_of(by_id[attempt.prompt_id], attempt.text))
    return programs


def _dry(settings: Settings, tasks: Sequence[Task], sandbox: Sandbox) -> Result:
    asked = f"; {len(tasks) * settings.answers} answers would be asked of {settings.model}" if settings.model else ""
    return Result(
        name="code",
        settings=asdict(settings),
        rows=[],
        notes=[f"{len(tasks)} tasks{asked}; nothing was run", str(sandbox.isolation)],
    )


def _notes(outcomes: Mapping[str, Sequence[Outcome]], attempts: Sequence[Attempt]) -> list[str]:
    """What is in no rate, and why; what was cut."""
    from hansei.steps.failures import first_error

    said = []
    broken = {name: o for name, found in outcomes.items() for o in found if o.kind == NOT_CHECKED}
    if broken:
        name, outcome = next(iter(broken.items()))
        said.append(f"{len(broken)} tasks are in no rate, as their tests can't be run: {name} {outcome}")
    cut = sum(attempt.finish == "length" for attempt in attempts)
    if cut:
        said.append(f"{cut} of {len(attempts)} answers were cut at --max-new-tokens, and are judged as they are")
    lost = Counter(attempt.prompt_id for attempt in attempts if attempt.error is not None)
    if lost:
        said.append(
            f"{lost.total()} answers to {len(lost)} tasks did not come; these tasks have fewer programs or none"
        )
    return said + first_error(attempts)
