"""Texts of the user: files of all kinds to sentences and documents, or to one clear line."""

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hansei.core.errors import BadInput
from hansei.measuring.sentences import read_text, split_sentences, words


def test_words_are_lower_case_without_numbers_and_punctuation() -> None:
    assert words("We've 3 GPT-4 models, naïve (2020).") == ["we", "ve", "gpt", "models", "naïve"]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("It works. We show it! Do we? Yes", ["It works.", "We show it!", "Do we?", "Yes"]),
        ("See Fig. 3 and Smith et al. We agree.", ["See Fig. 3 and Smith et al. We agree."]),
        (
            "e.g. A thing by J. Smith. (It is.) Then 5.2 more.",
            ["e.g. A thing by J. Smith.", "(It is.", "Then 5.2 more."],
        ),
        ("no capital. follows here", ["no capital. follows here"]),
        ("  ", []),
    ],
)
def test_sentences_end_at_a_stop_before_a_capital_and_not_after_abbreviations(text: str, sentences: list[str]) -> None:
    assert split_sentences(text) == sentences


def test_blank_lines_part_documents_and_without_any_the_documents_are_unknown(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("One thing is here. Another one follows.\n\n\nA second document.\nIts next line.\n")
    text = read_text(tmp_path / "a.txt")
    assert text.documents == [0, 0, 1, 1] and text.known and text.unit == "documents"
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress(b"one sentence here\nword\nand one there\n"))
    text = read_text(tmp_path / "b.txt.gz")
    assert text.sentences == [["one", "sentence", "here"], ["and", "one", "there"]]
    assert text.documents == [0, 1] and not text.known and text.unit == "sentences"


def test_files_of_a_folder_and_rows_of_a_table_are_documents(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    for name in "ab":
        (tmp_path / "texts" / f"{name}.txt").write_text(f"This is {name} one. This is {name} two.\n")
    assert read_text(tmp_path / "texts").documents == [0, 0, 1, 1]
    (tmp_path / "t.csv").write_text("abstract,document\nOne thing. Two things.,x\nThree things.,y\nFour things.,x\n")
    assert sorted(read_text(tmp_path / "t.csv", "abstract").documents) == [0, 0, 0, 1]
    pq.write_table(pa.table({"text": ["One thing. Two things.", "Three things."]}), tmp_path / "t.parquet")
    assert read_text(tmp_path / "t.parquet").documents == [0, 0, 1]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.txt", b"", "the file is empty"),
        ("a.txt", b"\n \n", "the file is empty"),
        ("a.txt", b"word\n12 34\n", "sentences of 2 words or more were expected, found none"),
        ("a.txt", b"fine line\ncaf\xe9 au lait\n", "line 2: UTF-8 was expected, found the byte 0xe9"),
        ("a.txt", b"fine line\nzero \0 byte\n", "line 2: text was expected, found a NUL byte"),
        ("a.txt.gz", b"no gzip", "gzip was expected"),
        ("a.pdf", b"%PDF", "a folder or a file ending in"),
        ("a.csv", b"abstract\nSome text here.\n", "line 2: a column 'text' was expected, found abstract"),
        ("a.csv", b"text\n", "one row at least was expected"),
        ("a.csv", b"text,id\n,1\n", "line 2: a text in the column 'text' was expected, found None"),
        ("a.jsonl", b'{"text": NaN}\n', "line 1: a JSON object was expected"),
        ("a.jsonl", b'{"text": 3.5}\n', "line 1: a text in the column 'text' was expected, found 3.5"),
        ("a.jsonl", b'{"text": "Fine text.", "document": [1]}\n', "a name or a number in the column 'document'"),
    ],
)
def test_broken_files_get_one_line_that_names_file_and_place(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInput) as error:
        read_text(tmp_path / name)
    assert said in str(error.value) and name in str(error.value) and "\n" not in str(error.value)


def test_missing_files_empty_folders_and_nan_get_one_line(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file"):
        read_text(tmp_path / "none.txt")
    with pytest.raises(BadInput, match=r"text files .* were expected in this folder"):
        read_text(tmp_path)
    pq.write_table(pa.table({"text": pa.array([float("nan"), 1.0])}), tmp_path / "n.parquet")
    with pytest.raises(BadInput, match="row 1: a text in the column 'text' was expected, found nan"):
        read_text(tmp_path / "n.parquet")
