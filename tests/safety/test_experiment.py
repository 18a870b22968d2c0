"""The experiment: the same search for every row, a choice by one rule, and no task that is done twice."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hansei.core.errors import BadInput
from hansei.core.journal import Journal
from hansei.safety import cells, discrimination, experiment, goal_hijack, transfer
from hansei.safety.cells import MODES
from hansei.safety.experiment import Settings
from hansei.safety.outcome import Outcome
from hansei.steps.pool import Pool
from hansei.town import words, workshop

TINY = {"sizes": (10,), "seeds": 2, "workers": 1}
ROWS = tuple(row for row in cells.ROWS if row.name in ("SFT", "RLHF (RLOO)", "Facts (control)"))
HELDOUT = workshop.prompts("heldout", ("request", "past", "hijack"))[::7]
VALIDATION = workshop.prompts("validation", phrasings=2)[::7]


class Later(concurrent.futures.Future[Any]):
    """A task that is worked on when its result is asked for."""

    def __init__(self, work: Callable[[Any], Any], task: Any) -> None:
        super().__init__()
        self.work, self.task = work, task
        self.set_result(None)

    def result(self, timeout: float | None = None) -> Any:
        return self.work(self.task)


class Here:
    """Stands for the pool of processes, in this one."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def submit(self, work: Callable[[Any], Any], task: Any) -> Later:
        return Later(work, task)

    def shutdown(self, **_: Any) -> None:
        pass


def measured(harmless: float, helpful: float, prompts: list[Any]) -> dict[str, Any]:
    """What a student scores that does right at these shares of the prompts."""

    def share(suite: str, kind: str, of: float) -> dict[str, float]:
        mine = [p.id for p in prompts if (p.tags["suite"], p.tags["kind"]) == (suite, kind)]
        return {id: float(i < of * len(mine)) for i, id in enumerate(mine)}

    values = {
        "harmless_rate": share("request", "dangerous", harmless),
        "helpful_rate": share("request", "safe", helpful),
        "over_refusal": share("request", "alarming", 1 - helpful),
        "harmless_helpful": {id: x / 2 for id, x in share("request", "dangerous", harmless).items()},
        "past_tense_success": share("past", "dangerous", 1),
        "goal_hijack_success": share("hijack", "dangerous", 1 - harmless),
        "tokens": {p.id: 12.0 for p in prompts},
    }
    return {"values": values, "texts": {}, "counts": {"asked": len(prompts), "error": 0, "unscored": 1}}


class World:
    """Tasks that cost nothing, and how often each was done; dies before task number `dies_at`."""

    def __init__(self) -> None:
        self.done: list[tuple[str, Any]] = []
        self.dies_at: int | None = None

    def _count(self, name: str, task: Any) -> None:
        if self.dies_at is not None and len(self.done) >= self.dies_at:
            raise KeyboardInterrupt
        self.done.append((name, task))

    def measure_base(self, task: str) -> Any:
        self._count("measure_base", task)
        return {
            "validation": {mode: measured(0, 1, VALIDATION) for mode in MODES},
            "heldout": {mode: measured(0, 1, HELDOUT) for mode in MODES},
        }

    def run_cell(self, cell: cells.Cell) -> Any:
        self._count("run_cell", cell)
        wanted = tuple((step, mode) for step in cell.steps for mode in MODES)
        return self._students(cells.Final(cell, wanted), VALIDATION)

    def run_final(self, final: cells.Final) -> Any:
        self._count("run_final", final)
        return self._students(final, HELDOUT)

    def _students(self, final: cells.Final, prompts: list[Any]) -> Any:
        """More steps and a higher rate: more harmless; from 40 steps on at the highest rate no longer helpful."""
        students: dict[str, Any] = {}
        for steps, mode in final.wanted:
            much = steps * final.cell.learning_rate / (40 * max(experiment.RATES))
            kept = 0.5 if much == 1 else 1.0
            students.setdefault(str(steps), {})[mode] = measured(much, kept, prompts)
        return {"cell": dataclasses.asdict(final.cell), "counts": {"answer": 20, "keep": 318}, "students": students}

    def run_hijack(self, task: goal_hijack.Task) -> Any:
        self._count("run_hijack", task)
        hijacks = [p.id for p in HELDOUT if p.tags["suite"] == "hijack"]
        lessons = 0 if task.teaching == "none" else 500
        return {"steps": 10, "lessons": lessons, "values": {"goal_hijack_success": dict.fromkeys(hijacks, 0.0)}}

    def discriminate(self, task: str) -> Any:
        self._count("discriminate", task)
        return {"dangerous requests": {"answer": {p.id: 0.0 for p in HELDOUT if p.expected == "refuse"}}}

    def run_transfer(self, task: transfer.Task) -> Any:
        self._count("run_transfer", task)
        return {category: {p.id: 1.0 for p in HELDOUT if p.tags["category"] == category} for category in words.HARMS}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()
    homes = {
        "measure_base": cells,
        "run_cell": cells,
        "run_final": cells,
        "run_hijack": goal_hijack,
        "discriminate": discrimination,
        "run_transfer": transfer,
    }
    for name, home in homes.items():
        monkeypatch.setattr(home, name, getattr(world, name))
    monkeypatch.setattr(cells, "ROWS", ROWS)
    monkeypatch.setattr(concurrent.futures, "ProcessPoolExecutor", Here)
    return world


def settings(out: Path, **more: Any) -> Settings:
    return Settings(out=str(out), **(TINY | more))


def test_an_experiment_that_was_killed_goes_on_and_repeats_nothing(world: World, tmp_path: Path) -> None:
    whole = experiment.run(settings(tmp_path / "whole")).to_json()
    tasks, world.done = world.done, []
    for dies_at in (5, 14, 30):
        world.dies_at = dies_at
        with pytest.raises(KeyboardInterrupt):
            experiment.run(settings(tmp_path / "killed"))
        assert len(world.done) == dies_at
    world.dies_at = None
    resumed = experiment.run(settings(tmp_path / "killed")).to_json()
    assert _lines(world.done) == _lines(tasks) and max(Counter(_lines(tasks)).values()) == 1
    for name in ("rows", "parts", "counts", "frontier", "errors", "unscored"):
        assert resumed[name] == whole[name]


def test_a_finished_experiment_does_nothing_again(world: World, tmp_path: Path) -> None:
    first = experiment.run(settings(tmp_path))
    world.dies_at = 0
    again = experiment.run(settings(tmp_path))
    assert (again.rows, again.parts) == (first.rows, first.parts)


def test_more_seeds_keep_what_the_first_ones_found(world: World, tmp_path: Path) -> None:
    experiment.run(settings(tmp_path, seeds=1))
    before = len(world.done)
    experiment.run(settings(tmp_path, seeds=2))
    added = Counter(name for name, _ in world.done[before:])
    assert added["measure_base"] == added["run_cell"] == added["discriminate"] == 0
    assert {task.cell.seed for name, task in world.done[before:] if name == "run_final"} == {1}


def test_another_version_of_the_methods_is_measured_anew(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment.run(settings(tmp_path))
    tasks, world.done = len(world.done), []
    monkeypatch.setattr(experiment, "VERSION", "another")
    experiment.run(settings(tmp_path))
    assert len(world.done) == tasks


def test_every_row_has_the_same_search_and_is_measured_with_every_seed(world: World, tmp_path: Path) -> None:
    experiment.run(settings(tmp_path, sizes=(10, 20)))
    searched = Counter((c.row.name, c.size) for name, c in world.done if name == "run_cell")
    assert searched == {(row.name, size): 3 for row in ROWS for size in (10, 20)}
    for name, cell in world.done:
        if name == "run_cell":
            assert (cell.seed, cell.split, len(cell.steps)) == (experiment.SEARCH_SEED, "validation", 4)
    finals = [task for name, task in world.done if name == "run_final"]
    modes = Counter((f.cell.row.name, f.cell.size, f.cell.seed, mode) for f in finals for _, mode in f.wanted)
    assert modes == {(r.name, size, seed, m): 1 for r in ROWS for size in (10, 20) for seed in (0, 1) for m in MODES}
    assert all(f.cell.split == "heldout" and set(f.cell.steps) == {s for s, _ in f.wanted} for f in finals)


def test_rlhf_starts_from_the_students_that_the_search_of_sft_has_chosen(world: World, tmp_path: Path) -> None:
    made = experiment.run(settings(tmp_path))
    sft = next(r for r in made.rows if (r["row"], r["mode"]) == ("SFT", "plain"))
    rlhf = [t if name == "run_cell" else t.cell for name, t in world.done if name in ("run_cell", "run_final")]
    starts = {(c.start_steps, c.start_rate) for c in rlhf if c.row.method == "rlhf"}
    assert starts == {(sft["steps"], sft["learning_rate"])}
    assert {(c.start_steps, c.start_rate) for c in rlhf if c.row.method != "rlhf"} == {(0, 0.0)}


def test_the_outcome_has_the_shape_of_an_experiment_and_fits_the_tables_of_the_documentation(
    world: World, tmp_path: Path
) -> None:
    made = experiment.run(settings(tmp_path))
    plain = json.loads(json.dumps(made.to_json(), allow_nan=False))
    asked = {"paper", "settings", "seeds", "rows", "seconds", "peak_rss_mb", "errors", "unscored", "version", "judge"}
    assert asked <= set(plain)
    assert plain["paper"] == "mistake-analysis" and plain["seeds"] == [0, 1] and plain["judge"].startswith("town ")
    assert len(plain["rows"]) == 2 + 2 * len(ROWS)  # the base and every row, plain and guided
    assert plain["errors"] == 0 and plain["unscored"] == 2 + 2 * 2 * len(ROWS)  # one a student
    for row in plain["rows"]:
        assert {"value", "low", "high", "n", "per_seed"} == set(row["harmless_rate"])
        assert len(row["harmless_rate"]["per_seed"]) == (1 if row["row"] == "Base" else 2)
        assert ("harmless_rate_minus_sft" in row) == (row["row"] not in ("Base", "SFT"))
    assert {name: len(rows) for name, rows in plain["parts"].items()} == {
        "goal-hijacking": 4,
        "discrimination": 1,
        "transfer": 9,
    }
    assert plain["counts"]["SFT, 10"] == {"answer": 20, "keep": 318}
    assert len(plain["frontier"]) == len(ROWS) * 3 * 4 * 2  # rates, step counts, modes


def test_the_outcome_prints_a_table_a_part_and_says_what_stands_in_it(world: World, tmp_path: Path) -> None:
    page = str(experiment.run(settings(tmp_path)))
    for said in ("Base, guided", "SFT, 10 items", "harmless", "over-refusal", "goal-hijacking", "two-way bootstrap"):
        assert said in page
    (sft,) = [line for line in page.splitlines() if line.startswith("SFT, 10 items ")]
    assert "100.0 [" in sft  # helpful: all seeds, all items, and an interval all the same
    assert "not measured" not in sft


def test_a_dry_run_says_how_much_it_would_be_and_does_nothing(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = experiment.run(settings(tmp_path / "run", dry_run=True, sizes=(10, 20), seeds=5))
    said = capsys.readouterr().out
    assert "18 searches over 4 step counts" in said and "30 or more students of 3 rows" in said
    assert world.done == [] and not (tmp_path / "run").exists()
    assert str(made) == "dry run: nothing was asked or written" and made.to_json()["rows"] == []


def test_a_quick_run_has_one_size_one_seed_and_two_rates(world: World, tmp_path: Path) -> None:
    made = experiment.run(Settings(out=str(tmp_path), quick=True))
    assert made.settings["seeds"] == 1 and {row["size"] for row in made.rows} == {0, 20}
    for name, rates in (("SFT", experiment.RATES), ("RLHF (RLOO)", experiment.RLOO_RATES)):
        searched = {point["learning_rate"] for point in made.frontier if point["row"] == name}
        assert searched == {min(rates), max(rates)}


def test_the_estimate_grows_with_the_work_and_shrinks_with_the_processes() -> None:
    def minutes(**more: Any) -> int:
        return int(re.findall(r"about (\d+) minutes", experiment.estimate(Settings(**more)))[0])

    whole = minutes()
    assert abs(minutes(workers=1) - 2 * whole) <= 1
    assert minutes(seeds=10) > whole > minutes(sizes=(20,)) > minutes(sizes=(20,), seeds=1, quick=True)
    assert minutes(sizes=(20,), seeds=1, quick=True) <= 10  # a quick run is to take at most 15


@pytest.mark.parametrize(
    "wrong", [{"seeds": 0}, {"workers": 0}, {"sizes": ()}, {"sizes": (0,)}, {"sizes": (10, 100)}], ids=str
)
def test_numbers_that_make_no_experiment_are_bad_input(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        Settings(**wrong)


def point(steps: int, rate: float, harmless: float, helpful: float, row: str = "SFT") -> dict[str, Any]:
    """A search result of one student."""
    values = {"harmless_rate": {"a": harmless, "b": harmless}, "helpful_rate": {"c": helpful, "d": None}}
    cell = {"row": {"name": row}, "size": 10, "learning_rate": rate}
    return {"cell": cell, "students": {str(steps): {"plain": {"values": values}}}}


@pytest.mark.parametrize(
    ("points", "chosen"),
    [
        ([point(5, 1e-3, 0.2, 1.0), point(10, 1e-3, 0.9, 0.95), point(20, 1e-3, 1.0, 0.9)], (1e-3, 10)),
        ([point(5, 1e-3, 0.2, 0.3), point(10, 1e-3, 0.9, 0.6), point(20, 1e-3, 1.0, 0.5)], (1e-3, 10)),
        ([point(20, 1e-3, 0.5, 1.0), point(10, 6e-4, 0.5, 1.0), point(40, 3e-4, 0.5, 1.0)], (6e-4, 10)),
        ([point(10, 3e-4, 0.5, 1.0), point(10, 6e-4, 0.5, 0.97)], (3e-4, 10)),
    ],
    ids=["the most harmless that stays helpful", "else the most helpful", "of equals the shortest", "then the first"],
)
def test_the_search_chooses_by_its_rule(points: list[dict[str, Any]], chosen: tuple[float, int]) -> None:
    choices, frontier = experiment._choose(points, needed=0.95)
    assert choices == {("SFT", 10, "plain"): chosen}
    assert len(frontier) == len(points), "every point that was tried is kept"


def test_each_row_is_chosen_for_by_itself() -> None:
    points = [point(5, 1e-3, 0.2, 1.0), point(10, 1e-3, 0.9, 1.0), point(5, 3e-4, 0.4, 1.0, row="Facts")]
    choices, _ = experiment._choose(points, needed=0.95)
    assert choices == {("SFT", 10, "plain"): (1e-3, 10), ("Facts", 10, "plain"): (3e-4, 5)}


def test_missing_values_are_in_no_mean() -> None:
    assert experiment.mean({"a": 1.0, "b": None, "c": 0.0}) == 0.5


def test_a_task_that_fails_stops_the_run_and_what_was_finished_is_kept(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Journal.open(tmp_path) as journal, Pool(1, journal, experiment.VERSION) as pool:

        def fails_at_two(task: int) -> int:
            if task == 2:
                raise RuntimeError("out of memory")
            return 10 * task

        with pytest.raises(RuntimeError, match="out of memory"):
            pool.run(fails_at_two, [1, 2, 3], "tasks")
        assert pool.run(fails_at_two, [1], "tasks") == [10]
    assert isinstance(experiment.run(settings(tmp_path / "other", dry_run=True)), Outcome)


def _lines(tasks: list[tuple[str, Any]]) -> list[str]:
    return sorted(str(task) for task in tasks)
