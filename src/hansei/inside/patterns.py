"""What a latent fires on, explained by patterns of tokens (N2G: Foote et al. 2023; the paper's section 4.3).

From the texts in which a latent is strongest: cut after the strongest token, take the shortest end that keeps half of
the activation, and put a wildcard for each token whose replacement costs less than half. A pattern that loses its
activation when a token is put before it holds at the start of a text only. The latent is said to fire wherever a
pattern ends; precision and recall on other texts tell how good it is.

Deviation: all patterns are tried at each place, where the authors' code walks one trie without going back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

KEPT = 0.5
"""Share of the activation that a shortened text must keep, and a replaced token must cost."""
ANY = -1
"""The wildcard's token id."""
LONGEST = 16
"""Most tokens of a pattern; a latent that needs more is not explained by that text."""

Ids = Sequence[int]
Strength = Callable[[Sequence[Ids]], Sequence[float]]
"""The latent's activation at the last token of each text."""


class Pattern(NamedTuple):
    """Tokens that end where the latent fires."""

    ids: tuple[int, ...]
    """Token ids, `ANY` for any one token."""
    at_start: bool
    """Whether they are the whole text up to there."""


def explain(texts: Sequence[Ids], strength: Strength, pad: int) -> list[Pattern]:
    """Patterns from texts that each end at a token where the latent is strong. `pad` stands in for left-out tokens."""
    full = strength(texts)
    found: dict[Pattern, None] = {}
    for text, whole in zip(texts, full, strict=True):
        ends = [text[len(text) - size :] for size in range(1, min(LONGEST, len(text)) + 1)]
        enough = [i for i, found_at in enumerate(strength(ends)) if found_at >= KEPT * whole]
        if whole <= 0 or not enough:
            continue
        shortest = list(ends[enough[0]])
        alone = strength([shortest])[0]
        swapped = [[*shortest[:i], pad, *shortest[i + 1 :]] for i in range(len(shortest))]
        padded, *without = strength([[pad, *shortest], *swapped])
        ids = tuple(token if left <= KEPT * alone else ANY for token, left in zip(shortest, without, strict=True))
        found[Pattern(ids, padded < KEPT * whole)] = None
    return list(found)


def fires(patterns: Sequence[Pattern], text: Ids) -> NDArray[np.bool_]:
    """At which tokens of the text a pattern ends."""
    tokens = np.asarray(text)
    said = np.zeros(len(tokens), dtype=bool)
    for pattern in patterns:
        size = len(pattern.ids)
        if size > len(tokens):
            continue
        windows = np.lib.stride_tricks.sliding_window_view(tokens, size)
        wanted = np.asarray(pattern.ids)
        ends = ((windows == wanted) | (wanted == ANY)).all(1)
        if pattern.at_start:
            ends[1:] = False
        said[size - 1 :] |= ends
    return said


def precision_recall(
    patterns: Sequence[Pattern], texts: Sequence[Ids], fired: Sequence[NDArray[np.bool_]]
) -> tuple[float | None, float | None]:
    """Of the tokens that the patterns name the share that fires, of those that fire the share named; None for 0/0."""
    said = np.concatenate([fires(patterns, text) for text in texts])
    true = np.concatenate(list(fired))
    both = int((said & true).sum())
    return (both / int(said.sum()) if said.any() else None, both / int(true.sum()) if true.any() else None)
