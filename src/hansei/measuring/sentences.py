"""Texts of the user as sentences of words, with the document of each sentence where that is known."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from hansei.core.errors import BadInput
from hansei.core.rows import SUFFIXES, read_rows
from hansei.measuring.plain_text import read_lines

PLAIN = (".txt", ".md", ".text")
LEAST_WORDS = 2
"""Shorter sentences are left out, as in the published code."""
_WORD = re.compile(r"\w+")
_ABBREVIATED = re.compile(
    r"(?:\b(?:al|cf|ca|vs|etc|e\.g|i\.e|resp|approx|no|nos|eq|eqs|fig|figs|sec|ref|refs|dr|mr|mrs|ms|prof|st|\w))\.$",
    re.IGNORECASE,
)
_BOUNDARY = re.compile(r"(?<=[.!?])[\"'”’)\]]*\s+(?=[\"'“‘(\[]?[^\W_a-z])")


@dataclass(frozen=True)
class Text:
    """A body of text."""

    name: str
    """The file or folder."""
    sentences: list[list[str]]
    """The words of each sentence: lower case, no numbers, no punctuation."""
    documents: list[int]
    """The document of each sentence, numbered from 0."""
    known: bool
    """Whether the documents are known; else each sentence is its own."""

    @property
    def unit(self) -> str:
        """What is resampled."""
        return "documents" if self.known else "sentences"


def words(sentence: str) -> list[str]:
    """The words of a sentence as the published code has them: `\\w+` of the lower case, without numbers."""
    return [word for word in _WORD.findall(sentence.lower()) if not word.isdigit()]


def split_sentences(text: str) -> list[str]:
    """Sentences of a paragraph: cut after . ! or ? before a capital, a digit or a bracket, not after abbreviations.

    A rule in place of the published code's spaCy model: the same for all texts, so that it favours no kind.
    """
    found: list[str] = []
    start = 0
    for match in _BOUNDARY.finditer(text):
        before = text[start : match.start()]
        if _ABBREVIATED.search(before.rsplit(None, 1)[-1] if before.strip() else ""):
            continue
        found.append(before)
        start = match.end()
    return [sentence for sentence in (*found, text[start:]) if sentence.strip()]


@dataclass(frozen=True)
class Documents:
    """What a file or folder holds, as it stands there."""

    name: str
    """The file or folder."""
    paragraphs: list[list[str]]
    """The paragraphs of each document."""
    known: bool
    """Whether the documents are known; else all paragraphs are in one."""


def read_documents(path: str | Path, column: str = "text") -> Documents:
    """The documents of a file or a folder.

    A text file (`.txt`, `.txt.gz`): a line is a sentence or a paragraph; blank lines part documents, and without any
    the documents are unknown. JSONL, CSV, Parquet: the text in `column`, and a document for each value of the column
    `document`, or where there is none for each row. A folder: each text file in it is a document.
    Raises BadInput at what can't be read.
    """
    path = Path(path)
    if path.is_dir():
        return Documents(str(path), _folder(path), True)
    if path.suffix.lower() in SUFFIXES:
        return Documents(str(path), _table(path, column), True)
    if not _is_plain(path):
        expected = f"a folder or a file ending in {', '.join((*PLAIN, '.txt.gz', *SUFFIXES))}"
        raise BadInput(f"{path}: {expected} was expected: convert or rename it")
    documents = _plain(path)
    return Documents(str(path), documents, len(documents) > 1)


def read_text(path: str | Path, column: str = "text") -> Text:
    """The sentences of a file or a folder (see `read_documents`).

    Raises BadInput where no sentence of two words is left, too.
    """
    return text_of(read_documents(path, column))


def text_of(documents: Documents) -> Text:
    """The sentences of documents. Raises BadInput where none has two words."""
    sentences: list[list[str]] = []
    numbers: list[int] = []
    number = 0
    for paragraphs in documents.paragraphs:
        split = [words(sentence) for paragraph in paragraphs for sentence in split_sentences(paragraph)]
        kept = [sentence for sentence in split if len(sentence) >= LEAST_WORDS]
        sentences += kept
        numbers += [number] * len(kept)
        number += bool(kept)
    if not sentences:
        raise BadInput(
            f"{documents.name}: sentences of {LEAST_WORDS} words or more were expected, found none: add text"
        )
    return Text(documents.name, sentences, numbers if documents.known else list(range(len(sentences))), documents.known)


def _is_plain(path: Path) -> bool:
    name = path.name.lower().removesuffix(".gz")
    return name.endswith(PLAIN)


def _plain(path: Path) -> list[list[str]]:
    documents: list[list[str]] = [[]]
    for line in read_lines(path):
        if line.strip():
            documents[-1].append(line)
        elif documents[-1]:
            documents.append([])
    return [document for document in documents if document]


def _folder(path: Path) -> list[list[str]]:
    files = sorted(file for file in path.iterdir() if file.is_file() and _is_plain(file))
    if not files:
        raise BadInput(f"{path}: text files ({', '.join(PLAIN)}) were expected in this folder, found none")
    return [[line for line in read_lines(file) if line.strip()] for file in files]


def _table(path: Path, column: str) -> list[list[str]]:
    documents: dict[object, list[str]] = {}
    for number, row in enumerate(read_rows(path)):
        if column not in row.values:
            found = ", ".join(sorted(row.values)) or "none"
            raise BadInput(f"{row.where}: a column {column!r} was expected, found {found}: name it with --column")
        text = row.values[column]
        if not isinstance(text, str) or not text.strip():
            raise BadInput(f"{row.where}: a text in the column {column!r} was expected, found {text!r:.40}")
        name = row.values.get("document")
        if not isinstance(name, (str, int, type(None))):
            raise BadInput(f"{row.where}: a name or a number in the column 'document' was expected, found {name!r:.40}")
        documents.setdefault((number,) if name is None else name, []).extend(text.split("\n"))
    if not documents:
        raise BadInput(f"{path}: one row at least was expected, found none (the first line of a CSV is its header)")
    return list(documents.values())
