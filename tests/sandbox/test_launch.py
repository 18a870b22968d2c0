"""How a sandbox comes up, what it says of itself, and what happens where it can't."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from hansei.core.errors import BadInput
from hansei.sandbox import launch
from hansei.sandbox.launch import WAYS, Isolation, Limits, Server, Way, choose
from hansei.sandbox.run import Job, Sandbox
from tests.sandbox.conftest import LIMITS, sandbox_or_skip

GOOD = Job("def f(x): return x + 1", ("assert f(1) == 2",), ("f",))


@pytest.mark.parametrize("way", WAYS[:-1])
def test_each_way_says_what_is_in_force(way: Way) -> None:
    with sandbox_or_skip(way) as sandbox:
        said = sandbox.isolation
        assert said.way == way
        assert said.namespaces == (way != "landlock")
        assert ("bubblewrap" in str(said)) == (way == "bubblewrap")
        assert "no file, network or process of the machine is in reach" in str(said)
        assert sandbox.judge(GOOD).passed


def test_walls_that_leave_something_open_are_refused_by_name() -> None:
    for without, left in ((("landlock",), "files"), (("seccomp",), "processes")):
        with pytest.raises(BadInput, match=f"it leaves open: .*{left}"):
            choose(LIMITS, "landlock", without)


def test_where_nothing_isolates_programs_nothing_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Server:
        raise launch.Broken("not on this machine")

    monkeypatch.setattr(launch, "Server", broken)
    with pytest.raises(
        BadInput, match=r"bubblewrap .not on this machine.; namespaces .*; landlock .*--unconfined"
    ) as raised:
        Sandbox()
    assert "\n" not in str(raised.value)


def test_the_next_best_way_is_taken_and_the_better_one_named(monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox_or_skip("namespaces").__exit__()
    monkeypatch.setattr(launch.shutil, "which", lambda name: None)
    with Sandbox(LIMITS) as sandbox:
        assert sandbox.isolation.way == "namespaces"
        assert "not used here: bubblewrap (it is not installed)" in str(sandbox.isolation)


def test_a_way_that_breaks_while_it_is_tried_gives_way_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox_or_skip("namespaces").__exit__()
    tried: list[Server] = []
    real = launch._probe

    def breaks_once(server: Server) -> list[str]:
        tried.append(server)
        if len(tried) == 1:
            raise launch.Broken("it did not answer in time")
        return real(server)

    monkeypatch.setattr(launch, "_probe", breaks_once)
    monkeypatch.setattr(launch, "WAYS", ("namespaces", "namespaces", "none"))
    server, isolation = choose(LIMITS)
    server.close()
    assert isolation.skipped == ("namespaces (it did not answer in time)",)
    assert tried[0]._process.poll() is not None  # not left behind
    monkeypatch.setattr(launch, "WAYS", ("namespaces", "none"))
    tried.clear()
    with pytest.raises(BadInput, match="it did not answer in time"):
        choose(LIMITS)


def test_without_isolation_only_who_asks_for_it_and_it_says_so() -> None:
    with Sandbox(LIMITS, unconfined=True, workers=1) as sandbox:
        assert str(sandbox.isolation).startswith("NO isolation")
        assert sandbox.judge(GOOD).passed
        reading = Job(f"def f(): return open({__file__!r}).read(3)", ('assert f() == \'"""\'',), ("f",))
        assert sandbox.judge(reading).passed  # else this would not be what it says it is
        assert sandbox.judge(Job("def f(): return 1", ("assert f() == 2",), ("f",))).kind == "wrong"


@pytest.mark.parametrize("limits", [{"seconds": 0}, {"patience": 0}, {"memory_mb": 10}, {"seconds": 10**6}])
def test_limits_in_which_nothing_runs_are_refused(limits: dict[str, int]) -> None:
    with pytest.raises(BadInput, match="were expected, found"):
        Limits(**limits)  # type: ignore[arg-type]


def test_a_sandbox_that_dies_is_replaced_and_its_program_run_again() -> None:
    with sandbox_or_skip() as sandbox:
        pair = sandbox._free.get()
        assert pair is not None
        pair.programs._process.kill()
        os.kill(_inner(pair.programs), signal.SIGKILL)
        sandbox._free.put(pair)
        assert sandbox.judge(GOOD).passed


def _inner(server: Server) -> int:
    """The process outside that holds the sandbox's first one, or that one itself."""
    children = Path(f"/proc/{server._process.pid}/task/{server._process.pid}/children").read_text().split()
    return int(children[0]) if children else server._process.pid


def test_a_program_that_takes_the_sandbox_with_it_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    with sandbox_or_skip() as sandbox:

        def gone(*_: object) -> object:
            raise launch.Broken("the sandbox ended with the program")

        with monkeypatch.context() as patched:
            patched.setattr(launch.Server, "stop", gone)
            outcome = sandbox.judge(GOOD)
        assert outcome.kind == "ended" and "twice" in outcome.detail
        assert sandbox.judge(GOOD).passed


def test_nothing_is_left_where_the_one_who_started_it_is_killed() -> None:
    sandbox_or_skip().__exit__()
    script = (
        "import sys, time\nfrom hansei.sandbox.launch import *\n"
        "server, isolation = choose(Limits())\nline = server.start({'role': 'program', 'seconds': 5, "
        "'program': 'while True: pass', 'setup': ''})\nprint(server._process.pid, flush=True)\ntime.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as user:
        assert user.stdout is not None
        outer = int(user.stdout.readline())
        user.kill()
    for _ in range(100):
        if not Path(f"/proc/{outer}").exists() or Path(f"/proc/{outer}/stat").read_text().split()[2] == "Z":
            return
        time.sleep(0.1)
    pytest.fail("the sandbox goes on")


def test_several_threads_can_use_one_sandbox() -> None:
    with sandbox_or_skip(workers=2) as sandbox:
        passed = []
        threads = [threading.Thread(target=lambda: passed.append(sandbox.judge(GOOD).passed)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert passed == [True] * 6


def test_the_words_for_no_isolation_can_not_be_taken_for_any() -> None:
    assert "NO isolation" in str(Isolation("none", False, 0, False))
