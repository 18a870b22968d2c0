"""`hansei inside mistakes`: latents of a run's mistakes, and interventions on them measured as students are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hansei.loop.comparing import compare_runs
from hansei.loop.settings import CompareSettings

if TYPE_CHECKING:
    from hansei.core.result import Result
    from hansei.inside.sparse_settings import MistakeSettings
    from hansei.inside.viewing import View
    from hansei.loop.estimate import Estimate
    from hansei.steps.compare import Comparison


@dataclass(frozen=True)
class Intervened:
    """Latents of mistakes, and what holding them does."""

    latents: Result
    """Which, and how well they tell mistakes from good answers."""
    view: View
    """The same latents on the answers."""
    comparison: Comparison | Estimate | None
    """Every line of the run and the interventions, on the second half; None where there is no intervention."""
    tried: dict[str, int]
    """Answers mended less those spoilt on the first half, by intervention; empty where there was no choice."""

    def __str__(self) -> str:
        tried = "\n".join(f"on the first half {n:+d} answers mended: {name}" for name, n in self.tried.items())
        return "\n\n".join(str(part) for part in (self.latents, tried, self.comparison) if part)

    def to_json(self) -> dict[str, Any]:
        """The latents' object, with the comparison in it."""
        compared = None if self.comparison is None else self.comparison.to_json()
        return self.latents.to_json() | {"tried": self.tried, "comparison": compared}


def intervene(settings: MistakeSettings) -> Intervened:
    """Finds latents, tries interventions on the first half, measures the best on the second. Raises BadInput."""
    from hansei.inside.mistakes import find

    found = find(settings)
    first, second = found.halves
    tried: dict[str, int] = {}
    best: list[str] = []
    for kind in (found.ablated, found.steered):
        if len(kind) > 1:
            tried |= {folder: _gain(first, settings.row, folder) for folder in kind}
        # The first of the best, which is the gentlest: where nothing is gained, the least is done.
        best += [max(kind, key=lambda folder: tried.get(folder, 0))] if kind else []
    compared = compare_runs(CompareSettings(what=(second, *best))) if best else None
    return Intervened(found.result, found.view, compared, tried)


def _gain(half: str, row: str, folder: str) -> int:
    """Answers of the line that the intervention mends, less those that it spoils."""
    rows: Any = compare_runs(CompareSettings(what=(half, folder))).rows  # type: ignore[union-attr]
    return int(rows[folder].counts["pass"] - rows[row].counts["pass"])
