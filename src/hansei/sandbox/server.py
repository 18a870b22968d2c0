"""Inside: the first process of a sandbox. It walls itself in, then forks a fresh process for each request.

Started by `launch.py` as `python -c "..." SETTINGS`, with one end of a socket pair. It is asked one thing at a time:
a request with a descriptor is run in a fork that speaks on that descriptor; an empty frame ends it. Nothing that a
fork does stays: it can't write a file, start a process, reach this one, or outlive its request.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import random
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any

from hansei.sandbox import checks, lock, namespaces, program, seccomp, wire

WARM = (
    "abc array base64 bisect calendar cmath collections copy csv dataclasses datetime decimal enum fractions functools "
    "hashlib heapq io itertools json math numbers operator queue random re statistics string struct textwrap threading "
    "time typing unicodedata"
)
"""Modules that programs ask for most: imported once, before the first fork."""
LINE = 3
"""The descriptor on which a fork speaks."""
PTRACE_SEIZE = 0x4206
PROCESSES = 64
"""Most processes of a program, where the system calls are not filtered."""


def main(settings: dict[str, Any]) -> None:
    """Wall in, say hello, serve until the other end is closed."""
    control = socket.socket(fileno=settings["control"])
    for name in WARM.split():
        __import__(name)
    sys.path[:] = settings["path"]
    base = settings["base"]
    if base is not None:
        namespaces.enter(base, settings["readable"])
    walls = _wall_in(settings)
    gc.collect()
    gc.freeze()  # so that a fork's collector leaves the pages that all forks share alone
    wire.send(control, wire.to_bytes(walls))
    while True:
        try:
            data, line = wire.receive_with(control)
        except EOFError:
            os._exit(0)
        wire.send(control, wire.to_bytes(_serve(control, line, json.loads(data), settings)))


def _wall_in(settings: dict[str, Any]) -> dict[str, Any]:
    """Give up what this process needs no more; what is in force."""
    walls = {"process": os.getpid(), "landlock": 0, "seccomp": False, "user": os.geteuid()}
    if not settings["confined"]:
        return walls
    lock.give_up_rights(settings["readable"])
    if "landlock" not in settings["without"] and lock.landlock_version():
        lock.landlock(settings["readable"])
        walls["landlock"] = lock.landlock_version()
    walls["seccomp"] = "seccomp" not in settings["without"] and seccomp.available()
    settings["filter"] = seccomp.compiled() if walls["seccomp"] else b""
    return walls | {"user": os.geteuid()}


def _serve(control: socket.socket, line: int, request: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    """Run one request in a fork until the other side says that it is enough; how the fork ended."""
    pid = os.fork()
    if pid == 0:
        try:
            control.close()
            _fresh(line, request["seconds"], settings)
            ROLES[request["role"]](socket.socket(fileno=LINE), request)
        finally:  # no handler, no thread and no finaliser of a program runs after its time
            os._exit(0)
    os.close(line)
    with contextlib.suppress(EOFError):  # gone: then there is nobody to tell
        wire.receive(control)
    alive = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    os.kill(pid, signal.SIGKILL)
    if os.getpid() == 1:  # in a namespace of its own: everything that is left in it
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)
    _, status, used = os.wait4(pid, 0)
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, 0 if os.getpid() == 1 else os.WNOHANG)[0]:
            pass
    stopped = alive and os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    return {"status": status, "stopped": stopped, "processor": used.ru_utime + used.ru_stime}


def _fresh(line: int, seconds: int, settings: dict[str, Any]) -> None:
    """A fork before its request: the line as descriptor 3, nothing else open but /dev/null, limits and filter."""
    os.dup2(1, 2)
    os.dup2(line, LINE)
    os.closerange(LINE + 1, 1 << 16)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    random.seed(0)
    code = settings.get("filter")
    lock.limit_resources(settings["memory_mb"], seconds, None if code or not settings["confined"] else PROCESSES)
    if code:
        seccomp.install(code)


def _checks(line: socket.socket, request: dict[str, Any]) -> None:
    try:
        verdict = checks.run(line, request)
    except BaseException as error:
        verdict = {"kind": "forged", "detail": f"the checks could not go on ({type(error).__name__})"}
    wire.send(line, wire.to_bytes({"verdict": verdict}))


def _probe(line: socket.socket, request: dict[str, Any]) -> None:
    """Try to get out, by the plainest ways, and say which were open: `files`, `network`, `processes`.

    Whether the datagram arrives, only the other side knows: bubblewrap's own network takes it, and leads nowhere.
    """
    door = ("127.0.0.1", request["port"])
    with contextlib.suppress(OSError):
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"out", door)
    attempts: list[tuple[str, Callable[[], object]]] = [
        ("files", lambda: os.open(request["file"], os.O_RDONLY)),
        ("files", lambda: os.open(request["file"] + ".new", os.O_WRONLY | os.O_CREAT)),
        ("network", lambda: socket.create_connection(door, 1)),
        ("network", lambda: socket.socket(socket.AF_UNIX).connect(request["socket"])),
    ]
    if os.getppid() != 1:  # else in a namespace of its own, where the numbers of processes mean others
        attempts += [
            ("processes", lambda: os.kill(request["process"], 0)),
            ("processes", lambda: _attach(request["process"])),
            ("processes", lambda: os.fork() or os._exit(0)),
        ]
    found = set()
    for name, attempt in attempts:
        with contextlib.suppress(OSError):
            attempt()
            found.add(name)
    wire.send(line, wire.to_bytes({"open": sorted(found)}))


def _attach(process: int) -> None:
    """Take hold of a process as a debugger does, without stopping it."""
    if ctypes.CDLL(None, use_errno=True).ptrace(PTRACE_SEIZE, process, None, None) != 0:
        raise OSError(ctypes.get_errno(), "ptrace was refused")


ROLES = {"program": program.run, "checks": _checks, "probe": _probe}
