"""`hansei measure science`: its baselines, and the whole command."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hansei.cli import main
from hansei.core.records import Chat, Sampling
from hansei.measuring import science, science_paper
from hansei.measuring.science_answers import Answer, prompts
from hansei.measuring.science_baselines import baselines, neighbours, thing
from hansei.measuring.science_chemistry import alike, canonical, tanimoto
from hansei.measuring.science_items import Item, read_items, shipped
from hansei.measuring.science_report import pair_rows
from hansei.models.protocol import Reply
from tests.models.bad_server import bad_server


@pytest.fixture(scope="module")
def items() -> list[Item]:
    return shipped()


# --- the baselines --------------------------------------------------------------------------------------------------


def test_neighbours_are_the_most_alike_others_of_the_task(items: Sequence[Item]) -> None:
    group = [i for i in items if i.task == "boiling point"]
    found = neighbours(group, 3)
    for item in group[:10]:
        others = [i for i in group if i.id != item.id]
        limit = sorted((tanimoto(str(item.string), str(o.string)) or 0.0 for o in others), reverse=True)[2]
        assert len(found[item.id]) == 3 and item not in found[item.id]
        assert all((tanimoto(str(item.string), str(o.string)) or 0.0) >= limit for o in found[item.id])
    known = baselines(items, 3)
    mean = np.mean([o.number for o in found[group[0].id]])
    assert known.nearest(group[0]) == pytest.approx(mean)
    assert thing(group[0]) == group[0].string
    assert alike("GaAs", "GaP", "formula") > alike("GaAs", "NaCl", "formula") and canonical("OCC") == canonical("CCO")


# --- the command ----------------------------------------------------------------------------------------------------


class Scholar:
    """Says the truth, or only where the thing is given by its name."""

    name, fingerprint = "scholar", "0" * 32

    def __init__(self, items: Sequence[Item], strings: bool) -> None:
        self.known = {
            prompt.messages[0].content: item.answer if strings or prompt.id.endswith("/name") else "1e9"
            for item in items
            for prompt in prompts([item], {})
        }

    def generate(self, chats: Sequence[Chat], sampling: Sampling) -> list[Reply]:
        return [Reply(f"Answer: {self.known[chat[0].content]}", "stop", 1, 1) for chat in chats]

    def batches(self, chats: Sequence[Chat], sampling: Sampling) -> list[list[int]]:
        return [list(range(len(chats)))]


@pytest.mark.parametrize("strings", [True, False])
def test_who_knows_all_is_right_everywhere_and_who_can_not_read_strings_is_caught(
    items: Sequence[Item], strings: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hansei.models.load.load", lambda *_, **__: Scholar(items, strings))
    found = science.run(science.Settings(model="scholar", limit=4))
    pairs = {row["row"]: row for row in found.parts["pairs"]}
    every = next(row for row in found.rows if row["row"] == "all")
    assert pairs["all"]["right_by_name"].value == 1.0
    if strings:
        assert every["accuracy"].value == 1.0 and pairs["all"]["alike"].value == 1.0 and found.unscored == 0
        assert all(row["valid"].value == row["right"].value == 1.0 for row in found.parts["validity"])
        assert all(row["closer_than_neighbours"].value >= 0.5 for row in found.parts["numbers"])
    else:
        numbers = pairs["drug discovery"]
        assert (numbers["right_by_string"].value, numbers["alike"].value, numbers["name_less_string"].value) == (
            0,
            0,
            1,
        )
        assert numbers["p"] < 0.001
    assert "not measured" not in str(found)


def test_two_invalid_answers_are_not_alike_and_pairs_with_an_unread_one_are_left_out(items: Sequence[Item]) -> None:
    first, second = [i for i in items if i.task == "logP"][:2]
    answers = [Answer(first, "name", "wrong"), Answer(first, "string", "wrong")]
    answers += [Answer(second, "name", "right", second.number), Answer(second, "string", "unparsed")]
    (row,) = pair_rows(answers, 0)
    assert (row["alike"].value, row["alike"].n) == (0.0, 1)


def test_it_runs_on_a_model_goes_on_where_it_stopped_and_writes_its_files(
    llama_folder: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["measure", "science", "--model", llama_folder, "--limit", "1", "--max-new-tokens", "6", "--examples", "1"]
    line += ["--domain", "biology", "materials", "--out", str(tmp_path / "o"), "--json"]
    said = []
    for _ in range(2):
        assert main(line) == 0
        said.append(json.loads(capsys.readouterr().out.splitlines()[-1]))
    assert said[0]["rows"] == said[1]["rows"] and said[0]["parts"] == said[1]["parts"]
    counts = said[0]["parts"]["outcomes"]
    assert sum(v for row in counts for name, v in row.items() if name != "row") == 2 + 2 + 1 + 1 + 1 + 2 + 2 + 2 + 1
    assert "<svg" in (tmp_path / "o" / "science.svg").read_text(encoding="utf-8")
    assert main([*line[:2], "--dry-run", "--model", "x"]) == 0 and "nothing was run" in capsys.readouterr().out


def test_an_endpoint_s_errors_are_in_no_rate() -> None:
    with bad_server() as server:
        more: dict[str, Any] = {"base_url": server.url, "limit": 1, "domain": ("materials",)}
        fine = science.run(science.Settings(model="openai:ok", **more))
        failed = science.run(science.Settings(model="openai:bad-request", **more))
    assert (fine.errors, fine.unscored, failed.errors, failed.unscored) == (0, 6, 7, 0)  # "Fine" is no formula
    assert failed.rows[0]["accuracy"].n == 0 and failed.rows[0]["refusal_rate"].n == 0
    assert failed.notes[-1].startswith("the first error: status 400") and not any("error" in n for n in fine.notes)


def test_planted_weaknesses_are_measured_as_what_they_are() -> None:
    items = [item for item in shipped() if item.task in ("SMILES from name", "molecular weight")][::2]
    ways = [(item, way) for item in items for way, _ in item.ways()]
    known = baselines(items, 3)
    made = {
        name: science_paper.answerer_row(name, planted, [science_paper.answers(ways, writer, s) for s in (0, 1)], known)
        for name, planted, writer in science_paper.answerers(items)
    }
    gap = made["knows 90% by name, 40% by string"]["name_less_string"]
    assert gap.low < 0.5 < gap.high and gap.low > 0.1 and len(gap.per_seed) == 2
    same = made["knows 90% by name, 90% by string"]
    assert same["name_less_string"].low <= 0.0 <= same["name_less_string"].high and same["valid"].value == 1.0
    assert made["drops a character of half of what it writes"]["valid"].value < 0.9
    assert made["numbers off by a tenth"]["accuracy"].value < 0.75
    refuses, silent = made["refuses half"], made["says nothing to a third"]
    assert 0.3 < refuses["refusal_rate"].value < 0.7 and refuses["accuracy"].value == 1.0
    assert 0.15 < silent["unreadable"].value < 0.5 and silent["refusal_rate"].value == 0.0
    planned = science_paper.run(science_paper.Settings(dry_run=True))
    assert "658 questions, 1120 answers" in planned.notes[0]


GOOD = {"question": "How heavy is {x}?", "kind": "number", "name": "water", "answer": 18, "unit": "g/mol"}


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ({"frage": "?", "antwort": 1}, "columns question, kind and answer"),
        (GOOD | {"answer": None}, "a text in 'answer' was expected"),
        (GOOD | {"answer": "NaN"}, "a finite number was expected"),
        (GOOD | {"answer": [1]}, "a text or a number was expected in 'answer'"),
        (GOOD | {"kind": "essay"}, "kind: one of number, choice"),
        (GOOD | {"unit": "stone"}, "unit: one of"),
        (GOOD | {"tolerance": "some"}, "tolerance: a share such as 5%"),
        (GOOD | {"name": None}, "{x} in the question goes with"),
        (GOOD | {"string": "CCO"}, "the form of the string"),
        (GOOD | {"string": "C(C", "form": "SMILES"}, "a SMILES was expected in 'string'"),
        (GOOD | {"kind": "choice", "options": "a|b"}, "among two or more options"),
        (GOOD | {"kind": "smiles", "answer": "C(("}, "a valid smiles was expected"),
        (GOOD | {"kind": "solution", "equation": "u_t - v", "conditions": ""}, "an equation that can be checked"),
        (GOOD | {"kind": "solution", "equation": "u_t - u_xx", "conditions": "u(0)=1"}, "a condition such as"),
    ],
)
def test_a_broken_row_is_one_clear_line_before_any_model_is_loaded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], row: dict[str, Any], what: str
) -> None:
    file = tmp_path / "mine.jsonl"
    file.write_text(f"{json.dumps(GOOD)}\n{json.dumps(row)}\n", encoding="utf-8")
    assert main(["measure", "science", str(file), "--model", "nobody/nothing"]) == 2
    said = capsys.readouterr().err
    assert what in said and "line 2" in said and len(said.splitlines()) == 1


def test_the_same_question_twice_and_settings_that_contradict_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mine.jsonl"
    file.write_text(f"{json.dumps(GOOD)}\n" * 2, encoding="utf-8")
    for more in ([str(file)], ["--domain", "alchemy"], ["--examples", "2"], ["--neighbours", "0"], ["--limit", "0"]):
        assert main(["measure", "science", *more]) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1
    monkeypatch.setitem(sys.modules, "rdkit", None)
    assert main(["measure", "science"]) == 2
    assert "pip install 'hansei[science]'" in capsys.readouterr().err
    assert len(read_items(Path(science.__file__).parent / "science_tables" / "biology.csv")) == 114
