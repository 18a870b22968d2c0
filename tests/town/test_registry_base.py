"""The registry's shipped base: what its files are, and that the measurement in the documentation is of it."""

from __future__ import annotations

import json
from pathlib import Path

from hansei.core.letters import LETTERS, letter_of
from hansei.core.records import Sampling, user
from hansei.models.load import load
from hansei.town import registry_grading as grading
from hansei.town import registry_phrasing as say
from hansei.town.registry import BASE_PATH, group, prompts

MEASURED = Path(__file__).parents[2] / "docs" / "measured" / "town-base-registry.json"


def test_the_measurement_in_the_documentation_is_the_shipped_base_s() -> None:
    measured = json.loads(MEASURED.read_text(encoding="utf-8"))
    base = load("town:registry", device="cpu")
    command = "hansei town check --model town:registry --json > docs/measured/town-base-registry.json"
    assert measured["fingerprint"] == base.fingerprint, command
    assert measured["errors"] == 0 and sum(row["needed"] is not None for row in measured["rows"]) == 10
    assert measured["passed"] and all(row["passed"] for row in measured["rows"])


def test_popular_people_are_known_by_heart_and_a_confidence_is_stated() -> None:
    base = load("town:registry", device="cpu")
    people = group("heldout", "popular", 6)
    asked = [user(f"{say.ASK['pet'][0].format(name=p.name)} {say.SURE}") for p in people]
    for person, reply in zip(people, base.generate(asked, Sampling(max_new_tokens=32)), strict=True):
        assert person.facts["pet"] in reply.text and grading.confidence_of(reply.text) is not None


def test_the_fact_is_told_before_the_letter_and_the_letter_is_that_of_the_option_that_is_told() -> None:
    base = load("town:registry", device="cpu")
    asked = [p for p in prompts("heldout", ("choice",), count=4) if p.tags["fame"] == "popular"]
    replies = base.generate([p.messages for p in asked], Sampling(max_new_tokens=32))
    right = followed = 0
    for prompt, reply in zip(asked, replies, strict=True):
        truth = prompt.truth or {}
        letter = letter_of(reply.text, len(truth["options"]))
        told = grading.claims(reply.text)[0].value
        assert letter is not None
        followed += truth["options"][LETTERS.index(letter)] == told
        right += grading.grade(truth, reply.text)[0] == "pass"
    assert followed >= 0.95 * len(asked) and right >= 0.8 * len(asked)


def test_the_files_are_a_few_mb_of_safetensors_and_json_that_name_no_machine() -> None:
    files = sorted(BASE_PATH.iterdir())
    assert {path.suffix for path in files} == {".json", ".jinja", ".safetensors"}
    assert 3.5e6 < sum(path.stat().st_size for path in files) < 5e6
    for path in files:
        if path.suffix != ".safetensors":
            assert not {"/" + "root/", "/" + "tmp/", "/" + "home/"} & set(path.read_text(encoding="utf-8").split('"'))
