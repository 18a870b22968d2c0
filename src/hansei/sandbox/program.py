"""Inside, on the hostile side: runs a program, and does with it what the checks ask for.

Nothing here is trusted by anybody: the program shares this interpreter and can change all of it. It can so only
say other plain values, or nothing.
"""

from __future__ import annotations

import operator
import socket
from collections.abc import Callable
from typing import Any

from hansei.sandbox import crossing, wire

_KEPT: list[Any] = []
"""What could not be sent as a value, by number."""
_NUMBERS: dict[int, int] = {}
"""The number of each by its identity, which is its own as long as it is kept."""
_KEPT_FUNCTIONS: dict[int, tuple[Callable[..., Any], int]] = {}
"""Functions of the tests, by their identity here, and their numbers there."""
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
    for part in ("program", "setup"):
        doing = "compiling"
        try:
            code = compile(request[part], f"<{part}>", "exec", dont_inherit=True)
            doing = "running"
            exec(code, space)  # noqa: S102 - this is what the sandbox is for
        except BaseException as error:
            said = crossing.told(error, f"<{part}>") | {"part": part, "while": doing}
            wire.send(line, wire.to_bytes(said))
            return
    wire.send(line, wire.to_bytes({"ready": True}))
    while True:
        wire.send(line, _answer(line, wire.from_bytes(wire.receive(line)), space))


def _answer(line: socket.socket, asked: dict[str, Any], space: dict[str, Any]) -> bytes:
    """What comes of one request: a value, or what was raised; arguments too, where they were changed in place."""

    def refer(tag: str, content: Any) -> Any:
        if tag == "object":
            return _KEPT[content]
        if tag == "function":
            return _function(line, content, space)
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
        wire.check_length(data)
    except BaseException as error:
        data = wire.to_bytes(crossing.told(error, "<program>"))
    return data


def _function(line: socket.socket, number: int, space: dict[str, Any]) -> Callable[..., Any]:
    """A function that a test has passed: it runs over there."""

    def function(*given: Any) -> Any:
        message = {"function": number, "given": [wire.encode(item, _keep) for item in given]}
        wire.send(line, wire.to_bytes(message))
        while "do" in (answer := wire.from_bytes(wire.receive(line))):  # it calls the program in its turn
            wire.send(line, _answer(line, answer, space))
        if "raised" in answer:
            raise crossing.rebuilt(answer)

        def refer(tag: str, content: Any) -> Any:
            return _KEPT[content] if tag == "object" else _function(line, content, space)

        for mine, theirs in zip(given, answer["given"], strict=True):
            crossing.refresh(mine, wire.decode(theirs, refer))
        return wire.decode(answer["value"], refer)

    _KEPT_FUNCTIONS[id(function)] = (function, number)
    return function


def _keep(value: Any) -> Any:
    """A reference to something of the program's own, and the name of its type."""
    if id(value) in _KEPT_FUNCTIONS:
        return {"function": _KEPT_FUNCTIONS[id(value)][1]}
    number = _NUMBERS.setdefault(id(value), len(_KEPT))
    if number == len(_KEPT):
        _KEPT.append(value)
    return {"object": [number, type(value).__name__]}
