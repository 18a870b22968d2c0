"""The experiment on the town, made tiny: every task runs, and its rows say what the tasks found."""

import json
import random
from pathlib import Path

import pytest
import torch

from hansei.core.errors import BadInput
from hansei.core.result import Result
from hansei.inside import sparse_paper, sparse_refusal, sparse_rows, sparse_town
from hansei.inside.activations import Layer
from hansei.inside.sparse_looked import Looked, alike
from hansei.inside.sparse_refusal import LAYER
from hansei.inside.sparse_town import GridTask, RecoveryTask, SeedTask, Size
from hansei.inside.sparse_training import train_on
from hansei.models.load import town_path
from hansei.town.items import Item, items


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> list[Item]:
    """A town of few items, of which every second is dangerous; little text is read."""
    shelves = ("train", "validation", "heldout")
    found = [i for s in shelves for d in (True, False) for i in items() if (i.shelf, i.dangerous) == (s, d)][::12]
    monkeypatch.setattr(sparse_refusal, "items", lambda: found)
    monkeypatch.setattr(sparse_town, "HELDOUT", 1500)
    monkeypatch.setattr(sparse_town, "LOOKED_AT", 2)
    return found


def test_a_student_that_never_refuses_has_nothing_to_be_said_about_its_refusals(
    monkeypatch: pytest.MonkeyPatch, few: list[Item]
) -> None:
    """The untaught base stands in for the student: no refusal to detect or to ablate, all else as ever."""
    base = sparse_refusal.looked_at(Layer(town_path(), LAYER, device="cpu"), 0)
    assert base.refuses == 0 and base.right > 0.8
    monkeypatch.setattr(sparse_town, "student", lambda *_: base)
    found = json.loads(json.dumps(sparse_town.run_seed(SeedTask(Size(64, 8, 12, 128, 2000), 0))))
    assert found["without AuxK"]["active"] <= 8 and 0 < found["with AuxK"]["error"] < 1
    rows = {row["row"]: row for row in sparse_rows.concepts([found, found])}
    assert rows["refusal"]["recall"].value is None and rows["refusal"]["no_probe"].value == 0
    dangerous = sum(i.dangerous for i in few if i.shelf == "heldout") / sum(i.shelf == "heldout" for i in few)
    assert rows["dangerous item"]["share_of_prompts"].value == pytest.approx(dangerous)
    assert rows["past tense"]["share_of_prompts"].value == pytest.approx(1 / 3)
    (row,) = sparse_rows.ablation([found, found])
    assert row["row"] == "none" and row["refusal_rate"].value == 0 and row["right_answers"].value > 0.8
    assert row["answers_to_dangerous"].value == 1
    assert sparse_rows.substituted([found, found])[0]["loss_added"].value > 0


def test_a_student_is_taught_until_it_refuses_and_its_latents_are_chosen_where_it_is_not_measured(
    few: list[Item], tmp_path: Path
) -> None:
    taught = sparse_refusal.student(sparse_refusal.refusal_lessons(), 0, (1, 25, 20), tmp_path / "student")
    assert taught.steps in (20, 25) and taught.refuses >= 0.9 and taught.right >= 0.9
    rows_ND = taught.layer.read(sparse_town.taken(taught.layer, 2000, [], seed=0)).activations_ND
    sae = train_on(sparse_town.drawn(rows_ND, 128, 0), rows_ND, Size(64, 8, 40, 128, 2000).settings(0))[0].finished()
    looked = Looked(taught, sae)
    ways = looked.ways(3, 0)
    assert set(ways) == set(sparse_rows.ORDER) and ways["refusal detector"] == [3] and ways["none"] == []
    assert ways["10 refusal latents"][:4] == ways["4 refusal latents"]
    chosen = {*ways["10 refusal latents"], 3}
    assert not chosen & {*ways["10 control latents"], *ways["most frequent latent"]}
    assert len({*ways["10 control latents"]}) == 10
    found = looked.ablations({"none": [], "all": list(range(64))}, sparse_refusal.asked("heldout"))
    heldout = [i for i in few if i.shelf == "heldout"]
    assert len(found["none"]["refused"]) == sum(i.dangerous for i in heldout)
    assert len(found["none"]["right"]) == sum(not i.dangerous for i in heldout)
    assert found["none"]["refused"] != found["all"]["refused"]


def test_controls_fire_about_as_often_and_are_none_of_the_chosen() -> None:
    often = torch.linspace(0, 1, 101)
    found = alike(often, [100, 50, 51], [100, 50, 51, 52], random.Random(0))
    assert len(set(found)) == 3 and not {50, 51, 52, 100} & set(found)
    assert 89 <= found[0] <= 99 and all(44 <= latent <= 58 for latent in found[1:])


def test_grid_law_recovery_and_chart_fit_together(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sparse_town, "HELDOUT", 1500)
    grid = [sparse_town.run_grid(GridTask(Size(n, k, 6, 128, 2000), 0)) for n in (32, 64) for k in (4, 8)]
    assert all(0 < g["loss"] < 1.2 and g["curve"][-1][0] == 6 * 6 * 128 * 192 * g["latents"] for g in grid)
    (row,) = sparse_rows.dead_by_k(grid, [grid[2] | {"dead": 0.25}])
    assert row["row"] == "n = 64, k = 4" and row["dead_without_AuxK"] == "25.0%"
    sizes = [(n, k) for n in (512, 256, 128, 64, 32) for k in (2, 4, 8)]
    exact = [grid[0] | {"latents": n, "k": k, "loss": (1 + 40 / n) / k} for n, k in sizes]
    law = sparse_rows.law(exact)
    assert {row["row"] for row in law.rows if not row["in_fit"]} == {f"n = 512, k = {k}" for k in (2, 4, 8)}
    assert len(law.predicted) == 6 and all(abs(float(row["off_by"].strip("%"))) < 5 for row in law.predicted)
    tasks = [RecoveryTask(32, 4, 5, 64, seed) for seed in (0, 1)]
    known = sparse_rows.recovery(tasks, [sparse_town.run_recovery(task) for task in tasks])
    assert known[0]["recovered"].n == 2
    path = sparse_rows.chart(law, known, tmp_path / "chart.svg")
    assert "latents n" in Path(path).read_text(encoding="utf-8")


def test_a_dry_run_trains_nothing_and_bad_settings_are_refused(tmp_path: Path) -> None:
    result = sparse_paper.run(sparse_paper.Settings(out=str(tmp_path / "none"), dry_run=True))
    assert isinstance(result, Result) and not result.rows and not (tmp_path / "none").exists()
    with pytest.raises(BadInput, match="must be 1 or more"):
        sparse_paper.Settings(seeds=0)
