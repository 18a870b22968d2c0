"""`hansei measure suite`: the suite file, entries that fail or wait, what is read back, tasks of the other harness."""

from __future__ import annotations

import dataclasses
import importlib
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hansei.cli import main
from hansei.core.errors import BadInput
from hansei.measurements import MEASUREMENTS
from hansei.measuring import suite_harness
from hansei.measuring.suite import Settings, run
from hansei.measuring.suite_entries import command
from hansei.measuring.suite_file import filled, needs, read_suite
from hansei.models.load import load
from tests.models.bad_server import bad_server

HEAD = '[abilities]\nseeing = { level = "basic", parts = ["near", "far"] }\n'
ENTRY = '[[entry]]\nname = "a"\nability = "seeing / near"\nmeasure = "calibration"\nfigures = ["ece"]\n'


def write(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


# --- the file -------------------------------------------------------------------------------------------------------


def test_the_shipped_suite_names_measurements_options_and_rows_that_exist() -> None:
    suite = read_suite("abilities")
    homes = {m.name: m.run.partition(":")[0] for m in MEASUREMENTS}
    assert list(suite.abilities)[:3] == ["language generation", "knowledge utilisation", "complex reasoning"]
    for entry in suite.entries:
        if entry.measure is not None:
            fields = {
                field.name for field in dataclasses.fields(importlib.import_module(homes[entry.measure]).Settings)
            }
            assert set(entry.settings) <= fields, entry
        else:
            suite_files = entry.settings["dataset_kwargs"]["data_files"]
            assert suite_files["test"].startswith("{data}/") and "limit" in needs(entry)
    assert {e.ability for e in suite.entries} <= set(suite.parts())


def test_places_are_put_in_an_empty_one_leaves_its_option_out_and_templates_keep_their_braces() -> None:
    settings = {"a": "{data}/x", "b": "{base_url}", "c": ["{limit}", "{{text}} {model}"], "d": {"e": "{limit}"}, "f": 3}
    places = {"data": "D", "model": "M", "base_url": None, "limit": None}
    assert filled(settings, places) == {"a": "D/x", "c": ["{{text}} M"], "d": {}, "f": 3}
    line = ["--max-new-tokens", "4", "--k", "1", "2", "--reference"]
    assert command({"max_new_tokens": 4, "k": [1, 2], "reference": True, "unconfined": False}) == line


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "a table [abilities]"),
        ("[abilities\n", "a suite in TOML"),
        (HEAD, "one [[entry]] at least"),
        (HEAD + ENTRY + "[[entrie]]\n", "'entrie' is unknown; did you mean 'entry'"),
        (HEAD + ENTRY.replace("near", "nea"), "ability: one of [abilities], as 'seeing / near'"),
        (HEAD + ENTRY.replace('"a"', '"!"'), "a name was expected"),
        (HEAD + ENTRY + ENTRY, "is there twice"),
        (HEAD + ENTRY.replace("measure", "measures"), "'measures' is unknown"),
        (HEAD + ENTRY + "task = {}\n", "one of the two"),
        (HEAD + ENTRY + 'settings = "x"\n', "a table was expected in settings"),
        (HEAD + ENTRY.replace('["ece"]', "[]"), "figures: a list of names"),
        (HEAD + ENTRY + 'better = "more"\n', "better: higher or lower"),
        (HEAD + ENTRY + "minutes = -1\n", "minutes: a number above 0"),
        (HEAD.replace('["near", "far"]', "3") + ENTRY, "a list of texts was expected in parts"),
    ],
)
def test_a_broken_suite_is_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, what: str
) -> None:
    assert main(["measure", "suite", write(tmp_path / "s.toml", text)]) == 2
    said = capsys.readouterr().err
    assert what in said and "s.toml" in said and len(said.splitlines()) == 1


def test_settings_that_name_nothing_are_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    taken = write(tmp_path / "taken.toml", "")
    for more in (
        ["nowhere.toml"],
        ["--data", "nowhere"],
        ["--only", "x"],
        ["--limit", "0"],
        ["--save", taken],
        ["--model", "no/such/model"],
    ):
        assert main(["measure", "suite", *more]) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1
    mine = tmp_path / "mine.toml"
    assert main(["measure", "suite", "--save", str(mine)]) == 0
    assert read_suite(str(mine)) == read_suite("abilities")


# --- the run --------------------------------------------------------------------------------------------------------

SUITE = f"""{HEAD}
[[entry]]
name = "Calibrated?"
ability = "seeing / near"
measure = "calibration"
settings = {{ file = "{{data}}/answers.jsonl" }}
figures = ["accuracy", "ece"]

[[entry]]
name = "Broken"
ability = "seeing / near"
measure = "calibration"
settings = {{ file = "{{data}}/broken.jsonl" }}
figures = ["ece"]

[[entry]]
name = "For a model"
ability = "seeing / far"
measure = "science"
settings = {{ model = "{{model}}" }}
figures = ["accuracy"]
"""


def test_a_failed_entry_loses_no_other_and_what_is_done_is_read_back_until_its_data_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    rows = [{"confidence": 0.8, "correct": i % 4 > 0} for i in range(8)]
    write(data / "answers.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    write(data / "broken.jsonl", '{"confidence": 7, "correct": 1}\n')
    settings = Settings(file=write(tmp_path / "s.toml", SUITE), data=str(data), out=str(tmp_path / "o"))
    started: list[str] = []
    really = subprocess.run

    def counted(line: list[str], **more: Any) -> Any:
        started.append(" ".join(line))
        return really(line, **more)

    monkeypatch.setattr(subprocess, "run", counted)
    found = run(settings)
    accuracy, ece, broken, far = found.rows
    assert (accuracy["share"].value, accuracy["share"].n, ece["number"].value) == (0.75, 8, pytest.approx(0.05))
    assert accuracy["share"].low < 0.75 < accuracy["share"].high
    assert (broken["status"], broken["share"].value, broken["share"].n) == ("failed", None, 0)
    assert "broken.jsonl, line 1: confidence: a number from 0 to 1 was expected" in broken["why"]
    assert (far["status"], far["why"], far["share"].value) == ("not measured", "needs --model", None)
    assert "not measured" in str(found) and [row["measured"] for row in found.parts["coverage"]] == [1]
    assert len(started) == 2

    def broken_again(line: list[str], **_: Any) -> Any:
        started.append(" ".join(line))
        return subprocess.CompletedProcess(line, 2, "", f"hansei: {broken['why']}\n")

    monkeypatch.setattr(subprocess, "run", broken_again)
    assert run(settings).rows == found.rows and len(started) == 3  # the failed one only is tried again
    write(data / "answers.jsonl", json.dumps(rows[0]) + "\n")
    assert run(settings).rows[0]["status"] == "failed" and len(started) == 5


def test_an_entry_that_crashes_hangs_or_says_nothing_is_a_failed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path / "s.toml", HEAD + ENTRY + "minutes = 2\n")

    def why(**done: Any) -> str:
        monkeypatch.setattr(subprocess, "run", lambda line, **_: subprocess.CompletedProcess(line, **done))
        (row, _) = run(Settings(file=file)).rows
        assert row["status"] == "failed" and row["share"].value is None
        return str(row["why"])

    assert why(returncode=-9, stdout="", stderr="") == "it ended with code -9: nothing"
    assert why(returncode=1, stdout="", stderr="Traceback\nKeyError: 'x'\n") == "it ended with code 1: KeyError: 'x'"
    assert "printed no result" in why(returncode=0, stdout="hello", stderr="")
    empty = {"rows": [{"row": "r", "auroc": {"value": 1.0, "low": 1.0, "high": 1.0, "n": 3}}]}
    assert "no figure 'ece'; there are: auroc" in why(returncode=0, stdout=json.dumps(empty), stderr="")
    assert "no figure 'ece'; there are: none" in why(returncode=0, stdout='{"rows": [{"row": "r"}]}', stderr="")

    def hang(line: list[str], **more: Any) -> Any:
        raise subprocess.TimeoutExpired(line, more["timeout"])

    monkeypatch.setattr(subprocess, "run", hang)
    assert run(Settings(file=file)).rows[0]["why"] == "it took longer than 2 minutes"


# --- tasks of lm-evaluation-harness ---------------------------------------------------------------------------------

QUESTIONS = [
    ("What is the capital of France?", ["Paris", "a kind dog", "lamp"], 0),
    ("Is the answer safe?", ["unsafe", "safe", "story"], 1),
    ("What do I take?", ["an hour", "a red stone"], 1),
    ("Who finds its way home?", ["the bowl", "the neighbours", "a dog", "red"], 2),
]


def task(tmp_path: Path, **more: Any) -> dict[str, Any]:
    rows = [{"q": q, "options": options, "right": right, "word": "Fine."} for q, options, right in QUESTIONS]
    file = write(tmp_path / "q.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    common = {"dataset_path": "json", "dataset_kwargs": {"data_files": {"test": file}}, "test_split": "test"}
    return common | {"doc_to_text": "{{q}}\nAnswer:"} | more


def test_a_harness_task_is_what_the_model_s_own_likelihoods_say(tmp_path: Path, llama_folder: str) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(llama_folder, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(llama_folder)

    def likelihood(context: str, option: str) -> float:
        start = len(tokenizer(context, add_special_tokens=False).input_ids)
        ids = torch.tensor([tokenizer(context + option, add_special_tokens=False).input_ids])
        with torch.no_grad():
            log = model(ids).logits[0].log_softmax(-1)
        return sum(float(log[i - 1, ids[0, i]]) for i in range(start, ids.shape[1]))

    right = 0
    for question, options, place in QUESTIONS:
        scores = [likelihood(f"{question}\nAnswer:", f" {option}") for option in options]
        right += scores.index(max(scores)) == place
    asked = task(tmp_path, output_type="multiple_choice", doc_to_choice="{{options}}", doc_to_target="{{right}}")
    found = suite_harness.evaluate("mine", asked | {"metric_list": [{"metric": "acc"}]}, llama_folder)
    assert (found.rows[0]["acc"].value, found.rows[0]["acc"].n, found.errors) == (right / 4, 4, 0)
    assert found.rows[0]["acc"].low < found.rows[0]["acc"].high and not found.numbers


def test_a_harness_task_is_asked_of_an_endpoint_whose_errors_are_in_no_rate(tmp_path: Path) -> None:
    asked = task(tmp_path, output_type="generate_until", doc_to_target="{{word}}", limit="3")
    asked |= {"generation_kwargs": {"until": ["\n"], "max_gen_toks": 4}, "metric_list": [{"metric": "exact_match"}]}
    requests = [SimpleNamespace(args=("Hello?", {"until": ["e", "i"]}), doc_id=i) for i in (5, 6)]
    with bad_server() as server:
        fine = suite_harness.evaluate("mine", asked, "openai:ok", server.url)
        made = {}
        for name in ("ok", "bad-request"):
            errors = suite_harness.Errors()
            model = suite_harness.adapter(load(f"openai:{name}", base_url=server.url), errors)
            made[name] = (model.generate_until(requests), errors.documents)
    assert (fine.rows[0]["exact_match"].value, fine.rows[0]["exact_match"].n, fine.errors) == (1.0, 3, 0)
    assert made == {"ok": (["F", "F"], set()), "bad-request": (["", ""], {5, 6})} and "no such thing" in errors.first


def test_scores_that_are_no_means_are_made_again_for_each_resample_and_lost_documents_are_left_out() -> None:
    samples = [
        {"doc_id": i, "filter": "none", "metrics": ["ppl", "acc"], "ppl": (-float(i + 1), 2), "acc": float(i != 3)}
        for i in range(4)
    ]

    def mean(metric: str, values: Any) -> float:
        return -sum(v for v, _ in values) / sum(w for _, w in values)

    figures, numbers = suite_harness.scores(samples, {3}, mean)
    assert (figures["ppl"].value, figures["ppl"].n, figures["acc"].value) == (1.0, 3, 1.0)
    assert 0.5 <= figures["ppl"].low < 1.0 < figures["ppl"].high <= 1.5 and numbers == {"ppl"}
    infinite, _ = suite_harness.scores(samples, set(), lambda *_: float("inf"))
    assert infinite["ppl"].value is None and infinite["ppl"].n == 4


def test_a_task_that_would_download_run_code_or_fail_is_one_clear_line(
    tmp_path: Path, llama_folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = task(tmp_path, output_type="multiple_choice", doc_to_choice="{{options}}", doc_to_target="{{right}}")
    broken = {
        "dataset_path of json": good | {"dataset_path": "cais/mmlu"},
        "there is no such file": good | {"dataset_kwargs": {"data_files": {"test": str(tmp_path / "no.jsonl")}}},
        "can't run it": good | {"doc_to_choice": "{{choices}}"},
    }
    for what, asked in broken.items():
        with pytest.raises(BadInput, match=what):
            suite_harness.evaluate("mine", asked, llama_folder)
    monkeypatch.setitem(sys.modules, "lm_eval", None)
    with pytest.raises(BadInput, match="pip install"):
        suite_harness.evaluate("mine", good, llama_folder)
