"""Passages from a folder of texts, or from a JSONL, CSV or Parquet file.

Whatever stands in a passage is data: instructions in it are never followed here, characters that no tokenizer and no
file can hold are replaced, what is very long is cut into pieces, and all of that is counted. No passage is lost.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hansei.core.errors import BadInput
from hansei.core.keys import content_key
from hansei.core.rows import holdable, read_rows

TEXTS = (".txt", ".md", ".text")
"""Files of a folder that are read."""
LONGEST = 4_000
"""Most characters of a passage; a longer one is cut into pieces."""
_CONTROL = re.compile("[\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of text that a question may be answered from."""

    id: str
    """Unique among the passages."""
    title: str
    """What the text is about, or its file's name; may be empty."""
    text: str
    """The text."""

    @property
    def key(self) -> str:
        """What it says: passages with the same title and text have the same key."""
        return content_key(self.title, self.text)


@dataclass(frozen=True)
class Passages:
    """All passages of a source, in order, and what was odd about them."""

    source: str
    """The folder or file."""
    passages: tuple[Passage, ...]
    """The passages."""
    odd: Mapping[str, int]
    """What was done to some, and to how many: `cut into pieces`, `id changed`, `read as windows-1252` …"""

    @property
    def fingerprint(self) -> str:
        """Content key of all passages, ids included."""
        return content_key([(p.id, p.title, p.text) for p in self.passages])

    def __str__(self) -> str:
        odd = "".join(f"; {n:,} {what}" for what, n in self.odd.items())
        return f"{len(self.passages):,} passages of {self.source}{odd}"


def read_passages(source: str | Path) -> Passages:
    """The passages of a folder (its .txt and .md files, subfolders too; a blank line ends a passage) or of a file.

    A file's rows have `text` (or `passage`, `contents`), and may have `id` and `title`. A row without id gets its
    number. A passage with the id and the words of an earlier one is that one; with other words it gets another id.
    Texts that are no UTF-8 are read as UTF-16 where they begin with its mark, else as windows-1252, and counted.
    Raises BadInput where there is nothing to read, and at broken rows, with their line.
    """
    path = Path(source)
    found: dict[str, Passage] = {}
    odd: Counter[str] = Counter()
    numbers: Counter[str] = Counter()
    for id, title, text in _folder(path, odd) if path.is_dir() else _rows(path):
        title, text = _clean(odd, title, text)
        if not text.strip():
            odd["empty"] += 1
        pieces = _pieces(text)
        odd["cut into pieces"] += len(pieces) > 1
        for number, piece in enumerate(pieces, 1):
            _keep(Passage(id if number == 1 else f"{id}#{number}", title, piece), found, odd, numbers)
    if not found:
        raise BadInput(f"{source}: no passage in it: files ending in {', '.join(TEXTS)} were expected in a folder")
    return Passages(str(source), tuple(found.values()), {what: n for what, n in odd.items() if n})


def passage_of(value: Any, number: int, where: str) -> Passage:
    """A passage from JSON: a text, or an object with `text` and perhaps `id` and `title`. Raises BadInput at others."""
    odd: Counter[str] = Counter()
    if isinstance(value, str):
        return Passage(str(number), "", *_clean(odd, value))
    if not isinstance(value, Mapping) or not isinstance(value.get("text"), str):
        raise BadInput(
            f'{where}: a passage such as {{"title": "...", "text": "..."}} was expected, found {value!r:.60}'
        )
    id, title = value.get("id"), value.get("title")
    words = (str(number if id is None else id), "" if title is None else str(title), value["text"])
    return Passage(*_clean(odd, *words))


def _keep(passage: Passage, found: dict[str, Passage], odd: Counter[str], numbers: Counter[str]) -> None:
    """Adds a passage under an id that is free; `numbers` says how often each id was given a number already."""
    there = found.get(passage.id)
    if there == passage:
        odd["there twice"] += 1
        return
    free = passage.id
    while free in found:
        numbers[passage.id] += 1
        free = f"{passage.id}-{numbers[passage.id] + 1}"
    odd["id changed"] += free != passage.id
    found[free] = Passage(free, passage.title, passage.text)


def _clean(odd: Counter[str], *texts: str) -> list[str]:
    """A passage's texts without NUL and half surrogate pairs (U+FFFD in their place); other controls stay. Counted."""
    cleaned = [holdable(text) for text in texts]
    odd["with control characters"] += any(_CONTROL.search(text) for text in texts)
    odd["with replaced characters"] += cleaned != list(texts)
    return cleaned


def _pieces(text: str) -> list[str]:
    """The text in pieces of at most LONGEST characters, cut at white space where there is some."""
    pieces = []
    while len(text) > LONGEST:
        cut = max(text.rfind(" ", LONGEST // 2, LONGEST), text.rfind("\n", LONGEST // 2, LONGEST)) + 1 or LONGEST
        pieces.append(text[:cut])
        text = text[cut:]
    return [*pieces, text]


def _rows(path: Path) -> Iterator[tuple[str, str, str]]:
    for number, row in enumerate(read_rows(path), 1):
        text = next((row.values[n] for n in ("text", "passage", "contents") if row.values.get(n) is not None), None)
        if text is None and not {"text", "passage", "contents"} & row.values.keys():
            names = ", ".join(map(repr, list(row.values)[:6]))
            raise BadInput(f"{row.where}: a column 'text' was expected, found {names}: name the passage's text so")
        if not isinstance(text, str | None):
            raise BadInput(f"{row.where}: a text was expected in 'text', found {text!r:.40}")
        id, title = row.values.get("id"), row.values.get("title")
        yield str(number if id is None else id), "" if title is None else str(title), text or ""


def _folder(path: Path, odd: Counter[str]) -> Iterator[tuple[str, str, str]]:
    for file in sorted(path.rglob("*")):
        if not file.is_file():
            continue
        if file.suffix.lower() not in TEXTS:
            odd["files of another kind, left out"] += 1
            continue
        name = file.relative_to(path).as_posix()
        paragraphs = [p for p in re.split(r"\n[ \t]*\n", _decoded(file, odd)) if p.strip()]
        odd["empty files"] += not paragraphs
        for number, paragraph in enumerate(paragraphs, 1):
            yield f"{name}:{number}", file.stem, paragraph.strip()


def _decoded(file: Path, odd: Counter[str]) -> str:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise BadInput(f"{file}: can't be read ({error.strerror}): check the file and its rights") from error
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        encoding = "windows-1252"
        text = data.decode(encoding, errors="replace")
    if encoding != "utf-8-sig":
        odd[f"files read as {encoding}"] += 1
    return text.replace("\r\n", "\n")
