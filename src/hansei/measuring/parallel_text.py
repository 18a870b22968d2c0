"""The same text in several languages, aligned by row: FLORES, XQuAD, UDHR, and the user's own files."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hansei.core.errors import BadInput
from hansei.core.rows import SUFFIXES, read_rows
from hansei.measuring.plain_text import decode, read_bytes, read_lines

ENGLISH = ("eng_Latn", "eng", "en", "english", "English", "en_US")
"""What the reference language is looked for as, where none is named."""
FILES = (".txt", ".dev", ".devtest")
"""Endings of files of one language."""
_XQUAD = re.compile(r"xquad\.(?P<language>\w+)\.json(\.gz)?")


@dataclass(frozen=True)
class Parallel:
    """Rows that say the same in every language."""

    name: str
    """Where they come from."""
    rows: Mapping[str, list[str]]
    """The S texts of each language, in the same order."""
    reference: str
    """The language that all are compared with."""
    dropped: tuple[str, ...] = ()
    """Languages whose file in an archive is empty; they were left out."""

    @property
    def size(self) -> int:
        """Rows in each language, S."""
        return len(self.rows[self.reference])


def read_parallel(path: str | Path, reference: str | None = None, languages: Sequence[str] = ()) -> Parallel:
    """Parallel text, told by what the path is.

    - a folder with a file a language (`eng.txt`, `eng_Latn.devtest`, also `.gz`), a row a line
    - `.jsonl`, `.csv`, `.parquet` with a column a language
    - `.tsv`, `.tsv.gz` without header: language, index, text (or language, split, index, text)
    - a folder with XQuAD's files (`xquad.LANGUAGE.json`): a row is a passage, a question and its answer
    - `.zip` of NAME.txt, a language each: one row, as such texts (UDHR) are parallel only as wholes

    `languages` leaves the others out; without `reference` English is looked for. Raises BadInput at what can't be
    read, at empty texts (but for empty files of an archive, which are dropped), and where the languages have not the
    same rows.
    """
    path = Path(path)
    rows = _read(path, (*languages, *([reference] if reference else ENGLISH)) if languages else ())
    missing = [name for name in (*languages, *([reference] if reference else [])) if name not in rows]
    if missing:
        raise BadInput(f"{path}: the language {missing[0]!r} was expected, found {_some(rows)}")
    reference = reference or _english(path, rows)
    if languages:
        rows = {name: rows[name] for name in dict.fromkeys([reference, *languages])}
    dropped: tuple[str, ...] = ()
    if path.suffix.lower() == ".zip":  # UDHR's has an empty one, and nobody mends an archive for that
        dropped = tuple(name for name, texts in rows.items() if not any(texts))
        rows = {name: texts for name, texts in rows.items() if any(texts)}
    return replace(_checked(path, rows, reference), dropped=dropped)


def _read(path: Path, wanted: Sequence[str]) -> dict[str, list[str]]:
    """All languages of the path; of columns only the wanted ones, as others may hold something else."""
    name = path.name.lower().removesuffix(".gz")
    if path.is_dir():
        return _folder(path)
    if name.endswith(".tsv"):
        return _tsv(path)
    if name.endswith(".zip"):
        return _zip(path)
    if path.suffix.lower() in SUFFIXES:
        return _columns(path, wanted)
    if not path.exists():
        raise BadInput(f"{path}: there is no such file or folder: check the path")
    raise BadInput(f"{path}: a folder or a file ending in .tsv, .tsv.gz, .zip, {', '.join(SUFFIXES)} was expected")


def _checked(path: Path, rows: dict[str, list[str]], reference: str) -> Parallel:
    if len(rows) < 2:
        raise BadInput(f"{path}: two languages at least were expected, found {_some(rows)}")
    expected = len(rows[reference])
    for language, texts in rows.items():
        if len(texts) != expected:
            raise BadInput(
                f"{path}: {expected} rows were expected for {language}, as {reference} has, found {len(texts)}: "
                "parallel text has the same rows in the same order"
            )
        empty = next((n for n, text in enumerate(texts, 1) if not text.strip()), None)
        if empty:
            raise BadInput(
                f"{path}: {language}, row {empty}: a text was expected, found none: leave the row out in all"
            )
    return Parallel(str(path), rows, reference)


def _english(path: Path, rows: Mapping[str, Any]) -> str:
    found = next((name for name in ENGLISH if name in rows), None)
    if found is None:
        raise BadInput(
            f"{path}: a reference language was expected, found no English in {_some(rows)}: --reference NAME"
        )
    return found


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:8]) + (f" and {len(listed) - 8} more" if len(listed) > 8 else "") or "none"


def _folder(path: Path) -> dict[str, list[str]]:
    files = sorted(file for file in path.iterdir() if file.is_file())
    xquad = {match["language"]: file for file in files if (match := _XQUAD.fullmatch(file.name))}
    if xquad:
        return _xquad(xquad)
    tables = [file for file in files if file.name.lower().removesuffix(".gz").endswith(".tsv")]
    if len(tables) == 1:
        return _tsv(tables[0])
    plain = [file for file in files if file.name.lower().removesuffix(".gz").endswith(FILES)]
    plain = [file for file in plain if file.name != "SOURCE.txt"]
    if not plain:
        raise BadInput(
            f"{path}: a file a language (NAME{FILES[0]}), one .tsv or xquad.NAME.json were expected in this folder, "
            f"found {_some(file.name for file in files)}: name the file itself"
        )
    return {file.name.split(".")[0]: read_lines(file) for file in plain}


def _tsv(path: Path) -> dict[str, list[str]]:
    rows: dict[str, list[str]] = {}
    places: dict[str, list[tuple[str, ...]]] = {}
    for number, line in enumerate(read_lines(path), 1):
        fields = line.split("\t")
        if len(fields) not in (3, 4):
            raise BadInput(
                f"{path}, line {number}: language, index and text with tabs between were expected, "
                f"found {len(fields)} fields"
            )
        rows.setdefault(fields[0], []).append(fields[-1])
        places.setdefault(fields[0], []).append(tuple(fields[1:-1]))
    first = next(iter(places))
    for language, found in places.items():
        if len(found) == len(places[first]) and found != places[first]:
            raise BadInput(f"{path}: {language} has other indices than {first}: sort both by index")
    return rows


def _zip(path: Path) -> dict[str, list[str]]:
    import io

    try:
        archive = zipfile.ZipFile(io.BytesIO(read_bytes(path)))
        names = [name for name in archive.namelist() if name.endswith(".txt")]
        contents = {Path(name).stem: decode(archive.read(name), f"{path}, {name}") for name in names}
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        raise BadInput(f"{path}: a zip archive was expected, found something else ({error}): pack it anew") from error
    if not contents:
        raise BadInput(f"{path}: NAME.txt for each language was expected in the archive, found none")
    return {name: ["\n".join(line.strip() for line in lines if line.strip())] for name, lines in contents.items()}


def _columns(path: Path, chosen: Sequence[str]) -> dict[str, list[str]]:
    rows: dict[str, list[str]] = {}
    for number, row in enumerate(read_rows(path)):
        wanted = [name for name in row.values if not chosen or name in chosen]
        if not wanted:
            raise BadInput(f"{row.where}: a column {chosen[0]!r} was expected, found {_some(row.values)}")
        if number and set(wanted) != set(rows):
            odd = sorted(set(wanted) ^ set(rows))[0]
            raise BadInput(f"{row.where}: the same columns as before were expected, found a difference in {odd!r}")
        for name in wanted:
            if not isinstance(row.values[name], str):
                raise BadInput(
                    f"{row.where}: a text in the column {name!r} was expected, found {row.values[name]!r:.40}: "
                    "name the columns that are languages with --languages"
                )
            rows.setdefault(name, []).append(row.values[name])
    if not rows:
        raise BadInput(f"{path}: one row at least was expected, found none (the first line of a CSV is its header)")
    return rows


def _xquad(files: Mapping[str, Path]) -> dict[str, list[str]]:
    rows: dict[str, list[str]] = {}
    order: list[str] | None = None
    for language, path in files.items():
        items = dict(_items(path))
        order = order or sorted(items)
        if sorted(items) != order:
            odd = sorted(set(items) ^ set(order))
            what = f"the question {odd[0]!r} is not in both" if odd else "a question is there twice"
            raise BadInput(f"{path}: the questions of the other languages were expected: {what}")
        rows[language] = [items[key] for key in order]
    return rows


def _items(path: Path) -> Iterable[tuple[str, str]]:
    try:
        data = json.loads("\n".join(decode(read_bytes(path), str(path))))
        for article in data["data"]:
            for paragraph in article["paragraphs"]:
                for question in paragraph["qas"]:
                    answer = question["answers"][0]["text"]
                    yield question["id"], f"{paragraph['context']}\n{question['question']}\n{answer}"
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise BadInput(f"{path}: SQuAD's format was expected, found another ({error!r:.60}): mend the file") from error
