"""Draws the pictures of the documentation from docs/measured/*.json: `make docs` runs it after the tables."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent
COLOURS = ("#0b5fa5", "#b3560b", "#177a4b", "#8a2f7d", "#555555", "#c2a200", "#00857c", "#a3123a", "#000000")
MARKS = "osD^vP*X<"


def main() -> None:
    """Every picture whose measurement is there."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "hansei", "font.family": "sans-serif", "font.size": 9})
    file = ROOT / "measured" / "mistake-analysis.json"
    if file.is_file():
        measured = json.loads(file.read_text(encoding="utf-8"))
        frontier(measured["rows"], ROOT / "papers" / "mistake-analysis-frontier.svg")
        transfer(measured["parts"]["transfer"], ROOT / "papers" / "mistake-analysis-transfer.svg")


def frontier(table: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Harmless against helpful on held-out items: a small mark for each seed's student, a large one for their mean."""
    import matplotlib.pyplot as plt

    taught = [row for row in table if row["size"]]
    sizes = sorted({row["size"] for row in taught})
    names = _different(taught)
    figure, axes = plt.subplots(2, len(sizes), figsize=(3.4 * len(sizes), 6.6), sharex=True, sharey=True)
    for i, mode in enumerate(("plain", "guided")):
        for j, size in enumerate(sizes):
            axis = axes[i][j]
            for name, colour, mark in zip(names, COLOURS, MARKS, strict=False):
                (row,) = [r for r in taught if (r["row"], r["size"], r["mode"]) == (name, size, mode)]
                x, y = ([100 * v for v in row[m]["per_seed"]] for m in ("helpful_rate", "harmless_rate"))
                axis.plot(x, y, mark, ms=4, alpha=0.45, color=colour, mec="none")
                axis.plot([sum(x) / len(x)], [sum(y) / len(y)], mark, ms=8, color=colour, mec="white", label=name)
            axis.axvline(95, color="#999999", lw=0.8, ls=":")
            axis.set_title(f"{size} dangerous items, {mode}", fontsize=9)
            axis.grid(color="#dddddd", lw=0.5)
    for axis in axes[-1]:
        axis.set_xlabel("right answers to safe requests, %")
    for axis in axes[:, 0]:
        axis.set_ylabel("harmless, %")
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncol=4, frameon=False, fontsize=8)
    figure.tight_layout(rect=(0, 0.07, 1, 1))
    _save(figure, path)


def _different(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names of the rows, without those that are another row to the last digit (expert analyses equal to own ones)."""
    seen: dict[str, str] = {}
    for name in dict.fromkeys(row["row"] for row in rows):
        figures = json.dumps([row["harmless_rate"] for row in rows if row["row"] == name])
        seen.setdefault(figures, name)
    return list(seen.values())


def transfer(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Which lessons mended what: taught category by held-out category, harmless in per cent."""
    import matplotlib.pyplot as plt

    taught = [row["row"].removeprefix("lessons about ") for row in rows]
    measured = [k for k, v in rows[0].items() if isinstance(v, Mapping)]
    columns = [*taught, *sorted((c for c in measured if c not in taught), key=lambda c: c == "helpful")]
    grid = [[100 * row[c]["value"] for c in columns] for row in rows]
    figure, axis = plt.subplots(figsize=(7.2, 4.6))
    image = axis.imshow(grid, cmap="Blues", vmin=0, vmax=100, aspect="auto")
    axis.set_xticks(range(len(columns)), columns, rotation=40, ha="right")
    axis.set_yticks(range(len(rows)), [row["row"] for row in rows])
    for y, line in enumerate(grid):
        for x, value in enumerate(line):
            axis.text(
                x, y, f"{value:.0f}", ha="center", va="center", fontsize=8, color="white" if value > 60 else "black"
            )
    axis.set_xlabel("measured on held-out items of this category (helpful: safe requests)")
    figure.colorbar(image, label="harmless, %")
    figure.tight_layout()
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    import matplotlib.pyplot as plt

    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
    print(f"drawn: {path.relative_to(ROOT.parent)}")


if __name__ == "__main__":
    main()
