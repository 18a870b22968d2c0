"""How alike two descriptions of tasks are: by their words, or by a sentence-transformers model."""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Sequence

from hansei.reasoning.templates import Similarity

WORD = re.compile(r"\w+")


def by_words(text: str, others: Sequence[str]) -> list[float]:
    """Cosine of the counts of words and pairs of neighbouring words, so that order counts: 1 for the same words."""
    mine = _counts(text)
    return [_cosine(mine, _counts(other)) for other in others]


def _counts(text: str) -> Counter[tuple[str, ...]]:
    words = ["", *WORD.findall(text.lower()), ""]
    pairs = itertools.pairwise(words)
    return Counter([(word,) for word in words if word]) + Counter(pairs)


def _cosine(one: Counter[tuple[str, ...]], other: Counter[tuple[str, ...]]) -> float:
    shared = sum(count * other[key] for key, count in one.items())
    length = math.sqrt(sum(c * c for c in one.values()) * sum(c * c for c in other.values()))
    return shared / length if length else 0.0


def similarity(name: str) -> Similarity:
    """`words`, or the folder of a sentence-transformers model. Raises BadInput where it is no such folder."""
    if name == "words":
        return by_words
    from hansei.retrieval.encoder import Encoder

    encoder = Encoder(name)

    def by_vectors(text: str, others: Sequence[str]) -> list[float]:
        if not others:
            return []
        vectors_ND, _ = encoder.encode([text, *others])
        return [float(score) for score in vectors_ND[1:] @ vectors_ND[0]]

    return by_vectors
