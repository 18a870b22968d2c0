"""Garbled text is found, and unusual but readable text is not."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hansei.judges.garbled import why_garbled

GARBLED = {
    "": "empty",
    " \n\t": "empty",
    "the the the the the the the the the the the the": "a run of one word",
    "Yes " + "a" * 60: "a run of one character",
    "To do it, mix it well and stir. " + "mix it well and stir it " * 20: "a repetition loop",
    "����� hello ��": "replacement or control characters",
    "<|im_start|>user hi<|im_end|><|im_start|>assistant": "role markers",
    "User: hi\nAssistant: hello\nUser: bye\nAssistant: bye": "role markers",
    "xkqz jfwv bnmt qrtp lkjh vbnm hello zxcv": "mostly non-words",
    "!!!! ???? ;;;; ---- //// ==== ++++ %%%% $$$$ ####": "mostly symbols",
}
READABLE = [
    "42.",
    "👍",
    "No.",
    "ha ha ha ha",
    "Крыса ест сыр, а кошка ест крысу.",
    "猫はマットの上に座っている。",
    "الطقس جميل اليوم",
    "| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |",
    "```\n<|im_start|>user\n<|im_end|>\n``` is how the template looks.",
    "1. Wash\n2. Rinse\n3. Wash\n4. Rinse\n5. Wash\n6. Rinse\n7. Dry",
    "Row, row, row your boat, gently down the stream. Merrily, merrily, merrily, merrily, life is a dream.",
    "HTML, CSS, HTTP and XML are formats; NGTCP and SQL too, says Mr Schmidt of the nth department.",
    "Mix $x^2 + y^2 = z^2$ with {a: 1}; then print(x[0]).",
    "0.1 0.2 0.3 0.4 0.5 0.6 0.7",
]


@pytest.mark.parametrize(("text", "reason"), GARBLED.items())
def test_a_broken_text_is_garbled_for_the_right_reason(text: str, reason: str) -> None:
    assert why_garbled(text) == reason


@pytest.mark.parametrize("text", READABLE)
def test_unusual_but_readable_text_is_not_garbled(text: str) -> None:
    assert why_garbled(text) is None


def test_random_letters_are_garbled() -> None:
    draw = random.Random(0)
    text = " ".join("".join(draw.choices("bcdfghjklmnpqrstvwxz", k=6)) for _ in range(30))
    assert why_garbled(text) is not None


@given(st.text(max_size=300))
def test_any_text_is_decided(text: str) -> None:
    assert why_garbled(text) is None or why_garbled(text)
