"""`hansei answer contrastive-cot`, `thought-templates` and `tree-of-thoughts`, on a folder and on an endpoint."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from hansei.cli import main
from tests.cli.test_answer import last_json
from tests.serving import serving

SOLVED = [
    {
        "question": f"Ann has {n} pens and finds {m}. She loses 2. How many?",
        "answer": f"First {n} + {m} = <<{n}+{m}={n + m}>>{n + m}.\nThen {n + m} - 2 = {n + m - 2}.\n#### {n + m - 2}",
    }
    for n, m in ((11, 13), (14, 12), (17, 21), (19, 15), (23, 16), (24, 31), (28, 18))
]
ASKED = [{"question": "Leo has 30 nuts and finds 12. He loses 2. How many?", "answer": "He has 40.\n#### 40"}]


def files(home: Path) -> list[str]:
    for name, rows in (("solved.jsonl", SOLVED), ("asked.jsonl", ASKED)):
        (home / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return ["--questions", str(home / "asked.jsonl"), "--device", "cpu", "--json"]


def clever(_model: str, messages: list[dict[str, str]]) -> str:
    """Adds what is had and found and takes away what is lost; speaks as it is asked to."""
    turn = messages[-1]["content"]
    a, b, c = re.findall(r"\d+", re.findall(r"Question: (.*)", turn)[-1])[:3]
    if "write a template" in turn:
        program = "```python\ndef solve(a, b, c):\n    return a + b - c\n```"
        return f"Task: things found and lost\nSlots: a had, b found, c lost\nSteps: add, subtract\nProgram:\n{program}"
    if "do not solve it" in turn:
        return f"Known: {a} had\nTask: things found and lost\nCategory: Mathematical Reasoning"
    if "Read its slots" in turn:
        return f"Slots: a = {a}, b = {b}, c = {c}"
    if "Last step" in turn:
        return "Sure."
    if "next step" in turn:
        return f"Answer: {int(a) + int(b) - int(c)}"
    return f"So it is.\nAnswer: {int(a) + int(b) - int(c)} things\nWrong explanation: no.\nWrong Answer: 7"


@pytest.mark.parametrize(
    ("method", "more", "calls"),
    [
        ("contrastive-cot", ["--demonstrations", "solved.jsonl", "--shots", "2"], 1),
        (
            "contrastive-cot",
            [
                "--demonstrations",
                "solved.jsonl",
                "--shots",
                "2",
                "--samples",
                "3",
                "--temperature",
                "1",
                "--mistake",
                "irrelevant-objects",
            ],
            3,
        ),
        ("thought-templates", ["--examples", "solved.jsonl", "--templates", "buffer.json"], 2),
        ("tree-of-thoughts", ["--width", "1", "--proposals", "2", "--judgements", "1"], 2),
    ],
)
def test_an_endpoint_is_asked_and_numbers_are_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], method: str, more: list[str], calls: int
) -> None:
    shared = files(tmp_path)
    more = [str(tmp_path / word) if "." in word else word for word in more]
    with serving(clever) as url:
        command = ["answer", method, "--model", "openai:m", "--base-url", url, "--out", str(tmp_path / "run")]
        assert main([*command, *shared[:2], "--json", *more]) == 0
    found = last_json(capsys)
    (row,) = found["rows"]
    assert row["calls"]["value"] == calls and found["errors"] == 0
    passed = [value for name, value in row.items() if name in ("exact_match", "accuracy", "reference_match")]
    assert any(figure["value"] == 1.0 for figure in passed), row
    if method == "thought-templates":
        buffer = json.loads((tmp_path / "buffer.json").read_text())
        assert len(buffer["templates"]) == 1 and len(buffer["declined"]) == len(SOLVED) - 1
        assert buffer["templates"][0]["sources"] == [SOLVED[0]["question"]]


@pytest.mark.parametrize(
    ("method", "more"),
    [
        ("contrastive-cot", ["--demonstrations", "solved.jsonl", "--shots", "1"]),
        ("thought-templates", ["--examples", "solved.jsonl", "--most-examples", "2"]),
        ("tree-of-thoughts", ["--width", "1", "--proposals", "2", "--judgements", "1", "--depth", "2"]),
    ],
)
def test_a_folder_is_asked_and_goes_on_where_it_stopped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], llama_folder: str, method: str, more: list[str]
) -> None:
    shared = files(tmp_path)
    more = [str(tmp_path / word) if "." in word else word for word in more]
    command = ["answer", method, "--model", llama_folder, "--out", str(tmp_path / "run"), "--max-new-tokens", "4"]
    assert main([*command, *shared, *more]) == 0
    first = last_json(capsys)
    assert main([*command, *shared, *more]) == 0
    again = last_json(capsys)
    assert first["rows"] == again["rows"]


def test_a_question_among_the_examples_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], llama_folder: str
) -> None:
    shared: list[Any] = files(tmp_path)
    shared[1] = str(tmp_path / "solved.jsonl")
    command = ["answer", "thought-templates", "--model", llama_folder, "--out", str(tmp_path / "run")]
    assert main([*command, *shared, "--examples", str(tmp_path / "solved.jsonl")]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "sources of templates" in said and not (tmp_path / "run").exists()
