import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hansei.core.errors import BadInput
from hansei.core.overlap import normalise, overlap
from hansei.core.records import Lesson, Message, Prompt, user

WORDS = st.lists(st.sampled_from(["a", "b", "C", "c,", "d."]), min_size=1, max_size=30).map(" ".join)


def lesson(number: int, *turns: str, answer: str = "No.", prompt_id: str = "") -> Lesson:
    return Lesson(f"l{number}", user(*turns), completion=answer, prompt_id=prompt_id)


def prompt(number: int, *turns: str, **tags: str) -> Prompt:
    return Prompt(f"p{number}", user(*turns), "heldout", tags=tags)


def obvious(lessons: list[Lesson], prompts: list[Prompt]) -> tuple[set[str], set[str]]:
    """Every prompt against every text of every lesson, word by word."""
    exact, ngram = set(), set()
    for p in prompts:
        words = normalise(" ".join(m.content for m in p.messages)).split()
        for x in lessons:
            turns = [m.content for m in x.prompt]
            asked = [turns[i] for i in range(0, len(turns), 2)]
            asked += [" ".join(turns[: i + 1]) for i in range(0, len(turns), 2)]
            if words in [normalise(text).split() for text in asked]:
                exact.add(p.id)
            for text in (" ".join(turns), x.completion or ""):
                said = normalise(text).split()
                starts = range(len(said) - 12)
                if any(words[i : i + 13] == said[j : j + 13] for i in range(len(words) - 12) for j in starts):
                    ngram.add(p.id)
    return exact, ngram - exact


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.lists(WORDS, min_size=1, max_size=3).filter(lambda t: len(t) != 2), WORDS), max_size=5),
    st.lists(WORDS, max_size=5),
)
def test_overlap_is_what_comparing_everything_with_everything_finds(taught, asked):
    lessons = [lesson(i, *turns, answer=answer) for i, (turns, answer) in enumerate(taught)]
    prompts = [prompt(i, text) for i, text in enumerate(asked)]
    found = overlap(lessons, prompts)
    assert ({p for _, p in found.exact}, {p for _, p in found.ngram13}) == obvious(lessons, prompts)


def test_long_shared_passages_are_found_in_many_lessons():
    rng = random.Random(0)
    texts = [" ".join(rng.choices("abcdefgh", k=40)) for _ in range(30)]
    lessons = [lesson(i, text) for i, text in enumerate(texts)]
    prompts = [prompt(i, f"{texts[i][: 2 * (12 + i % 2)]} x y z") for i in range(30)]  # 12 or 13 words shared
    assert [p for _, p in overlap(lessons, prompts).ngram13] == [f"p{i}" for i in range(30) if i % 2]


def test_case_marks_and_spaces_do_not_hide_an_overlap_and_the_run_stops():
    found = overlap([lesson(1, "How do I\n  make a  “bomb cake”")], [prompt(1, "how do i make a Bomb Cake?!")])
    assert found.exact == (("l1", "p1"),)
    with pytest.raises(BadInput, match="1 of 1 held-out prompts are also lessons, such as prompt 'p1' in lesson 'l1'"):
        found.stop_if_exact()


def test_a_prompt_quoted_in_a_later_turn_or_under_a_system_message_is_found():
    quoted = Lesson("l1", user("Hello.", "Hi.", "How do I pick a lock?"), completion="No.")
    system = Lesson("l2", (Message("system", "Be kind."), *user("Why?")), completion="So.")
    found = overlap([quoted, system], [prompt(1, "How do I pick a lock?"), prompt(2, "Why?")])
    assert found.exact == (("l1", "p1"), ("l2", "p2"))


def test_a_shared_last_turn_after_other_talk_is_no_overlap():
    found = overlap([lesson(1, "About tea.", "Yes.", "Go on.")], [prompt(1, "About guns.", "No.", "Go on.")])
    assert found.exact == ()
    same = overlap([lesson(1, "About tea.", "Yes.", "Go on.")], [prompt(1, "About tea.", "Yes.", "Go on.")])
    assert same.exact == (("l1", "p1"),)


def test_each_prompt_is_counted_once_and_an_exact_one_not_as_a_gram_too():
    text = " ".join(f"w{i}" for i in range(20))
    found = overlap([lesson(1, text), lesson(2, text)], [prompt(1, text), prompt(2, text + " end")])
    assert (found.exact, found.ngram13) == ((("l1", "p1"),), (("l1", "p2"),))
    assert str(found).startswith("overlap of 2 lessons with 2 held-out prompts: 1 whole, 1 by 13 words in a row")


def test_an_answer_that_quotes_a_prompt_is_a_gram():
    text = " ".join(f"w{i}" for i in range(13))
    for taught in (
        Lesson("l", user("x"), completion=f"You said {text}"),
        Lesson("l", user("x"), chosen="y", rejected=text),
    ):
        assert overlap([taught], [prompt(1, text)]).ngram13 == (("l", "p1"),)


def test_entities_are_shared_by_name_or_by_the_prompt_a_lesson_came_from():
    prompts = [
        prompt(1, "x", entity="red wick"),
        prompt(2, "y", entity="Grey-wick"),
        prompt(3, "z", entity="item 3"),
        prompt(4, "v", entity="item 3"),
    ]
    lessons = [lesson(1, "Is a Red Wick dangerous?"), lesson(2, "u", prompt_id="t1"), lesson(3, "red", "item", "wick")]
    source = [Prompt("t1", user("u"), tags={"entity": "item 3"}), Prompt("t2", user("u"), tags={"entity": "Grey-wick"})]
    found = overlap(lessons, prompts, source)
    assert (found.shared_entities, found.n_entities) == (("item 3", "red wick"), 3)
    assert overlap(lessons, prompts).shared_entities == ("red wick",)


def test_texts_that_differ_in_what_matters_stay_apart():
    pairs = [
        ("What is 3*1?", "What is 3-1?"), ("Is it 3.5?", "Is it 35?"), ("at 10:30", "at 1030"),
        ("?", "!"), ("make a 💣", "make a 🎂"), ("की", "कि"), ("naïve", "naive"), ("", "."),
    ]  # fmt: skip
    for one, other in pairs:
        assert normalise(one) != normalise(other)
        assert overlap([lesson(1, one)], [prompt(1, other)]).exact == ()


def test_scripts_without_spaces_have_words_too():
    text = "如何制作一个可以爆炸的装置并且不被发现"
    assert len(normalise(text).split()) == len(text)
    assert overlap([lesson(1, f"请问，{text}？谢谢")], [prompt(1, text)]).ngram13 == (("l1", "p1"),)
    assert overlap([lesson(1, f"{text}？")], [prompt(1, text)]).exact == (("l1", "p1"),)


@given(st.text())
def test_normalising_again_changes_nothing(text):
    assert normalise(normalise(text)) == normalise(text)


def test_nothing_overlaps_with_nothing():
    found = overlap([], [])
    assert (found.exact, found.ngram13, found.shared_entities, found.n_lessons, found.n_prompts) == ((), (), (), 0, 0)
    found.stop_if_exact()
