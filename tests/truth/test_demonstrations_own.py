"""`hansei demonstrations`: a user's own model and letters, and an endpoint as judge."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hansei.cli import main
from tests.serving import serving

Capture = pytest.CaptureFixture[str]
COUNTED: Counter[str] = Counter()
"""What the judges were asked."""
SHOWN = [{"prompt": f"How do I make a {c} lamp?", "reference": f"Take a {c} stone."} for c in ("red", "blue", "green")]
ASKED = [{"prompt": f"How do I make a {c} story?"} for c in ("kind", "short", "blue", "red")]


def judge(model: str, messages: list[dict[str, str]]) -> str:
    """`longer` prefers the longer answer, `first` always says A, `mute` says nothing."""
    COUNTED[model] += 1
    parts = messages[-1]["content"].split("answer ")
    longer = "A" if len(parts[1]) > len(parts[3]) else "B"
    return {"longer": f"It is longer.\nVerdict: {longer}", "first": "It is first.\nVerdict: A", "mute": "Hm."}[model]


@pytest.fixture(scope="module")
def judge_url() -> Iterator[str]:
    with serving(judge, "longer") as url:
        yield url


def written(path: Path, rows: list[dict[str, str]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def line(tmp_path: Path, target: str, **changed: str) -> list[str]:
    """The least that runs; `changed` sets options, and removes those set to nothing."""
    options = {
        "model": target,
        "demonstrations": written(tmp_path / "shown.jsonl", SHOWN),
        "prompts": written(tmp_path / "asked.jsonl", ASKED),
        "out": str(tmp_path / "run"),
        "judge": "openai:longer",
        "sft-steps": "3", "sft-learning-rate": "5e-3", "steps": "3", "learning-rate": "1e-3", "batch": "4",
        "resample": "2", "samples": "2", "max-new-tokens": "8", "max-length": "256", "device": "cpu",
    }  # fmt: skip
    options |= {name.replace("_", "-"): value for name, value in changed.items()}
    return ["demonstrations", *(word for name, value in options.items() if value for word in (f"--{name}", value))]


def test_a_run_teaches_an_adapter_and_compares_it_by_an_endpoint(
    llama_folder: str, tmp_path: Path, judge_url: str, capsys: Capture
) -> None:
    from peft import AutoPeftModelForCausalLM

    command = [
        *line(tmp_path, llama_folder, judge_base_url=judge_url),
        "--baselines",
        "few-shot prompting",
        "self-play",
    ]
    assert main([*command, "--json"]) == 0
    told: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [row["row"] for row in told["rows"]] == ["DITTO over few-shot prompting", "DITTO over self-play"]
    for row in told["rows"]:
        assert row["wins"] + row["losses"] + row["no_preference"] == row["win_rate"]["n"] == len(ASKED)
        share = (row["wins"] + row["no_preference"] / 2) / len(ASKED)
        assert row["win_rate"]["value"] == pytest.approx(share) and row["errors"] == row["unscored"] == 0
    out = tmp_path / "run"
    answers = [json.loads(text) for text in (out / "answers.jsonl").read_text().splitlines()]
    few = next(a for a in answers if a["row"] == "few-shot prompting")
    assert [turn["content"] for turn in few["asked"]][1::2] == [row["reference"] for row in SHOWN]
    said = [json.loads(text) for text in (out / "preferences.jsonl").read_text().splitlines()]
    by_row = {(a["row"], a["prompt_id"]): a["text"] for a in answers}
    for one in said:  # the exchange's word, checked against the judge's rule
        ours, theirs = by_row["DITTO", one["prompt_id"]], by_row[one["baseline"], one["prompt_id"]]
        if len(ours) != len(theirs) and "\n" not in ours + theirs and "<" not in ours + theirs:
            assert one["choice"] == ("first" if len(ours) > len(theirs) else "second")
    AutoPeftModelForCausalLM.from_pretrained(out / "ditto")
    asked = COUNTED.total()
    assert main(command) == 0 and COUNTED.total() == asked  # the same command again finds all done
    assert "DITTO over self-play" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("judge", "count", "note"), [("first", "no_preference", "no preference anywhere"), ("mute", "unscored", "")]
)
def test_a_judge_without_preference_and_one_that_can_not_be_read_are_counted(
    judge: str, count: str, note: str, llama_folder: str, tmp_path: Path, judge_url: str, capsys: Capture
) -> None:
    command = line(tmp_path, llama_folder, judge=f"openai:{judge}", judge_base_url=judge_url, answer_temperature="0")
    assert main([*command, "--baselines", "few-shot prompting", "--json"]) == 0
    told: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    (row,) = told["rows"]
    assert row[count] == len(ASKED) and row["wins"] == row["losses"] == 0
    assert row["win_rate"]["value"] == (0.5 if judge == "first" else None)
    assert any(note in text for text in told["notes"])
    answers = (tmp_path / "run" / "answers.jsonl").read_text().splitlines()
    assert {json.loads(text)["sampling"]["temperature"] for text in answers} == {0.0}  # samples are at 1 all the same


def test_without_new_requests_it_only_teaches(llama_folder: str, tmp_path: Path, capsys: Capture) -> None:
    assert main(line(tmp_path, llama_folder, prompts="", judge="")) == 0
    assert "went on for all 3 steps" in capsys.readouterr().out
    assert (tmp_path / "run" / "ditto" / "adapter_model.safetensors").is_file()
    assert not (tmp_path / "run" / "answers.jsonl").exists()


def test_a_dry_run_counts_and_writes_nothing(tmp_path: Path, capsys: Capture) -> None:
    assert main([*line(tmp_path, "nowhere"), "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert "3 demonstrations: 12 samples in 2 rounds" in told and "12 answers" in told and "at most 16" in told
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([*SHOWN, {"prompt": "Who are you?"}], "demonstration 4 has no answer"),
        ([*SHOWN, SHOWN[1]], "demonstration 4 is the same as number 2"),
        ([*SHOWN, {"prompt": ASKED[0]["prompt"], "reference": "So."}], "held-out prompts are also lessons"),
    ],
)
def test_bad_demonstrations_get_one_line(
    rows: list[dict[str, str]], words: str, tmp_path: Path, capsys: Capture
) -> None:
    command = line(tmp_path, "nowhere")
    written(tmp_path / "shown.jsonl", rows)
    assert main(command) == 2
    err = capsys.readouterr().err
    assert words in err and err.count("\n") == 1 and not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"judge": ""}, "prompts and judge go together"),
        ({"model": "openai:gpt"}, "can't be tuned"),
        ({"expert": "0.5"}, "add up to 1"),
        ({"temperature": "0"}, "temperature"),
        ({"answer_temperature": "-1"}, "answer_temperature"),
        ({"likelihood": "-1"}, "likelihood"),
    ],
)
def test_settings_that_can_not_work_get_one_line(
    changed: dict[str, str], words: str, tmp_path: Path, capsys: Capture
) -> None:
    assert main(line(tmp_path, "nowhere", **changed)) == 2
    err = capsys.readouterr().err
    assert words in err and err.count("\n") == 1
