"""Lexical search: BM25 (Robertson & Zaragoza 2009, in Lucene's variant) by bm25s.

Chosen over SQLite's FTS5 by benchmarks/retrieval.py: the same passages are found, and a query takes a ninetieth of the
time, as FTS5 scores every passage that holds any word of it by reading its list anew. What FTS5 has, an index that
is changed in place, is made up for by keeping the passages' words: only new passages are read.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hansei.core.files import folder_atomic
from hansei.core.keys import content_key
from hansei.retrieval.passages import Passage
from hansei.retrieval.top import Hit, best

VERSION = "1"
"""Changes with `words` and with what is saved."""
_LIKE_HAN = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_WORD = re.compile(rf"[{_LIKE_HAN}]+|[^\W_{_LIKE_HAN}]+(?:['’][^\W_]+)?")
_UNSPACED = re.compile(rf"[{_LIKE_HAN}]")


def words(text: str) -> list[str]:
    """The words that are searched for: compatibility forms and case folded; no stemming and no stop words.

    Scripts that put no spaces between words (Thai, Lao, Burmese, Khmer, Kana, Han) give overlapping pairs of
    characters.
    """
    found: list[str] = []
    for word in _WORD.findall(unicodedata.normalize("NFKC", text).casefold()):
        if len(word) > 1 and _UNSPACED.match(word):
            found += [word[i : i + 2] for i in range(len(word) - 1)]
        else:
            found.append(word)
    return found


class Lexical:
    """A BM25 index of passages. Make one with `open_lexical`."""

    name = "lexical"
    cut = 0

    def __init__(self, bm25: Any, vocabulary: dict[str, int], size: int) -> None:
        self._bm25, self._vocabulary, self._size = bm25, vocabulary, size

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """For each query at most k passages that share a word with it, best first; ties in the passages' order."""
        return [self._one(query, k) for query in queries]

    def _one(self, query: str, k: int) -> list[Hit]:
        ids = [self._vocabulary[word] for word in words(query) if word in self._vocabulary]
        if not ids or not self._size:
            return []
        scores_N = self._bm25.get_scores_from_ids(ids)
        return [hit for hit in best(scores_N, k) if hit.score > 0]


def open_lexical(passages: Sequence[Passage], folder: Path | None = None) -> Lexical:
    """The index of these passages.

    With a folder it is kept there: read where it is of these very passages; else made anew from the words of those
    that it has already and of the new ones, and put in the old one's place when it is whole. A crash in the middle
    leaves the old one.
    """
    import bm25s

    keys = [passage.key for passage in passages]
    stamp = content_key("lexical", VERSION, bm25s.__version__, keys)
    old = _Kept.read(folder) if folder is not None else None
    if folder is not None and old is not None and old.stamp == stamp:
        return Lexical(bm25s.BM25.load(folder / "bm25", load_vocab=False), old.vocabulary, len(keys))
    vocabulary = old.vocabulary if old is not None else {}
    known = {} if old is None else {key: place for place, key in enumerate(old.keys)}
    ids = [
        old.words_of(known[key]) if old is not None and key in known else _ids(passage, vocabulary)
        for key, passage in zip(keys, passages, strict=True)
    ]
    bm25 = bm25s.BM25(method="lucene")
    if vocabulary:
        bm25.index((ids, vocabulary), create_empty_token=False, show_progress=False)
    if folder is not None and vocabulary:
        _Kept(stamp, keys, vocabulary, ids).write(folder, bm25)
    return Lexical(bm25, vocabulary, len(keys) if vocabulary else 0)


def _ids(passage: Passage, vocabulary: dict[str, int]) -> NDArray[np.int32]:
    """The numbers of a passage's words; new words are added to the vocabulary."""
    found = [vocabulary.setdefault(word, len(vocabulary)) for word in words(f"{passage.title} {passage.text}")]
    return np.array(found, dtype=np.int32)


class _Kept:
    """What is saved beside the BM25 matrix: the words of each passage, so that no passage is read twice."""

    def __init__(
        self, stamp: str, keys: list[str], vocabulary: dict[str, int], ids: Sequence[NDArray[np.int32]]
    ) -> None:
        self.stamp, self.keys, self.vocabulary, self._ids = stamp, keys, vocabulary, ids

    def words_of(self, place: int) -> NDArray[np.int32]:
        """The words of a passage, as numbers in the vocabulary."""
        return self._ids[place]

    @classmethod
    def read(cls, folder: Path) -> _Kept | None:
        """What is kept in a folder; None where there is no index of this version."""
        if not (folder / "index.json").is_file():
            return None
        about = json.loads((folder / "index.json").read_text(encoding="utf-8"))
        if about.get("version") != VERSION:
            return None
        ids = np.load(folder / "ids.npy")
        parts = np.split(ids, np.load(folder / "ends.npy")[:-1])
        vocabulary = {word: number for number, word in enumerate(about["vocabulary"])}
        return cls(about["stamp"], about["keys"], vocabulary, parts)

    def write(self, folder: Path, bm25: Any) -> None:
        """Puts it into the folder, whole or not at all."""
        about = {"version": VERSION, "stamp": self.stamp, "keys": self.keys, "vocabulary": list(self.vocabulary)}
        with folder_atomic(folder, replace=True) as new:
            (new / "index.json").write_text(json.dumps(about), encoding="utf-8")
            np.save(new / "ids.npy", np.concatenate([*self._ids, np.zeros(0, np.int32)]))
            np.save(new / "ends.npy", np.cumsum([len(ids) for ids in self._ids]))
            bm25.save(new / "bm25", show_progress=False)
