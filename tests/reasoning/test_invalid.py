"""Wrong explanations built from right ones: the answer's object always moves, and none comes to the right answer."""

from __future__ import annotations

import itertools
import random
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hansei.core.errors import BadInput
from hansei.reasoning.arithmetic import reckon
from hansei.reasoning.invalid import KINDS, Solved, Unbuildable, deranged, invalid, outcome, same_answer
from hansei.reasoning.objects import by_rules, finer, recogniser
from hansei.reasoning.problems import read_problems

ANN = Solved(
    "Ann has 12 pens and gets 3 boxes of 4 pens from Ben. How many pens has Ann?",
    "The boxes of Ben hold 3 * 4 = 12 pens.\nWith 5 of her own, Ann had 12 + 5 = 17.\nSo Ann has 17 + 7 = 24 pens.",
    "24",
)
TOM = Solved(
    "Tom buys 7 cakes at $2 each. What does he pay?",
    "A cake is $2, and Tom buys 7.\nSo he pays 7 * 2 = $14 in all.",
    "14",
)


def fixed(before: list[str], after: list[str]) -> int:
    return sum(a == b for a, b in zip(before, after, strict=True))


@given(st.lists(st.sampled_from("abcd"), min_size=2, max_size=6), st.data())
def test_as_few_values_as_possible_stay_and_the_answer_never_does(values: list[str], data: st.DataObject) -> None:
    answer = data.draw(st.integers(0, len(values) - 1))
    rng = random.Random(data.draw(st.integers(0, 99)))
    if len(set(values)) == 1:
        with pytest.raises(Unbuildable):
            deranged(values, answer, rng)
        return
    moved = deranged(values, answer, rng)
    assert Counter(moved) == Counter(values) and moved[answer] != values[answer]
    orders = [list(order) for order in set(itertools.permutations(values))]  # every possible order, by brute force
    assert fixed(values, moved) == min(fixed(values, o) for o in orders if o[answer] != values[answer])


@given(st.lists(st.integers(0, 40), min_size=2, max_size=7), st.integers(0, 9))
def test_the_wrong_answer_of_moved_objects_is_never_the_right_one(numbers: list[int], seed: int) -> None:
    text = " ".join(f"Then there are {n}." for n in numbers)
    solved = Solved("How many?", text, str(numbers[-1]))
    if len(set(numbers)) == 1:
        with pytest.raises(Unbuildable):
            invalid(solved, "incoherent-objects", random.Random(seed))
        return
    wrong = invalid(solved, "incoherent-objects", random.Random(seed))
    assert not same_answer(wrong.answer, solved.answer)
    assert wrong.explanation.rstrip(".").split()[-1] == wrong.answer  # what stands in the answer's place
    assert Counter(wrong.explanation.split()) == Counter(text.split())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(5))
def test_every_kind_is_wrong_and_seeded(kind: str, seed: int) -> None:
    wrong = invalid(ANN, kind, random.Random(seed), [TOM])  # type: ignore[arg-type]
    assert wrong == invalid(ANN, kind, random.Random(seed), [TOM])  # type: ignore[arg-type]
    assert wrong.explanation != ANN.explanation and not same_answer(wrong.answer, "24")


def test_objects_move_among_their_like_and_the_words_stay() -> None:
    wrong = invalid(ANN, "incoherent-objects", random.Random(1)).explanation
    spans = by_rules(wrong, ANN.question)
    assert Counter(s.text for s in spans) == Counter(s.text for s in by_rules(ANN.explanation, ANN.question))
    assert [s.type for s in spans] == [s.type for s in by_rules(ANN.explanation, ANN.question)]
    assert wrong.startswith("The boxes of Ann hold ")


def test_irrelevant_objects_come_from_others_and_incoherent_language_keeps_the_objects_in_order() -> None:
    foreign = invalid(ANN, "irrelevant-objects", random.Random(0), [TOM]).explanation
    assert "7 * 2 = $14" in foreign and "17 + 7 = 24" not in foreign
    said = invalid(ANN, "incoherent-language", random.Random(0)).explanation
    places = [said.index(equation) for equation in ("3 * 4 = 12", "12 + 5 = 17", "17 + 7 = 24")]
    assert places == sorted(places) and not said.startswith("The boxes of")


def test_invalid_reasoning_is_reckoned_on_from_its_wrong_result() -> None:
    for seed in range(8):
        wrong = invalid(ANN, "invalid-reasoning", random.Random(seed))
        equations = [span.text for span in by_rules(wrong.explanation, "") if span.type == "equation"]
        assert len(equations) == 3
        for equation in equations:
            assert same_answer(outcome(equation), str(reckon(equation)))  # each is true in itself
        assert same_answer(outcome(equations[-1]), wrong.answer)


def test_equations_are_whole_objects_and_can_be_taken_apart() -> None:
    text = "So Ann pays 3 * $4 = $12 on Monday."
    spans = by_rules(text, "Is Ann there? Yes, Ann is.")
    assert [(s.type, s.text) for s in spans] == [("name", "Ann"), ("equation", "3 * $4 = $12")]
    assert [s.text for s in finer(text, spans)] == ["Ann", "3", "4", "12"]
    assert [s.text for s in by_rules("The answer is (B), not (A).", "")] == ["(B)", "(A)"]


@pytest.mark.parametrize(
    ("equation", "value"),
    [("2 + 3 * 4 = 14", 14), ("(2 + 3) * 4", 20), ("$1,000 / 8 =", 125), ("7 x 6", 42), ("-3 - 4", -7), ("8 ÷ 2", 4)],
)
def test_arithmetic_is_reckoned_without_evaluating_code(equation: str, value: int) -> None:
    assert reckon(equation) == value


@pytest.mark.parametrize("text", ["__import__('os')", "2 ** 9", "1 / 0", "(2", "2 +", "", "x = 3", "(" * 5000])
def test_what_is_no_arithmetic_has_no_value(text: str) -> None:
    assert reckon(text) is None


def test_a_pipeline_that_is_not_there_is_said() -> None:
    with pytest.raises(BadInput, match="spaCy"):
        recogniser("spacy:no_such_pipeline")
    with pytest.raises(BadInput, match="rules"):
        recogniser("magic")


def test_a_pipeline_that_is_there_finds_names_and_the_rules_find_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stands in for spaCy, which is no dependency: `spacy.load(NAME)(text).ents` with labels and places."""

    def pipeline(text: str) -> SimpleNamespace:
        at = text.index("the old mill")
        mill = SimpleNamespace(start_char=at, end_char=at + 12, label_="FAC", text="the old mill")
        return SimpleNamespace(ents=[mill, SimpleNamespace(start_char=0, end_char=5, label_="CARDINAL", text="3 + 4")])

    monkeypatch.setitem(sys.modules, "spacy", SimpleNamespace(load=lambda name: pipeline))
    found = recogniser("spacy:any")("3 + 4 = 7 at the old mill with Ann.", "Is Ann there?")
    assert [(s.type, s.text) for s in found] == [("equation", "3 + 4 = 7"), ("name", "the old mill")]


def test_gsm8k_can_be_spoilt_almost_always(public_data: Callable[[str], Path]) -> None:
    pool = read_problems(public_data("gsm8k") / "train.jsonl.gz")[:300]
    for kind, least in zip(KINDS, (0.75, 0.98, 0.98, 0.98, 0.98), strict=True):
        made = 0
        for solved in pool:
            try:
                wrong = invalid(solved, kind, random.Random(solved.id), pool[:10])
            except Unbuildable:
                continue
            assert not same_answer(wrong.answer, solved.answer)
            made += 1
        assert made >= least * len(pool), kind
