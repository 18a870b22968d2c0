"""The one exception that a user's mistake raises."""

from __future__ import annotations


class BadInput(Exception):
    """Input that hansei can't work with. The command line prints its one line and exits with 2.

    The message says which file and line, what was expected, what was found, and how to mend it.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))
