"""Finding the gold passage: hansei's lexical and dense search against SQLite's FTS5; and the cost of 100,000 passages.

Quality: recall@1 and recall@5 of the gold passage among all passages of a set, for the questions of XQuAD (English;
Thai, which has no spaces, for the lexical searches) and of lost-in-the-middle (Natural Questions). A passage that
stands in a set twice is there once. Dense search needs a sentence-transformers folder; without --encoder it is left
out.

Cost: 100,000 invented passages of 100 words by Zipf's law in a JSONL file, read and indexed; 1,000 more added; opened
again; and queries of 8 words. Each search is a process of its own with one thread, so that its memory can be told
apart. Time is the processor's, as the clock tells little on a busy machine; queries a second are by that time too.

    python benchmarks/retrieval.py --data FOLDER --encoder FOLDER --out docs/measured/retrieval.json
    python benchmarks/retrieval.py --passages 10000
"""

from __future__ import annotations

import argparse
import gzip
import json
import multiprocessing
import random
import re
import resource
import sqlite3
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hansei.core import statistics
from hansei.core.files import write_atomic
from hansei.core.result import Result
from hansei.retrieval.passages import Passage, read_passages
from hansei.retrieval.search import open_search
from hansei.retrieval.top import Hit

Task = tuple[list[Passage], list[tuple[str, int]]]
"""Passages, and questions with the place of their gold passage."""


class Fts5:
    """SQLite's FTS5, any word of the query, best first by its BM25: what lexical search was chosen over."""

    name = "FTS5"

    def __init__(self, passages: Sequence[Passage], file: Path | None = None) -> None:
        self._db = sqlite3.connect(file or ":memory:")
        self._db.execute("create virtual table if not exists passage using fts5(text, tokenize='unicode61')")
        there = self._db.execute("select count(*) from passage").fetchone()[0]
        rows = ((n, f"{p.title} {p.text}") for n, p in enumerate(passages[there:], there))
        self._db.executemany("insert into passage(rowid, text) values (?, ?)", rows)
        self._db.commit()

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """For each query at most k passages, best first."""
        return [self._one(query, k) for query in queries]

    def _one(self, query: str, k: int) -> list[Hit]:
        words = " OR ".join(f'"{word}"' for word in re.findall(r"\w+", query))
        if not words:
            return []
        query = "select rowid, rank from passage where passage match ? order by rank limit ?"
        found = self._db.execute(query, (words, k))
        return [Hit(place, -rank) for place, rank in found]


def xquad(data: Path, language: str) -> Task:
    """The paragraphs and questions of XQuAD."""
    with gzip.open(data / "xquad" / f"xquad.{language}.json.gz") as file:
        articles = json.load(file)["data"]
    places: dict[str, int] = {}
    asked = [
        (qa["question"], places.setdefault(paragraph["context"], len(places)))
        for article in articles
        for paragraph in article["paragraphs"]
        for qa in paragraph["qas"]
    ]
    return [Passage(str(n), "", text) for n, text in enumerate(places)], asked


def lost_in_the_middle(data: Path) -> Task:
    """The gold passages of all questions, and the questions."""
    places: dict[tuple[str, str], int] = {}
    asked = []
    with gzip.open(data / "lost_in_the_middle" / "nq-open-oracle.jsonl.gz", "rt", encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            (gold,) = [passage for passage in row["ctxs"] if passage["isgold"]]
            asked.append((row["question"], places.setdefault((gold["title"], gold["text"]), len(places))))
    return [Passage(str(n), title, text) for n, (title, text) in enumerate(places)], asked


def opened(search: str, passages: Sequence[Passage], folder: Path | None) -> Any:
    """The search of that name."""
    if search == "FTS5":
        return Fts5(passages, None if folder is None else folder / "fts5.sqlite")
    return open_search(search, passages, folder, device="cpu")


def quality(search: str, name: str, data: str) -> dict[str, Any]:
    """Recall of the gold passage, and queries a second."""
    if search not in ("lexical", "FTS5"):
        import torch

        torch.set_num_threads(1)
    passages, asked = lost_in_the_middle(Path(data)) if name == "lost-in-the-middle" else xquad(Path(data), name[-2:])
    index = opened(search, passages, None)
    start = time.process_time()
    hits = index.search([question for question, _ in asked], 5)
    seconds = time.process_time() - start
    ranks = [[hit.place for hit in found] for found in hits]
    return {
        "row": f"{name}, {shown(search)}",
        "recall_at_1": statistics.rate([float(gold in rank[:1]) for rank, (_, gold) in zip(ranks, asked, strict=True)]),
        "recall_at_5": statistics.rate([float(gold in rank) for rank, (_, gold) in zip(ranks, asked, strict=True)]),
        "passages": len(passages),
        "queries_per_second": round(len(asked) / seconds, 1),
    }


def cost(search: str, file: str, queries: list[str]) -> dict[str, Any]:
    """Seconds of the processor for reading and indexing, adding and opening, and the most memory."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        start = time.process_time()
        passages = list(read_passages(file).passages)
        read = time.process_time() - start
        opened(search, passages, place)
        whole = time.process_time() - start
        more = [Passage(f"more {n}", "", f"{p.text} {n}") for n, p in enumerate(passages[:1000])]
        start = time.process_time()
        opened(search, [*passages, *more], place)
        added = time.process_time() - start
        start = time.process_time()
        index = opened(search, [*passages, *more], place)
        again = time.process_time() - start
        start = time.process_time()
        index.search(queries, 5)
        seconds = time.process_time() - start
        disk = sum(f.stat().st_size for f in place.rglob("*") if f.is_file())
    return {
        "row": shown(search),
        "passages": len(passages),
        "read_seconds": round(read, 2),
        "read_and_index_seconds": round(whole, 2),
        "add_1000_seconds": round(added, 2),
        "open_seconds": round(again, 2),
        "queries_per_second": round(len(queries) / seconds, 1),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "disk_mb": round(disk / 1e6),
    }


def nearest(count: int, width: int = 384) -> dict[str, Any]:
    """Exact search among so many random vectors, without the encoder: what dense search costs besides."""
    from hansei.retrieval.top import best

    draw = np.random.default_rng(0)
    vectors_ND, queries_QD = (draw.standard_normal((n, width), dtype=np.float32) for n in (count, 200))
    start = time.process_time()
    for first in range(0, len(queries_QD), 64):
        for scores_N in queries_QD[first : first + 64] @ vectors_ND.T:
            best(scores_N, 5)
    return {
        "row": f"dense: {width} numbers a passage, the encoder apart",
        "passages": count,
        "queries_per_second": round(len(queries_QD) / (time.process_time() - start), 1),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "disk_mb": round(vectors_ND.nbytes / 1e6),
    }


def shown(search: str) -> str:
    """A search's name for the table."""
    return search if search in ("lexical", "FTS5") else f"dense ({Path(search).resolve().parent.name})"


def apart(work: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
    """What the work makes, in a new process, whose memory is its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        made = pool.apply(work, arguments)
    print(json.dumps({name: getattr(value, "value", value) for name, value in made.items()}), flush=True)
    return made


def invented(file: Path, count: int) -> list[str]:
    """Writes passages of 100 words by Zipf's law; returns 200 queries of 8 words of the same kind."""
    rng = random.Random(0)
    syllables = [a + b for a in "bcdfghklmnprstw" for b in "aeiou"]
    words = sorted({"".join(rng.choices(syllables, k=rng.randint(1, 4))) for _ in range(60_000)})
    rng.shuffle(words)
    weights = 1 / np.arange(1, len(words) + 1)
    draw = np.random.default_rng(0)
    with file.open("w", encoding="utf-8") as out:
        for start in range(0, count, 10_000):
            rows = draw.choice(len(words), size=(min(10_000, count - start), 100), p=weights / weights.sum())
            for n, row in enumerate(rows.tolist(), start):
                out.write(json.dumps({"id": f"p{n}", "text": " ".join(words[i] for i in row)}) + "\n")
    asked = draw.choice(len(words), size=(200, 8), p=weights / weights.sum())
    return [" ".join(words[i] for i in row) for row in asked.tolist()]


def main() -> None:
    """Measures what there is data for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="folder that holds xquad/ and lost_in_the_middle/")
    parser.add_argument("--encoder", help="a sentence-transformers folder")
    parser.add_argument("--passages", type=int, default=100_000, help="invented passages")
    parser.add_argument("--out", help="JSON file for the result")
    options = parser.parse_args()
    started = time.monotonic()
    rows = []
    if options.data:
        for name in ("xquad-en", "lost-in-the-middle", "xquad-th"):
            dense = [options.encoder] if options.encoder and name != "xquad-th" else []
            rows += [apart(quality, search, name, options.data) for search in ("lexical", "FTS5", *dense)]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "passages.jsonl"
        queries = invented(file, options.passages)
        costs = [apart(cost, search, str(file), queries) for search in ("lexical", "FTS5")]
        costs.append(apart(nearest, options.passages))
    names = {name for row in (*rows, *costs) for name in row if not name.startswith(("row", "recall"))}
    result = Result(
        name="retrieval",
        rows=rows,
        parts={"cost": costs},
        numbers=frozenset(names),
        notes=("one thread; processor's time; recall: Wilson's interval over questions",),
        seconds=time.monotonic() - started,
    )
    print(result)
    if options.out:
        write_atomic(options.out, json.dumps(result.to_json(), indent=1) + "\n")


if __name__ == "__main__":
    main()
