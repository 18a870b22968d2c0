"""Text files become documents; what can't be read is said with its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hansei.core.errors import BadInput
from hansei.inside.corpus import contexts


def letters(texts: list[str], **_: Any) -> dict[str, list[list[int]]]:
    """A tokenizer whose tokens are characters."""
    return {"input_ids": [[ord(c) for c in text] for text in texts]}


def documents(path: Path) -> list[str]:
    return ["".join(map(chr, context.ids)) for context in contexts(str(path), letters, 100)]


def test_a_byte_order_mark_and_windows_line_ends_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfone\r\nline\r\n\r\ntwo\r\n")
    (tmp_path / "b.jsonl").write_bytes(b'\xef\xbb\xbf{"text": "three"}\r\n\r\n{"text": "four"}')
    assert documents(tmp_path) == ["one\nline", "two", "three", "four"]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.txt", b"fine\n\ngr\xfc\xdfe\n", "a.txt, line 3: UTF-8 was expected"),
        ("a.jsonl", b'{"text": "fine"}\n{"text": "gr\xfc"}\n', "a.jsonl, line 2: UTF-8 was expected"),
        ("a.jsonl", b'{"text": "fine"}\n{"text": \n', "a.jsonl, line 2: a JSON object was expected"),
        ("a.jsonl", b'{"word": "fine"}\n', "a.jsonl, line 1: text in the field 'text' was expected, found word"),
        ("a.txt", b"\n\n", "no text in it"),
    ],
)
def test_what_is_no_text_is_said_with_its_line(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInput, match=says):
        documents(tmp_path / name)
