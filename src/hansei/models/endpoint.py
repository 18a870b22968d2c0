"""Models behind an OpenAI-compatible server."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import httpx

from hansei.core.errors import BadInput
from hansei.core.records import Chat, Sampling
from hansei.models import transport
from hansei.models.protocol import Reply, check_sampling
from hansei.models.wire import (
    Unusable,
    read_prompt_logprobs,
    read_reply,
    request,
    scoring_request,
)

UNIT = 32
"""Conversations in a unit of work: what a killed run loses at most, and pays for again."""
AGAIN = frozenset({408, 409, 429})
"""Statuses that pass by (too slow, in conflict, too many), beside 5xx, the server's own trouble."""
PATIENCE = 300.0
"""Longest wait in seconds before a request is sent again; a server that wants longer has failed."""
CONNECT = 10.0
"""Seconds in which a server must be reached: one that is there takes a connection at once, however long it thinks."""
LISTING = 120.0
"""Seconds in which a server must list its models, at most."""
IN_A_ROW = 16
"""A server that has let so many requests in a row fail, over PATIENCE seconds, is taken to be down."""

Result = TypeVar("Result")


class Endpoint:
    """A model that an OpenAI-compatible server serves: vLLM, llama.cpp, `transformers serve`, a paid service …

    `name`: the server's name for the model. `base_url`: such as `http://localhost:8000/v1`. `api_key_env`:
    environment variable that holds the key; without it no key is sent. `concurrency`: requests under way at
    once. `timeout`: seconds that one request may take, as models that reason write for minutes; one that has run out
    of them is not sent again, as it would take as long again. `retries`: times that a request is sent again after
    429, 5xx or a broken connection. `backoff`: seconds before the first of them, doubled each time, times a random
    factor of 0.5 to 1.5; `Retry-After` is obeyed where it is longer. `limit_field`: what the server calls the longest
    answer; some models of OpenAI take `max_completion_tokens` only.

    A server that is down (`IN_A_ROW`) doesn't hold a run up for ever: what is left of the unit of work fails at once,
    and the next unit raises BadInput, so that the finished ones are kept and a later run goes on.

    The key appears in no error, record or fingerprint.
    """

    def __init__(
        self,
        name: str,
        base_url: str | None,
        *,
        api_key_env: str = "OPENAI_API_KEY",
        concurrency: int = 8,
        timeout: float = 600.0,
        retries: int = 5,
        backoff: float = 0.5,
        limit_field: str = "max_tokens",
    ) -> None:
        self.name = f"openai:{name}"
        if not name:
            raise BadInput("openai: expected a model's name after the colon, as in openai:NAME")
        self.url = _address(base_url, self.name)
        if concurrency < 1 or timeout <= 0 or retries < 0 or backoff < 0:
            raise BadInput(
                f"{self.name}: concurrency and timeout must be positive, retries and backoff not negative; "
                f"found {concurrency}, {timeout}, {retries} and {backoff}"
            )
        self.model = name
        self.api_key_env = api_key_env
        self.concurrency = concurrency
        self.timeout = timeout
        self.retries = retries
        self.backoff = backoff
        self.limit_field = limit_field
        shown = self.url.copy_with(userinfo=b"", query=None)
        self.address = str(shown)
        self.fingerprint = hashlib.sha256(f"{name}\0{shown}".encode()).hexdigest()[:32]
        self._in_a_row, self._since, self._down = 0, 0.0, ""

    def check(self) -> None:
        """Asks the server for its list of models. Raises BadInput where it can't be reached or refuses the key.

        A server without such a list (404, or 500 as from `transformers serve` without a cache) is taken as it is,
        and so is a name that isn't listed: some load any.
        """

        longest = min(self.timeout, LISTING)

        async def status_of_list() -> int:
            async with self._client() as client, asyncio.timeout(longest):
                return await transport.status_of(client, self._path("models"))

        try:
            status = _run(status_of_list())
        except (httpx.HTTPError, TimeoutError) as error:
            why = self._unreached(error) if isinstance(error, httpx.HTTPError) else f"no answer within {longest:g} s"
            where = f"{self.address} ({why}){transport.proxy_hint(self.url)}"
            raise BadInput(f"{self.name}: no server answers at {where}; start it, or mend the base URL") from error
        if status in (401, 403):
            raise BadInput(f"{self.name}: {self.address} refuses the API key ({status}); {self._key_hint()}")
        if status in (502, 503, 504):
            raise BadInput(f"{self.name}: the server at {self.address} is in trouble (status {status}); try later")

    def batches(self, chats: Sequence[Chat], sampling: Sampling) -> list[list[int]]:
        """Units of UNIT conversations, in the order given; an answer doesn't depend on them."""
        return [list(range(start, min(start + UNIT, len(chats)))) for start in range(0, len(chats), UNIT)]

    def generate(self, chats: Sequence[Chat], sampling: Sampling) -> list[Reply]:
        """One reply for each conversation; every failure that lasts is a Reply with `error`."""
        check_sampling(sampling)

        async def reply(client: httpx.AsyncClient, chat: Chat) -> Reply:
            body = request(self.model, chat, sampling, self.limit_field)
            try:
                return read_reply(await self._ask(client, body), sampling)
            except Unusable as error:
                return Reply("", "error", 0, 0, error=self._safe(error))

        return self._all(reply, chats)

    def logprobs(self, texts: Sequence[tuple[Chat, str]]) -> list[list[float] | None]:
        """Natural log-probability of each token of the continuations, from servers with `prompt_logprobs`.

        That is vLLM's extension. The prompt is scored with the continuation and without it, and what follows
        the common tokens is the continuation. Raises BadInput where the server can't, or one request fails.
        """

        async def score(client: httpx.AsyncClient, pair: tuple[Chat, str]) -> list[float]:
            chat, continuation = pair
            if not continuation:
                return []
            before = read_prompt_logprobs(await self._ask(client, scoring_request(self.model, chat, None)))
            whole = read_prompt_logprobs(await self._ask(client, scoring_request(self.model, chat, continuation)))
            if [token for token, _ in whole[: len(before)]] != [token for token, _ in before]:
                raise Unusable("the prompt's tokens change when the continuation is added")
            return [value for _, value in whole[len(before) :]]

        try:
            return list(self._all(score, texts))
        except Unusable as error:
            mend = "name the model's folder, or a vLLM server"
            raise BadInput(f"{self.name}: gives no log-probabilities: {self._safe(error)}; {mend}") from error

    def _all(
        self, work: Callable[[httpx.AsyncClient, Any], Coroutine[Any, Any, Result]], items: Sequence[Any]
    ) -> list[Result]:
        """`work` on every item, at most `concurrency` at once; results in the items' order."""
        if self._down:
            mend = f"start again when the server at {self.address} is back"
            raise BadInput(f"{self.name}: {self._down}; finished work is kept: {mend}")

        async def run() -> list[Result]:
            slots = asyncio.Semaphore(self.concurrency)
            async with self._client() as client:

                async def one(item: Any) -> Result:
                    async with slots:
                        return await work(client, item)

                async with asyncio.TaskGroup() as group:
                    tasks = [group.create_task(one(item)) for item in items]
            return [task.result() for task in tasks]

        try:
            return _run(run())
        except* Unusable as several:
            raise several.exceptions[0] from None

    async def _ask(self, client: httpx.AsyncClient, body: dict[str, Any]) -> Any:
        """The JSON of a successful response. Raises Unusable after the last try."""
        for attempt in range(self.retries + 1):
            if self._down:
                raise Unusable(f"not asked: {self._down}")
            wait = self.backoff * 2**attempt * random.uniform(0.5, 1.5)
            try:
                async with asyncio.timeout(self.timeout):
                    response, content = await transport.post(client, self._path("chat/completions"), body)
            except TimeoutError:
                raise self._failed(f"no answer within {self.timeout:g} s") from None
            except httpx.RequestError as error:
                problem = f"connection failed: {self._unreached(error)}{transport.proxy_hint(self.url)}"
            else:
                if response.status_code not in AGAIN and response.status_code < 500:
                    self._in_a_row = 0
                    return self._read(response, content)
                problem = f"status {response.status_code}: {transport.message_of(content)}"
                wait = max(wait, transport.retry_after(response))
            if wait > PATIENCE:
                raise self._failed(f"{problem} (asked to wait {wait:.0f} s)")
            if attempt < self.retries:
                await asyncio.sleep(wait)
        raise self._failed(f"{problem} (tried {self.retries + 1} times)")

    def _read(self, response: httpx.Response, content: bytes) -> Any:
        """The JSON of a response that is final, whether or not it is what was asked for."""
        if response.is_success:
            return transport.json_of(response, content)
        if response.has_redirect_location:
            where = f"sends on to {response.headers['location']}"
            raise Unusable(f"status {response.status_code}: the server {where}: mend the base URL")
        hint = f"; {self._key_hint()}" if response.status_code == 401 else ""
        raise Unusable(f"status {response.status_code}: {transport.message_of(content)}{hint}")

    def _failed(self, problem: str) -> Unusable:
        """The error of a request that has failed for good; `IN_A_ROW` of them are a server that is down."""
        now = time.monotonic()
        self._since = self._since if self._in_a_row else now
        self._in_a_row += 1
        if not self._down and self._in_a_row >= IN_A_ROW and now - self._since >= PATIENCE:
            seconds = f"{now - self._since:.0f} s"
            self._down = (
                f"no answer to {self._in_a_row} requests in a row, for {seconds}: {self._safe(Unusable(problem))}"
            )
        return Unusable(problem)

    def _client(self) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {self._key()}"} if self._key() else {}
        limits = httpx.Limits(max_connections=self.concurrency)
        try:
            # How long the rest may take, all of it together, `asyncio.timeout` says.
            return httpx.AsyncClient(headers=headers, timeout=httpx.Timeout(None, connect=CONNECT), limits=limits)
        except (ImportError, ValueError, OSError) as error:  # a proxy, or a file of certificates, of the environment
            mend = "mend or unset HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, SSL_CERT_FILE and SSL_CERT_DIR"
            why = self._safe(error)
            raise BadInput(
                f"{self.name}: the environment's proxy or certificates don't work ({why}); {mend}"
            ) from error

    def _path(self, path: str) -> httpx.URL:
        return self.url.copy_with(path=f"{self.url.path.rstrip('/')}/{path}")

    def _key(self) -> str:
        key = os.environ.get(self.api_key_env, "").strip()
        if not (key.isascii() and key.isprintable()):
            raise BadInput(f"{self.name}: {self.api_key_env} holds characters that no API key has")
        return key

    def _key_hint(self) -> str:
        there = "is set" if self._key() else "is not set"
        return f"the environment variable {self.api_key_env} {there}"

    def _unreached(self, error: httpx.HTTPError) -> str:
        """Why no response came, in one line."""
        return f"not reached within {CONNECT:g} s" if isinstance(error, httpx.ConnectTimeout) else self._safe(error)

    def _safe(self, error: Exception) -> str:
        """The error in one line of at most 300 characters, without the key and the address's password."""
        line = " ".join(str(error).split()) or type(error).__name__
        for secret in (self._key(), self.url.password):
            if secret:
                line = line.replace(secret, "***")
        return line[:300]


def _address(base_url: str | None, name: str) -> httpx.URL:
    if not base_url:
        raise BadInput(f"{name}: needs a base URL, such as http://localhost:8000/v1")
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL as error:
        raise BadInput(f"{name}: the base URL is no address: {error}") from error
    if url.scheme not in ("http", "https") or not url.host:
        found = base_url.rpartition("@")[2]
        raise BadInput(f"{name}: expected a base URL such as http://localhost:8000/v1, found {found!r}")
    return url


def _run(work: Coroutine[Any, Any, Result]) -> Result:
    """Runs `work` to its end; in a thread of its own where a loop already runs, as in a notebook."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()
