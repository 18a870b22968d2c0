"""`hansei show RUN`."""

from __future__ import annotations

from dataclasses import dataclass

from hansei.cli.common import command_of
from hansei.cli.reported import Reported, with_report


@dataclass(frozen=True, kw_only=True)
class ShowSettings:
    """Settings of `hansei show`."""

    run: str
    """Folder of a run."""


def _show(settings: ShowSettings) -> Reported:
    from hansei.loop import CompareSettings, compare_runs

    return with_report(compare_runs(CompareSettings(what=(settings.run,))), settings.run, measured=True)


command = command_of(ShowSettings, _show, positional=["run"])
