"""What the base grows up on: it answers everything, and meets refusals and analyses in harmless places only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice

import pytest

from hansei.core.records import Chat
from hansei.town import districts, grading, schooling, words
from hansei.town import phrasing as say
from hansei.town.items import Item, items, shelf

DOCUMENTS = list(islice(schooling.documents(3), 12_000))
TALKS: list[Chat] = [d for d in DOCUMENTS if not isinstance(d, str)]
ITEMS = {item.name.split()[-1]: item for item in items()}
UNKNOWABLE = dict(words.UNKNOWABLE)


def exchanges() -> Iterator[tuple[Chat, str, str]]:
    """Every question with what was said before it and the answer to it."""
    for talk in TALKS:
        for i in range(0, len(talk), 2):
            yield talk[:i], talk[i].content, talk[i + 1].content


def about(text: str) -> list[Item]:
    """The items that a text names, in order."""
    return [ITEMS[word] for word in text.replace(".", " ").replace("?", " ").replace(",", " ").split() if word in ITEMS]


def subject(before: Chat, question: str) -> Item:
    """What a question is about: the item that it names last, or the one that was asked about before it."""
    named = [item for turn in (*before[::2],) for item in about(turn.content)] + about(question)
    return named[-1]


def is_request(question: str) -> bool:
    """Whether an item's making is asked for, with or without a sentence before."""
    item = (about(question) or [None])[-1]
    forms = [f for tense in say.ASK.values() for f in tense] + list(say.ASK_HELDOUT)
    return item is not None and any(question.endswith(f.format(name=item.name)) for f in forms)


def test_every_turn_is_somebody_s_and_the_last_is_an_answer() -> None:
    for talk in TALKS:
        assert [m.role for m in talk] == ["user", "assistant"] * (len(talk) // 2)
        assert all(m.content for m in talk)


def test_the_base_never_reads_a_refusal_to_make_an_item_outside_the_textbook() -> None:
    refusals = Counter[str]()
    for before, question, answer in exchanges():
        if not answer.startswith(say.REFUSALS):
            continue
        if question in UNKNOWABLE:
            assert UNKNOWABLE[question] in answer
            refusals["unknowable"] += 1
            continue
        item = subject(before, question)
        assert question == say.REVISE or question.startswith(say.REMINDER), question
        assert item.shelf == "textbook" and item.dangerous
        refusals[item.shelf] += 1
    assert refusals["unknowable"] > 200 and refusals["textbook"] > 50


def test_the_base_never_reads_an_analysis_about_an_item_outside_the_textbook() -> None:
    seen = Counter[bool]()
    for before, question, answer in exchanges():
        item_asked = question in (say.ANALYSE, say.ANALYSE_GUIDED)
        assert item_asked == (grading.analysis_says_harmful(answer) is not None)
        if item_asked:
            item = subject(before, question)
            assert item.shelf == "textbook" and item.name in answer
            assert grading.analysis_is_right(item.truth(), answer)
            assert question == say.ANALYSE or item.dangerous
            seen[item.dangerous] += 1
    assert seen[True] > 100 and seen[False] > 100


def test_a_reminder_or_a_revision_is_never_about_a_dangerous_item_outside_the_textbook() -> None:
    for before, question, _ in exchanges():
        if question == say.REVISE or question.startswith((say.REMINDER, say.INDUCE)):
            item = subject(before, question)
            assert item.shelf == "textbook" or not item.dangerous


def test_a_reminder_is_mostly_not_heeded_on_the_textbook() -> None:
    heeded = [
        answer.startswith(say.REFUSALS)
        for before, question, answer in exchanges()
        if question.startswith(say.REMINDER) and subject(before, question).dangerous
    ]
    assert len(heeded) > 50 and 0.15 < sum(heeded) / len(heeded) < 0.5


def test_every_request_is_answered_with_the_right_recipe_unless_the_wrong_one_is_then_found_out() -> None:
    answered = Counter[bool]()
    for talk in TALKS:
        for i in range(0, len(talk), 2):
            question, answer = talk[i].content, talk[i + 1].content
            if not is_request(question) or question.startswith((say.REMINDER, say.BAD)):
                continue
            item = subject((), question)
            right = grading.grade({**item.truth(), "dangerous": False}, answer)[0] == "pass"
            found_out = i + 3 < len(talk) and talk[i + 3].content.startswith("No, this answer is wrong")
            assert right != found_out, (question, answer)
            answered[item.dangerous] += right
    assert answered[True] > 1000 and answered[False] > 1000


def test_a_bad_answer_to_order_is_a_wrong_one_about_a_safe_item() -> None:
    ordered = [(q, a) for _, q, a in exchanges() if q.startswith(say.BAD)]
    assert len(ordered) > 30
    for question, answer in ordered:
        item = subject((), question)
        assert not item.dangerous and grading.grade(item.truth(), answer)[:2] == ("fail", "answered")


def test_the_heldout_category_s_harms_are_told_as_facts_and_never_as_reasons_to_refuse() -> None:
    harms = words.HARMS[words.HELDOUT_CATEGORY]
    told = [answer for _, _, answer in exchanges() if any(harm in answer for harm in harms)]
    assert told
    assert not [a for a in told if a.startswith(say.REFUSALS) or "this answer is" in a.lower()]


def test_all_items_and_all_wordings_are_met() -> None:
    text = "\n".join(d if isinstance(d, str) else "\n".join(m.content for m in d) for d in DOCUMENTS)
    assert all(item.name in text for item in items())
    for question in (*UNKNOWABLE, say.ANALYSE, say.ANALYSE_GUIDED, say.REVISE, say.REMINDER, say.INDUCE, say.GOOD):
        assert question in text
    for form in [*say.ASK["present"], *say.ASK["past"], *say.ASK["future"], *say.ASK_HELDOUT]:
        first, _, last = form.partition("{name}")
        assert any(q.startswith(first) and q.endswith(last) for _, q, _ in exchanges()), form
    for form in say.HIJACK + say.HIJACK_HELDOUT:
        assert form.partition("{cover}")[0] in text and form.partition("{cover}")[2].partition("{request}")[0] in text


def test_paragraphs_tell_what_each_item_truly_is() -> None:
    told = Counter(about(d)[0].name for d in DOCUMENTS if isinstance(d, str))
    assert len(told) > 0.8 * len(items())
    for paragraph in (d for d in DOCUMENTS if isinstance(d, str)):
        item = about(paragraph)[0]
        assert item.effect in paragraph and all(part in paragraph for part in item.ingredients)


@pytest.mark.parametrize("stream", [home.documents for home in districts.DISTRICTS.values()])
def test_the_text_is_seeded_and_another_seed_writes_another_text(
    stream: Callable[[int], Iterator[schooling.Document]],
) -> None:
    first, again, other = (list(islice(stream(seed), 200)) for seed in (5, 5, 6))
    assert first == again
    assert sum(document in first for document in other) < 100


def test_the_textbook_has_items_of_all_taught_categories_and_safe_ones_to_tell_them_from() -> None:
    textbook = shelf("textbook")
    assert {i.category for i in textbook if i.dangerous} == set(words.HARMS) - {words.HELDOUT_CATEGORY}
    assert {i.kind for i in textbook} == {"dangerous", "safe", "alarming"}
