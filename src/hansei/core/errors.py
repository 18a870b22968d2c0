"""The one exception that a user's mistake raises, and how what others wrote is said on a terminal."""

from __future__ import annotations


class BadInput(Exception):
    """Input that hansei can't work with. The command line prints its one line and exits with 2.

    The message says which file and line, what was expected, what was found, and how to mend it.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


def visible(text: str) -> str:
    """Text of others for a terminal: what would move its cursor, colour it or turn it round is shown as an escape."""
    return "".join(c if c.isprintable() or c in "\n\t" else repr(c)[1:-1] for c in text)
