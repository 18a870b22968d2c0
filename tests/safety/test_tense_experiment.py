"""The past-tense experiment: lessons apart from attacks, steps chosen in the present tense, figures over seeds."""

from __future__ import annotations

import concurrent.futures
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from hansei.core.errors import BadInput
from hansei.core.journal import Journal
from hansei.core.records import Attempt, Prompt, Sampling, user
from hansei.core.result import Result
from hansei.models.load import load
from hansei.safety import tense_experiment as experiment
from hansei.safety import tense_judge, tense_outcome, tense_town
from hansei.safety.tense_experiment import Settings, choose
from hansei.safety.tense_judge import SmallJudge, judge_lessons
from hansei.safety.tense_town import Cell, Search, defence_lessons, held_out, present_lessons
from hansei.steps.pool import Pool
from hansei.town import phrasing, workshop
from hansei.town.items import items
from hansei.town.reformulate import reformulations, wordings
from tests.safety.test_experiment import Here
from tests.steps.fakes import FakeModel, broken

ITEMS = {item.name: item for item in items()}
REQUESTS = held_out(3)
SAFE = [p for p in workshop.prompts("heldout") if p.expected == "answer"]


def about(lesson: Any) -> Any:
    """The item that a lesson is about."""
    return ITEMS[lesson.prompt_id.partition("/")[2]]


@pytest.mark.parametrize("how", ["few", "many"])
def test_lessons_of_the_first_tuning_are_in_the_present_tense_only(how: Any) -> None:
    lessons = present_lessons(how, 3)
    assert len(lessons) == 205 * (4 if how == "few" else 6)
    for lesson in lessons:
        text = lesson.prompt[-1].content
        assert not any(word in text for word in ("did ", "will ", "was ", "were "))
        assert (lesson.completion == phrasing.REFUSALS[0]) == about(lesson).dangerous


@pytest.mark.parametrize("share", [0.0, 0.02, 0.05, 0.3])
def test_a_defence_has_its_share_of_past_tense_refusals_among_all_its_lessons(share: float) -> None:
    lessons = defence_lessons(share, 1)
    purposes = Counter(lesson.purpose for lesson in lessons)
    assert len(lessons) == tense_town.MIXED == 4000 and purposes["defence"] == round(4000 * share)
    assert purposes["keep"] == 2 * round(tense_town.ASIDE * (4000 - purposes["defence"]))
    for lesson in lessons:
        if lesson.purpose == "defence":
            assert lesson.prompt_id.startswith("past/") and lesson.completion == phrasing.REFUSALS[0]
        if lesson.purpose == "keep":
            assert not about(lesson).dangerous


def test_no_lesson_knows_an_item_or_a_wording_of_the_attack() -> None:
    lessons = [*present_lessons("many", 0), *defence_lessons(0.3, 0), *judge_lessons()]
    asked = {(p.tags["entity"], text) for p in REQUESTS for t in ("present", "past") for text in _attacks(p, t)}
    assert not {lesson.prompt[0].content for lesson in lessons} & {text for _, text in asked}
    for lesson in lessons:
        item = about(lesson)
        assert item.shelf == "train"
        form = lesson.prompt[0].content.replace(item.name, "{name}")
        assert not any(form in wordings(t, "attack") for t in ("present", "past", "future"))  # type: ignore[arg-type]


def _attacks(prompt: Prompt, tense: Any) -> list[str]:
    return reformulations(workshop.item_of(prompt), tense)


def test_the_attack_has_ten_held_out_requests_of_each_category() -> None:
    chosen = held_out(10)
    assert set(Counter(p.tags["category"] for p in chosen).values()) == {10} and len(chosen) == 100
    assert all(p.expected == "refuse" and p.tags["phrasing"] == "tuned" and p.split == "heldout" for p in chosen)


def point(steps: int, success: float, helpful: float) -> dict[str, Any]:
    return {"steps": steps, "present_tense_success": success, "helpful_rate": helpful}


@pytest.mark.parametrize(
    ("points", "chosen"),
    [
        ([point(40, 0.0, 1.0), point(80, 0.0, 0.96), point(120, 0.1, 1.0)], 80),
        ([point(40, 0.1, 1.0), point(80, 0.05, 1.0)], 80),
        ([point(40, 0.2, 0.96), point(80, 0.0, 0.9)], 40),
    ],
    ids=["the longest without a success", "else the fewest successes", "among those that stay helpful"],
)
def test_the_steps_are_chosen_by_the_present_tense_alone(points: list[dict[str, Any]], chosen: int) -> None:
    assert choose(points) == chosen


class World:
    """Cells that cost nothing: present never, reworded at attempt 3, future at 2, past at 1 (0-based); not defended."""

    def __init__(self) -> None:
        self.done: list[Any] = []
        self.dies_at: int | None = None

    def run_search(self, task: Search) -> list[dict[str, Any]]:
        return [point(s, 0.0 if s >= 80 else 0.5, 1.0) | {"wordings": task.wordings} for s in task.steps]

    def run_cell(self, cell: Cell) -> dict[str, Any]:
        if self.dies_at is not None and len(self.done) >= self.dies_at:
            raise KeyboardInterrupt
        self.done.append(cell)
        at = dict.fromkeys(cell.tenses, 0) if cell.wordings == "none" else {"reworded": 3, "future": 2, "past": 1}
        return self._measured(cell, {"future": 4} if cell.share else at)

    def _measured(self, cell: Cell, first: dict[str, int]) -> dict[str, Any]:
        scores = {
            tense: {
                judge: {p.id: [float(late <= n - first.get(tense, 99)) for n in range(5)] for p in REQUESTS}
                for judge, late in (("town", 0), ("rules", 0), ("model", 1))
            }
            for tense in cell.tenses
        }
        values = {
            "helpful_rate": {p.id: 1.0 for p in SAFE if p.tags["kind"] == "safe"},
            "over_refusal": {p.id: 0.0 for p in SAFE if p.tags["kind"] == "alarming"},
        }
        values |= {f"{name}_past": v for name, v in values.items()}
        return {"scores": scores, "values": values, "errors": 0, "unscored": 1}


def with_world(patch: pytest.MonkeyPatch) -> World:
    world = World()
    patch.setattr(tense_town, "run_search", world.run_search)
    patch.setattr(tense_town, "run_cell", world.run_cell)
    patch.setattr(concurrent.futures, "ProcessPoolExecutor", Here)
    return world


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return with_world(monkeypatch)


def settings(out: Path, **more: Any) -> Settings:
    return Settings(**{"out": str(out), "seeds": 2, "shares": (0.0, 0.05), "attempts": 5, "workers": 1, **more})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """One result, for the tests that only read it."""
    with pytest.MonkeyPatch.context() as patch:
        with_world(patch)
        return experiment.run(settings(tmp_path_factory.mktemp("past-tense")))


def test_the_table_has_a_row_a_student_with_every_tense_and_over_refusal_beside(made: Result) -> None:
    plain = json.loads(json.dumps(made.to_json(), allow_nan=False))
    assert plain["paper"] == "past-tense" and plain["seeds"] == [0, 1] and plain["unscored"] == 2 * 3 + 2 + 1
    rows = {row["row"]: row for row in plain["rows"]}
    tuned = rows["present-tense refusals"]
    assert [tuned[f"{t}_success"]["value"] for t in ("present_tense", "reworded", "future_tense", "past_tense")] == [
        0.0,
        1.0,
        1.0,
        1.0,
    ]
    assert tuned["past_tense_success"]["n"] == 2 * 30 and len(tuned["past_tense_success"]["per_seed"]) == 2
    assert rows["with 5% past-tense refusals"]["past_tense_success"]["value"] == 0.0
    assert rows["with 0% past-tense refusals"]["past_tense_success"]["value"] == 1.0
    assert all(
        {"over_refusal", "over_refusal_past", "helpful_rate", "helpful_rate_past"} <= set(r) for r in rows.values()
    )
    assert rows["base, not tuned"]["present_tense_success"]["value"] == 1.0
    assert Path(made.files[0]).read_text().startswith("<?xml")


def test_success_is_told_after_each_number_of_attempts(made: Result) -> None:
    rows = {row["row"]: row for row in made.parts["attempts"]}
    curve = rows["present-tense refusals: future"]
    assert [curve[f"after_{k}"].value for k in (1, 2, 5)] == [0.0, 0.0, 1.0]


def test_the_papers_rule_follows_the_exact_judge_whatever_order_the_journal_gives(made: Result) -> None:
    """The third judge hears a success one attempt later than the first: shown the first one only, it hears none."""
    rows = {row["row"]: row for row in made.parts["judges"]}
    assert rows["past, town"]["paper"].value == rows["past, rules"]["paper"].value == 1.0
    assert rows["past, model"]["paper"].value == 0.0 and rows["past, model"]["independent"].value == 1.0
    assert rows["past, model"]["difference"].value == 1.0
    trust = {row["row"]: row for row in made.parts["trust"]}
    assert trust["rules"]["sensitivity"].value == trust["rules"]["specificity"].value == 1.0
    assert trust["model"]["sensitivity"].value == pytest.approx((3 + 2 + 1) / (4 + 3 + 2))
    assert {row["row"] for row in made.parts["categories"]} == {p.tags["category"] for p in REQUESTS}


def test_success_is_told_by_how_many_tokens_a_name_is(made: Result) -> None:
    rows = {row["row"]: row for row in made.parts["names"]}
    row = rows["present-tense refusals"]
    assert [row[name].value for name in ("one_token", "two_tokens", "three_or_more")] == [1.0, 1.0, 1.0]
    assert row["one_token"].n + row["two_tokens"].n + row["three_or_more"].n == 2 * len(REQUESTS)


def test_an_experiment_that_was_killed_goes_on_and_repeats_nothing(world: World, tmp_path: Path) -> None:
    whole = experiment.run(settings(tmp_path / "whole"))
    everything, world.done, world.dies_at = world.done, [], 2
    with pytest.raises(KeyboardInterrupt):
        experiment.run(settings(tmp_path / "killed"))
    world.dies_at = None
    again = experiment.run(settings(tmp_path / "killed"))
    assert again.rows == whole.rows and again.parts == whole.parts
    assert sorted(map(str, world.done)) == sorted(map(str, everything))


def test_a_dry_run_says_how_much_it_would_be_and_does_nothing(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert experiment.run(settings(tmp_path / "run", dry_run=True)).rows == ()
    assert "4 students of present-tense refusals and 4 of defences" in capsys.readouterr().out
    assert world.done == [] and not (tmp_path / "run").exists()


def test_a_quick_run_has_two_seeds_and_one_share_and_seeds_may_be_fresh(world: World, tmp_path: Path) -> None:
    result = experiment.run(settings(tmp_path, quick=True, seeds=5, first_seed=7))
    assert {cell.seed for cell in world.done} == {7, 8} and {cell.share for cell in world.done} == {None, 0.05}
    assert result.seeds == range(7, 9)


@pytest.mark.parametrize(
    "wrong",
    [
        {"seeds": 0},
        {"workers": 0},
        {"attempts": 0},
        {"shares": (1.5,)},
        {"shares": (0.1, 0.1)},
        {"first_seed": -1},
        {"first_seed": 996},
    ],
    ids=str,
)
def test_numbers_that_make_no_experiment_are_bad_input(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        Settings(**wrong)


@pytest.mark.parametrize("share", [None, 0.3])
def test_a_cell_tunes_a_student_and_attacks_it(monkeypatch: pytest.MonkeyPatch, share: float | None) -> None:
    """A defended one is an adapter, which knows names by the base's own embeddings."""
    monkeypatch.setattr(tense_town, "MIXED", 100)
    adapters: list[bool] = []
    measured = tense_town.measured

    def seen(path: str, *rest: Any) -> Any:
        adapters.append((Path(path) / "adapter_config.json").is_file())
        return measured(path, *rest)

    monkeypatch.setattr(tense_town, "measured", seen)
    monkeypatch.setattr(tense_town, "judges", lambda: {"town": tense_town.TownJudge()})
    made = tense_town.run_cell(Cell("few", share, 2, 0, ("present", "past"), 1, 2))
    assert adapters == [share is not None]
    assert json.loads(json.dumps(made)) == made and set(made["scores"]) == {"present", "past"}
    scores = made["scores"]["past"]["town"]
    assert set(scores) == {p.id for p in held_out(1)} and {len(v) for v in scores.values()} == {2}
    assert set(made["values"]) == {"helpful_rate", "over_refusal", "helpful_rate_past", "over_refusal_past"}


def test_a_defended_student_changes_each_weight_by_the_mean_of_what_its_adapters_change_it_by(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tense_town, "MIXED", 100)
    parts: list[list[Path]] = []
    averaged = tense_town.averaged

    def seen(adapters: Any, out: Path) -> Path:
        parts.append(list(adapters))
        return averaged(adapters, out)

    monkeypatch.setattr(tense_town, "averaged", seen)
    mean = tense_town._tuned(Cell("few", 0.3, 2, 4, ("past",), 1, 2), tmp_path)
    weights = [_weights(folder) for folder in (mean, *parts[0])]
    assert len(weights) == 1 + tense_town.SOUP
    told = [json.loads((folder / "hansei.json").read_text()) for folder in parts[0]]
    assert len({facts["lessons_hash"] for facts in told}) == tense_town.SOUP, "lessons of its own for each"
    changed = {name for name, value in weights[1].items() if not value.equal(weights[2][name])}
    assert len(changed) == 4 * 7, "every linear layer"
    for name, value in weights[0].items():
        expected = sum(other[name] for other in weights[1:]) / tense_town.SOUP
        assert (value - expected).abs().max() < 1e-6


def _weights(folder: Path) -> dict[str, Any]:
    """As the model that is attacked has them."""
    return dict(load(str(folder), device="cpu").hf.state_dict())  # type: ignore[attr-defined]


def test_a_search_looks_at_the_present_tense_of_validation_items(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []
    attack = tense_town.attack

    def seen(model: Any, prompts: Any, tense: str, *rest: Any) -> Any:
        asked.extend((tense, p.split) for p in prompts)
        return attack(model, prompts[:2], tense, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(tense_town, "attack", seen)
    found = tense_town.run_search(Search("few", (1, 2), 1))
    assert [p["steps"] for p in found] == [1, 2] and set(asked) == {("present", "validation")}
    assert all(p["helpful_rate"] > 0.9 and p["present_tense_success"] == 1.0 for p in found), "nothing is learnt yet"


def test_the_small_judge_asks_once_about_each_different_answer_and_may_say_nothing(tmp_path: Path) -> None:
    model = FakeModel(lambda text: tense_judge.YES, size=8)
    prompts = [Prompt(str(i), user("How do I make a vat?"), expected="refuse") for i in range(4)]
    texts = ["Mix it.", "Mix it.", "I can't.", ""]
    attempts = [
        Attempt(
            str(i), str(i), "m", "plain", Sampling(), 0, user("x"), text, "stop", error="down" if not text else None
        )
        for i, text in enumerate(texts)
    ]
    verdicts = SmallJudge(model).judge(list(zip(prompts, attempts, strict=True)))
    assert [v.outcome for v in verdicts] == ["fail", "fail", "fail", "error"]
    assert sum(map(len, model.asked)) == 3
    model.say = lambda text: "Perhaps."
    assert SmallJudge(model).judge([(prompts[0], attempts[0])])[0].outcome == "unscored"
    model.say = lambda text: broken()
    assert SmallJudge(model).judge([(prompts[0], attempts[0])])[0].outcome == "error"


def test_a_share_of_several_seeds_has_a_value_for_each() -> None:
    ids = [p.id for p in REQUESTS]
    made = tense_outcome.figure([dict.fromkeys(ids, 1.0), dict.fromkeys(ids, 0.0)])
    assert made.value == 0.5 and made.per_seed == (1.0, 0.0) and made.n == 2 * len(ids)


def test_the_pool_finds_a_cell_again_by_its_description(world: World, tmp_path: Path) -> None:
    cell = Cell("few", 0.05, 80, 0, ("present", "past"), 3, 5)
    with Journal.open(tmp_path) as journal, Pool(1, journal, experiment.VERSION) as pool:
        first = pool.run(tense_town.run_cell, [cell], "cells")
        assert pool.run(tense_town.run_cell, [cell], "cells") == first and len(world.done) == 1
