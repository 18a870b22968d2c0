"""The loop as Python functions: `hansei.load`, `hansei.learn`, `hansei.probe`."""

from __future__ import annotations

from typing import Any

from hansei.core.settings import from_mapping
from hansei.loop.flow import learn as learn_by
from hansei.loop.flow import probe as probe_by
from hansei.loop.learned import Learned
from hansei.loop.settings import LearnSettings, ProbeSettings
from hansei.models.load import load

__all__ = ["learn", "load", "probe"]


def learn(model: str, prompts: str, *, out: str, **settings: Any) -> Learned:
    """Finds what the model gets wrong, teaches it not to, and compares it before and after.

    `settings` are the fields of `hansei.loop.LearnSettings`, such as `judge="rules"` or
    `keep="benign.jsonl"`. Returns `Learned`: `print(learned.comparison)` is the table,
    `learned.student.path` the taught model. Raises BadInput at anything that can't be worked with.
    """
    named = {"model": model, "prompts": prompts, "out": out, **settings}
    return learn_by(from_mapping(LearnSettings, named, "hansei.learn"))


def probe(model: str, prompts: str, *, out: str, **settings: Any) -> Learned:
    """Asks and judges without teaching. `settings` are the fields of `hansei.loop.ProbeSettings`."""
    named = {"model": model, "prompts": prompts, "out": out, **settings}
    return probe_by(from_mapping(ProbeSettings, named, "hansei.probe"))
