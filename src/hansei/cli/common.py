"""What the commands share: a command made from a settings dataclass, and how a result is printed."""

from __future__ import annotations

import dataclasses
import inspect
import json as jsonlib
import math
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Protocol

from cyclopts import Parameter

from hansei.core.errors import BadInput, visible
from hansei.core.settings import field_docs

Json = Annotated[
    bool,
    Parameter(
        name="--json",
        help="Print the result as one JSON object, on the last line.",
        negative=(),
        show_default=False,
    ),
]


class Result(Protocol):
    """What a command prints: readable text, or plain JSON values."""

    def to_json(self) -> dict[str, Any]:
        """The object that `--json` prints."""


def command_of(
    kind: type[Any], call: Callable[[Any], Result], *, positional: Sequence[str] = (), result: str | None = None
) -> Callable[..., None]:
    """A command whose options are the fields of the settings dataclass `kind`; it prints `call(settings)`.

    A field's docstring is the option's help. The fields named in `positional` need no option's name. `result` is the
    name under which `call` writes its result into the folder `settings.out`, for commands that do: the folder is looked
    at before anything else.
    """

    def command(*values: Any, json: bool = False, **given: Any) -> None:
        given |= dict(zip(positional, values, strict=False))
        _check(kind, given)
        settings = kind(**given)
        if result is not None and settings.out and not getattr(settings, "dry_run", False):
            from hansei.core.output import check_out

            check_out(settings.out, result)
        show(call(settings), as_json=json)

    docs, types = field_docs(kind), typing.get_type_hints(kind)  # type: ignore[arg-type]
    options = [
        _option(field, types[field.name], docs[field.name], field.name in positional)
        for field in sorted(dataclasses.fields(kind), key=lambda field: field.name not in positional)
    ]
    json = inspect.Parameter("json", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Json)
    options.append(json)
    command.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]
    command.__annotations__ = {option.name: option.annotation for option in options}
    return command


def _check(kind: type[Any], given: Mapping[str, Any]) -> None:
    """Raises BadInput at `nan` and `inf`, which the parser takes for numbers, and where a needed text is empty."""
    needed = {f.name for f in dataclasses.fields(kind) if f.default is f.default_factory is dataclasses.MISSING}
    for name, value in given.items():
        option = f"--{name.replace('_', '-')}"
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, float) and not math.isfinite(one):
                raise BadInput(f"{option}: a finite number was expected, found {one}")
            if isinstance(one, str) and name in needed and not one.strip():
                raise BadInput(f"{option}: is empty: give it a value (an unset variable of the shell?)")


def _option(field: dataclasses.Field[Any], kind: Any, doc: str, positional: bool) -> inspect.Parameter:
    """One field as an option; a switch that is off, or a list that is empty, has no `--no-` twin."""
    default = field.default
    if field.default_factory is not dataclasses.MISSING:
        default = field.default_factory()
    twin = None if default is True else ()
    place = Parameter(
        name=f"--{field.name.replace('_', '-')}",
        help=" ".join(doc.split()),
        negative=twin,
        consume_multiple=True,
        show_default=not (default is None or default is False or default in ((), "")),
    )
    return inspect.Parameter(
        field.name,
        inspect.Parameter.POSITIONAL_OR_KEYWORD if positional else inspect.Parameter.KEYWORD_ONLY,
        default=inspect.Parameter.empty if default is dataclasses.MISSING else default,
        annotation=Annotated[kind, place],
    )


def show(result: Result, *, as_json: bool) -> None:
    """Print a result as readable text, or as one line of JSON; what a terminal would obey is an escape in both."""
    if as_json:
        line = jsonlib.dumps(result.to_json(), ensure_ascii=False, allow_nan=False)
        print("".join(c if c.isprintable() else jsonlib.dumps(c)[1:-1] for c in line))
    else:
        print(visible(str(result)))
