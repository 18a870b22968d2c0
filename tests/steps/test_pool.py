"""The pool: results in order and kept; and no process that outlives the one that waits for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

NO_TORCH = 'sys.modules["torch"] = types.SimpleNamespace(set_num_threads=lambda _: None)  # saves seconds everywhere'
PROGRAM = f"""
import sys, tempfile, time, types
from pathlib import Path

{NO_TORCH}
"""
PROGRAM += """
def work(task):
    number, folder = task
    if number < 0:
        raise ValueError(f"task {number} fails")
    if folder is not None:
        with tempfile.TemporaryDirectory(dir=folder):
            Path(folder, f"pid-{number}").write_text(str(__import__("os").getpid()))
            time.sleep(100)
    return number * number

def done(number):
    raise AssertionError(f"{number} is worked on a second time")

if __name__ == "__main__":
    import hansei.models.load
    from hansei.core.journal import Journal
    from hansei.steps.pool import Pool

    hansei.models.load.load = lambda *_, **__: types.SimpleNamespace(fingerprint="none")  # saves loading the town
    kind, folder = sys.argv[1:]
    tasks = {"long": [(1, folder), (2, folder), (3, folder)], "error": [(1, folder), (-1, None)]}
    with Journal.open(Path(folder) / "run") as journal, Pool(2, journal, "1") as pool:
        if kind == "short":
            print(pool.run(work, [(n, None) for n in (3, 1, 2)], "squares"), flush=True)
            done.__name__ = "work"
            print(pool.run(done, [(n, None) for n in (2, 3)], "squares"), flush=True)
        else:
            pool.run(work, tasks[kind], "long")
"""


@pytest.fixture
def start(tmp_path: Path) -> Callable[[str], subprocess.Popen[str]]:
    """A process with a pool of two that works at tasks of some kind, in a program of its own."""
    (tmp_path / "program.py").write_text(PROGRAM)

    def started(kind: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, str(tmp_path / "program.py"), kind, str(tmp_path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )

    return started


def waited(condition: Callable[[], bool], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.05)
    return condition()


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and that nobody has asked for is a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc, to look at other processes")
@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGINT])
def test_no_process_and_no_temporary_folder_outlives_the_one_that_was_killed(
    blow: signal.Signals, start: Callable[[str], subprocess.Popen[str]], tmp_path: Path
) -> None:
    with start("long") as process:
        try:
            assert waited(lambda: len(list(tmp_path.glob("pid-*"))) == 2, 60)
            assert waited(lambda: all(p.read_text() for p in tmp_path.glob("pid-*")), 5)
            workers = [int(p.read_text()) for p in tmp_path.glob("pid-*")]
            assert all(map(alive, workers)) and len(list(tmp_path.glob("tmp*"))) == 2
            process.send_signal(blow)
            _, said = process.communicate(timeout=30)  # only when all that hold its stderr have ended
        finally:
            process.kill()
    assert waited(lambda: not any(map(alive, workers)), 5)
    assert list(tmp_path.glob("tmp*")) == []
    assert said.count("Traceback") == (blow == signal.SIGINT), said  # the first process's own, of KeyboardInterrupt
    assert process.returncode == -blow


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc, to look at other processes")
def test_ctrl_c_while_the_processes_start_is_said_by_the_first_one_only(
    start: Callable[[str], subprocess.Popen[str]], tmp_path: Path
) -> None:
    slow = "import os, time, pathlib\npathlib.Path(__file__).with_name(f'pid-{os.getpid()}').touch()\ntime.sleep(100)"
    (tmp_path / "torch.py").write_text(slow)
    (tmp_path / "program.py").write_text(PROGRAM.replace(NO_TORCH, ""))
    with start("long") as process:
        try:
            assert waited(lambda: len(list(tmp_path.glob("pid-*"))) == 2, 60)
            workers = [int(p.name.removeprefix("pid-")) for p in tmp_path.glob("pid-*")]
            for pid in (*workers, process.pid):  # as a terminal does
                os.kill(pid, signal.SIGINT)
            _, said = process.communicate(timeout=30)
        finally:
            process.kill()
    assert waited(lambda: not any(map(alive, workers)), 5)
    assert said.count("Traceback") == 1 and "initializer" not in said, said


def test_a_task_that_fails_ends_the_others_and_says_why(
    start: Callable[[str], subprocess.Popen[str]], tmp_path: Path
) -> None:
    with start("error") as process:
        _, said = process.communicate(timeout=60)  # the other task would take 100 s
    assert process.returncode == 1
    assert said.rstrip().endswith("ValueError: task -1 fails"), said
    assert list(tmp_path.glob("tmp*")) == []


def test_results_come_in_the_order_of_the_tasks_and_are_made_once(
    start: Callable[[str], subprocess.Popen[str]],
) -> None:
    with start("short") as process:
        said, wrong = process.communicate(timeout=60)
    assert said.splitlines() == ["[9, 1, 4]", "[4, 9]"], wrong
    assert process.returncode == 0, wrong
