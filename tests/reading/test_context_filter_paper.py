"""The experiment on a user's own tiny model and questions: every number comes out of answers, and a run goes on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hansei.core.errors import BadInput
from hansei.core.records import Prompt, user
from hansei.reading import context_filter_outcome as outcome
from hansei.reading.context_filter import Keep
from hansei.reading.context_filter_cells import Cell, Data, Teaching, questions, run_silver
from hansei.reading.context_filter_paper import Settings, cells_of, keeps_of, run


def own_questions(path: Path, count: int = 24) -> str:
    rows = [
        {
            "question": f"What is lamp {n}?",
            "answers": [f"stone {n}"],
            "passages": [f"Lamp {n} is stone {n}. It is old.", f"Lamp {n + 1} is red. Lamp {n + 2} is a dog."],
        }
        for n in range(count)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, llama_folder: str) -> Settings:
    home = tmp_path_factory.mktemp("filter")
    return Settings(
        model=llama_folder,
        questions=own_questions(home / "q.jsonl"),
        out=str(home / "run"),
        seeds=1,
        measures=("strinc",),
        steps=(2,),
        batch=4,
        longest=6,
        workers=1,
    )


@pytest.fixture(scope="module")
def result(settings: Settings) -> dict[str, Any]:
    return run(settings).to_json()


def test_every_setting_stands_in_the_table_with_its_tokens(result: dict[str, Any]) -> None:
    assert [row["row"] for row in result["rows"]] == list(outcome.TITLES.values())
    by = {row["row"].rpartition("(")[2].rstrip(")"): row for row in result["rows"]}
    for row in by.values():
        assert 0 <= row["exact_match"]["value"] <= 1 and row["exact_match"]["n"] == 10  # 40% of 24
    assert by["SILVER"]["context_tokens"]["value"] < by["FULL"]["context_tokens"]["value"]
    assert by["FILCO"]["tokens_read"]["value"] > by["FULL"]["tokens_read"]["value"]  # the filter reads everything
    assert by["SILVER"]["tokens_read"]["value"] < by["FULL"]["tokens_read"]["value"]
    (silver,) = [r for r in result["parts"]["differences"] if "SILVER" in r["row"]]
    assert 0 < silver["context_saved"]["value"] < 1
    assert result["errors"] == 0 and (Path(result["files"][0])).is_file()


def test_a_second_run_repeats_nothing_and_the_models_are_kept(settings: Settings, result: dict[str, Any]) -> None:
    students = Path(settings.out) / "students"
    assert {p.parent.name + "/" + p.name for p in students.glob("*/*") if (p / "config.json").is_file()} == {
        "full/answer-full",
        "strinc/filter",
        "strinc/answer-filtered",
        "strinc/answer-passages",
    }
    again = run(settings)
    assert again.seconds < result["seconds"] and again.to_json()["rows"] == result["rows"]


def test_settings_that_make_no_experiment_are_refused(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="go together"):
        replace(settings, questions=None)
    with pytest.raises(BadInput, match="seeds: expected at least 1"):
        replace(settings, seeds=0)
    few = replace(settings, questions=own_questions(tmp_path / "few.jsonl", 1), out=str(tmp_path / "out"))
    with pytest.raises(BadInput, match="too few questions"):
        run(few)


def test_the_librarys_questions_come_in_three_kinds_and_no_one_is_in_two_splits() -> None:
    data = Data("town:library", None, (12, 4, 6))
    of = {split: questions(data, split) for split in ("train", "validation", "heldout")}
    assert [len(prompts) for prompts in of.values()] == [36, 12, 18]
    assert {p.tags["task"] for p in of["heldout"]} == {"lookup", "claim", "twohop"}
    assert not {p.tags["entity"] for p in of["heldout"]} & {p.tags["entity"] for p in of["train"]}


def test_what_a_measure_keeps_of_a_question_stands_in_its_own_passages() -> None:
    data = Data("town:library", None, (6, 4, 5))
    kept = {name: (silver, passages) for name, silver, passages in run_silver((data, Keep("strinc")))}
    assert len(kept) == 45
    for split in ("train", "validation", "heldout"):
        for prompt in questions(data, split):
            silver, passages = kept[f"{split}/{prompt.id}"]
            texts = [p["text"] for p in prompt.truth["passages"]]
            assert all(any(s in text for text in texts) for s in silver) and set(passages) <= set(texts)
            assert prompt.tags["task"] == "claim" or set(prompt.truth["helpful"][-1:]) <= set(silver)


def test_cxmi_is_compared_keeping_one_sentence_and_two() -> None:
    assert {name: (k.measure, k.keep) for name, k in keeps_of(Settings()).items()} == {
        "strinc": ("strinc", 1),
        "lexical": ("lexical", 1),
        "cxmi": ("cxmi", 1),
        "cxmi, two": ("cxmi", 2),
    }
    assert list(keeps_of(Settings(measures=("lexical",)))) == ["lexical"]
    made = cells_of(Settings(seeds=1), Data("m", None, (1, 1, 1)), {"cxmi": [], "cxmi, two": []})
    assert [Path(str(cell.students)).name for cell in made] == ["full", "cxmi", "cxmi-two"]


def test_the_measure_of_a_kind_is_chosen_on_validation_and_proved_on_held_out() -> None:
    def made(right: float, held: float, context: float) -> dict[str, Any]:
        values = {
            "validation": {"v1": {"right": right, "context": 1, "read": 1}},
            "heldout": {h: {"right": held, "context": context, "read": 9.0} for h in ("h1", "h2")},
        }
        return dict.fromkeys(("filtered", "passages", "silver"), values) | {
            "copied": {"h1": 1.0, "h2": 0.0},
            "steps": {},
        }

    teaching, data = Teaching((1,), 1e-3, 1, 1), Data("m", "q", (1, 1, 1))
    full = {
        "full": {"heldout": {h: {"right": 1.0, "context": 10.0, "read": 12.0} for h in ("h1", "h2")}},
        "steps": {"full": 1},
    }
    found = [
        (Cell(data, teaching, 0, None, ()), full),
        (Cell(data, teaching, 0, "strinc", ()), made(0.0, 1.0, 5.0)),
        (Cell(data, teaching, 0, "cxmi", ()), made(1.0, 0.0, 2.0)),
    ]
    of = {"v1": Prompt("v1", user("x"), tags={"task": "t"})}
    heldout = [Prompt(h, user("x"), tags={"task": "t"}) for h in ("h1", "h2")]
    best = outcome.chosen(found, list(of.values()))
    assert best == {"t": "cxmi"}
    table = {row["row"]: row for row in outcome.rows(found, best, heldout)}
    assert table[outcome.TITLES["filtered"]]["exact_match"].value == 0.0  # not the better one on held-out
    (_, filtered, _) = outcome.differences(found, best, heldout)
    assert filtered["exact_match"].value == -1.0 and filtered["context_saved"].value == pytest.approx(0.8)
    assert outcome.by_measure(found, heldout)[0]["copied"].value == 0.5
    assert outcome.missing(found) == 0
