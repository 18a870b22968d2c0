"""What training text teaches: word probabilities, the best vocabulary and minimum count, and the calibration.

Nothing but training text is looked at here; see `word_mixture.py` for the method.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hansei.core.errors import BadInput
from hansei.measuring.plain_text import read_lines
from hansei.measuring.sentences import Text, words
from hansei.measuring.word_mixture import Calibration, Side, WordModel, fit, held_out, occurrences

SHARES = (0.0, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25)
"""The shares over which the expected error is averaged: those of the paper's validation."""
FOLDS = 10
"""Parts of the training documents; the words of nine tell of the tenth."""


@dataclass(frozen=True)
class Candidate:
    """One vocabulary and minimum count, with what held-out training sentences say of it."""

    vocabulary: str
    """`all words`, or the list's file."""
    least: int
    """The minimum count."""
    model: WordModel
    """Word probabilities from all training sentences."""
    calibration: Calibration
    """The curve from held-out ones."""
    error: float
    """Expected error of a calibrated estimate: mean of the standard deviations over SHARES."""


@dataclass(frozen=True)
class Trained:
    """What the training text has taught."""

    index: Mapping[str, int]
    """The number of each word."""
    candidates: Sequence[Candidate]
    """All that were tried, the best first."""
    human: Text
    """Training text by people."""
    ai: Text
    """Training text by a model."""
    counts: tuple[Any, Any]
    """In how many human and AI sentences each word occurs, V each."""

    @property
    def best(self) -> Candidate:
        """The candidate with the least expected error."""
        return self.candidates[0]


def train(
    human: Text,
    ai: Text,
    lists: Mapping[str, set[str] | None],
    min_count: Sequence[int],
    *,
    sentences: int,
    seed: int,
) -> Trained:
    """Every vocabulary with every minimum count, by the error expected of a text of so many sentences.

    Nothing but training text is looked at. Raises BadInput where none tells human text from AI text.
    """
    index = {word: n for n, word in enumerate(sorted({w for text in (human, ai) for s in text.sentences for w in s}))}
    occurring = (occurrences(human.sentences, index), occurrences(ai.sentences, index))
    counts = (np.asarray(occurring[0].sum(axis=0)).ravel(), np.asarray(occurring[1].sum(axis=0)).ravel())
    groups = (_shuffled(human, FOLDS, seed), _shuffled(ai, FOLDS, seed + 1))
    sides = [Side(matrix_NV, group_N, FOLDS) for matrix_NV, group_N in zip(occurring, groups, strict=True)]
    candidates = []
    for vocabulary, allowed in lists.items():
        allowed_V = np.array([allowed is None or word in allowed for word in index])
        for least in sorted(set(min_count)):
            model = fit(counts[0], len(human.sentences), counts[1], len(ai.sentences), allowed_V, least)
            if not model.words:
                continue
            ratios = held_out(sides, allowed_V, least)
            calibration = Calibration(*ratios, groups)
            if calibration.separates():
                error = float(np.mean([calibration.expected_error(share, sentences) for share in SHARES]))
                candidates.append(Candidate(vocabulary, least, model, calibration, error))
    if not candidates:
        raise BadInput(
            f"{human.name}, {ai.name}: two kinds of text were expected, found none that tells them apart by its words "
            "(with these word lists and minimum counts): give other or more training text"
        )
    candidates.sort(key=lambda candidate: candidate.error)
    return Trained(index, candidates, human, ai, counts)


def _shuffled(text: Text, folds: int, seed: int) -> Any:
    """The documents of the sentences, numbered by chance, so that a number modulo the folds deals them out."""
    documents = np.array(text.documents, dtype=np.intp)
    total = int(documents.max()) + 1
    if total < folds:
        raise BadInput(
            f"{text.name}: {folds} {text.unit} at least were expected for training, found {total}: give more, "
            "or part them by blank lines"
        )
    return np.random.default_rng(seed).permutation(total)[documents]


def known_words(trained: Trained, target: Text) -> float:
    """The share of the target's words that occur in the training text: how near the two are."""
    found = [word in trained.index for sentence in target.sentences for word in sentence]
    return sum(found) / len(found)


def word_list(path: str) -> set[str]:
    """The words of a list, a word a line."""
    found = {word for line in read_lines(Path(path)) for word in words(line)}
    if not found:
        raise BadInput(f"{path}: a word a line was expected, found none")
    return found
