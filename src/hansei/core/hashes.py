"""64-bit hashes of many places of a text at once, and a table in which those that are looked for are found."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

_ODD = 0x9E3779B97F4A7C15  # 2^64 over the golden ratio: odd, so that it has an inverse modulo 2^64
P, Q = np.uint64(_ODD), np.uint64(0xC2B2AE3D27D4EB4F)
"""Multipliers of the hashes."""


@lru_cache(maxsize=2)
def powers(size: int) -> tuple[Hashes, Hashes]:
    """Powers of an odd number and of its inverse modulo 2^64."""
    inverse = np.uint64(pow(_ODD, -1, 1 << 64))
    first, second = (np.full(size, base, dtype=np.uint64) for base in (P, inverse))
    return np.multiply.accumulate(first), np.multiply.accumulate(second)


class Table:
    """Hashes of what is looked for, and which of it has not been found yet.

    Two tables of bits of the hash, one slot in 16 or fewer taken in each, leave one place in 256 to be looked up.
    """

    def __init__(self, hash_N: Hashes) -> None:
        self.hash_N = hash_N
        self.order_N = np.argsort(hash_N, kind="stable")
        self.sorted_N = hash_N[self.order_N]
        self.open_N = np.ones(len(hash_N), dtype=bool)
        bits = max(16, len(hash_N).bit_length() + 4)
        self.shift, self.mask = np.uint64(64 - bits), np.uint64((1 << bits) - 1)
        self.waiting = np.bincount(self._high(hash_N), minlength=1 << bits).astype(np.int32)
        self.taken = self.waiting > 0
        self.taken_low = np.zeros(1 << bits, dtype=bool)
        self.taken_low[self._low(hash_N)] = True

    def _high(self, hash_P: Hashes) -> NDArray[np.int64]:
        return (hash_P >> self.shift).view(np.int64)  # signed numbers index twice as fast

    def _low(self, hash_P: Hashes) -> NDArray[np.int64]:
        return (hash_P & self.mask).view(np.int64)

    def candidates(self, hash_P: Hashes) -> Iterator[tuple[int, int]]:
        """(place in the stream, number of what it may be a copy of) wherever the hashes are equal."""
        hit = np.flatnonzero(self.taken[self._high(hash_P)])
        hit = hit[self.taken_low[self._low(hash_P[hit])]]
        first = np.searchsorted(self.sorted_N, hash_P[hit])
        after = np.searchsorted(self.sorted_N, hash_P[hit], side="right")
        some = after > first
        for place, a, b in zip(hit[some].tolist(), first[some].tolist(), after[some].tolist(), strict=True):
            for number in self.order_N[a:b].tolist():
                if self.open_N[number]:
                    yield place, number

    def close(self, number: int) -> None:
        """Looks for it no longer: what is met a million times costs no more than what is met once."""
        self.open_N[number] = False
        slot = self._high(self.hash_N[number : number + 1])[0]
        self.waiting[slot] -= 1
        self.taken[slot] = self.waiting[slot] > 0
