"""A training that is killed at any moment and started again gives the same student."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from hansei.core.records import Lesson, to_json
from hansei.training.job import COMPLETE
from hansei.training.settings import TrainSettings
from hansei.training.sft import train_sft

SETTINGS = TrainSettings(steps=400, batch=4, learning_rate=1e-3, save_every=3, device="cpu")
KEPT = (4, 400)

TRAIN = """
import json, sys, torch
from pathlib import Path
from hansei.core.records import Lesson, from_json
from hansei.training.settings import TrainSettings
from hansei.training.sft import train_sft
torch.set_num_threads(1)
base, lessons, settings, out = sys.argv[1:]
lessons = [from_json(Lesson, value) for value in json.loads(lessons)]
train_sft(base, lessons, TrainSettings(**json.loads(settings)), Path(out), keep_steps={kept})
"""


def command(base: str, lessons: list[Lesson], steps: int, out: Path) -> list[str]:
    settings = {**to_json(SETTINGS), "steps": steps}
    kept = [k for k in KEPT if k <= steps]
    given = [base, json.dumps(to_json(lessons)), json.dumps(settings), str(out)]
    return [sys.executable, "-c", TRAIN.format(kept=kept), *given]


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_a_training_killed_in_the_middle_resumes_to_the_same_bytes(
    llama: str, lessons: list[Lesson], tmp_path: Path
) -> None:
    steps, killed = 24, tmp_path / "killed"
    work = tmp_path / "killed.work"
    first = subprocess.Popen(command(llama, lessons, steps, killed))
    while not (work / "checkpoint-9" / COMPLETE).exists():  # then it is somewhere after step 9
        assert first.poll() is None, "it ended before it could be killed"
        time.sleep(0.002)
    os.kill(first.pid, signal.SIGKILL)
    assert first.wait() == -signal.SIGKILL
    assert not killed.exists()
    newest = max(work.glob(f"checkpoint-*/{COMPLETE}"), key=lambda p: int(p.parent.name[11:])).parent
    half = work / "checkpoint-23"  # as if it had been killed while writing: newer, and not whole
    half.mkdir()
    (half / "trainer_state.json").write_bytes((newest / "trainer_state.json").read_bytes()[:40])

    resumed = subprocess.run(command(llama, lessons, steps, killed), check=True, capture_output=True, text=True)
    assert resumed.stderr == ""
    subprocess.run(command(llama, lessons, steps, tmp_path / "whole"), check=True)
    assert files(killed) == files(tmp_path / "whole")
    assert not work.exists()


def test_the_work_of_another_training_is_not_resumed(llama: str, lessons: list[Lesson], tmp_path: Path) -> None:
    import dataclasses

    short = dataclasses.replace(SETTINGS, steps=3, save_every=0)
    work = tmp_path / "out.work"
    (work / "checkpoint-2").mkdir(parents=True)
    (work / "checkpoint-2" / COMPLETE).write_text("")
    (work / "job.json").write_text('"of another training"')
    train_sft(llama, lessons, short, tmp_path / "out")
    train_sft(llama, lessons, short, tmp_path / "fresh")
    assert files(tmp_path / "out") == files(tmp_path / "fresh")
