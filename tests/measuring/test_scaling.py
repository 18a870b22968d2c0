"""`hansei measure scaling`: laws come back from runs that follow them, intervals hold, broken runs get one line."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hansei.core.errors import BadInput
from hansei.measuring.scaling import Settings, run
from hansei.measuring.scaling_laws import ends, fit_loss, fit_passes

DRAWS, TRIALS = 200, 60
COMPUTE = 10 ** np.linspace(18, 22, 13)


def write(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def losses(noise: float = 0.002, seed: int = 0) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    values = (2000 * COMPUTE**-0.17 + 1.7) * np.exp(noise * rng.standard_normal(len(COMPUTE)))
    return [{"compute": c, "loss": y} for c, y in zip(COMPUTE, values, strict=True)]


def test_the_largest_decade_is_predicted_from_the_rest_and_what_lies_beyond_from_all(tmp_path: Path) -> None:
    file = write(tmp_path / "runs.jsonl", losses())
    made = run(Settings(file, at=(1e23,), draws=DRAWS, out=str(tmp_path / "out")))
    held = made.parts["held-out"]
    assert len(held) == 3 and all(row["inside"] == "yes" for row in held)
    assert held[-1]["predicted"].n == 10  # the fit behind the check has not seen them
    (ahead,) = made.parts["predictions"]
    assert ahead["predicted"].value == pytest.approx(2000 * 1e23**-0.17 + 1.7, rel=0.02)
    assert ahead["predicted"].n == 13 and ahead["decades_beyond"] == 1
    assert made.rows[0]["c"].value == pytest.approx(1.7, rel=0.03)
    assert json.loads((tmp_path / "out" / "result.json").read_text())["rows"][0]["a"]["n"] == 13
    assert "<svg" in (tmp_path / "out" / "scaling.svg").read_text()
    without = run(Settings(file, hold_out=0, draws=DRAWS))
    assert "held-out" not in without.parts and not without.files


def test_a_run_that_leaves_the_law_is_seen_by_the_check(tmp_path: Path) -> None:
    rows = losses()
    rows[-1]["loss"] *= 1.15
    held = run(Settings(write(tmp_path / "runs.jsonl", rows), draws=DRAWS)).parts["held-out"]
    assert [row["inside"] for row in held] == ["yes", "yes", "no"]
    assert held[-1]["error_percent"].startswith("-1")


def test_a_known_floor_narrows_the_prediction(tmp_path: Path) -> None:
    file = write(tmp_path / "runs.jsonl", losses())
    widths = []
    for floor in (None, 1.7):
        made = run(Settings(file, floor=floor, at=(1e24,), draws=DRAWS))
        _, low, high = ends(made.parts["predictions"][0]["predicted"])
        widths.append(high - low)
    assert widths[1] < widths[0] / 2
    assert made.rows[0]["c"] == 1.7


def test_pass_rates_by_problem_are_predicted_and_unsolved_problems_are_left_out_and_counted(tmp_path: Path) -> None:
    rng, rows = np.random.default_rng(1), []
    for c in COMPUTE:
        for problem in range(20):
            passes = int(rng.binomial(200, math.exp(-(0.5 + problem / 20) * 40 * c**-0.09)))
            rows.append({"compute": c, "problem": problem, "passes": max(1, passes), "attempts": 200})
        rows.append({"compute": c, "problem": "hard", "passes": 0, "attempts": 200})
    made = run(Settings(write(tmp_path / "runs.jsonl", rows), at=(1e23,)))
    assert made.rows[0]["k"].value == pytest.approx(0.09, abs=0.01)
    assert all(row["inside"] == "yes" for row in made.parts["held-out"])
    truth = math.exp(-0.975 * 40 * 1e23**-0.09)
    assert made.parts["predictions"][0]["predicted_pass_rate"].value == pytest.approx(truth, abs=0.03)
    assert any(note.startswith("1 problems that some run never solves") for note in made.notes)


def test_params_and_tokens_are_fitted_as_chinchillas_surface(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = [
        {"params": n, "tokens": d, "loss": (1.82 + 482 / n**0.348 + 2085 / d**0.366) * math.exp(0.002 * rng.normal())}
        for n in 10 ** np.linspace(7, 9.5, 6)
        for d in 10 ** np.linspace(8.5, 11, 6)
    ]
    made = run(Settings(write(tmp_path / "runs.jsonl", rows), at=(1e21,), draws=200, out=str(tmp_path / "out")))
    row = made.rows[0]
    for name, true in (("E", 1.82), ("alpha", 0.348), ("beta", 0.366)):
        assert row[name].value == pytest.approx(true, rel=0.05)
        assert row[name].low < row[name].value < row[name].high
    assert sum(r["inside"] == "yes" for r in made.parts["held-out"]) >= len(made.parts["held-out"]) - 1
    ahead = made.parts["predictions"][0]
    assert 6 * float(ahead["params"]) * float(ahead["tokens"]) == pytest.approx(1e21, rel=1e-3)
    by_compute = run(Settings(write(tmp_path / "runs.jsonl", rows), form="power", hold_out=0, draws=DRAWS))
    assert by_compute.rows[0]["row"] == "loss by compute"


def test_where_the_law_is_a_line_the_interval_is_students() -> None:
    from scipy.stats import t

    rng, compute = np.random.default_rng(3), 10 ** np.linspace(3, 5, 7)
    y, x = 4 * compute**-0.3 * np.exp(0.02 * rng.standard_normal(7)), np.log(compute)
    slope, at = np.polyfit(x, np.log(y), 1)
    spread = np.sqrt(((np.log(y) - at - slope * x) ** 2).sum() / 5)
    far = np.log(1e6)
    half = t.ppf(0.975, 5) * spread * np.sqrt(1 + 1 / 7 + (far - x.mean()) ** 2 / ((x - x.mean()) ** 2).sum())
    for law, base in (
        (fit_loss(compute, y + 2, 2.0, draws=40_000), 2.0),
        (fit_passes(compute, -y[None], draws=40_000), 0.0),
    ):
        value, low, high = ends(law.at(1e6))
        assert np.log(value - base) == pytest.approx(at + slope * far)
        assert np.log(high - base) - np.log(value - base) == pytest.approx(half, rel=0.04)
        assert np.log(value - base) - np.log(low - base) == pytest.approx(half, rel=0.04)


def test_intervals_hold_a_further_run_about_as_often_as_they_say() -> None:
    rng, compute, inside = np.random.default_rng(7), 10 ** np.linspace(0, 3, 12), 0
    for trial in range(TRIALS):
        loss = (0.6 + 0.2 * compute**-0.3) * np.exp(0.002 * rng.standard_normal(12))
        _, low, high = ends(fit_loss(compute[:-1], loss[:-1], draws=60, seed=trial).at(1e3))
        inside += low <= loss[-1] <= high
    assert inside >= 0.85 * TRIALS


BROKEN: list[tuple[list[dict[str, Any]], dict[str, Any], str]] = [
    ([{"flops": 1, "loss": 2}], {}, "expected as columns, found flops, loss"),
    ([{"compute": 1e18, "loss": "NaN"}], {}, "line 1: loss: a number above 0 was expected, found nan"),
    ([{"compute": 1e18, "loss": 2}, {"compute": 0, "loss": 2}], {}, "line 2: compute: a number above 0"),
    ([{"compute": 1e18, "loss": None}], {}, "line 1: loss: a number above 0 was expected, found None"),
    ([{"compute": -1, "loss": 2}], {}, "compute: a number above 0 was expected, found -1"),
    ([{"compute": 1e18, "loss": True}], {}, "found True"),
    (losses()[:3], {"hold_out": 0}, "4 different computes at least were expected, found 3"),
    (losses()[:6], {}, "held out (--hold-out 1): 4 different computes at least were expected, found 3"),
    (losses(), {"floor": 2.2}, "losses above the floor of 2.2 were expected"),
    (losses(), {"form": "chinchilla"}, "chinchilla needs the columns params, tokens and loss"),
    ([{"compute": 1e18, "passes": 5, "attempts": 4}], {}, "whole passes of whole attempts were expected"),
    ([{"compute": 1e18, "pass_rate": 40}], {}, "is it in per cent?"),
    ([{"compute": 1e18, "pass_rate": 0}, {"compute": 1e19, "pass_rate": 0.5}], {}, "a run has a pass rate of 0"),
    ([{"compute": c, "problem": c, "pass_rate": 0.5} for c in (1.0, 2.0)], {}, "every run on every problem"),
    ([{"compute": 1e18, "problem": 1, "pass_rate": 0.5}] * 2, {}, "line 2: problem '1' of run 1e+18 stands in it"),
    ([{"params": 10.0**n, "tokens": 5 * 10.0**n, "loss": 9.0 - n} for n in range(9)], {"hold_out": 0}, "rise together"),
    ([{"compute": 10.0**n, "pass_rate": 1} for n in range(5)], {}, "solves every problem every time"),
    (
        [{"params": 10.0**n, "tokens": 10.0**d, "loss": 2} for n in range(3) for d in range(3)],
        {"hold_out": 0},
        "a loss that falls with params and with tokens was expected",
    ),
    ([{"params": 1e9, "tokens": 1e9, "loss": 2}], {}, "8 runs with 3 different params"),
]  # fmt: skip


@pytest.mark.parametrize("rows,options,said", BROKEN, ids=[said[:30] for _, _, said in BROKEN])
def test_broken_runs_get_one_clear_line(
    tmp_path: Path, rows: list[dict[str, Any]], options: dict[str, Any], said: str
) -> None:
    with pytest.raises(BadInput) as error:
        run(Settings(write(tmp_path / "runs.jsonl", rows), **options))
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("options", [{"hold_out": 0.5}, {"at": (0.0,)}, {"draws": 5}, {"floor": -1.0}])
def test_settings_that_make_no_fit_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        Settings("runs.jsonl", **options)
