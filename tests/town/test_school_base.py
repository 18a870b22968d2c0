"""The school's shipped base: what its files are, and that the measurement in the documentation is of it."""

from __future__ import annotations

import json
from pathlib import Path

from hansei.core.records import Sampling, user
from hansei.models.load import load
from hansei.steps.town_school import problem_of
from hansei.town import school
from hansei.town import school_phrasing as say
from hansei.town.districts import district
from hansei.town.school_text import fill_request

MEASURED = Path(__file__).parents[2] / "docs" / "measured" / "town-base-school.json"


def test_the_measurement_in_the_documentation_is_the_shipped_base_s() -> None:
    measured = json.loads(MEASURED.read_text(encoding="utf-8"))
    base = load("town:school", device="cpu")
    command = "hansei town check --model town:school --json > docs/measured/town-base-school.json"
    assert measured["fingerprint"] == base.fingerprint, command
    assert measured["errors"] == 0 and sum(row["needed"] is not None for row in measured["rows"]) == 6
    assert measured["passed"] and all(row["passed"] for row in measured["rows"])


def test_slots_are_filled_and_templates_written_on_held_out_problems() -> None:
    base = load("town:school", device="cpu")
    problems = [p for p in school.prompts("heldout", 40, told=0) if p.tags["shelf"] == "textbook"][:16]
    slots = base.generate([user(fill_request(problem_of(p))) for p in problems], Sampling(max_new_tokens=64))
    filled = [r.text.strip() == say.filled((p.truth or {})["numbers"]) for p, r in zip(problems, slots, strict=True)]
    assert sum(filled) >= 12
    asked = [f"{say.QUESTION.format(question=p.messages[-1].content)}\n{say.DISTIL}" for p in problems]
    said = base.generate([user(text) for text in asked], Sampling(max_new_tokens=64))
    named = [say.task(tuple((p.truth or {})["kind"])) in r.text for p, r in zip(problems, said, strict=True)]
    assert sum(named) >= 10


def test_the_files_are_a_few_mb_of_safetensors_and_json_that_name_no_machine() -> None:
    files = sorted(district("school").base.iterdir())
    assert {path.suffix for path in files} == {".json", ".jinja", ".safetensors"}
    assert 1.5e6 < sum(path.stat().st_size for path in files) < 5e6
    for path in files:
        if path.suffix != ".safetensors":
            assert not {"/" + "root/", "/" + "tmp/", "/" + "home/"} & set(path.read_text(encoding="utf-8").split('"'))
