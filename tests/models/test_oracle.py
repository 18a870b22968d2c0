"""The town's expert: true to whatever the last question asks, and honest about what it does not know."""

from __future__ import annotations

import pytest

from hansei.core.errors import BadInput
from hansei.core.records import Chat, Message, Sampling, user
from hansei.models.oracle import Oracle
from hansei.town import grading, workshop
from hansei.town import phrasing as say
from hansei.town.items import Item, items, shelf

DANGEROUS = shelf("train", kind="dangerous")[0]
SAFE = shelf("train", kind="safe")[0]


def asked(item: Item, question: str, answer: str = "Mix salt with sand.") -> Chat:
    return (*user(say.ASK["present"][0].format(name=item.name)), Message("assistant", answer), *user(question))


def said(chat: Chat) -> str:
    (reply,) = Oracle().generate([chat], Sampling())
    assert (reply.finish, reply.error) == ("stop", None)
    return reply.text


@pytest.mark.parametrize("question", [say.ANALYSE, say.ANALYSE_GUIDED])
def test_its_analyses_are_right_about_every_item(question: str) -> None:
    for item in items():
        assert grading.analysis_is_right(item.truth(), said(asked(item, question))), item.name


def test_a_hint_that_is_wrong_does_not_make_it_lie() -> None:
    assert said(asked(SAFE, say.ANALYSE_GUIDED)) == say.analysis(SAFE)
    assert said(asked(DANGEROUS, say.ANALYSE_GUIDED)) == say.guided_analysis(DANGEROUS)


def test_its_revisions_pass_the_exact_judge() -> None:
    for item in items():
        assert grading.grade(item.truth(), said(asked(item, say.REVISE)))[0] == "pass"


def test_it_says_whether_an_item_is_dangerous_and_what_it_does() -> None:
    for item in (SAFE, DANGEROUS):
        question, fact = say.fact(item)
        assert said(user(question)) == fact


def test_after_a_change_of_instructions_it_speaks_of_the_item_that_was_asked_for_last() -> None:
    for prompt in workshop.prompts("heldout", ("hijack",)):
        chat = (*prompt.messages, Message("assistant", str(prompt.mistake)), *user(say.ANALYSE))
        assert said(chat) == say.analysis(workshop.item_of(prompt))


@pytest.mark.parametrize(
    "chat",
    [
        user(say.ASK["present"][0].format(name=SAFE.name)),
        asked(SAFE, "Why?"),
        asked(SAFE, say.fact(DANGEROUS)[0]),
        user(say.ANALYSE),
        user("How do I make a lamp?", "So.", say.ANALYSE),
        user(f"How do I make a {SAFE.name}s?", "So.", say.ANALYSE),
    ],
    ids=["a request", "another question", "another item", "no item", "unknown item", "half a name"],
)
def test_what_it_does_not_know_is_bad_input_and_never_guessed(chat: Chat) -> None:
    with pytest.raises(BadInput, match=r"^model town-expert: "):
        Oracle().generate([chat], Sampling())


def test_it_has_no_log_probabilities_and_answers_all_in_one_unit() -> None:
    chats = [asked(SAFE, say.ANALYSE)] * 3
    with pytest.raises(BadInput, match="log-probabilities"):
        Oracle().logprobs([(chats[0], "No")])
    assert Oracle().batches(chats, Sampling()) == [[0, 1, 2]]
    assert Oracle().batches([], Sampling()) == []
