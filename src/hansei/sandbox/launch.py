"""Outside: starts the first process of a sandbox, by the best way that this machine has, and tries its walls.

Ways, in this order: bubblewrap; namespaces of our own (`namespaces.py`); no namespaces, but Landlock and the filter
of system calls, as where a container forbids namespaces. The process inside adds Landlock, the filter, limits and
no_new_privs in each of them. A way counts only if a probe inside could reach no file, network or process outside.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from hansei.core.errors import BadInput
from hansei.sandbox import wire

Way = Literal["bubblewrap", "namespaces", "landlock", "none"]
WAYS: tuple[Way, ...] = get_args(Way)
SOURCES = Path(__file__).parents[1]
START = """\
import json, sys
settings = json.loads(sys.argv[1])
sys.path.insert(0, settings["sources"])
from hansei.sandbox import server
server.main(settings)
"""
LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache", "/usr/share/zoneinfo")
"""What Python's own modules may need beside their folder, where it is there."""
_PATIENCE = 30.0
"""Seconds within which a sandbox must be up, or gone."""


@dataclass(frozen=True)
class Limits:
    """What one program may use."""

    seconds: int = 10
    """Processor time of the program itself, its checks not counted; a busy machine so fails no program."""
    patience: float = 30.0
    """Seconds by the clock, for a program that sleeps."""
    memory_mb: int = 512
    """Address space."""

    def __post_init__(self) -> None:
        """Raises BadInput for limits in which nothing can run."""
        if not 1 <= self.seconds <= 3600 or self.patience <= 0 or not 64 <= self.memory_mb <= 1 << 20:
            found = f"{self.seconds}, {self.patience} and {self.memory_mb}"
            raise BadInput(
                "sandbox: 1 to 3600 whole seconds, a patience above 0 and a memory of 64 MB or more were expected, "
                f"found {found}"
            )


@dataclass(frozen=True)
class Isolation:
    """What stands between a program and the rest of the machine."""

    way: Way
    """How the process was started."""
    namespaces: bool
    """Whether it sees only its own processes, network and files."""
    landlock: int
    """Version of Landlock in force; 0 for none."""
    seccomp: bool
    """Whether its system calls are filtered."""
    root: bool = False
    """Whether it runs as root, if without root's rights; as nobody or as the user otherwise."""
    skipped: tuple[str, ...] = ()
    """Better ways that did not work here, and why."""

    def __str__(self) -> str:
        if self.way == "none":
            return "NO isolation: programs could read, change and send whatever the user can"
        layers = ["bubblewrap" if self.way == "bubblewrap" else "own launcher"]
        layers += ["namespaces"] * self.namespaces
        layers += [f"Landlock {self.landlock}"] * bool(self.landlock)
        layers += ["filtered system calls"] * self.seccomp
        layers += ["root without its rights"] * self.root
        text = f"isolation: {', '.join(layers)}, limits; tried: no file, network or process of the machine is in reach"
        return text + "".join(f"; not used here: {reason}" for reason in self.skipped)


class Broken(Exception):
    """A sandbox that did not come up, or ended."""


@dataclass(frozen=True)
class Ending:
    """How a request's process ended."""

    status: int
    """Its wait status."""
    stopped: bool
    """Whether it was still running when it was to be stopped."""
    processor: float
    """Seconds of processor time that it used."""


class Server:
    """A sandbox that is up: it runs one request at a time, each in a fresh fork."""

    def __init__(self, way: Way, limits: Limits, without: Collection[str] = ()) -> None:
        """Starts it; `without` leaves out `landlock` or `seccomp`, to test each wall alone. Raises Broken."""
        self.control, inner = socket.socketpair()
        self._base = tempfile.TemporaryDirectory(prefix="hansei-sandbox-") if way == "namespaces" else None
        base = self._base.name if self._base else None
        with inner, open(os.devnull, "r+b") as null, tempfile.TemporaryFile() as complaints:  # noqa: PTH123
            settings = _settings(way, limits, without, inner.fileno(), base)
            self._process = subprocess.Popen(
                [*_before(way, settings["readable"]), *_python(settings)],
                stdin=null,
                stdout=null,
                stderr=complaints,
                env={"PYTHONHASHSEED": "0", "LANG": "C.UTF-8", "TZ": "UTC", "MALLOC_ARENA_MAX": "2"},
                pass_fds=[inner.fileno()],
                start_new_session=True,
                cwd="/",
            )
            inner.close()
            self.control.settimeout(_PATIENCE)
            try:
                self.walls: dict[str, Any] = wire.from_bytes(wire.receive(self.control))
            except (EOFError, OSError, wire.Forged) as error:
                self.close()
                complaints.seek(0)
                said = complaints.read().decode(errors="replace").strip().splitlines()
                raise Broken(said[-1] if said else f"it did not answer ({type(error).__name__})") from error

    def start(self, request: dict[str, Any]) -> socket.socket:
        """Have a fork run a request; the line on which it speaks. Raises Broken."""
        mine, theirs = socket.socketpair()
        with theirs:
            try:
                wire.send_with(self.control, wire.to_bytes(request), theirs.fileno())
            except OSError as error:
                mine.close()
                raise Broken(f"the sandbox is gone ({error.strerror})") from error
        return mine

    def stop(self) -> Ending:
        """End what was started, and all that it has started. Raises Broken."""
        try:
            wire.send(self.control, b"")
            return Ending(**wire.from_bytes(wire.receive(self.control)))
        except (EOFError, OSError) as error:
            raise Broken("the sandbox ended with the program") from error

    def close(self) -> None:
        """The process inside ends when its control is closed; one that does not is killed."""
        self.control.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._base:
            self._base.cleanup()


def choose(limits: Limits, way: Way | None = None, without: Collection[str] = ()) -> tuple[Server, Isolation]:
    """A sandbox by the best way that works here (or by `way`), with what is in force.

    Raises BadInput where none isolates: the reasons of each are in its line.
    """
    if not hasattr(os, "fork"):
        raise BadInput("sandbox: Linux was expected, as programs are run in forks, found another system: use Linux")
    reasons: list[str] = []
    for name in (way,) if way else WAYS[:-1]:
        try:
            server = Server(name, limits, without)
        except (Broken, OSError) as error:
            reasons.append(f"{name} ({error})")
            continue
        try:
            found = [] if name == "none" else _probe(server)
        except Broken as error:  # as where a busy machine does not answer in time
            server.close()
            reasons.append(f"{name} ({error})")
            continue
        if not found:
            walls = server.walls
            held = (walls["process"] == 1, walls["landlock"], walls["seccomp"], walls["user"] == 0)
            return server, Isolation(name, *held, tuple(reasons))
        server.close()
        reasons.append(f"{name} (it leaves open: {', '.join(found)})")
    raise BadInput(
        f"sandbox: programs can't be isolated here: {'; '.join(reasons)}. Install bubblewrap, or allow user "
        "namespaces; --unconfined runs them without isolation, which lets a program do whatever you can"
    )


def _probe(server: Server) -> list[str]:
    """What a process inside could reach: `files`, `network`, `processes`; empty where the walls hold."""
    with (
        tempfile.TemporaryDirectory(prefix="hansei-probe-") as folder,
        socket.create_server(("127.0.0.1", 0)) as door,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as post,
        socket.socket(socket.AF_UNIX) as local,
    ):
        post.bind(door.getsockname())
        post.setblocking(False)
        file = Path(folder) / "probe"
        file.write_text("open", encoding="ascii")
        local.bind(f"{folder}/socket")
        local.listen()
        for path in (folder, file, f"{folder}/socket"):
            os.chmod(path, 0o777)  # noqa: S103, PTH101 - so that only the sandbox stands in the way
        target = {"file": str(file), "socket": f"{folder}/socket", "port": door.getsockname()[1]}
        request = {"role": "probe", "seconds": 5, "process": os.getpid(), **target}
        with server.start(request) as line:
            line.settimeout(_PATIENCE)
            try:
                answer = wire.from_bytes(wire.receive(line))
            except (EOFError, OSError, wire.Forged):
                answer = {"open": ["the probe ended early"]}
        server.stop()
        with contextlib.suppress(BlockingIOError):
            post.recv(10)
            answer["open"].append("network")
    return sorted(set(answer["open"]))


def _settings(way: Way, limits: Limits, without: Collection[str], control: int, base: str | None) -> dict[str, Any]:
    """What the process inside is told."""
    stdlib = {sysconfig.get_path(name, vars=_base_prefix()) for name in ("stdlib", "platstdlib")}
    library = str(Path(sys.base_prefix) / "lib")
    readable = [path for path in dict.fromkeys([library, *stdlib, *LIBRARIES]) if Path(path).exists()]
    return {
        "control": control,
        "sources": str(SOURCES.parent),
        "path": [*sorted(stdlib), *(str(Path(path) / "lib-dynload") for path in sorted(stdlib))],
        "readable": _outermost(readable),
        "confined": way != "none",
        "without": sorted(without),
        "memory_mb": limits.memory_mb,
        "base": base,
    }


def _base_prefix() -> dict[str, str]:
    """Python itself, not the virtual environment that hansei may run in."""
    return {
        "base": sys.base_prefix,
        "platbase": sys.base_exec_prefix,
        "installed_base": sys.base_prefix,
        "installed_platbase": sys.base_exec_prefix,
    }


def _outermost(paths: Sequence[str]) -> list[str]:
    """The paths that lie in no other of them."""
    return [p for p in paths if not any(p != other and Path(p).is_relative_to(other) for other in paths)]


def _python(settings: dict[str, Any]) -> list[str]:
    """Python without site packages, user folder, current folder and files that it would write."""
    return [_interpreter(), "-s", "-S", "-P", "-B", "-c", START, json.dumps(settings)]


def _interpreter() -> str:
    return str(Path(getattr(sys, "_base_executable", None) or sys.executable).resolve())


def _before(way: Way, readable: Sequence[str]) -> list[str]:
    """What stands before `python` on the command line."""
    if way != "bubblewrap":
        return []
    bubblewrap = shutil.which("bwrap")
    if bubblewrap is None:
        raise Broken("it is not installed")
    # Root keeps what it takes to become nobody inside; the process inside gives that up too.
    rights = ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"] if os.geteuid() == 0 else []
    user = [] if os.geteuid() == 0 else ["--unshare-user", "--uid", "65534", "--gid", "65534"]
    shown = [*readable, _interpreter(), str(SOURCES / "__init__.py"), str(SOURCES / "sandbox")]
    parents = {str(parent) for path in shown for parent in Path(path).parents}
    binds = [part for path in sorted(parents - {"/"}) for part in ("--dir", path)]  # else only root could pass
    binds += [part for path in shown for part in ("--ro-bind", path, path)]
    apart = ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--as-pid-1", "--new-session"]
    return [bubblewrap, *rights, *user, *apart, *binds, "--remount-ro", "/", "--chdir", "/", "--"]
