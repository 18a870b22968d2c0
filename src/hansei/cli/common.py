"""What the commands share: a command made from a settings dataclass, and how a result is printed."""

from __future__ import annotations

import dataclasses
import json as jsonlib
from collections.abc import Callable
from typing import Annotated, Any, Protocol

from cyclopts import Parameter

Json = Annotated[bool, Parameter(name="--json", negative=(), help="Print one JSON object as the last line.")]


class Result(Protocol):
    """What a command prints: readable text, or plain JSON values."""

    def to_json(self) -> dict[str, Any]: ...


def command_of(kind: type[Any], call: Callable[[Any], Result]) -> Callable[..., None]:
    """A command whose options are the fields of the settings dataclass `kind`; it prints `call(settings)`.

    A field's docstring is the option's help.
    """

    def command(*, settings: Any, json: bool = False) -> None:
        show(call(settings), as_json=json)

    parameter = Parameter(name="*", negative_bool=(), negative_iterable=(), consume_multiple=True)
    command.__annotations__.update(settings=Annotated[kind, parameter], json=Json)
    if not any(_required(field) for field in dataclasses.fields(kind)):
        command.__kwdefaults__ = {"settings": kind(), "json": False}
    return command


def _required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def show(result: Result, *, as_json: bool) -> None:
    """Print a result as readable text, or as one line of JSON."""
    if as_json:
        print(jsonlib.dumps(result.to_json(), ensure_ascii=False, allow_nan=False))
    else:
        print(result)
