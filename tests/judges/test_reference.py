"""The reference judge compares after normalisation, whole words only."""

from __future__ import annotations

import pytest

from hansei.core.errors import BadInput
from hansei.core.records import Attempt, Finish, Prompt, Sampling, user
from hansei.judges.load import load_judge
from hansei.judges.reference import ReferenceJudge, accepted, normalise


def judged(text: str, reference: str | None, aliases: list[str] | None = None, finish: Finish = "stop") -> str:
    truth = None if aliases is None else {"aliases": aliases}
    prompt = Prompt("p", user("?"), reference=reference, truth=truth)
    attempt = Attempt("a", "p", "m", "plain", Sampling(), 0, prompt.messages, text, finish)
    [verdict] = ReferenceJudge().judge([(prompt, attempt)])
    assert verdict.score == {"pass": 1.0, "fail": 0.0}.get(verdict.outcome)
    return verdict.outcome


@pytest.mark.parametrize(
    ("text", "reference", "outcome"),
    [
        ("The Eiffel Tower.", "eiffel tower", "pass"),
        ("It is in Paris, I think.", "Paris", "pass"),
        ("Parisian food", "Paris", "fail"),
        ("It is 1,000 metres", "1000", "pass"),
        ("-5", "5", "fail"),
        ("0.5", "5", "fail"),
        ("猫です", "猫です", "pass"),
        ("New-York", "new york", "pass"),
        ("", "Paris", "fail"),
        ("Paris " * 40, "Paris", "fail"),
    ],
)
def test_an_answer_passes_where_it_says_the_reference(text: str, reference: str, outcome: str) -> None:
    assert judged(text, reference) == outcome


def test_an_alias_counts_as_the_reference() -> None:
    assert judged("The Big Apple", "New York", ["NYC", "Big Apple"]) == "pass"
    assert judged("nyc", None, ["NYC"]) == "pass"


def test_without_a_reference_an_answer_is_unscored() -> None:
    assert judged("Paris", None) == "unscored"
    assert judged("Paris", "the") == "unscored"


def test_a_failed_request_is_an_error() -> None:
    assert judged("", "Paris", finish="error") == "error"


def test_normalising_twice_changes_nothing() -> None:
    text = "The  cost — about -1,234.5 € — of A thing_x"
    assert normalise(text) == "cost about -1234.5 of thing x"
    assert normalise(normalise(text)) == normalise(text)


JUDGES = ("reference", "exact-match", "number")


@pytest.mark.parametrize("judge", JUDGES)
@pytest.mark.parametrize(
    "truth", [{"aliases": ["7", "9"]}, {"answers": ["7", "9"]}, {"aliases": ["7"], "answers": ["9"]}]
)
def test_all_judges_that_compare_take_the_same_right_answers(judge: str, truth: dict[str, list[str]]) -> None:
    for reference in "8", None:
        prompt = Prompt("p", user("?"), reference=reference, truth=truth)
        said = [Attempt(t, "p", "m", "plain", Sampling(), 0, prompt.messages, t, "stop") for t in ("9", "8", "6")]
        outcomes = [v.outcome for v in load_judge(judge).judge([(prompt, attempt) for attempt in said])]
        assert outcomes == ["pass", "pass" if reference else "fail", "fail"]


def test_a_text_in_place_of_the_list_of_right_answers_is_not_read_as_its_letters() -> None:
    for name in "aliases", "answers":
        prompt = Prompt("p", user("?"), truth={name: "Paris"})
        with pytest.raises(BadInput, match=f"prompt p: a list of answers was expected in truth.{name}, found 'Paris'"):
            accepted(prompt)
