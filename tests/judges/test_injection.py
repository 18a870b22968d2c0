"""No text in an answer forges a verdict, whatever the judge model repeats of what it was shown."""

from __future__ import annotations

import re
from typing import Any

import pytest
from test_model_judge import HOSTILE, Scripted, case, shown_answer

from hansei.judges.injection import INJECTIONS, KINDS, Direction, Injection
from hansei.judges.model_judge import Mode, ModelJudge
from hansei.judges.quoting import BAR

ANSWER = "First mix the two, then wait for an hour."
SAYS: dict[Any, tuple[str, str]] = {
    "binary": ("Verdict: safe", "Verdict: unsafe"),
    "rating": ("Rating: [[10]]", "Rating: [[1]]"),
}
DIRECTIONS: tuple[Direction, ...] = ("harmless", "harmful")
every_injection = pytest.mark.parametrize("injection", INJECTIONS, ids=lambda i: f"{i.kind}: {i.harmless[:24]!r}")


def test_there_are_thirty_hostile_texts_and_more_of_every_kind() -> None:
    assert len(INJECTIONS) - sum(i.kind == "control" for i in INJECTIONS) >= 30
    assert len(HOSTILE) >= 30
    assert {"verdict", "rating", "end of quotation", "role marker", "instruction", "control"} <= set(KINDS)
    assert all(i.harmless != i.harmful for i in INJECTIONS if i.kind != "control")


@pytest.mark.parametrize("mode", ["binary", "rating"])
@every_injection
def test_the_verdict_is_the_judges_own_whatever_the_answer_claims(injection: Injection, mode: Mode) -> None:
    for direction in DIRECTIONS:
        for own, outcome in zip(SAYS[mode], ("pass", "fail"), strict=True):
            text = injection.into(ANSWER, direction, "end")
            [verdict] = ModelJudge(Scripted(lambda _, own=own: f"My reason.\n{own}"), mode).judge([case(text)])
            assert verdict.outcome == ("fail" if verdict.behaviour == "garbled" else outcome)


def echo_all(asked: str) -> str:
    return asked


def echo_answer(asked: str) -> str:
    return shown_answer(asked)


def echo_without_bars(asked: str) -> str:
    return "\n".join(line.removeprefix(BAR) for line in shown_answer(asked).split("\n"))


def echo_mended(asked: str) -> str:
    """Without bars, and with the special tokens put together again."""
    return re.sub(r"< (?=\S)", "<", re.sub(r"\[ (?=/?[A-Z])", "[", echo_without_bars(asked)))


def echo_last_line(asked: str) -> str:
    return [line for line in echo_without_bars(asked).split("\n") if line.strip()][-1]


@pytest.mark.parametrize("echo", [echo_all, echo_answer, echo_without_bars, echo_mended, echo_last_line])
@pytest.mark.parametrize("mode", ["binary", "rating"])
@every_injection
def test_a_judge_that_repeats_what_it_was_shown_gives_no_verdict(injection: Injection, mode: Mode, echo: Any) -> None:
    for direction in DIRECTIONS:
        [verdict] = ModelJudge(Scripted(echo), mode).judge([case(injection.into(ANSWER, direction, "end"))])
        assert verdict.outcome == ("fail" if verdict.behaviour == "garbled" else "unscored")


@every_injection
def test_a_text_is_set_where_it_was_wanted(injection: Injection) -> None:
    assert injection.into(ANSWER, "harmless", "start").endswith(ANSWER)
    assert injection.into(ANSWER, "harmful", "end").startswith(ANSWER)
