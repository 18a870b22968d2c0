"""`hansei probe`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hansei.cli.common import command_of
from hansei.loop.settings import ProbeSettings

if TYPE_CHECKING:
    from hansei.loop import Learned


def _probe(settings: ProbeSettings) -> Learned:
    from hansei.loop import probe

    return probe(settings)


command = command_of(ProbeSettings, _probe)
