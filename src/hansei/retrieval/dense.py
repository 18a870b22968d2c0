"""Dense search: passages as vectors, compared with the query's exactly.

Exact search by NumPy takes some 3 ms a query for 100,000 passages, and finds what is nearest. Approximate indices are
faster and miss some; the reading of the passages that are found takes far longer than either.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hansei.core.files import write_atomic
from hansei.core.progress import progress
from hansei.retrieval.encoder import Encoder
from hansei.retrieval.passages import Passage
from hansei.retrieval.top import Hit, best

PART = 1024
"""Passages that are encoded and saved together: what a crash loses at most."""
_QUERIES = 64
"""Queries whose scores are in memory at once."""


class Dense:
    """Vectors of passages. Make one with `open_dense`."""

    name = "dense"

    def __init__(self, encoder: Encoder, vectors_ND: NDArray[np.float32], cut: int) -> None:
        self._encoder, self._vectors_ND = encoder, vectors_ND
        self.cut = cut
        """Passages that were cut at the encoder's longest input, of those encoded by this call."""

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """For each query the k nearest passages, nearest first; ties in the passages' order."""
        hits: list[list[Hit]] = []
        for start in range(0, len(queries), _QUERIES):
            part = queries[start : start + _QUERIES]
            queries_QD, _ = self._encoder.encode(part, self._encoder.query_prompt)
            hits += [best(scores_N, k) for scores_N in queries_QD @ self._vectors_ND.T]
        return hits


def open_dense(passages: Sequence[Passage], encoder: Encoder, folder: Path | None = None) -> Dense:
    """The vectors of these passages; with a folder, those that it has already are not made again.

    Passages with the same title and text are encoded once. New vectors are saved in parts of PART passages, each whole
    or not at all, so that a crash costs one part; parts are only ever added.
    """
    home = None if folder is None else folder / f"dense-{encoder.fingerprint}"
    keys = [passage.key for passage in passages]
    vectors = _kept(home)
    new = {key: passage for key, passage in zip(keys, passages, strict=True) if key not in vectors}
    waiting, cut = list(new.items()), 0
    for start in progress(range(0, len(waiting), PART), "encode passages"):
        part = waiting[start : start + PART]
        texts = [f"{passage.title}\n{passage.text}" if passage.title else passage.text for _, passage in part]
        made_ND, too_long = encoder.encode(texts, encoder.passage_prompt)
        cut += too_long
        names = [key for key, _ in part]
        if home is not None:
            _keep(home, names, made_ND)
        vectors.update(zip(names, made_ND, strict=True))
    matrix_ND = np.array([vectors[key] for key in keys], dtype=np.float32)
    return Dense(encoder, matrix_ND.reshape(len(keys), -1), cut)


def _kept(home: Path | None) -> dict[str, NDArray[np.float32]]:
    """The vector of each passage that is saved."""
    vectors: dict[str, NDArray[np.float32]] = {}
    for file in sorted(home.glob("part-*.npz")) if home is not None else []:
        with np.load(file) as part:
            vectors.update(zip(part["keys"].tolist(), part["vectors"], strict=True))
    return vectors


def _keep(home: Path, keys: Sequence[str], vectors_ND: NDArray[np.float32]) -> None:
    number = len(list(home.glob("part-*.npz")))
    buffer = io.BytesIO()
    np.savez(buffer, keys=np.array(keys), vectors=vectors_ND)
    write_atomic(home / f"part-{number:06}.npz", buffer.getvalue())
