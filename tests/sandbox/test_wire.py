"""Values on the wire: what is sent comes back equal and plain; what could not have been sent is refused."""

from __future__ import annotations

import array
import collections
import datetime
import decimal
import enum
import fractions
import json
import socket
import struct
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hansei.sandbox import wire

HASHABLE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3),
    max_leaves=5,
)
VALUES = st.recursive(
    HASHABLE | st.complex_numbers(allow_nan=False) | st.sets(HASHABLE, max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(HASHABLE, inner, max_size=4) | st.tuples(inner),
    max_leaves=10,
)


def refuse(*_: Any) -> Any:
    raise AssertionError("nothing of its own was sent")


def there_and_back(value: Any) -> Any:
    return wire.decode(wire.from_bytes(wire.to_bytes(wire.encode(value, refuse))), refuse)


def same(a: Any, b: Any) -> bool:
    """Equal, and of the same types all the way down."""
    if type(a) is not type(b):
        return False
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a.items(), b.items(), strict=True))
    return bool(a == b)


@given(VALUES)
def test_a_plain_value_comes_back_as_it_was(value: Any) -> None:
    assert same(there_and_back(value), value)


@pytest.mark.parametrize(
    "value",
    [
        bytearray(b"\x00\xff"),
        range(3, 9, 2),
        slice(1, None, 2),
        decimal.Decimal("1.10"),
        fractions.Fraction(1, 3),
        collections.deque([1, (2,)]),
        array.array("d", [1.5, 2.5]),
        datetime.datetime(2020, 1, 2, 3, 4, 5, 6),
        datetime.date(2020, 1, 2),
        datetime.time(3, 4),
        datetime.timedelta(days=1, seconds=0.5),
        10**4000,
        -(2**60),
        "\ud800 half a pair",
        int,
    ],
    ids=lambda value: f"{value!r:.30}",
)
def test_what_json_can_not_say_has_a_tag(value: Any) -> None:
    assert same(there_and_back(value), value)


def test_a_value_that_is_not_equal_to_itself_still_is_not() -> None:
    assert repr(there_and_back([float("nan"), float("-inf")])) == "[nan, -inf]"


def test_a_subclass_comes_back_as_what_it_is_a_subclass_of() -> None:
    class Equal(int):
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = int.__hash__

    class Point(NamedTuple):
        x: int

    class Colour(enum.IntEnum):
        RED = 3

    sent = [Equal(5), Point(1), Colour.RED, collections.Counter("aab"), collections.OrderedDict(a=1)]
    assert same(there_and_back(sent), [5, (1,), 3, {"a": 2, "b": 1}, {"a": 1}])


def test_an_object_is_left_to_whoever_keeps_it() -> None:
    things: list[Any] = []

    def keep(value: Any) -> Any:
        things.append(value)
        return {"object": [len(things) - 1, "thing"]}

    class Thing:
        pass

    sent = wire.encode([Thing(), 1], keep)
    assert wire.decode(sent, lambda tag, content: things[content[0]]) == [things[0], 1]


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"int": 1},
        {"int": "x"},
        {"tuple": 3},
        {"set": [[1]]},
        {"dict": [[1]]},
        {"dict": [[[1], 2]]},
        {"eval": "1"},
        {"tuple": [], "set": []},
        {"bytes": "zz"},
        {"decimal": []},
        {"type": "object"},
        {"array": ["u", [1]]},
        {"complex": [{"object": 1}, 2]},
        {"range": [1, 2, 0]},
        {"date": 3},
        {"timedelta": "1"},
        {"fraction": "1/0"},
        [{"float": "abc"}],
    ],
    ids=json.dumps,
)
def test_what_nobody_could_have_sent_is_forged(sent: Any) -> None:
    with pytest.raises(wire.Forged):
        wire.decode(sent, refuse)


@pytest.mark.parametrize("data", [b"", b"{", b"NaN", b"[Infinity]", b"\xff", b"[" * 100_000, b"1" * 10_000])
def test_bytes_that_are_no_strict_json_are_forged(data: bytes) -> None:
    with pytest.raises(wire.Forged):
        wire.from_bytes(data)


def test_frames_of_any_length_come_through_one_after_the_other() -> None:
    import threading

    here, there = socket.socketpair()
    frames = [b"", b"x", b"y" * 300_000, b"end"]
    with here, there:
        sender = threading.Thread(target=lambda: [wire.send(here, frame) for frame in frames])
        sender.start()
        assert [wire.receive(there) for _ in frames] == frames
        sender.join()


def test_a_frame_that_claims_to_be_longer_than_any_is_forged_and_a_cut_one_is_an_end() -> None:
    here, there = socket.socketpair()
    with there:
        here.sendall(struct.pack(">I", wire.LARGEST + 1))
        with pytest.raises(wire.Forged, match="frame"):
            wire.receive(there)
        here.sendall(struct.pack(">I", 10) + b"abc")
        here.close()
        with pytest.raises(EOFError):
            wire.receive(there)


def test_a_message_that_is_too_long_is_not_sent_at_all() -> None:
    here, there = socket.socketpair()
    with here, there:
        with pytest.raises(wire.TooLarge):
            wire.send(here, bytes(wire.LARGEST + 1))
        wire.send(here, b"next")
        assert wire.receive(there) == b"next"
