"""Hostile programs: none passes, none does harm, none outlives its time, none spoils the next."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

import pytest

from hansei.sandbox.hostile import attack, job, programs, stake
from hansei.sandbox.launch import Way
from hansei.sandbox.run import Job
from tests.sandbox.conftest import as_nobody, sandbox_or_skip

GOOD = Job("def f(x): return x + 1", ("assert f(1) == 2",), ("f",))


def descendants(pid: int) -> set[int]:
    """The processes below one, as /proc shows them."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parent = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[1]
                children.setdefault(int(parent), []).append(int(entry.name))
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        below = children.get(waiting.pop(), [])
        found |= set(below)
        waiting += below
    return found


def test_there_are_forty_kinds_of_attack_and_more() -> None:
    with stake() as laid:
        names = [hostile.name for hostile in programs(laid)]
    assert len(names) == len(set(names)) >= 40


def test_every_hostile_program_fails_and_leaves_nothing_behind() -> None:
    before = descendants(os.getpid())
    with sandbox_or_skip(workers=2) as sandbox:
        with stake() as laid:
            chosen = programs(laid)
            outcomes = sandbox.judge_all([one for hostile in chosen for one in (job(hostile, laid), GOOD)])
            assert laid.harm() == []
        started = descendants(os.getpid()) - before
        assert len(started) >= 4
    assert descendants(os.getpid()) & started == set()
    assert [outcome.passed for outcome in outcomes[1::2]] == [True] * len(chosen)
    for hostile, outcome in zip(chosen, outcomes[::2], strict=True):
        # On a busy machine any of them may run out of time by the clock.
        assert outcome.kind in (*hostile.ends, "time"), (hostile.name, str(outcome))
        assert not outcome.passed and outcome.detail, hostile.name


ALONE: list[tuple[Way, tuple[str, ...]]] = [
    ("bubblewrap", ("landlock", "seccomp")),
    ("namespaces", ()),
    ("namespaces", ("landlock", "seccomp")),
    ("landlock", ()),
]
"""Ways, and what they are to hold without."""


@pytest.mark.parametrize(("way", "without"), ALONE, ids=str)
def test_hostile_programs_fail_in_each_way_of_isolation(way: Way, without: tuple[str, ...]) -> None:
    with sandbox_or_skip(way, without) as sandbox:
        outcomes, harm = attack(sandbox, lambda hostile: hostile.escapes and not hostile.slow)
        assert harm == []
        assert [hostile.name for hostile, outcome in outcomes if outcome.passed] == []
        assert len(outcomes) > 35
        assert sandbox.judge(GOOD).passed


SCRIPT = """
import json, sys
sys.path.insert(0, "SOURCES")
from hansei.core.errors import BadInput
from hansei.sandbox.hostile import attack
from hansei.sandbox.launch import WAYS, Limits
from hansei.sandbox.run import Sandbox
found = {}
for way in WAYS[:-1]:
    try:
        with Sandbox(Limits(seconds=1, patience=4.0, memory_mb=256), way=way, workers=1) as sandbox:
            outcomes, harm = attack(sandbox, lambda hostile: hostile.escapes and not hostile.slow)
    except BadInput as error:
        found[way] = str(error)
    else:
        found[way] = [[h.name for h, o in outcomes if o.passed], harm, len(outcomes), sandbox.isolation.root]
print(json.dumps(found))
"""


def test_an_unprivileged_user_is_as_safe() -> None:
    sources = Path(__file__).parents[2] / "src"
    ran = as_nobody(SCRIPT.replace("SOURCES", str(sources)))
    assert ran.returncode == 0, ran.stderr[-2000:]
    found = json.loads(ran.stdout)
    worked = {way: said for way, said in found.items() if isinstance(said, list)}
    if not worked:
        pytest.skip(f"nobody can't isolate programs here: {found}")
    for passed, harm, count, root in worked.values():
        assert (passed, harm, root) == ([], [], False)
        assert count > 35
