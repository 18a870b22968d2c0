"""The factuality experiment: what is chosen, what is shown, and one small cell on the registry's base."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from hansei.cli import main
from hansei.core.errors import BadInput
from hansei.core.records import Figure, Prompt
from hansei.truth import factuality_cells as cells
from hansei.truth import factuality_experiment as experiment
from hansei.truth import factuality_outcome as outcome
from hansei.truth.factuality_cells import Cell, Run


def test_every_way_that_the_search_tried_is_a_row_over_its_seeds() -> None:
    head = {"reward": "reference", "learning_rate": 6e-5, "beta": 0.1, "steps": 30, "gamma": 3.0}
    ids = [p.id for p in cells.chosen_on()]
    seeds = [
        {"rows": [row("base", 4, 4, ids), row("SFT", 4, 4, ids), {**row("with reference", right, 1, ids), **head}]}
        for right in (3, 4)
    ]
    found = outcome.searched(seeds)
    assert [r["row"] for r in found] == ["base", "SFT", "with reference: gamma 3, beta 0.1"]
    assert found[2]["correct_claims"].value == 3.5 and found[2]["wrong_claims"].n == 2 * len(ids)
    (tried,) = outcome.points(seeds)
    assert tried["steps"] == 30 and tried["wrong_claims"].value == -0.75
    assert tried["correct_claims"].value == -0.125 and tried["correct_claims"].per_seed == (-0.25, 0.0)
    assert tried["correct_claims"].low == -0.25  # both draws may be the first seed


def test_ways_with_other_settings_are_rows_of_their_own() -> None:
    ids = [p.id for p in cells.chosen_on()]
    ways = [{"reward": "reference", "beta": beta, "gamma": gamma} for beta, gamma in ((0.2, 3.0), (0.1, 3.25))]
    seeds = [
        {
            "rows": [
                row("base", 4, 4, ids),
                row("SFT", 4, 4, ids),
                *(row("tuned", seed + n, 1, ids) | w for n, w in enumerate(ways)),
            ]
        }
        for seed in (1, 2)
    ]
    found = outcome.searched(seeds)
    assert [r["row"] for r in found][2:] == ["tuned: gamma 3, beta 0.2", "tuned: gamma 3.25, beta 0.1"]
    assert [r["correct_claims"].value for r in found][2:] == [1.5, 2.5]


def point(reward: str, beta: float, wrong: float, kept: float) -> dict[str, Any]:
    settings = {"reward": reward, "learning_rate": 1e-4, "beta": beta, "gamma": 0.0, "steps": 10}
    return settings | {
        "wrong_claims": Figure(wrong, wrong, wrong, 9),
        "correct_claims": Figure(kept - 1, kept - 1, kept - 1, 9),
    }


def test_the_choice_has_the_fewest_wrong_claims_among_those_that_keep_enough() -> None:
    points = [
        point("reference", 0.4, -0.2, 1.0),
        point("reference", 0.2, -0.5, 0.95),
        point("reference", 0.1, -0.6, 0.93),
        point("max", 0.4, -0.5, 0.80),
        point("max", 0.2, -0.2, 0.85),
    ]
    chosen = experiment.choose(points)
    assert [(r.reward, r.beta) for r in chosen] == [("reference", 0.2), ("max", 0.2)]


def test_both_kinds_of_reward_have_the_same_search() -> None:
    ways = {
        name: [(r.learning_rate, r.beta, r.steps, r.gamma) for r in experiment.search() if r.reward == name]
        for name in ("reference", "max")
    }
    assert ways["reference"] == ways["max"] and len(ways["max"]) > 1


def test_the_relative_change_is_that_of_the_means_and_its_interval_covers_it() -> None:
    rng = np.random.default_rng(0)
    before = rng.poisson(3.0, size=(3, 40)).astype(float)
    after = before * 0.5
    people = [f"p{i // 2}" for i in range(40)]
    halved = outcome.relative_change(before, after, people)
    assert halved.value == pytest.approx(-0.5) and halved.low == pytest.approx(-0.5) == halved.high
    after = rng.poisson(1.5, size=(3, 40))
    noisy = outcome.relative_change(before, after, people)
    assert noisy.low is not None and noisy.high is not None and noisy.value is not None
    assert noisy.low < noisy.value < noisy.high < 0 and len(noisy.per_seed) == 3 and noisy.n == 120


def row(name: str, right: int, wrong: int, ids: Sequence[str] | None = None) -> dict[str, Any]:
    ids = ids or [p.id for p in cells.proved()]
    return {
        "row": name,
        "correct": dict.fromkeys(ids, right),
        "wrong": dict.fromkeys(ids, wrong),
        "seldom": dict.fromkeys(ids, 1),
        "texts": {ids[0]: "A life."},
        "errors": 0,
    }


def test_the_table_shows_claims_a_life_and_changes_against_the_base(tmp_path: Any) -> None:
    about = {"pairs": 3, "claims_chosen": 5.0, "claims_rejected": 6.0}
    samples = [("Ada", 2, 0.5), ("Ada", 6, 0.5), ("Max", 2, 1.0)]
    measured = [row("base", 2, 4), row("SFT", 2, 4), row("with reference", 2, 1)]
    found = [{"rows": measured, "counts": {"reference": about}, "samples": samples} for _ in range(2)]
    table = outcome.rows(found)
    assert [r["row"] for r in table] == ["base", "SFT", "with reference"]
    assert table[2]["share_correct"].value == pytest.approx(2 / 3) and table[0]["wrong_claims"].n == 2 * 192
    change = outcome.changes(found)[1]
    assert change["wrong_claims_change"].value == -0.75 and change["correct_claims_change"].value == 0
    parts = outcome.apart(found)
    assert parts["met-5-times-or-less"][0]["wrong_claims"].n == 40
    assert parts["heldout-wording"][0]["wrong_claims"].n == 192
    assert [(r["row"], r["share_correct"].value) for r in outcome.by_length(found)] == [
        ("2 claims", 0.75),
        ("6 claims", 0.5),
    ]
    assert outcome.about_pairs(found) == [{"row": "reference"} | about]
    assert outcome.told(found)[0]["with reference"] == "A life."
    assert outcome.chart(table, tmp_path / "chart.svg").endswith("chart.svg")


def test_a_row_that_was_asked_of_some_prompts_is_held_against_the_base_on_these() -> None:
    tuned = [p.id for p in cells.proved() if cells.is_known(p) and p.tags["phrasing"] == "tuned"]
    base = row("base", 2, 4)
    base["wrong"] |= dict.fromkeys(tuned, 1)
    found = [{"rows": [base, row("best of ten", 2, 1, tuned)]}]
    (change,) = outcome.changes(found)
    assert change["wrong_claims_change"].value == 0 and change["wrong_claims_change"].n == len(tuned) == 96


def test_no_person_is_taught_and_chosen_on_or_measured() -> None:
    taught, chosen, proved = ({p.tags["entity"] for p in of()} for of in (cells.taught, cells.chosen_on, cells.proved))
    assert not (taught & chosen or taught & proved or chosen & proved)
    assert (len(taught), len(chosen), len(proved)) == (144, 88, 136)


def test_people_are_measured_in_a_wording_that_no_lesson_and_no_choice_uses() -> None:
    known = [p for p in cells.proved() if cells.is_known(p)]
    again = [p for p in known if p.tags["phrasing"] == "heldout"]
    assert len(again) == 96 and len({p.id for p in known}) == 192
    assert {p.tags["entity"] for p in again} == {p.tags["entity"] for p in known}
    used = {_wording(p) for p in [*cells.taught(), *cells.chosen_on()]}
    assert used == {_wording(p) for p in known if p.tags["phrasing"] == "tuned"}
    assert not used & {_wording(p) for p in again}


def _wording(prompt: Prompt) -> str:
    return prompt.messages[0].content.replace(prompt.tags["entity"], "")


def test_seeds_start_where_asked_and_never_among_the_search_s() -> None:
    assert experiment.Settings(first_seed=5).first_seed == 5
    for first in (-1, 996):
        with pytest.raises(BadInput, match="first_seed"):
            experiment.Settings(first_seed=first)


def test_a_small_cell_on_the_registry_s_base(monkeypatch: pytest.MonkeyPatch) -> None:
    every = cells.lives

    def few(split: Any, per_rank: int, skip: int = 0) -> list[Any]:
        return every(split, 1, skip)[4:6]

    monkeypatch.setattr(cells, "lives", few)
    monkeypatch.setattr(cells, "SFT_STEPS", 2)
    runs = (Run("reference", 1e-4, 0.1, 1), Run("max", 1e-4, 0.1, 2))
    cell = Cell(3, runs, "validation")
    made = cells.run_cell(cell)
    assert [r["row"] for r in made["rows"]] == ["base", "SFT", "with reference", "without: max p"]
    assert all(len(r["correct"]) == 4 and r["errors"] == 0 for r in made["rows"])
    assert (
        made["counts"]["reference"]["pairs"] > 0
        and len(made["samples"]) <= 20
        and made["counts"]["max"]["unscored_claims"] == 0
    )


def test_a_dry_run_says_how_long_it_takes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["papers", "run", "factuality", "--dry-run"]) == 0
    assert "minutes with 2 processes" in capsys.readouterr().out
    assert main(["papers", "run", "factuality", "--seeds", "0"]) == 2
