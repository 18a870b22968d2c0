"""The taxonomy: its tree, the text that tells of it, and names that are single tokens of the shipped base."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import pytest

from hansei.models.load import load
from hansei.steps import town_base
from hansei.town import taxonomy_text
from hansei.town.districts import DISTRICTS
from hansei.town.schooling import Document
from hansei.town.taxonomy import a, kinds, members, parents
from hansei.town.taxonomy_text import SCENES

DOCUMENTS = list(islice(taxonomy_text.documents(5), 6000))


def text_of(document: Document) -> str:
    return document if isinstance(document, str) else "\n".join(turn.content for turn in document)


def test_every_name_stands_once_in_the_tree() -> None:
    names = [kind.name for kind in kinds()]
    assert len(names) == 264 and max(Counter([*names, *members()]).values()) == 1
    assert set(parents()) == set(members()) - {"thing"} and parents()["mammal"] == "animal"
    assert [kind.name for kind in members()["bird"]][:2] == ["hen", "duck"]
    assert a("owl") == "an owl" and a("hen") == "a hen"


def test_every_concept_has_scenes_of_its_own_in_which_only_its_kinds_are_met() -> None:
    assert set(SCENES) == set(members())
    assert len({word for scene in SCENES.values() for word in scene}) == 2 * len(SCENES)
    met = Counter[str]()
    for text in (d for d in DOCUMENTS if isinstance(d, str)):
        for sentence in text.split(". "):
            for concept, (place, done) in SCENES.items():
                if f"In the {place} " in sentence or f" {done} the " in sentence:
                    name = sentence.rstrip(".").split(" ")[-1]
                    assert name in {kind.name for kind in members()[concept]}, sentence
                    met[concept] += 1
    assert set(met) == set(SCENES)


def test_the_text_tells_nothing_wrong_and_names_every_kind() -> None:
    by_name = {kind.name: kind for kind in kinds()}
    text = "\n".join(map(text_of, DOCUMENTS))
    told = Counter[str]()
    for sentence in text.replace("\n", " ").split(". "):
        words = sentence.rstrip(".?").split(" ")
        if words[:1] == ["The"] and words[2:4] in (["is", "a"], ["is", "an"]) and len(words) == 5:
            assert words[4] in by_name[words[1]].path
            told["is"] += 1
        elif words[:1] == ["The"] and len(words) == 4 and words[2] == "is":
            assert words[3] == by_name[words[1]].colour
            told["colour"] += 1
    assert min(told.values()) > 500 and all(f" {name}" in text for name in by_name)


def test_the_shipped_base_knows_its_kinds_and_has_a_token_for_each() -> None:
    base = load("town:taxonomy", device="cpu")
    tokenizer = base.tokenizer  # type: ignore[attr-defined]
    ids = [
        tokenizer.encode(f" {name}", add_special_tokens=False) for name in [k.name for k in kinds()] + list(members())
    ]
    assert {len(one) for one in ids} == {1}
    checks = {check.name: check for check in (town_base._checked(base, *task) for task in _needed())}
    assert len(checks) == 2 and all(check.passed for check in checks.values())
    assert sum(path.stat().st_size for path in DISTRICTS["taxonomy"].base.iterdir()) < 5e6


def _needed() -> list[town_base.Task]:
    """The checks that must pass, on every eighth question."""
    tasks = [task for task in town_base.TASKS["taxonomy"]() if task[3] is not None]
    return [(name, questions[::8], right, needed) for name, questions, right, needed in tasks]


@pytest.mark.parametrize("seed", [1, 2])
def test_questions_are_answered_by_the_tree(seed: int) -> None:
    import random

    rng = random.Random(seed)
    for kind in kinds():
        question, answer = taxonomy_text.whether(rng, kind)
        concept = question.rstrip("?").split(" ")[-1]
        assert answer.startswith("Yes" if concept in kind.path else "No")
        question, answer = taxonomy_text.which(rng, kind)
        assert kind.name in answer and question.count(" the ") == 3
        concept = question.partition(":")[0].split(" ")[-1]
        options = [word.strip(",.?") for word in question.partition(":")[2].split(" the ")[1:]]
        named = [option.split(" ")[0] for option in options]
        assert [name for name in named if name in {k.name for k in members()[concept]}] == [kind.name]
