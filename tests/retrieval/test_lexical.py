"""Lexical search against BM25 written out, and an index that is kept."""

from __future__ import annotations

import math
import random
import subprocess
import sys
import textwrap
from collections import Counter
from pathlib import Path

import pytest

from hansei.retrieval import lexical
from hansei.retrieval.lexical import open_lexical, words
from hansei.retrieval.passages import Passage


def some(n: int, seed: int = 0) -> list[Passage]:
    rng = random.Random(seed)
    vocabulary = [f"w{i}" for i in range(60)]
    return [
        Passage(str(i), "", " ".join(rng.choices(vocabulary, weights=range(1, 61), k=rng.randint(0, 30))))
        for i in range(n)
    ]


def bm25(passages: list[Passage], query: str, k1: float = 1.5, b: float = 0.75) -> list[float]:
    """Lucene's BM25, as Kamphuis et al. 2020 write it, in float64."""
    texts = [Counter(words(p.text)) for p in passages]
    average = sum(map(sum, (t.values() for t in texts))) / len(texts)
    scores = []
    for text in texts:
        score = 0.0
        for word in words(query):
            df, tf = sum(word in t for t in texts), text[word]
            idf = math.log(1 + (len(texts) - df + 0.5) / (df + 0.5))
            score += idf * tf / (tf + k1 * (1 - b + b * sum(text.values()) / average))
        scores.append(score)
    return scores


def test_scores_and_order_are_those_of_bm25_written_out() -> None:
    passages = some(80)
    for query in ("w3 w58", "w1", "w59 w59 w2 unknown"):
        wanted = bm25(passages, query)
        (found,) = open_lexical(passages).search([query], 10)
        order = sorted((i for i in range(80) if wanted[i] > 0), key=lambda i: -wanted[i])[:10]
        assert [hit.score for hit in found] == pytest.approx([wanted[i] for i in order], rel=1e-5)
        assert [wanted[hit.place] for hit in found] == pytest.approx([wanted[i] for i in order], rel=1e-5)


def test_nothing_in_common_is_nothing_found_and_ties_keep_their_order() -> None:
    passages = [Passage(str(i), "", "same words") for i in range(9)]
    found = open_lexical(passages)
    assert found.search(["other", "", "?!"], 5) == [[], [], []]
    assert [hit.place for hit in found.search(["words"], 4)[0]] == [0, 1, 2, 3]
    assert len(found.search(["words"], 50)[0]) == 9


def test_passages_without_words_are_no_error() -> None:
    assert open_lexical([Passage("1", "", ""), Passage("2", "", "…")]).search(["x"], 5) == [[]]
    assert open_lexical([]).search(["x"], 5) == [[]]


def test_words_fold_case_and_forms_and_cut_scripts_without_spaces_into_pairs() -> None:
    assert words("The ＣＡＦÉ's 3rd Straße_x") == ["the", "café's", "3rd", "strasse", "x"]
    assert words("東京都に ไป a") == ["東京", "京都", "都に", "ไป", "a"]


def test_only_new_passages_are_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, more = some(30), some(40, seed=1)
    open_lexical(first, tmp_path / "index")
    read: list[str] = []
    real = lexical.words
    monkeypatch.setattr(lexical, "words", lambda text: read.append(text) or real(text))
    changed = [*first[5:], *more]  # some removed, some new
    kept = open_lexical(changed, tmp_path / "index")
    known = {p.text for p in first}
    assert {t.strip() for t in read} == {p.text for p in more if p.text not in known}
    assert kept.search(["w3 w58"], 9) == open_lexical(changed).search(["w3 w58"], 9)
    read.clear()
    again = open_lexical(changed, tmp_path / "index")
    assert read == [] and again.search(["w3 w58"], 9) == kept.search(["w3 w58"], 9)


def test_a_kill_while_the_index_is_written_leaves_the_old_one(tmp_path: Path) -> None:
    open_lexical(some(30), tmp_path / "index")
    script = f"""
        import os, signal, bm25s
        from pathlib import Path
        from retrieval.test_lexical import some
        from hansei.retrieval.lexical import open_lexical
        real = bm25s.BM25.save
        def half(self, folder, **more):
            real(self, folder, **more)
            os.kill(os.getpid(), signal.SIGKILL)
        bm25s.BM25.save = half
        open_lexical(some(50), Path({str(tmp_path / "index")!r}))
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], cwd=Path(__file__).parents[1], timeout=60)
    assert done.returncode == -9
    assert {p.name for p in tmp_path.iterdir()} == {"index", ".index.partial"}
    kept = lexical._Kept.read(tmp_path / "index")
    assert kept is not None and kept.keys == [p.key for p in some(30)]
    assert open_lexical(some(50), tmp_path / "index").search(["w58"], 5) == open_lexical(some(50)).search(["w58"], 5)
    assert {p.name for p in tmp_path.iterdir()} == {"index"}
