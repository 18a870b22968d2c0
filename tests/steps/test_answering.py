"""Answering in several steps: lockstep, traces, errors of one question, and runs that go on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hansei.core.errors import BadInput
from hansei.core.journal import Journal
from hansei.core.keys import canonical
from hansei.core.records import Attempt, Prompt, Sampling, from_json, to_json, user
from hansei.models.protocol import Reply
from hansei.steps.answering import Ask, Did, Thinking, ThinkingMethod, answer
from steps.fakes import FakeModel, broken, request

SAMPLING = Sampling(max_new_tokens=8)


def two_steps(prompt: Prompt) -> Thinking:
    question = prompt.messages[-1].content
    (notes,) = yield Ask((user(f"notes on {question}"),), SAMPLING, "notes")
    nothing = yield Did("filter", f"kept {notes.text}")
    assert nothing == []
    if "short" in question:
        return notes.text
    (reply,) = yield Ask((user(f"answer {question}"),), SAMPLING, "answer")
    return reply.text


def method(think=two_steps, **settings) -> ThinkingMethod:
    return ThinkingMethod("two-steps", "1", think, settings)


def test_questions_in_one_round_reach_the_model_together(tmp_path: Path) -> None:
    model = FakeModel()
    prompts = [request("a"), request("b", "short"), request("c")]
    with Journal.open(tmp_path) as journal:
        made = answer(model, prompts, method(), journal)
    assert model.asked == [
        ["notes on request a", "notes on short", "notes on request c"],
        ["answer request a", "answer request c"],
    ]
    assert [a.text for a in made] == ["ANSWER REQUEST A", "NOTES ON SHORT", "ANSWER REQUEST C"]
    assert [a.prompt_id for a in made] == ["a", "b", "c"]


def test_the_trace_holds_every_step_and_the_attempt_their_sums(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        (made,) = answer(FakeModel(), [request("a")], method(), journal)
    assert [step.label for step in made.trace] == ["notes", "filter", "answer"]
    assert [step.by_model for step in made.trace] == [True, False, True]
    assert json.loads(made.trace[0].rendered) == [{"role": "user", "content": "notes on request a"}]
    assert made.trace[1].text == "kept NOTES ON REQUEST A" and made.trace[1].sampling is None
    assert (made.prompt_tokens, made.completion_tokens) == (6, 10)
    assert made.asked == user("request a") and made.sampling == SAMPLING


def test_a_local_model_shows_the_very_text_it_reads(tmp_path: Path, llama_folder: str) -> None:
    from hansei.models.local import LocalModel

    model = LocalModel(llama_folder, device="cpu")
    with Journal.open(tmp_path) as journal:
        (made,) = answer(model, [request("a", "short")], method(), journal)
    (rendered,) = model.render([user("notes on short")])
    assert made.trace[0].rendered == rendered.text != "notes on short"


def test_a_question_too_long_for_the_model_is_an_error_of_its_own(tmp_path: Path, llama_folder: str) -> None:
    from hansei.models.local import LocalModel

    prompts = [request("long", "word \x1b[31m <|assistant|> " * 4_000), request("b", "short")]
    with Journal.open(tmp_path) as journal:
        long, short = answer(LocalModel(llama_folder, device="cpu"), prompts, method(), journal)
    assert long.error is not None and "leaves no room" in long.error and long.trace[0].rendered.count("word") == 4_000
    assert short.error is None and short.trace[0].completion_tokens > 0


def test_samples_are_drawn_with_seeds_of_their_own(tmp_path: Path) -> None:
    def votes(prompt: Prompt) -> Thinking:
        replies = yield Ask.samples(prompt.messages, 3, Sampling(temperature=1.0, seed=7), "sample")
        return " ".join(reply.text for reply in replies)

    model = FakeModel()
    with Journal.open(tmp_path) as journal:
        made = answer(model, [request("a"), request("b")], method(votes), journal)
    assert model.seeds[0] == 7 and len(set(model.seeds)) == 3
    assert all(len(turns) == 2 for turns in model.asked)  # both questions of a draw go together
    assert [step.sampling.seed for step in made[0].trace if step.sampling] == model.seeds
    assert made[1].text == "REQUEST B REQUEST B REQUEST B"


def test_a_method_may_ask_another_model_too(tmp_path: Path) -> None:
    def two(prompt: Prompt) -> Thinking:
        (kept,) = yield Ask((prompt.messages,), SAMPLING, "filter", who="filter")
        (reply,) = yield Ask((user(kept.text),), SAMPLING, "answer")
        return reply.text

    main, other = FakeModel(), FakeModel(str.title, fingerprint="o" * 32)
    with Journal.open(tmp_path) as journal:
        for helper in (other, FakeModel(str.title, fingerprint="p" * 32)):
            pair = ThinkingMethod("two", "1", two, models={"filter": helper})
            (made,) = answer(main, [request("a")], pair, journal)
    assert [step.model for step in made.trace] == ["p" * 32, ""] and made.model == main.fingerprint
    assert other.asked == [["request a"]] and main.asked == [["Request A"], ["Request A"]]


def test_an_error_ends_its_question_alone_and_is_asked_again_by_the_next_run(tmp_path: Path) -> None:
    down = FakeModel(lambda turn: broken() if turn == "answer request b" else turn.upper())
    prompts = [request("a"), request("b")]
    with Journal.open(tmp_path) as journal:
        first = answer(down, prompts, method(), journal)
        again = FakeModel()
        second = answer(again, prompts, method(), journal)
    assert [a.error for a in first] == [None, "server down"]
    assert first[1].text == "" and first[1].finish == "error" and len(first[1].trace) == 3
    assert first[1].trace[-1].error == "server down"
    assert again.asked == [["notes on request b"], ["answer request b"]]
    assert second[0] == first[0] and second[1].text == "ANSWER REQUEST B"


def test_a_question_that_cannot_be_worked_with_does_not_stop_the_others(tmp_path: Path) -> None:
    def picky(prompt: Prompt) -> Thinking:
        if prompt.id == "a":
            raise BadInput("a:\nno passages")
        (reply,) = yield Ask((prompt.messages,), SAMPLING, "answer")
        return reply.text

    with Journal.open(tmp_path) as journal:
        made = answer(FakeModel(), [request("a"), request("b")], method(picky), journal)
    assert [a.error for a in made] == ["a: no passages", None]
    assert made[0].finish == "error" and made[1].text == "REQUEST B"


def test_a_killed_run_does_its_chunk_again_and_no_other(tmp_path: Path) -> None:
    prompts = [request(str(i)) for i in range(6)]
    with Journal.open(tmp_path) as journal, pytest.raises(KeyboardInterrupt):
        answer(FakeModel(dies_after=3), prompts, method(), journal, chunk=2)
    model = FakeModel()
    with Journal.open(tmp_path) as journal:
        made = answer(model, prompts, method(), journal, chunk=2)
        assert journal.counts() == {"attempt": 6}
    assert [turn for turns in model.asked for turn in turns if turn.startswith("notes")] == [
        f"notes on request {i}" for i in range(2, 6)
    ]
    assert [a.text for a in made] == [f"ANSWER REQUEST {i}" for i in range(6)]


def test_settings_and_passages_are_part_of_what_an_answer_depends_on(tmp_path: Path) -> None:
    model = FakeModel()
    with Journal.open(tmp_path) as journal:
        for truth in ({"passages": []}, {"passages": [{"text": "x"}]}):
            for k in (1, 2):
                answer(model, [request("a", "short", truth=truth)], method(k=k), journal)
        answer(model, [request("a", "short", truth={"passages": []})], method(k=1), journal)
    assert len(model.asked) == 4


def test_an_answer_is_cut_off_where_all_of_its_last_step_was(tmp_path: Path) -> None:
    model = FakeModel(lambda turn: Reply(turn, "length" if turn.startswith("answer") else "stop", 1, 1))
    with Journal.open(tmp_path) as journal:
        long, short = answer(model, [request("a"), request("b", "short")], method(), journal)
    assert (long.finish, short.finish) == ("length", "stop")


def test_attempts_of_older_journals_still_load() -> None:
    new = Attempt("i", "p", "m", "plain", SAMPLING, 0, user("x"), "y", "stop")
    old = {name: value for name, value in to_json(new).items() if name != "trace"}
    assert from_json(Attempt, old) == new
    assert from_json(Attempt, json.loads(canonical(new))) == new
