"""The experiment on the town, made tiny: every task runs, and its rows say what the tasks found."""

import json
from pathlib import Path

import pytest

from hansei.core.errors import BadInput
from hansei.core.result import Result
from hansei.inside import sparse_paper, sparse_rows, sparse_town
from hansei.inside.sparse_town import GridTask, RecoveryTask, SeedTask, Size
from hansei.models.load import town_path
from hansei.town.items import items


def test_a_student_that_never_refuses_has_nothing_to_be_said_about_its_refusals(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The untaught base stands in for the student: no refusal to detect or to ablate, all else as ever."""
    few = [i for shelf in ("train", "heldout") for i in items() if i.shelf == shelf][::20]
    monkeypatch.setattr(sparse_town, "items", lambda: few)
    monkeypatch.setattr(sparse_town, "student", lambda *_: town_path())
    monkeypatch.setattr(sparse_town, "HELDOUT", 1500)
    monkeypatch.setattr(sparse_town, "LOOKED_AT", 2)
    found = json.loads(json.dumps(sparse_town.run_seed(SeedTask(Size(64, 8, 12, 128, 2000), 0))))
    assert found["without AuxK"]["active"] <= 8 and 0 < found["with AuxK"]["error"] < 1
    rows = {row["row"]: row for row in sparse_rows.concepts([found, found])}
    assert rows["refusal"]["recall"].value is None and rows["refusal"]["no_probe"].value == 0
    dangerous = sum(i.dangerous for i in few if i.shelf == "heldout") / sum(i.shelf == "heldout" for i in few)
    assert rows["dangerous item"]["share_of_prompts"].value == pytest.approx(dangerous)
    assert rows["past tense"]["share_of_prompts"].value == pytest.approx(1 / 3)
    ablated = {row["row"]: row for row in sparse_rows.ablation([found, found])}
    assert ablated["none"]["refusal_rate"].value == 0 and ablated["none"]["right_answers"].value > 0.8
    assert sparse_rows.substituted([found, found])[0]["loss_added"].value > 0


def test_grid_law_recovery_and_chart_fit_together(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sparse_town, "HELDOUT", 1500)
    grid = [sparse_town.run_grid(GridTask(Size(n, k, 6, 128, 2000), 0)) for n in (32, 64) for k in (4, 8)]
    assert all(0 < g["loss"] < 1.2 and g["curve"][-1][0] == 6 * 6 * 128 * 192 * g["latents"] for g in grid)
    sizes = [(n, k) for n in (512, 256, 128, 64, 16) for k in (2, 4, 8)]
    exact = [grid[0] | {"latents": n, "k": k, "loss": (1 + 40 / n) / k} for n, k in sizes]
    law = sparse_rows.law(exact)
    assert {
        row["in_fit"] for row in law.rows if row["row"].startswith(("n = 512,", "n = 16, k = 4", "n = 16, k = 8"))
    } == {False}
    assert all(abs(float(row["off_by"].strip("%"))) < 5 for row in law.predicted)
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
