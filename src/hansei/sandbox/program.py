"""Inside, on the hostile side: runs a program, and does with it what the checks ask for.

Nothing here is trusted by anybody: the program shares this interpreter and can change all of it. It can so only
say other plain values, or nothing.
"""

from __future__ import annotations

import operator
import socket
from collections.abc import Callable
from typing import Any

from hansei.sandbox import wire

_KEPT: list[Any] = []
"""What could not be sent as a value, by number."""
_NUMBERS: dict[int, int] = {}
"""The number of each by its identity, which is its own as long as it is kept."""
_DEEDS: dict[str, Callable[..., Any]] = {
    "call": lambda what, *given, **named: what(*given, **named),
    "getattr": getattr,
    "setattr": setattr,
    "getitem": operator.getitem,
    "setitem": operator.setitem,
    "iterate": list,
    "length": len,
    "truth": bool,
    "text": str,
}


def run(line: socket.socket, request: dict[str, str]) -> None:
    """Run the program and its set-up, say that it is ready, then answer until the line is closed."""
    space: dict[str, Any] = {"__name__": "program"}
    if not _loaded(line, space, request):
        return
    wire.send(line, wire.to_bytes({"ready": True}))
    while True:
        wire.send(line, _answer(wire.from_bytes(wire.receive(line)), space))


def _loaded(line: socket.socket, space: dict[str, Any], request: dict[str, str]) -> bool:
    for part in ("program", "setup"):
        try:
            code = compile(request[part], f"<{part}>", "exec", dont_inherit=True)
        except BaseException as error:
            wire.send(line, wire.to_bytes(_raised(error) | {"part": part, "while": "compiling"}))
            return False
        try:
            exec(code, space)  # noqa: S102 - this is what the sandbox is for
        except BaseException as error:
            wire.send(line, wire.to_bytes(_raised(error) | {"part": part, "while": "running"}))
            return False
    return True


def _answer(asked: dict[str, Any], space: dict[str, Any]) -> bytes:
    """What comes of one request: a value, or what was raised; arguments too, where they were changed in place."""

    def refer(tag: str, content: Any) -> Any:
        if tag == "object":
            return _KEPT[content]
        try:
            return space[content]
        except KeyError:
            raise NameError(f"name {content!r} is not defined") from None

    try:
        given = [wire.decode(item, refer) for item in asked["given"]]
        named = {name: wire.decode(item, refer) for name, item in asked["named"].items()}
        value = _DEEDS[asked["do"]](*given, **named)
        after = [wire.encode(item, _keep) for item in given[1:]]
        answer = {"value": wire.encode(value, _keep)}
        if after != asked["given"][1:]:
            answer["given"] = after
        data = wire.to_bytes(answer)
        if len(data) > wire.LARGEST:
            raise wire.NotPlain(f"{len(data)} bytes are more than the {wire.LARGEST} that can be sent at once")
    except BaseException as error:
        data = wire.to_bytes(_raised(error))
    return data


def _keep(value: Any) -> Any:
    """A reference to something of the program's own, and the name of its type."""
    number = _NUMBERS.setdefault(id(value), len(_KEPT))
    if number == len(_KEPT):
        _KEPT.append(value)
    return {"object": [number, type(value).__name__]}


def _raised(error: BaseException) -> dict[str, Any]:
    """The names of an exception's classes, its message, and the line of the program that it came from."""
    try:
        message = str(error)[:300]
    except BaseException:
        message = "an exception that can't be shown"
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<program>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return {"raised": [kind.__name__ for kind in type(error).__mro__], "message": message, "line": line}
