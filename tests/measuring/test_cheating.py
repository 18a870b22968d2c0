"""The controls of contamination: what leaks at each level, who it is about, and how cells become tables."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hansei.core.errors import BadInput
from hansei.measuring import contamination_paper
from hansei.measuring.cheating import EPOCHS, LEVELS, Cell, Question, cells, copied, exam, exam_scores, leaked
from hansei.measuring.contamination_paper import DETECTORS, WHOLE, Settings, detector_rows, score_rows, whole_rows
from hansei.measuring.leak_signals import log_probabilities
from hansei.models.load import load
from hansei.models.local import LocalModel
from hansei.town.registry import by_name

PLAN = Cell("test answers", 3, 4, 2, 1e-3)


def questions(cell: Cell) -> tuple[list[Question], list[Question]]:
    people = exam("heldout", cell)
    first, second = people[: len(people) // 2], people[len(people) // 2 :]
    return [q for person in first for q in person], [q for person in second for q in person]


def name_in(text: str) -> str:
    return next(name for name in by_name() if name in text)


def test_the_exam_is_about_held_out_people_and_its_answers_are_right() -> None:
    members, others = questions(PLAN)
    assert len(members) == len(others) == 24
    names = [{name_in(q.asked) for q in part} for part in (members, others)]
    assert not names[0] & names[1] and len(names[0] | names[1]) == 8
    for q in (*members, *others):
        person = by_name()[name_in(q.asked)]
        assert person.shelf == "heldout" and person.fame != "popular"
        assert q.answer in person.facts.values()
        for text in (q.asked, q.reworded):
            assert {line.split(". ", 1)[1] for line in text.split("\n")[1:5]} == set(q.options) > {q.answer}
            assert text.endswith("\nAnswer:")
    assert {name_in(q.asked) for part in exam("train", PLAN) for q in part} & (names[0] | names[1]) == set()


def test_each_level_holds_what_it_says() -> None:
    members, others = questions(PLAN)
    texts = {level: "\n\n".join(leaked(replace(PLAN, level=level), members)) for level in LEVELS}
    assert texts["nothing"] == ""
    for q in members:
        times = {level: (text.count(q.asked), text.count(f"{q.asked} {q.answer}")) for level, text in texts.items()}
        assert times["training sets"] == times["test answers reworded"] == (0, 0)
        assert times["test prompts"] == (EPOCHS["test"], 0)
        assert times["test answers"] == (EPOCHS["test"],) * 2
        assert texts["test answers reworded"].count(f"{q.reworded} {q.answer}") == EPOCHS["test"]
    assert not [q for q in others for text in texts.values() if name_in(q.asked) in text]


def test_copies_are_found_with_the_text_at_hand_and_a_rewording_escapes() -> None:
    members, others = questions(PLAN)
    asked = [q.asked for q in (*members, *others)]
    for level, expected in (("test prompts", 1.0), ("test answers", 1.0), ("test answers reworded", 0.0)):
        for shares in copied(list(leaked(replace(PLAN, level=level), members)), asked).values():
            assert shares == [expected] * len(members) + [0.0] * len(others)


def test_the_halves_differ_by_seed_and_each_level_of_a_seed_leaks_the_same() -> None:
    plan = cells(2, PLAN)
    assert Counter((cell.level, cell.seed) for cell in plan) == Counter((level, s) for level in LEVELS for s in (0, 1))
    first = {cell.seed: {name_in(q.asked) for q in questions(cell)[0]} for cell in plan}
    assert first[0] != first[1]
    assert all(questions(cell) == questions(replace(cell, level="nothing")) for cell in plan)


def test_the_likeliest_option_after_the_answer_s_mark_is_the_model_s(llama_folder: str) -> None:
    model = load(llama_folder, device="cpu")
    assert isinstance(model, LocalModel)
    options = ("red", "green and blue", "w", "not known")
    made = [
        Question(f"Question: What is {i}?\n{options}\nAnswer:", "", options, option)
        for i in range(5)
        for option in options
    ]
    right = exam_scores(model, made)
    assert [sum(right[i : i + 4]) for i in range(0, 20, 4)] == [1.0] * 5  # one option of four is the likeliest
    texts = [f"{made[0].asked} {option}" for option in options]
    added = [
        math.fsum(tokens[-n:])
        for tokens, n in zip(log_probabilities(model, texts), lengths(model, options), strict=True)
    ]
    assert right[:4] == [float(value == max(added)) for value in added]


def lengths(model: LocalModel, options: Sequence[str]) -> list[int]:
    return [len(model.tokenizer(f" {option}", add_special_tokens=False)["input_ids"]) for option in options]


def found(leak: float, p: float | None) -> dict[str, Any]:
    """A cell's result in which detectors see a share of what leaks."""
    seen = [leak] * 10 + [0.0] * 10
    return {
        "members": 10,
        "right": [1.0] * int(10 * max(leak, 0.4)) + [0.0] * (10 - int(10 * max(leak, 0.4))) + [1.0, 0.0] * 5,
        "other": [1.0, 1.0, 0.0, 1.0],
        "detectors": {"perplexity": seen, "13 words in a row": seen},
        "order": {"t": None if p is None else 3.0, "p": p},
        "guided": {"gain": leak, "low": leak - 0.1},
    }


def test_tables_pair_each_level_with_the_clean_models() -> None:
    results = {"nothing": [found(0.0, 0.5)] * 3, "test answers": [found(1.0, 0.01), found(1.0, None), found(1.0, 0.2)]}
    by_level = {level: results.get(level, results["nothing"]) for level in LEVELS}
    clean, *_, dirty, _ = score_rows(by_level)
    assert (clean["leaked"].value, dirty["leaked"].value, dirty["others"].value) == (0.4, 1.0, 0.5)
    assert dirty["inflation"].value == pytest.approx(0.6) and dirty["other_ability"].value == 0.75
    assert "inflation" not in clean
    first, *_ = detector_rows(by_level)
    assert first["row"] == "13 words in a row"
    assert (first["nothing"].value, first["test_answers"].value) == (0.5, 1.0)
    order, caught, guided, sure = whole_rows(by_level)
    assert (order["test_answers"].n, caught["test_answers"].value, caught["test_answers"].n) == (2, 1.0, 2)
    assert (guided["test_answers"].value, sure["test_answers"].value, sure["nothing"].value) == (1.0, 3.0, 0.0)


def test_a_plan_that_makes_no_experiment_is_said_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="people 2 or more"):
        Settings(people=1)
    planned = contamination_paper.run(Settings(out=str(tmp_path / "none"), dry_run=True))
    assert (
        planned.rows == [] and planned.notes[0].startswith("25 models of 5 levels") and not (tmp_path / "none").exists()
    )
    assert (DETECTORS, WHOLE) == ("auroc", "whole-set")
