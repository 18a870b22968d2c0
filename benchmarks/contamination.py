"""Finding a test set in 1 GB of training text: hansei's finders against a set of 13-grams in plain Python.

Writes the training set (half text, half JSONL; words by Zipf's law) into a temporary folder, with a copy of every
second item of a test set of 2,000 planted somewhere, in capitals and with other marks; then looks for all of them, with
runs of 13 words, with runs of 50 letters, and with both at once. Every planted copy must be found, and nothing else.
The plain version reads the first 20 MB. Each is a process of one thread, so that its memory can be told apart; speed is
given by the processor's time, as the clock tells little on a busy machine, and by the clock.

    python benchmarks/contamination.py               # 1 GB, a few minutes
    python benchmarks/contamination.py --megabytes 100
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import platform
import random
import re
import resource
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hansei.core.copies import CharFinder, Finder, WordFinder
from hansei.measuring.corpus import blocks, files_of

ITEMS = 2000
PLAIN_MEGABYTES = 20
FINDERS: dict[str, Sequence[type[WordFinder] | type[CharFinder]]] = {
    "13 words": (WordFinder,),
    "50 letters": (CharFinder,),
    "both at once": (WordFinder, CharFinder),
}


def vocabulary(rng: random.Random) -> list[str]:
    """20,000 invented words."""
    found: dict[str, None] = {}
    while len(found) < 20_000:
        found["".join(rng.choice("bcdfghklmnprstw") + rng.choice("aeiou") for _ in range(rng.randrange(1, 5)))] = None
    return list(found)


def paragraphs(words: Sequence[str], count: int) -> list[str]:
    """Paragraphs of 100 words drawn by Zipf's law."""
    weights = 1 / np.arange(1, len(words) + 1)
    drawn = np.random.default_rng(0).choice(len(words), size=(count, 100), p=weights / weights.sum())
    return [" ".join(words[i] for i in row).capitalize() + "." for row in drawn.tolist()]


def write(folder: Path, megabytes: int) -> list[str]:
    """Writes test.txt and the training set; returns the items, of which every second one is planted."""
    rng = random.Random(0)
    words = vocabulary(rng)
    pool = paragraphs(words, 20_000)
    items = [" ".join(rng.choices(words, k=rng.randrange(15, 80))) for _ in range(ITEMS)]
    copies = [re.sub(" ", lambda _: rng.choice((" ", ", ", " (")), item.upper()) for item in items[::2]]
    places = sorted(rng.random() for _ in copies)
    (folder / "training").mkdir()
    with (folder / "training" / "a.txt").open("w") as text, (folder / "training" / "b.jsonl").open("w") as rows:
        done, planted = 0, 0
        while done < megabytes * 1_000_000:
            paragraph = rng.choice(pool)
            if planted < len(copies) and done / (megabytes * 1_000_000) >= places[planted]:
                paragraph += " " + copies[planted]
                planted += 1
            if done < megabytes * 500_000:
                text.write(paragraph + "\n")
            else:
                rows.write(json.dumps({"text": paragraph}) + "\n")
            done += len(paragraph) + 1
    return items


def fast(kind: str, items: Sequence[str], folder: Path) -> list[set[int]]:
    """The items that each finder of this kind meets."""
    finders: list[Finder] = [make(items) for make in FINDERS[kind]]
    for file in files_of([folder]):
        for block in blocks(file):
            for finder in finders:
                finder.feed(block)
    return [set(finder.copies) for finder in finders]


def plain(_: str, items: Sequence[str], folder: Path) -> list[set[int]]:
    """The obvious version: every run of 13 words of the training text is looked up in a set."""
    grams: dict[tuple[str, ...], list[int]] = {}
    for number, item in enumerate(items):
        for gram in runs(re.findall(r"[a-z0-9]+", item.lower())):
            grams.setdefault(gram, []).append(number)
    found: set[int] = set()
    with (folder / "a.txt").open() as file:
        text = file.read(PLAIN_MEGABYTES * 1_000_000)
    for gram in runs(re.findall(r"[a-z0-9]+", text.lower())):
        found.update(grams.get(gram, ()))
    return [found]


def runs(words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Every run of 13 words."""
    return (tuple(words[i : i + 13]) for i in range(len(words) - 12))


def measured(work: Any, kind: str, items: Sequence[str], folder: Path, send: Any) -> None:
    """Runs one side in this process and sends what it found, its seconds and its peak memory."""
    clock, used = time.perf_counter(), time.process_time()
    found = work(kind, items, folder)
    seconds = time.perf_counter() - clock, time.process_time() - used
    send.put((found, *seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def in_a_process(
    work: Any, kind: str, items: Sequence[str], folder: Path
) -> tuple[list[set[int]], float, float, float]:
    """`measured` in a fresh process."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=measured, args=(work, kind, items, folder, queue))
    process.start()
    result: tuple[list[set[int]], float, float, float] = queue.get()
    process.join()
    return result


def processor() -> str:
    """The processor's name."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


def main() -> None:
    """Writes, looks, prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=1000, help="size of the training set")
    megabytes = parser.parse_args().megabytes
    print(f"{processor()}, Python {platform.python_version()}, NumPy {np.__version__}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        items = write(folder, megabytes)
        size = sum(file.stat().st_size for file in (folder / "training").iterdir()) / 1e6
        print(f"{size:.0f} MB, {ITEMS} items, {ITEMS // 2} of them planted")
        planted = set(range(0, ITEMS, 2))
        speeds = {}
        for kind in FINDERS:
            found, clock, used, memory = in_a_process(fast, kind, items, folder / "training")
            if any(one != planted for one in found):
                raise SystemExit(f"{kind}: {[len(one ^ planted) for one in found]} items are found or missed wrongly")
            speeds[kind] = size / used
            print(
                f"{kind:14} {size / used:6.1f} MB/s of processor time, {size / clock:6.1f} MB/s by the clock, "
                f"peak {memory:4.0f} MB; {len(found[0])} of {len(planted)} found, 0 besides"
            )
        read = min(PLAIN_MEGABYTES, megabytes / 2)
        _, _, used, memory = in_a_process(plain, "", items, folder / "training")
        print(
            f"{'plain Python':14} {read / used:6.1f} MB/s of processor time, peak {memory:4.0f} MB "
            f"(first {read:.0f} MB)"
        )
        print(f"13 words against plain Python: {speeds['13 words'] / (read / used):.1f} times as fast")


if __name__ == "__main__":
    main()
