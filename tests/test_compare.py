"""`hansei compare` loses no run, asks models as the run beside them was asked, and takes no setting without effect."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from hansei.cli import main
from hansei.core.errors import BadInput
from hansei.core.journal import Journal
from hansei.core.records import Attempt, Sampling
from hansei.loop import CompareSettings, ProbeSettings, compare_runs, probe
from tests.steps.fakes import FakeModel

GOOD = "Take the wood and cut it into boards, then nail them together."


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"openai:base": FakeModel(lambda _: GOOD, fingerprint="base")}
    known["openai:other"] = FakeModel(lambda _: "I can't help with that.", fingerprint="other")
    monkeypatch.setattr("hansei.models.load.load", lambda name, **_: known[name])


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "prompts.jsonl"
    rows = [{"prompt": f"How do I make table number {i}?", "expected": "answer"} for i in range(4)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.fixture
def run(asked: None, file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    out = str(tmp_path / "run")
    how = ["--max-new-tokens", "60", "--temperature", "0.5", "--seed", "3"]
    assert main(["probe", "--model", "openai:base", "--prompts", file, "--out", out, *how]) == 0
    capsys.readouterr()
    return out


def samplings(out: str) -> set[Sampling]:
    with Journal.open(out, read_only=True) as journal:
        return {attempt.sampling for attempt in journal.records("attempt", Attempt)}


def test_models_beside_a_run_are_asked_as_its_own_was(run: str) -> None:
    assert main(["compare", run, "openai:other"]) == 0
    same = ["--max-new-tokens", "60", "--temperature", "0.5", "--seed", "3"]
    assert main(["compare", run, "openai:other", *same]) == 0
    assert samplings(run) == {Sampling(temperature=0.5, max_new_tokens=60, seed=3)}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["--temperature", "0"], "temperature: beside a run models are asked as its own was, in RUN with 0.5, found 0"),
        (["--max-new-tokens", "256"], "max_new_tokens: beside a run .* with 60, found 256: leave it out"),
        (["--seed", "0"], "seed: beside a run .* with 3, found 0: leave it out"),
        (["--seed", "0", "--dry-run"], "seed: beside a run .* with 3, found 0: leave it out"),
        (["--prompts", "FILE"], "prompts: goes with models alone, and RUN is a run, with prompts of its own, found"),
        (["--out", "elsewhere"], "out: goes with models alone"),
        (["--limit", "1"], "limit: goes with models alone, .* found 1: leave it out"),
        (["--expected", "refuse"], "expected: goes with models alone"),
        (["--prompt-column", "Goal"], "prompt_column: goes with models alone"),
    ],
)
def test_a_setting_that_the_run_has_of_its_own_is_refused_beside_it(
    run: str, file: str, given: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", run, "openai:other", *(file if word == "FILE" else word for word in given)]) == 2
    found = capsys.readouterr()
    assert re.fullmatch(f"hansei: {says.replace('RUN', run)}[^\n]*\n", found.err), found.err
    assert found.out == "" and samplings(run) == {Sampling(temperature=0.5, max_new_tokens=60, seed=3)}


def test_where_only_runs_are_compared_nothing_says_how_to_ask(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", run, run, "--temperature", "0"]) == 2
    assert "temperature: says how models are asked, and only runs are compared, found 0.0" in capsys.readouterr().err
    assert main(["compare", run, run, "--limit", "1"]) == 2
    assert main(["compare", run, run]) == 0


def test_models_alone_are_asked_as_is_said_and_greedily_if_nothing_is(
    asked: None, file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = ["compare", "openai:base", "openai:other", "--prompts", file]
    assert main([*alone, "--out", str(tmp_path / "one")]) == 0
    assert samplings(str(tmp_path / "one")) == {Sampling(temperature=0.0, max_new_tokens=256, seed=0)}
    assert main([*alone, "--out", str(tmp_path / "two"), "--temperature", "0.9", "--seed", "4", "--limit", "1"]) == 0
    assert samplings(str(tmp_path / "two")) == {Sampling(temperature=0.9, max_new_tokens=256, seed=4)}
    capsys.readouterr()
    for setting in ("temperature", "max_new_tokens", "seed", "limit"):
        given = f"--{setting.replace('_', '-')}"
        assert main([*alone, "--out", str(tmp_path / "three"), given, "-1"]) == 2
        assert f"hansei: {setting}: expected at least" in capsys.readouterr().err


def test_a_run_that_was_answered_by_a_method_is_compared_with_runs_only(
    asked: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    questions, out = tmp_path / "questions.jsonl", str(tmp_path / "answered")
    questions.write_text('{"question": "Who plays?", "answers": ["Bo"], "passages": ["Bo plays."]}\n')
    how = ["--model", "openai:base", "--questions", str(questions), "--out", out]
    assert main(["answer", "plain", *how]) == 0
    assert main(["compare", out, out]) == 0
    capsys.readouterr()
    assert main(["compare", out, "openai:other"]) == 2
    said = capsys.readouterr().err
    assert "is a run of `hansei answer plain`" in said and said.count("\n") == 1


def test_runs_of_different_judges_are_compared_by_one_that_is_named(asked: None, file: str, tmp_path: Path) -> None:
    for name, judge in (("one", "rules"), ("two", "substrings")):
        probe(ProbeSettings(model="openai:base", prompts=file, out=str(tmp_path / name), judge=judge))
    both = (str(tmp_path / "one"), str(tmp_path / "two"))
    with pytest.raises(BadInput, match=r"different judges .*: name one with --judge"):
        compare_runs(CompareSettings(what=both))
    found = compare_runs(CompareSettings(what=both, judge="rules"))
    assert found.judge == "rules" and list(found.rows) == ["model (one, two)"]
    assert found.rows["model (one, two)"].figures["helpful_rate"].n == 4


def test_no_row_of_compared_runs_is_lost_where_folders_have_one_name(asked: None, file: str, tmp_path: Path) -> None:
    both = tuple(str(tmp_path / name / "run") for name in ("one", "two"))
    for out, model in zip(both, ("openai:base", "openai:other"), strict=True):
        probe(ProbeSettings(model=model, prompts=file, out=out))
    assert list(compare_runs(CompareSettings(what=both)).rows) == [f"model ({out})" for out in both]
