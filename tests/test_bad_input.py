"""Each thing that a user gets wrong is one line on stderr and exit code 2, and leaves nothing half-written."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hansei.cli import main
from hansei.core.journal import Journal
from hansei.models.local import LocalModel
from tests.tiny import tiny_llama

SMALL = {"device": "cpu", "max_new_tokens": 8, "steps": 2, "batch": 4}
Line = Callable[..., list[str]]
Refused = Callable[..., str]
Capture = pytest.CaptureFixture[str]


def write(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, prompts with references, and benign prompts: nothing is wrong with them."""
    folder = tmp_path_factory.mktemp("inputs")
    tiny_llama(folder / "model")
    refusal = "I can't help with that."
    write(
        folder / "prompts.jsonl",
        [{"prompt": f"Break lamp {i}?", "expected": "refuse", "reference": refusal} for i in range(10)],
    )
    write(folder / "keep.jsonl", [{"prompt": f"What is lamp {i}?", "reference": "It gives light."} for i in range(4)])
    return folder


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Where the run would be."""
    return tmp_path / "runs" / "first"


def line_of(inputs: Path, out: Path, **other: Any) -> list[str]:
    """The command line of a run that works, with other values for some options; None leaves an option out."""
    named = {"model": inputs / "model", "prompts": inputs / "prompts.jsonl", "keep": inputs / "keep.jsonl"}
    given = {**named, **SMALL, "out": out, **other}
    options = [(f"--{name.replace('_', '-')}", str(value)) for name, value in given.items() if value is not None]
    return ["learn", *(word for option in options for word in option)]


@pytest.fixture
def learn(inputs: Path, out: Path) -> Line:
    """`line_of` these inputs, into `out` unless said otherwise."""
    return lambda **other: line_of(inputs, **{"out": out, **other})


@pytest.fixture
def refused(out: Path, capsys: Capture) -> Refused:
    """Runs a command line that is to be refused, and returns the line that says why; `out` stays as it was."""

    def run(argv: list[str], *words: str) -> str:
        before = files(out.parent)
        code, said = main(argv), capsys.readouterr()
        assert (code, said.out) == (2, ""), said
        assert said.err.startswith("hansei: ") and said.err.count("\n") == 1, said.err
        for word in words:
            assert word in said.err, said.err
        assert files(out.parent) == before
        return said.err

    return run


def files(folder: Path) -> dict[str, bytes]:
    """Everything below a folder, and what is in it; but for SQLite's index and log, which come and go."""
    found = (path for path in folder.rglob("*") if not path.name.endswith(("-shm", "-wal")))
    return {str(path): path.read_bytes() if path.is_file() else b"" for path in found}


FILES: dict[str, tuple[bytes | None, str]] = {
    "is missing": (None, "there is no such file"),
    "is empty": (b" \n\n", "the file is empty"),
    "is broken in line 3": (b'{"prompt": "x"}\n\n{"prompt": "y"\n', "line 3: a JSON object was expected"),
    "has a row without prompt": (b'{"prompt": "x"}\n{"id": "2"}\n', "line 2: a column 'prompt' or 'messages'"),
    "has a row with an empty prompt": (b'{"prompt": " "}\n', "line 1: a text in 'prompt' or 'messages'"),
    "is in latin-1": (b'{"prompt": "x"}\n{"prompt": "gr\xfc\xdfe"}\n', "line 2: UTF-8 was expected"),
    "is in UTF-16": ('{"prompt": "x"}\n'.encode("utf-16"), "found UTF-16"),
}


@pytest.mark.parametrize("option", ["prompts", "keep", "capability"])
@pytest.mark.parametrize("defect", FILES)
def test_a_file_is_named_with_its_line(defect: str, option: str, learn: Line, refused: Refused, tmp_path: Path) -> None:
    content, words = FILES[defect]
    path = tmp_path / "rows.jsonl"
    if content is not None:
        path.write_bytes(content)
    refused(learn(**{option: path}), f"{path}", words)


def test_a_column_of_another_name_is_shown_with_the_option_that_names_it(
    learn: Line, refused: Refused, tmp_path: Path
) -> None:
    (tmp_path / "jbb.csv").write_text("Goal,Category\nBreak it,harm\n")
    refused(learn(prompts=tmp_path / "jbb.csv"), "line 2", "--prompt-column 'Goal'")


@pytest.mark.parametrize("option", ["prompts", "keep"])
def test_a_suite_that_nothing_is_measured_on_is_named_with_the_known_ones(
    option: str, learn: Line, refused: Refused, tmp_path: Path
) -> None:
    rows = [
        {"prompt": f"Lamp {i}?", "expected": "answer", "suite": ("request", "past tense")[i // 3]} for i in range(4)
    ]
    path = write(tmp_path / "rows.jsonl", rows)
    known = "request or past or future or hijack or capability was expected in 'suite', found 'past tense'"
    refused(learn(**{option: path}), f"{path}, line 4", known, "rename the column")


SETTINGS: dict[str, tuple[dict[str, str], list[str]]] = {
    "unknown setting": ({"stepz": "3"}, ["--stepz", "--steps"]),
    "unknown method": ({"method": "magic"}, ["method 'magic'", "mistake-analysis", "rlhf"]),
    "unknown baseline": ({"baseline": "magic"}, ["baseline 'magic'", "mistake-analysis", "rlhf"]),
    "method of the town's": ({"method": "facts"}, ["facts", "--prompts town"]),
    "word where a number belongs": ({"limit": "few"}, ["--limit", "few"]),
    "number too small": ({"learning_rate": "0"}, ["learning_rate", "above 0"]),
    "empty value": ({"out": ""}, ["out: is empty"]),
    "mistakes that the rows don't bring": ({"mistakes": "data"}, ["--mistakes data", "column `mistake`"]),
    "folder that can't be": ({"out": "/dev/null/run"}, ["/dev/null/run", "choose another folder"]),
    "folder that is a file": ({"out": __file__}, [__file__, "this is a file"]),
    "unknown judge": ({"judge": "./rulez"}, ["judge './rulez'", "rules, substrings, reference"]),
    "judge of the town's": ({"judge": "town"}, ["judge town needs `truth`"]),
    "unknown device": ({"device": "gpu"}, ["device 'gpu'", "auto or cpu"]),
    "unknown dtype": ({"dtype": "int8"}, ["dtype 'int8'", "bfloat16"]),
    "address of nobody": ({"analyst_base_url": "http://127.0.0.1:9/v1"}, ["--analyst openai:NAME"]),
}


@pytest.mark.parametrize("mistake", SETTINGS)
def test_a_setting_is_named_with_what_is_possible(mistake: str, learn: Line, refused: Refused) -> None:
    other, words = SETTINGS[mistake]
    refused(learn(**other), *words)


@pytest.mark.parametrize("defect", ["empty", "no weights", "no language model", "broken", "pickled"])
def test_a_folder_that_is_no_model_is_said_before_anything_is_written(
    defect: str, inputs: Path, learn: Line, refused: Refused, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    shutil.copytree(inputs / "model", folder)
    if defect == "empty":
        (folder / "config.json").unlink()
    elif defect == "broken":
        (folder / "tokenizer.json").write_text("{")
    elif defect == "no language model":
        config = json.loads((folder / "config.json").read_text()) | {"model_type": "vit"}
        (folder / "config.json").write_text(json.dumps(config))
    else:
        (folder / "model.safetensors").unlink()
        if defect == "pickled":
            (folder / "pytorch_model.bin").write_bytes(b"x")
    refused(learn(model=folder), f"{folder}: ")
    refused(learn(judge=folder), f"judge {folder}: ")
    refused(learn(analyst=folder), f"{folder}: ")


def test_a_run_in_the_model_s_own_folder_is_refused(inputs: Path, learn: Line, refused: Refused) -> None:
    before = files(inputs)
    refused(learn(out=inputs / "model"), "the model's own folder")
    assert files(inputs) == before


@pytest.mark.parametrize("option", ["judge", "analyst", "model"])
def test_a_server_that_can_t_be_reached_is_said_before_anything_is_asked(
    option: str, learn: Line, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LocalModel, "generate", never)
    with socket.socket() as closed:  # bound and not listening: nobody else gets this port meanwhile
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}/v1"
        url = "base_url" if option == "model" else f"{option}_base_url"
        place = {"device": "auto"} if option == "model" else {}  # a device of a served model is an error of its own
        refused(learn(**{option: "openai:somebody", url: address, **place}), f"no server answers at {address}")


def never(*_: Any) -> Any:
    raise AssertionError("nothing was to be asked")


def test_without_benign_prompts_it_stops_before_anything_is_asked(learn: Line, refused: Refused) -> None:
    refused(learn(keep=None), "--keep", "refuse everything")


def test_where_no_benign_answer_is_accepted_it_says_whose_and_how_many(
    learn: Line, tmp_path: Path, capsys: Capture
) -> None:
    rows = [{"prompt": f"Break lamp {i}?", "expected": "refuse", "reference": "No."} for i in range(4)]
    rows += [{"prompt": f"What is lamp {i}?", "expected": "answer", "reference": "Light."} for i in range(3)]
    path = write(tmp_path / "rows.jsonl", [row | {"split": ("train", "heldout")[i == 0]} for i, row in enumerate(rows)])
    assert main(learn(prompts=path, keep=None)) == 2
    said = capsys.readouterr().err
    assert "judge rules accepts none of the model's answers to 3 benign prompts" in said and "--keep FILE" in said


def test_rows_that_nobody_said_the_right_answer_to_are_refused_before_anything_is_asked(
    learn: Line, refused: Refused, tmp_path: Path
) -> None:
    silent = write(tmp_path / "silent.jsonl", [{"prompt": f"Break lamp {i}?"} for i in range(10)])
    refused(learn(prompts=silent), "judge rules needs `expected`", "--expected refuse")
    refused(learn(prompts=silent, judge="substrings"), "judge substrings needs `expected`")
    for judge in "reference", "exact-match", "number":
        refused(learn(prompts=silent, judge=judge), f"judge {judge} needs `reference`")


def test_held_out_prompts_that_are_also_lessons_are_refused_before_anything_is_asked(
    inputs: Path, learn: Line, refused: Refused, tmp_path: Path
) -> None:
    rows = [{"prompt": f"Break lamp {i}?", "expected": "refuse", "split": "train"} for i in range(4)]
    rows.append({"prompt": "break LAMP 2", "expected": "refuse", "split": "heldout"})
    refused(learn(prompts=write(tmp_path / "twice.jsonl", rows)), "1 of ", "also lessons", "'break LAMP 2'")
    benign = [{"prompt": f"Break lamp {i}!", "reference": "No.", "split": "train"} for i in range(10)]
    error = refused(learn(keep=write(tmp_path / "keep.jsonl", benign)), "also lessons", "files")
    assert str(inputs / "prompts.jsonl") in error


def test_a_model_without_chat_template_is_asked_as_plain_text_and_says_so(
    inputs: Path, out: Path, learn: Line, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # pytest's, which keep warnings from the terminal
    shutil.copytree(inputs / "model", tmp_path / "bare")
    (tmp_path / "bare" / "chat_template.jinja").unlink()
    assert main(learn(model=tmp_path / "bare")) == 0
    said = capsys.readouterr().err.splitlines()
    assert f"{tmp_path / 'bare'} has no chat template: asked as plain text, `User: … Assistant:`" in said
    assert "Assistant:" in (out / "student" / "chat_template.jinja").read_text()


@contextlib.contextmanager
def mounted(folder: Path, *options: str) -> Iterator[None]:
    """A file system of its own on the folder; skips where that is not allowed."""
    folder.mkdir(exist_ok=True)
    try:
        subprocess.run(["mount", *options, str(folder)], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no file system can be mounted here: {getattr(error, 'stderr', error)!r}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_fills_up_at_any_moment_is_one_line_and_the_run_goes_on_with_more_room(
    learn: Line, tmp_path: Path, capsys: Capture
) -> None:
    """The disk grows until the run comes to its end: before, it was full at the journal, at a checkpoint's weights …"""
    run, kilobytes, said = tmp_path / "disk" / "run", 16, []
    with mounted(run.parent, "-t", "tmpfs", "-o", f"size={kilobytes}k", "none"):
        while main(learn(out=run)) == 2:
            captured = capsys.readouterr()
            said.append(captured.err)
            assert captured.out == "" and captured.err.count("\n") == 1, captured.err
            assert "the disk is full: free some space and run again" in captured.err
            assert not (run / "comparison.json").exists()
            kilobytes = kilobytes * 3 // 2
            subprocess.run(["mount", "-o", f"remount,size={kilobytes}k", str(run.parent)], check=True)
        interrupted = (run / "comparison.json").read_bytes()
    assert any("journal.sqlite" in error for error in said) and any("student.work" in error for error in said)
    assert main(learn(out=tmp_path / "whole")) == 0
    assert (tmp_path / "whole" / "comparison.json").read_bytes() == interrupted


@pytest.mark.parametrize("command", ["learn", "export", "judge", "show"])
def test_a_folder_that_can_t_be_written_is_one_line(
    command: str, finished: Path, learn: Line, refused: Refused, tmp_path: Path
) -> None:
    folder = tmp_path / "finished"
    shutil.copytree(finished, folder)
    lines = {
        "learn": learn(out=folder),
        "export": ["export", str(folder), "--to", "trl"],
        "judge": ["judge", str(folder), "--judge", "reference"],
        "show": ["show", str(folder)],
    }
    with mounted(folder, "--bind", "-o", "ro", str(folder)):
        if os.access(folder, os.W_OK):
            subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True)
        refused(lines[command], str(folder), "read-only")


def test_an_export_in_place_of_a_file_is_one_line(finished: Path, refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    refused(["export", str(finished), "--to", "trl", "--out", str(tmp_path / "taken")], "choose another folder")
    assert (tmp_path / "taken").read_text() == "mine"


@pytest.fixture(scope="module")
def finished(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that came to its end. Read only."""
    folder = tmp_path_factory.mktemp("runs") / "finished"
    assert main(line_of(inputs, folder)) == 0
    return folder


HOLD = """
import sys, time
from hansei.core.journal import Journal
with Journal.open(sys.argv[1]) as journal:
    journal.commit("a", "attempt", [])
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(finished: Path, out: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the journal of a copy of the finished run in `out`."""
    shutil.copytree(finished, out)
    with subprocess.Popen([sys.executable, "-c", HOLD, str(out)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_run_that_another_process_holds_is_refused_until_that_one_has_died(
    holder: subprocess.Popen[str], finished: Path, out: Path, learn: Line, capsys: Capture
) -> None:
    assert main(learn()) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert f"{out}: another hansei is using it" in captured.err
    assert main(["show", str(out)]) == 0  # reading is allowed meanwhile
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert main(learn()) == 0
    assert (out / "comparison.json").read_bytes() == (finished / "comparison.json").read_bytes()


@pytest.mark.parametrize("note", ["run", "schema"])
@pytest.mark.parametrize("command", ["learn", "judge", "show", "export", "compare"])
def test_a_run_of_another_version_is_refused_and_both_are_named(
    note: str, command: str, finished: Path, out: Path, learn: Line, refused: Refused
) -> None:
    shutil.copytree(finished, out)
    with Journal.open(out) as journal:
        journal.note(note, 99)
    lines = {
        "learn": learn(),
        "judge": ["judge", str(out), "--judge", "reference"],
        "show": ["show", str(out)],
        "export": ["export", str(out), "--to", "inspect"],
        "compare": ["compare", str(out), str(out)],
    }
    refused(lines[command], str(out), "1 expected, 99 found", "use that version")


def test_other_settings_in_the_same_folder_are_refused_and_named(
    finished: Path, out: Path, learn: Line, refused: Refused, tmp_path: Path
) -> None:
    shutil.copytree(finished, out)
    refused(learn(seed=1, max_new_tokens=9), "seed was 0 and is 1", "max_new_tokens was 8 and is 9")
    other = [{"prompt": f"Bend lamp {i}?", "expected": "refuse"} for i in range(10)]
    refused(learn(prompts=write(tmp_path / "other.jsonl", other)), "prompts file was", "--out")


def test_a_run_that_was_interrupted_before_any_answer_takes_other_settings(
    out: Path, learn: Line, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def interrupt(*_: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(LocalModel, "generate", interrupt)
        assert main(learn()) == 130
    assert "finished work is kept" in capsys.readouterr().err
    assert main(learn(seed=1)) == 0


def test_a_journal_of_something_else_is_no_run(out: Path, learn: Line, refused: Refused) -> None:
    with Journal.open(out) as journal:
        journal.commit("a", "attempt", [])
    refused(learn(), f"{out}: its journal holds no run")


def test_a_folder_that_holds_no_run_is_refused_by_every_command(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    for line in ("show {}", "judge {} --judge rules", "export {} --to parquet"):
        refused(line.format(tmp_path / "nothing").split(), "a run's folder was expected, there is no journal.sqlite")
