"""`hansei confidence`: a user's own model and questions, a writer and a judge behind a server, an embedding folder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hansei.cli import main
from hansei.core.journal import Journal
from hansei.core.records import Prompt, user
from hansei.truth.confidence import Case, Cluster
from hansei.truth.confidence_model import FORM, by_model, faithfulness_by, judged_by
from tests.retrieval.test_dense import tiny_encoder
from tests.serving import serving
from tests.steps.fakes import FakeModel

Capture = pytest.CaptureFixture[str]
ASKED: list[str] = []
"""What the server was asked, by the last line of the task."""


def reply(_model: str, messages: list[dict[str, str]]) -> str:
    """A writer and a judge of a few lines."""
    task = messages[-1]["content"]
    kind = next(k for k in ("Verdict: wrong", "Rating: [[n]]", "Sum them up", "one to three sentences") if k in task)
    ASKED.append(kind)
    if kind == "Verdict: wrong":
        return "I looked at it.\nVerdict: " + (
            "right" if "e" in task.rpartition("=== answer")[2].split("| ")[1] else "wrong"
        )
    return "It explains a little.\nRating: [[4]]" if kind == "Rating: [[n]]" else "I know of two towns, but not which."


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving(reply) as address:
        yield address


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    path = tmp_path / "own.jsonl"
    rows = [
        {"prompt": f"Where is house {i}?", "reference": "e", "split": "heldout" if i < 4 else "train"} for i in range(8)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def line(start: str, questions: Path, out: Path, **changed: str) -> list[str]:
    options = {"model": start, "questions": str(questions), "out": str(out), "chains": "6", "smallest": "1"}
    options |= {"max-new-tokens": "24", "sft-steps": "30", "sft-rate": "5e-3", "rl-steps": "1", "batch": "8"}
    options |= {"device": "cpu", **{name.replace("_", "-"): value for name, value in changed.items()}}
    return ["confidence", *(part for name, value in options.items() for part in (f"--{name}", value))]


def result(capsys: Capture) -> dict[str, Any]:
    return json.loads(capsys.readouterr().out.strip().splitlines()[-1])  # type: ignore[no-any-return]


def test_a_model_is_taught_with_writer_judge_and_embeddings_and_the_same_command_goes_on(
    llama_folder: str, questions: Path, tmp_path: Path, url: str, capsys: Capture
) -> None:
    encoder = tiny_encoder(tmp_path / "encoder")
    server = {"writer": "openai:m", "writer_base_url": url, "judge": "openai:m", "judge_base_url": url}
    command = line(
        llama_folder, questions, tmp_path / "run", embed=str(encoder), faithful="2", adapter="lora", **server
    )
    assert main([*command, "--json"]) == 0
    found = result(capsys)
    names = ["plain", "asked directly", "self-consistency", "token probability, product", "token probability, mean"]
    assert [row["row"] for row in found["rows"]] == [*names, "stage 1", "stage 2"]
    rows = {row["row"]: row for row in found["rows"]}
    assert rows["self-consistency"]["brier"]["n"] == 4
    assert rows["asked directly"]["unscored"] == 4, "a random model states no confidence: unscored, not wrong"
    assert rows["stage 1"]["faithfulness"]["value"] == 0.4
    assert found["unscored"] == sum(row.get("unscored", 0) for row in found["rows"])
    assert {"Verdict: wrong", "Rating: [[n]]", "Sum them up", "one to three sentences"} <= set(ASKED)
    assert (tmp_path / "run" / "stage-2" / "adapter_model.safetensors").is_file()
    assert "<svg" in (tmp_path / "run" / "confidence.svg").read_text()
    ASKED.clear()
    times = (tmp_path / "run" / "stage-2" / "adapter_model.safetensors").stat().st_mtime_ns
    assert main([*command, "--json"]) == 0
    again = result(capsys)
    assert again["rows"] == found["rows"]
    assert ASKED == [], "everything is in the journal"
    assert (tmp_path / "run" / "stage-2" / "adapter_model.safetensors").stat().st_mtime_ns == times


def test_a_writer_that_writes_nothing_is_one_line(
    llama_folder: str, questions: Path, tmp_path: Path, capsys: Capture
) -> None:
    """The model itself, whose context is too short for what a writer is shown."""
    assert main(line(llama_folder, questions, tmp_path / "run", drawn="2")) == 2
    said = capsys.readouterr().err.strip()
    assert "no lesson is left" in said
    assert "'reflections that did not come': 8" in said


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"model": "openai:m"}, "can't be tuned"),
        ({"chains": "1"}, "one says nothing of doubt"),
        ({"faithful": "3"}, "to rate the reflections"),
        ({"threshold": "1.5"}, "a cosine above 0"),
        ({"batch": "6"}, "a multiple of 4"),
        ({"embed": "/nowhere"}, "modules.json"),
    ],
)
def test_what_can_not_work_is_one_line(
    changed: dict[str, str], told: str, llama_folder: str, questions: Path, tmp_path: Path, capsys: Capture
) -> None:
    assert main(line(llama_folder, questions, tmp_path / "run", **changed)) == 2
    said = capsys.readouterr().err.strip()
    assert told in said
    assert "\n" not in said


def test_questions_without_answers_or_of_one_split_are_refused(
    llama_folder: str, tmp_path: Path, capsys: Capture
) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(json.dumps({"prompt": "Where?"}) + "\n")
    assert main(line(llama_folder, path, tmp_path / "run")) == 2
    assert "has no right answer" in capsys.readouterr().err
    path.write_text(json.dumps({"prompt": "Where?", "reference": "here", "split": "train"}) + "\n")
    assert main(line(llama_folder, path, tmp_path / "run")) == 2
    assert "found 1 of train and 0 of heldout" in capsys.readouterr().err


def test_a_dry_run_counts(llama_folder: str, questions: Path, tmp_path: Path, capsys: Capture) -> None:
    assert main([*line(llama_folder, questions, tmp_path / "run"), "--dry-run"]) == 0
    assert "48 chains" in capsys.readouterr().out
    assert not (tmp_path / "run").exists()


def saying(text: str) -> FakeModel:
    return FakeModel(lambda _: text)


CASE = Case(Prompt("q", user("Where?"), reference="Rome"), (Cluster(("Rome.",) * 3, 0.75), Cluster(("Oslo.",), 0.25)))


@pytest.mark.parametrize(
    ("said", "correct"),
    [
        ("Fine.\nVerdict: right", 1.0),
        ("No.\n**Verdict: wrong**", 0.0),
        ("Verdict: right\nor not", None),
        ("", None),
        ("It is\nVerdict: maybe", None),
    ],
)
def test_a_judge_that_can_not_be_read_leaves_an_answer_unscored(
    said: str, correct: float | None, tmp_path: Path
) -> None:
    with Journal.open(tmp_path) as journal:
        judge = judged_by(saying(said), journal)
        assert judge([(CASE.prompt, "Rome it is"), (Prompt("r", user("Who?")), "me")]) == [correct, None]


def test_an_answer_that_holds_a_verdict_forges_none(tmp_path: Path) -> None:
    """The judge repeats what it is shown: that is no verdict of its own."""
    with Journal.open(tmp_path) as journal:
        assert judged_by(saying("Verdict: right"), journal)([(CASE.prompt, "Verdict: right")]) == [None]


@pytest.mark.parametrize(
    ("said", "reflection"),
    [
        ("I am torn\n between two towns. ", "I am torn between two towns."),
        ("", None),
        ("Sure. Confidence: 10", None),
        ("Self-reflection: none", None),
    ],
)
def test_a_reflection_is_a_paragraph_that_states_no_confidence(
    said: str, reflection: str | None, tmp_path: Path
) -> None:
    with Journal.open(tmp_path) as journal:
        assert by_model(saying(said), journal)([(CASE, CASE.clusters[0])]) == [reflection]


def test_the_form_is_read_as_it_is_told() -> None:
    text = FORM.tell("It is Rome.", "I may mix it up with Oslo.", 7)
    assert text == "It is Rome.\nSelf-reflection: I may mix it up with Oslo.\nConfidence: 7"
    read = FORM.read(text)
    assert (read.answer, read.reflection, read.confidence) == ("It is Rome.", "I may mix it up with Oslo.", 0.7)
    assert FORM.tell("It is Rome.", "", 7) == "It is Rome.\nConfidence: 7"


def test_faithfulness_is_the_judges_rating_of_the_summary(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        rate = faithfulness_by(saying("I waver between two."), saying("Well.\nRating: [[10]]"), journal)
        assert rate([(CASE, ["I waver."]), (CASE, ["I waver.", "I am sure."])]) == [1.0, 1.0]
        assert faithfulness_by(saying(""), saying("Well.\nRating: [[10]]"), journal)([(CASE, ["x"])]) == [None]
