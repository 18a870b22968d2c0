"""Inside, on the trusted side: runs a benchmark's tests, which call the program over the wire.

No line of the program runs in this process, and nothing but plain values comes into it. What the program can't say
as a plain value is a Remote: it can be called and looked into (each time the program only says values), but not
compared, as its own `==` would decide.
"""

from __future__ import annotations

import ast
import socket
import traceback
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from hansei.sandbox import crossing, wire

FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodType)
"""What a test can pass to the program to be called."""


class Opaque(Exception):
    """The program's own object stands where a value is compared."""


class NotPassable(Exception):
    """A test passes an argument that can't be sent to the program."""


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
        self.functions: list[Callable[..., Any]] = []
        """Functions that a test has passed to the program."""

    def ask(self, do: str, given: Sequence[Any], named: Mapping[str, Any]) -> Any:
        """Have the program do something, and take what comes of it: a value, or an exception.

        Only the type of an argument is the test's fault; its size may be the program's, whose values the test
        hands back.
        """
        try:
            message = {
                "do": do,
                "given": [wire.encode(item, self._reference) for item in given],
                "named": {name: wire.encode(item, self._reference) for name, item in named.items()},
            }
            wire.send(self.connection, wire.to_bytes(message))
        except (wire.TooLarge, RecursionError) as error:
            raise wire.Forged(f"arguments too large or too deep to be sent ({error})") from error
        while "function" in (answer := self._receive()):
            wire.send(self.connection, self._called_back(answer))
        if "raised" in answer:
            raise crossing.rebuilt(answer)
        if "given" in answer:
            for mine, theirs in zip(given[1:], self._list(answer["given"], len(given) - 1), strict=True):
                crossing.refresh(mine, theirs)
        return self._decode(answer.get("value", {}))

    def _receive(self) -> dict[str, Any]:
        answer = wire.from_bytes(wire.receive(self.connection))
        if not isinstance(answer, dict):
            raise wire.Forged("an answer is an object")
        return answer

    def _called_back(self, answer: dict[str, Any]) -> bytes:
        """The program calls a function that the test has passed to it: what comes of that."""
        number = answer["function"]
        if not isinstance(number, int) or not 0 <= number < len(self.functions):
            raise wire.Forged("a call of no function")
        given = self._list(answer.get("given"))
        try:
            value = self.functions[number](*given)
            after = [wire.encode(item, self._reference) for item in given]
            data = wire.to_bytes({"value": wire.encode(value, self._reference), "given": after})
            wire.check_length(data)
        except (wire.Forged, Opaque, EOFError):
            raise
        except Exception as error:  # the arguments are the program's, so this is its affair
            data = wire.to_bytes(crossing.told(error, "<checks>"))
        return data

    def _list(self, sent: Any, length: int | None = None) -> list[Any]:
        if not isinstance(sent, list) or (length is not None and len(sent) != length):
            raise wire.Forged("a list of arguments was expected")
        return [self._decode(item) for item in sent]

    def _decode(self, sent: Any) -> Any:
        try:
            return wire.decode(sent, self._refer)
        except (RecursionError, MemoryError) as error:
            raise wire.Forged("a value too deep or too large to be read") from error

    def _refer(self, tag: str, content: Any) -> Any:
        if tag == "function" and isinstance(content, int) and 0 <= content < len(self.functions):
            return self.functions[content]
        if tag != "object" or not isinstance(content, list) or [type(part) for part in content] != [int, str]:
            raise wire.Forged("a reference that can't be")
        number, kind = content
        return Remote(self, {"object": number}, kind[:80])

    def _reference(self, value: Any) -> Any:
        """What is no plain value, as an argument: something of the program's, or a function of the test's."""
        if isinstance(value, Remote):
            return value._remote[1]
        if isinstance(value, FUNCTIONS):
            if not any(value is known for known in self.functions):
                self.functions.append(value)
            return {"function": next(i for i, known in enumerate(self.functions) if known is value)}
        raise NotPassable(f"a {type(value).__name__}")


def _do(remote: Remote, deed: str, *given: Any, **named: Any) -> Any:
    return remote._remote[0].ask(deed, [remote, *given], named)


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
