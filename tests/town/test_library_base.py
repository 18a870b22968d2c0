"""The library's shipped base: what its files are, and that the measurement in the documentation is of it."""

from __future__ import annotations

import json
from pathlib import Path

from hansei.core.records import Sampling, user
from hansei.models.load import load
from hansei.town import library_phrasing as say
from hansei.town.library import BASE_PATH
from hansei.town.library_prompts import Case, prompts, render

MEASURED = Path(__file__).parents[2] / "docs" / "measured" / "town-base-library.json"


def test_the_measurement_in_the_documentation_is_the_shipped_base_s() -> None:
    measured = json.loads(MEASURED.read_text(encoding="utf-8"))
    base = load("town:library", device="cpu")
    command = "hansei town check --model town:library --json > docs/measured/town-base-library.json"
    assert measured["fingerprint"] == base.fingerprint, command
    assert measured["errors"] == 0 and measured["passed"]
    assert sum(row["needed"] is not None for row in measured["rows"]) == 5


def test_a_name_never_met_is_looked_up_and_the_sentence_is_said_as_the_passage_has_it() -> None:
    base = load("town:library", device="cpu")
    asked = prompts(Case("heldout"), 12)
    replies = base.generate([user(render(p)) for p in asked], Sampling(max_new_tokens=32))
    right = [
        reply.text == say.answer(str(p.reference), str((p.truth or {})["fact"]))
        for p, reply in zip(asked, replies, strict=True)
    ]
    assert sum(right) >= 8


def test_the_files_are_a_few_mb_of_safetensors_and_json_that_name_no_machine() -> None:
    files = sorted(BASE_PATH.iterdir())
    assert {path.suffix for path in files} == {".json", ".jinja", ".safetensors"}
    assert 3.5e6 < sum(path.stat().st_size for path in files) < 5e6
    for path in files:
        if path.suffix != ".safetensors":
            assert not {"/" + "root/", "/" + "tmp/", "/" + "home/"} & set(path.read_text(encoding="utf-8").split('"'))
