"""`hansei mart`."""

from __future__ import annotations

from hansei.cli.common import command_of
from hansei.safety.mart_own import Settings, run

command = command_of(Settings, run, result="mart")
