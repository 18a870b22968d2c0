"""Copies of given texts in a stream that is larger than memory: runs of words, and runs of characters.

Two tests for the same question. `WordFinder` looks for word n-grams (Brown et al. 2020, appendix C: 13 words),
`CharFinder` for runs of 50 characters (GPT-4 technical report, appendix C). Both hash every place of the stream with
NumPy, look the hashes up in a table of the given texts, and compare the few places that remain letter by letter, so
that no collision is ever counted. Memory depends on the given texts and on one block of the stream, never on the
stream.

What doesn't change a text, for both: the case of a to z, marks, and blanks. Other letters are compared as they are
encoded, and unlike in `overlap.normalise` the marks within numbers go too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hansei.core.hashes import Hashes, P, Q, Table, powers

BARRIER = b"\x1e"
"""Stands between two records of a stream, as a word of its own; no run of words or characters goes across it."""
_KEPT = b"0123456789abcdefghijklmnopqrstuvwxyz" + BARRIER + bytes(range(128, 256))
_LOWER = bytes(range(256)).lower()
_TO_WORDS = bytes(c if c in _KEPT else 0 for c in _LOWER)
_NO_LETTER = bytes(c for c in range(256) if _LOWER[c] not in _KEPT)
_KEEPS = np.array([_LOWER[c] in _KEPT for c in range(256)])
_SHORTEST_RUN = 16  # characters; what is shorter stands everywhere by chance


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of a stream, cut between two words."""

    text: bytes
    """UTF-8."""
    file: str
    """Where it comes from."""
    first: int = 1
    """Number of its first record in the file."""
    mark: bytes = BARRIER
    """The byte that ends a record: BARRIER between rows, a line break between lines."""


@dataclass(frozen=True, slots=True)
class Copy:
    """Where a text was first met."""

    file: str
    """The file."""
    record: int
    """Its line or row, from 1."""
    run: str
    """The run of words or characters that both share, in small letters."""


class Finder(Protocol):
    """Reads a stream block by block and remembers which texts it has met."""

    copies: dict[int, Copy]
    """Number of a text to its first copy."""

    def feed(self, block: Block) -> None:
        """Looks through the next block; what is cut at its end is kept for the next block of the same file."""

    def share(self, text: int) -> float | None:
        """Share of a text's runs that were met; None where the text is too short to be looked for."""

    def mark(self) -> Mark:
        """What is known now, for `since`."""

    def since(self, mark: Mark) -> Found:
        """What was met after `mark`, as JSON holds it."""

    def meet(self, found: Found) -> None:
        """Takes over what `since` of a finder of the same texts told; what was met already stays as it is."""


Mark = tuple[list[NDArray[np.bool_]], int]
"""Which runs are still looked for, table by table, and how many texts have a copy."""
Found = list[list[Any]]
"""Numbers of the runs that were met, table by table; last the first copies: [text, file, record, run] each."""


def plain(text: bytes) -> bytes:
    """UTF-8 with blanks in place of the marks and spaces that are not ASCII."""
    if text.isascii():
        return text
    byte_B = np.frombuffer(text, np.uint8).copy()
    second_B = np.append(byte_B[1:], np.uint8(0))
    third_B = np.append(byte_B[2:], np.zeros(2, np.uint8))[: len(byte_B)]
    mark_B = (byte_B == 0xE2) & (second_B == 0x80)  # U+2000 to U+203F: spaces, dashes, quotation marks, ellipsis
    mark_B |= (byte_B == 0xE3) & (second_B == 0x80)  # U+3000 to U+303F: marks of Chinese and Japanese
    wide_B = (byte_B == 0xEF) & (second_B == 0xBC)  # U+FF00 to U+FF20: wide marks, without the digits
    mark_B |= wide_B & ((third_B < 0x90) | (third_B > 0x99)) & (third_B < 0xA1)
    lead = np.flatnonzero(mark_B)
    for i in range(3):
        byte_B[np.minimum(lead + i, len(byte_B) - 1)] = 0x20
    lead = np.flatnonzero(byte_B == 0xC2)  # U+0080 to U+00BF: marks of Latin-1
    byte_B[lead] = 0x20
    byte_B[np.minimum(lead + 1, len(byte_B) - 1)] = 0x20
    return byte_B.tobytes()


class _Rest:
    """What a finder keeps of a block, so that a run across two blocks of a file is seen whole."""

    def __init__(self) -> None:
        self.file, self.text, self.first = "", b"", 1

    def join(self, block: Block) -> Block:
        """The block, plain, with the rest of the one before it."""
        text = plain(block.text)
        if block.file != self.file:
            return Block(text, block.file, block.first, block.mark)
        return Block(self.text + text, block.file, self.first, block.mark)

    def keep(self, block: Block, cut: int) -> None:
        """Keeps what stands from `cut` on."""
        self.file, self.text = block.file, block.text[cut:]
        self.first = record_at(block, cut)


def record_at(block: Block, offset: int) -> int:
    """The number of the record that a place in a block belongs to."""
    return block.first + int(np.count_nonzero(np.frombuffer(block.text, np.uint8)[:offset] == ord(block.mark)))


class _Memory:
    """What a finder has met: of which texts, in which tables, and where first."""

    def __init__(self, count: int) -> None:
        self._total_T, self._met_T = np.zeros((2, count), dtype=np.intp)
        self._owned: list[tuple[Table, NDArray[np.intp]]] = []  # each table, and the text of each of its runs
        self.copies: dict[int, Copy] = {}

    def share(self, text: int) -> float | None:
        """Share of a text's runs that were met; None where the text is too short to be looked for."""
        return float(self._met_T[text] / self._total_T[text]) if self._total_T[text] else None

    def mark(self) -> Mark:
        """What is known now, for `since`."""
        return [table.open_N.copy() for table, _ in self._owned], len(self.copies)

    def since(self, mark: Mark) -> Found:
        """What was met after `mark`, as JSON holds it."""
        pairs = zip(mark[0], self._owned, strict=True)
        runs = [np.flatnonzero(before_N & ~table.open_N).tolist() for before_N, (table, _) in pairs]
        first = list(self.copies.items())[mark[1] :]
        return [*runs, [[text, copy.file, copy.record, copy.run] for text, copy in first]]

    def meet(self, found: Found) -> None:
        """Takes over what `since` of a finder of the same texts told; what was met already stays as it is."""
        *runs, first = found
        for numbers, (table, owner_N) in zip(runs, self._owned, strict=True):
            for number in numbers:
                if table.open_N[number]:
                    table.close(number)
                    self._met_T[owner_N[number]] += 1
        for text, file, record, run in first:
            self.copies.setdefault(text, Copy(file, record, run))


class WordFinder(_Memory):
    """Looks for runs of `n` words of the given texts; of a shorter text, for all of it, down to `least` words."""

    def __init__(self, texts: Sequence[str], n: int = 13, least: int = 8) -> None:
        super().__init__(len(texts))
        barrier = b" " + BARRIER + b" "
        given = [plain(text.encode("utf-8", "surrogatepass")).replace(BARRIER, b" ") for text in texts]
        self._given = _Words(barrier.join(given))
        ends = np.flatnonzero(self._given.hash_W == _Words(BARRIER).hash_W)
        first_T = np.concatenate([[0], ends + 1])[: len(texts)]
        size_T = np.concatenate([ends, [len(self._given.hash_W)]])[: len(texts)] - first_T
        self._tables: dict[int, tuple[Table, NDArray[np.intp], NDArray[np.intp]]] = {}
        lengths = {min(n, size) for size in size_T.tolist() if size >= min(n, least)}
        for length, hash_W in self._given.grams(max(lengths, default=0)):
            if length in lengths:
                chosen_T = np.flatnonzero(size_T >= n if length == n else size_T == length)
                owner_N = np.repeat(chosen_T, size_T[chosen_T] - length + 1)
                start_N = np.concatenate([first_T[t] + np.arange(size_T[t] - length + 1) for t in chosen_T])
                self._tables[length] = Table(hash_W[start_N]), start_N, owner_N
                self._total_T += np.bincount(owner_N, minlength=len(texts))
        self._owned = [(table, owner_N) for table, _, owner_N in self._tables.values()]
        self._rest = _Rest()

    def feed(self, block: Block) -> None:
        """Looks through the next block; what is cut at its end is kept for the next block of the same file."""
        block = self._rest.join(block)
        words = _Words(block.text)
        for length, hash_P in words.grams(max(self._tables, default=0)):
            if length not in self._tables:
                continue
            table, start_N, owner_N = self._tables[length]
            for place, number in table.candidates(hash_P):
                run = words.run(place, length)
                if run == self._given.run(int(start_N[number]), length):
                    table.close(number)
                    owner = int(owner_N[number])
                    self._met_T[owner] += 1
                    if owner not in self.copies:
                        where = record_at(block, int(words.start_W[place]))
                        self.copies[owner] = Copy(block.file, where, _shown(run))
        kept = min(max(self._tables, default=1) - 1, len(words.start_W))
        self._rest.keep(block, int(words.start_W[-kept]) if kept else len(block.text))


class _Words:
    """The words of a text, each with a hash: a polynomial over its bytes, modulo 2^64.

    In scripts written without spaces (Chinese, Japanese, Korean, Thai) each letter counts as a word.
    """

    def __init__(self, text: bytes) -> None:
        self.text = text.translate(_TO_WORDS)
        byte_B = np.frombuffer(self.text, np.uint8)
        inside_B = byte_B != 0
        before_B = np.concatenate([[False], inside_B[:-1]])
        starts_B = inside_B & ~before_B
        if not text.isascii():
            second_B = np.append(byte_B[1:], np.uint8(0))
            alone_B = (byte_B >= 0xE3) & (byte_B <= 0xED) | (byte_B == 0xE0) & (second_B >> 1 == 0xB8 >> 1)
            starts_B |= alone_B
            starts_B[3:] |= alone_B[:-3] & inside_B[3:]
        after_B = np.append(starts_B | ~inside_B, True)[1:]
        self.start_W = np.flatnonzero(starts_B)
        self.end_W = np.flatnonzero(inside_B & after_B) + 1
        power_B, inverse_B = powers(1 << len(byte_B).bit_length())
        weighed_B = byte_B * power_B[: len(byte_B)]  # blanks are 0, so a sum up to the next word is the word's
        sum_W = np.add.reduceat(weighed_B, self.start_W) if len(self.start_W) else weighed_B[:0]
        self.hash_W = sum_W * inverse_B[self.start_W]

    def grams(self, longest: int) -> Iterator[tuple[int, Hashes]]:
        """For each length from 1 on: (length, hash of each run of so many words by the number of its first)."""
        hash_W = self.hash_W
        for length in range(1, min(longest, len(self.hash_W)) + 1):
            if length > 1:
                hash_W = hash_W[:-1] * Q + self.hash_W[length - 1 :]
            yield length, hash_W

    def run(self, first: int, length: int) -> bytes:
        """`length` words from `first` on, with a blank between each two."""
        chosen = slice(first, first + length)
        edges = zip(self.start_W[chosen].tolist(), self.end_W[chosen].tolist(), strict=True)
        return b" ".join(self.text[start:end] for start, end in edges)


class CharFinder(_Memory):
    """Looks for `probes` runs of `length` letters and digits, drawn at random from each text.

    Of a shorter text, for all of it, down to 16 letters. Marks and blanks are left out on both sides.
    """

    def __init__(self, texts: Sequence[str], length: int = 50, probes: int = 3, seed: int = 0) -> None:
        super().__init__(len(texts))
        rng = np.random.default_rng(seed)
        kinds: dict[bool, list[tuple[bytes, int]]] = {True: [], False: []}
        for owner, text in enumerate(texts):
            letters = _letters(plain(text.encode("utf-8", "surrogatepass")).replace(BARRIER, b" "))
            room = len(letters) - length
            starts = sorted({int(s) for s in rng.integers(0, room + 1, probes)}) if room > 0 else [0]
            if len(letters) >= _SHORTEST_RUN:
                kinds[room >= 0] += [(letters[start : start + length], owner) for start in starts]
                self._total_T[owner] = len(starts)
        self._length = length
        self._tables = [
            (Table(np.concatenate([_ends(run, long, length)[:1] for run, _ in runs])), runs, long)
            for long, runs in kinds.items()
            if runs
        ]
        self._owned = [(table, np.array([owner for _, owner in runs])) for table, runs, _ in self._tables]
        self._rest = _Rest()

    def feed(self, block: Block) -> None:
        """Looks through the next block; what is cut at its end is kept for the next block of the same file."""
        block = self._rest.join(block)
        letters = _letters(block.text)
        offsets: Any = None  # of the letters in the block; made where something is found
        for table, runs, long in self._tables:
            for place, number in table.candidates(_ends(letters, long, self._length)):
                run, owner = runs[number]
                if letters.startswith(run, place):
                    table.close(number)
                    self._met_T[owner] += 1
                    if offsets is None:
                        offsets = np.flatnonzero(_KEEPS[np.frombuffer(block.text, np.uint8)])
                    if owner not in self.copies:
                        self.copies[owner] = Copy(block.file, record_at(block, int(offsets[place])), _shown(run))
        cut = len(block.text)
        while cut and len(_letters(block.text[cut:])) < self._length - 1:
            cut = max(0, cut - self._length)
        self._rest.keep(block, cut)


def _letters(text: bytes) -> bytes:
    return text.translate(_LOWER, _NO_LETTER)


def _ends(letters: bytes, long: bool, length: int) -> Hashes:
    """A hash at each place of a run's letters: of three eights of a long run, of the first sixteen of a short one."""
    eights = (0, (length - 8) // 2, length - 8) if long else (0, 8)
    size = len(letters) - eights[-1] - 7
    if size < 1:
        return np.zeros(0, np.uint64)
    eight_B = np.ndarray((len(letters) - 7,), dtype=np.uint64, buffer=letters, strides=(1,))
    hash_B = eight_B[:size] * P
    for eight in eights[1:]:
        hash_B = (hash_B + eight_B[eight : eight + size]) * Q
    return hash_B


def _shown(run: bytes) -> str:
    return run.decode("utf-8", "replace")
