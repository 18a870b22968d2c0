"""What an experiment or a measurement found: rows of figures, as a table and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from hansei.core.records import Figure, to_json

Row = Mapping[str, Any]
"""`row` is its name; every other field is a Figure or a plain value."""
NOT_MEASURED = "not measured"


@dataclass(frozen=True, kw_only=True)
class Result:
    """The result of `hansei papers run NAME` or `hansei measure NAME`. `str()` is its tables."""

    name: str
    """Paper or measurement, as the command line calls it."""
    kind: Literal["paper", "measure"] = "measure"
    """What `name` is a name of; the field of the JSON that holds it."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What was asked for."""
    rows: Sequence[Row]
    """The main table."""
    parts: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    """Further tables, by title."""
    numbers: frozenset[str] = frozenset()
    """Names of the figures that are no shares, and so are shown as numbers and not in per cent."""
    hidden: frozenset[str] = frozenset()
    """Fields of rows that only the JSON shows."""
    notes: Sequence[str] = ()
    """Lines under the tables: the judge, what was dropped, what to mind."""
    more: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of the JSON, such as the points of a chart."""
    files: Sequence[str] = ()
    """What was written beside the result: charts, pages."""
    seeds: Sequence[int] = ()
    """Seeds of the measurement; empty where chance has no part in it."""
    errors: int = 0
    """Answers that did not come; in no rate."""
    unscored: int = 0
    """Answers that no judge could read; in no rate."""
    seconds: float = 0.0
    """Wall time of this call."""

    def to_json(self) -> dict[str, Any]:
        """The object of a measurement: settings, seeds, rows of figures, counts."""
        import resource

        from hansei import __version__

        peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return {
            self.kind: self.name,
            "settings": to_json(dict(self.settings)),
            "seeds": list(self.seeds),
            "rows": [to_json(dict(row)) for row in self.rows],
            "parts": {name: [to_json(dict(row)) for row in rows] for name, rows in self.parts.items()},
            "numbers": sorted(self.numbers),
            **to_json(dict(self.more)),
            "notes": list(self.notes),
            "files": list(self.files),
            "seconds": round(self.seconds, 2),
            "peak_rss_mb": round(peak / 1024, 1),
            "errors": self.errors,
            "unscored": self.unscored,
            "version": __version__,
        }

    def __str__(self) -> str:
        tables = [self._table(self.name.replace("-", " "), self.rows)]
        tables += [self._table(title, rows) for title, rows in self.parts.items()]
        counts = [f"{self.errors} errors, {self.unscored} unscored"] if self.errors or self.unscored else []
        written = [f"wrote {file}" for file in self.files]
        return "\n\n".join([table for table in tables if table] + ["\n".join([*self.notes, *counts, *written])]).strip()

    def _table(self, title: str, rows: Sequence[Row]) -> str:
        names = [n for n in dict.fromkeys(k for row in rows for k in row) if n != "row" and n not in self.hidden]
        lines = [[title, *(n.replace("_", " ") for n in names)]]
        lines += [[str(row["row"]), *(self._cell(n, row.get(n)) for n in names)] for row in rows]
        if len(lines) == 1:
            return ""
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join(
            "  ".join([line[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(line[1:], widths[1:], strict=True))])
            for line in lines
        )

    def _cell(self, name: str, value: Any) -> str:
        if isinstance(value, Figure):
            return show_figure(value, percent=name not in self.numbers)
        if isinstance(value, float):
            return f"{value:.4g}"
        return "" if value is None else str(value)


def show_figure(figure: Figure, *, percent: bool) -> str:
    """`value [low, high] n`; shares in per cent; `not measured` where there is no value."""
    if figure.value is None:
        return NOT_MEASURED
    scale, digits = (100.0, 1) if percent else (1.0, 3)
    shown = f"{scale * figure.value:.{digits}f}{'%' if percent else ''}"
    if figure.low is not None and figure.high is not None:
        shown += f" [{scale * figure.low:.{digits}f}, {scale * figure.high:.{digits}f}]"
    return f"{shown} n={figure.n}"
