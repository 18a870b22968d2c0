"""`hansei judge RUN`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hansei.cli.common import command_of
from hansei.loop.settings import RejudgeSettings

if TYPE_CHECKING:
    from hansei.loop.estimate import Estimate
    from hansei.steps.compare import Comparison


def _judge(settings: RejudgeSettings) -> Comparison | Estimate:
    from hansei.loop import rejudge

    return rejudge(settings)


command = command_of(RejudgeSettings, _judge, positional=["run"])
