"""Units of work in which single items may fail: the next run repeats what failed and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hansei.core.journal import Journal
from hansei.core.keys import content_key
from hansei.core.records import Record


def finish(
    journal: Journal,
    key: str,
    kind: str,
    record_type: type[Record],
    count: int,
    work: Callable[[str, Sequence[int]], Sequence[Record]],
    failed: Callable[[int, Record], bool],
) -> list[Record]:
    """The records of a unit of `count` items, one an item, in order.

    `work(key, indices)` makes the records of some items; what it makes is committed, failures too. Items
    whose record `failed` are another unit, that the next run works on: its records stand for them then, and
    both stay stored. A run works on a failed item once: a server that is down does not hold it up for ever.
    """
    records: dict[int, Record] = {}
    waiting, part = list(range(count)), key
    while waiting:
        fresh = journal.done(part) is None
        made = journal.unit(part, kind, lambda part=part, items=waiting: work(part, items), record_type)  # type: ignore[misc]
        records.update(zip(waiting, made, strict=True))
        waiting = [i for i in waiting if failed(i, records[i])]
        if fresh:
            break
        part = content_key("again", part, waiting)
    return [records[i] for i in range(count)]
