"""What the command line does before any command runs, and what it makes of errors."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import hansei.cli
from hansei.cli import COMMANDS, main
from hansei.core.errors import BadInput

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command line and returns exit code, stdout and stderr."""

    def call(*argv: str) -> tuple[int, str, str]:
        code = main(argv)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def one_line(text: str) -> str:
    assert text.endswith("\n") and text.count("\n") == 1, text
    return text


def test_an_unknown_command_is_one_line_with_the_nearest_name(run: Run) -> None:
    code, out, err = run("lern")
    assert (code, out) == (2, "")
    assert one_line(err).startswith("hansei: ") and '"learn"' in err


def test_an_unknown_option_is_one_line_with_the_nearest_name(run: Run) -> None:
    code, out, err = run("papers", "--jsn")
    assert (code, out) == (2, "")
    assert "--json" in one_line(err)


def test_a_choice_that_does_not_exist_is_one_line_with_the_choices(run: Run) -> None:
    code, _, err = run("papers", "--wing", "sefty")
    assert code == 2
    assert "safety" in one_line(err)


@pytest.mark.parametrize("argv", [("probe", "--model", "openai:\udcff"), ("show", "run\udce9")])
def test_an_argument_that_is_no_utf_8_is_one_line(argv: tuple[str, ...], run: Run) -> None:
    code, out, err = run(*argv)
    assert (code, out) == (2, "")
    assert "an argument in UTF-8 was expected" in one_line(err) and "\\udc" in err


def test_help_names_every_command_with_what_it_does(run: Run) -> None:
    code, out, err = run("--help")
    words = " ".join(out.replace("│", " ").split())
    assert (code, err) == (0, "")
    for name, text in COMMANDS.items():
        assert f"{name} {text}" in words


def test_the_version_is_the_package_s(run: Run) -> None:
    assert run("--version") == (0, hansei.__version__ + "\n", "")


def failing_with(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_tokens: list[str]) -> None:
        raise error

    monkeypatch.setattr(hansei.cli, "_run", fail)


def test_bad_input_is_one_line_and_exit_code_2(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    failing_with(BadInput("prompts.jsonl, line 3:\n expected an object"), monkeypatch)
    assert run("learn") == (2, "", "hansei: prompts.jsonl, line 3: expected an object\n")


def test_an_interrupt_says_which_command_goes_on(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    failing_with(KeyboardInterrupt(), monkeypatch)
    code, out, err = run("learn", "--prompts", "my prompts.jsonl")
    assert (code, out) == (130, "")
    assert one_line(err).endswith(
        "finished work is kept, and this goes on with it: hansei learn --prompts 'my prompts.jsonl'\n"
    )
    nothing, at_the_end = "without --out nothing was kept; again", "written at the end, so nothing was kept; again"
    for argv, said in (
        (["science", "--out=o"], "finished work is kept"),
        (["science", "--limit=1"], nothing),
        (["deception", "--model=m"], "finished work is kept"),  # it has a folder of its own
        (["contamination", "--out=o"], "finished work is kept"),
        (["calibration", "--out=o"], at_the_end),
    ):
        code, _, err = run("measure", *argv)
        assert code == 130 and said in one_line(err)
    for argv, said in (
        (["scaling"], "finished work is kept"),
        (["knowledge-map"], at_the_end),
        (["code", "--out=o"], at_the_end),
        (["evaluation-suite"], nothing),
        (["evaluation-suite", "--out", "o"], "finished work is kept"),
    ):
        code, _, err = run("papers", "run", *argv)
        assert code == 130 and said in one_line(err)


def test_a_defect_of_ours_keeps_its_traceback(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    failing_with(ZeroDivisionError("ours"), monkeypatch)
    with pytest.raises(ZeroDivisionError):
        run("learn")


def test_a_reader_that_has_seen_enough_leaves_no_traceback() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    code = "import sys; from hansei.cli import main; sys.exit(main(['papers']))"
    with os.fdopen(writer, "w") as stdout:
        ran = subprocess.run(
            [sys.executable, "-c", code], stdout=stdout, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (ran.returncode, ran.stderr) == (141, "")


def test_the_installed_command_is_this_command_line() -> None:
    script = Path(sys.executable).with_name("hansei")
    ran = subprocess.run([script, "papers", "--json"], capture_output=True, text=True, check=True)
    assert len(json.loads(ran.stdout.splitlines()[-1])["papers"]) == 31
