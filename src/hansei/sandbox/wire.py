"""What a program and its checks can say to each other: plain values as tagged JSON, in frames.

JSON's own types stand for themselves; everything else is an object of one name, its tag: `{"tuple": [...]}`,
`{"float": "nan"}`, `{"object": 3, ...}`. Whoever reads builds the value anew from the type that the tag names, so
that nothing that was sent brings its own `__eq__`, `__hash__` or `__bool__` along. A subclass is sent as what it
is a subclass of (a Counter as a dict, a named tuple as a tuple). Nothing is pickled, nothing evaluated.

Used on both sides of the wall, so it imports the standard library alone.
"""

from __future__ import annotations

import array
import collections
import datetime
import decimal
import fractions
import json
import math
import socket
import struct
from collections.abc import Callable
from typing import Any

LARGEST = 8 * 1024 * 1024
"""Bytes of the longest frame."""
TYPES = {kind.__name__: kind for kind in (bool, int, float, complex, str, bytes, list, tuple, set, frozenset, dict)}
"""Types that are themselves values: a test may pass `int` as an argument."""
_LENGTH = struct.Struct(">I")


class TooLarge(Exception):
    """A message that is too long for one frame."""


class Forged(Exception):
    """A frame that says nothing that could be meant."""


def encode(value: Any, keep: Callable[[Any], Any]) -> Any:
    """The JSON of a value; `keep(value)` gives that of what is not plain."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        number = int.__index__(value)
        return number if -(2**53) < number < 2**53 else {"int": hex(number)}
    if isinstance(value, float):
        return float.__float__(value) if math.isfinite(value) else {"float": float.__repr__(value)}
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, list):
        return [encode(item, keep) for item in list.__iter__(value)]
    if isinstance(value, dict):
        return {"dict": [[encode(k, keep), encode(v, keep)] for k, v in dict.items(value)]}
    for name, kind in _GROUPS.items():
        if isinstance(value, kind):
            return {name: [encode(item, keep) for item in kind.__iter__(value)]}
    return _encode_rare(value, keep)


_GROUPS: dict[str, Any] = {
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
    "deque": collections.deque,
}


def _encode_rare(value: Any, keep: Callable[[Any], Any]) -> Any:
    if isinstance(value, complex):
        return {"complex": [encode(value.real, keep), encode(value.imag, keep)]}
    if isinstance(value, (bytes, bytearray)):
        return {"bytes" if isinstance(value, bytes) else "bytearray": value.hex()}
    if isinstance(value, range):
        return {"range": [encode(part, keep) for part in (value.start, value.stop, value.step)]}
    if isinstance(value, slice):
        return {"slice": [encode(part, keep) for part in (value.start, value.stop, value.step)]}
    if isinstance(value, decimal.Decimal):
        return {"decimal": str(value)}
    if isinstance(value, fractions.Fraction):
        return {"fraction": str(value)}
    if isinstance(value, array.array):
        return {"array": [value.typecode, encode(value.tolist(), keep)]}
    for name, kind in _DATES.items():
        if type(value) is kind and getattr(value, "tzinfo", None) is None:
            return {name: value.total_seconds() if kind is datetime.timedelta else value.isoformat()}
    if any(value is kind for kind in TYPES.values()):
        return {"type": value.__name__}
    return keep(value)


_DATES: dict[str, Any] = {
    "datetime": datetime.datetime,
    "date": datetime.date,
    "time": datetime.time,
    "timedelta": datetime.timedelta,
}


def decode(sent: Any, refer: Callable[[str, Any], Any]) -> Any:
    """The value that some JSON stands for; `refer(tag, content)` resolves references.

    Raises Forged at whatever `encode` would not have written.
    """
    if sent is None or isinstance(sent, (bool, int, float, str)):
        return sent
    if isinstance(sent, list):
        return [decode(item, refer) for item in sent]
    if not isinstance(sent, dict) or len(sent) != 1:
        raise Forged("one tag was expected")
    ((tag, content),) = sent.items()
    try:
        if tag in ("object", "name", "function"):
            return refer(tag, content)
        if tag == "dict":
            return {decode(k, refer): decode(v, refer) for k, v in content}
        if tag in _GROUPS:
            return _GROUPS[tag](decode(item, refer) for item in content)
        return _RARE[tag](content)
    except Forged:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, ArithmeticError) as error:
        raise Forged(f"{tag!r:.40} with this content is no value") from error


def _plain(content: Any) -> Any:
    """A value that holds no references."""

    def refuse(tag: str, content: Any) -> Any:
        raise Forged("a reference where a number was expected")

    return decode(content, refuse)


_RARE: dict[str, Callable[[Any], Any]] = {
    "int": lambda text: int(text, 16),
    "float": lambda text: float(text),
    "complex": lambda parts: complex(*map(_plain, parts)),
    "bytes": bytes.fromhex,
    "bytearray": bytearray.fromhex,
    "range": lambda parts: range(*map(_plain, parts)),
    "slice": lambda parts: slice(*map(_plain, parts)),
    "decimal": decimal.Decimal,
    "fraction": lambda text: fractions.Fraction(str(text)),
    "array": lambda parts: array.array(parts[0], _plain(parts[1])),
    "datetime": datetime.datetime.fromisoformat,
    "date": datetime.date.fromisoformat,
    "time": datetime.time.fromisoformat,
    "timedelta": lambda seconds: datetime.timedelta(seconds=seconds),
    "type": lambda name: TYPES[name],
}


def to_bytes(message: Any) -> bytes:
    """A message as strict JSON: no NaN, ASCII, so that half a surrogate pair comes back as it was."""
    return json.dumps(message, allow_nan=False, separators=(",", ":")).encode()


def from_bytes(data: bytes) -> Any:
    """The message in a frame; raises Forged where it is no strict JSON."""
    try:
        return json.loads(data, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Forged("JSON was expected") from error


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def send(line: socket.socket, data: bytes) -> None:
    """One frame: its length in four bytes, then itself. Raises TooLarge."""
    check_length(data)
    line.sendall(_LENGTH.pack(len(data)) + data)


def check_length(data: bytes) -> None:
    """Raises TooLarge where a frame would be longer than LARGEST."""
    if len(data) > LARGEST:
        raise TooLarge(f"{len(data)} bytes are more than the {LARGEST} that can be sent at once")


def receive(line: socket.socket, wait: Callable[[], None] = lambda: None) -> bytes:
    """The next frame. `wait` is called before each read and sets the timeout, where there is one.

    Raises EOFError where the other side has gone, and Forged at a length beyond LARGEST.
    """
    (length,) = _LENGTH.unpack(_exactly(line, _LENGTH.size, wait))
    if length > LARGEST:
        raise Forged(f"a frame of {length} bytes")
    return _exactly(line, length, wait)


def _exactly(line: socket.socket, length: int, wait: Callable[[], None]) -> bytes:
    parts, missing = [], length
    while missing:
        wait()
        try:
            part = line.recv(min(missing, 1 << 20))
        except ConnectionResetError:
            part = b""
        if not part:
            raise EOFError
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def send_with(line: socket.socket, data: bytes, descriptor: int) -> None:
    """A frame, and a descriptor that comes with it."""
    socket.send_fds(line, [_LENGTH.pack(len(data))], [descriptor])
    line.sendall(data)


def receive_with(line: socket.socket) -> tuple[bytes, int]:
    """The next frame of `send_with` and its descriptor, or -1 where none came. Raises EOFError."""
    head, descriptors, _, _ = socket.recv_fds(line, _LENGTH.size, 1)
    while head and len(head) < _LENGTH.size:
        head += _exactly(line, _LENGTH.size - len(head), lambda: None)
    if not head:
        raise EOFError
    (length,) = _LENGTH.unpack(head)
    return _exactly(line, length, lambda: None), (descriptors[0] if descriptors else -1)
