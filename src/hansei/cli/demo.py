"""`hansei demo`."""

from __future__ import annotations

from hansei.cli.common import command_of
from hansei.cli.reported import Reported, with_report
from hansei.loop.settings import DemoSettings


def _demo(settings: DemoSettings) -> Reported:
    from hansei.loop import demo

    learned = demo(settings)
    return with_report(learned, learned.out, learned.comparison is not None)


command = command_of(DemoSettings, _demo)
