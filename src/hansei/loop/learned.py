"""What `learn` and `probe` return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hansei.core.records import Student
from hansei.loop.estimate import Estimate
from hansei.loop.work import peak_rss_mb
from hansei.steps.compare import Comparison


@dataclass(frozen=True)
class Learned:
    """What came of a run. `str()` is the comparison's table."""

    comparison: Comparison | None
    """The model before and after; None after a dry run."""
    student: Student | None
    """The taught model; None where nothing was taught here."""
    counts: Mapping[str, int]
    """What happened on the way: prompts, mistakes, dropped, lessons …"""
    out: str
    """The run's folder."""
    remarks: tuple[str, ...] = ()
    """What the user should know besides the figures."""
    seconds: float = field(default=0.0, compare=False)
    """How long it took, this time."""
    estimate: Estimate | None = None
    """What it would take; of a dry run only."""

    def __str__(self) -> str:
        found = self.comparison or self.estimate
        table = str(found) if found else "\n".join(f"{n:>12,} {name}" for name, n in self.counts.items())
        student = f"student: {self.student.path}" if self.student else ""
        return "\n\n".join(part for part in (table, *self.remarks, student) if part)

    def to_json(self) -> dict[str, Any]:
        """The comparison's object with time and memory, the student and the remarks."""
        rest = {"out": self.out, "student": self.student and self.student.path, "remarks": list(self.remarks)}
        if self.estimate is not None:
            return self.estimate.to_json() | rest
        if self.comparison is None:
            return {"counts": dict(self.counts)} | rest
        return self.comparison.to_json(seconds=self.seconds, peak_rss_mb=peak_rss_mb()) | rest
