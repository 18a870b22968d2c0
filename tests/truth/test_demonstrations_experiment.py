"""The demonstrations experiment: what is chosen, what is counted, and one cell on the shipped base."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from hansei import catalogue
from hansei.core.errors import BadInput
from hansei.town.letters import on_shelf
from hansei.town.letters_words import STYLE
from hansei.truth import demonstrations_experiment as experiment
from hansei.truth import demonstrations_outcome as outcome
from hansei.truth.demonstrations_experiment import Settings, choose, estimate, grid
from hansei.truth.demonstrations_town import Cell, Way, run_cell

STYLES = {"base": 0.2, "few-shot prompting": 0.5, "SFT, stopped early": 0.4, "SFT": 0.6, "self-play": 0.6, "DITTO": 0.9}


def measured(scores: dict[str, float | None]) -> dict[str, Any]:
    features = {feature: dict.fromkeys(scores, 1.0) for feature in STYLE}
    return {
        "scores": scores,
        "on_topic": dict.fromkeys(scores, 1.0),
        "features": features,
        "counts": {"error": 0, "unscored": 0},
    }


def cell(writer: str, seed: int, shown: int = 7, **changed: dict[str, float | None]) -> dict[str, Any]:
    rows = []
    for name, style in STYLES.items():
        scores = changed.get(name, {f"{writer} {n}": style for n in range(4)})
        rows.append({"row": name, "way": None, "drawn": measured(scores), "greedy": measured(scores)})
    return {"cell": {"writer": writer, "seed": seed, "shown": shown}, "rows": rows}


def test_the_table_counts_wins_ties_and_answers_that_did_not_come() -> None:
    mixed: dict[str, float | None] = {"a 0": 0.9, "a 1": 1.0, "a 2": 0.3, "a 3": None}
    cells = [cell(w, seed) for w in "ab" for seed in range(2)]
    cells[0] = cell("a", 0, SFT=mixed)
    rows = {row["row"]: row for row in outcome.main_rows(cells)}
    assert list(rows) == list(outcome.ORDER) and "ditto_over" not in rows["DITTO"]
    assert rows["few-shot prompting"]["ditto_over"].value == 1.0
    assert rows["SFT"]["ditto_over"].n == 15  # a tie, a loss and a win of three answers, 12 wins elsewhere
    assert rows["SFT"]["ditto_over"].value == pytest.approx((0.5 + 0 + 1 + 12) / 15)
    assert rows["SFT"]["ditto_lead"].value == pytest.approx((0 - 1 + 1 + 12) / 15)
    assert rows["DITTO"]["style"].value == pytest.approx(0.9) and rows["DITTO"]["style"].n == 16
    assert rows["SFT"]["all_features"].value == pytest.approx(1 / 15)


def test_curve_writers_and_features_are_tables_and_the_chart_is_drawn(tmp_path: Path) -> None:
    cells = [cell(w, seed, shown) for w in "ab" for seed in range(2) for shown in (1, 7)]
    rows, curve = outcome.main_rows([c for c in cells if c["cell"]["shown"] == 7]), outcome.curve_rows(cells, (7, 1))
    assert [row["shown"] for row in curve] == [1, 7] and "self_play" not in curve[0]
    assert curve[0]["over_sft"].value == 1.0 and curve[1]["ditto"].value == pytest.approx(0.9)
    assert [row["row"] for row in outcome.writer_rows(cells)] == ["a", "b"]
    assert [row["row"] for row in outcome.feature_rows(cells)] == list(STYLE)
    assert "features of style met" in Path(outcome.chart(rows, curve, tmp_path / "chart.svg")).read_text()


def test_every_row_has_as_many_points_and_the_best_on_validation_is_taken() -> None:
    ways = grid()
    assert Counter(way.method for way in ways) == {"SFT": 6, "self-play": 6, "DITTO": 6} and len(set(ways)) == 18
    best = {name: [way for way in ways if way.method == name][3] for name in ("SFT", "self-play", "DITTO")}
    found = [
        {"rows": [{"way": asdict(w), "drawn": {"scores": {"p": 0.8 if w in best.values() else 0.5, "q": None}}}]}
        for w in ways
    ]
    chosen, points = choose(found)
    ditto = best["DITTO"]
    early = Way("SFT, stopped early", ditto.sft_rate, ditto.sft_steps)
    assert chosen == {**best, "SFT, stopped early": early}
    assert len(points) == len(ways) and {p["style"] for p in points} == {0.8, 0.5}


def test_the_estimate_counts_the_students() -> None:
    words = estimate(Settings(seeds=5, writers=10, curve=(1, 7), curve_seeds=2))
    assert "50 times a writer and a seed" in words and "20 with 3 for the curve" in words
    assert estimate(replace(Settings(), curve=(7,), quick=True)).startswith("0 students to choose")


@pytest.mark.parametrize("wrong", [{"seeds": 0}, {"writers": 21}, {"curve": (0, 7)}, {"curve": (11,)}])
def test_numbers_that_make_no_experiment_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        Settings(**wrong)


def test_the_paper_is_in_the_catalogue() -> None:
    assert catalogue.experiment(catalogue.find("demonstrations")) is experiment.run


def test_a_cell_measures_every_way_to_learn_on_the_same_requests() -> None:
    ways = (
        Way("SFT, stopped early", 2e-3, 2),
        Way("SFT", 2e-3, 3),
        Way("self-play", 2e-3, 2, 1e-3, 1),
        Way("DITTO", 2e-3, 2, 1e-3, 1),
    )
    found = run_cell(Cell(on_shelf("validation")[0].name, 3, 2, "validation", ways, prompts=3))
    assert [row["row"] for row in found["rows"]] == list(outcome.ORDER)
    ids = {tuple(row[how]["scores"]) for row in found["rows"] for how in ("drawn", "greedy")}
    assert len(ids) == 1 and len(ids.pop()) == 3
    base = found["rows"][0]["greedy"]
    assert all(base["on_topic"].values()) and json.dumps(found)


class InstantPool:
    """In place of the processes: a cell whose scores are those of STYLES."""

    def __init__(self, *_: Any, **__: Any) -> None:
        """Takes what a pool takes."""

    def __enter__(self) -> InstantPool:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to end."""

    def run(self, _work: object, tasks: list[Cell], _label: str) -> list[dict[str, Any]]:
        return [self._found(task) for task in tasks]

    def _found(self, task: Cell) -> dict[str, Any]:
        made = cell(task.writer, task.seed, task.shown)
        if not task.untaught:
            (way,) = task.ways
            return {"rows": [row | {"way": asdict(way)} for row in made["rows"] if row["row"] == way.method]}
        taught = {way.method for way in task.ways} | {"base", "few-shot prompting"}
        return made | {"rows": [row for row in made["rows"] if row["row"] in taught]}


def test_a_whole_run_ends_in_tables_a_chart_and_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(experiment, "Pool", InstantPool)
    settings = Settings(out=str(tmp_path), seeds=2, writers=3, curve=(1, 7), curve_seeds=1)
    result = experiment.run(settings)
    told = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert [row["row"] for row in told["rows"]] == list(outcome.ORDER) and told["seeds"] == [0, 1]
    assert [row["ditto"]["n"] for row in told["parts"]["curve"]] == [12, 24]
    assert set(told["ways"]) == {"SFT, stopped early", "SFT", "self-play", "DITTO"} and len(told["search"]) == 18
    assert (tmp_path / "demonstrations.svg").is_file() and "few-shot prompting" in str(result)
    experiment.run(replace(settings, writers=1))  # no interval from one writer, and a chart all the same
    quick = experiment.run(replace(settings, quick=True))
    assert quick.parts["curve"] == [] and not quick.files and quick.rows[0]["style"].n == 12
