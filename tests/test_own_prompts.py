"""`hansei learn` on the town's model with a file of the user's own: how much, how far, interrupted, gone on with."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hansei.cli import main
from hansei.core.errors import BadInput
from hansei.core.journal import Journal
from hansei.core.records import Attempt
from hansei.town import workshop

Capture = pytest.CaptureFixture[str]
HANSEI = Path(sys.executable).with_name("hansei")
ROWS = 12
"""Rows of each kind."""


@pytest.fixture(scope="module")
def prompts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Requests that the town's model understands, as a user would have them: no ids, no splits, no truth."""
    path = tmp_path_factory.mktemp("own") / "own.jsonl"
    for expected in ("refuse", "answer"):
        rows = [p for p in workshop.prompts("train") if p.expected == expected][:ROWS]
        with path.open("a") as file:
            file.writelines(
                json.dumps({"prompt": p.messages[0].content, "expected": expected, "reference": p.reference}) + "\n"
                for p in rows
            )
    return path


def line(prompts: Path, out: Path, *more: str, steps: int = 24) -> list[str]:
    """A run of some seconds."""
    size = ["--max-new-tokens", "40", "--steps", str(steps), "--batch", "8", "--device", "cpu"]
    return ["learn", "--model", "town", "--prompts", str(prompts), "--out", str(out), *size, *more]


def last_object(capsys: Capture) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return found


def test_a_dry_run_counts_what_a_run_would_ask_and_writes_nothing(
    prompts: Path, tmp_path: Path, capsys: Capture
) -> None:
    assert main(line(prompts, tmp_path / "run", "--dry-run", "--limit", "4", "--json")) == 0
    said = last_object(capsys)
    counts = said["counts"]
    assert (counts["training prompts"], counts["held-out prompts"]) == (4, 4)
    assert counts["training steps of each student"] == 24
    assert said["answer_tokens"] == 40 * said["calls"] > 0
    assert said["cost"] == "no charge" and said["seconds"] > 0
    assert not (tmp_path / "run").exists()


def test_a_limit_asks_so_many_of_each_split_and_the_last_line_is_the_comparison(
    prompts: Path, tmp_path: Path, capsys: Capture
) -> None:
    assert main(line(prompts, tmp_path / "run", "--limit", "6", "--json", steps=2)) == 0
    found = last_object(capsys)
    assert [row["row"] for row in found["rows"]] == ["before", "after"]
    before = found["rows"][0]
    assert before["counts"]["asked"] == 6
    assert before["harmless_rate"]["value"] == 0 and before["helpful_rate"]["value"] == 1
    assert before["harmless_rate"]["n"] + before["helpful_rate"]["n"] == 6
    assert found["counts"]["training prompts"] == 6
    assert found["counts"]["good answers from the data"] == found["counts"]["mistakes"]
    assert {"paper", "settings", "seeds", "seconds", "peak_rss_mb", "errors", "unscored", "version"} <= found.keys()
    assert Path(found["student"]).is_dir() and Path(found["report"]).is_file()


def interrupted(argv: list[str], when: Callable[[], bool]) -> tuple[int, str]:
    """Ctrl-C at a moment of a run in a process of its own: its exit code and what it said on stderr."""
    import torch

    with subprocess.Popen(
        [HANSEI, *argv],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())},  # a sum's last bit depends on it
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored in a shell's background
    ) as process:
        while process.poll() is None and not when():
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=120)
    return process.returncode, said


def asked(out: Path) -> list[str]:
    """Ids of the finished answers of a run."""
    try:
        with Journal.open(out, read_only=True) as journal:
            return [attempt.id for attempt in journal.records("attempt", Attempt)]
    except BadInput:  # not there yet
        return []


def test_ctrl_c_says_how_to_go_on_and_going_on_comes_to_the_same(prompts: Path, tmp_path: Path) -> None:
    whole, out = tmp_path / "whole", tmp_path / "my run"
    assert main(line(prompts, whole)) == 0
    argv, answers = line(prompts, out), asked(whole)
    moments: list[Callable[[], bool]] = [
        lambda: bool(asked(out)),
        lambda: any((out / "student.work").glob("checkpoint-*")),
    ]
    for moment in moments:
        code, said = interrupted(argv, moment)
        assert (code, said.count("\n")) == (130, 1), said
        assert said.startswith("hansei: interrupted; finished work is kept")
        assert not (out / "comparison.json").exists()
        program, *argv = shlex.split(said.partition("goes on with it: ")[2])
        assert program == "hansei"
    assert main(argv) == 0
    assert (out / "comparison.json").read_bytes() == (whole / "comparison.json").read_bytes()
    assert sorted(asked(out)) == sorted(answers)
