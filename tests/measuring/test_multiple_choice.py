"""Multiple choice: what a knowing, a biased, a guessing and a broken model get, and what is read from files."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from hansei.cli import main
from hansei.core.errors import BadInput
from hansei.core.journal import Journal
from hansei.core.letters import letter_of
from hansei.core.records import Chat, Sampling
from hansei.measuring import multiple_choice
from hansei.measuring.choice_answers import by_probability, by_writing
from hansei.measuring.choice_items import Item, read_items
from hansei.measuring.choice_sheet import ACCEPTED, ALL, MEAN, NONE_ACCEPTED, sheet_of
from hansei.measuring.choice_variants import SIX
from hansei.measuring.multiple_choice import tables
from hansei.models.protocol import Reply
from hansei.town.registry_phrasing import NOTA

Data = Callable[[str], Path]
ITEMS = [
    Item(f"q{i}", f"What is the word of number {i}?", tuple(f"word {(i * 7 + k * 11) % 499}" for k in range(4)), i % 4)
    for i in range(150)
]
RIGHT = {item.question: item.options[item.right] for item in ITEMS}


class Answering:
    """A model of a function: (question, options, or the proposed answer) -> the answer it gives."""

    name = "answering"
    fingerprint = "0" * 32

    def __init__(self, choose: Callable[[str, list[str]], str], judge: Callable[[str, str], str]) -> None:
        self.choose, self.judge = choose, judge

    def answer(self, chat: Chat) -> str:
        lines = chat[-1].content.split("\n")
        if lines[-1] == "True or false?":
            return self.judge(lines[0], lines[1].removeprefix("Proposed answer: "))
        return self.choose(lines[0], [line[3:] for line in lines[1:-1]])

    def generate(self, chats: Sequence[Chat], sampling: Sampling) -> list[Reply]:
        return [Reply(self.answer(chat), "stop", 1, 1) for chat in chats]

    def logprobs(self, texts: Sequence[tuple[Chat, str]]) -> list[list[float] | None]:
        return [[-0.5] if text == self.answer(chat) else [-1.0, -1.0] for chat, text in texts]

    def batches(self, chats: Sequence[Chat], sampling: Sampling) -> list[list[int]]:
        return [list(range(len(chats)))]


def knows(question: str, options: list[str]) -> str:
    return "ABCDE"[options.index(RIGHT[question] if RIGHT[question] in options else NOTA)]


def guesses(question: str, options: list[str]) -> str:
    return random.Random(f"{question}{options}").choice("ABCDE"[: len(options)])


KNOWING = Answering(knows, lambda q, proposed: str(RIGHT[q] == proposed))
FIRST = Answering(lambda *_: "A", lambda *_: "True")
GUESSING = Answering(guesses, lambda q, proposed: random.Random(q + proposed).choice(("True", "False")))


def rows_of(model: Answering, seeds: int = 5) -> dict[str, dict[str, float | None]]:
    sheet = sheet_of(ITEMS, range(seeds))
    likely, said = by_probability(model, sheet.asked), by_writing(model, sheet.asked, 8)
    made = tables({"probability": [(sheet, likely.chosen)], "writing": [(sheet, said.chosen)]})
    assert list(made["parts"]["written-letter"]) == made["rows"], "both ways read the same letters here"
    rows = [
        *made["rows"],
        *({**row, "row": "at " + row["row"]} for row in made["parts"]["positions-written-letter"]),
    ]
    return {row["row"]: {k: v.value for k, v in row.items() if k != "row"} for row in rows}


def test_a_model_that_knows_everything_scores_one_on_all() -> None:
    rows = rows_of(KNOWING)
    assert [rows[name]["accuracy"] for name in (*SIX, "3 options", "2 options", MEAN, ALL)] == [1.0] * 10
    assert [rows[name]["drop"] for name in SIX[1:]] == [0.0] * 5
    assert (rows["reordered"]["flip_rate"], rows["none added"]["flip_rate"]) == (0.0, 0.0)
    assert (rows[ACCEPTED]["accuracy"], rows[NONE_ACCEPTED]["accuracy"]) == (0.0, 0.0)


def test_a_model_that_always_says_a_is_caught() -> None:
    rows = rows_of(FIRST)
    assert rows["at A"]["chosen"] == 1.0 and rows["at A"]["accuracy"] == 1.0 and rows["at B"]["accuracy"] == 0.0
    # Of the 23 other orders of four options, 18 move the first one.
    assert rows["reordered"]["flip_rate"] == pytest.approx(18 / 23, abs=0.05)
    assert rows["none right"]["accuracy"] == 0.0 and rows[ALL]["accuracy"] == 0.0
    assert rows[ACCEPTED]["accuracy"] == 1.0 and (rows["true"]["accuracy"], rows["false"]["accuracy"]) == (1.0, 0.0)


def test_a_guessing_model_flips_and_scores_as_chance_says() -> None:
    rows = rows_of(GUESSING)
    # Two independent choices among four differ three times in four; one of five hits the original's one time in five.
    assert rows["reordered"]["flip_rate"] == pytest.approx(3 / 4, abs=0.06)
    assert rows["none added"]["flip_rate"] == pytest.approx(4 / 5, abs=0.09)
    for name in (*SIX, "3 options", "2 options"):
        assert rows[name]["accuracy"] == pytest.approx(rows[name]["chance"], abs=0.13)
    assert rows[ACCEPTED]["accuracy"] == pytest.approx(11 / 16, abs=0.11)  # 1 - (1 + 4) / 2^4
    assert rows[NONE_ACCEPTED]["accuracy"] == pytest.approx(1 / 16, abs=0.06)


def test_variants_hold_what_they_say() -> None:
    sheet = sheet_of(ITEMS[:40], range(3))
    for seed_row in sheet.lettered:
        for item, cell in zip(sheet.items, seed_row, strict=True):
            asked = {name: sheet.asked[place] for name, place in cell.items()}
            right = item.options[item.right]
            assert asked["original"].options == item.options
            assert set(asked["reordered"].options) == set(item.options) != asked["reordered"].options != item.options
            assert asked["none added"].options == (*item.options, NOTA)
            assert right not in asked["none right"].options and asked["none right"].options[-1] == NOTA
            for count in (3, 2):
                assert len(asked[f"{count} options"].options) == count
            for name, one in asked.items():
                assert one.options[one.right] == (NOTA if name == "none right" else right)
                assert all(f"\n{letter}. {o}\n" in one.text for letter, o in zip("ABCDE", one.options, strict=False))


def test_answers_that_cannot_be_read_are_in_no_rate_and_counted() -> None:
    class Broken(Answering):
        def generate(self, chats: Sequence[Chat], sampling: Sampling) -> list[Reply]:
            kinds = (
                Reply("well, hard to say", "stop", 1, 1),
                Reply("", "error", 0, 0, error="down"),
                Reply("A", "stop", 1, 1),
            )
            return [kinds[i % 3] for i in range(len(chats))]

        def logprobs(self, texts: Sequence[tuple[Chat, str]]) -> list[list[float] | None]:
            return [[math.nan] if "number 0?" in chat[-1].content else None for chat, _ in texts]

    broken = Broken(knows, lambda *_: "True")
    sheet = sheet_of(ITEMS[:3], [0])
    written = by_writing(broken, sheet.asked, 8)
    n = len(sheet.asked)
    # what calls "A" an answer to true or false can't be read either
    truths = sum(one.kind == "truth" for one in sheet.asked[2::3])
    assert (written.errors, written.unscored) == (n // 3, n // 3 + truths)
    assert [place for place in written.chosen if place is not None] == [0] * (n // 3 - truths)
    likely = by_probability(broken, sheet.asked)
    assert set(likely.chosen) == {None} and likely.errors + likely.unscored == n and likely.unscored == n // 3
    assert tables({"probability": [(sheet, likely.chosen)]})["rows"][0]["accuracy"].value is None


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("B", "B"), ("b", "B"), ("(C)", "C"), ("D. Paris", "D"), ("The answer is B.", "B"), ("Answer: c", "C"),
        ("**B**", "B"), ("B: because", "B"), ("Option (A) is right", "A"), ("I think the answer is C, not B.", "C"),
        ("A cat sat", None), ("a cat", None), ("E", None), ("", None), ("Paris", None), ("I do not know", None),
        ("Both A and B", None), ("The correct answer is: (D)", "D"), ("Apples", None),
    ],
)  # fmt: skip
def test_the_letter_of_an_answer(text: str, letter: str | None) -> None:
    assert letter_of(text, 4) == letter


def written(path: Path, rows: Sequence[object]) -> Path:
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def test_every_published_format_is_read(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"question": "Q", "choices": ["x", "y", "z"], "answer": "C", "subject": "s"},
        {"question": "Q", "choices": ["x", "y", "z"], "answer": 2},
        {"question": "Q", "choices": {"text": ["x", "y", "z"], "label": ["1", "2", "3"]}, "answerKey": "3"},
        {"question": "Q", "correct": "z", "wrong": ["x", "y"]},
        {"question": "Q", "A": "x", "B": "y", "C": "z", "answer": "z"},
        {"Question": "Q", "Best Answer": "z", "Incorrect Answers": "x; y; x", "Category": "s"},
    ]
    items = read_items(written(tmp_path / "q.jsonl", rows))
    assert {item.options[item.right] for item in items} == {"z"}
    assert {frozenset(item.options) for item in items} == {frozenset("xyz")}
    assert [item.group for item in items] == ["s", "", "", "", "", "s"]
    csv = tmp_path / "q.csv"
    csv.write_text('question,choices,answer\nQ,"[""x"", ""y""]",1\n', encoding="utf-8")
    assert read_items(csv) == [Item(f"{csv}, line 2", "Q", ("x", "y"), 1)]


def test_the_public_sets_are_read_whole(public_data: Data) -> None:
    mmlu = read_items(public_data("mmlu") / "mmlu.jsonl.gz")
    assert (len(mmlu), len({item.group for item in mmlu})) == (14327, 57)
    assert sum(item.repeated > 0 for item in mmlu) == 10
    assert len(read_items(public_data("arc_challenge_pairs") / "arc_challenge_pairs.jsonl")) == 1298
    truthful = read_items(public_data("truthfulqa_csv") / "TruthfulQA.csv")
    assert len(truthful) == 817 and truthful[0].options[0] == "The watermelon seeds pass through your digestive system"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"text": "Q"}, "a text in the column 'question' was expected, found the columns 'text'"),
        ({"question": "Q", "answer": "A"}, "options were expected in 'choices'"),
        ({"question": "Q", "choices": ["x", "y"]}, "one of A, B, a number from 0 to 1 or an option's text"),
        ({"question": "Q", "choices": ["x", "y"], "answer": "C"}, "was expected in 'answer', found 'C'"),
        ({"question": "Q", "choices": ["x", "y"], "answer": 2}, "found 2"),
        ({"question": "Q", "choices": ["x", "y"], "answer": True}, "found True"),
        ({"question": "Q", "choices": ["x", "x"], "answer": "A"}, "2 to 20 different options were expected, found 1"),
        ({"question": "Q", "choices": ["x"], "answer": "A"}, "2 to 20 different options were expected, found 1"),
        ({"question": "Q", "choices": ["x", ""], "answer": "A"}, "a text was expected in 'choices', found ''"),
        ({"question": "Q", "choices": "[x", "answer": "A"}, "a list as JSON was expected"),
        ({"question": "Q", "correct": "x", "wrong": [None]}, "a text was expected in 'wrong', found None"),
    ],
)
def test_a_broken_row_is_one_line(tmp_path: Path, row: object, message: str) -> None:
    path = written(tmp_path / "q.jsonl", [row])
    with pytest.raises(BadInput, match="line 1: ") as raised:
        read_items(path)
    assert message in str(raised.value)


def test_a_tiny_random_model_runs_through_the_command(
    tmp_path: Path, llama_folder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(
        tmp_path / "q.jsonl",
        [{"question": f"What is {i}?", "choices": ["red", "blue", "green"], "answer": i % 3} for i in range(6)],
    )
    out = tmp_path / "out"
    asked = ["measure", "multiple-choice", str(path), "--model", llama_folder, "--seeds", "2", "--out", str(out)]
    assert main([*asked, "--json"]) == 0
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [row["row"] for row in result["rows"]] == [*SIX, "2 options", MEAN, ALL, ACCEPTED, NONE_ACCEPTED]
    assert result["rows"][0]["accuracy"]["n"] == 12 and result["seeds"] == [0, 1]
    kept = {"journal.sqlite", "journal.lock"}
    assert {p.name for p in out.iterdir()} == {"multiple-choice.svg", "result.json", *kept}


@pytest.mark.parametrize("way", multiple_choice.ways("both"))
def test_what_was_answered_is_not_asked_again_and_what_failed_is(
    way: multiple_choice.Way, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    down = [True]

    def heard(question: str, options: list[str]) -> str:
        asked.append(question)
        if question == ITEMS[5].question and down[0]:
            raise KeyboardInterrupt
        return knows(question, options)

    class Failing(Answering):
        def generate(self, chats: Sequence[Chat], sampling: Sampling) -> list[Reply]:
            lost = Reply("", "error", 0, 0, error="down")
            return [r if not down[0] else lost for r in super().generate(chats, sampling)]

    monkeypatch.setattr(multiple_choice, "UNIT", 10)
    sheet, how = sheet_of(ITEMS[:6], [0]), (way, 8)
    judge = lambda q, proposed: str(RIGHT[q] == proposed)  # noqa: E731
    with Journal.open(tmp_path) as journal:
        with pytest.raises(KeyboardInterrupt):
            multiple_choice.ask(Answering(heard, judge), sheet, *how, journal)
        before, down[0] = len(asked), False
        found = multiple_choice.ask(Answering(heard, judge), sheet, *how, journal)
        assert found == multiple_choice.ask(KNOWING, sheet, *how, journal)
        assert len(asked) - before < len(asked) / 2 < before
        assert list(found.chosen) == list(multiple_choice.by_writing(KNOWING, sheet.asked, 8).chosen)
    with Journal.open(tmp_path / "other") as journal:
        if way == "writing":
            down[0] = True
            lost = multiple_choice.ask(Failing(knows, judge), sheet, *how, journal)
            assert (lost.errors, lost.error) == (len(sheet.asked), "down")
            assert not journal.counts()


def test_mistakes_of_the_user_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["measure", "multiple-choice", str(tmp_path / "none.jsonl")]) == 2
    assert main(["measure", "multiple-choice", "q.jsonl", "--seeds", "0"]) == 2
    empty = tmp_path / "empty.jsonl"
    empty.write_text("\n")
    assert main(["measure", "multiple-choice", str(empty)]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 3 and "no such file" in said[0] and "1 or more" in said[1] and "empty" in said[2]


def test_settings_without_effect_are_not_there() -> None:
    assert multiple_choice.ways("both") == ("probability", "writing")
    assert (multiple_choice.ways("probability"), multiple_choice.ways("writing")) == (("probability",), ("writing",))
