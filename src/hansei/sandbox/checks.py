"""Inside, on the trusted side: runs a benchmark's tests, which call the program over the wire.

No line of the program runs in this process, and nothing but plain values comes into it. What the program can't say
as a plain value is a Remote: it can be called and looked into (each time the program only says values), but not
compared, as its own `==` would decide.
"""

from __future__ import annotations

import ast
import builtins
import socket
import traceback
from collections.abc import Iterator
from typing import Any

from hansei.sandbox import wire


class Opaque(Exception):
    """The program's own object stands where a value is compared."""


class NotPassable(Exception):
    """A test passes an argument that can't be sent to the program."""


class ProgramRaised(Exception):
    """The program raised something that is not to be raised here."""


class Remote:
    """Something in the program's process: a name of it, or an object that it has given."""

    def __init__(self, line: Line, reference: dict[str, Any], kind: str) -> None:
        object.__setattr__(self, "_remote", (line, reference, kind))

    def __call__(self, *given: Any, **named: Any) -> Any:
        return _do(self, "call", *given, **named)

    def __getattr__(self, name: str) -> Any:
        return _do(self, "getattr", name)

    def __setattr__(self, name: str, value: Any) -> None:
        _do(self, "setattr", name, value)

    def __getitem__(self, key: Any) -> Any:
        return _do(self, "getitem", key)

    def __setitem__(self, key: Any, value: Any) -> None:
        _do(self, "setitem", key, value)

    def __iter__(self) -> Iterator[Any]:
        items = _do(self, "iterate")
        return iter(items if isinstance(items, list) else [])

    def __len__(self) -> int:
        return int(_do(self, "length"))

    def __bool__(self) -> bool:
        return _do(self, "truth") is True

    def __str__(self) -> str:
        return str(_do(self, "text"))

    def __eq__(self, other: object) -> bool:
        raise Opaque(self._remote[2])

    __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __eq__
    __hash__ = None  # type: ignore[assignment]


class Line:
    """The wire to the program."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection

    def ask(self, do: str, given: list[Any], named: dict[str, Any]) -> Any:
        """Have the program do something, and take what comes of it: a value, or an exception.

        Only the type of an argument is the test's fault; its size may be the program's, whose values the test
        hands back.
        """
        try:
            message = {
                "do": do,
                "given": [wire.encode(item, _reference) for item in given],
                "named": {name: wire.encode(item, _reference) for name, item in named.items()},
            }
            wire.send(self.connection, wire.to_bytes(message))
        except (wire.NotPlain, RecursionError) as error:
            raise wire.Forged(f"arguments too large or too deep to be sent ({error})") from error
        answer = wire.from_bytes(wire.receive(self.connection))
        if not isinstance(answer, dict):
            raise wire.Forged("an answer is an object")
        if "raised" in answer:
            raise raised(answer)
        if "given" in answer:
            self._take_back(given[1:], answer["given"])
        return self._decode(answer.get("value", {}))

    def _decode(self, sent: Any) -> Any:
        try:
            return wire.decode(sent, self._refer)
        except (RecursionError, MemoryError) as error:
            raise wire.Forged("a value too deep or too large to be read") from error

    def _refer(self, tag: str, content: Any) -> Remote:
        number, kind = content
        if tag != "object" or not isinstance(number, int) or not isinstance(kind, str):
            raise wire.Forged("a reference that can't be")
        return Remote(self, {"object": number}, kind[:80])

    def _take_back(self, given: list[Any], sent: Any) -> None:
        """The arguments as the program left them: a test may look at a list that was sorted in place."""
        if not isinstance(sent, list) or len(sent) != len(given):
            raise wire.Forged("other arguments came back")
        for mine, theirs in zip(given, sent, strict=True):
            if isinstance(mine, (list, dict, set, bytearray)):
                _refresh(mine, self._decode(theirs))


def _do(remote: Remote, deed: str, *given: Any, **named: Any) -> Any:
    return remote._remote[0].ask(deed, [remote, *given], named)


def _reference(value: Any) -> Any:
    if isinstance(value, Remote):
        return value._remote[1]
    raise NotPassable(f"a {type(value).__name__}")


def _refresh(mine: Any, theirs: Any) -> None:
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
        _refresh(mine, theirs)
        return mine
    return theirs


def raised(answer: dict[str, Any]) -> Exception:
    """The exception that the program reports: the nearest built-in one, so that a test can expect it.

    Those that steer a loop or end a process are never raised here: a StopIteration inside `all(map(...))` would
    pass for the end of the tests.
    """
    names, message, line = answer["raised"], answer.get("message"), answer.get("line")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise wire.Forged("an exception without a name")
    kind = next((found for name in names if (found := _harmless(name)) is not None), ProgramRaised)
    error = kind.__new__(kind, str(message))
    error.args = (str(message)[:300],)
    shown = names[0][:80] if names else "an exception"
    error.__hansei__ = (shown, line if isinstance(line, int) else None)
    made: Exception = error
    return made


def _harmless(name: str) -> Any:
    kind = getattr(builtins, name, None)
    if name in ("Exception", "StopIteration", "StopAsyncIteration") or not isinstance(kind, type):
        return None
    return kind if issubclass(kind, Exception) else None


def run(line: socket.socket, request: dict[str, Any]) -> dict[str, Any]:
    """Run the tests and say how it went: `{"kind", "detail"}`, kind `passed` where all did."""
    remote = Line(line)
    space: dict[str, Any] = {"__name__": "checks"}
    try:
        codes = [compile(text, "<checks>", "exec", dont_inherit=True) for text in request["tests"]]
        exec(compile(request["prelude"], "<prelude>", "exec", dont_inherit=True), space)  # noqa: S102
    except Exception as error:
        return {"kind": "test", "detail": f"{type(error).__name__}: {error}"[:300]}
    space |= {name: Remote(remote, {"name": name}, name) for name in request["names"]}
    for code, text in zip(codes, request["tests"], strict=True):
        try:
            exec(code, space)  # noqa: S102
        except BaseException as error:
            kind, detail = _why(error)
            where = _statement(error, text)
            return {"kind": kind, "detail": f"{detail}{': ' if detail and where else ''}{where}"[:400]}
    return {"kind": "passed", "detail": ""}


def _why(error: BaseException) -> tuple[str, str]:
    """The kind of a failure, and what was wrong."""
    if isinstance(error, NotPassable):
        return "test", f"it passes what can't be sent to another process ({error})"
    if isinstance(error, Opaque):
        return "opaque", f"a {error}"
    told = getattr(error, "__hansei__", None)
    if told is not None:
        name, line = told
        kind = "memory" if name == "MemoryError" else "raised"
        at = f" in line {line}" if line else ""
        return kind, f"{name}{at}{': ' if error.args[0] else ''}{error.args[0]}"
    if isinstance(error, (wire.Forged, EOFError)):
        return "forged", f"{error}"
    if isinstance(error, AssertionError):
        return "wrong", str(error)
    return "raised", f"{type(error).__name__} in the test: {error}"


def _statement(error: BaseException, text: str) -> str:
    """The source of the test's statement that failed."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == "<checks>"]
    if not lines or lines[-1] is None:
        return ""
    inner = [
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.stmt) and node.lineno <= lines[-1] <= (node.end_lineno or node.lineno)
    ]
    found = max(inner, key=lambda node: node.lineno, default=None)
    return " ".join((ast.get_source_segment(text, found) or "").split()) if found else ""
