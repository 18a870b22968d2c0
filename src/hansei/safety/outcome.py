"""What the experiment found: figures over seeds and items, paired differences, the frontier, and the tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from hansei import __version__
from hansei.core import statistics
from hansei.core.records import Figure, Prompt, by_id
from hansei.steps.measure import metrics
from hansei.town import grading

SHOWN = (
    ("harmless_rate", "harmless"),
    ("helpful_rate", "helpful"),
    ("over_refusal", "over-refusal"),
    ("harmless_helpful", "harml.-helpful"),
    ("past_tense_success", "past tense"),
    ("goal_hijack_success", "goal hijack"),
)
"""Columns of the main table."""
Values = Mapping[str, Mapping[str, float | None]]
"""Metric to prompt id to value."""
Row = Mapping[str, Any]
"""Names, and a Figure for each metric."""


@dataclass(frozen=True)
class Outcome:
    """The experiment's result. `str()` is its tables, `to_json()` what is kept in docs/measured."""

    settings: Mapping[str, Any]
    """What was asked for."""
    rows: Sequence[Row]
    """The main table: one line a row, size and answering mode."""
    parts: Mapping[str, Sequence[Row]]
    """Goal hijacking, discrimination, and which lessons mended what."""
    counts: Mapping[str, Any]
    """Lessons by purpose and what was dropped, by row and size (first seed)."""
    frontier: Sequence[Mapping[str, Any]]
    """Every point of the search: harmless against helpful on validation items."""
    seconds: float
    """Wall time of this call; less than the work took where it went on with an older run."""

    def to_json(self) -> dict[str, Any]:
        """The object of an experiment: settings, seeds, rows of figures."""
        import resource

        return {
            "paper": "mistake-analysis",
            "judge": f"town {grading.VERSION}",
            "settings": dict(self.settings),
            "seeds": list(range(int(self.settings["seeds"]))),
            "rows": [plain_row(row) for row in self.rows],
            "parts": {name: [plain_row(row) for row in rows] for name, rows in self.parts.items()},
            "counts": dict(self.counts),
            "frontier": list(self.frontier),
            "seconds": round(self.seconds, 1),
            "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024, 1),
            "errors": sum(row["counts"].get("error", 0) for row in self.rows),
            "unscored": sum(row["counts"].get("unscored", 0) for row in self.rows),
            "version": __version__,
        }

    def __str__(self) -> str:
        if not self.rows:
            return "dry run: nothing was asked or written"
        tables = [_table("mistake analysis", self.rows, dict(SHOWN))]
        for name, rows in self.parts.items():
            columns = {k: k.replace("_", " ") for k, v in rows[0].items() if isinstance(v, Figure)}
            tables.append(_table(name, rows, columns))
        note = "per cent, value [95% interval]; two-way bootstrap over seeds and items; judge: town (exact)"
        return "\n\n".join([*tables, note])


def table_rows(
    base: Mapping[str, Any],
    finals: Sequence[Mapping[str, Any]],
    choices: Mapping[tuple[str, int, str], tuple[float, int]],
) -> list[Row]:
    """The main table, with paired differences to SFT of the same size and answering mode."""
    rows = [_row({"row": "Base", "size": 0, "mode": m}, [measured]) for m, measured in base["heldout"].items()]
    by_line = {line: _students(finals, line, choice) for line, choice in choices.items()}
    for (name, size, mode), students in sorted(by_line.items(), key=lambda line: line[0][1]):
        rate, steps = choices[name, size, mode]
        head = {"row": name, "size": size, "mode": mode, "learning_rate": rate, "steps": steps}
        rows.append(_row(head, students, against=None if name == "SFT" else by_line["SFT", size, mode]))
    return rows


def lesson_counts(finals: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Lessons by purpose and what was dropped, by row and size, of the first seed."""
    return {f"{f['cell']['row']['name']}, {f['cell']['size']}": f["counts"] for f in finals if f["cell"]["seed"] == 0}


def _students(
    finals: Sequence[Mapping[str, Any]], line: tuple[str, int, str], choice: tuple[float, int]
) -> list[Mapping[str, Any]]:
    """What each seed's student of a line scored, in the order of the seeds."""
    name, size, mode = line
    rate, steps = choice
    mine = [
        (f["cell"]["seed"], f["students"][str(steps)][mode])
        for f in finals
        if (f["cell"]["row"]["name"], f["cell"]["size"], f["cell"]["learning_rate"]) == (name, size, rate)
        and mode in f["students"].get(str(steps), {})
    ]
    return [student for _, student in sorted(mine, key=lambda m: m[0])]


STRATA: dict[str, Callable[[Prompt], bool]] = {
    "harmless_rate_heldout_phrasing": lambda p: p.tags["phrasing"] == "heldout",
    "harmless_rate_heldout_category": lambda p: p.tags["category_split"] == "heldout",
}
"""Harmless rate where wording or category was never taught."""


def _row(
    head: Mapping[str, Any],
    students: Sequence[Mapping[str, Any]],
    against: Sequence[Mapping[str, Any]] | None = None,
) -> Row:
    """Figures of a line, and its paired differences to another line's on the same seeds and items."""
    names = students[0]["counts"]
    row = {**head, "counts": {name: sum(s["counts"][name] for s in students) for name in names}}
    values = [s["values"] for s in students]
    row.update(figures(values))
    if against is not None:
        for metric in values[0]:
            ours, entities = _grid(values, metric)
            theirs, _ = _grid([s["values"] for s in against], metric)
            row[f"{metric}_minus_sft"] = statistics.paired_two_way_bootstrap(theirs, ours, entities)
    for name, inside in STRATA.items():
        parts = [{name: {i: x for i, x in v["harmless_rate"].items() if inside(_prompts()[i])}} for v in values]
        row.update(figures(parts))
    return row


MEANS = frozenset(metric.name for metric in metrics(()) if not metric.binary)
"""Metrics that are no shares."""


def figures(students: Sequence[Values]) -> dict[str, Figure]:
    """Each metric over the seeds' students and the items, by two-way bootstrap; items of one entity are one.

    A share of 0 or 1 has Wilson's interval for as many items as there are entities: the bootstrap's has no width.
    """
    return {
        metric: (statistics.two_way_bootstrap if metric in MEANS else statistics.rate)(*_grid(students, metric))
        for metric in students[0]
    }


def _grid(students: Sequence[Values], metric: str) -> tuple[list[list[float | None]], list[str]]:
    """Values [seeds x items] and the items' entities, which are resampled as one."""
    ids = list(students[0][metric])
    return [[s[metric][i] for i in ids] for s in students], [_prompts()[i].tags["entity"] for i in ids]


@cache
def _prompts() -> Mapping[str, Prompt]:
    from hansei.town import workshop

    return by_id([*workshop.prompts("validation", workshop.SUITES), *workshop.prompts("heldout", workshop.SUITES)])


def plain_row(row: Row) -> dict[str, Any]:
    """A row as plain JSON values."""
    return {k: asdict(v) if isinstance(v, Figure) else v for k, v in row.items()}


def _table(title: str, rows: Sequence[Row], columns: Mapping[str, str]) -> str:
    names = [_name(row) for row in rows]
    wide = max(map(len, names)) + 2
    widths = {column: max(20, len(label) + 2) for column, label in columns.items()}
    head = title.ljust(wide) + "".join(label.rjust(widths[column]) for column, label in columns.items())
    body = [
        n.ljust(wide) + "".join(_show(r.get(c)).rjust(w) for c, w in widths.items())
        for n, r in zip(names, rows, strict=True)
    ]
    return "\n".join([head, "-" * len(head), *body])


def _name(row: Row) -> str:
    size = f", {row['size']} items" if row.get("size") else ""
    return f"{row['row']}{size}{', guided' if row.get('mode') == 'guided' else ''}"


def _show(figure: Figure | None) -> str:
    if figure is None or figure.value is None:
        return "not measured"
    if figure.low is None or figure.high is None:
        return f"{100 * figure.value:.1f}"
    return f"{100 * figure.value:.1f} [{100 * figure.low:.0f}, {100 * figure.high:.0f}]"
