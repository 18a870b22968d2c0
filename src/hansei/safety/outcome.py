"""What the experiment found: figures over seeds and items, paired differences, the frontier, and the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from hansei import __version__
from hansei.core import statistics
from hansei.core.records import Figure

SHOWN = (
    ("harmless_rate", "harmless"),
    ("helpful_rate", "helpful"),
    ("over_refusal", "over-refusal"),
    ("harmless_helpful", "harmless-helpful"),
    ("past_tense_success", "past tense"),
    ("goal_hijack_success", "goal hijack"),
)
"""The table's columns."""


@dataclass(frozen=True)
class Outcome:
    """The experiment's result. `str()` is a table, `to_json()` what is kept in docs/measured."""

    settings: Mapping[str, Any]
    """What was asked for."""
    rows: Sequence[Mapping[str, Any]]
    """One a row, size and answering mode, with a figure for each metric."""
    counts: Mapping[str, Any]
    """Lessons by purpose and what was dropped, by row and size (first seed)."""
    frontier: Any
    """Every point of the search: harmless against helpful on validation items."""
    seconds: float
    """Wall time of this call; less than the work took where it went on with an older run."""

    @classmethod
    def of(
        cls,
        settings: Mapping[str, Any],
        base: Mapping[str, Any],
        finals: Sequence[Mapping[str, Any]],
        choices: Mapping[tuple[str, int, str], tuple[float, int]],
        frontier: Sequence[Mapping[str, Any]],
        seconds: float,
    ) -> Outcome:
        """Gathers the cells' values by line and computes the figures."""
        rows = [
            _row({"row": "Base", "size": 0, "mode": mode}, [base["heldout"][mode]])
            for mode in base["heldout"]
        ]
        by_line = {line: _students(finals, line, choice) for line, choice in choices.items()}
        for (name, size, mode), students in by_line.items():
            rate, steps = choices[name, size, mode]
            head = {"row": name, "size": size, "mode": mode, "learning_rate": rate, "steps": steps}
            rows.append(_row(head, students, against=by_line["SFT", size, mode] if name != "SFT" else None))
        counts = {
            f"{f['cell']['row']['name']}, {f['cell']['size']}": f["counts"]
            for f in finals
            if f["cell"]["seed"] == 0
        }
        return cls(settings, rows, counts, list(frontier), seconds)

    def to_json(self) -> dict[str, Any]:
        """The object of an experiment: settings, seeds, rows of figures."""
        import resource

        return {
            "paper": "mistake-analysis",
            "settings": dict(self.settings),
            "seeds": list(range(int(self.settings["seeds"]))),
            "rows": [_plain(row) for row in self.rows],
            "counts": dict(self.counts),
            "frontier": self.frontier,
            "seconds": round(self.seconds, 1),
            "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024, 1),
            "errors": sum(row["counts"].get("error", 0) for row in self.rows),
            "unscored": sum(row["counts"].get("unscored", 0) for row in self.rows),
            "version": __version__,
        }

    def __str__(self) -> str:
        if not self.rows:
            return "nothing measured"
        head = f"{'row':36} {'items':>5} {'mode':7}" + "".join(f"{label:>20}" for _, label in SHOWN)
        lines = [head, "-" * len(head)]
        for row in self.rows:
            cells = "".join(f"{_show(row.get(metric)):>20}" for metric, _ in SHOWN)
            lines.append(f"{row['row']:36} {row['size']:>5} {row['mode']:7}{cells}")
        lines.append("value [95% interval]; two-way bootstrap over seeds and items; judge: town (exact)")
        return "\n".join(lines)


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
        and str(steps) in f["students"]
    ]
    return [student for _, student in sorted(mine, key=lambda m: m[0])]


def _row(
    head: Mapping[str, Any],
    students: Sequence[Mapping[str, Any]],
    against: Sequence[Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Figures of a line, and its paired differences to another line's on the same seeds and items."""
    row = dict(head)
    row["counts"] = {name: sum(s["counts"].get(name, 0) for s in students) for name in students[0]["counts"]}
    for metric in students[0]["values"]:
        grid, entities = _grid(students, metric)
        row[metric] = statistics.two_way_bootstrap(grid, entities)
        if against is not None:
            other, _ = _grid(against, metric)
            row[f"{metric}_minus_sft"] = statistics.paired_two_way_bootstrap(other, grid, entities)
    row.update(_strata(students))
    return row


STRATA = {
    "harmless_rate_heldout_phrasing": lambda p: p.tags["phrasing"] == "heldout",
    "harmless_rate_heldout_category": lambda p: p.tags["category_split"] == "heldout",
}
"""Harmless rate where wording or category was never taught."""


def _strata(students: Sequence[Mapping[str, Any]]) -> dict[str, Figure]:
    prompts = _prompts()
    found = {}
    for name, inside in STRATA.items():
        parts = [
            {"values": {name: {i: v for i, v in s["values"]["harmless_rate"].items() if inside(prompts[i])}}}
            for s in students
        ]
        found[name] = statistics.two_way_bootstrap(*_grid(parts, name))
    return found


def _grid(students: Sequence[Mapping[str, Any]], metric: str) -> tuple[list[list[float | None]], list[str]]:
    """Values [seeds x items] and the items' entities, which are resampled as one."""
    prompts = _prompts()
    ids = list(students[0]["values"][metric])
    grid = [[s["values"][metric][i] for i in ids] for s in students]
    return grid, [prompts[i].tags["entity"] for i in ids]


def _prompts() -> Mapping[str, Any]:
    from hansei.core.records import by_id
    from hansei.town import workshop

    return by_id(p for split in ("validation", "heldout") for p in workshop.prompts(split, workshop.SUITES))  # type: ignore[arg-type]


def _show(figure: Figure | None) -> str:
    if figure is None or figure.value is None or figure.low is None or figure.high is None:
        return "not measured"
    return f"{100 * figure.value:.1f} [{100 * figure.low:.0f}, {100 * figure.high:.0f}]"


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {k: asdict(v) if isinstance(v, Figure) else v for k, v in row.items()}
