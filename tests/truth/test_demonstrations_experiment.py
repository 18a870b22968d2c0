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
from hansei.town import letters, letters_grading
from hansei.town.letters import on_shelf
from hansei.town.letters_words import STYLE
from hansei.truth import demonstrations_experiment as experiment
from hansei.truth import demonstrations_outcome as outcome
from hansei.truth.demonstrations_experiment import Settings, choose, estimate, grid
from hansei.truth.demonstrations_town import Cell, Way, run_cell, slipping

STYLES = {"base": 0.2, "few-shot prompting": 0.5, "SFT, stopped early": 0.4, "SFT": 0.6, "self-play": 0.6, "DITTO": 0.9}


def measured(scores: dict[str, float | None]) -> dict[str, Any]:
    features = {feature: dict.fromkeys(scores, 1.0) for feature in STYLE}
    return {
        "scores": scores,
        "on_topic": dict.fromkeys(scores, 1.0),
        "features": features,
        "counts": {"error": 0, "unscored": 0},
    }


def cell(
    writer: str, seed: int, shown: int = 7, slips: float = 0.25, **changed: dict[str, float | None]
) -> dict[str, Any]:
    rows = []
    for name, style in STYLES.items():
        scores = changed.get(name, {f"{writer} {n}": style for n in range(4)})
        rows.append({"row": name, "way": None, "drawn": measured(scores), "greedy": measured(scores)})
    return {"cell": {"writer": writer, "seed": seed, "shown": shown, "slips": slips}, "rows": rows}


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
    assert Counter(way.method for way in ways) == {"SFT": 4, "self-play": 4, "DITTO": 4} and len(set(ways)) == 12
    best = {name: [way for way in ways if way.method == name][2] for name in ("SFT", "self-play", "DITTO")}
    found = [
        {"rows": [{"way": asdict(w), "drawn": {"scores": {"p": 0.8 if w in best.values() else 0.5, "q": None}}}]}
        for w in ways
    ]
    chosen, points = choose(found)
    ditto = best["DITTO"]
    early = Way("SFT, stopped early", ditto.sft_rate, ditto.sft_steps, ditto.stop_loss)
    assert chosen == {**best, "SFT, stopped early": early}
    assert len(points) == len(ways) and {p["style"] for p in points} == {0.8, 0.5}


def test_the_estimate_counts_the_students() -> None:
    words = estimate(Settings(seeds=5, writers=10, slips=0.25, curve=(1, 7), side_seeds=2, side_writers=4))
    assert "50 times a writer and a seed" in words and "20 with self-play, and 16 with 3 for the curve" in words
    assert "and 20 with 3 for the curve" in estimate(Settings(curve=(1, 7)))  # all never slip
    assert "30 with self-play" in estimate(Settings(play_seeds=3, side_seeds=1))
    assert estimate(replace(Settings(), curve=(7,), quick=True)).startswith("0 students to choose")


@pytest.mark.parametrize(
    "wrong",
    [
        {"seeds": 0},
        {"writers": 21},
        {"curve": (0, 7)},
        {"curve": (11,)},
        {"slips": 1.0},
        {"side_writers": 0},
        {"play_seeds": 0},
    ],
)
def test_numbers_that_make_no_experiment_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        Settings(**wrong)


def test_a_writer_forgets_a_habit_as_often_as_said_and_tells_the_same_news() -> None:
    writer = on_shelf("validation")[0]
    shown = letters.prompts(writer, "train", 30, 5)
    assert [p.reference for p in slipping(writer, shown, 0.0, 5)] == [p.reference for p in shown]
    forgot = slipping(writer, shown, 0.25, 5)
    assert forgot == slipping(writer, shown, 0.25, 5) != slipping(writer, shown, 0.25, 6)
    own = [f for f in STYLE if writer.style[f] != letters.GENERIC[f]]
    kept = []
    for prompt in forgot:
        found = letters_grading.features(prompt.reference or "")
        assert found is not None and letters_grading.is_on_topic((prompt.truth or {})["topic"], prompt.reference or "")
        assert all(found[f].lower() in (writer.style[f].lower(), letters.GENERIC[f].lower()) for f in STYLE)
        kept += [found[f].lower() == writer.style[f].lower() for f in own]
    assert 0.68 < sum(kept) / len(kept) < 0.82  # 240 habits: three standard errors about 0.75


def test_the_paper_is_in_the_catalogue() -> None:
    assert catalogue.experiment(catalogue.find("demonstrations")) is experiment.run


def test_a_cell_measures_every_way_to_learn_on_the_same_requests() -> None:
    ways = (
        Way("SFT, stopped early", 2e-3, 2),
        Way("SFT", 2e-3, 3),
        Way("self-play", 2e-3, 2, rate=1e-3, steps=1),
        Way("DITTO", 2e-3, 2, rate=1e-3, steps=1),
    )
    found = run_cell(Cell(on_shelf("validation")[0].name, 3, 2, "validation", ways, slips=0.25, prompts=3))
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
        made = cell(task.writer, task.seed, task.shown, task.slips)
        if not task.untaught:
            (way,) = task.ways
            return {"rows": [row | {"way": asdict(way)} for row in made["rows"] if row["row"] == way.method]}
        taught = {way.method for way in task.ways} | {"base", "few-shot prompting"}
        return made | {"rows": [row for row in made["rows"] if row["row"] in taught]}


def test_a_whole_run_ends_in_tables_a_chart_and_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(experiment, "Pool", InstantPool)
    settings = Settings(out=str(tmp_path), seeds=2, writers=3, slips=0.25, curve=(1, 7), play_seeds=1, side_seeds=1)
    settings = replace(settings, side_writers=2)
    result = experiment.run(settings)
    told = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert [row["row"] for row in told["rows"]] == list(outcome.ORDER) and told["seeds"] == [0, 1]
    assert [row["ditto"]["n"] for row in told["parts"]["curve"]] == [8, 24]
    played = next(row for row in told["rows"] if row["row"] == "self-play")
    assert played["style"]["n"] == played["ditto_over"]["n"] == 12 and told["rows"][-1]["style"]["n"] == 24
    steady = told["parts"]["steady"]
    assert [row["row"] for row in steady] == [name for name in outcome.ORDER if name != "self-play"]
    assert {row["style"]["n"] for row in steady} == {8}
    assert set(told["ways"]) == {"SFT, stopped early", "SFT", "self-play", "DITTO"} and len(told["search"]) == 12
    assert (tmp_path / "demonstrations.svg").is_file() and "few-shot prompting" in str(result)
    experiment.run(replace(settings, writers=1))  # no interval from one writer, and a chart all the same
    quick = experiment.run(replace(settings, quick=True))
    assert quick.parts["curve"] == quick.parts["steady"] == [] and not quick.files and quick.rows[0]["style"].n == 12
