"""Does a training set hold the test set? Has a model read it? `hansei measure contamination`.

Zhou et al., "Don't Make Your LLM an Evaluation Benchmark Cheater", arXiv 2311.01964: leaks inflate scores by tens of
points, so whoever publishes a score should look for them. With the training set: runs of 13 words, and of 50 letters,
that it shares with the test set. With the model alone: Min-K% and its baselines, n-gram accuracy against rewritten
copies, the order of the set, guided completion. What each of these can see is measured on models whose leaks are
known: `hansei papers run contamination`. A paraphrase escapes every test that compares words.

Units of work, kept in the journal of --out: files of the training set, and batches that the model scores or goes on
with.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hansei.core.copies import CharFinder, Finder, Found, WordFinder
from hansei.core.errors import BadInput
from hansei.core.keys import content_key
from hansei.core.progress import counting
from hansei.core.records import Figure
from hansei.core.result import Result, Row
from hansei.core.statistics import bootstrap, rate
from hansei.measuring.corpus import Text, blocks, files_of, read_texts

if TYPE_CHECKING:
    from hansei.core.journal import Journal

POSITIONAL = ("test",)
WORDS, LETTERS = "words in a row", "letters in a row"
UNIT = 100_000_000
"""Bytes of files that are a unit of work, a second or two; a larger file is a unit of its own."""


@dataclass(frozen=True)
class Settings:
    """Settings of the measurement."""

    test: str
    """The test set: JSONL, CSV, Parquet, or text with an item a line."""
    training: tuple[str, ...] = ()
    """The training set: files or folders of text, JSONL, CSV or Parquet (.gz too), of any size."""
    columns: tuple[str, ...] = ()
    """Columns of the test set that make an item's text; those with usual names (text, question, answer …) where not
    given."""
    model: str | None = None
    """A model that is asked whether it has read the test set: a folder, a Hugging Face name, town:registry."""
    reference: str | None = None
    """A model that surely has not read it, for the reference detector."""
    control: str | None = None
    """Texts of the same kind that the model surely has not read; with them each detector has an AUROC."""
    rewritten: str | None = None
    """The test set in other words, item by item, for n-gram accuracy."""
    name: str | None = None
    """What the test set is called, for guided completion."""
    split: str = "test"
    """Its split, for the same."""
    score: str | None = None
    """A column of the test set with a model's score on each item: it is also given without contaminated items."""
    n: int = 13
    """Words in a row that make a copy; of shorter items all words count, down to 8."""
    letters: int = 50
    """Letters in a row that make a copy."""
    probes: int = 3
    """Runs of letters that are drawn from each item."""
    shards: int = 50
    """Shards of the order test."""
    permutations: int = 20
    """Random orders of each shard; the paper takes 250. 0 leaves the order test out."""
    limit: int | None = None
    """Only the first so many items of the test set."""
    seed: int = 0
    """Seed of what is drawn."""
    out: str | None = None
    """Folder of the journal, the chart and result.json; the same folder again goes on where it stopped. Nothing is
    kept without it."""

    def __post_init__(self) -> None:
        """Raises BadInput for settings that measure nothing."""
        where = "measure contamination"
        if not self.training and self.model is None:
            raise BadInput(
                f"{where}: --training or --model was expected, found neither: name what may hold the test set"
            )
        for name in ("reference", "control", "rewritten", "name"):
            if getattr(self, name) is not None and self.model is None:
                raise BadInput(f"{where}: --{name} is about what a model has read: name it with --model")
        if self.score is not None and not self.training:
            raise BadInput(f"{where}: --score leaves contaminated items out, which are found with --training")
        if self.n < 2 or self.letters < 24 or min(self.probes, self.shards, self.permutations + 1) < 1:
            raise BadInput(f"{where}: n must be 2, letters 24, probes and shards 1, permutations 0 or more")
        if self.limit is not None and self.limit < 1:
            raise BadInput(f"{where}: limit must be 1 or more, found {self.limit}")


def run(settings: Settings) -> Result:
    """Looks for the test set in the training set, and asks the model. Raises BadInput for what can't be read."""
    from hansei.core.journal import Journal
    from hansei.measuring.leak_report import asked_of, model_parts

    started = time.monotonic()
    texts = read_texts(settings.test, settings.columns, settings.limit)
    files = files_of(settings.training)
    asked = None if settings.model is None else asked_of(settings, len(texts))
    rows: list[Row] = []
    parts: dict[str, Sequence[Row]] = {}
    more: dict[str, Any] = {}
    notes = [f"{len(texts)} items of {settings.test}"]
    with tempfile.TemporaryDirectory() as passing, Journal.open(settings.out or passing) as journal:
        if files:
            finders = look(settings, texts, files, journal)
            rows += [overlap_row(name, finder, len(texts)) for name, finder in finders.items()]
            found = found_items(texts, finders)
            parts["copies"] = [{k: v for k, v in item.items() if k != "number"} for item in found[:20]]
            more["contaminated"] = [item["row"] for item in found]
            if settings.score is not None:
                parts["score"] = score_rows(texts, settings.score, {item["number"] for item in found})
        if asked is not None:
            parts |= model_parts(settings, asked, [text.text for text in texts], journal)
            notes.append(f"model {asked.model.fingerprint}")
    result = Result(
        name="contamination",
        settings=asdict(settings),
        rows=rows,
        parts=parts,
        numbers=frozenset({"seen", "control", "auroc", "t", "gain_nats"}),
        notes=notes,
        more=more,
        seconds=time.monotonic() - started,
    )
    if settings.out is None:
        return result
    from hansei.core.output import with_files
    from hansei.measuring.leak_report import chart

    return with_files(result, settings.out, {"contamination.svg": chart(result)})


def look(settings: Settings, texts: Sequence[Text], files: Sequence[Path], journal: Journal) -> dict[str, Finder]:
    """Reads the training set once, with both finders, but for what the journal tells of it already.

    Files fall into units in their order. What is met in a unit depends on the files before it (a run that was met is
    looked for no longer), so a unit's key holds the key of the one before.
    """
    plain = [text.text for text in texts]
    finders: dict[str, Finder] = {
        f"{settings.n} {WORDS}": WordFinder(plain, settings.n),
        f"{settings.letters} {LETTERS}": CharFinder(plain, settings.letters, settings.probes, settings.seed),
    }
    if all(finder.share(i) is None for finder in finders.values() for i in range(len(texts))):
        raise BadInput(
            f"{settings.test}: a text of {settings.n} words or {settings.letters} letters at least was expected, found "
            "none: name the columns of the text with --columns, or lower --n and --letters"
        )
    key = content_key("copies 1", plain, settings.n, settings.letters, settings.probes, settings.seed)
    with counting("read training set (bytes)") as advance:
        for unit in _units(files):
            key = content_key(key, [_stamp(file) for file in unit])
            found = journal.unit(key, "copies", lambda unit=unit: _read(unit, finders, advance), list)  # type: ignore[misc]
            for finder, met in zip(finders.values(), found, strict=True):
                finder.meet(met)
    return finders


def _units(files: Sequence[Path]) -> Iterator[list[Path]]:
    unit: list[Path] = []
    for file in files:
        unit.append(file)
        if sum(one.stat().st_size for one in unit) >= UNIT:
            yield unit
            unit = []
    if unit:
        yield unit


def _stamp(file: Path) -> tuple[str, int, int]:
    """What a file is known by without reading it: name, size and time."""
    about = file.stat()
    return str(file), about.st_size, about.st_mtime_ns


def _read(unit: Sequence[Path], finders: Mapping[str, Finder], advance: Callable[[int], None]) -> list[Found]:
    """What each finder meets in these files that it had not met before."""
    marks = [finder.mark() for finder in finders.values()]
    for file in unit:
        for block in blocks(file):
            for finder in finders.values():
                finder.feed(block)
            advance(len(block.text))
    return [finder.since(mark) for finder, mark in zip(finders.values(), marks, strict=True)]


def overlap_row(name: str, finder: Finder, count: int) -> dict[str, Any]:
    """Share of the items of which a run was met, mean share of an item's runs, and how many items are too short."""
    shares = [finder.share(i) for i in range(count)]
    met = [None if share is None else float(share > 0) for share in shares]
    return {
        "row": name,
        "contaminated": rate(met),
        "covered": bootstrap(shares),
        "too_short": sum(share is None for share in shares),
    }


def found_items(texts: Sequence[Text], finders: Mapping[str, Finder]) -> list[dict[str, Any]]:
    """The items of which a run was met, most copied first, with the place of the first copy."""
    found = []
    for number, text in enumerate(texts):
        copies = [finder.copies[number] for finder in finders.values() if number in finder.copies]
        if copies:
            shares = {
                kind: finder.share(number) for kind, finder in zip(("words", "letters"), finders.values(), strict=True)
            }
            first = copies[0]
            place = {"file": first.file, "record": first.record, "run": first.run[:60]}
            found.append({"row": text.id, "number": number, **shares, **place})
    return sorted(found, key=lambda item: -sum(item[kind] or 0.0 for kind in ("words", "letters")))


def score_rows(texts: Sequence[Text], column: str, contaminated: set[int]) -> list[dict[str, Any]]:
    """The mean score of all items, of those that were not met in the training set, and of those that were."""
    values = []
    for text in texts:
        given = text.values.get(column)
        try:
            values.append(None if given is None else float(given))
        except (TypeError, ValueError):
            raise BadInput(
                f"{text.id}: a number was expected in {column!r}, found {given!r:.40}: mend the row"
            ) from None
    if all(value is None or value != value for value in values):
        raise BadInput(
            f"{texts[0].id}: a score was expected in a column {column!r}, found none in any row: name another"
        )
    groups: dict[str, list[float | None]] = {"all items": values}
    groups["without contaminated"] = [v for i, v in enumerate(values) if i not in contaminated]
    groups["contaminated only"] = [v for i, v in enumerate(values) if i in contaminated]
    return [
        {"row": name, "score": bootstrap(group) if group else Figure(None, None, None, 0)}
        for name, group in groups.items()
    ]
