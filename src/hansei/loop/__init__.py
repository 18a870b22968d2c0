"""The loop: find what a model gets wrong, explain it, teach it, and prove on held-out prompts that it worked.

`learn` is the whole flow, `probe` its first half; `rejudge` and `compare_runs` work on what is stored. Each
takes one settings dataclass, whose field docstrings are the command's help. Importing this package is cheap.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from hansei.loop.settings import CompareSettings, DemoSettings, LearnSettings, ProbeSettings, RejudgeSettings

if TYPE_CHECKING:
    from hansei.loop.comparing import compare_runs
    from hansei.loop.flow import learn, probe
    from hansei.loop.learned import Learned
    from hansei.loop.stored import rejudge
    from hansei.loop.town_demo import demo

__all__ = [
    "CompareSettings",
    "DemoSettings",
    "LearnSettings",
    "Learned",
    "ProbeSettings",
    "RejudgeSettings",
    "compare_runs",
    "demo",
    "learn",
    "probe",
    "rejudge",
]
_HOMES = {
    "Learned": "learned",
    "compare_runs": "comparing",
    "demo": "town_demo",
    "learn": "flow",
    "probe": "flow",
    "rejudge": "stored",
}


def __getattr__(name: str) -> Any:
    """Finds the functions when they are asked for: they import SQLAlchemy and NumPy."""
    if name in _HOMES:
        return getattr(importlib.import_module(f"hansei.loop.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'hansei.loop' has no attribute {name!r}")
