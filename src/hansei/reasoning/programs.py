"""Runs the program of a template in the sandbox, and nowhere else, and takes its value.

The sandbox says whether a program passes its tests. The value comes as the message of a test that fails on purpose,
as JSON: a plain value or nothing, whatever the program does.
"""

from __future__ import annotations

import ast
import atexit
import contextlib
import functools
import json
import math
import re
from typing import Any

from hansei.sandbox.launch import Limits
from hansei.sandbox.run import Job, Sandbox

ENTRY = "solve"
"""What a template's program defines."""
LIMITS = Limits(seconds=5, memory_mb=256)
_TEST = "told = json.dumps(solve(**given))\nassert not told, told"
_END = ": assert not told, told"
_SLOT = re.compile(r"(?:^|[,;\n])[ \t]*`?([A-Za-z_]\w{0,60})`?[ \t]*=[ \t]*")
LONGEST = 20_000
"""Characters of the longest line of slots that is read."""


class Failed(Exception):
    """The program has given no value; the message says why."""


def run(program: str, given: dict[str, Any], box: Sandbox | None = None) -> str:
    """What `solve(**given)` of the program returns, as text. Raises Failed where it returns nothing that is plain."""
    prelude = f"import json\ngiven = {given!r}"
    job = Job(program, tests=(_TEST,), names=(ENTRY,), prelude=prelude)
    outcome = (box or sandbox()).judge(job)
    if outcome.kind != "wrong" or not outcome.detail.endswith(_END):
        reason = "its value is too long" if outcome.kind == "wrong" else str(outcome)
        raise Failed(f"program: {reason}")
    value = json.loads(outcome.detail.removesuffix(_END))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@functools.cache
def sandbox() -> Sandbox:
    """The sandbox of this process, started when it is first needed. Raises BadInput where there is no isolation."""
    stack = contextlib.ExitStack()
    box = stack.enter_context(Sandbox(LIMITS, workers=1))
    atexit.register(stack.close)
    return box


def filled(line: str) -> dict[str, Any]:
    """The slots in a line `a = 12, names = ["x", "y"]`: literals where they are any, else the words themselves."""
    line = line[:LONGEST]
    try:  # as the arguments of a call, which is what they are when they are well written
        call = ast.parse(f"f({line.strip()})", mode="eval").body
        named = call.keywords if isinstance(call, ast.Call) else []
        values = {k.arg: ast.literal_eval(k.value) for k in named if k.arg}
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        values = _by_marks(line)
    return {name: value for name, value in values.items() if _plain(value)}


def _by_marks(line: str) -> dict[str, Any]:
    marks = list(_SLOT.finditer(line))
    values: dict[str, Any] = {}
    ends = [*(mark.start() for mark in marks[1:]), len(line)]
    for mark, end in zip(marks, ends, strict=False):  # without marks there is an end, but no value
        text = line[mark.end() : end].strip().rstrip(",;.`")
        try:
            values[mark[1]] = ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            values[mark[1]] = text
    return values


def _plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(_plain(item) for item in value)
    return isinstance(value, (int, float, str)) and not (isinstance(value, float) and math.isnan(value))
