"""Confidence in the town: its form, what a chain says, and when a reflection is true."""

from __future__ import annotations

import pytest

from hansei.core.records import Prompt
from hansei.town import registry
from hansei.town import registry_phrasing as say
from hansei.town.registry_words import VALUES
from hansei.truth import confidence as method
from hansei.truth import confidence_town as town
from hansei.truth.confidence import Cluster
from hansei.truth.confidence_cells import questions


@pytest.fixture(scope="module")
def asked() -> dict[str, Prompt]:
    """A question for each attribute, about one person."""
    found = registry.prompts("train", ("question",), count=1)[:6]
    return {p.tags["attribute"]: p for p in found}


def told(prompt: Prompt, value: str, form: int = 0) -> str:
    assert prompt.truth is not None
    return say.tell(prompt.truth["attribute"], prompt.truth["name"], value, form)


def other(prompt: Prompt, place: int = 0) -> str:
    assert prompt.truth is not None
    return [v for v in VALUES[prompt.truth["attribute"]] if v != prompt.truth["facts"][prompt.truth["attribute"]]][
        place
    ]


def right(prompt: Prompt) -> str:
    assert prompt.truth is not None
    return str(prompt.truth["facts"][prompt.truth["attribute"]])


def test_the_form_is_the_one_that_the_base_has_met(asked: dict[str, Prompt]) -> None:
    for prompt in asked.values():
        answer, doubt = told(prompt, right(prompt)), other(prompt)
        sure, unsure = say.confident(answer, 10), say.confident(answer, 3, doubt)
        assert town.FORM.tell(answer, town.SURE, 10) == sure
        assert town.FORM.tell(answer, f"{town.UNSURE}{doubt}.", 3) == unsure
        assert town.FORM.read(unsure) == method.Stated(answer, f"{town.UNSURE}{doubt}.", 0.3)
        assert town.FORM.read(sure) == method.Stated(answer, town.SURE, 1.0)
        assert town.FORM.read(town.FORM.tell(answer, "", 4)) == method.Stated(answer, "", 0.4)
        assert town.FORM.ask(prompt.messages)[-1].content == f"{prompt.messages[-1].content} {say.SURE}"


def test_chains_are_clustered_by_the_value_that_they_tell(asked: dict[str, Prompt]) -> None:
    for prompt in asked.values():
        texts = [told(prompt, right(prompt), 0), told(prompt, right(prompt), 1), told(prompt, other(prompt)), "Hm."]
        assert town.meaning(prompt, [*texts, "Hm.", "Ha."]) == [0, 0, 1, 2, 2, 3]
        assert town.correct([(prompt, text) for text in texts]) == [1, 1, 0, 0]
        assert town.meaning(prompt, [say.confident(texts[1], 3, other(prompt)), texts[0]]) == [0, 0]


def case_of(prompt: Prompt, *counts: tuple[str, int]) -> method.Case:
    texts = [told(prompt, value) for value, n in counts for _ in range(n)]
    return method.Case(prompt, tuple(method.clustered(prompt, texts, town.meaning)))


def test_reflections_name_the_largest_other_answer_or_are_sure(asked: dict[str, Prompt]) -> None:
    prompt = asked["town"]
    a, b, c = right(prompt), other(prompt, 0), other(prompt, 1)
    split = case_of(prompt, (a, 6), (b, 3), (c, 1))
    assert town.reflect([(split, cluster) for cluster in split.clusters]) == [
        f"I am not sure; it could also be {b}.",
        f"I am not sure; it could also be {a}.",
        f"I am not sure; it could also be {a}.",
    ]
    agreed = case_of(prompt, (a, 9), (b, 1))
    assert town.reflect([(agreed, agreed.clusters[0])]) == ["I am sure."]
    slips = case_of(prompt, (a, 3), (b, 1), (c, 1))
    assert town.reflect([(slips, slips.clusters[0])]) == ["I am sure."], "one chain alone is no doubt"


def test_a_reflection_is_faithful_if_it_is_true_of_the_answers(asked: dict[str, Prompt]) -> None:
    prompt = asked["year"]
    a, b, c = right(prompt), other(prompt, 0), other(prompt, 1)
    clusters = case_of(prompt, (a, 6), (b, 3), (c, 1)).clusters

    def faithful(answer: str, reflection: str, among: tuple[Cluster, ...] = clusters) -> float | None:
        return town.is_faithful(prompt, told(prompt, answer), reflection, among)

    assert faithful(a, f"{town.UNSURE}{b}.") == 1
    assert faithful(a, f"{town.UNSURE}{c}.") == 0, "said once in ten times"
    assert faithful(a, f"{town.UNSURE}{a}.") == 0, "the answer itself is no doubt"
    assert faithful(a, town.SURE) == 0
    assert faithful(a, town.SURE, case_of(prompt, (a, 19), (b, 1)).clusters) == 1
    assert faithful(b, town.SURE, case_of(prompt, (a, 19), (b, 1)).clusters) == 0
    assert faithful(a, "") is None


def test_questions_are_about_other_people_on_each_split_and_heldout_has_both_wordings() -> None:
    train, heldout = questions("train", 3), questions("heldout", 4)
    assert len(train) == 3 * 3 * 6
    assert len(heldout) == 3 * 4 * 6 == len({p.id for p in heldout})
    assert not {p.tags["entity"] for p in train} & {p.tags["entity"] for p in heldout}
    assert sum(p.tags["phrasing"] == "heldout" for p in heldout) == len(heldout) // 2
