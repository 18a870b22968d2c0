"""What a model can do, ability by ability: `hansei measure suite`, after "A Survey of Large Language Models".

The survey (arXiv 2303.18223) sorts abilities into basic ones (language generation, knowledge utilisation, complex
reasoning) and advanced ones (human alignment, interaction with the environment, tool manipulation), each with parts and
known weaknesses. A suite file holds that taxonomy and names what measures each part: another measurement of hansei with
its settings, or a task of lm-evaluation-harness on local data. What nothing measures is shown as not measured.

Deviation: the survey compares published models on published benchmarks, by tables of others' figures. Here the user's
model is measured; which data stand for which ability is a choice, made in the file that comes with hansei
(`abilities.toml`), and open to change. Scores of different abilities are never averaged.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hansei.core.errors import BadInput
from hansei.core.files import check_writable, write_atomic
from hansei.core.progress import progress
from hansei.core.result import Result
from hansei.core.statistics import NOTHING
from hansei.measuring.suite_entries import Found, identity, measure
from hansei.measuring.suite_file import SHIPPED, SHIPPED_NAME, Entry, Suite, needs, read_suite
from hansei.models.names import check_address

POSITIONAL = ("file",)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of `hansei measure suite`."""

    file: str = SHIPPED_NAME
    """The suite: a TOML file, or abilities, the one that comes with hansei."""
    model: str | None = None
    """The model: a folder, a Hugging Face name that is on this machine, town or openai:NAME; {model} in the suite."""
    base_url: str | None = None
    """Address of the server of a model openai:NAME; {base_url} in the suite."""
    data: str | None = None
    """Folder of the data; {data} in the suite."""
    limit: int | None = None
    """{limit} in the suite: only the first questions of each data set that takes it, to try a suite."""
    only: tuple[str, ...] = ()
    """Only the entries of these names."""
    save: str | None = None
    """Write the suite file there, to be changed, and stop."""
    out: str | None = None
    """Folder of every entry's own result, and result.json; the same folder again measures only what is missing."""
    dry_run: bool = False
    """Say what would be measured, and what it lacks, and stop."""

    def __post_init__(self) -> None:
        """Raises BadInput for what can't be measured."""
        if self.limit is not None and self.limit < 1:
            raise BadInput(f"measure suite: limit of 1 or more was expected, found {self.limit}")
        check_address(self, "base_url", "model")


def run(settings: Settings) -> Result:
    """Measures every entry of a suite, one after the other; what fails is said and stops nothing. Raises BadInput."""
    started = time.monotonic()
    suite = read_suite(settings.file)
    if settings.save is not None:
        return _saved(settings)
    entries = _chosen(suite, settings.only)
    if settings.data is not None and not Path(settings.data).is_dir():
        raise BadInput(f"{settings.data}: a folder of data was expected (--data), found none")
    places = {
        "model": settings.model,
        "base_url": settings.base_url,
        "data": settings.data,
        "limit": None if settings.limit is None else str(settings.limit),
    }
    if settings.dry_run:
        return Result(name="suite", settings=asdict(settings), rows=[], notes=_plan(entries, places))
    who = identity(settings.model)
    with _folder(settings.out) as folder:
        found = {entry.name: measure(entry, places, folder, who) for entry in progress(entries, "suite")}
    result = Result(
        name="suite",
        settings=asdict(settings),
        rows=rows(suite, entries, found),
        parts={"coverage": coverage(suite, entries, found)},
        hidden=frozenset({"why"}),
        numbers=frozenset({"number"}),
        notes=_notes(suite, entries, found),
        errors=sum(f.errors for f in found.values()),
        unscored=sum(f.unscored for f in found.values()),
        seconds=time.monotonic() - started,
    )
    if settings.out is None:
        return result
    from hansei.core.output import with_files

    return with_files(result, settings.out, {})


def rows(suite: Suite, entries: Sequence[Entry], found: Mapping[str, Found]) -> list[dict[str, Any]]:
    """A row a figure, by ability; one for each part that nothing measures, with no value."""
    made: list[dict[str, Any]] = []
    for part in suite.parts():
        here = [entry for entry in entries if entry.ability == part]
        for entry in here:
            made += _rows(entry, found[entry.name])
        if not here:
            made.append(_row(part, "", None, Found("not measured", "no entry")) | {"share": NOTHING})
    return made


def _rows(entry: Entry, found: Found) -> list[dict[str, Any]]:
    if found.status != "measured":
        return [_row(entry.ability, entry.name, entry, found) | {"share": NOTHING}]
    return [
        _row(entry.ability, f"{entry.name}: {name}", entry, found) | {"share" if is_share else "number": figure}
        for name, figure, is_share in found.figures
    ]


def _row(part: str, measured_by: str, entry: Entry | None, found: Found) -> dict[str, Any]:
    """A row without its figure, its columns in the order of the table."""
    return {
        "row": part,
        "measured_by": measured_by,
        "share": None,
        "number": None,
        "better": entry.better if entry is not None and found.status == "measured" else "",
        "status": found.status,
        "why": found.why,
    }


def coverage(suite: Suite, entries: Sequence[Entry], found: Mapping[str, Found]) -> list[dict[str, Any]]:
    """A row an ability: its parts, and of how many something is measured."""
    made = []
    for ability, (level, parts) in suite.abilities.items():
        measured = {e.ability for e in entries if found[e.name].status == "measured"}
        names = [f"{ability} / {part}" for part in parts]
        done = [name for name in names if name in measured]
        failed = [e for e in entries if e.ability in names and found[e.name].status == "failed"]
        made.append({"row": ability, "level": level, "parts": len(parts), "measured": len(done), "failed": len(failed)})
    return made


def _chosen(suite: Suite, only: Sequence[str]) -> list[Entry]:
    names = [entry.name for entry in suite.entries]
    for name in only:
        if name not in names:
            raise BadInput(f"measure suite: only: one of {', '.join(names)} was expected, found {name!r}")
    return [entry for entry in suite.entries if not only or entry.name in only]


def _plan(entries: Sequence[Entry], places: Mapping[str, str | None]) -> list[str]:
    said = []
    for entry in entries:
        lacks = [f"--{place}" for place in ("model", "data") if place in needs(entry) and not places.get(place)]
        if entry.measure is None and not places.get("model") and "--model" not in lacks:
            lacks.insert(0, "--model")
        what = f"hansei measure {entry.measure}" if entry.measure else "a task of lm-evaluation-harness"
        lacking = f" (lacks {', '.join(lacks)})" if lacks else ""
        said.append(f"{entry.ability}: {entry.name}, by {what}{lacking}")
    return [*said, "nothing was run"]


@contextlib.contextmanager
def _folder(out: str | None) -> Iterator[Path]:
    """Where the entries' results are kept; a passing folder where none was named."""
    if out is None:
        with tempfile.TemporaryDirectory() as passing:
            yield Path(passing)
        return
    check_writable(out)
    yield Path(out) / "entries"


def _notes(suite: Suite, entries: Sequence[Entry], found: Mapping[str, Found]) -> list[str]:
    said = [f"{entry.name}: {found[entry.name].status}: {why}" for entry in entries if (why := found[entry.name].why)]
    if len(entries) < len(suite.entries):
        said.append(f"only {len(entries)} of the suite's {len(suite.entries)} entries were asked for")
    again = sum(one.again for one in found.values())
    if again:
        said.append(f"{again} of {len(entries)} entries were read back from an earlier run")
    return [*said, "figures of different data and measurements are not to be compared or averaged"]


def _saved(settings: Settings) -> Result:
    path = Path(str(settings.save))
    if path.exists():
        raise BadInput(f"{path}: exists already: choose another file for --save")
    source = SHIPPED if settings.file == SHIPPED_NAME else Path(settings.file)
    write_atomic(path, source.read_bytes())
    return Result(name="suite", settings=asdict(settings), rows=[], files=[str(path)])
