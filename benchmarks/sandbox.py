"""Programs a second: hansei's sandbox against a fresh Python for each program, with and without bubblewrap.

All sides run the same programs with the same tests, as many at a time. In a fresh Python the tests stand below the
program, in its own process, as in OpenAI's harness: nothing keeps the program from changing them; hansei's run in a
second process. Runs alternate, and a ratio is the median over the rounds.

    python benchmarks/sandbox.py                        # 200 small programs
    python benchmarks/sandbox.py --tasks HumanEval.jsonl.gz mbpp.jsonl
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from hansei.measuring.code_tasks import read_tasks
from hansei.sandbox.run import Job, Sandbox

PYTHON = str(Path(sys.base_prefix) / "bin" / Path(sys.executable).resolve().name)
BUBBLEWRAP = "--unshare-all --die-with-parent --tmpfs /tmp --ro-bind / / --chdir /tmp"


def small_jobs(count: int) -> list[Job]:
    """Programs of a few lines, each with three tests."""
    source = (
        "def f{0}(xs):\n    total = 0\n    for x in sorted(xs):\n        total += x * {0}\n    return total, len(xs)"
    )
    return [
        Job(
            source.format(n),
            tuple(f"assert f{n}({list(range(size))}) == ({n * sum(range(size))}, {size})" for size in (1, 5, 20)),
            (f"f{n}",),
        )
        for n in range(count)
    ]


def task_jobs(files: list[str]) -> list[Job]:
    """The benchmarks' own solutions."""
    return [task.job(str(task.reference)) for file in files for task in read_tasks(file)]


Side = Callable[[list[Job], int], int]
"""Runs programs, so many at a time; how many passed."""


def sandboxed(jobs: list[Job], workers: int) -> int:
    """hansei's sandbox, its start and end included."""
    with Sandbox(workers=workers) as sandbox:
        return sum(outcome.passed for outcome in sandbox.judge_all(jobs))


def fresh(before: list[str]) -> Side:
    """A side that starts Python anew for each program; `before` stands in front of it."""

    def one(job: Job) -> bool:
        imports = [line for line in job.prelude.splitlines() if line.startswith("import")]
        text = "\n".join([job.program, job.setup, *imports, *job.tests])
        command = [*before, PYTHON, "-I", "-S", "-c", text]
        return subprocess.run(command, capture_output=True, timeout=120, check=False).returncode == 0

    def run(jobs: list[Job], workers: int) -> int:
        with ThreadPoolExecutor(workers) as pool:
            return sum(pool.map(one, jobs))

    return run


def main() -> None:
    """Run all sides in turn and print programs a second, and ratios."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tasks", nargs="*", default=[])
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    chosen = parser.parse_args()
    jobs = task_jobs(chosen.tasks) if chosen.tasks else small_jobs(chosen.count)
    sides: dict[str, Side] = {"hansei": sandboxed, "a fresh Python, no sandbox": fresh([])}
    if bubblewrap := shutil.which("bwrap"):
        sides["a fresh Python in bubblewrap"] = fresh([bubblewrap, *BUBBLEWRAP.split()])
    with Sandbox() as sandbox:
        print(sandbox.isolation)
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(chosen.rounds):
        for name, run in sides.items():
            started = time.perf_counter()
            passed = run(jobs, chosen.workers)
            taken[name].append(time.perf_counter() - started)
            print(f"{name:30} {len(jobs) / taken[name][-1]:6.1f} a second, {passed} of {len(jobs)} pass", flush=True)
    for name in list(sides)[1:]:
        ratio = statistics.median(b / a for a, b in zip(taken["hansei"], taken[name], strict=True))
        print(f"hansei is {ratio:.2f} times as fast as {name}")
    print(
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, "
        f"Python {platform.python_version()}, Linux {platform.release()}"
    )


if __name__ == "__main__":
    main()
