"""Settings: a frozen dataclass whose fields are the options and whose field docstrings are the help."""

from __future__ import annotations

import ast
import dataclasses
import difflib
import functools
import inspect
import itertools
import math
import textwrap
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from hansei.core.errors import BadInput
from hansei.core.records import to_json

Settings = TypeVar("Settings")


def from_mapping(kind: type[Settings], mapping: Mapping[str, Any], where: str) -> Settings:
    """The settings of type `kind` with the values named in the mapping, and defaults for the rest.

    `where` is what the mapping is, such as a file's name, for messages. Types are checked, not bent: only a
    whole number for a float and a list for a tuple are taken. Raises BadInput at an unknown name (with the
    nearest known one), a missing one, a value of another type, or one that `kind` itself refuses.
    """
    hints = typing.get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for name in mapping:
        if name not in fields:
            near = difflib.get_close_matches(str(name), fields, 1, cutoff=0.0)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise BadInput(f"{where}: no setting {name!r}; {hint}There are: {', '.join(fields)}")
    values = {name: _checked(hints[name], value, f"{where}: {name}") for name, value in mapping.items()}
    missing = [name for name, field in fields.items() if name not in values and _required(field)]
    if missing:
        raise BadInput(f"{where}: the setting {missing[0]!r} was expected, found none: give it a value")
    try:
        return kind(**values)
    except (TypeError, ValueError) as error:
        raise BadInput(f"{where}: {error}") from error


def filled(settings: Any, *names: str) -> None:
    """Raises BadInput where one of these settings is an empty text."""
    for name in names:
        if not getattr(settings, name).strip():
            raise BadInput(f"{name}: is empty: give it a value (an unset variable of the shell?)")


def at_least(settings: Any, least: float, *names: str) -> None:
    """Raises BadInput where one of these settings is a smaller number; None is no number."""
    for name in names:
        value = getattr(settings, name)
        if value is not None and not value >= least:
            raise BadInput(f"{name}: expected at least {least}, found {value}")


def above_zero(settings: Any, *names: str) -> None:
    """Raises BadInput where one of these settings is 0 or less."""
    for name in names:
        if not getattr(settings, name) > 0:
            raise BadInput(f"{name}: expected a number above 0, found {getattr(settings, name)}")


def unused(settings: Any, why: str, *names: str) -> None:
    """Raises BadInput where one of these settings is given, as nothing would heed it. `why` says in what case."""
    for field in dataclasses.fields(settings):
        if field.name in names and (found := getattr(settings, field.name)) != field.default:
            raise BadInput(f"{field.name}: {why}, found {found!r}: leave it out")


def as_mapping(settings: Any) -> dict[str, Any]:
    """All settings as plain JSON values, defaults included: what a run's record needs."""
    values: dict[str, Any] = to_json(settings)
    return values


@functools.cache
def field_docs(kind: type[Any]) -> dict[str, str]:
    """The docstring below each field of a dataclass, inherited fields included.

    Read from the source, as Python keeps no docstrings of fields. Raises ValueError at a field without one.
    """
    docs: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if dataclasses.is_dataclass(base):
            docs |= _docs_of(base)
    names = [field.name for field in dataclasses.fields(kind)]
    for name in names:
        if name not in docs:
            raise ValueError(f"the field {name} of {kind.__name__} has no docstring")
    return {name: docs[name] for name in names}


def _docs_of(kind: type[Any]) -> dict[str, str]:
    body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0].body  # type: ignore[attr-defined]
    docs = {}
    for field, below in itertools.pairwise(body):
        named = isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if named and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            docs[field.target.id] = inspect.cleandoc(str(below.value.value))
    return docs


def _required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _checked(hint: Any, value: Any, where: str) -> Any:
    """The value, if it is of the annotated type. Raises BadInput else."""
    fits, made = _fit(hint, value, where)
    if not fits:
        raise BadInput(f"{where}: {_words(hint)} was expected, found {value!r:.60}")
    return made


def _fit(hint: Any, value: Any, where: str) -> tuple[bool, Any]:
    """Whether a value fits an annotation, and the value in that annotation's type."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return True, value
    if origin in (typing.Union, types.UnionType):
        return next((found for option in inner if (found := _fit(option, value, where))[0]), (False, None))
    if origin is typing.Literal:
        return any(value == word and type(value) is type(word) for word in inner), value
    if origin is tuple:
        return _fit_tuple(inner, value, where)
    if dataclasses.is_dataclass(hint) and isinstance(value, Mapping):
        return True, from_mapping(typing.cast(type[Any], hint), value, where)
    if hint is float:
        number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        return number, float(value) if number else None
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool), value
    return isinstance(value, origin or hint), value


def _fit_tuple(inner: tuple[Any, ...], value: Any, where: str) -> tuple[bool, Any]:
    if not isinstance(value, (list, tuple)):
        return False, None
    kinds = (inner[0],) * len(value) if inner[-1] is Ellipsis else inner
    if len(kinds) != len(value):
        return False, None
    found = [_fit(kind, item, where) for kind, item in zip(kinds, value, strict=True)]
    return all(fits for fits, _ in found), tuple(made for _, made in found)


def _words(hint: Any) -> str:
    """An annotation in words, for a message."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_words(option) for option in inner)
    if origin is typing.Literal:
        return " or ".join(map(repr, inner))
    if origin is tuple:
        return f"a list ({', '.join(_words(kind) for kind in inner if kind is not Ellipsis)})"
    words = {int: "a whole number", float: "a number", str: "a text", bool: "true or false", type(None): "none"}
    return words.get(hint, getattr(hint, "__name__", str(hint)))
