"""Text in, contexts out: documents of files, folders or the town, cut into pieces; never all in memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from hansei.core.errors import BadInput
from hansei.town.districts import district, district_of

TOGETHER = 256
"""Documents tokenised at a time."""
SUFFIXES = (".txt", ".md", ".jsonl", ".parquet")


class Context(NamedTuple):
    """What the model reads at once."""

    document: int
    """Number of the document in the text, from 0."""
    start: int
    """Its first token's place in the document."""
    ids: list[int]
    """Tokens."""


def contexts(text: str, tokenizer: Any, length: int, *, column: str = "text", seed: int = 0) -> Iterator[Context]:
    """Pieces of at most `length` tokens of every document of `text`, in order; the last of a document is shorter.

    `text`: a file (.txt and .md: blank lines part documents; .jsonl and .parquet: the field `column`), a folder of such
    files, or `town` and `town:DISTRICT`, whose documents never end and are drawn with `seed`. Raises BadInput.
    """
    town = district_of(text)
    rendered = town is not None  # the town's template writes the special tokens itself
    stream = _of_town(town, tokenizer, seed) if town is not None else _of_files(Path(text), column)
    number = 0
    while together := list(islice(stream, TOGETHER)):
        for ids in tokenizer(together, add_special_tokens=not rendered, verbose=False)["input_ids"]:
            for start in range(0, len(ids), length):
                yield Context(number, start, list(ids[start : start + length]))
            number += 1
    if number == 0:
        raise BadInput(f"{text}: no text in it")


def _of_town(name: str, tokenizer: Any, seed: int) -> Iterator[str]:
    from hansei.training.base import rendered

    return (rendered(document, tokenizer) for document in district(name).documents(seed))


def _of_files(path: Path, column: str) -> Iterator[str]:
    files = sorted(f for f in path.rglob("*") if f.suffix in SUFFIXES) if path.is_dir() else [path]
    if not files or not files[0].is_file():
        raise BadInput(f"{path}: a file or folder of {', '.join(SUFFIXES)} was expected, there is none: check the path")
    for file in files:
        if file.suffix not in SUFFIXES:
            raise BadInput(f"{file}: a file ending in {', '.join(SUFFIXES)} was expected: convert or rename it")
        yield from _READERS[file.suffix](file, column)


def _plain(file: Path, _: str) -> Iterator[str]:
    lines: list[str] = []
    for line in _lines(file):
        if line.strip():
            lines.append(line)
        elif lines:
            yield "".join(lines).strip()
            lines = []
    if lines:
        yield "".join(lines).strip()


def _jsonl(file: Path, column: str) -> Iterator[str]:
    for number, line in enumerate(_lines(file), 1):
        if not line.strip():
            continue
        where = f"{file}, line {number}"
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise BadInput(f"{where}: a JSON object was expected: {error}") from error
        yield _text(value, column, where)


def _lines(file: Path) -> Iterator[str]:
    """The lines of a UTF-8 file, one in memory at a time. Raises BadInput at whatever is none, with its line."""
    with file.open("rb") as opened:  # bytes, as a text file is decoded by the block: no line could be named
        for number, line in enumerate(opened, 1):
            try:
                yield line.decode("utf-8-sig" if number == 1 else "utf-8").replace("\r\n", "\n")
            except UnicodeDecodeError as error:
                raise BadInput(f"{file}, line {number}: UTF-8 was expected, found something else: {error}") from error


def _parquet(file: Path, column: str) -> Iterator[str]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        opened = parquet.ParquetFile(file)
        if column not in opened.schema_arrow.names:
            raise BadInput(f"{file}: no column {column!r}; there are {', '.join(opened.schema_arrow.names)}")
        for batch in opened.iter_batches(batch_size=TOGETHER, columns=[column]):
            for value in batch.column(0).to_pylist():
                yield _text({column: value}, column, str(file))
    except pa.ArrowException as error:
        raise BadInput(f"{file}: no Parquet file that can be read: {error}") from error


def _text(value: Any, column: str, where: str) -> str:
    if not isinstance(value, dict) or not isinstance(value.get(column), str):
        found = ", ".join(value) if isinstance(value, dict) else type(value).__name__
        raise BadInput(
            f"{where}: text in the field {column!r} was expected, found {found}: name the field with --column"
        )
    return str(value[column])


_READERS: dict[str, Callable[[Path, str], Iterator[str]]] = {
    ".txt": _plain,
    ".md": _plain,
    ".jsonl": _jsonl,
    ".parquet": _parquet,
}
