"""The cells of the mistake-analysis table: lessons of equal number, and students measured as their row wants."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hansei.core.journal import Journal
from hansei.core.overlap import overlap
from hansei.core.records import Lesson, as_dicts
from hansei.models.load import town_path
from hansei.safety import cells
from hansei.safety.cells import MODES, ROWS, Cell, Final, Row, chosen_items, keep
from hansei.safety.wording import TOWN
from hansei.steps.ask import plain
from hansei.town import grading, phrasing, words, workshop
from hansei.town.items import items

SIZE = 3
BY_NAME = {row.name: row for row in ROWS}
ADDED = {"hindsight": 2 * SIZE, "mistake-analysis": 2 * SIZE, "facts": 2 * SIZE}
"""SFT lessons that a method has beyond one good answer a case."""


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path) as journal:
        yield journal


def test_chosen_items_are_of_the_train_shelf_and_spread_over_the_categories() -> None:
    for size in (1, 9, 20, 50, 99):
        chosen = chosen_items(size, seed=0)
        assert len({item.name for item in chosen}) == len(chosen) == size
        assert all(item.shelf == "train" and item.dangerous for item in chosen)
        counts = Counter(item.category for item in chosen)
        assert max(counts.values()) - min(counts[c] for c in words.HARMS if c != words.HELDOUT_CATEGORY) <= 1


def test_a_seed_chooses_the_same_items_again_and_another_seed_others() -> None:
    assert chosen_items(20, 0) == chosen_items(20, 0)
    assert len({item.name for item in chosen_items(20, 0)} & {item.name for item in chosen_items(20, 1)}) < 15


def test_a_case_is_a_request_in_one_of_two_phrasings_with_the_data_s_bad_answer(journal: Journal) -> None:
    made = cells.cases(BY_NAME["SFT"], SIZE, 0, journal)
    assert Counter(case.prompt.tags["entity"] for case in made) == {i.name: 2 for i in chosen_items(SIZE, 0)}
    assert len({case.prompt.messages for case in made}) == 2 * SIZE
    for case in made:
        truth = case.prompt.truth or {}
        assert grading.grade(truth, case.mistake.text)[0] == "fail" and grading.grade(truth, case.good)[0] == "pass"
        assert case.mistake.prompt_id == case.prompt.id and case.mistake.source == "data"


def test_induced_mistakes_are_the_base_s_own_and_the_judge_has_failed_them(journal: Journal) -> None:
    made = cells.cases(BY_NAME["Mistake analysis (induced, self)"], SIZE, 0, journal)
    assert len(made) == 2 * SIZE
    for case in made:
        assert case.mistake.source == "induced" and TOWN.induce not in case.mistake.asked[-1].content
        assert grading.grade(case.prompt.truth or {}, case.mistake.text)[:2] == ("fail", "answered")


def test_what_is_kept_are_right_answers_about_all_safe_items_in_all_tenses() -> None:
    kept = keep()
    assert len(kept) == len({k.prompt_id for k in kept}) == 3 * (90 + 16)
    by_name = {item.name: item for item in items() if item.shelf == "train" and not item.dangerous}
    for k in kept:
        _, tense, name = k.prompt_id.split("/")
        assert k.chat[0].content in {form.format(name=name) for form in phrasing.ASK[tense]}
        assert grading.grade(by_name[name].truth(), k.good)[:2] == ("pass", "answered")
        assert grading.grade(by_name[name].truth(), str(k.refusal))[1] == "refused"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_row_has_the_same_number_of_lessons_to_imitate(row: Row, journal: Journal) -> None:
    plan = cells.lessons(row, SIZE, 0, journal)
    imitated = [lesson for lesson in plan.lessons if lesson.completion is not None]
    assert len(imitated) == len(keep()) + 2 * SIZE
    purposes = Counter(lesson.purpose for lesson in imitated)
    assert purposes["keep"] == len(keep()) - ADDED.get(row.method, 0)
    assert not any(plan.counts.values())
    pairs = [lesson for lesson in plan.lessons if lesson.chosen is not None]
    assert len(pairs) == (2 * SIZE + len(keep()) if row.method == "rlhf" else 0)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_no_lesson_meets_a_heldout_or_validation_prompt(row: Row, journal: Journal) -> None:
    lessons = cells.lessons(row, SIZE, 1, journal).lessons
    apart = [p for split in ("validation", "heldout") for p in workshop.prompts(split, workshop.SUITES, phrasings=2)]
    found = overlap(lessons, apart, workshop.prompts("train", workshop.SUITES, phrasings=2))
    assert (found.exact, found.ngram13, found.shared_entities) == ((), (), ())


def test_no_row_is_taught_in_a_heldout_wording(journal: Journal) -> None:
    starts = tuple(f.partition("{name}")[0] for f in phrasing.ASK_HELDOUT)
    for row in ROWS:
        for lesson in cells.lessons(row, SIZE, 0, journal).lessons:
            assert not [m for m in lesson.prompt if any(start in m.content for start in starts)]


def test_the_helpful_answers_that_make_room_differ_by_seed_and_not_by_row(journal: Journal) -> None:
    def kept(name: str, seed: int) -> list[str]:
        lessons = cells.lessons(BY_NAME[name], SIZE, seed, journal).lessons
        return [lesson.prompt_id for lesson in lessons if lesson.purpose == "keep"]

    facts, analyses = kept("Facts (control)", 0), kept("Mistake analysis (data, expert)", 0)
    assert facts == analyses and facts != kept("Facts (control)", 1)


def test_no_answer_and_no_analysis_of_the_town_is_longer_than_may_be_said() -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(town_path())
    forms = [(tense, form) for tense in phrasing.ASK for form in (0, 1)]
    answers = [phrasing.recipe(i, *form) for i in items() for form in forms] + [phrasing.refusal(i) for i in items()]
    analyses = [say(i) for i in items() for say in (phrasing.analysis, phrasing.guided_analysis)]
    for texts, longest in ((answers, cells.ANSWER.max_new_tokens), (analyses, cells.ANALYSIS_TOKENS)):
        with_end = [len(ids) + 1 for ids in tokenizer(texts, add_special_tokens=False)["input_ids"]]
        assert max(with_end) <= longest


def test_a_student_of_hindsight_is_asked_for_the_good_answer_and_the_reminder_comes_on_top() -> None:
    prompt = workshop.prompts("heldout")[0]
    request = prompt.messages[-1].content
    asked = {
        (method, mode): cells._answering(method, mode).render(prompt)[-1].content
        for method in ("sft", "hindsight")
        for mode in MODES
    }
    assert asked == {
        ("sft", "plain"): request,
        ("sft", "guided"): f"{TOWN.reminder} {request}",
        ("hindsight", "plain"): f"{TOWN.good} {request}",
        ("hindsight", "guided"): f"{TOWN.reminder} {TOWN.good} {request}",
    }


def test_the_base_answers_all_and_refuses_nothing(journal: Journal) -> None:
    prompts = workshop.prompts("heldout", ("request", "past", "hijack"))[::13]
    measured = cells.measure_student("town", prompts, plain, journal)
    means = {metric: sum(values.values()) / len(values) for metric, values in measured["values"].items() if values}
    assert means["harmless_rate"] == means["over_refusal"] == 0.0
    assert means["helpful_rate"] == means["past_tense_success"] == means["goal_hijack_success"] == 1.0
    assert measured["counts"]["asked"] == len(prompts) == len(measured["texts"])
    assert measured["counts"]["error"] == measured["counts"]["garbled"] == 0


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """No training: every student is the base, and what would have been trained is kept."""
    from hansei.training import reinforcement

    asked: list[tuple[Any, ...]] = []

    def students_of(lessons: Any, start: str, seed: int, rate: float, steps: tuple[int, ...], out: Path) -> Any:
        asked.append(("sft", lessons, start, seed, rate, steps))
        return {step: Path(town_path()) for step in steps}

    def train_reward(start: str, pairs: Any, settings: Any, out: Path) -> str:
        asked.append(("reward", pairs, start, settings.seed, settings.learning_rate, settings.steps))
        return "the reward model"

    def train_rloo(start: str, prompts: Any, reward: str, settings: Any, out: Path, **more: Any) -> Path:
        asked.append(("rloo", prompts, start, settings.seed, settings.learning_rate, more["keep_steps"], reward))
        for step in more["keep_steps"]:
            (out / f"step-{step}").parent.mkdir(exist_ok=True, parents=True)
            (out / f"step-{step}").symlink_to(town_path())
        return out

    monkeypatch.setattr(cells, "students_of", students_of)
    monkeypatch.setattr(reinforcement, "train_reward", train_reward)
    monkeypatch.setattr(reinforcement, "train_rloo", train_rloo)
    monkeypatch.setattr(cells, "_prompts", lambda split: workshop.prompts(split)[::40])
    return asked


def test_a_cell_measures_its_students_at_each_step_in_each_mode(untrained: list[tuple[Any, ...]]) -> None:
    made = cells.run_cell(Cell(BY_NAME["Facts (control)"], SIZE, 7, 1e-3, (5, 10), "validation"))
    assert {step: set(modes) for step, modes in made["students"].items()} == {"5": set(MODES), "10": set(MODES)}
    ((how, lessons, start, seed, rate, steps),) = untrained
    assert (how, start, seed, rate, steps) == ("sft", town_path(), 7, 1e-3, (5, 10))
    assert made["counts"] == Counter(lesson.purpose for lesson in lessons)
    assert made["cell"]["row"]["name"] == "Facts (control)"
    assert set(made["students"]["5"]["plain"]["values"]["harmless_rate"].values()) == {0.0}


def test_a_final_student_is_measured_only_in_the_modes_that_chose_it(untrained: list[tuple[Any, ...]]) -> None:
    cell = Cell(ROWS[0], SIZE, 0, 1e-3, (5, 10), "heldout")
    made = cells.run_final(Final(cell, ((5, "plain"), (10, "guided"))))
    assert {step: list(modes) for step, modes in made["students"].items()} == {"5": ["plain"], "10": ["guided"]}


def test_rlhf_starts_from_the_sft_student_and_its_reward_model_learns_the_pairs(
    untrained: list[tuple[Any, ...]],
) -> None:
    cell = Cell(BY_NAME["RLHF (RLOO)"], SIZE, 3, 5e-5, (10, 20), "validation", start_steps=40, start_rate=6e-4)
    made = cells.run_final(Final(cell, ((10, "plain"),)))
    sft, reward, rloo = untrained
    assert sft[2:] == (town_path(), 3, 6e-4, (40,)) and all(lesson.completion for lesson in sft[1])
    assert reward[2:] == (town_path(), 3, cells.REWARD_RATE, cells.REWARD_STEPS)
    assert all(_is_pair(lesson) for lesson in reward[1]) and len(reward[1]) == 2 * SIZE + len(keep())
    assert rloo[2:] == (town_path(), 3, 5e-5, (10, 20), "the reward model")
    assert sorted(map(str, map(as_dicts, rloo[1]))) == sorted({str(as_dicts(pair.prompt)) for pair in reward[1]})
    assert set(made["students"]["10"]) == {"plain"}


def _is_pair(lesson: Lesson) -> bool:
    return lesson.completion is None and lesson.chosen is not None and lesson.rejected is not None
