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
from hansei.models.names import check_address, check_place, check_tunable
from hansei.steps.answer_settings import AnswerSettings

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


def placed() -> list[Any]:
    """Every settings class with a device and a server's address.

    But those whose own model is tuned and thus local, and that of compare, which tells runs from models by their files.
    """
    classes = {(param.values[0], param.values[1]) for param in addressed()}
    kinds = [(module, name, getattr(importlib.import_module(str(module)), str(name))) for module, name in classes]
    kinds = [one for one in kinds if not one[0].endswith("_own") and one[1] != "CompareSettings"]
    found = [(module, name) for module, name, kind in kinds if hasattr(kind, "device")]
    return [pytest.param(*where, id=f"{where[0]}-{where[1]}") for where in sorted(found)]


def served(kind: Any, module: str) -> dict[str, Any]:
    """Settings of that class by which every model that is asked is behind a server, and no judge is a model."""
    hints = typing.get_type_hints(kind)
    needed = {f.name for f in dataclasses.fields(kind) if f.default is f.default_factory is dataclasses.MISSING}
    values = {field: some(hints[field]) for field in needed} | NEEDED.get(module, {})
    values |= {"judge": ("rules",) if hints["judge"] == tuple[str, ...] else "rules"} if "judge" in hints else {}
    return values | ({"model": "openai:x"} if "model" in hints else {})


@pytest.mark.parametrize("setting", ["device", "dtype"])
@pytest.mark.parametrize(("module", "name"), placed())
def test_a_device_that_no_model_runs_on_is_refused_by_every_command(module: str, name: str, setting: str) -> None:
    kind = getattr(importlib.import_module(module), name)
    values = served(kind, module)
    kind(**values)
    refused = values | {setting: "cpu"}
    with pytest.raises(BadInput, match=rf"^{setting}: is a setting of local models, and none is used, found"):
        kind(**refused)
    role = "model" if "model" in values else "judge"
    kind(**refused | {role: "folder" if isinstance(values[role], str) else ("rules", "folder")})


@dataclasses.dataclass
class Some:
    """Settings that name models in all three ways."""

    model: str = "folder"
    judges: tuple[str, ...] = ("rules", "openai:judge")
    helper: str | None = None
    device: str = "auto"
    device_map: str | None = None
    url: str | None = "http://localhost:1/v1"


def test_one_of_several_models_may_be_asked_at_the_address() -> None:
    check_address(Some(), "url", "model", "judges")
    check_address(Some(url=None), "url", "helper")
    with pytest.raises(BadInput, match=r"url: .* found none: give --helper openai:NAME, or leave it out"):
        check_address(Some(), "url", "helper")
    with pytest.raises(BadInput, match="found folder: give --model openai:NAME or --helper openai:NAME"):
        check_address(Some(), "url", "model", "helper")


def test_one_of_several_models_may_run_on_the_device() -> None:
    check_place(Some(device="cpu"), ["openai:x", None, "folder"])
    check_place(Some(), [None])
    with pytest.raises(BadInput, match="device: is a setting of local models, and none is used, found openai:x: leave"):
        check_place(Some(device="cpu"), ["openai:x", None])
    with pytest.raises(BadInput, match=r"^device_map: .* found none: leave it out"):
        check_place(Some(device_map="auto"), [])


def test_an_encoder_runs_on_the_device_and_has_no_other_precision() -> None:
    check_place(Some(device="cpu"), ["openai:x"], ["encoder"])
    check_place(Some(device_map="auto"), ["folder"], ["encoder"])
    with pytest.raises(BadInput, match=r"^device_map: .* and only an encoder is used, found openai:x: leave it out"):
        check_place(Some(device="cpu", device_map="auto"), ["openai:x"], ["encoder"])
    with pytest.raises(BadInput, match=r"^device: .* and none is used, found openai:x: leave it out"):
        check_place(Some(device="cpu"), ["openai:x"], [None])


@pytest.mark.parametrize("setting", ["dtype", "device_map"])
def test_what_dense_search_has_no_use_for_is_refused_where_the_models_are_served(setting: str) -> None:
    given: dict[str, Any] = {"model": "openai:x", "questions": "q", "out": "o", "passages": "p", "search": "encoder"}
    AnswerSettings(**given, device="cpu")
    with pytest.raises(BadInput, match=rf"^{setting}: is a setting of local models, and only an encoder is used"):
        AnswerSettings(**given, **{setting: "auto" if setting == "device_map" else "float32"})
    AnswerSettings(**given | {"model": "folder"}, dtype="float32")


def test_a_model_behind_a_server_can_t_be_tuned() -> None:
    check_tunable(Some(), "model")
    with pytest.raises(BadInput, match="model: openai:x can't be tuned"):
        check_tunable(Some(model="openai:x"), "model")
