"""Why answers did not come: how often each kind of error was met, and the first one in its own words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from hansei.core.errors import visible
from hansei.core.records import Attempt, Verdict

KINDS = 5
"""Kinds of errors that are named; the others are counted together."""
LONGEST = 300
"""Characters of an error that are shown: servers send pages."""
KIND = 60
"""Characters of a kind's name."""


def one_line(error: str) -> str:
    """What went wrong in one line. A server has written it: what a terminal would obey is an escape."""
    return visible(" ".join(error.split()))[:LONGEST] or "no reason given"


def kind_of(error: str) -> str:
    """What an error has in common with others of its kind: its beginning, up to what a server says of its own.

    Numbers but a status become `…`: how long a prompt was is another number in each of them.
    """
    judge, failed, rest = error.partition("the judge failed: ")
    begin = re.split(r"[:;(]", rest if failed and not judge else error, maxsplit=1)[0]
    kind = re.sub(r"(?<!status )\b\d[\d.,]*", "…", begin)
    return one_line(f"{failed if not judge else ''}{kind.strip()}")[:KIND]


def reasons(attempts: Sequence[Attempt], verdicts: Sequence[Verdict]) -> list[str]:
    """The errors among the answers and their verdicts, in their order: the model's, else the judge's."""
    lost = [(a, v) for a, v in zip(attempts, verdicts, strict=True) if v.outcome == "error"]
    return [attempt.error or verdict.rationale or "" for attempt, verdict in lost]


def told(errors: Sequence[str], who: str = "") -> list[str]:
    """Notes on these errors, none where there is none: a table that counts them does not say why they are there.

    `who` is said beside them, where several were asked.
    """
    if not errors:
        return []
    where = f", {who}" if who else ""
    often = Counter(map(kind_of, errors)).most_common()
    named = [f"{n} {kind}" for kind, n in often[:KINDS]]
    others = sum(n for _, n in often[KINDS:])
    kinds = ", ".join(named + ([f"{others} of other kinds"] if others else []))
    return [f"errors{where}: {kinds}", f"the first error{where}: {one_line(errors[0])}"]


def first_error(attempts: Sequence[Attempt]) -> list[str]:
    """A note with the first error, where an answer did not come."""
    return first_of(attempt.error for attempt in attempts)


def first_of(errors: Iterable[str | None]) -> list[str]:
    """A note with the first of these that is one."""
    return [f"the first error: {one_line(error)}" for error in errors if error is not None][:1]
