import re
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from hansei.core.errors import BadInput
from hansei.core.settings import above_zero, as_mapping, at_least, field_docs, filled, from_mapping, unused


@dataclass(frozen=True)
class Inner:
    rank: int = 8
    """Rank of
    the adapter."""


@dataclass(frozen=True, kw_only=True)
class Base:
    model: str
    """The model."""
    steps: int = 80
    """Optimiser steps."""


@dataclass(frozen=True, kw_only=True)
class Settings(Base):
    """Settings of a test."""

    rate: float = 1e-3
    """Learning rate."""
    adapter: Literal["auto", "none"] = "auto"
    """Which."""
    limit: int | None = None
    """At most so many."""
    seeds: tuple[int, ...] = (0,)
    """Seeds."""
    inner: Inner = Inner()
    """More."""
    extra: dict[str, Any] = field(default_factory=dict)
    """Anything."""
    pair: tuple[str, float] = ("a", 0.0)
    """Two."""
    quick: bool = False
    """Less."""

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"steps: 1 or more expected, found {self.steps}")


def made(**values: Any) -> Settings:
    return from_mapping(Settings, {"model": "m", **values}, "run.toml")


def test_named_values_are_taken_and_the_rest_are_defaults():
    found = made(rate=1, seeds=[1, 2], limit=3, inner={"rank": 4}, extra={"a": [1]}, pair=["x", 2])
    assert found == Settings(
        model="m", rate=1.0, seeds=(1, 2), limit=3, inner=Inner(4), extra={"a": [1]}, pair=("x", 2.0)
    )
    assert type(found.rate) is float
    assert made(limit=None, inner=Inner(2)).inner == Inner(2)


def test_what_as_mapping_writes_is_read_again():
    settings = made(seeds=(3, 4), inner=Inner(1))
    assert as_mapping(settings)["seeds"] == [3, 4]
    assert from_mapping(Settings, as_mapping(settings), "x") == settings


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"step": 5}, r"run\.toml: no setting 'step'; did you mean 'steps'\? There are: model, steps, rate"),
        ({"inner": {"rnak": 5}}, r"run\.toml: inner: no setting 'rnak'; did you mean 'rank'"),
        ({"steps": "80"}, r"run\.toml: steps: a whole number was expected, found '80'"),
        ({"steps": 80.0}, r"a whole number was expected, found 80\.0"),
        ({"steps": True}, r"a whole number was expected, found True"),
        ({"quick": 1}, r"true or false was expected, found 1"),
        ({"rate": False}, r"a number was expected, found False"),
        ({"rate": float("nan")}, r"a number was expected, found nan"),
        ({"model": None}, r"model: a text was expected, found None"),
        ({"adapter": "lora"}, r"'auto' or 'none' was expected, found 'lora'"),
        ({"limit": "all"}, r"a whole number or none was expected, found 'all'"),
        ({"seeds": [1, "2"]}, r"a list \(a whole number\) was expected"),
        ({"seeds": 1}, r"a list \(a whole number\) was expected, found 1"),
        ({"pair": ["x"]}, r"a list \(a text, a number\) was expected"),
        ({"steps": 0}, r"run\.toml: steps: 1 or more expected, found 0"),
    ],
)
def test_a_setting_that_is_wrong_is_one_line(values, words):
    with pytest.raises(BadInput, match=words):
        made(**values)


def test_a_setting_that_is_needed_and_not_given_is_one_line():
    with pytest.raises(BadInput, match="the setting 'model' was expected, found none"):
        from_mapping(Settings, {}, "run.toml")


@pytest.mark.parametrize(
    ("check", "values", "words"),
    [
        (lambda s: filled(s, "model"), {"model": " "}, "model: is empty"),
        (lambda s: at_least(s, 1, "steps", "limit"), {"limit": 0}, "limit: expected at least 1, found 0"),
        (lambda s: at_least(s, 0, "rate"), {"rate": float("nan")}, "rate: expected at least 0, found nan"),
        (lambda s: above_zero(s, "rate"), {"rate": 0.0}, "rate: expected a number above 0, found 0.0"),
        (lambda s: unused(s, "goes with a judge", "rate", "limit"), {"limit": 3}, "limit: goes with a judge, found 3"),
    ],
)
def test_a_check_names_the_first_setting_that_fails_and_passes_the_rest(check, values, words):
    check(made())
    with pytest.raises(BadInput, match=re.escape(words)):
        check(Settings(**{"model": "m", **values}))


def test_field_docs_are_those_below_the_fields_inherited_ones_first():
    docs = field_docs(Settings)
    assert list(docs)[:3] == ["model", "steps", "rate"]
    assert docs["steps"] == "Optimiser steps."
    assert field_docs(Inner) == {"rank": "Rank of\nthe adapter."}


def test_a_field_without_docstring_is_refused():
    @dataclass
    class Bare:
        a: int = 1
        """Said."""
        b: int = 2

    with pytest.raises(ValueError, match="the field b of Bare has no docstring"):
        field_docs(Bare)


def test_what_the_command_line_imports_at_start_is_light():
    heavy = "torch transformers trl sqlalchemy scipy plotly rich numpy pyarrow"
    code = f"""
import sys, hansei, hansei.core.records, hansei.core.errors, hansei.core.settings, hansei.core.progress
import hansei.core.files, hansei.core.keys, hansei.core.overlap, hansei.core.inputs
print(sorted(set({heavy.split()}) & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
