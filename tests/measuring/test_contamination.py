"""Contamination: planted copies are found, paraphrases escape, and each detector is held to its definition."""

from __future__ import annotations

import csv
import gzip
import json
import math
import random
import zlib
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from hansei.cli import main
from hansei.core.errors import BadInput
from hansei.measuring import corpus
from hansei.measuring.contamination import Settings, run
from hansei.measuring.corpus import blocks, read_texts
from hansei.measuring.detection import auroc
from hansei.measuring.leak_continuation import guided_completion, halves, ngram_accuracy, rouge_l
from hansei.measuring.leak_order import order_test
from hansei.measuring.leak_report import long_log_probability
from hansei.measuring.leak_signals import log_probabilities, min_k, signals, token_ids
from hansei.models.load import load
from hansei.models.local import LocalModel

WORDS = [a + b for a in ("ka", "lo", "mi", "nu", "pe", "ra", "so", "tu") for b in ("ber", "dan", "fil", "gor", "hem")]


def sentence(rng: random.Random, size: int = 20) -> str:
    return " ".join(rng.choices(WORDS, k=size)).capitalize() + "."


def written(path: Path, rows: Sequence[object]) -> Path:
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def planted(tmp_path: Path) -> tuple[Path, Path, set[int]]:
    """A test set of 40 questions, and a folder of training files of every kind that holds 20 of them."""
    rng = random.Random(1)
    questions = [sentence(rng) for _ in range(40)]
    other = [sentence(rng, 60) for _ in range(200)]
    test = written(tmp_path / "test.jsonl", [{"question": q, "answer": "ka"} for q in questions])
    folder = tmp_path / "training"
    folder.mkdir()
    copies = [f"{other[i]} {questions[i].upper()} {other[i + 1]}" for i in range(20)]
    (folder / "a.txt").write_text("\n".join(other[:50] + copies[:4]).replace(" tu", "\ntu"), encoding="utf-8")
    written(folder / "b.jsonl", [{"text": text, "n": 1} for text in other[50:100] + copies[4:8]])
    chats = [{"messages": [{"role": "user", "content": text}]} for text in copies[8:12]]
    with gzip.open(folder / "c.jsonl.gz", "wt", encoding="utf-8") as file:
        file.write("\n".join(map(json.dumps, chats)))
    with (folder / "d.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["id", "body"], *([str(i), text] for i, text in enumerate(copies[12:16]))])
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"text": copies[16:20]}), folder / "e.parquet")
    return test, folder, set(range(20))


def test_every_planted_copy_is_found_in_every_kind_of_file(
    planted: tuple[Path, Path, set[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    test, folder, members = planted
    for size in (100_000, 5000):
        monkeypatch.setattr(corpus, "BLOCK", size)
        result = run(Settings(str(test), training=(str(folder),)))
        assert [row["contaminated"].value for row in result.rows] == [0.5, 0.5]
        found = {name.rpartition(" ")[2] for name in result.more["contaminated"]}
        assert found == {str(i + 1) for i in members}
    assert {row["file"] for row in result.parts["copies"]} == {str(p) for p in folder.iterdir()}
    by_file = {row["file"]: row["record"] for row in reversed(result.parts["copies"])}
    assert by_file[str(folder / "c.jsonl.gz")] <= 4 and by_file[str(folder / "b.jsonl")] >= 51


def test_a_paraphrase_escapes_runs_of_words_and_of_letters(tmp_path: Path) -> None:
    rng = random.Random(2)
    questions = [sentence(rng) for _ in range(30)]
    test = written(tmp_path / "test.jsonl", [{"text": q} for q in questions])
    swapped = [" ".join(w if i % 5 else "so to say" for i, w in enumerate(q.split())) for q in questions]
    training = written(tmp_path / "training.jsonl", [{"text": text} for text in swapped])
    result = run(Settings(str(test), training=(str(training),)))
    assert [(row["contaminated"].value, row["contaminated"].n) for row in result.rows] == [(0.0, 30), (0.0, 30)]


def test_the_score_is_also_given_without_contaminated_items(tmp_path: Path) -> None:
    rng = random.Random(3)
    rows = [{"text": sentence(rng), "right": 1 if i < 5 else i % 2} for i in range(15)]
    test = written(tmp_path / "test.jsonl", rows)
    training = written(tmp_path / "training.jsonl", [{"text": row["text"]} for row in rows[:5]])
    result = run(Settings(str(test), training=(str(training),), score="right"))
    scores = {row["row"]: row["score"].value for row in result.parts["score"]}
    assert scores == {"all items": 10 / 15, "without contaminated": 0.5, "contaminated only": 1.0}


def test_memory_is_bounded_by_the_block_and_not_by_the_file(tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    path.write_text("word " * 200_000 + "x" * 5_000_000 + " end", encoding="utf-8")
    pieces = list(blocks(path))
    assert max(len(piece.text) for piece in pieces) < 18 * corpus.BLOCK
    assert b"".join(piece.text for piece in pieces) == path.read_bytes()


def obvious_auroc(members: Sequence[float], others: Sequence[float]) -> float:
    return sum((a > b) + (a == b) / 2 for a in members for b in others) / (len(members) * len(others))


def test_auroc_is_the_share_of_pairs_in_the_right_order() -> None:
    rng = random.Random(0)
    members, others = ([[rng.randrange(6) for _ in range(n)] for _ in range(3)] for n in (17, 23))
    figure = auroc(members, others)
    expected = [obvious_auroc(m, o) for m, o in zip(members, others, strict=True)]
    assert figure.per_seed == pytest.approx(expected)
    assert figure.value == pytest.approx(sum(expected) / 3)
    assert figure.low is not None and figure.high is not None and figure.low < figure.value < figure.high
    assert auroc([[None, 2.0]], [[1.0]]).value == 1.0 and auroc([[None]], [[1.0]]).value is None


def test_signals_are_those_of_the_definitions() -> None:
    tokens, low, reference = [-1.0, -4.0, -2.0, -0.5], [-3.0, -3.0], [-2.0, -2.0]
    made = signals(["some text", ""], [tokens, []], [low, []], [reference, []])
    assert made["perplexity"] == [pytest.approx(-7.5 / 4), None]
    assert made["Min-50%"][0] == pytest.approx(-3.0) and made["Min-5%"][0] == -4.0
    assert made["zlib"][0] == pytest.approx(-7.5 / 4 / len(zlib.compress(b"some text")))
    assert made["small letters"][0] == pytest.approx(3.0 / (7.5 / 4))
    assert made["reference model"][0] == pytest.approx(-7.5 / 4 + 2.0)
    assert all(values[1] is None for values in made.values())
    assert math.isnan(min_k([], 20))


@pytest.fixture(scope="module")
def tiny(llama_folder: str) -> LocalModel:
    model = load(llama_folder, device="cpu")
    assert isinstance(model, LocalModel)
    return model


def obvious_log_probabilities(model: LocalModel, ids: Sequence[int]) -> list[float]:
    import torch

    with torch.no_grad():
        logits = model.hf(torch.tensor([list(ids)])).logits[0].double()
    table = torch.log_softmax(logits, -1)
    return [float(table[i, token]) for i, token in enumerate(ids[1:])]


def test_log_probabilities_are_those_of_one_text_alone(tiny: LocalModel) -> None:
    texts = ["What is the capital of France?", "", "Take a red stone", "0 1 2 3"]
    for text, found in zip(texts, log_probabilities(tiny, texts), strict=True):
        assert found == pytest.approx(obvious_log_probabilities(tiny, token_ids(tiny, text)), abs=1e-4)


def test_a_text_longer_than_the_context_is_scored_whole_in_windows(
    tiny: LocalModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "Take a red stone and a green stone, and grind them in a bowl. " * 3
    ids = [tiny.tokenizer.bos_token_id, *tiny.tokenizer(text, add_special_tokens=False)["input_ids"]]
    assert long_log_probability(tiny, [text])[0] == pytest.approx(sum(obvious_log_probabilities(tiny, ids)), abs=1e-3)
    monkeypatch.setattr(tiny._config, "max_position_embeddings", 16)
    total, done = sum(obvious_log_probabilities(tiny, ids[:16])), 16
    while done < len(ids):
        window = ids[done - 8 : done + 8]
        total += sum(obvious_log_probabilities(tiny, window)[7:])
        done += 8
    assert long_log_probability(tiny, [text])[0] == pytest.approx(total, abs=1e-3)


def test_a_model_that_knows_the_order_is_caught_and_one_that_does_not_is_not() -> None:
    items = [str(i) for i in range(60)]

    def read(lists: Sequence[Sequence[str]]) -> list[float]:
        return [float(sum(int(b) == int(a) + 1 for a, b in pairwise(row))) for row in lists]

    def unread(lists: Sequence[Sequence[str]]) -> list[float]:
        return [random.Random("".join(row)).gauss(0, 1) for row in lists]

    assert (order_test(items, read, 10, 20).p or 1.0) < 1e-6
    chances = [order_test(items, unread, 10, 20, seed).p or 1.0 for seed in range(20)]
    assert min(chances) > 0.001 and np.mean(np.array(chances) < 0.5) > 0.1
    assert order_test(items, lambda lists: [0.0] * len(lists), 10, 5).p is None


def test_ngram_accuracy_counts_exact_runs_of_what_the_model_writes(tiny: LocalModel) -> None:
    from hansei.models.decoding import decode, greedy

    start = token_ids(tiny, "Take a red stone")
    text = tiny.tokenizer.decode(decode(tiny.hf, [start], [60], [], greedy)[0].tokens)
    ids = token_ids(tiny, "Take a red stone" + text)
    known, other = tiny.tokenizer.decode(ids[1:]), "What is the capital of France? Paris is the capital."
    own, foreign, short = ngram_accuracy(tiny, [known, other, "stone"])
    assert own is not None and foreign is not None and own >= foreign and short is None


def test_naming_the_set_helps_only_who_has_read_it() -> None:
    rng = random.Random(4)
    texts = [f"{sentence(rng, 8)} {sentence(rng, 8)} {sentence(rng, 8)}" for _ in range(30)]

    def reader(name: str, split: str, firsts: Sequence[str], tokens: int) -> list[str | None]:
        known = {first: text[len(first) :].strip() for text in texts for first in firsts if text.startswith(first)}
        return [known[first] if name == "SET" and split == "test" else "ka" for first in firsts]

    def stranger(name: str, split: str, firsts: Sequence[str], tokens: int) -> list[str | None]:
        return [None if i == 0 else "lo mi" for i, _ in enumerate(firsts)]

    read = guided_completion(reader, texts, "SET", "test")
    assert read.low is not None and read.low > 0.5 and read.n == 30
    assert (
        guided_completion(stranger, texts, "SET", "test").value,
        guided_completion(stranger, texts, "SET", "x").n,
    ) == (0.0, 29)


def test_halves_are_the_whole_text_cut_between_sentences() -> None:
    rng = random.Random(0)
    for text in ("One. Two. Three. Four.", "one two three four five", "A? B! C"):
        first, second = halves(text, rng) or ("", "")
        assert f"{first} {second}" == text and 0.2 < len(first) / len(text) < 0.9
    assert halves("one", rng) is None


def obvious_subsequence(a: Sequence[str], b: Sequence[str]) -> int:
    if not a or not b:
        return 0
    if a[0] == b[0]:
        return 1 + obvious_subsequence(a[1:], b[1:])
    return max(obvious_subsequence(a[1:], b), obvious_subsequence(a, b[1:]))


def test_rouge_l_is_that_of_its_definition() -> None:
    rng = random.Random(5)
    for _ in range(30):
        truth, said = ([rng.choice("abc") for _ in range(rng.randrange(1, 7))] for _ in range(2))
        kept = said[: len(truth)]
        length = obvious_subsequence(kept, truth)
        assert rouge_l(" ".join(said), " ".join(truth)) == pytest.approx(2 * length / (len(kept) + len(truth)))
    assert rouge_l("", "a") == rouge_l("a", "") == 0.0


def test_a_tiny_random_model_runs_through_the_command(
    tmp_path: Path, llama_folder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = random.Random(6)
    rows = [{"question": sentence(rng, 14), "answer": "ka"} for _ in range(12)]
    test = written(tmp_path / "test.jsonl", rows)
    control = written(tmp_path / "control.jsonl", [{"question": sentence(rng, 14), "answer": "ka"} for _ in range(9)])
    asked = ["measure", "contamination", str(test), "--training", str(test), "--model", llama_folder]
    asked += ["--control", str(control), "--rewritten", str(test), "--reference", llama_folder, "--name", "SET"]
    asked += ["--shards", "4", "--permutations", "3", "--out", str(tmp_path / "out"), "--json"]
    assert main(asked) == 0
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [row["contaminated"]["value"] for row in result["rows"]] == [1.0, 1.0]
    detectors = {row["row"]: row for row in result["parts"]["item-by-item"]}
    assert detectors["reference model"]["auroc"]["value"] == 0.5 and detectors["perplexity"]["auroc"]["n"] == 21
    assert "auroc" in result["numbers"]  # not in per cent, as everywhere
    whole = {row["row"]: row for row in result["parts"]["whole-set"]}
    assert whole["5-gram accuracy"]["gain"]["value"] == 0.0 and 0 <= whole["published order"]["p"] <= 1
    written_there = {p.name for p in (tmp_path / "out").iterdir()}
    assert written_there == {"contamination.svg", "result.json", "journal.sqlite", "journal.lock"}


BROKEN: list[tuple[Callable[[Path], list[str]], str]] = [
    (lambda p: [str(p / "test.jsonl")], "--training or --model was expected"),
    (lambda p: [str(p / "none.jsonl"), "--training", str(p / "test.jsonl")], "no such file"),
    (lambda p: [str(p / "test.jsonl"), "--training", str(p / "none")], "no such file or folder"),
    (lambda p: [str(p / "test.jsonl"), "--training", str(p / "empty")], "found none"),
    (lambda p: [str(p / "test.jsonl"), "--training", str(p / "weights.bin")], "a file ending in"),
    (lambda p: [str(p / "test.jsonl"), "--training", str(p / "bad.jsonl")], "line 2: JSON was expected"),
    (lambda p: [str(p / "test.jsonl"), "--training", str(p / "bad.txt.gz")], "gzip was expected"),
    (lambda p: [str(p / "test.jsonl"), "--training", str(p / "bad.parquet")], "Parquet was expected"),
    (lambda p: [str(p / "blank.txt"), "--training", str(p / "test.jsonl")], "one text at least was expected"),
    (lambda p: [str(p / "test.jsonl"), "--training", str(p / "test.jsonl"), "--columns", "body"], "a column 'body'"),
    (
        lambda p: [str(p / "test.jsonl"), "--training", str(p / "test.jsonl"), "--score", "text"],
        "a number was expected",
    ),
    (lambda p: [str(p / "test.jsonl"), "--training", str(p / "test.jsonl"), "--score", "x"], "found none in any row"),
    (lambda p: [str(p / "test.jsonl"), "--training", str(p / "test.jsonl"), "--control", "x"], "name it with --model"),
    (lambda p: [str(p / "test.jsonl"), "--training", str(p / "test.jsonl"), "--letters", "8"], "letters 24"),
]


@pytest.mark.parametrize(("arguments", "message"), BROKEN, ids=[message for _, message in BROKEN])
def test_a_mistake_of_the_user_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: Callable[[Path], list[str]], message: str
) -> None:
    thirteen = "one two three four five six seven eight nine ten eleven twelve thirteen"
    written(tmp_path / "test.jsonl", [{"text": thirteen}])
    (tmp_path / "empty").mkdir()
    (tmp_path / "blank.txt").write_text("\n\n")
    (tmp_path / "weights.bin").write_bytes(b"\0")
    (tmp_path / "bad.jsonl").write_text('{"text": "a"}\n{"text": \n')
    for name in ("bad.txt.gz", "bad.parquet"):
        (tmp_path / name).write_bytes(b"not packed at all")
    assert main(["measure", "contamination", *arguments(tmp_path)]) == 2
    said = capsys.readouterr().err.strip()
    assert message in said and "\n" not in said


def test_a_server_is_not_asked_for_what_it_cannot_tell(tmp_path: Path) -> None:
    from hansei.measuring.leak_signals import local

    class Server:
        name = "openai:x"

    with pytest.raises(BadInput, match="a model that runs here"):
        local(Server())  # type: ignore[arg-type]
    assert read_texts(written(tmp_path / "t.jsonl", [{"n": 1.5, "b": "x"}]))[0].text == "x"
