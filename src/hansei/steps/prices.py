"""What endpoints cost. Importing this is cheap."""

from __future__ import annotations

import math
from collections.abc import Iterable

from hansei.core.errors import BadInput
from hansei.models.names import ENDPOINT

Price = tuple[float, float]
"""Dollars per million tokens read, and per million tokens written."""


def check_price(name: str, price: Price | None, models: Iterable[str]) -> None:
    """Raises BadInput at a price that is no price, or that none of the models asks."""
    if price is None:
        return
    if not all(math.isfinite(dollars) and dollars >= 0 for dollars in price):
        raise BadInput(f"{name}: expected dollars per million tokens read and written, found {price[0]} and {price[1]}")
    if not any(model.startswith(ENDPOINT) for model in models):
        found = ", ".join(models) or "none"
        raise BadInput(f"{name}: is what an openai: model asks for its tokens, found {found}: leave it out")
