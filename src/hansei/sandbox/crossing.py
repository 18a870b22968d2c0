"""What crosses the wire besides values: exceptions, and changes made to arguments in place.

Used on both sides of the wall, so it imports the standard library alone.
"""

from __future__ import annotations

import builtins
from typing import Any

from hansei.sandbox import wire

NEVER = ("Exception", "StopIteration", "StopAsyncIteration", "ExceptionGroup")
"""Built-in exceptions that are not raised on the other side under their name.

Two of them end loops: one that a program raises inside `all(map(...))` would pass for the end of the tests. The first
is too broad to be what a test expects, the last holds others.
"""


class OtherSide(Exception):
    """An exception of the other side that has no twin here."""


def told(error: BaseException, file: str) -> dict[str, Any]:
    """An exception as a message: the names of its classes, its text, and the line of `file` that it came from."""
    try:
        message = str(error)[:300]
    except BaseException:  # a program's exception can have a __str__ of its own
        message = "an exception that can't be shown"
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file:
            line = trace.tb_lineno
        trace = trace.tb_next
    return {"raised": [kind.__name__ for kind in type(error).__mro__], "message": message, "line": line}


def rebuilt(answer: dict[str, Any]) -> Exception:
    """The exception of a message: the nearest built-in one, so that a test can expect it.

    None that steers a loop or ends a process; `__hansei__` holds its real name and line. Raises Forged.
    """
    names, message, line = answer["raised"], answer.get("message"), answer.get("line")
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise wire.Forged("an exception without a name")
    kind: Any = next((found for name in names if (found := _twin(name)) is not None), OtherSide)
    error: Any = kind.__new__(kind)
    error.args = (str(message)[:300],)
    error.__hansei__ = (names[0][:80], line if isinstance(line, int) else None)
    made: Exception = error
    return made


def _twin(name: str) -> type[Exception] | None:
    kind = getattr(builtins, name, None)
    if name in NEVER or not isinstance(kind, type) or not issubclass(kind, Exception):
        return None
    return kind


def refresh(mine: Any, theirs: Any) -> None:
    """Make a container equal to another of its kind, in place; inner containers keep their identity."""
    if isinstance(mine, list) and isinstance(theirs, list):
        mine[:] = [_same(a, b) for a, b in zip(mine, theirs, strict=False)] + theirs[len(mine) :]
    elif isinstance(mine, dict) and isinstance(theirs, dict):
        new = {key: _same(mine.get(key), value) for key, value in theirs.items()}
        mine.clear()
        mine.update(new)
    elif isinstance(mine, set) and isinstance(theirs, set):
        mine.clear()
        mine.update(theirs)
    elif isinstance(mine, bytearray) and isinstance(theirs, bytearray):
        mine[:] = theirs


def _same(mine: Any, theirs: Any) -> Any:
    if type(mine) is type(theirs) and isinstance(mine, (list, dict, set, bytearray)):
        refresh(mine, theirs)
        return mine
    return theirs
