"""The ledger's entropy against its own definition, and the stream against its distribution."""

from itertools import islice

import numpy as np
import pytest

from hansei.town.ledger import EXPONENT, LINE, PREDICTED, WORDS, Ledger


def test_the_entropy_is_the_mean_surprise_of_fresh_lines_token_by_token() -> None:
    ledger = Ledger(3)
    p_of = {tuple(line): p for line, p in zip(ledger.lines.tolist(), ledger.probabilities, strict=True)}
    prefixes: dict[tuple[int, ...], float] = {}
    for line, p in p_of.items():
        for end in range(1, LINE + 1):
            prefixes[line[:end]] = prefixes.get(line[:end], 0.0) + p
    # The oracle marginalises: p(token | prefix) of every token, without knowing that a line is one person's.
    surprise = [
        -sum(np.log(prefixes[line[: end + 1]] / prefixes[line[:end]]) for end in range(1, LINE))
        for line in map(tuple, islice(ledger.stream(0), 40_000))
    ]
    error = np.std(surprise) / np.sqrt(len(surprise))
    assert np.mean(surprise) / PREDICTED == pytest.approx(ledger.entropy, abs=4 * error / PREDICTED)
    assert error < 0.02 * np.mean(surprise)


def test_lines_come_as_often_as_zipfs_law_says() -> None:
    ledger = Ledger(0)
    drawn = list(islice(ledger.stream(5), 50_000))
    number = {tuple(line): n for n, line in enumerate(ledger.lines.tolist())}
    counts = np.bincount([number[tuple(line)] for line in drawn], minlength=len(number))
    for rank in (1, 2, 5, 20):
        expected = 50_000 * ledger.probabilities[rank - 1]
        assert counts[rank - 1] == pytest.approx(expected, abs=4 * expected**0.5)
    assert ledger.probabilities[0] / ledger.probabilities[9] == pytest.approx(10**EXPONENT)


def test_every_person_has_one_line_of_their_own_and_every_word_one_token() -> None:
    ledger = Ledger(1)
    assert len({tuple(line[1:3]) for line in ledger.lines.tolist()}) == len(ledger.lines) == 128 * 128
    assert len(set(WORDS)) == len(WORDS)


def test_a_seed_gives_the_same_ledger_and_stream_and_another_one_others() -> None:
    same, other = Ledger(2), Ledger(4)
    assert (Ledger(2).lines == same.lines).all() and not (same.lines == other.lines).all()
    take = [list(islice(ledger.stream(seed), 50)) for ledger, seed in ((same, 0), (Ledger(2), 0), (same, 1))]
    assert take[0] == take[1] != take[2]
    assert same.entropy == other.entropy
