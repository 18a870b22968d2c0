"""Copies in a stream: the fast finders against obvious ones, whatever the blocks, the marks and the script."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hansei.core import copies
from hansei.core.copies import BARRIER, Block, CharFinder, Finder, WordFinder

MARKS = " \t\n.,;:!?'\"()[]{}-_/\\|*+=<>@#$%^&~`‘’“”…–—«»¿¡、。！，：？（）"
UNSPACED = re.compile(r"([\u0e00-\u0e7f\u3040-\u9fff\uac00-\ud7af])")
WORDS = ["the", "cat", "sat", "on", "a", "mat", "and", "Ran", "off", "it's", "naïve", "über", "3.5", "日本語", "дом"]


def words_of(text: str) -> list[str]:
    """The obvious version: marks are blanks, a to z without case, unspaced letters alone."""
    for mark in MARKS:
        text = text.replace(mark, " ")
    low = re.sub("[A-Z]", lambda found: found[0].lower(), text)
    return UNSPACED.sub(r" \1 ", low).split(" ")


def obvious_words(texts: Sequence[str], stream: str, n: int, least: int) -> dict[int, float]:
    """Share of each text's n-grams that stand in the stream; texts of fewer than `least` words are left out."""
    found = {}
    there = [word for word in words_of(stream) if word]
    for number, text in enumerate(texts):
        words = [word for word in words_of(text) if word]
        length = min(n, len(words))
        if length < least:
            continue
        grams = [words[i : i + length] for i in range(len(words) - length + 1)]
        runs = {tuple(there[i : i + length]) for i in range(len(there) - length + 1)}
        found[number] = sum(tuple(gram) in runs for gram in grams) / len(grams)
    return found


def fed(finder: Finder, stream: str, cuts: Sequence[int], mark: bytes = b"\n") -> Finder:
    """Feeds a stream cut after the blanks nearest to `cuts`."""
    data = stream.encode()
    places = sorted({data.rfind(b" ", 0, cut % (len(data) + 1)) + 1 for cut in cuts} | {0, len(data)})
    for start, end in pairwise(places):
        finder.feed(Block(data[start:end], "stream", 1 + data.count(mark, 0, start), mark))
    return finder


def shares(finder: Finder, count: int) -> dict[int, float]:
    return {i: share for i in range(count) if (share := finder.share(i)) is not None}


sentence = st.lists(st.sampled_from([*WORDS, "sat.", "\n", "(a)", "—"]), min_size=1, max_size=14).map(" ".join)


@settings(max_examples=150, deadline=None)
@given(st.lists(sentence, min_size=1, max_size=5), sentence, st.lists(st.integers(0, 400), max_size=4))
def test_runs_of_words_are_found_as_the_obvious_version_finds_them(
    texts: list[str], other: str, cuts: list[int]
) -> None:
    stream = f"{other} {texts[0]} {other} {texts[-1]}"
    finder = fed(WordFinder(texts, n=5, least=3), stream, cuts)
    assert shares(finder, len(texts)) == obvious_words(texts, stream, 5, 3)


def letters_of(text: str) -> str:
    return "".join(words_of(text))


@settings(max_examples=100, deadline=None)
@given(st.lists(sentence, min_size=1, max_size=5), sentence, st.lists(st.integers(0, 400), max_size=4))
def test_runs_of_letters_are_found_as_the_obvious_version_finds_them(
    texts: list[str], other: str, cuts: list[int]
) -> None:
    stream = f"{other} {texts[0]} {other}"
    finder = CharFinder(texts, length=24, probes=4)
    runs = {owner: [run for _, of, _ in finder._tables for run, o in of if o == owner] for owner in range(len(texts))}
    fed(finder, stream, cuts)
    there = letters_of(stream).encode()
    for owner, of in runs.items():
        assert all(run in letters_of(texts[owner]).encode() for run in of)
        assert finder.share(owner) == (sum(run in there for run in of) / len(of) if of else None)


def test_equal_hashes_of_different_runs_are_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    # An even base loses all but the last letters of a word, so that hashes collide by the thousand.
    monkeypatch.setattr(copies, "Q", copies.np.uint64(0))
    texts = ["one two three four five six seven eight"]
    finder = WordFinder(texts, n=8)
    finder.feed(Block(b"one two three four five six seven ate, two three four five six seven eight eight", "f"))
    assert finder.share(0) == 0.0 and finder.copies == {}
    finder.feed(Block(b"One two three (four) five six seven EIGHT", "g"))
    assert finder.share(0) == 1.0


def test_a_copy_is_told_with_its_file_and_its_line() -> None:
    text = "it was a bright cold day in april and the clocks were striking thirteen times"
    stream = "first line\nsecond line\n" + text[:28] + "\n" + text[28:] + "\nlast line\n"
    for finder in (WordFinder([text]), CharFinder([text], length=40)):
        fed(finder, stream, range(0, 120, 7))
        assert (finder.copies[0].file, finder.copies[0].record in (3, 4)) == ("stream", True)
        assert finder.share(0) == 1.0


def test_no_run_goes_from_one_row_or_file_to_the_next() -> None:
    text = "one two three four five six seven eight nine ten eleven twelve thirteen"
    first, second = text[:28].encode(), text[28:].encode()
    for make in (lambda: WordFinder([text]), lambda: CharFinder([text], length=40)):
        rows = make()
        rows.feed(Block(first + b" " + BARRIER + b" " + second, "f"))
        files = make()
        files.feed(Block(first, "f"))
        files.feed(Block(second, "g"))
        assert (rows.share(0), files.share(0)) == (0.0, 0.0)
        whole = make()
        whole.feed(Block(first, "f"))
        whole.feed(Block(second, "f"))
        assert whole.share(0) == 1.0


def test_texts_that_are_too_short_are_told_apart_from_those_that_are_not_there() -> None:
    finder = WordFinder(["too short", "these are eight words that stand not there"])
    assert (finder.share(0), finder.share(1)) == (None, 0.0)
    letters = CharFinder(["too short", "just sixteen of letters"])
    assert (letters.share(0), letters.share(1)) == (None, 0.0)
    assert WordFinder([]).copies == {}


def test_a_text_that_is_met_a_million_times_costs_no_more_than_once() -> None:
    text = "all work and no play makes jack a dull boy so they say and say"
    finder = WordFinder([text, text])
    for _ in range(3):
        finder.feed(Block(f"{text} ".encode() * 1000, "f"))
    assert finder.share(0) == finder.share(1) == 1.0
    assert not any(table.taken.any() for table, _, _ in finder._tables.values())


def test_bytes_that_are_no_text_are_read_without_harm() -> None:
    rng = random.Random(0)
    finders: list[Finder] = [WordFinder(["a b c d e f g h"]), CharFinder(["sixteen letters or more of it"])]
    for size in (0, 1, 2, 3, 500):
        for finder in finders:
            finder.feed(Block(rng.randbytes(size), "f"))
            finder.feed(Block(b"\xe3", "f"))
            finder.feed(Block(b"\xe2\x80", "f"))
            assert finder.share(0) == 0.0


@pytest.mark.parametrize("make", [lambda texts: WordFinder(texts, n=8), CharFinder], ids=["words", "letters"])
def test_a_finder_that_is_told_what_another_met_goes_on_as_that_one(make: Callable[[list[str]], Finder]) -> None:
    texts = [" ".join(f"{letter}{i}{letter}" for i in range(20)) for letter in "abcd"]
    files = {"one": texts[0], "two": f"{texts[1]} {texts[0]}", "three": f"{texts[2]} {texts[1]}"}
    told = []
    whole = make(texts)
    for name, text in files.items():
        mark = whole.mark()
        whole.feed(Block(text.encode(), name))
        told.append(json.loads(json.dumps(whole.since(mark))))
    assert {owner: copy.file for owner, copy in whole.copies.items()} == {0: "one", 1: "two", 2: "three"}
    for known in range(4):
        finder = make(texts)
        for found in told[:known]:
            finder.meet(found)
            finder.meet(found)  # what it has met it takes no second time
        for name, text in list(files.items())[known:]:
            finder.feed(Block(text.encode(), name))
        assert finder.copies == whole.copies and shares(finder, 4) == shares(whole, 4) == {0: 1, 1: 1, 2: 1, 3: 0}
