"""Each command: its help is its settings' docstrings, its mistakes are one line, its JSON comes last."""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest

from hansei.cli import export as export_command
from hansei.cli import main
from hansei.cli import show as show_command
from hansei.cli import town as town_command
from hansei.cli.common import show
from hansei.core.journal import Journal
from hansei.core.records import Attempt, Lesson, Prompt, Sampling, Verdict, user
from hansei.core.settings import field_docs
from hansei.loop.settings import CompareSettings, DemoSettings, LearnSettings, ProbeSettings, RejudgeSettings
from hansei.safety.experiment import Settings as ExperimentSettings
from hansei.safety.mart_experiment import Settings as MartPaperSettings
from hansei.safety.mart_own import Settings as MartSettings
from hansei.steps.compare import Answers
from hansei.steps.run import keep_row, open_run, store
from hansei.steps.town_base import CheckSettings
from hansei.steps.town_base import Settings as TrainSettings

Capture = pytest.CaptureFixture[str]

ASKED = ["--model", "town", "--prompts", "prompts.jsonl", "--out", "run"]
MART = ["--target", "t", "--attacker", "a", "--prompts", "prompts.jsonl", "--out", "run", "--attacks", "9"]
MART += ["--adversary-below", "0.5", "--safe-above", "0.5", "--instructions", "0", "--exercises", "0"]
COMMANDS: dict[str, tuple[type[Any], list[str]]] = {
    "demo": (DemoSettings, []),
    "learn": (LearnSettings, ASKED),
    "probe": (ProbeSettings, ASKED),
    "judge": (RejudgeSettings, ["run", "--judge", "rules"]),
    "compare": (CompareSettings, ["one", "two"]),
    "export": (export_command.ExportSettings, ["run", "--to", "trl"]),
    "show": (show_command.ShowSettings, ["run"]),
    "papers run mistake-analysis": (ExperimentSettings, []),
    "papers run mart": (MartPaperSettings, []),
    "mart": (MartSettings, MART),
    "town ask": (town_command.AskSettings, ["Who are you?"]),
    "town show": (town_command.ShowSettings, []),
    "town train": (TrainSettings, []),
    "town check": (CheckSettings, []),
}
"""Settings of each command, and the least that it must be told."""


def last_object(capsys: Capture) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return made


def one_error(capsys: Capture) -> str:
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("hansei: ") and captured.err.count("\n") == 1, captured.err
    return captured.err


@pytest.mark.parametrize("command", COMMANDS)
def test_help_names_every_setting_with_its_docstring(command: str, capsys: Capture) -> None:
    kind, _ = COMMANDS[command]
    assert main([*command.split(), "--help"]) == 0
    page = re.sub(r"[\s│*]+", "", capsys.readouterr().out)
    for field in dataclasses.fields(kind):
        assert f"--{field.name.replace('_', '-')}" in page
        assert re.sub(r"[\s*]+", "", field_docs(kind)[field.name]) in page, field.name
    assert "--json" in page


@pytest.mark.parametrize("command", COMMANDS)
def test_an_option_that_does_not_exist_is_one_line(command: str, capsys: Capture) -> None:
    _, least = COMMANDS[command]
    assert main([*command.split(), *least, "--no-such-option"]) == 2
    assert "--no-such-option" in one_error(capsys)


def test_a_missing_argument_is_one_line(capsys: Capture) -> None:
    assert main(["judge"]) == 2
    assert "--run" in one_error(capsys)


def test_a_word_where_a_number_belongs_is_one_line(capsys: Capture) -> None:
    assert main(["learn", "--model", "town", "--prompts", "p", "--out", "o", "--limit", "few"]) == 2
    assert '"few"' in one_error(capsys)


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
@pytest.mark.parametrize("command", ["mart", "probe"])
def test_a_number_that_is_none_is_one_line(command: str, number: str, capsys: Capture) -> None:
    assert main([*command.split(), *COMMANDS[command][1], "--temperature", number]) == 2
    assert f"--temperature: a finite number was expected, found {number}" in one_error(capsys)


@pytest.mark.parametrize(("command", "option"), [("mart", "--out"), ("probe", "--model"), ("show", "--run")])
def test_a_needed_text_that_is_empty_is_one_line(command: str, option: str, capsys: Capture) -> None:
    asked = COMMANDS[command][1]
    place = asked.index(option) + 1 if option in asked else 0
    assert main([command, *asked[:place], "", *asked[place + 1 :]]) == 2
    assert one_error(capsys).startswith(f"hansei: {option}: is empty")


@pytest.mark.parametrize("command", ["learn", "probe"])
def test_a_file_that_is_not_there_is_one_line_and_leaves_nothing(command: str, tmp_path: Path, capsys: Capture) -> None:
    missing, out = tmp_path / "none.jsonl", tmp_path / "run"
    assert main([command, "--model", "town", "--prompts", str(missing), "--out", str(out)]) == 2
    assert "none.jsonl" in one_error(capsys)
    assert not out.exists()


def test_an_unknown_method_is_one_line_with_the_known_ones(tmp_path: Path, capsys: Capture) -> None:
    arguments = ["--model", "town", "--prompts", "p.jsonl", "--out", str(tmp_path), "--method", "magic"]
    assert main(["learn", *arguments]) == 2
    error = one_error(capsys)
    assert "magic" in error and "mistake-analysis" in error


@pytest.mark.parametrize(
    "command", ["judge {} --judge rules", "show {}", "compare {} {}", "export {} --to trl", "export {} --to inspect"]
)
def test_a_folder_that_is_no_run_is_one_line(command: str, tmp_path: Path, capsys: Capture) -> None:
    assert main(command.format(tmp_path, tmp_path).split()) == 2
    assert str(tmp_path) in one_error(capsys)


def test_a_dry_run_says_how_much_it_would_be_and_writes_nothing(tmp_path: Path, capsys: Capture) -> None:
    prompts = tmp_path / "prompts.jsonl"
    rows = [{"id": str(i), "prompt": f"Question {i}?", "expected": "refuse"} for i in range(20)]
    prompts.write_text("".join(json.dumps(row) + "\n" for row in rows))
    out = tmp_path / "run"
    arguments = ["--model", "town", "--prompts", str(prompts), "--out", str(out), "--dry-run", "--json"]
    assert main(["probe", *arguments]) == 0
    assert last_object(capsys)["counts"]
    assert not out.exists()


def test_the_town_shows_an_item_with_all_that_is_known(capsys: Capture) -> None:
    assert main(["town", "show", "--json"]) == 0
    everything = last_object(capsys)
    item = next(i for i in everything["items"] if i["shelf"] == "heldout" and i["dangerous"])
    assert main(["town", "show", item["name"], "--json"]) == 0
    shown = last_object(capsys)
    assert shown["items"] == [item]
    assert all(prompt["expected"] == "refuse" for prompt in shown["prompts"])


def test_an_item_that_the_town_does_not_have_is_one_line(capsys: Capture) -> None:
    assert main(["town", "show", "unheard-of"]) == 2
    assert "unheard-of" in one_error(capsys)


def test_the_town_answers_a_question_of_its_own_and_its_judge_says_what_that_was(capsys: Capture) -> None:
    assert main(["town", "show", "--json"]) == 0
    prompt = next(p for p in last_object(capsys)["prompts"] if p["expected"] == "refuse")
    assert main(["town", "ask", prompt["messages"][0]["content"], "--json"]) == 0
    asked = last_object(capsys)
    assert asked["attempt"]["prompt_id"] == prompt["id"]
    assert (asked["verdict"]["outcome"], asked["verdict"]["behaviour"]) == ("fail", "answered")


def test_an_answer_to_a_question_of_nobody_s_is_not_judged(capsys: Capture) -> None:
    assert main(["town", "ask", "Who are you?"]) == 0
    assert "not judged" in capsys.readouterr().out


@dataclasses.dataclass
class Said:
    """A result that says what a model said."""

    text: str

    def __str__(self) -> str:
        return self.text

    def to_json(self) -> dict[str, Any]:
        return {"text": self.text}


def test_what_a_terminal_would_obey_is_printed_as_an_escape(capsys: Capture) -> None:
    said = Said("red \x1b[31m, title \x9d0;x\x07, turned \u202e, half \ud800, tag \U000e0041, kept: é 鬼\n\tnext")
    show(said, as_json=False)
    assert capsys.readouterr().out == (
        "red \\x1b[31m, title \\x9d0;x\\x07, turned \\u202e, half \\ud800, tag \\U000e0041, kept: é 鬼\n\tnext\n"
    )
    show(said, as_json=True)
    line = capsys.readouterr().out.removesuffix("\n")
    assert line.isprintable() and "é 鬼" in line and json.loads(line) == said.to_json()


def test_an_error_about_what_others_wrote_moves_no_cursor(tmp_path: Path, capsys: Capture) -> None:
    assert main(["probe", "--model", "town", "--prompts", "no \x1b[2J such.jsonl", "--out", str(tmp_path / "o")]) == 2
    assert "\\x1b[2J" in one_error(capsys)


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    """A run's folder with two lessons in its journal."""
    with Journal.open(tmp_path / "run") as journal:
        lessons = [Lesson(str(i), user(f"Question {i}?"), completion=f"Answer {i}.") for i in range(2)]
        store(journal, "lesson", lessons)
    return tmp_path / "run"


def test_lessons_are_exported_as_a_dataset_that_says_how_many_rows_it_has(finished: Path, capsys: Capture) -> None:
    assert main(["export", str(finished), "--to", "trl", "--json"]) == 0
    made = last_object(capsys)
    lines = (Path(made["folder"]) / "sft.jsonl").read_text().splitlines()
    assert made["rows"] == {"sft.jsonl": 2} and len(lines) == 2
    assert json.loads(lines[1])["completion"] == [{"role": "assistant", "content": "Answer 1."}]


def test_all_records_are_exported_as_tables_where_the_user_says(
    finished: Path, tmp_path: Path, capsys: Capture
) -> None:
    out = tmp_path / "tables"
    assert main(["export", str(finished), "--to", "parquet", "--out", str(out)]) == 0
    assert "2 lesson" in capsys.readouterr().out
    assert (out / "lesson.parquet").is_file()


def test_a_run_that_taught_nothing_has_no_lessons_to_export(tmp_path: Path, capsys: Capture) -> None:
    Journal.open(tmp_path).close()
    assert main(["export", str(tmp_path), "--to", "trl"]) == 2
    assert "no lessons" in one_error(capsys)
    assert not (tmp_path / "export").exists()


def test_the_answers_of_a_table_are_exported_as_logs_of_inspect(tmp_path: Path, capsys: Capture) -> None:
    prompt = Prompt("p1", user("How?"), split="heldout", expected="answer")
    answer = Attempt("a1", "p1", "m", "plain", Sampling(), 0, prompt.messages, "So.", "stop")
    verdict = Verdict("a1", "rules", "1", "pass", "answered")
    with open_run(tmp_path, {"seed": 0, "model": "m"}) as journal:
        store(journal, "prompt", [prompt])
        journal.commit("attempts", "attempt", [answer])
        journal.commit("verdicts", "verdict", [verdict])
        keep_row(journal, "model", "m", Answers([answer], [verdict]))
    assert main(["export", str(tmp_path), "--to", "inspect", "--json"]) == 0
    made = last_object(capsys)
    ((name, samples),) = made["rows"].items()
    log = json.loads((Path(made["folder"]) / name).read_text())
    assert samples == 1 and log["samples"][0]["id"] == "p1"


@pytest.mark.parametrize(("name", "value"), [("--expected", "refuse"), ("--prompt-column", "Goal")])
def test_how_a_file_is_read_is_refused_where_the_town_s_own_requests_are_asked(
    name: str, value: str, tmp_path: Path, capsys: Capture
) -> None:
    out = tmp_path / "run"
    assert main(["probe", "--model", "town", "--prompts", "town", name, value, "--out", str(out)]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and "the town's own requests are asked" in said[0] and not out.exists()
