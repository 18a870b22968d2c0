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
    from hansei.core.journal import Journal
    from hansei.loop.stored import comparison_of, load_run

    with Journal.open(settings.run, read_only=True) as journal:
        comparison = comparison_of(load_run(settings.run, journal))
    return with_report(comparison, settings.run, measured=True)


command = command_of(ShowSettings, _show, positional=["run"])
