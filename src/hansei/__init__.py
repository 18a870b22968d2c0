"""hansei: finds what a language model gets wrong, explains why, teaches it not to, and proves that it worked.

import hansei

learned = hansei.learn("my-model", "prompts.jsonl", out="runs/first", keep="benign.jsonl")
print(learned.comparison)

model = hansei.load(learned.student.path)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from hansei.loop.api import learn, load, probe

__all__ = ["__version__", "learn", "load", "probe"]


def __getattr__(name: str) -> Any:
    """Finds `load`, `learn` and `probe` when they are asked for, so that `import hansei` stays light."""
    if name in __all__:
        return getattr(importlib.import_module("hansei.loop.api"), name)
    raise AttributeError(f"module 'hansei' has no attribute {name!r}")
