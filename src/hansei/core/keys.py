"""Content keys: the same inputs always have the same name, so finished work can be found again."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from hansei.core.records import to_json


def canonical(value: Any) -> str:
    """The one JSON text of a value: sorted keys, no spaces, ASCII, floats by their shortest repr.

    1, 1.0 and True have different texts; lists and tuples the same. Raises TypeError or ValueError,
    as `to_json` does, at what JSON cannot hold exactly.
    """
    return json.dumps(to_json(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def content_key(*parts: Any) -> str:
    """32 hexadecimal digits of the SHA-256 of the parts' canonical JSON.

    Parts are kept apart: `content_key("a", "b")` and `content_key("ab")` differ.
    """
    return hashlib.sha256(canonical(parts).encode("ascii")).hexdigest()[:32]
