"""Outside: judges programs by checks, each in a sandbox of its own, and relays between the two.

Everything that a program can do to be taken for right is to send right values. Whatever ends otherwise (no answer,
one that is too long, a process that has gone, a sandbox that has gone with it) is a failure with its reason, and
never a program that was left out.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Literal

from hansei.core.errors import BadInput
from hansei.core.progress import progress
from hansei.sandbox import wire
from hansei.sandbox.launch import Broken, Ending, Limits, Server, Way, choose

Kind = Literal["passed", "wrong", "raised", "syntax", "time", "memory", "ended", "opaque", "forged", "test"]
KINDS: dict[str, str] = {
    "passed": "passed",
    "wrong": "wrong answer",
    "raised": "raised an exception",
    "syntax": "does not compile",
    "time": "out of time",
    "memory": "out of memory",
    "ended": "ended itself",
    "opaque": "an object instead of a value",
    "forged": "sent what is no answer",
    "test": "the test can't be run",
}
"""How a program can end, in words. All but `passed` and `test` are failures of the program."""
CHECK_SECONDS = 20
"""Processor time that the checks themselves may take, beside the program's."""
CHECK_PATIENCE = 60.0
"""Seconds by the clock for the same."""


@dataclass(frozen=True)
class Job:
    """A program and what it is checked by."""

    program: str
    """Source of the program; it never sees what follows."""
    tests: tuple[str, ...]
    """Sources of the tests: statements, run in order in one namespace."""
    names: tuple[str, ...]
    """Names in the tests that are the program's."""
    prelude: str = ""
    """Source that the tests need: imports, helpers of the benchmark. It does not come from the program."""
    setup: str = ""
    """Source that is run after the program, beside it: it builds what tests hand to the program."""


@dataclass(frozen=True)
class Outcome:
    """How a program ended."""

    kind: Kind
    """One of KINDS."""
    detail: str
    """What exactly was wrong, in a line; empty where nothing was."""
    seconds: float = field(default=0.0, compare=False)
    """Time by the clock, checks included."""

    @property
    def passed(self) -> bool:
        """Whether all tests passed."""
        return self.kind == "passed"

    def __str__(self) -> str:
        return KINDS[self.kind] + (f" ({self.detail})" if self.detail else "")


class Sandbox:
    """Judges programs; use it as a context manager. Safe to use from several threads.

    Each of `workers` has two sandboxes, one for programs and one for their checks, and a fresh process in both for
    each program. Raises BadInput where programs can't be isolated, unless `unconfined`.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        workers: int = 2,
        way: Way | None = None,
        unconfined: bool = False,
        without: Sequence[str] = (),
    ) -> None:
        """`way` and `without` (`landlock`, `seccomp`) choose walls by hand; the best there are otherwise."""
        if workers < 1:
            raise BadInput(f"sandbox: 1 worker or more was expected, found {workers}")
        self.limits = limits or Limits()
        self.workers = workers
        self._without = tuple(without)
        first, self.isolation = choose(self.limits, "none" if unconfined else way, without)
        self._free: queue.SimpleQueue[_Pair | None] = queue.SimpleQueue()
        self._free.put(_Pair(self.isolation.way, self.limits, self._without, first))
        for _ in range(workers - 1):
            self._free.put(None)  # each is started when it is first needed

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        for _worker in range(self.workers):
            pair = self._free.get()
            if pair is not None:
                pair.close()

    def judge(self, job: Job) -> Outcome:
        """Run one program against its checks.

        Where the sandbox itself ends, the program gets another one; if it ends that too, it has failed.
        """
        started = time.perf_counter()
        outcome = Outcome("ended", "the sandbox ended with it, twice")
        for _attempt in range(2):
            pair = self._free.get()
            try:
                pair = pair or _Pair(self.isolation.way, self.limits, self._without)
                outcome = pair.judge(job)
                break
            except Broken:
                if pair is not None:
                    pair.close()
                pair = None
            except BaseException:  # Ctrl-C, say: what state the pair is in, nobody knows
                if pair is not None:
                    pair.close()
                pair = None
                raise
            finally:
                self._free.put(pair)
        return Outcome(outcome.kind, outcome.detail, time.perf_counter() - started)

    def judge_all(self, jobs: Sequence[Job], label: str = "run programs") -> list[Outcome]:
        """The outcome of each job, in order; `workers` of them at a time."""
        with ThreadPoolExecutor(self.workers) as pool:
            waiting = [pool.submit(self.judge, job) for job in jobs]
            try:
                return [future.result() for future in progress(waiting, label)]
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise


class _Pair:
    """The two sandboxes of a worker."""

    def __init__(self, way: Way, limits: Limits, without: Sequence[str], programs: Server | None = None) -> None:
        self.limits = limits
        self.programs = programs or Server(way, limits, without)
        try:
            self.checks = Server(way, limits, without)
        except BaseException:
            self.programs.close()
            raise

    def close(self) -> None:
        """End both."""
        self.programs.close()
        self.checks.close()

    def judge(self, job: Job) -> Outcome:
        """Load the program, run its checks, and end both. Raises Broken."""
        source = {"program": job.program, "setup": job.setup}
        with self.programs.start({"role": "program", "seconds": self.limits.seconds, **source}) as line:
            program = _Line(line, self.limits.patience)
            outcome = _loaded(program)
            if outcome is None:
                outcome = self._checked(program, job)
        ending = self.programs.stop()
        return outcome if outcome.kind != "ended" else _ended(ending, self.limits.seconds)

    def _checked(self, program: _Line, job: Job) -> Outcome:
        request = {"role": "checks", "prelude": job.prelude, "tests": job.tests, "names": job.names}
        with self.checks.start({"seconds": CHECK_SECONDS, **request}) as line:
            outcome = _relay(_Line(line, CHECK_PATIENCE), program)
        self.checks.stop()
        return outcome


class _Line:
    """A line to one process, and the time that this process has left."""

    def __init__(self, line: socket.socket, patience: float) -> None:
        self.line = line
        self.left = self.patience = patience

    def send(self, data: bytes) -> None:
        """Send a frame. Raises TimeoutError where it is not taken in time, and EOFError where nobody is there."""
        with self._clock(), _gone():
            wire.send(self.line, data)

    def receive(self) -> bytes:
        """The next frame. Raises TimeoutError, EOFError and Forged."""
        with self._clock() as wait:
            return wire.receive(self.line, wait)

    @contextlib.contextmanager
    def _clock(self) -> Iterator[Callable[[], None]]:
        end = time.monotonic() + self.left

        def wait() -> None:
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self.line.settimeout(left)

        wait()
        try:
            yield wait
        finally:
            self.left = end - time.monotonic()


@contextlib.contextmanager
def _gone() -> Iterator[None]:
    try:
        yield
    except (BrokenPipeError, ConnectionResetError):
        raise EOFError from None


def _loaded(program: _Line) -> Outcome | None:
    """Wait until the program is loaded; how it failed to be, or None."""
    try:
        said = wire.from_bytes(program.receive())
        if said == {"ready": True}:
            return None
        name, message, line = said["raised"][0], said["message"], said["line"]
        part = "" if said["part"] == "program" else " in the set-up code"
        at = f" in line {int(line)}" if line is not None else ""
        detail = f"{name}{part}{at}{': ' if message else ''}{message}"[:400]
        if said["while"] == "compiling":
            return Outcome("syntax", detail)
        return Outcome("memory" if name == "MemoryError" else "raised", detail)
    except TimeoutError:
        return _late(program)
    except EOFError:
        return Outcome("ended", "")
    except (wire.Forged, LookupError, TypeError, ValueError):
        return Outcome("forged", "its first message is none that it could send")


def _relay(checks: _Line, program: _Line) -> Outcome:
    """Carry requests to the program and its answers back, until the checks have a verdict."""
    while True:
        try:
            data = checks.receive()
        except (TimeoutError, EOFError, wire.Forged) as error:
            why = "took too long" if isinstance(error, TimeoutError) else "ended without a verdict"
            return Outcome("forged", f"with its answers, the checks {why}")
        if data.startswith(b'{"verdict"'):
            verdict = wire.from_bytes(data)["verdict"]
            return Outcome(verdict["kind"], verdict["detail"])
        try:
            program.send(data)
            answer = program.receive()
        except TimeoutError:
            return _late(program)
        except EOFError:
            return Outcome("ended", "")
        except wire.Forged as error:
            return Outcome("forged", str(error))
        with contextlib.suppress(TimeoutError, EOFError):  # then the next read says so
            checks.send(answer)


def _late(program: _Line) -> Outcome:
    return Outcome("time", f"more than {program.patience:g} s by the clock")


def _ended(ending: Ending, seconds: int) -> Outcome:
    """What the end of a program says that has given no answer."""
    if not os.WIFSIGNALED(ending.status):
        return Outcome("ended", f"exit code {os.WEXITSTATUS(ending.status)}, without an answer")
    number = os.WTERMSIG(ending.status)
    if ending.stopped:
        return Outcome("ended", "it closed its line, and went on")
    if number == signal.SIGXCPU or (number == signal.SIGKILL and ending.processor > seconds / 2):
        return Outcome("time", f"more than {seconds} s of processor time")
    names = {int(known): known.name for known in signal.Signals}
    return Outcome("ended", f"killed by {names.get(number, number)}")
