"""The method of factuality tuning: claims, rewards, pairs, and what is taught."""

from __future__ import annotations

import math
import random
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hansei.core.errors import BadInput
from hansei.core.journal import Journal
from hansei.core.records import Attempt, Prompt, Sampling, user
from hansei.town.registry import prompts
from hansei.training.settings import PreferenceSettings, TrainSettings
from hansei.truth import factuality as method
from hansei.truth import factuality_confidence as confidence
from hansei.truth import factuality_town as town
from hansei.truth.factuality import Scored
from tests.steps.fakes import FakeModel


def attempt(id: str, text: str, prompt: Prompt, finish: str = "stop") -> Attempt:
    return Attempt(id, prompt.id, "m", "plain", Sampling(), 0, prompt.messages, text, finish)  # type: ignore[arg-type]


def scored(rewards: list[float | None], prompt: str = "p", finish: str = "stop") -> list[Scored]:
    """Answers to one prompt with these rewards, each by one claim."""
    asked = Prompt(prompt, user(f"Tell me about {prompt}."))
    return [
        Scored(
            asked,
            attempt(f"{prompt}-{i}", f"answer {i}", asked, finish),
            () if r is None else ("c",),
            (r,) * (r is not None),
        )
        for i, r in enumerate(rewards)
    ]


@given(st.lists(st.one_of(st.none(), st.sampled_from([0.0, 0.25, 0.5, 1.0])), max_size=7), st.sampled_from([0.0, 0.3]))
def test_the_pairs_are_all_pairs_with_different_rewards(rewards: list[float | None], margin: float) -> None:
    brute = {
        (i, j)
        for i, j in product(range(len(rewards)), repeat=2)
        if rewards[i] is not None and rewards[j] is not None and rewards[i] - rewards[j] > margin  # type: ignore[operator]
    }
    answers = scored(rewards)
    if not brute:
        with pytest.raises(BadInput, match="nothing was trained"):
            method.pairs(answers, margin)
        return
    found = [(str(le.chosen)[-1], str(le.rejected)[-1]) for le in method.pairs(answers, margin)]
    assert sorted(found) == sorted((str(i), str(j)) for i, j in brute)


def test_pairs_stay_within_a_prompt_and_ten_different_answers_give_45() -> None:
    ten = [i / 10 for i in range(10)]
    made = method.pairs([*scored(ten, "p"), *scored([0.0, 1.0], "q")])
    assert [le.prompt_id for le in made] == ["p"] * 45 + ["q"]
    assert all(le.purpose == "factuality" and le.completion is None for le in made)


def test_an_answer_that_was_cut_is_in_no_lesson() -> None:
    answers = [*scored([0.0, 1.0]), *scored([0.5, 0.7], finish="length")]
    assert len(method.pairs(answers)) == 1
    assert [le.completion for le in method.imitation(answers)] == ["answer 0", "answer 1"]


def test_equal_rewards_everywhere_are_said_and_nothing_is_trained(tmp_path: Path) -> None:
    train = TrainSettings(steps=1, device="cpu")
    with pytest.raises(BadInput, match=r"nothing to learn from: 6 of 7 answers have a reward, .* 2 prompts"):
        method.teach(
            "no-such-model",
            [*scored([0.5, 0.5, 0.5, None], "p"), *scored([1.0, 1.0, 1.0], "q")],
            method.Teaching(train, train),
            tmp_path / "sft",
            tmp_path / "dpo",
        )
    assert list(tmp_path.iterdir()) == []


def test_the_reward_is_the_mean_of_what_is_known_in_any_order() -> None:
    assert method.reward([]) is None and method.reward([None, None]) is None
    assert method.reward([1.0, None, 0.0]) == 0.5
    values = [random.Random(0).random() for _ in range(9)]
    assert len({method.reward(random.Random(i).sample(values, 9)) for i in range(50)}) == 1


def test_short_answers_count_less_with_a_length_penalty_and_no_answer_more() -> None:
    for gamma in (0.0, 3.0, 10.0):
        for count in range(1, 13):
            expected = 1.0 if count > gamma else math.exp(1 - gamma / count)  # as FActScore writes it
            assert method.reward([1.0, 0.0] * count, gamma) == pytest.approx(
                0.5 * (1.0 if 2 * count > gamma else math.exp(1 - gamma / (2 * count)))
            )
            assert method.reward([1.0] * count, gamma) == pytest.approx(expected)
    assert method.reward([None], 3.0) is None


def test_the_best_of_ten_is_the_first_with_the_highest_reward() -> None:
    best = method.best_of([*scored([0.1, 0.9, None, 0.9], "p"), *scored([None, None], "q")])
    assert [one.attempt.id for one in best] == ["p-1", "q-0"]


def test_a_claim_that_is_made_in_several_answers_is_scored_once() -> None:
    asked = Prompt("p", user("Who?"))
    other = Prompt("q", user("Who else?"))
    cases = [(asked, attempt("a", "x, y", asked)), (asked, attempt("b", "x", asked)), (other, attempt("c", "x", other))]
    seen: list[tuple[str, str]] = []

    def worth(claims: list[tuple[Prompt, str]]) -> list[float | None]:
        seen.extend((prompt.id, claim) for prompt, claim in claims)
        return [None if claim == "y" else 1.0 for _, claim in claims]

    found = method.score(cases, lambda cs: [tuple(a.text.split(", ")) for _, a in cs], worth)  # type: ignore[arg-type]
    assert seen == [("p", "x"), ("p", "y"), ("q", "x")]
    assert [one.reward for one in found] == [1.0, 1.0, 1.0]
    assert method.counts(found) == {
        "answers": 3, "unsplit": 0, "without_claims": 0, "claims": 4, "unscored_claims": 1, "cut_off": 0,
    }  # fmt: skip


def brute(counts: list[int], measure: str) -> float:
    """Expected confidence from the draws one by one."""
    draws = [k for k, count in enumerate(counts) for _ in range(count)]
    n = len(draws)
    if measure == "max":
        return max(sum(a == b for b in draws) / n for a in draws)
    if measure == "squares":
        return sum(a == b for a, b in product(draws, repeat=2)) / n**2
    return sum(math.log(sum(a == b for b in draws) / n) / n for a in draws)


@given(st.lists(st.integers(1, 6), min_size=1, max_size=5))
def test_expected_confidence_is_that_of_the_draws_one_by_one(counts: list[int]) -> None:
    assert confidence.largest(counts) == pytest.approx(brute(counts, "max"))
    assert confidence.squares(counts) == pytest.approx(brute(counts, "squares"))
    assert confidence.negative_entropy(counts) == pytest.approx(brute(counts, "entropy"))


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("Ada Lovelace", "ada lovelace.", True),
        ("The Hague", "Hague", True),
        ("Lovelace Ada", "Ada Lovelace", True),
        ("Lovelace", "Ada Lovelace", True),
        ("two dogs", "two dog", True),
        ("France", "Paris, France", False),
        ("Paris", "Paris, France", False),
        ("ace", "Lovelace", False),
        ("1990", "1991", False),
        ("", "", True),
        ("", "x", False),
    ],
)
def test_short_answers_are_the_same_by_their_words(a: str, b: str, same: bool) -> None:
    assert confidence.equivalent(a, b) is confidence.equivalent(b, a) is same


def test_equal_answers_are_merged_into_the_bin_of_the_commonest() -> None:
    said = ["Rome", "Lovelace", "Ada Lovelace", "Ada Lovelace", "rome", "Rome", "Rome"]
    bins = confidence.merged(said, confidence.equivalent)
    assert bins == [("Rome", 4), ("Ada Lovelace", 3)]
    assert confidence.merged(said[::-1], confidence.equivalent) == bins


def test_a_claim_is_worth_as_much_as_the_answers_to_its_question_agree(tmp_path: Path) -> None:
    drawn = iter(["Rome"] * 3 + ["Oslo", "", "Rome\nQuestion: next?"] + ["x"] * 94)
    model = FakeModel(lambda _: next(drawn), size=1)
    asked = Prompt("p", user("Where was Ada born?"))

    def questions(claims: list[tuple[Prompt, str]]) -> list[str | None]:
        return [None if claim == "?" else prompt.messages[-1].content for prompt, claim in claims]

    with Journal.open(tmp_path) as journal:
        found = confidence.Confidence(model, questions, journal, confidence.Asking(draws=6))  # type: ignore[arg-type]
        claims = [(asked, "Rome"), (asked, "Paris"), (asked, "?")]
        assert found.by("max")(claims) == [0.8, 0.8, None]  # an empty answer is none
        assert found.by("squares")(claims) == [pytest.approx(0.68), pytest.approx(0.68), None]
        assert found.by("own")(claims) == [0.8, 0.0, None]
        assert len(model.asked) == 6 and len(set(model.seeds)) == 6  # asked once, and anew each time


def test_the_town_s_claims_are_exact_and_so_are_their_questions() -> None:
    (prompt,) = prompts("train", ("biography",), count=1)[:1]
    name, facts = prompt.tags["entity"], prompt.truth["facts"]  # type: ignore[index]
    wrong = next(t for t in ("Alder", "Kelby") if t != facts["town"])
    text = (
        f"{name} was born in {wrong}. They keep a {facts['pet']}. They keep a {facts['pet']}. Ann Else plays the harp."
    )
    (claims,) = town.split([(prompt, attempt("a", text, prompt))])
    assert claims == (f"{name} was born in {wrong}.", f"{name} keeps a {facts['pet']}.", "Ann Else plays the harp.")
    asked = [(prompt, claim) for claim in claims]
    assert town.supported(asked) == [0.0, 1.0, 0.0]
    assert town.questions(asked) == [
        f"Where was {name} born?", f"Which animal does {name} keep?", "Which instrument does Ann Else play?",
    ]  # fmt: skip
    assert town.ASKING.read("q", f"{name} comes from Alder.") == town.ASKING.read("q", "They were born in Alder.")


def test_the_base_s_own_samples_are_taught_and_nothing_else(llama_folder: str, tmp_path: Path) -> None:
    """From a random model to a student: the reward counts a letter, and the DPO student makes more of it."""
    from hansei.models.load import load

    model = load(llama_folder, device="cpu")
    asked = [Prompt(f"p{i}", user(f"Say number {i}.")) for i in range(4)]

    def worth(claims: list[tuple[Prompt, str]]) -> list[float | None]:
        return [claim.count("e") / (1 + len(claim)) for _, claim in claims]

    with Journal.open(tmp_path / "run") as journal:
        cases = method.sample(model, asked, Sampling(1.0, max_new_tokens=24), journal, samples=4)
        answers = method.score(cases, lambda cs: [(a.text,) for _, a in cs], worth)  # type: ignore[arg-type]
    whole = [
        Scored(one.prompt, attempt(one.attempt.id, one.attempt.text, one.prompt), one.claims, one.worth)
        for one in answers
    ]
    train = TrainSettings(steps=3, batch=4, learning_rate=1e-3, device="cpu")
    teaching = method.Teaching(train, train, PreferenceSettings(beta=0.2))
    sft, dpo = method.teach(llama_folder, whole, teaching, tmp_path / "sft", tmp_path / "dpo", keep_steps=(1,))
    own = {one.attempt.text for one in whole}
    assert {le.completion for le in method.imitation(whole)} <= own
    assert all({le.chosen, le.rejected} <= own for le in method.pairs(whole))
    assert (dpo / "step-1" / "model.safetensors").is_file()
    assert (sft / "model.safetensors").read_bytes() != (dpo / "model.safetensors").read_bytes()
