"""The endpoint against a real server, `transformers serve`, on a tiny model."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from hansei.core.errors import BadInput
from hansei.core.records import Message, Sampling, user
from hansei.models.load import load
from hansei.models.local import LocalModel

PATIENCE = 100
"""Seconds that the server gets to come up: it imports all of transformers first."""

needs_serving = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("fastapi", "uvicorn", "openai")),
    reason="needs `pip install transformers[serving]`",
)


@pytest.fixture(scope="module")
def served(llama_folder: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the server, which is stopped after the tests of this file."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [Path(sys.executable).with_name("transformers"), "serve", llama_folder, "--device", "cpu"]
    log = tmp_path_factory.mktemp("served") / "log"
    offline = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    with log.open("w") as out:
        server = subprocess.Popen([*command, "--port", str(port)], stdout=out, stderr=out, env=offline)
        try:
            if not _came_up(server, port):
                pytest.skip(f"transformers serve did not come up in {PATIENCE} s: {log.read_text()[-300:]}")
            yield f"http://localhost:{port}/v1"
        finally:
            server.terminate()
            server.wait(20)


def _came_up(server: subprocess.Popen[bytes], port: int) -> bool:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and server.poll() is None:
        try:
            if httpx.get(f"http://localhost:{port}/health", timeout=5, trust_env=False).status_code == 200:
                return True
        except httpx.TransportError:
            time.sleep(0.3)
    return False


@needs_serving
def test_a_served_model_says_what_the_local_one_says(served: str, llama_folder: str) -> None:
    chats = [user(f"Tell me about dog number {i}, please.") for i in range(5)]
    chats.append((Message("system", "Be kind."), *user("Hi.", "Hello!", "Who are you?")))
    sampling = Sampling(max_new_tokens=12)
    endpoint = load(f"openai:{llama_folder}", base_url=served, concurrency=2, timeout=60)
    assert endpoint.generate(chats, sampling) == LocalModel(llama_folder).generate(chats, sampling)


@needs_serving
def test_a_server_that_ignores_log_probabilities_is_found_out(served: str, llama_folder: str) -> None:
    endpoint = load(f"openai:{llama_folder}", base_url=served, timeout=60)
    with pytest.raises(BadInput, match="gives no log-probabilities"):
        endpoint.logprobs([(user("Hi."), "Fine.")])


@needs_serving
def test_a_model_that_the_server_does_not_have_is_an_error(served: str) -> None:
    endpoint = load("openai:nobody/nothing", base_url=served, retries=0, timeout=60)
    reply = endpoint.generate([user("Hi.")], Sampling(max_new_tokens=3))[0]
    assert (reply.finish, reply.text) == ("error", "")
    assert reply.error
