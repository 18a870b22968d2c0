"""A run's result together with its page, which is written here: the loop knows nothing of pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hansei.cli.common import Result


@dataclass(frozen=True)
class Reported:
    """A result, and where its page is."""

    result: Result
    """What came of the run."""
    page: str | None
    """The HTML file; None where nothing was measured."""

    def __str__(self) -> str:
        return f"{self.result}\n\nreport:  {self.page}" if self.page else str(self.result)

    def to_json(self) -> dict[str, Any]:
        """The result's object, and where the page is."""
        return self.result.to_json() | {"report": self.page}


def with_report(result: Result, folder: str, measured: bool) -> Reported:
    """Writes the page of the run in `folder`, if anything was measured there."""
    if not measured:
        return Reported(result, None)
    from hansei.report.run import report_of_run

    return Reported(result, str(report_of_run(folder)))
