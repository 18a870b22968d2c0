"""What is read from a model's name alone, and that every command's settings read it."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import typing
from pathlib import Path
from typing import Any

import pytest

import hansei
from hansei.core.errors import BadInput
from hansei.models.names import check_address, check_tunable

SOURCE = Path(hansei.__file__).parent
NEEDED: dict[str, dict[str, Any]] = {
    "hansei.measuring.code": {"reference": True},
    "hansei.measuring.judge": {"judge": ("rules",)},
    "hansei.measuring.judge_injection": {"judge": "rules"},
    "hansei.measuring.llm_use": {"human": "x", "ai": "x"},
    "hansei.safety.deception": {"judge": "rules"},
    "hansei.safety.tense_measure": {"prompts": "town"},
    "hansei.truth.factuality_own": {"score": "answers", "claims": "whole"},
}
"""Settings without a default of their own that a measurement can't do without."""


def addressed() -> list[Any]:
    """Every settings class in the source with a server's address, and that address' name."""
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if not isinstance(node, ast.ClassDef):
                continue
            fields = [b.target.id for b in node.body if isinstance(b, ast.AnnAssign) and isinstance(b.target, ast.Name)]
            module = ".".join(("hansei", *path.relative_to(SOURCE).with_suffix("").parts))
            found += [pytest.param(module, node.name, f, id=f"{module}-{f}") for f in fields if f.endswith("base_url")]
    return found


def some(hint: Any) -> Any:
    """A value of that type that names no server."""
    if typing.get_origin(hint) is typing.Literal:
        return typing.get_args(hint)[0]
    return {str: "x", int: 1, float: 0.5}.get(hint, ("x",))


@pytest.mark.parametrize(("module", "name", "address"), addressed())
def test_an_address_that_nobody_is_asked_at_is_refused_by_every_command(module: str, name: str, address: str) -> None:
    kind = getattr(importlib.import_module(module), name)
    hints = typing.get_type_hints(kind)
    needed = {f.name for f in dataclasses.fields(kind) if f.default is f.default_factory is dataclasses.MISSING}
    values = {field: some(hints[field]) for field in needed} | NEEDED.get(module, {})
    kind(**values)
    with pytest.raises(BadInput, match=rf"^{address}: is a server's address, and no model .* found .*openai:NAME"):
        kind(**values, **{address: "http://localhost:1/v1"})


@dataclasses.dataclass
class Some:
    """Settings that name models in all three ways."""

    model: str = "folder"
    judges: tuple[str, ...] = ("rules", "openai:judge")
    helper: str | None = None
    url: str | None = "http://localhost:1/v1"


def test_one_of_several_models_may_be_asked_at_the_address() -> None:
    check_address(Some(), "url", "model", "judges")
    check_address(Some(url=None), "url", "helper")
    with pytest.raises(BadInput, match=r"url: .* found none: give --helper openai:NAME, or leave it out"):
        check_address(Some(), "url", "helper")
    with pytest.raises(BadInput, match="found folder: give --model openai:NAME or --helper openai:NAME"):
        check_address(Some(), "url", "model", "helper")


def test_a_model_behind_a_server_can_t_be_tuned() -> None:
    check_tunable(Some(), "model")
    with pytest.raises(BadInput, match="model: openai:x can't be tuned"):
        check_tunable(Some(model="openai:x"), "model")
