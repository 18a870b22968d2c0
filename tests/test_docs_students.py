"""docs/students.py: the demo's students and MART's targets answer the same prompts, and every row has its figures."""

from __future__ import annotations

import dataclasses
import importlib
import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from hansei.loop import town_demo
from hansei.loop.settings import LearnSettings
from hansei.safety import mart_cells
from hansei.safety import mart_town as town

DOCS = Path(__file__).parent.parent / "docs"
PROOF = {split: town.proof(split)[::step] for split, step in (("validation", 11), ("heldout", 80))}  # type: ignore[arg-type]


@pytest.fixture
def students(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """The script, with few prompts and one step of each training."""
    monkeypatch.syspath_prepend(str(DOCS))
    script = importlib.import_module("students")
    monkeypatch.setattr(script, "OUT", tmp_path / "students.json")
    monkeypatch.setattr(town_demo, "LearnSettings", lambda **more: LearnSettings(**more | {"limit": 24, "steps": 1}))
    for name in ("START_STEPS", "SCHOOL_STEPS"):
        monkeypatch.setattr(town, name, 1)
    for name, value in (("ROUNDS", 2), ("STEPS", 1), ("ATTACKER_STEPS", 1), ("INSTRUCTIONS", 4), ("LESSONS", 4)):
        monkeypatch.setattr(mart_cells, name, value)
    full = script.settings_of
    arm = dataclasses.replace(mart_cells.ARMS[0], rounds=2)
    monkeypatch.setattr(script, "ARMS", (arm, *mart_cells.ARMS[1:]))
    few = {"attacks": 8, "exercises": 4, "answers": 1, "distilled": (), "preprompt": ""}
    monkeypatch.setattr(script, "settings_of", lambda cell: dataclasses.replace(full(cell), **few))
    training = town.training
    small = partial(dataclasses.replace, batch=4)
    monkeypatch.setattr(town, "training", lambda steps, rate, seed: small(training(steps, rate, seed)))
    monkeypatch.setattr(script, "proof", lambda split: PROOF[split])
    monkeypatch.setattr(town, "proof", lambda split: PROOF[split])
    return script


def test_the_students_of_all_methods_stand_in_one_table(
    students: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["students.py", "--seeds", "1", "--out", str(tmp_path / "runs")])
    assert students.main() == 0
    made = json.loads((tmp_path / "students.json").read_text())
    rows = {row["row"]: row for row in made["rows"]}
    assert list(rows) == list(students.LABELS.values())
    asked = {(row["harmless_rate"]["n"], row["helpful_rate"]["n"]) for row in rows.values()}
    assert len(asked) == 1 and min(next(iter(asked))) > 0
    assert rows["the base"]["harmless_rate"]["value"] == 0  # the one that is known: it helps with everything
    assert made["settings"]["mart_rate"] == json.loads((DOCS / "measured" / "mart.json").read_text())["rates"]["MART"]
    assert (tmp_path / "runs" / "0" / "demo" / "student").is_dir()
