"""`hansei confidence`."""

from __future__ import annotations

from hansei.cli.common import command_of
from hansei.truth.confidence_own import Settings, run

command = command_of(Settings, run, result="confidence")
