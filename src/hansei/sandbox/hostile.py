"""Runs the hostile programs with something at stake, and says how each ended and what it reached.

At stake: a secret in a file, in the environment of this process, in its memory, behind a TCP port and behind a
socket in a folder. A program that gets hold of it passes its test; one that does harm leaves a trace.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hansei.sandbox import hostile_answers, hostile_escapes
from hansei.sandbox.run import Job, Outcome, Sandbox

STOPPED_BY_A_LOOP = "stopping the loop of the tests"
"""The one program whose test is a loop over `map`."""


@dataclass(frozen=True)
class Hostile:
    """A program that means harm."""

    name: str
    """What it tries."""
    ends: tuple[str, ...]
    """The kinds of failure that it may end in."""
    source: str
    """The program, with its places filled in."""
    slow: bool
    """Whether it uses much time."""
    escapes: bool
    """Whether it attacks the machine, and not only its judge."""


class Stake:
    """What lies outside, and what has been done to it."""

    def __init__(self, folder: Path, door: socket.socket, local: socket.socket, secret: str) -> None:
        self.folder, self.secret = folder, secret
        self.file = folder / "secret"
        self._doors = (door, local)
        self.places = {
            "$FILE": str(self.file),
            "$FOLDER": str(folder),
            "$PORT": str(door.getsockname()[1]),
            "$SOCKET": str(folder / "socket"),
            "$PROCESS": str(os.getpid()),
            "$NUL": "\0",
        }

    def harm(self) -> list[str]:
        """What has been done; empty where nothing has."""
        found = []
        if sorted(path.name for path in self.folder.iterdir()) != ["secret", "socket"]:
            found.append("files were made or removed")
        elif self.file.read_text(encoding="ascii") != self.secret or self.file.stat().st_mode & 0o777 != 0o644:
            found.append("the file was changed")
        for door in self._doors:
            with contextlib.suppress(BlockingIOError):
                door.accept()
                found.append("somebody has called")
        return found


@contextlib.contextmanager
def stake() -> Iterator[Stake]:
    """Lay out what a program could be after; it is gone afterwards."""
    secret = f"secret-{secrets.token_hex(16)}"
    with (
        tempfile.TemporaryDirectory(prefix="hansei-stake-") as folder,
        socket.create_server(("127.0.0.1", 0)) as door,
        socket.socket(socket.AF_UNIX) as local,
    ):
        Path(folder).chmod(0o777)  # so that only the sandbox stands in the way
        local.bind(str(Path(folder) / "socket"))
        (Path(folder) / "socket").chmod(0o777)
        local.listen()
        door.setblocking(False)
        local.setblocking(False)
        laid = Stake(Path(folder), door, local, secret)
        laid.file.write_text(secret, encoding="ascii")
        laid.file.chmod(0o644)
        os.environ["HANSEI_SECRET"] = secret
        try:
            yield laid
        finally:
            del os.environ["HANSEI_SECRET"]


def programs(laid: Stake) -> list[Hostile]:
    """All hostile programs, with this stake's places in them."""
    found = []
    for module in (hostile_answers, hostile_escapes):
        for part in module.PROGRAMS.split("### ")[1:]:
            head, _, source = part.partition("\n")
            name, _, words = head.partition(": ")
            for place, value in laid.places.items():
                source = source.replace(place, value)
            ends = tuple(word for word in words.split() if word != "slow")
            found.append(Hostile(name, ends, source, "slow" in words.split(), module is hostile_escapes))
    return found


def job(hostile: Hostile, laid: Stake) -> Job:
    """A hostile program, and a test that only the secret passes."""
    test = "assert solve() == SECRET"
    if hostile.name == STOPPED_BY_A_LOOP:
        test = "assert all(map(lambda n: solve(n) == SECRET, range(3)))"
    return Job(hostile.source, (test,), ("solve",), prelude=f"SECRET = {laid.secret!r}")


def attack(
    sandbox: Sandbox, chosen: Callable[[Hostile], bool] = lambda hostile: True
) -> tuple[list[tuple[Hostile, Outcome]], list[str]]:
    """How each (chosen) hostile program ended in this sandbox, and the harm done in all."""
    with stake() as laid:
        sent = [hostile for hostile in programs(laid) if chosen(hostile)]
        outcomes = sandbox.judge_all([job(hostile, laid) for hostile in sent], "hostile programs")
        return list(zip(sent, outcomes, strict=True)), laid.harm()
