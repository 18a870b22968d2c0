"""The confidence experiment: its cells on tiny models, its choice of settings, its tables and its diagram."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from hansei.core.errors import BadInput
from hansei.core.records import Prompt
from hansei.models.load import load
from hansei.truth import confidence_cells as cells
from hansei.truth import confidence_outcome as outcome
from hansei.truth.confidence import Teaching
from hansei.truth.confidence_experiment import Settings, choose, run

ITEMS = cells.questions("heldout", 4)
DICE = random.Random(0)
CHANCE = {"popular": 0.95, "middling": 0.4, "rare": 0.1}


def said(confidence: Any, right: Any = None) -> dict[str, Any]:
    """What a model says that is right as often as people are famous, with a confidence of the caller's."""

    def one(prompt: Prompt) -> tuple[float | None, float | None]:
        return confidence(prompt), float(DICE.random() < CHANCE[prompt.tags["fame"]]) if right is None else right

    return {"values": {p.id: one(p) for p in ITEMS}, "faithful": {}, "texts": {}}


def knows(prompt: Prompt) -> float:
    return CHANCE[prompt.tags["fame"]]


@pytest.fixture(scope="module")
def lines() -> list[outcome.Line]:
    """A base that is always sure, and five seeds' students that know what they know; two say nothing of one person."""
    untaught = {"plain": said(lambda _: None), "asked directly": said(lambda _: 0.9)}
    finals = []
    for seed in range(5):
        student = said(lambda p, seed=seed: None if seed < 2 and p is ITEMS[0] else knows(p))
        student["faithful"] = {p.id: float(seed % 2) for p in ITEMS[:6]}
        finals.append({"rows": [{"row": "students", "stage": 2, **student}]})
    return outcome.lines(untaught, finals)


def test_the_table_tells_what_is_left_of_the_error_of_asking_directly(lines: list[outcome.Line]) -> None:
    rows = {row["row"]: row for row in outcome.table(lines, ITEMS, 60)}
    student, direct = rows["students, stage 2"], rows["asked directly"]
    assert list(rows) == ["plain", "asked directly", "students, stage 2"]
    assert student["unscored"] == 2
    assert (student["accuracy"].n, student["ece"].n, direct["ece"].n) == (5 * 72, 5 * 72 - 2, 72)
    assert student["ece_ratio"].value == pytest.approx(student["ece"].value / direct["ece"].value)
    assert student["ece_ratio"].high < 0.7
    assert student["auroc"].value > 0.8 > direct["auroc"].value == 0.5
    base = [right for _, right in lines[0].seeds[0]["values"].values()]
    assert student["accuracy_minus_base"].value == pytest.approx(student["accuracy"].value - sum(base) / len(base))
    assert student["faithfulness"].value == pytest.approx(2 / 5)
    assert "ece" not in rows["plain"]


def test_kinds_of_people_and_of_wordings_stand_apart(lines: list[outcome.Line]) -> None:
    parts = outcome.apart(lines, ITEMS, 10)
    assert list(parts) == ["popular", "middling", "rare", "tuned_wordings", "heldout_wordings"]
    shares = {name: rows[2]["accuracy"] for name, rows in parts.items()}
    assert shares["popular"].value > shares["middling"].value > shares["rare"].value
    assert [shares[name].n for name in parts] == [5 * 24] * 3 + [5 * 36] * 2


def test_the_diagram_holds_every_scored_answer_once(lines: list[outcome.Line], tmp_path: Path) -> None:
    bars = {line.name: outcome.reliability(line, ITEMS) for line in lines[1:]}
    assert sum(bar["correct"].n for bar in bars["students, stage 2"]) == 5 * 72 - 2
    (only,) = [bar for bar in bars["asked directly"] if bar["correct"].n]
    assert (only["low"], only["confidence"]) == (0.9, pytest.approx(0.9))
    drawn = outcome.chart(bars, tmp_path / "chart.svg")
    assert "students, stage 2" in Path(drawn).read_text()


def test_the_lowest_brier_score_of_those_that_are_accurate_enough_is_chosen() -> None:
    def student(right: int, confidence: float | None) -> dict[str, Any]:
        return {"values": {i: (confidence, float(i < right)) for i in range(100)}}

    tried = [student(30, 0.3), student(40, 0.9), student(39, 0.5), student(39, None)]
    briers = [0.3 * 0.7**2 + 0.7 * 0.3**2, 0.4 * 0.1**2 + 0.6 * 0.9**2, 0.5**2]
    assert [outcome.accuracy(made) for made in tried] == [0.3, 0.4, 0.39, 0.39]
    assert [outcome.brier(made) for made in tried] == [*(pytest.approx(b) for b in briers), float("inf")]
    assert choose(tried, 0.385) is tried[2]
    assert choose(tried, 0.5) is tried[1], "where none is accurate enough, the most accurate"


def test_all_that_was_tried_stands_in_a_table_of_its_own(lines: list[outcome.Line]) -> None:
    untaught = {line.name: line.seeds[0] for line in lines[:2]} | {"self-consistency": said(lambda _: 0.5)}
    tried = [{"row": "any", "stage": 1, "learning_rate": 5e-5, "steps": steps} | said(knows) for steps in (30, 60)]
    rows = outcome.searched(untaught, tried, ITEMS)
    named = [f"any, stage 1: {steps} steps at 5e-05" for steps in (30, 60)]
    assert [row["row"] for row in rows] == ["plain", "asked directly", *named]
    assert rows[3]["brier"].value == pytest.approx(outcome.brier(tried[1]))
    assert rows[3]["accuracy_minus_base"].n == 72


def test_a_cell_is_taught_and_measured_from_end_to_end_and_counts_what_a_random_model_loses(
    llama_folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        cells, "load", lambda name, **more: load(llama_folder if name == "town:registry" else name, **more)
    )
    monkeypatch.setattr(cells, "town_path", lambda _: llama_folder)
    monkeypatch.setattr(cells, "AGAIN", 2)
    monkeypatch.setattr(cells, "SFT_BATCH", 4)
    monkeypatch.setattr(cells, "RL_BATCH", 8)
    recipe = cells.Recipe("any", Teaching(smallest=1), cells.Stage(5e-3, (15, 30)), (cells.Stage(1e-4, (1,)),))
    found = cells.run_cell(cells.Cell(0, 1, 3, (recipe,), "heldout", 1))
    found = json.loads(json.dumps(found))
    assert [(row["stage"], row["steps"]) for row in found["rows"]] == [(1, 15), (1, 30), (2, 1)]
    assert found["counts"]["any"]["lessons"] > 18
    assert all(right == 0 for row in found["rows"] for _, right in row["values"].values())
    untaught = cells.run_untaught(cells.Untaught(3, "heldout", 1))
    assert all(confidence is None for confidence, _ in untaught["asked directly"]["values"].values())
    assert {len(measured["values"]) for measured in untaught.values()} == {18}
    rows = outcome.table(outcome.lines(untaught, [found]), cells.questions("heldout", 1), 10)
    assert [row["row"] for row in rows][-3:] == ["any, stage 1", "any, stage 1", "any, stage 2"]
    assert rows[1]["unscored"] == 18
    assert rows[1]["ece"].value is None


def test_a_dry_run_says_how_long_and_bad_numbers_are_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    found = run(Settings(out=str(tmp_path / "run"), dry_run=True))
    assert found.rows == ()
    assert "15 students of 5 seeds, 20 chains" in capsys.readouterr().out
    assert not (tmp_path / "run").exists()
    with pytest.raises(BadInput, match="chains 2 or more"):
        Settings(chains=1)
