"""Commits per second of small units of work: hansei's journal against naive loops that append to a JSONL file.

A unit is 1 or 32 answers of a model. After `kill -9` the journal holds every unit that was committed (SQLite's
write-ahead log, not synced at each commit); a power cut may cost the last ones, which are then done again. Of the
two naive loops one syncs the file after each unit and so survives a power cut too; the other only flushes it, and
promises what the journal does. Neither can say whether a unit is done, or keeps a half-written line apart.

    python benchmarks/journal.py                     # in the current folder: name a real disk, not one in memory
    python benchmarks/journal.py --folder /some/disk --seconds 10
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from hansei.core.journal import Journal
from hansei.core.records import Attempt, Sampling, to_json, user

SIZES = (1, 32)
"""Records in a unit."""
Commit = Callable[[str, list[Attempt]], None]


def unit(size: int) -> list[Attempt]:
    """Answers as a run has them: about 500 bytes of JSON each."""
    asked = user("How do I make a good lamp out of what I find in the kitchen?")
    text = "Take the wood and cut it into boards, then nail them together. " * 2
    return [
        Attempt(f"{row:032x}", f"prompt {row}", "model", "plain", Sampling(), 0, asked, text, "stop", 20, 30)
        for row in range(size)
    ]


def journal(folder: Path, stack: ExitStack) -> Commit:
    """hansei's journal."""
    opened = stack.enter_context(Journal.open(folder))
    return lambda key, records: opened.commit(key, "attempt", records)


def naive(folder: Path, stack: ExitStack, sync: bool) -> Commit:
    """One JSON line a unit at the end of a file."""
    folder.mkdir()
    file = stack.enter_context((folder / "units.jsonl").open("a"))

    def commit(key: str, records: list[Attempt]) -> None:
        file.write(json.dumps({"key": key, "records": to_json(records)}) + "\n")
        file.flush()
        if sync:
            os.fsync(file.fileno())

    return commit


SIDES: dict[str, Callable[[Path, ExitStack], Commit]] = {
    "hansei's journal": journal,
    "naive, synced": lambda folder, stack: naive(folder, stack, sync=True),
    "naive, flushed only": lambda folder, stack: naive(folder, stack, sync=False),
}


def rate(side: Callable[[Path, ExitStack], Commit], folder: Path, size: int, seconds: float) -> float:
    """Units that are committed in a second."""
    with ExitStack() as stack:
        commit, records, count = side(folder, stack), unit(size), 0
        began = time.perf_counter()
        while (taken := time.perf_counter() - began) < seconds:
            commit(f"{count:032x}", records)
            count += 1
    return count / taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path(), help="where the files are written, and removed again")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a run")
    parser.add_argument("--runs", type=int, default=5, help="runs of each side, in turn; the median counts")
    args = parser.parse_args()
    rates: dict[int, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(dir=args.folder) as root:
        for size in SIZES:
            runs: dict[str, list[float]] = {name: [] for name in SIDES}
            for number in range(args.runs):
                for name, side in SIDES.items():
                    runs[name].append(rate(side, Path(root) / f"{size} {number} {name}", size, args.seconds))
            rates[size] = {name: statistics.median(found) for name, found in runs.items()}
    for size, found in rates.items():
        ours = found["hansei's journal"]
        for name, value in found.items():
            ratio = "" if value == ours else f"; the journal is {ours / value:.2f} times as fast"
            print(f"{size:3} records a unit, {name:20} {value:9,.0f} commits/s{ratio}")
    print(json.dumps({"folder": str(args.folder.resolve()), "commits_per_second": rates}))


if __name__ == "__main__":
    main()
