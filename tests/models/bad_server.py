"""A small OpenAI-compatible server that misbehaves on purpose: what it does is the model's name."""

from __future__ import annotations

import json
import socket
import threading
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "sk-very-secret"


class State:
    """What the server has seen."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        """Requests by behaviour."""
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.at: list[float] = []
        """Time of each request in seconds."""
        self.under_way = 0
        self.most_under_way = 0
        self.lock = threading.Lock()
        self.url = ""


def answer(content: Any = "Fine.", finish: Any = "stop", **message: Any) -> dict[str, Any]:
    """A well-formed response, unless told otherwise."""
    choice = {"index": 0, "message": {"role": "assistant", "content": content, **message}, "finish_reason": finish}
    return {"choices": [choice], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}


ODD: dict[str, Any] = {
    "ok": answer(),
    "empty-choices": answer() | {"choices": []},
    "no-choices": {"id": "x"},
    "a-list": [1, 2],
    "two-choices": answer() | {"choices": answer()["choices"] * 2},
    "null-content": answer(None),
    "null-content-with-reasoning": answer(None, "length", reasoning_content="Let me see"),
    "number-content": answer(5),
    "parts": answer([{"type": "text", "text": "Fine, "}, {"type": "text", "text": "thanks."}]),
    "thinking-parts": answer(
        [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}, {"type": "text", "text": "Yes."}]
    ),
    "image-part": answer([{"type": "image_url", "image_url": {"url": "x"}}]),
    "refusal": answer(None, refusal="I can't."),
    "refusal-beside-nothing": answer("", refusal="I can't."),
    "refusal-part": answer([{"type": "refusal", "refusal": "I can't."}]),
    "half-a-pair": answer("A \ud83d half.", reasoning_content="Hm \udc00."),
    "negative-usage": answer() | {"usage": {"prompt_tokens": -5, "completion_tokens": True}},
    "ignores-limit-uncounted": {"choices": answer("word " * 1000)["choices"]},
    "cut": answer("Once upon", "length"),
    "filtered": answer("", "content_filter"),
    "tool": answer(None, "tool_calls"),
    "no-finish": answer("Fine.", None),
    "reasoning": answer("Yes.", reasoning_content=" Hm. "),
    "think": answer("<think>Hm.</think>\n\nYes."),
    "no-usage": {"choices": answer()["choices"]},
    "ignores-limit": answer() | {"usage": {"prompt_tokens": 7, "completion_tokens": 5000}},
    "no-message": {"choices": [{"index": 0, "finish_reason": "stop"}]},
}


class Handler(BaseHTTPRequestHandler):
    """Answers by the name of the model that is asked for."""

    state: State
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path.startswith("/drips/"):
            self._drip()
        else:
            self._send(200, {"data": [{"id": "ok"}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        behaviour = body["model"]
        state = self.state
        with state.lock:
            state.asked[behaviour] += 1
            count = state.asked[behaviour]
            state.bodies.append(body)
            state.keys.append(self.headers.get("Authorization"))
            state.at.append(time.monotonic())
            state.under_way += 1
            state.most_under_way = max(state.most_under_way, state.under_way)
        try:
            self._behave(behaviour, count, body)
        finally:
            with state.lock:
                state.under_way -= 1

    def _behave(self, behaviour: str, count: int, body: dict[str, Any]) -> None:
        if behaviour == "busy-once" and count == 1:
            self._send(429, {"error": {"message": "slow down"}}, retry_after="1")
        elif behaviour == "busy-in-its-own-way" and count == 1:
            self._send(429, {"error": {"message": "slow down"}}, retry_after="\xb2")
        elif behaviour == "busy-for-an-hour":
            self._send(429, {"error": {"message": "slow down"}}, retry_after="3600")
        elif behaviour == "fails-twice" and count <= 2:
            self._send(500, {"error": {"message": "oops"}})
        elif behaviour == "always-fails":
            self._send(503, {"error": {"message": "down"}})
        elif behaviour == "bad-request":
            self._send(400, {"error": {"message": f"no such thing\nas {self.headers.get('Authorization')}"}})
        elif behaviour == "unauthorized":
            self._send(401, {"error": {"message": f"Incorrect API key provided: {KEY}"}})
        elif behaviour == "hangs":
            time.sleep(1.5)
            self._send(200, answer())
        elif behaviour == "drips":
            self._drip()
        elif behaviour.startswith("status-"):
            self._send(int(behaviour.removeprefix("status-")), answer())
        elif behaviour == "silent-error":
            self._send_text(404, "\r\n", "text/plain")
        elif behaviour == "accepted":
            self._send(202, {"id": "job-1", "state": "queued"})
        elif behaviour == "truncated":
            self._send_text(200, json.dumps(answer())[:40], "application/json")
        elif behaviour == "html":
            self._send_text(200, "<html><body>Welcome to the hotel's network</body></html>", "text/html")
        elif behaviour in ("nested", "nested-error"):
            text = "[" * 100_000 + "]" * 100_000
            self._send_text(200 if behaviour == "nested" else 500, text, "application/json")
        elif behaviour == "moved":
            self._send_text(301, "", "text/html", location="https://elsewhere.example/v1/chat/completions")
        elif behaviour == "floods":
            self._flood()
        elif behaviour == "drops":
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
        elif behaviour == "drops-once" and count == 1:
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"{")
            self.close_connection = True
        elif behaviour == "slow":
            time.sleep(0.1)
            self._send(200, answer(body["messages"][-1]["content"].upper()))
        elif behaviour == "scores":
            self._send(200, _scored(body))
        else:
            self._send(200, ODD.get(behaviour, answer()))

    def _drip(self) -> None:
        """A byte now and then: no read ever times out, but the request takes for ever."""
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        for _ in range(15):
            self.wfile.write(b" ")
            self.wfile.flush()
            time.sleep(0.1)
        self.close_connection = True

    def _flood(self) -> None:
        """Spaces without end, packed: each kilobyte of them is a megabyte."""
        pack = zlib.compressobj(9, zlib.DEFLATED, 31)
        self.send_response(200)
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Connection", "close")
        self.end_headers()
        try:
            while True:
                self.wfile.write(pack.compress(b" " * 2**20))
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the client has given up, as it should

    def _send(self, status: int, body: Any, retry_after: str | None = None) -> None:
        self._send_text(status, json.dumps(body), "application/json", retry_after)

    def _send_text(
        self, status: int, text: str, kind: str, retry_after: str | None = None, location: str | None = None
    ) -> None:
        try:
            self.send_response(status)
            text = "" if status == 204 else text  # the protocol allows no more
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(text.encode())))
            if retry_after:
                self.send_header("Retry-After", retry_after)
            if location:
                self.send_header("Location", location)
            self.end_headers()
            self.wfile.write(text.encode())
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the client has given up, as it should

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing: the tests read `state`."""


def _scored(body: dict[str, Any]) -> dict[str, Any]:
    """As vLLM does: one entry a prompt token, here a word; word number i has log-probability -i."""
    words = " ".join(f"{m['role']} {m['content']}" for m in body["messages"]).split()
    if body["add_generation_prompt"]:
        words.append("assistant")
    listed = [None] + [{str(hash(w) % 1000): {"logprob": -float(i)}} for i, w in enumerate(words) if i]
    return answer() | {"prompt_logprobs": listed}


@contextmanager
def bad_server() -> Iterator[State]:
    """The server in a thread, on a free port of this machine; yields what it sees, `state.url` included."""
    state = State()
    handler = type("BoundHandler", (Handler,), {"state": state})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
