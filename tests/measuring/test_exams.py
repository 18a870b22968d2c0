"""Exams: scored by their own rule, with what is missing in no figure, and the lower score where some was seen."""

import json
from pathlib import Path
from typing import Any

import pytest

from hansei.cli import main
from hansei.measuring.exams import Settings, run

EXAM = {
    "name": "driving",
    "sections": [
        {"name": "signs", "wrong": -0.25, "questions": [{"id": f"s{i}", "answer": "B"} for i in range(8)]},
        {"name": "essay", "weight": 2, "questions": [{"id": "e0", "points": 5}, {"id": "e1", "points": 5}]},
    ],
    "scale": [[0, 200], [28, 800]],
    "percentiles": [[200, 0], [500, 50], [800, 99]],
}


def files(folder: Path, answers: list[dict[str, Any]], exam: dict[str, Any] = EXAM) -> list[str]:
    (folder / "exam.json").write_text(json.dumps(exam), encoding="utf-8")
    (folder / "answers.jsonl").write_text("".join(json.dumps(a) + "\n" for a in answers), encoding="utf-8")
    return [str(folder / "answers.jsonl"), "--exam", str(folder / "exam.json")]


def answers(right: int, essay: tuple[float, float] = (5, 5)) -> list[dict[str, Any]]:
    signs = [{"question": f"s{i}", "answer": "b" if i < right else "A"} for i in range(8)]
    return signs + [{"question": f"e{i}", "points": p} for i, p in enumerate(essay)]


def test_points_weights_scale_and_percentile_follow_the_exams_own_rule(tmp_path: Path) -> None:
    file, _, exam = files(tmp_path, answers(8))
    (row,) = run(Settings(answers=file, exam=exam)).rows
    assert [row[k].value for k in ("points", "score", "percentile")] == [28, 800, 99]
    file, _, exam = files(tmp_path, answers(4, (5, 0)))
    (row,) = run(Settings(answers=file, exam=exam)).rows
    points = (4 - 4 * 0.25) + 2 * 5
    assert row["points"].value == pytest.approx(points) and row["points"].n == 10
    assert row["score"].value == pytest.approx(200 + 600 * points / 28)
    assert row["percentile"].value == pytest.approx((row["score"].value - 200) / 300 * 50)
    assert row["score"].low < row["score"].value < row["score"].high


def test_a_question_without_an_answer_is_neither_right_nor_wrong(tmp_path: Path) -> None:
    file, _, exam = files(tmp_path, answers(8)[2:])
    found = run(Settings(answers=file, exam=exam))
    assert found.unscored == 2 and found.rows[0]["points"].value == 28 and found.rows[0]["signs"].n == 6
    file, _, exam = files(tmp_path, answers(8)[:8])
    assert run(Settings(answers=file, exam=exam)).rows[0]["score"].value is None  # no essay, no total


def test_the_lower_of_the_scores_with_and_without_seen_questions_counts(tmp_path: Path) -> None:
    file, _, exam = files(tmp_path, answers(4))
    (tmp_path / "seen.txt").write_text("s0\ns1\ns2\ns3\n", encoding="utf-8")
    (row,) = run(Settings(answers=file, exam=exam, seen=str(tmp_path / "seen.txt"))).rows
    assert row["score_without_seen"].value < row["score"].value
    assert row["counted"] == row["score_without_seen"]


@pytest.mark.parametrize(
    ("answer", "exam", "what"),
    [
        ({"question": "x", "points": 1}, {}, "is none of the exam"),
        ({"question": "s0", "points": 2}, {}, "points from 0 to 1"),
        ({"question": "s0", "points": "NaN"}, {}, "points from 0 to 1"),
        ({"question": "e0", "answer": "A"}, {}, "no key for question"),
        ({"question": "s0"}, {}, "no answer to a question"),
        ({"question": "s0", "answer": "A"}, {"sections": []}, "a list of `sections`"),
        ({"question": "s0", "answer": "A"}, {"scale": [[1, 2]]}, "two rising pairs"),
        ({"question": "s0", "answer": "A"}, {"scale": [[1, 2], [0, 3]]}, "two rising pairs"),
        ({"question": "s0", "answer": "A"}, {"sections": [{"questions": [{"id": 1}, {"id": 1}]}]}, "twice"),
        ({"question": "s0", "answer": "A"}, {"sections": [{"questions": [{"id": 1, "points": 0}]}]}, "above 0"),
    ],
)
def test_a_broken_exam_or_answer_is_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], answer: dict[str, Any], exam: dict[str, Any], what: str
) -> None:
    assert main(["measure", "exam", *files(tmp_path, [answer], EXAM | exam)]) == 2
    said = capsys.readouterr().err
    assert what in said and len(said.splitlines()) == 1


def test_a_folder_or_other_bytes_in_place_of_a_file_are_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said, _, exam = files(tmp_path, answers(8))
    (tmp_path / "seen.txt").write_bytes(b"s0\ngr\xfc\n")
    wrong = (("--exam", str(tmp_path)), "this is a folder"), (("--exam", exam, "--seen", str(tmp_path)), "a folder")
    for options, what in *wrong, (("--exam", exam, "--seen", str(tmp_path / "seen.txt")), "line 2: UTF-8 was expected"):
        assert main(["measure", "exam", said, *options]) == 2
        line = capsys.readouterr().err
        assert what in line and len(line.splitlines()) == 1
