"""`hansei compare WHAT WHAT …`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hansei.cli.common import command_of
from hansei.loop.settings import CompareSettings

if TYPE_CHECKING:
    from hansei.loop.estimate import Estimate
    from hansei.steps.compare import Comparison


def _compare(settings: CompareSettings) -> Comparison | Estimate:
    from hansei.loop import compare_runs

    return compare_runs(settings)


command = command_of(CompareSettings, _compare, positional=["what"])
