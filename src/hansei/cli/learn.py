"""`hansei learn`."""

from __future__ import annotations

from hansei.cli.common import command_of
from hansei.cli.reported import Reported, with_report
from hansei.loop.settings import LearnSettings


def _learn(settings: LearnSettings) -> Reported:
    from hansei.loop import learn

    learned = learn(settings)
    return with_report(learned, learned.out, learned.comparison is not None)


command = command_of(LearnSettings, _learn)
