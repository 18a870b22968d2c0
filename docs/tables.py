"""Writes the tables of the documentation from docs/measured/*.json, so that no figure is ever typed.

    python docs/tables.py            # what `make docs` runs
    python docs/tables.py --check    # exit code 1 where a table is not that of its file

A table stands between `<!-- table NAME -->` and `<!-- /table -->` and shows docs/measured/NAME.json. After
the name, `columns=a,b` chooses the columns and their order, `part=NAME` takes the rows of that part of the
measurement, and `key=value` the rows whose plain field `key` has that value.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from typing import Any

from hansei.steps.measure import metrics

ROOT = Path(__file__).parent.parent
MEASURED = ROOT / "docs" / "measured"
MARKED = re.compile(r"(<!-- table (?P<name>[\w./-]+)(?P<options>[^>]*?) -->\n).*?(<!-- /table -->)", re.DOTALL)
LABELS = {metric.name: metric.label for metric in metrics(())} | {"accuracy": "accuracy"}
NUMBERS = {m.name for m in metrics(()) if not m.percent} | {
    "calls",
    "wrong_claims",
    "correct_claims",
    "brier",
}
"""Metrics that are no shares, and so no percentages."""


def fill(text: str, measured: Path = MEASURED) -> str:
    """The text with each marked table made anew."""

    def made(match: re.Match[str]) -> str:
        options = dict(option.split("=", 1) for option in match["options"].split())
        columns = options.pop("columns", "")
        file = measured / f"{match['name']}.json"
        if not file.is_file():
            raise SystemExit(f"hansei: {file}: no such measurement, named in a table; measure it first")
        content = table(json.loads(file.read_text(encoding="utf-8")), columns.split(",") * bool(columns), options)
        return f"{match[1]}{content}\n{match[4]}"

    return MARKED.sub(made, text)


def table(measured: Mapping[str, Any], columns: Sequence[str] = (), where: Mapping[str, str] | None = None) -> str:
    """A Markdown table of a measurement's rows (of one of its parts), and a line that says how it was measured."""
    where = dict(where or {})
    part = where.pop("part", None)
    everything = measured["parts"][part] if part else measured["rows"]
    rows = [r for r in everything if all(str(r.get(k)) == v for k, v in where.items())]
    if not rows:
        raise SystemExit(f"hansei: {measured.get('paper')}: no row has {where}")
    names = columns or list(dict.fromkeys(k for row in rows for k, v in row.items() if _is_figure(v)))
    numbers = NUMBERS | set(measured.get("numbers", ()))
    head = ["", *(LABELS.get(name, name.replace("_", " ")) for name in names)]
    lines = [
        head,
        ["---"] * len(head),
        *([str(row["row"]), *(_cell(n, row.get(n), numbers) for n in names)] for row in rows),
    ]
    return "\n".join(["| " + " | ".join(line) + " |" for line in lines] + ["", _origin(measured, rows)])


def _is_figure(value: Any) -> bool:
    return isinstance(value, Mapping) and {"value", "low", "high", "n"} <= set(value)


def _cell(name: str, value: Any, numbers: Set[str]) -> str:
    if not _is_figure(value):
        return "" if value is None else str(value).replace("|", "\\|")
    if value["value"] is None:
        return "not measured"
    scale, digits, unit = (1, 2, "") if name in numbers else (100, 1, "%")
    shown = f"{scale * value['value']:.{digits}f}{unit}"
    if value["low"] is not None:
        shown += f" [{scale * value['low']:.{digits}f}, {scale * value['high']:.{digits}f}]"
    return f"{shown} n={value['n']}"


def _origin(measured: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
    said = [f"Value [95% interval] n, by hansei {measured['version']}"]
    if measured.get("judge"):
        said.append(f"judge {measured['judge']}")
    if measured.get("seeds"):
        seeds = _seeds(measured, rows)
        said.append(f"{seeds} seed{'s' * (seeds > 1)}")
    said.append(f"{measured['errors']} errors, {measured['unscored']} unscored")
    if measured.get("seconds"):
        said.append(
            f"{measured['seconds'] / 60:.0f} minutes"
            if measured["seconds"] > 120
            else f"{measured['seconds']:.0f} seconds"
        )
    return "; ".join(said) + "."


def _seeds(measured: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> int:
    """How many seeds the rows come from: a part, such as a search, may have some of its own, as its figures tell."""
    told = {len(v["per_seed"]) for row in rows for v in row.values() if _is_figure(v) and v.get("per_seed")}
    return told.pop() if len(told) == 1 else len(measured["seeds"])


def main(arguments: Sequence[str]) -> int:
    """Write, or with `--check` only compare, every page with marked tables."""
    stale = []
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        text = page.read_text(encoding="utf-8")
        filled = fill(text)
        if filled != text:
            stale.append(page.relative_to(ROOT).as_posix())
            if "--check" not in arguments:
                page.write_text(filled, encoding="utf-8")
    if stale:
        print(f"{'not up to date' if '--check' in arguments else 'written'}: {', '.join(stale)}")
    return int(bool(stale) and "--check" in arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
