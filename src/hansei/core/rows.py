"""Rows of a user's JSONL, CSV, TSV or Parquet file, gzipped or not; what is wrong with it is said with its line."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from hansei.core.errors import BadInput

SUFFIXES = (".jsonl", ".csv", ".parquet")
PAIRS = ".tsv"
_LONGEST_FIELD = 10**9  # csv's own limit of 131,072 characters is shorter than a long prompt
_UNHOLDABLE = re.compile("[\0\ud800-\udfff]")


class Row(NamedTuple):
    """One row of a file."""

    where: str
    """File and line, for messages."""
    values: dict[str, Any]
    """Value of each column."""


def read_rows(path: str | Path) -> Iterator[Row]:
    """The rows of a file, in order; what they hold is told from its suffix.

    JSONL: one object a line, blank lines skipped. CSV: UTF-8, commas, a header line; an empty field is None
    and columns without a name (a pandas index) are left out. TSV: two fields a line without header, a question and
    its answer, as MGSM has them. Parquet: any columns. Lines count from 1. A further
    `.gz` (rows.jsonl.gz) is unpacked.
    Raises BadInput at whatever is no such file, once the row is reached.
    """
    path = Path(path)
    suffix = _suffix(path)
    if suffix not in (*SUFFIXES, PAIRS) and not path.is_dir():
        raise BadInput(f"{path}: a file ending in {', '.join(SUFFIXES)} was expected: convert or rename it")
    data = _read(path)
    readers = {".jsonl": _jsonl, ".csv": _csv, PAIRS: _tsv, ".parquet": _parquet}
    return readers[suffix](path, data)


def read_text(path: str | Path) -> str:
    """The text of a UTF-8 file, gzipped or not. Raises BadInput at whatever is no such file."""
    path = Path(path)
    return _text(path, _read(path))


def holdable(text: str) -> str:
    """The text with U+FFFD for each NUL and half surrogate pair, which no tokenizer and no file of rows can hold."""
    return _UNHOLDABLE.sub("\ufffd", text)


def _suffix(path: Path) -> str:
    """What the file holds, by its name without `.gz`."""
    return Path(path.stem if path.suffix.lower() == ".gz" else path.name).suffix.lower()


def _read(path: Path) -> bytes:
    if path.is_dir():
        raise BadInput(f"{path}: a file was expected, this is a folder: name a file in it")
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise BadInput(f"{path}: there is no such file: check the path") from None
    except OSError as error:
        raise BadInput(f"{path}: can't be read ({error.strerror}): check the file and its rights") from error
    if not data.strip():
        raise BadInput(f"{path}: the file is empty: one row at least was expected")
    return _unpacked(path, data) if path.suffix.lower() == ".gz" else data


def _unpacked(path: Path, data: bytes) -> bytes:
    import gzip
    import zlib

    try:
        return gzip.decompress(data)
    except (EOFError, OSError, zlib.error) as error:
        raise BadInput(f"{path}: gzip was expected, found something else ({error}): pack it anew") from error


def _jsonl(path: Path, data: bytes) -> Iterator[Row]:
    for number, line in enumerate(_text(path, data).split("\n"), 1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        try:
            value = json.loads(line, object_pairs_hook=_object, parse_constant=_no_constant)
        except json.JSONDecodeError as error:
            raise BadInput(
                f"{where}: a JSON object was expected, found broken JSON ({error.msg}, "
                f"column {error.colno}): mend the line; each row is one line"
            ) from error
        except (ValueError, RecursionError) as error:
            raise BadInput(f"{where}: a JSON object was expected, found one that can't be read ({error})") from error
        if not isinstance(value, dict):
            raise BadInput(f'{where}: a JSON object such as {{"prompt": "..."}} was expected, found {line[:40]}')
        yield Row(where, value)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name {twice!r} stands in it twice")
    return value


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _csv(path: Path, data: bytes) -> Iterator[Row]:
    limit = csv.field_size_limit(_LONGEST_FIELD)
    try:
        reader = csv.reader(io.StringIO(_text(path, data), newline=""), strict=True)
        header: list[str] | None = None
        end = 0
        for fields in reader:
            where, end = f"{path}, line {end + 1}", reader.line_num
            if not fields:
                continue  # a blank line
            if header is None:
                header = _header(path, fields)
            elif len(fields) != len(header):
                raise BadInput(
                    f"{where}: {len(header)} fields were expected as in the header, found {len(fields)}: "
                    "put fields that hold commas or line breaks in double quotes"
                )
            else:
                yield Row(where, {name: text or None for name, text in zip(header, fields, strict=True) if name})
    except csv.Error as error:
        raise BadInput(f"{path}, line {end + 1}: broken CSV ({error}): mend the quotes") from error
    finally:
        csv.field_size_limit(limit)


def _tsv(path: Path, data: bytes) -> Iterator[Row]:
    for number, line in enumerate(_text(path, data).split("\n"), 1):
        where, fields = f"{path}, line {number}", line.rstrip("\r").split("\t")
        if not line.strip():
            continue
        if len(fields) != 2 or not all(field.strip() for field in fields):
            raise BadInput(f"{where}: a question, a tab and its answer were expected, found {line[:60]!r}")
        yield Row(where, {"question": fields[0], "answer": fields[1]})


def _header(path: Path, fields: list[str]) -> list[str]:
    names = [name.strip() for name in fields]
    twice = [name for name in names if name and names.count(name) > 1]
    if twice:
        raise BadInput(f"{path}, line 1: the column {twice[0]!r} is there twice: rename one")
    alone = names[0] if len(names) == 1 and " " not in names[0] else ""  # with blanks it is a text without header
    mark = next((mark for mark in (";", "\t") if mark in alone), None)
    if mark is not None:
        raise BadInput(f"{path}, line 1: commas between columns were expected, found {mark!r}: save it with commas")
    return names


def _text(path: Path, data: bytes) -> str:
    """The file as text. Raises BadInput unless it is UTF-8 (with or without byte order mark) without NUL."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise BadInput(f"{path}: UTF-8 was expected, found UTF-16: convert it (iconv -f utf-16 -t utf-8)")
    nul = data.find(b"\0")
    if nul >= 0:
        raise BadInput(f"{path}, line {_line(data, nul)}: text was expected, found a NUL byte: is it another format?")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(
            f"{path}, line {_line(data, error.start)}: UTF-8 was expected, found the byte "
            f"0x{data[error.start]:02x}: convert the file (such as iconv -f latin1 -t utf-8)"
        ) from error


def _line(data: bytes, offset: int) -> int:
    return data.count(b"\n", 0, offset) + 1


def _parquet(path: Path, data: bytes) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        number = 0
        for batch in file.iter_batches(batch_size=1024):
            for values in batch.to_pylist():
                number += 1
                yield Row(f"{path}, row {number}", values)
    except (pa.ArrowException, OSError) as error:
        raise BadInput(f"{path}: Parquet was expected, found something else ({error}): write it anew") from error
