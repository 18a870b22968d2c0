"""What goes over the line to an endpoint and comes back: bytes, as much of them as an answer can take."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.request import getproxies, proxy_bypass

import httpx

from hansei.models.wire import Unusable, read_error

LARGEST = 64 * 2**20
"""Bytes of a response that are read, unpacked: far more than the longest answer, or a long prompt's scores, takes."""


async def status_of(client: httpx.AsyncClient, url: httpx.URL) -> int:
    """The status of a page; the page itself isn't read."""
    async with client.stream("GET", url) as response:
        return response.status_code


async def post(client: httpx.AsyncClient, url: httpx.URL, body: dict[str, Any]) -> tuple[httpx.Response, bytes]:
    """The response and what is in it. Raises Unusable where that is more than LARGEST.

    The body is sent as ASCII, which any text can be: half of a surrogate pair has no form in UTF-8.
    """
    sent, kind = json.dumps(body, allow_nan=False), {"Content-Type": "application/json"}
    content = bytearray()
    async with client.stream("POST", url, content=sent, headers=kind) as response:
        async for part in response.aiter_bytes():
            content += part
            if len(content) > LARGEST:
                raise Unusable(f"a response of more than {LARGEST >> 20} MiB: the server ignores the limit")
    return response, bytes(content)


def json_of(response: httpx.Response, content: bytes) -> Any:
    """The JSON of a response. Raises Unusable where it holds none, or nests it thousands deep."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        kind = response.headers.get("content-type", "no content type")
        raise Unusable(f"expected JSON, found {kind}: {_start(content)}") from None


def message_of(content: bytes) -> str:
    """What an error response says, as far as it can be read."""
    try:
        return read_error(json.loads(content))
    except (ValueError, RecursionError):
        return _start(content).strip() or "no message"


def retry_after(response: httpx.Response) -> float:
    """Seconds that the server asks to wait, given as seconds or as a date; 0 where it doesn't."""
    value = response.headers.get("retry-after", "").strip()
    if value.isdecimal():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):  # neither: an unreadable wish is none
        return 0.0


def proxy_hint(url: httpx.URL) -> str:
    """That the environment names a proxy for this address, where it does; empty else."""
    names = sorted({url.scheme, "all"} & set(getproxies()))
    if not names or proxy_bypass(url.host):
        return ""
    variables = " or ".join(f"{name.upper()}_PROXY" for name in names)
    return f", asked through the proxy of {variables} (NO_PROXY={url.host} goes without)"


def _start(content: bytes) -> str:
    return content[:1000].decode("utf-8", "replace")
