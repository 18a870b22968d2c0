"""The districts of the town, and the small base that grows up on each one's text.

Each district ships a base of its own, all of one shape. One base for all was the first plan; but then every new
district would change what the others' figures were measured on. A new district adds a module with
`documents(seed)` and a line here, and `hansei town train --district NAME` grows its base.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hansei.core.errors import BadInput
from hansei.town import letters_text, library_text, registry_text, school_text, schooling, taxonomy_text

HOME = "town"
"""The model's name; `town` alone is the workshop's base, `town:NAME` that of another district."""


@dataclass(frozen=True, slots=True)
class District:
    """One part of the town."""

    documents: Callable[[int], Iterator[schooling.Document]]
    """An endless seeded stream of the text that its base grows up on."""
    base: Path
    """Folder of the shipped base."""
    steps: int = 1800
    """Optimiser steps of the shipped base."""
    batch: int = 32
    """Blocks a step."""
    block: int = 128
    """Tokens a block: no document is read beyond that."""
    learning_rate: float = 2e-3
    """Peak of the schedule."""
    answers: float = 1.0
    """How much a token of an assistant's turn weighs in the loss; others weigh 1."""
    copying: bool = False
    """Whether heads that copy are set by hand before the training (`training/copying.py`)."""
    looking_up: bool = False
    """Whether two of these look up instead (`training/looking_up.py`)."""
    shape: Mapping[str, int] = field(default_factory=dict)
    """What of the model's shape differs from that of the other bases."""


_HERE = Path(__file__).parent
DISTRICTS: dict[str, District] = {
    "workshop": District(schooling.documents, _HERE / "base"),
    "registry": District(
        registry_text.documents,
        _HERE / "registry_base",
        steps=6300,
        batch=8,
        answers=4.0,
        copying=True,
        looking_up=True,
    ),
    "letters": District(letters_text.documents, _HERE / "letters_base", steps=1200, batch=4, block=512),
    "school": District(
        school_text.documents,
        _HERE / "school_base",
        steps=1200,
        batch=2,
        block=512,
        learning_rate=2e-3,
        answers=3.0,
        copying=True,
        shape={"hidden_size": 128, "num_attention_heads": 4, "num_key_value_heads": 4, "intermediate_size": 344},
    ),
    "library": District(
        library_text.documents,
        _HERE / "library_base",
        steps=16_000,
        batch=1,
        block=448,
        learning_rate=1e-3,
        answers=10.0,
        copying=True,
    ),
    "taxonomy": District(taxonomy_text.documents, _HERE / "taxonomy_base", steps=1600, batch=16),
}


def district(name: str) -> District:
    """The district of that name; BadInput names the nearest where there is none."""
    if name not in DISTRICTS:
        near = difflib.get_close_matches(name, DISTRICTS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(DISTRICTS)}"
        raise BadInput(f"the town has no district {name!r}: {hint}")
    return DISTRICTS[name]


def district_of(model: str) -> str | None:
    """The district whose base a model's name means: `town` is the workshop; None for any other model."""
    if model == HOME:
        return "workshop"
    return model.partition(":")[2] if model.startswith(f"{HOME}:") else None
