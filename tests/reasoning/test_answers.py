"""Answers are read out of what a model has written, and compared as numbers."""

from __future__ import annotations

import pytest

from hansei.core.numbers import numbers_in, parse, same
from hansei.core.records import Attempt, Prompt, Sampling, user
from hansei.judges.load import load_judge
from hansei.judges.numbers import right
from hansei.reasoning.answers import extract, vote


@pytest.mark.parametrize(
    ("answer", "truth", "right"),
    [
        ("5", "5", True),
        ("50%", "5", False),  # the released scorer compares prefixes and takes this one
        ("5", "50", False),
        ("$1,000.00", "1000", True),
        ("18 pages", "18", True),
        ("18 or 20", "18", False),
        ("-3", "−3", True),
        ("3", "-3", False),
        ("0.5", "1/2", True),
        ("১৮", "18", True),
        ("eighteen", "18", False),
        ("", "18", False),
        ("10:30", "10", False),
    ],
)
def test_numbers_are_compared_as_numbers(answer: str, truth: str, right: bool) -> None:
    assert same(answer, truth) is right


@pytest.mark.parametrize(
    ("answer", "truth", "passes"),
    [
        ("(A)", "(A)", True),
        ("(a) the lamp", "(A)", True),
        ("A", "(A)", True),
        ("a.", "(A)", True),
        ("", "(A)", False),
        ("the", "(A)", False),
        ("(B)", "(A)", False),
        ("A lamp", "(A)", False),
        ("False.", "False", True),
        ("not false", "False", False),
        ("] } )", "]})", True),
        ("", "]})", False),
        ("valid", "invalid", False),
        ("The red lamp.", "red lamp", True),
        ("the", "a", False),
    ],
)
def test_options_words_and_brackets_are_compared_as_what_they_are(answer: str, truth: str, passes: bool) -> None:
    assert right(answer, Prompt("a", user("?"), reference=truth)) is passes


def test_what_is_no_number_is_none() -> None:
    assert same("yes", "no") is None and parse("12 pens") is None and parse("1,2") is None
    assert [int(n) for n in numbers_in("from 3 to 1,200, not 4.")] == [3, 1200, 4]


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("So 3 * 4 = 12.\nAnswer: 12", "12"),
        ("So 3 * 4 = 12.\nAnswer: 12\nWrong explanation: 3 + 4 = 7.\nWrong Answer: 7", "12"),
        ("Answer: 12\n\nQuestion: And 2 + 2?\nAnswer: 4", "12"),
        ("Answer: 11\nNo, wait.\nAnswer: 12", "12"),
        ("The answer is $12.", "$12"),
        ("#### 12", "12"),
        ("First 3, then 12.", "12"),
        ("**Answer: 12**", "12"),
        ("Wrong explanation: 7", None),
        ("I don't know.", None),
        ("", None),
    ],
)
def test_the_answer_is_what_the_model_marks_and_nothing_after(text: str, answer: str | None) -> None:
    assert extract(text) == answer


def test_the_vote_counts_equal_numbers_together_and_no_answer_not_at_all() -> None:
    assert vote(["12", "7", "12.0", None, None, None]) == "12"
    assert vote(["yes", "no", "No"]) == "no"
    assert vote(["7 pens", "12", "7"]) == "7 pens"
    assert vote(["3", "4"]) == "3"
    assert vote([None]) is None and vote([]) is None


def test_the_judge_tells_wrong_from_missing_and_from_errors() -> None:
    judge = load_judge("number")
    prompts = [Prompt("a", user("?"), reference="5"), Prompt("b", user("?"))]

    def attempt(prompt: Prompt, text: str, **more: object) -> Attempt:
        sent: dict[str, object] = {"finish": "stop", **more}
        return Attempt("i", prompt.id, "m", "plain", Sampling(), 0, prompt.messages, text, **sent)  # type: ignore[arg-type]

    said = [("5", {}), ("50%", {}), ("", {}), ("", {"finish": "length"}), ("", {"finish": "error", "error": "down"})]
    found = judge.judge([(prompts[0], attempt(prompts[0], text, **more)) for text, more in said])
    assert [(v.outcome, v.behaviour) for v in found] == [
        ("pass", "answered"),
        ("fail", "answered"),
        ("fail", "garbled"),
        ("fail", "truncated"),
        ("error", None),
    ]
    assert judge.judge([(prompts[1], attempt(prompts[1], "5"))])[0].outcome == "unscored"
