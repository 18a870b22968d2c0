"""Runs an entry of a suite in a process of its own, so that one that crashes takes no other with it, and keeps it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from hansei.core.files import write_atomic
from hansei.core.keys import content_key
from hansei.core.records import Figure
from hansei.measuring.suite_file import Entry, filled, needs
from hansei.models.load import town_path
from hansei.models.names import ENDPOINT
from hansei.models.weights import Place, find, fingerprint
from hansei.town.districts import district_of

VERSION = "1"
"""Changes when what is kept of an entry does."""
KEPT = "entry.json"
REQUIRED = {"model": "--model", "data": "--data"}
MEASURE = "import sys; from hansei.cli import main; sys.exit(main(sys.argv[1:]))"

Status = Literal["measured", "not measured", "failed"]


@dataclass(frozen=True, slots=True)
class Found:
    """What came of an entry."""

    status: Status
    why: str = ""
    """What failed or is missing, in one line."""
    figures: tuple[tuple[str, Figure, bool], ...] = ()
    """Name, figure, and whether it is a share."""
    errors: int = 0
    unscored: int = 0
    again: bool = False
    """Whether it was read back from an earlier run."""


def place_of(model: str) -> Place:
    """The files of a local model or of a district of the town. Raises BadInput where they are not on this machine."""
    home = district_of(model)
    return find(model if home is None else town_path(home), download=False)


def identity(model: str | None) -> str:
    """What tells the model from every other: the hash of its files; an endpoint has its name and address only."""
    return "" if model is None or model.startswith(ENDPOINT) else fingerprint(place_of(model))


def measure(entry: Entry, places: Mapping[str, str | None], folder: Path, who: str) -> Found:
    """The figures of an entry: read back where they are there already, measured where not.

    `who` is the model's `identity`.
    """
    missing = sorted(needs(entry) & {place for place in REQUIRED if not places.get(place)})
    if not missing and entry.measure is None and not places.get("model"):
        missing = ["model"]
    if missing:
        return Found("not measured", f"needs {' and '.join(REQUIRED[place] for place in missing)}")
    settings = filled(entry.settings, places)
    home = folder / entry.slug
    key = content_key("suite entry", VERSION, entry.measure, settings, _stamps(settings), places, who)
    kept = _kept(home / KEPT, key)
    again = kept is not None
    if kept is None:
        value, why = _run(entry, settings, places, home)
        if value is None:
            return Found("failed", why)
        kept = value
        write_atomic(home / KEPT, json.dumps({"key": key, "result": value}) + "\n")
    return _found(entry, kept, again)


def _found(entry: Entry, result: Mapping[str, Any], again: bool) -> Found:
    rows = [row for row in result["rows"] if entry.row is None or row["row"] == entry.row]
    if not rows:
        names = ", ".join(str(row["row"]) for row in result["rows"][:8])
        return Found("failed", f"its result has no row {entry.row!r}; there are: {names or 'none'}")
    row = next((row for row in rows if not entry.figures or set(entry.figures) & set(row)), rows[0])
    there = [name for name, value in row.items() if _is_figure(value)]
    wanted = entry.figures or tuple(there)
    strange = [name for name in wanted if name not in there]
    if strange or not wanted:
        named = repr(strange[0]) if strange else "at all"
        return Found("failed", f"its result has no figure {named}; there are: {', '.join(there) or 'none'}")
    numbers = set(result.get("numbers", ()))
    figures = tuple((name, _figure(row[name]), name not in numbers) for name in wanted)
    return Found("measured", "", figures, int(result.get("errors", 0)), int(result.get("unscored", 0)), again)


def _is_figure(value: Any) -> bool:
    return isinstance(value, Mapping) and {"value", "low", "high", "n"} <= set(value)


def _figure(value: Mapping[str, Any]) -> Figure:
    return Figure(value["value"], value["low"], value["high"], int(value["n"]))


def _kept(path: Path, key: str) -> dict[str, Any] | None:
    """What an earlier run has found with the same settings and data; None where there is nothing of the kind."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(value, dict) or value.get("key") != key:
        return None
    result = value.get("result")
    return result if isinstance(result, dict) else None


def _stamps(value: Any) -> list[tuple[str, int, int]]:
    """Size and time of every file that settings name, and of every file in a folder that they name."""
    found = []
    for text in _strings(value):
        path = Path(text)
        try:
            files = sorted(path.iterdir()) if path.is_dir() else [path] if path.is_file() else []
        except (OSError, ValueError):
            files = []
        found += [(str(f), f.stat().st_size, f.stat().st_mtime_ns) for f in files if f.is_file()]
    return found


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value] if 0 < len(value) < 4096 and "\0" not in value else []
    if isinstance(value, Mapping):
        return [text for one in value.values() for text in _strings(one)]
    return [text for one in value for text in _strings(one)] if isinstance(value, list) else []


def _run(
    entry: Entry, settings: Mapping[str, Any], places: Mapping[str, str | None], home: Path
) -> tuple[dict[str, Any] | None, str]:
    """The JSON of the measurement, or None and why there is none."""
    home.mkdir(parents=True, exist_ok=True)
    if entry.measure is not None:
        options = {"out": str(home / "result"), **settings}
        line = ["-c", MEASURE, "measure", entry.measure, *command(options), "--json"]
    else:
        task = {"name": entry.slug, "task": settings, "model": places["model"], "base_url": places.get("base_url")}
        write_atomic(home / "task.json", json.dumps(task))
        line = ["-m", "hansei.measuring.suite_harness", str(home / "task.json")]
    limit = None if entry.minutes is None else 60 * entry.minutes
    try:
        done = subprocess.run([sys.executable, *line], capture_output=True, text=True, check=False, timeout=limit)
    except subprocess.TimeoutExpired:
        return None, f"it took longer than {entry.minutes:g} minutes"
    write_atomic(home / "log.txt", f"{done.stdout}\n{done.stderr}")
    if done.returncode == 130:
        raise KeyboardInterrupt
    if done.returncode:
        said = [text for text in done.stderr.splitlines() if text.strip()] or ["nothing"]
        plain = said[-1].strip().removeprefix("hansei: ")
        return None, plain if done.returncode == 2 else f"it ended with code {done.returncode}: {plain:.300}"
    try:
        value = json.loads(done.stdout.strip().splitlines()[-1])
    except (IndexError, ValueError):
        return None, f"it printed no result; see {home / 'log.txt'}"
    return (value, "") if isinstance(value, dict) and "rows" in value else (None, "it printed no result")


def command(settings: Mapping[str, Any]) -> list[str]:
    """Settings as options of a command: lists give several values, true a switch; what is false is left out."""
    words: list[str] = []
    for name, value in settings.items():
        option = f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            words += [option] * value
        elif isinstance(value, Sequence) and not isinstance(value, str):
            words += [option, *map(str, value)]
        else:
            words += [option, str(value)]
    return words
