from pathlib import Path

import pytest

from hansei.core.errors import BadInput
from hansei.core.journal import Journal
from hansei.core.records import Attempt, Prompt, Sampling, user
from hansei.models.protocol import Reply
from hansei.steps.ask import ask, attempt_seed, guided
from tests.steps.fakes import FakeModel, broken, request

PROMPTS = [request(f"p{i}") for i in range(5)]
GREEDY = Sampling()


def test_attempts_come_in_the_prompts_order_whatever_the_batches(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        attempts = ask(FakeModel(), PROMPTS, GREEDY, journal)
    assert [a.prompt_id for a in attempts] == [p.id for p in PROMPTS]
    assert [a.text for a in attempts] == [f"REQUEST P{i}" for i in range(5)]


def test_finished_batches_are_never_asked_again_and_the_half_done_one_is_asked_whole(tmp_path: Path) -> None:
    whole = FakeModel()
    with Journal.open(tmp_path / "whole") as journal:
        expected = ask(whole, PROMPTS, GREEDY, journal)
    killed = FakeModel(dies_after=2)
    with Journal.open(tmp_path / "killed") as journal, pytest.raises(KeyboardInterrupt):
        ask(killed, PROMPTS, GREEDY, journal)
    again = FakeModel()
    with Journal.open(tmp_path / "killed") as journal:
        assert ask(again, PROMPTS, GREEDY, journal) == expected
        assert len(list(journal.records("attempt"))) == len(PROMPTS)
    assert killed.asked + again.asked == whole.asked


@pytest.mark.parametrize(
    "change",
    [
        {"sampling": Sampling(max_new_tokens=9)},
        {"method": guided("Be kind.")},
        {"model": FakeModel(fingerprint="other")},
        {"prompts": [*PROMPTS[:4], request("p4", "something else")]},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_model_sampling_method_or_prompt_is_another_attempt(tmp_path: Path, change: dict) -> None:
    with Journal.open(tmp_path) as journal:
        first = ask(FakeModel(size=9), PROMPTS, GREEDY, journal)
        asked = {"model": FakeModel(size=9), "prompts": PROMPTS, "sampling": GREEDY} | change
        if "model" in change:
            asked["model"].size = 9
        method = {"method": asked.pop("method")} if "method" in asked else {}
        second = ask(asked["model"], asked["prompts"], asked["sampling"], journal, **method)
    assert asked["model"].asked
    assert not {a.id for a in first} & {a.id for a in second}


def test_an_endpoint_error_is_stored_and_asked_again_by_the_next_run_only_for_that_prompt(tmp_path: Path) -> None:
    flaky = FakeModel(lambda turn: broken() if turn.endswith(("p1", "p3")) else "fine", size=9)
    with Journal.open(tmp_path) as journal:
        first = ask(flaky, PROMPTS, GREEDY, journal)
    assert [a.error for a in first] == [None, "server down", None, "server down", None]
    healed = FakeModel(lambda turn: broken() if turn.endswith("p3") else "fine now", size=9)
    with Journal.open(tmp_path) as journal:
        second = ask(healed, PROMPTS, GREEDY, journal)
    assert healed.asked == [["request p3", "request p1"]]
    assert [a.text for a in second] == ["fine", "fine now", "fine", "", "fine"]
    well = FakeModel(lambda turn: "at last", size=9)
    with Journal.open(tmp_path) as journal:
        third = ask(well, PROMPTS, GREEDY, journal)
        stored = list(journal.records("attempt", Attempt))
    assert well.asked == [["request p3"]]
    assert [a.error for a in third] == [None] * 5
    assert len(stored) == 5 + 2 + 1
    assert sum(a.error is not None for a in stored) == 3
    assert len({a.id for a in stored}) == len(stored)


def test_sampled_attempts_have_seeds_of_their_own(tmp_path: Path) -> None:
    model = FakeModel(size=9)
    with Journal.open(tmp_path) as journal:
        attempts = ask(model, PROMPTS, Sampling(temperature=1.0, seed=7), journal, attempts=3)
    assert [a.number for a in attempts] == [0] * 5 + [1] * 5 + [2] * 5
    assert model.seeds == [7, attempt_seed(7, 1), attempt_seed(7, 2)]
    assert len(set(model.seeds)) == 3
    assert len({a.id for a in attempts}) == 15


def test_several_greedy_attempts_are_refused(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal, pytest.raises(BadInput, match="temperature"):
        ask(FakeModel(), PROMPTS, GREEDY, journal, attempts=2)


def test_guided_answering_sets_the_reminder_before_the_last_user_turn() -> None:
    prompt = Prompt("p", user("first", "answer", "second"))
    asked = guided("Be kind.").render(prompt)
    assert [m.content for m in asked] == ["first", "answer", "Be kind. second"]
    assert [m.role for m in asked] == ["user", "assistant", "user"]


def test_reasoning_is_kept_apart_from_the_answer(tmp_path: Path) -> None:
    model = FakeModel(lambda _: Reply("answer", "length", 3, 9, reasoning="let me think"))
    with Journal.open(tmp_path) as journal:
        (attempt,) = ask(model, PROMPTS[:1], GREEDY, journal)
    assert (attempt.text, attempt.reasoning, attempt.finish) == ("answer", "let me think", "length")
    assert (attempt.prompt_tokens, attempt.completion_tokens) == (3, 9)
