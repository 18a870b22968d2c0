"""The shipped bases that have checks of their own: their files, and that the documentation's measurement is of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hansei.models.load import load
from hansei.town.districts import district

MEASURED = Path(__file__).parents[2] / "docs" / "measured"


@pytest.mark.parametrize(("name", "needed"), [("library", 5), ("registry", 10), ("school", 6)])
def test_the_measurement_in_the_documentation_is_the_shipped_base_s(name: str, needed: int) -> None:
    measured = json.loads((MEASURED / f"town-base-{name}.json").read_text(encoding="utf-8"))
    command = f"hansei town check --model town:{name} --json > docs/measured/town-base-{name}.json"
    assert measured["fingerprint"] == load(f"town:{name}", device="cpu").fingerprint, command
    assert measured["errors"] == 0 and sum(row["needed"] is not None for row in measured["rows"]) == needed
    assert measured["passed"] and all(row["passed"] for row in measured["rows"])


@pytest.mark.parametrize(("name", "least"), [("library", 3.5e6), ("registry", 3.5e6), ("school", 1.5e6)])
def test_the_files_are_a_few_mb_of_safetensors_and_json_that_name_no_machine(name: str, least: float) -> None:
    files = sorted(district(name).base.iterdir())
    assert {path.suffix for path in files} == {".json", ".jinja", ".safetensors"}
    assert least < sum(path.stat().st_size for path in files) < 5e6
    for path in files:
        if path.suffix != ".safetensors":
            assert not {"/" + "root/", "/" + "tmp/", "/" + "home/"} & set(path.read_text(encoding="utf-8").split('"'))
