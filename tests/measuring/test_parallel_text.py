"""Parallel text in every form that is read, and broken in every way that was thought of."""

import gzip
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from hansei.core.errors import BadInput
from hansei.measuring.parallel_text import read_parallel

TEXT = {"eng": ["One cat.", "Two dogs."], "deu": ["Eine Katze.", "Zwei Hunde."], "ell": ["Μία γάτα.", "Δύο σκύλοι."]}


def squad(rows: list[str]) -> str:
    paragraphs = [
        {"context": row, "qas": [{"id": f"q{n}", "question": "Who?", "answers": [{"text": "A", "answer_start": 0}]}]}
        for n, row in enumerate(rows)
    ]
    return json.dumps({"data": [{"paragraphs": paragraphs}]})


def write(kind: str, folder: Path) -> Path:
    """TEXT in one of the forms."""
    rows = [dict(zip(TEXT, texts, strict=True)) for texts in zip(*TEXT.values(), strict=True)]
    if kind == "folder":
        for name, texts in TEXT.items():
            (folder / f"{name}.txt").write_text("\n".join(texts) + "\n", encoding="utf-8")
        return folder
    if kind == "packed folder":
        for name, texts in TEXT.items():
            (folder / f"{name}.devtest.gz").write_bytes(gzip.compress("\n".join(texts).encode()))
        return folder
    path = folder / f"text.{kind}"
    if kind == "jsonl":
        path.write_text("\n".join(json.dumps(row) for row in rows))
    elif kind == "csv":
        path.write_text("\n".join([",".join(TEXT), *(",".join(row.values()) for row in rows)]), encoding="utf-8")
    elif kind == "tsv":
        lines = [f"{name}\t{n}\t{text}" for name, texts in TEXT.items() for n, text in enumerate(texts)]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", ["folder", "packed folder", "jsonl", "csv", "tsv"])
def test_every_form_gives_the_same_rows(tmp_path: Path, kind: str) -> None:
    found = read_parallel(write(kind, tmp_path))
    assert dict(found.rows) == TEXT
    assert (found.reference, found.size) == ("eng", 2)


def test_languages_can_be_chosen_and_the_reference_named(tmp_path: Path) -> None:
    found = read_parallel(write("jsonl", tmp_path), "deu", ("ell",))
    assert (list(found.rows), found.reference) == (["deu", "ell"], "deu")
    assert list(read_parallel(tmp_path / "text.jsonl", languages=("ell",)).rows) == ["eng", "ell"]
    with pytest.raises(BadInput, match="the language 'fra' was expected, found eng, deu"):
        read_parallel(tmp_path / "text.jsonl", languages=("fra", "deu"))
    with pytest.raises(BadInput, match="line 1: a column 'fra' was expected, found eng, deu, ell"):
        read_parallel(tmp_path / "text.jsonl", "ita", ("fra",))


def test_questions_of_xquad_are_aligned_by_id(tmp_path: Path) -> None:
    (tmp_path / "xquad.en.json").write_text(squad(["one", "two"]))
    (tmp_path / "xquad.de.json.gz").write_bytes(gzip.compress(squad(["eins", "zwei"]).encode()))
    found = read_parallel(tmp_path)
    assert found.rows["de"] == ["eins\nWho?\nA", "zwei\nWho?\nA"]
    (tmp_path / "xquad.el.json").write_text(squad(["ένα"]))
    with pytest.raises(BadInput, match="the question 'q1' is not in both"):
        read_parallel(tmp_path)
    (tmp_path / "xquad.el.json").write_text('{"data": [{}]}')
    with pytest.raises(BadInput, match="SQuAD's format was expected"):
        read_parallel(tmp_path)


def test_an_archive_has_one_text_a_language_and_empty_ones_are_dropped_and_told(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        archive.writestr("t/eng.txt", "Title\n      Article 1\n\n")
        archive.writestr("t/deu.txt", "Titel\n   Artikel 1\n")
        archive.writestr("t/nku.txt", "")
    found = read_parallel(tmp_path / "t.zip")
    assert dict(found.rows) == {"eng": ["Title\nArticle 1"], "deu": ["Titel\nArtikel 1"]}
    assert found.dropped == ("nku",)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"eng.txt": "a\nb\n", "deu.txt": "a\n"}, "2 rows were expected for deu, as eng has, found 1"),
        ({"eng.txt": "a\nb\n", "deu.txt": "a\n \n"}, "deu, row 2: a text was expected, found none"),
        ({"eng.txt": "a\n"}, "two languages at least were expected, found eng"),
        ({"fra.txt": "a\n", "deu.txt": "b\n"}, "a reference language was expected, found no English"),
        ({"eng.txt": "", "deu.txt": "a\n"}, "the file is empty"),
        ({"eng.pdf": "a\n"}, "a file a language"),
        ({}, "a file a language"),
    ],
)
def test_folders_that_are_not_parallel_get_one_line(tmp_path: Path, files: dict[str, str], said: str) -> None:
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    with pytest.raises(BadInput, match=said) as error:
        read_parallel(tmp_path)
    assert str(tmp_path) in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("t.tsv", b"eng\t0\n", "line 1: language, index and text with tabs between were expected, found 2 fields"),
        ("t.tsv", b"eng\t0\ta\neng\t1\tb\ndeu\t1\tb\ndeu\t0\ta\n", "deu has other indices than eng"),
        ("t.tsv", b"eng\t0\ta\ndeu\t0\t\xff\n", "line 2: UTF-8 was expected"),
        ("t.csv", b"id,eng,deu\n1,a,\n", "line 2: a text in the column 'deu' was expected, found None"),
        ("t.csv", b"eng,deu\n", "one row at least was expected"),
        ("t.jsonl", b'{"eng": "a", "deu": NaN}\n', "line 1: a JSON object was expected"),
        ("t.jsonl", b'{"eng": "a", "deu": 2}\n', "found 2: name the columns that are languages with --languages"),
        ("t.jsonl", b'{"eng": "a", "deu": "b"}\n{"eng": "a"}\n', "line 2: the same columns as before were expected"),
        ("t.zip", b"no zip", "a zip archive was expected"),
        ("t.pdf", b"x", "a folder or a file ending in"),
    ],
)
def test_broken_files_get_one_line(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInput) as error:
        read_parallel(tmp_path / name)
    assert said in str(error.value) and name in str(error.value) and "\n" not in str(error.value)


def test_a_missing_path_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file or folder"):
        read_parallel(tmp_path / "none")


def test_public_sets_are_read(public_data: Callable[[str], Path]) -> None:
    flores = read_parallel(public_data("flores200"))
    assert (len(flores.rows), flores.size, flores.reference) == (204, 200, "eng_Latn")
    udhr = read_parallel(public_data("udhr") / "udhr2.zip")
    assert (udhr.size, udhr.dropped) == (1, ("nku",))
    with pytest.raises(BadInput, match=r"NAME.txt for each language was expected"):
        read_parallel(public_data("udhr") / "udhr.zip")  # in a hundred encodings, and cut at 10,000 bytes
    assert read_parallel(public_data("xquad"), languages=("en", "th")).size == 1190
