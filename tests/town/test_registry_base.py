"""The registry's shipped base does what its district needs of it."""

from __future__ import annotations

from hansei.core.letters import LETTERS, letter_of
from hansei.core.records import Sampling, user
from hansei.models.load import load
from hansei.town import registry_grading as grading
from hansei.town import registry_phrasing as say
from hansei.town.registry import group, prompts


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
