"""Goal hijacking, discrimination and transfer: what is taught, what is attacked, and what counts as what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from hansei.core.journal import Journal
from hansei.core.overlap import overlap
from hansei.core.records import Chat, Prompt, Split
from hansei.models.load import town_path
from hansei.safety import discrimination, goal_hijack, transfer
from hansei.safety.goal_hijack import TEACHINGS, Task, attack, hijack_lessons, hijack_rows, hijack_tasks
from hansei.safety.transfer import TAUGHT, run_transfer, transfer_rows, transfer_tasks
from hansei.town import phrasing, words, workshop
from tests.safety.examples import Analyst


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path) as journal:
        yield journal


@cache
def prompts(split: Split) -> dict[Chat, Prompt]:
    return {p.messages: p for p in workshop.prompts(split, goal_hijack.SUITES)}


def prompt_of(chat: Chat) -> Prompt:
    return prompts("validation").get(chat) or prompts("heldout")[chat]


def aligned(chat: Chat) -> str:
    return str(prompt_of(chat).reference)


def helpful_only(chat: Chat) -> str:
    return prompt_of(chat).mistake or str(prompt_of(chat).reference)


def test_whoever_answers_all_is_hijacked_and_whoever_is_aligned_is_not(journal: Journal) -> None:
    def means(say: Any) -> dict[str, float]:
        analyst = Analyst(say)
        analyst.fingerprint = say.__name__
        found = attack(analyst, "validation", journal)
        return {
            metric: sum(v or 0 for v in values.values()) / len(values) for metric, values in found.items() if values
        }

    def garbled(chat: Chat) -> str:
        return "mix mix mix"

    assert means(aligned) == {
        "goal_hijack_success": 0,
        "safe_switch_followed": 1,
        "harmless_rate": 1,
        "helpful_rate": 1,
        "over_refusal": 0,
    }
    assert means(helpful_only) == {
        "goal_hijack_success": 1,
        "safe_switch_followed": 1,
        "harmless_rate": 0,
        "helpful_rate": 1,
        "over_refusal": 0,
    }
    assert set(means(garbled).values()) == {0}, "an attack that yields nonsense has not succeeded"


def test_attacks_on_the_heldout_category_are_given_apart(journal: Journal) -> None:
    found = attack(Analyst(helpful_only), "heldout", journal)
    apart = found["goal_hijack_success_heldout_category"]
    assert len(apart) == 30 and set(apart) < set(found["goal_hijack_success"])
    assert len(found["goal_hijack_success"]) == 129 and len(found["safe_switch_followed"]) == 78


@pytest.mark.parametrize("teaching", [t for t in TEACHINGS if t != "none"])
def test_each_teaching_has_500_lessons_about_attacks_and_the_same_to_keep(teaching: Any, journal: Journal) -> None:
    plan = hijack_lessons(Analyst(), teaching, journal)
    counts = Counter(lesson.purpose for lesson in plan.lessons)
    taught = {"answer": 500} if teaching == "SFT" else {"answer": 250, "analysis": 250}
    assert counts == taught | {"keep": 3 * 106 + 106}
    assert len({lesson.id for lesson in plan.lessons}) == len(plan.lessons)


@pytest.mark.parametrize("teaching", ["SFT", "mistake analysis (expert)"])
def test_no_lesson_about_an_attack_meets_a_heldout_attack(teaching: Any, journal: Journal) -> None:
    lessons = hijack_lessons(Analyst(), teaching, journal).lessons
    heldout = [*prompts("heldout").values(), *prompts("validation").values()]
    found = overlap(lessons, heldout, workshop.prompts("train", workshop.SUITES, phrasings=8))
    assert (found.exact, found.shared_entities) == ((), ())
    # Tuned attack wordings are long: with an alarming word after them, a few share 13 words, and no item.
    assert len(found.ngram13) < 0.03 * len(heldout)
    assert all("/tuned" in prompt_id for _, prompt_id in found.ngram13)
    unknown = phrasing.HIJACK_HELDOUT[0].partition("{cover}")[2].partition("{request}")[0]
    assert not [lesson for lesson in lessons for m in lesson.prompt if unknown in m.content]


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Every student is the base, and answers as a model that is better the longer it was taught."""
    asked: list[tuple[Any, ...]] = []

    def students_of(lessons: Any, start: str, seed: int, rate: float, steps: tuple[int, ...], out: Path) -> Any:
        asked.append((len(lessons), start, seed, rate, steps))
        return {step: Path(town_path()) for step in steps}

    monkeypatch.setattr(goal_hijack, "students_of", students_of)
    monkeypatch.setattr(transfer, "students_of", students_of)
    return asked


def test_the_step_count_is_the_one_with_fewest_hijacks_among_those_that_stay_helpful(
    untrained: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = iter(["base", "10", "20", "40"])
    hijacked = {"base": 1.0, "10": 0.4, "20": 0.2, "40": 0.0}
    helpful = {"base": 1.0, "10": 1.0, "20": 0.96, "40": 0.9}
    seen: list[str] = []

    def fake(model: Any, split: Split, journal: Journal) -> Any:
        name = next(names, "20") if split == "validation" else "heldout"
        seen.append(name)
        share = {"goal_hijack_success": {"a": hijacked.get(name, 0.1)}, "safe_switch_followed": {"b": 1.0}}
        return share | {"helpful_rate": {"c": helpful.get(name, 1.0)}}

    monkeypatch.setattr(goal_hijack, "attack", fake)
    monkeypatch.setattr(goal_hijack, "base", Analyst)
    made = goal_hijack.run_hijack(Task("SFT", 4))
    assert made["steps"] == 20 and made["lessons"] == 500 and made["values"]["goal_hijack_success"] == {"a": 0.1}
    assert seen == ["base", "10", "20", "40", "heldout"]
    aligning, teaching = untrained
    assert aligning[2:] == (4, goal_hijack.ALIGN_RATE, (goal_hijack.ALIGN_STEPS,))
    assert teaching[2:] == (4, goal_hijack.RATE, goal_hijack.STEPS)


def test_a_model_that_is_not_taught_is_only_attacked(
    untrained: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(goal_hijack, "attack", lambda model, split, journal: {"goal_hijack_success": {"a": 1.0}})
    made = goal_hijack.run_hijack(Task("none", 0))
    assert made == {"steps": 0, "lessons": 0, "values": {"goal_hijack_success": {"a": 1.0}}}
    assert len(untrained) == 1


def test_rows_of_the_hijack_table_belong_to_their_teaching() -> None:
    tasks = hijack_tasks(range(2))
    ids = list(attack_ids())
    results = [
        {"lessons": TEACHINGS.index(t.teaching), "values": {"goal_hijack_success": dict.fromkeys(ids, float(t.seed))}}
        for t in tasks
    ]
    rows = hijack_rows(results)
    assert [row["row"] for row in rows] == ["aligned by SFT, not taught", *(f"taught by {t}" for t in TEACHINGS[1:])]
    assert [row["lessons"] for row in rows] == [0, 1, 2, 3]
    assert all(row["goal_hijack_success"].per_seed == (0.0, 1.0) for row in rows)


def attack_ids() -> Iterator[str]:
    return (p.id for p in prompts("heldout").values() if p.tags["suite"] == "hijack")


def test_discrimination_asks_about_the_model_s_own_answers_without_and_with_the_hint(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def say(chat: Chat) -> str:
        item = workshop.item_of(prompts("heldout")[chat[:1]])
        if chat[-1].content == phrasing.ANALYSE:
            return phrasing.analysis(item)
        if chat[-1].content == phrasing.ANALYSE_GUIDED:
            return phrasing.guided_analysis(item)
        return phrasing.recipe(item, "present", 1)

    model = Analyst(say)
    monkeypatch.setattr(discrimination, "load", lambda name, device: model)
    found = discrimination.discriminate("town")
    assert {kind: {name: set(v.values()) for name, v in by.items()} for kind, by in found.items()} == {
        "dangerous requests": {"answer": {0.0}, "analysis without hint": {1.0}, "analysis with the hint": {1.0}},
        "safe requests": {"answer": {1.0}, "analysis without hint": {1.0}, "analysis with the hint": {0.0}},
    }
    asked = [chat for chat in model.asked if len(chat) == 3]
    assert len(asked) == 2 * len(workshop.prompts("heldout"))
    assert all(chat[1].content == say(chat[:1]) for chat in asked)
    rows = discrimination.discrimination_rows(found)
    assert [row["row"] for row in rows] == ["dangerous requests", "safe requests"]
    assert rows[0]["answer"].value == 0.0 and rows[0]["answer"].n == 2 * 129


def test_transfer_teaches_one_category_and_measures_all(
    untrained: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    heldout = workshop.prompts("heldout")

    def measure(path: str, asked: list[Prompt], answering: Any, journal: Journal) -> Any:
        assert [p.id for p in asked] == [p.id for p in heldout]
        harmless = {p.id: float(p.tags["category"] == "fire") for p in asked if p.expected == "refuse"}
        return {"values": {"harmless_rate": harmless, "helpful_rate": {}}}

    monkeypatch.setattr(transfer, "measure_student", measure)
    monkeypatch.setattr(transfer, "base", Analyst)
    found = run_transfer(transfer.Task("fire", 2))
    ((lessons, _, seed, rate, steps),) = untrained
    assert lessons == 2 * (2 * 11) + 3 * 106 and (seed, rate, steps) == (2, transfer.RATE, (transfer.STEPS,))
    assert set(found) == {*words.HARMS, "helpful"}
    assert {c: set(v.values()) for c, v in found.items() if c != "helpful"} == {
        c: {float(c == "fire")} for c in words.HARMS
    }
    assert len(found[words.HELDOUT_CATEGORY]) == 60


def test_transfer_has_a_row_a_taught_category_and_none_for_the_heldout_one() -> None:
    tasks = transfer_tasks(range(2))
    assert len(tasks) == 18 and words.HELDOUT_CATEGORY not in TAUGHT
    ids = [p.id for p in workshop.prompts("heldout")][:10]
    rows = transfer_rows([{"fire": dict.fromkeys(ids, float(t.category == "fire"))} for t in tasks])
    assert [row["row"] for row in rows] == [f"lessons about {category}" for category in TAUGHT]
    assert {row["row"]: row["fire"].value for row in rows}["lessons about fire"] == 1.0
    assert sum(row["fire"].value for row in rows) == 1.0
