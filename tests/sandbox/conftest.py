"""Sandboxes that the tests of this folder share; each way of isolation is skipped where it does not work."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hansei.core.errors import BadInput
from hansei.sandbox.launch import Limits, Way
from hansei.sandbox.run import Job, Outcome, Sandbox

LIMITS = Limits(seconds=1, patience=4.0, memory_mb=256)


def sandbox_or_skip(way: Way | None = None, without: tuple[str, ...] = (), workers: int = 1) -> Sandbox:
    """A sandbox with short limits; the test is skipped, with the reason, where there is none of that kind."""
    try:
        return Sandbox(LIMITS, workers=workers, way=way, without=without)
    except BadInput as error:
        pytest.skip(str(error).partition(". Install")[0])


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """The best sandbox that there is here."""
    with sandbox_or_skip() as made:
        yield made


@pytest.fixture
def judge(sandbox: Sandbox) -> Callable[..., Outcome]:
    """`judge(program, test, ...)`: how a program ends; the names in the tests that are the program's follow."""

    def judge(program: str, *tests: str, names: str = "f", prelude: str = "", setup: str = "") -> Outcome:
        return sandbox.judge(Job(program, tests, tuple(names.split()), prelude, setup))

    return judge


def as_nobody(script: str) -> subprocess.CompletedProcess[str]:
    """Run a Python script as the user nobody, by the same Python; skipped where that can't be done.

    Where nobody may not enter the folder above Python (/root, say), a folder of our own is laid over it, in a mount
    namespace that only the script is in.
    """
    if os.geteuid() != 0:
        pytest.skip("not root: the other tests have run without privileges already")
    python = Path(sys.base_prefix).resolve()
    closed = next((p for p in reversed(python.parents) if p.stat().st_mode & 0o005 != 0o005), None)
    before, steps = [], []
    if closed is not None:
        before = ["unshare", "--mount"]
        steps = [
            f"hold=$(mktemp -d) && mount --rbind {python} $hold",
            f"mount -t tmpfs -o mode=755 none {closed} && mkdir -p {python} && mount --rbind $hold {python}",
        ]
    nobody = "setpriv --reuid 65534 --regid 65534 --clear-groups"
    steps += [f"{nobody} test -r {__file__} || exit 77", f'exec {nobody} {sys.executable} -B -c "$SCRIPT"']
    for tool in ("setpriv", *before[:1]):
        if shutil.which(tool) is None:
            pytest.skip(f"needs {tool} to become nobody")
    if before and subprocess.run([*before, "true"], capture_output=True, check=False).returncode:
        pytest.skip(f"nobody may not enter {closed}, above Python, and mounts are forbidden here")
    ran = subprocess.run(
        [*before, "sh", "-ec", "\n".join(steps)],
        env=os.environ | {"SCRIPT": script, "HOME": "/"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if ran.returncode == 77:
        pytest.skip("nobody can't be become here, or may not read the checkout")
    return ran
