"""`hansei town train` and `hansei town check`: apart, as their settings stand beside the checks, which import NumPy."""

from __future__ import annotations

from hansei.cli.common import command_of
from hansei.steps.town_base import CheckSettings, Settings, check_base, train

command = command_of(Settings, train)
check = command_of(CheckSettings, check_base)
