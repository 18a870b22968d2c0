"""A suite: a taxonomy of abilities, and what measures each, in one TOML file that can be read and changed."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from hansei.core.errors import BadInput

SHIPPED = Path(__file__).parent / "abilities.toml"
SHIPPED_NAME = "abilities"
PLACES = ("model", "base_url", "data", "limit")
"""What stands in braces in an entry, and is put in from the suite's own settings."""
_PLACE = re.compile(r"\{(" + "|".join(PLACES) + r")\}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One measurement of one ability."""

    name: str
    ability: str
    """`ability / part` of the taxonomy."""
    measure: str | None
    """Name of a measurement of `hansei measure`; None for a task of lm-evaluation-harness."""
    settings: Mapping[str, Any]
    """Options of the measurement, or the task's configuration."""
    figures: tuple[str, ...]
    """Figures of the result that are shown; all of them where none is named (harness tasks only)."""
    row: str | None
    """The row of the result that holds them; the first where none is named."""
    better: Literal["higher", "lower"]
    minutes: float | None
    """Longest time that it may take."""

    @property
    def slug(self) -> str:
        """Its folder's name."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")


@dataclass(frozen=True, slots=True)
class Suite:
    """A taxonomy and its entries."""

    name: str
    abilities: Mapping[str, tuple[str, tuple[str, ...]]]
    """Level (basic, advanced) and parts of each ability, in order."""
    entries: tuple[Entry, ...]

    def parts(self) -> list[str]:
        """Every `ability / part`, in order."""
        return [f"{ability} / {part}" for ability, (_, parts) in self.abilities.items() for part in parts]


def read_suite(file: str) -> Suite:
    """The suite in a TOML file, or the shipped one (`abilities`). Raises BadInput at what is none, with its place."""
    path = SHIPPED if file == SHIPPED_NAME else Path(file)
    try:
        value = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadInput(f"{file}: there is no such file; the suite that comes with hansei is {SHIPPED_NAME!r}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError, RecursionError) as error:
        raise BadInput(f"{file}: a suite in TOML was expected: {error}") from None
    _known(value, ("name", "source", "abilities", "entry"), file)
    abilities = _abilities(value.get("abilities"), file)
    raw = value.get("entry", [])
    if not isinstance(raw, list) or not raw:
        raise BadInput(f"{file}: one [[entry]] at least was expected: without one nothing is measured")
    suite = Suite(str(value.get("name", path.stem)), abilities, ())
    parts = suite.parts()
    entries = tuple(_entry(one, f"{file}: entry {i}", parts) for i, one in enumerate(raw, 1))
    slugs = [entry.slug for entry in entries]
    twice = next((e.name for e in entries if slugs.count(e.slug) > 1), None)
    if twice is not None:
        raise BadInput(f"{file}: the entry {twice!r} is there twice (names count without marks): rename one")
    return Suite(suite.name, abilities, entries)


def _known(value: Any, names: tuple[str, ...], where: str) -> None:
    if not isinstance(value, Mapping):
        raise BadInput(f"{where}: a table with {', '.join(names)} was expected, found {value!r:.60}")
    for name in value:
        if name not in names:
            near = difflib.get_close_matches(name, names, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names)}"
            raise BadInput(f"{where}: {name!r} is unknown; {hint}")


def _abilities(value: Any, file: str) -> dict[str, tuple[str, tuple[str, ...]]]:
    if not isinstance(value, Mapping) or not value:
        raise BadInput(f"{file}: a table [abilities] was expected: name = {{ level = ..., parts = [...] }}")
    found = {}
    for name, one in value.items():
        where = f"{file}: ability {name!r}"
        _known(one, ("level", "parts"), where)
        parts = one.get("parts")
        if not isinstance(parts, list) or not parts or not all(isinstance(p, str) and p.strip() for p in parts):
            raise BadInput(f"{where}: a list of texts was expected in parts, found {parts!r:.60}")
        found[name] = (str(one.get("level", "")), tuple(parts))
    return found


def _entry(value: Any, where: str, parts: list[str]) -> Entry:
    names = ("name", "ability", "measure", "settings", "task", "figures", "row", "better", "minutes")
    _known(value, names, where)
    name = value.get("name")
    if not isinstance(name, str) or not re.search(r"[A-Za-z0-9]", name):
        raise BadInput(f"{where}: a name was expected, found {name!r:.60}")
    where = f"{where} ({name})"
    ability = value.get("ability")
    if ability not in parts:
        near = difflib.get_close_matches(str(ability), parts, 1, cutoff=0)
        raise BadInput(f"{where}: ability: one of [abilities], as {near[0]!r}, was expected, found {ability!r:.80}")
    measure, task = value.get("measure"), value.get("task")
    if (measure is None) == (task is None) or ("settings" in value and measure is None):
        raise BadInput(f"{where}: `measure` (with `settings`) or `task` was expected, one of the two")
    settings = value.get("settings", {}) if measure is not None else task
    if not isinstance(settings, Mapping) or not isinstance(measure or "", str):
        raise BadInput(f"{where}: a table was expected in {'settings' if measure else 'task'}, found {settings!r:.60}")
    figures = value.get("figures", [])
    if not isinstance(figures, list) or not all(isinstance(f, str) for f in figures) or (measure and not figures):
        raise BadInput(f"{where}: figures: a list of names of the result's figures was expected, found {figures!r:.60}")
    better, minutes = value.get("better", "higher"), value.get("minutes")
    if better not in ("higher", "lower"):
        raise BadInput(f"{where}: better: higher or lower was expected, found {better!r:.60}")
    if minutes is not None and (isinstance(minutes, bool) or not isinstance(minutes, int | float) or minutes <= 0):
        raise BadInput(f"{where}: minutes: a number above 0 was expected, found {minutes!r:.60}")
    row = value.get("row")
    return Entry(name, ability, measure, settings, tuple(figures), None if row is None else str(row), better, minutes)


def needs(entry: Entry) -> set[str]:
    """The places that an entry's settings name."""
    return {place for text in _texts(entry.settings) for place in _PLACE.findall(text)}


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [text for one in value.values() for text in _texts(one)]
    return [text for one in value for text in _texts(one)] if isinstance(value, list) else []


def filled(value: Any, places: Mapping[str, str | None]) -> Any:
    """Settings with what stands in braces put in; a setting that is nothing but an empty place is left out.

    Other braces stay as they are: a harness task's templates have some of their own.
    """
    if isinstance(value, str):
        return _PLACE.sub(lambda m: places.get(m[1]) or "", value)
    if isinstance(value, Mapping):
        return {k: filled(v, places) for k, v in value.items() if not _empty(v, places)}
    return [filled(v, places) for v in value if not _empty(v, places)] if isinstance(value, list) else value


def _empty(value: Any, places: Mapping[str, str | None]) -> bool:
    match = _PLACE.fullmatch(value) if isinstance(value, str) else None
    return match is not None and not places.get(match[1])
