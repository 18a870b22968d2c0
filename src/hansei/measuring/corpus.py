"""Texts of a training set, however large, as a stream of blocks; and the texts of a test set."""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

from hansei.core.copies import BARRIER, Block
from hansei.core.errors import BadInput
from hansei.core.rows import SUFFIXES, read_rows

TEXT = (".txt", ".text", ".md")
READ = (*TEXT, *SUFFIXES)
BLOCK = 100_000
"""Bytes of text that are looked at together: what NumPy makes of them stays in the processor's cache."""
COLUMNS = (
    "text", "context", "passage", "article", "prompt", "messages", "question", "input", "choices", "options",
    "a", "b", "c", "d", "answer", "completion", "output", "reference",
)  # fmt: skip
"""Columns of a test set that are its text, in this order; where a file has none of them, all its columns are."""


_BETWEEN = b" " + BARRIER + b" "


@dataclass(frozen=True, slots=True)
class Text:
    """One item of a test set."""

    id: str
    """File and line."""
    text: str
    """All that is looked for."""
    values: dict[str, Any]
    """The row it comes from."""


def read_texts(path: str | Path, columns: Sequence[str] = (), limit: int | None = None) -> list[Text]:
    """The items of a test set: rows of JSONL, CSV or Parquet, or the lines of a text file that are not blank.

    `columns` are those that make the text, in order; COLUMNS where none is given. Raises BadInput for a file that
    can't be read, holds no text, or lacks a column that was named.
    """
    path = Path(path)
    texts = []
    for where, values in _lines(path) if _kind(path) in TEXT else read_rows(path):
        text = _text_of(where, values, columns)
        if text.strip():
            texts.append(Text(where, text, values))
        if len(texts) == limit:
            break
    if not texts:
        raise BadInput(f"{path}: one text at least was expected, found none: is it the right file?")
    return texts


def _lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    with _opened(path) as file:
        for number, line in enumerate(file, 1):
            yield f"{path}, line {number}", {"text": line.decode("utf-8", "replace").strip()}


def _text_of(where: str, values: dict[str, Any], columns: Sequence[str]) -> str:
    for name in columns:
        if name not in values:
            found = ", ".join(f"{column!r:.30}" for column in list(values)[:8])
            raise BadInput(f"{where}: a column {name!r} was expected, found {found}: name others with --columns")
    by_name = {name.lower(): name for name in values}
    chosen = list(columns) or [by_name[name] for name in COLUMNS if name in by_name] or list(values)
    return " ".join(part for name in chosen for part in strings(values[name]))


def strings(value: Any) -> Iterator[str]:
    """Every text in a JSON value, in order; of chat messages only what is said."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        inner = [value["content"]] if "content" in value and "role" in value else value.values()
        for part in inner:
            yield from strings(part)
    elif isinstance(value, list):
        for part in value:
            yield from strings(part)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield str(value)


def files_of(paths: Sequence[str | Path]) -> list[Path]:
    """The files of a training set: those named, and those in the folders named that can be read, in order."""
    found: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            inside = sorted(file for file in path.rglob("*") if file.is_file() and _kind(file) in READ)
            if not inside:
                raise BadInput(f"{path}: files ending in {', '.join(READ)} (.gz too) were expected, found none")
            found += inside
        elif not path.exists():
            raise BadInput(f"{path}: there is no such file or folder: check the path")
        elif _kind(path) not in READ:
            raise BadInput(f"{path}: a file ending in {', '.join(READ)} (.gz too) was expected: rename or convert it")
        else:
            found.append(path)
    return found


def _kind(path: Path) -> str:
    name = path.name.lower().removesuffix(".gz")
    return "." + name.rpartition(".")[2] if "." in name else ""


def blocks(path: Path) -> Iterator[Block]:
    """A file as blocks of about BLOCK bytes, cut between words.

    Memory holds one block (of Parquet, one batch of rows). Raises BadInput where a row can't be read.
    """
    with _opened(path) as file:
        if _kind(path) in TEXT:
            yield from _text_blocks(file, str(path))
        else:
            rows = {".jsonl": _jsonl, ".csv": _csv, ".parquet": _parquet}[_kind(path)](file, str(path))
            yield from _row_blocks(rows, str(path))


def _text_blocks(file: IO[bytes], name: str) -> Iterator[Block]:
    rest, line = b"", 1
    while data := file.read(BLOCK):
        data = rest + data
        cut = max(data.rfind(b" "), data.rfind(b"\n")) + 1
        if cut == 0 and len(data) < 16 * BLOCK:  # a word of a million letters is cut at last
            rest = data
            continue
        cut = cut or len(data)
        yield Block(data[:cut], name, line, b"\n")
        line += int(np.count_nonzero(np.frombuffer(data, np.uint8)[:cut] == ord("\n")))  # bytes.count is slower
        rest = data[cut:]
    if rest:
        yield Block(rest, name, line, b"\n")


def _row_blocks(rows: Iterator[str], name: str) -> Iterator[Block]:
    parts: list[bytes] = []
    size, first = 0, 1
    for number, row in enumerate(rows, 1):
        parts.append(row.encode("utf-8", "surrogatepass").replace(BARRIER, b" "))
        size += len(parts[-1])
        if size >= BLOCK:
            yield Block(_BETWEEN.join([*parts, b""]), name, first)
            parts, size, first = [], 0, number + 1
    if parts:
        yield Block(_BETWEEN.join([*parts, b""]), name, first)


def _jsonl(file: IO[bytes], name: str) -> Iterator[str]:
    for number, line in enumerate(file, 1):
        try:
            value = json.loads(line.decode("utf-8")) if line.strip() else ""
        except (ValueError, RecursionError) as error:
            raise BadInput(f"{name}, line {number}: JSON was expected, found {line[:40]!r} ({error})") from error
        texts = value.values() if isinstance(value, dict) else ()
        plain = texts and all(type(text) is str for text in texts)  # most rows, and three times as fast
        yield " ".join(texts if plain else strings(value))


def _csv(file: IO[bytes], name: str) -> Iterator[str]:
    lines = (line.decode("utf-8", "replace") for line in file)
    limit = csv.field_size_limit(10**9)
    try:
        for row in csv.reader(lines):
            yield " ".join(row)
    except csv.Error as error:
        raise BadInput(f"{name}: broken CSV ({error}): mend the quotes") from error
    finally:
        csv.field_size_limit(limit)


def _parquet(file: IO[bytes], name: str) -> Iterator[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        for batch in pq.ParquetFile(file).iter_batches(batch_size=1024):
            for values in batch.to_pylist():
                yield " ".join(strings(values))
    except (pa.ArrowException, OSError) as error:
        raise BadInput(f"{name}: Parquet was expected, found something else ({error}): write it anew") from error


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """The file, unpacked where its name ends in .gz; OSErrors are said in a line."""
    try:
        with path.open("rb") as raw:
            yield cast(IO[bytes], gzip.GzipFile(fileobj=raw)) if path.suffix.lower() == ".gz" else raw
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadInput(f"{path}: gzip was expected, found something else ({error}): pack it anew") from error
    except IsADirectoryError:
        raise BadInput(f"{path}: a file was expected, this is a folder: name a file in it") from None
    except OSError as error:
        raise BadInput(f"{path}: can't be read ({error.strerror}): check the file and its rights") from error
