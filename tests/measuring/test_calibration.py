"""Calibration: measures against obvious versions, and the command on good and broken files."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hansei.cli import main
from hansei.core.calibration import auroc, calibration, expected_calibration_error, reliability

answers = st.lists(st.tuples(st.floats(0, 1), st.sampled_from([0.0, 1.0])), min_size=1, max_size=60)


def slow_ece(pairs: list[tuple[float, float]], bins: int = 10) -> float:
    total = 0.0
    for b in range(bins):
        low, high = b / bins, (b + 1) / bins
        inside = [(c, y) for c, y in pairs if low <= c < high or (b == bins - 1 and c == 1.0)]
        if inside:
            gap = sum(y for _, y in inside) / len(inside) - sum(c for c, _ in inside) / len(inside)
            total += len(inside) / len(pairs) * abs(gap)
    return total


def slow_auroc(pairs: list[tuple[float, float]]) -> float | None:
    right, wrong = [c for c, y in pairs if y], [c for c, y in pairs if not y]
    if not right or not wrong:
        return None
    return sum((r > w) + 0.5 * (r == w) for r in right for w in wrong) / (len(right) * len(wrong))


@settings(deadline=None)
@given(answers)
def test_binned_error_and_auroc_are_those_of_the_definition(pairs: list[tuple[float, float]]) -> None:
    confidence, correct = np.array(pairs).T
    edges = {round(c * 10, 9) % 1 == 0 for c, _ in pairs}
    if edges == {False}:  # at an edge of a bin, rounding may put a confidence on either side
        assert expected_calibration_error(confidence, correct) == pytest.approx(slow_ece(pairs))
    found, slow = auroc(confidence, correct), slow_auroc(pairs)
    assert (found is None) == (slow is None) and found == pytest.approx(slow)


def test_who_is_right_as_often_as_they_say_has_a_small_error_and_who_is_always_sure_has_their_error_rate() -> None:
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0, 1, 20_000)
    honest = calibration(confidence, rng.random(20_000) < confidence, draws=50)
    assert honest["ece"].value < 0.02 and honest["auroc"].value > 0.8
    sure = calibration([1.0] * 100, [1.0] * 70 + [0.0] * 30, draws=50)
    assert sure["ece"].value == pytest.approx(0.3) and sure["brier"].value == pytest.approx(0.3)
    assert sure["auroc"].value == 0.5


def test_bins_hold_every_answer_once_and_an_empty_one_has_no_value() -> None:
    bars = reliability([0.0, 0.05, 0.95, 1.0], [0, 1, 1, 1])
    assert [b.correct.n for b in bars] == [2, 0, 0, 0, 0, 0, 0, 0, 0, 2]
    assert (bars[1].confidence, bars[1].correct.value) == (None, None)


def test_answers_that_hang_together_widen_the_interval() -> None:
    correct = [float(i // 10 % 2) for i in range(200)]
    alone = calibration([0.5] * 200, correct, draws=300)["accuracy"]
    together = calibration([0.5] * 200, correct, [i // 10 for i in range(200)], draws=300)["accuracy"]
    assert together.high - together.low > 1.5 * (alone.high - alone.low)


def test_no_answers_are_no_value_and_values_out_of_range_are_refused() -> None:
    assert calibration([], [])["ece"].n == 0
    with pytest.raises(ValueError, match="confidence: values from 0 to 1"):
        calibration([1.2], [1.0])


def rows(path: Path, *values: dict[str, Any]) -> str:
    path.write_text("".join(json.dumps(v) + "\n" for v in values), encoding="utf-8")
    return str(path)


def test_the_command_tells_models_apart_and_leaves_out_what_has_no_score(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = rows(
        tmp_path / "a.jsonl",
        {"model": "a", "confidence": 0.9, "correct": True},
        {"model": "a", "confidence": 0.8, "correct": "no"},
        {"model": "a", "confidence": None, "correct": True},
        {"model": "b", "options": {"A": 0.7, "B": 0.3}, "answer": "A"},
        {"model": "b", "options": [0.1, 0.9], "answer": 0},
    )
    assert main(["measure", "calibration", file, "--out", str(tmp_path / "o"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    a, b = found["rows"]
    assert found["unscored"] == 1
    assert (a["accuracy"]["value"], a["accuracy"]["n"], a["mean_confidence"]["value"]) == (0.5, 2, pytest.approx(0.85))
    assert (b["accuracy"]["value"], b["mean_confidence"]["value"]) == (0.5, pytest.approx(0.8))
    assert "<svg" in (tmp_path / "o" / "reliability.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ({"confidence": 0.5}, "columns confidence and correct"),
        ({"confidence": 7, "correct": 1}, "confidence: a number from 0 to 1"),
        ({"confidence": "NaN", "correct": 1}, "confidence: a number from 0 to 1"),
        ({"confidence": 0.5, "correct": "maybe"}, "correct: a number from 0 to 1"),
        ({"options": [], "answer": 0}, "options: a list or an object"),
        ({"options": {"A": 0.5}, "answer": "C"}, "is none of the options"),
        ({"confidence": None, "correct": 1}, "no row bears both"),
    ],
)
def test_a_broken_row_is_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], row: dict[str, Any], what: str
) -> None:
    assert main(["measure", "calibration", rows(tmp_path / "a.jsonl", row)]) == 2
    said = capsys.readouterr().err
    assert what in said and len(said.splitlines()) == 1
