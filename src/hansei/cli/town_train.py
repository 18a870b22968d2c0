"""`hansei town train`: a file of its own, as its settings stand beside the checks, which import NumPy."""

from __future__ import annotations

from hansei.cli.common import command_of
from hansei.steps.town_base import Settings, train

command = command_of(Settings, train)
