"""The endpoint against a server that misbehaves in every way we could think of."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from bad_server import KEY, State, bad_server

from hansei.core.errors import BadInput
from hansei.core.records import Message, Sampling, user
from hansei.models.endpoint import PATIENCE, UNIT, Endpoint
from hansei.models.load import load
from hansei.models.protocol import Reply

CHAT = user("How are you?")
SHORT = Sampling(max_new_tokens=10)


@pytest.fixture(scope="module")
def running() -> Iterator[State]:
    with bad_server() as state:
        yield state


@pytest.fixture
def server(running: State, monkeypatch: pytest.MonkeyPatch) -> State:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    running.asked.clear()
    for seen in (running.bodies, running.keys, running.at):
        seen.clear()
    running.most_under_way = 0
    return running


def endpoint(server: State, behaviour: str, **settings: Any) -> Endpoint:
    return Endpoint(behaviour, server.url, **{"backoff": 0.01, "retries": 2, "timeout": 10, **settings})


def ask(server: State, behaviour: str, **settings: Any) -> Reply:
    return endpoint(server, behaviour, **settings).generate([CHAT], SHORT)[0]


def test_an_answer_is_read_with_its_counts(server: State) -> None:
    assert ask(server, "ok") == Reply("Fine.", "stop", 7, 3)


def test_every_setting_is_sent_and_the_seed_where_it_has_an_effect(server: State) -> None:
    chat = (Message("system", "Be kind."), *CHAT)
    model = endpoint(server, "ok")
    model.generate([chat], SHORT)
    model.generate([chat], Sampling(temperature=0.7, top_p=0.9, max_new_tokens=5, seed=11))
    greedy, sampled = server.bodies
    turns = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "How are you?"}]
    assert greedy == {"model": "ok", "messages": turns, "temperature": 0.0, "top_p": 1.0, "max_tokens": 10}
    assert sampled == greedy | {"temperature": 0.7, "top_p": 0.9, "max_tokens": 5, "seed": 11}


def test_the_name_of_the_limit_can_be_chosen(server: State) -> None:
    ask(server, "ok", limit_field="max_completion_tokens")
    assert server.bodies[0]["max_completion_tokens"] == 10
    assert "max_tokens" not in server.bodies[0]


def test_answers_keep_the_order_of_the_questions_and_the_limit_of_requests_under_way(server: State) -> None:
    chats = [user(f"question {i}") for i in range(12)]
    replies = endpoint(server, "slow", concurrency=3).generate(chats, SHORT)
    assert [r.text for r in replies] == [f"QUESTION {i}" for i in range(12)]
    assert 2 <= server.most_under_way <= 3


def test_a_busy_server_is_asked_again_no_sooner_than_it_said(server: State) -> None:
    assert ask(server, "busy-once").text == "Fine."
    first, second = server.at
    assert second - first >= 1.0


def test_a_server_that_wants_a_very_long_wait_has_failed_now(server: State) -> None:
    reply = ask(server, "busy-for-an-hour")
    assert reply.finish == "error"
    assert "3600 s" in str(reply.error)
    assert server.asked["busy-for-an-hour"] == 1


def test_trouble_that_passes_is_waited_out(server: State) -> None:
    assert ask(server, "fails-twice").text == "Fine."
    assert ask(server, "drops-once").text == "Fine."
    assert ask(server, "busy-in-its-own-way").text == "Fine."
    assert server.asked == {"fails-twice": 3, "drops-once": 2, "busy-in-its-own-way": 2}


@pytest.mark.parametrize(
    ("behaviour", "settings", "says"),
    [
        ("always-fails", {}, "status 503: down (tried 3 times)"),
        ("nested-error", {}, "status 500: [[[["),
        ("drops", {}, "connection failed"),
    ],
)
def test_trouble_that_lasts_is_an_error_after_the_last_try(
    server: State, behaviour: str, settings: dict[str, Any], says: str
) -> None:
    reply = ask(server, behaviour, **settings)
    assert (reply.text, reply.finish) == ("", "error")
    assert says in str(reply.error)
    assert server.asked[behaviour] == 3


@pytest.mark.parametrize(("behaviour", "timeout"), [("hangs", 0.2), ("drips", 0.4)])
def test_a_request_that_has_run_out_of_time_is_not_sent_again(server: State, behaviour: str, timeout: float) -> None:
    reply = ask(server, behaviour, timeout=timeout)
    assert (reply.text, reply.finish, reply.error) == ("", "error", f"no answer within {timeout} s")
    assert server.asked[behaviour] == 1


def test_a_request_has_time_for_long_reasoning_but_a_server_is_soon_known_to_be_there(server: State) -> None:
    assert Endpoint("m", "http://h/v1").timeout == 600.0
    with unreachable() as url, pytest.MonkeyPatch.context() as patch:
        patch.setattr("hansei.models.endpoint.CONNECT", 0.1)
        started = time.monotonic()
        reply = Endpoint("m", url, backoff=0.0, retries=2).generate([CHAT], SHORT)[0]
        assert reply.error == "connection failed: not reached within 0.1 s (tried 3 times)"
        with pytest.raises(BadInput, match=r"no server answers at \S+ \(not reached within 0.1 s\); start it"):
            Endpoint("m", url).check()
        assert time.monotonic() - started < 5.0


@contextmanager
def unreachable() -> Iterator[str]:
    """An address whose packets are dropped: one that listens, and whose waiting places are all taken."""
    with socket.socket() as full, ExitStack() as kept:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):
            waiting = kept.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        yield f"http://127.0.0.1:{full.getsockname()[1]}/v1"


def test_a_list_of_models_is_waited_for_less_than_an_answer(server: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hansei.models.endpoint.LISTING", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(5)
        with pytest.raises(BadInput, match=r"no answer within 0.2 s"):
            Endpoint("m", f"http://127.0.0.1:{silent.getsockname()[1]}/v1").check()


def test_a_server_that_takes_requests_and_never_answers_is_down_too(
    server: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hansei.models.endpoint.PATIENCE", 0.1)
    model = endpoint(server, "hangs", timeout=0.2, concurrency=8)
    replies = model.generate([CHAT] * 40, SHORT)
    assert [reply.error for reply in replies[:16]] == ["no answer within 0.2 s"] * 16
    assert all("not asked: no answer to 16 requests in a row" in str(reply.error) for reply in replies[24:])
    with pytest.raises(BadInput, match=r"no answer within 0.2 s; finished work is kept: start again"):
        model.generate([CHAT], SHORT)


def test_a_server_that_stays_down_ends_the_run_and_what_came_is_kept(server: State) -> None:
    model = endpoint(server, "always-fails", retries=0, concurrency=4)
    replies = model.generate([CHAT] * 16, SHORT)
    assert all("status 503: down" in str(reply.error) for reply in replies), "16 in a row may be one bad moment"
    model._since -= PATIENCE  # five minutes later
    first, *rest = model.generate([CHAT] * 30, SHORT)
    assert "status 503: down" in str(first.error)
    assert "not asked: no answer to 17 requests in a row" in str(rest[-1].error)
    assert server.asked["always-fails"] <= 16 + 4
    with pytest.raises(BadInput, match=r"no answer to 17 .* status 503: down .*; finished work is kept: start again"):
        model.generate([CHAT], SHORT)


def test_an_answer_of_whatever_kind_shows_that_a_server_is_up(server: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hansei.models.endpoint.PATIENCE", 0.0)
    model = endpoint(server, "always-fails", retries=0, concurrency=1, backoff=0.0)
    for _ in range(2):
        model.model = "always-fails"
        assert all("503" in str(reply.error) for reply in model.generate([CHAT] * 15, SHORT))
        model.model = "bad-request"
        assert "400" in str(model.generate([CHAT], SHORT)[0].error)


def test_any_text_can_be_sent(server: State) -> None:
    endpoint(server, "ok").generate([user("half \ud83d, NUL \0, é")], SHORT)
    assert server.bodies[0]["messages"][0]["content"] == "half \ud83d, NUL \0, é"


@pytest.mark.parametrize("proxy", ["foo://proxy:1", "socks5://proxy:1"])
def test_a_proxy_of_the_environment_that_can_not_be_used_is_bad_input(
    server: State, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    monkeypatch.setenv("NO_PROXY", "elsewhere.example")
    with pytest.raises(BadInput, match=r"openai:ok: the environment's proxy .* ALL_PROXY"):
        endpoint(server, "ok").check()


def test_where_no_server_answers_a_proxy_of_the_environment_is_named(
    server: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://me:password@127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "elsewhere.example")
    with pytest.raises(BadInput, match=r"proxy of HTTP_PROXY .NO_PROXY=127.0.0.1 goes without") as caught:
        endpoint(server, "ok").check()
    assert "password" not in str(caught.value)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    endpoint(server, "ok").check()


def test_a_list_of_models_that_never_ends_is_not_waited_for(server: State) -> None:
    started = time.monotonic()
    Endpoint("ok", server.url.replace("/v1", "/drips/v1"), timeout=0.3).check()
    assert time.monotonic() - started < 1.0, "the status is all that is asked for"


def test_a_request_that_the_server_refuses_is_not_sent_again(server: State) -> None:
    reply = ask(server, "bad-request")
    assert reply.finish == "error"
    assert "status 400: no such thing as" in str(reply.error)
    assert server.asked["bad-request"] == 1


@pytest.mark.parametrize(
    ("behaviour", "says"),
    [
        ("truncated", "expected JSON, found application/json"),
        ("nested", "expected JSON, found application/json"),
        ("floods", "more than 64 MiB"),
        (
            "moved",
            "status 301: the server sends on to https://elsewhere.example/v1/chat/completions",
        ),
        ("html", "expected JSON, found text/html"),
        ("empty-choices", "asked for 1 answer, got 0"),
        ("no-choices", "expected `choices`"),
        ("a-list", "expected `choices`"),
        ("two-choices", "asked for 1 answer, got 2"),
        ("no-message", "expected a message"),
        ("null-content", "expected text as content, found NoneType"),
        ("number-content", "expected text as content, found int"),
        ("image-part", "expected only text"),
        ("filtered", "content filter"),
        ("tool", "found 'tool_calls'"),
        ("no-finish", "found None"),
        ("ignores-limit", "the server ignores the limit"),
        ("ignores-limit-uncounted", "at most 10 tokens, got 4,999 characters: the server ignores the limit"),
    ],
)
def test_an_answer_that_can_not_be_used_is_an_error_and_never_an_empty_answer(
    server: State, behaviour: str, says: str
) -> None:
    reply = ask(server, behaviour)
    assert (reply.text, reply.finish) == ("", "error")
    assert says in str(reply.error)
    assert server.asked[behaviour] == 1


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        ("cut", Reply("Once upon", "length", 7, 3)),
        ("parts", Reply("Fine, thanks.", "stop", 7, 3)),
        ("thinking-parts", Reply("Yes.", "stop", 7, 3, reasoning="Hm.")),
        ("reasoning", Reply("Yes.", "stop", 7, 3, reasoning="Hm.")),
        ("think", Reply("Yes.", "stop", 7, 3, reasoning="Hm.")),
        ("null-content-with-reasoning", Reply("", "length", 7, 3, reasoning="Let me see")),
        ("refusal", Reply("I can't.", "stop", 7, 3)),
        ("refusal-beside-nothing", Reply("I can't.", "stop", 7, 3)),
        ("refusal-part", Reply("I can't.", "stop", 7, 3)),
        ("half-a-pair", Reply("A \ufffd half.", "stop", 7, 3, reasoning="Hm \ufffd.")),
        ("negative-usage", Reply("Fine.", "stop", 0, 0)),
        ("no-usage", Reply("Fine.", "stop", 0, 0)),
    ],
)
def test_unusual_but_sound_answers_are_read(server: State, behaviour: str, expected: Reply) -> None:
    assert ask(server, behaviour) == expected


def test_an_error_without_a_message_is_said_to_have_none(server: State) -> None:
    assert ask(server, "silent-error").error == "status 404: no message"


@pytest.mark.parametrize("status", [200, 201, 203, 206])
def test_any_status_of_success_is_one_where_the_answer_is_sound(server: State, status: int) -> None:
    assert ask(server, f"status-{status}") == Reply("Fine.", "stop", 7, 3)


@pytest.mark.parametrize(
    ("behaviour", "says"),
    [("status-204", "expected JSON, found application/json:"), ("accepted", "expected `choices` in the response")],
)
def test_success_without_an_answer_is_an_error(server: State, behaviour: str, says: str) -> None:
    reply = ask(server, behaviour)
    assert (reply.text, reply.finish) == ("", "error") and says in str(reply.error)
    assert server.asked[behaviour] == 1


def test_one_failure_does_not_stop_the_others(server: State) -> None:
    replies = endpoint(server, "fails-twice", retries=0, concurrency=1).generate([CHAT] * 4, SHORT)
    assert [r.finish for r in replies] == ["error", "error", "stop", "stop"]


def test_the_key_is_sent_but_never_shown(server: State) -> None:
    model = endpoint(server, "unauthorized")
    replies = [model.generate([CHAT], SHORT)[0], ask(server, "bad-request")]
    assert server.keys == [f"Bearer {KEY}"] * 2
    assert all(reply.error and "***" in reply.error for reply in replies)
    assert all(KEY not in str(vars(thing)) for thing in [model]) and all(KEY not in repr(r) for r in replies)


def test_no_key_is_sent_where_none_is_set(server: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    ask(server, "ok")
    assert server.keys == [None]
    assert "OPENAI_API_KEY is not set" in str(ask(server, "unauthorized").error)


def test_a_key_that_can_not_be_sent_is_bad_input_that_does_not_show_it(
    server: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTHER_KEY", "sk-se\ncret")
    with pytest.raises(BadInput, match="OTHER_KEY holds characters") as caught:
        ask(server, "ok", api_key_env="OTHER_KEY")
    assert "cret" not in str(caught.value)


def test_the_fingerprint_is_of_name_and_address_and_holds_no_secret(server: State) -> None:
    plain = Endpoint("m", "http://host:1/v1").fingerprint
    assert Endpoint("m", "http://me:password@host:1/v1?api-key=x", concurrency=2).fingerprint == plain
    assert Endpoint("n", "http://host:1/v1").fingerprint != plain
    assert Endpoint("m", "http://host:2/v1").fingerprint != plain
    assert Endpoint("m", "http://me:password@host:1/v1?api-key=x").address == "http://host:1/v1"


def test_units_of_work_are_in_order_and_do_not_depend_on_concurrency() -> None:
    chats = [CHAT] * (2 * UNIT + 1)
    found = [Endpoint("m", "http://h/v1", concurrency=c).batches(chats, SHORT) for c in (1, 9)]
    assert found[0] == found[1]
    assert [len(unit) for unit in found[0]] == [UNIT, UNIT, 1]
    assert [i for unit in found[0] for i in unit] == list(range(len(chats)))


def test_it_works_where_a_loop_already_runs_as_in_a_notebook(server: State) -> None:
    async def cell() -> Reply:
        return ask(server, "ok")

    assert asyncio.run(cell()).text == "Fine."


def test_log_probabilities_are_those_of_the_continuation(server: State) -> None:
    chat = user("one two three")
    # words: user one two three assistant | good day; word number i has log-probability -i
    assert endpoint(server, "scores").logprobs([(chat, "good day"), (chat, "")]) == [[-5.0, -6.0], []]


def test_a_server_that_ignores_the_wish_for_log_probabilities_is_bad_input(server: State) -> None:
    with pytest.raises(BadInput, match="ignores prompt_logprobs"):
        endpoint(server, "ok").logprobs([(CHAT, "Fine.")])


def test_a_server_that_can_not_be_reached_is_one_line_at_the_start(server: State) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}/v1"
    with pytest.raises(BadInput, match=f"openai:m: no server answers at {url}"):
        load("openai:m", base_url=url)
    assert isinstance(load("openai:ok", base_url=server.url), Endpoint)


@pytest.mark.parametrize(
    ("url", "says"),
    [(None, "needs a base URL"), ("localhost:8000", "expected a base URL"), ("http://", "expected a base URL")],
)
def test_an_address_that_is_none_is_bad_input(url: str | None, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        Endpoint("m", url)


@pytest.mark.parametrize("settings", [{"concurrency": 0}, {"timeout": 0}, {"retries": -1}, {"backoff": -1.0}])
def test_impossible_settings_are_bad_input(settings: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="must be positive"):
        Endpoint("m", "http://h/v1", **settings)
