"""docs/tables.py: figures reach the documentation from the measured files alone."""

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def tables() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_tables", ROOT / "docs" / "tables.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def figure(value: float | None, n: int = 40) -> dict[str, Any]:
    low, high = (None, None) if value is None else (value - 0.05, value + 0.05)
    return {"value": value, "low": low, "high": high, "n": n}


MEASURED = {
    "paper": "example",
    "judge": "town 1",
    "seeds": [0, 1, 2],
    "seconds": 300.0,
    "errors": 1,
    "unscored": 0,
    "version": "0.1.0",
    "rows": [
        {"row": "before", "items": 10, "harmless_rate": figure(0.05), "tokens": figure(12.0)},
        {"row": "after", "items": 20, "harmless_rate": figure(0.9), "tokens": figure(None, 0)},
    ],
}


def test_a_share_is_a_percentage_with_interval_and_n_and_a_count_is_not(tables: ModuleType) -> None:
    lines = tables.table(MEASURED).splitlines()
    assert "| before | 5.0% [0.0, 10.0] n=40 | 12.00 [11.95, 12.05] n=40 |" in lines
    assert "| after | 90.0% [85.0, 95.0] n=40 | not measured |" in lines


def test_a_table_says_who_judged_how_often_and_what_went_wrong(tables: ModuleType) -> None:
    last = tables.table(MEASURED).splitlines()[-1]
    for said in ("town 1", "3 seeds", "1 errors, 0 unscored", "5 minutes", "0.1.0"):
        assert said in last


def test_a_part_with_seeds_of_its_own_says_how_many(tables: ModuleType) -> None:
    search = [{"row": "tried", "accuracy": {**figure(0.5), "per_seed": [0.4, 0.6]}, "tokens": figure(3.0)}]
    measured = {**MEASURED, "parts": {"search": search}}
    assert "; 2 seeds; " in tables.table(measured, where={"part": "search"})
    assert "; 3 seeds; " in tables.table(measured)


def test_only_what_is_between_the_markers_changes(tables: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "example.json").write_text(json.dumps(MEASURED))
    page = "Above.\n<!-- table example columns=items,tokens items=20 -->\nold\n<!-- /table -->\nBelow.\n"
    filled = tables.fill(page, tmp_path)
    assert filled.startswith("Above.\n<!-- table example columns=items,tokens items=20 -->\n|  | items |")
    assert filled.endswith("\n<!-- /table -->\nBelow.\n")
    assert "old" not in filled and "before" not in filled and "| after | 20 | not measured |" in filled
    assert tables.fill(filled, tmp_path) == filled


def test_a_table_without_its_measurement_stops_with_the_file_named(tables: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=re.escape("missing.json: no such measurement")):
        tables.fill("<!-- table missing -->\n<!-- /table -->", tmp_path)


def test_a_choice_of_rows_that_leaves_none_is_an_error(tables: ModuleType) -> None:
    with pytest.raises(SystemExit, match="no row has"):
        tables.table(MEASURED, where={"items": "30"})


def test_the_committed_tables_are_those_of_the_measured_files(tables: ModuleType) -> None:
    assert tables.main(["--check"]) == 0
