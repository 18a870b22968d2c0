"""Which seeds an experiment reports: apart from those that its settings were chosen with."""

from __future__ import annotations

from hansei.core.errors import BadInput


def reported(first: int, count: int, search: int) -> range:
    """The `count` seeds from `first` on. Raises BadInput where one is negative, or `search` or above: the search's."""
    if not 0 <= first <= search - count:
        raise BadInput(
            f"first_seed {first}: {count} seeds from 0 or more, below {search}, were expected: "
            "those from there on are the search's"
        )
    return range(first, first + count)
