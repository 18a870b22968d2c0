"""Seeds that are reported are never those of a search."""

from __future__ import annotations

import pytest

from hansei.core.errors import BadInput
from hansei.core.seeds import reported


def test_the_reported_seeds_end_before_the_search_s() -> None:
    assert list(reported(5, 3, 1000)) == [5, 6, 7]
    assert reported(995, 5, 1000) == range(995, 1000)
    for first in (-1, 996):
        with pytest.raises(BadInput, match="first_seed"):
            reported(first, 5, 1000)
