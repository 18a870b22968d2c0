"""Why answers did not come is told by kind and in the first one's own words, in one line whatever they are."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hansei.cli import main
from hansei.steps.compare import Answers, compare
from hansei.steps.failures import KINDS, kind_of, one_line, reasons, told
from tests.serving import serving
from tests.steps.test_measure import answered, bad

Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("status 400: you asked for 4,123 tokens", "status 400"),
        ("status 503: down (tried 6 times)", "status 503"),
        ("no answer within 600 s", "no answer within … s"),
        ("connection failed: All connection attempts failed (tried 6 times)", "connection failed"),
        ("expected JSON, found text/html; charset=utf-8: <html>", "expected JSON, found text/html"),
        ("prompt of 50 tokens leaves no room; the limit is 9", "prompt of … tokens leaves no room"),
        ("the judge failed: status 500: oops", "the judge failed: status 500"),
        ("the judge failed: no reply", "the judge failed: no reply"),
        ("", "no reason given"),
        (": \x1b[2J", "no reason given"),
        ("x" * 1000, "x" * 60),
    ],
)
def test_errors_of_a_kind_begin_alike(error: str, kind: str) -> None:
    assert kind_of(error) == kind


def test_an_error_is_one_line_in_which_nothing_is_obeyed() -> None:
    hostile = "status 400: \x1b[2J\x1b]0;mine\x07 first\r\nsecond\u2028third \u202egnihtemos\x00"
    shown = one_line(hostile)
    assert shown.isprintable() and r"\x1b[2J" in shown and "first second third" in shown
    assert len(one_line("word " * 1000)) == 300
    assert all(note.isprintable() for note in told([hostile, "\x1b[0m: x", "\n"]))


def test_kinds_are_counted_the_commonest_first_and_the_first_error_is_said() -> None:
    errors = ["connection failed: a", *[f"status 400: you asked for {i}" for i in range(3)]]
    assert told(errors) == ["errors: 3 status 400, 1 connection failed", "the first error: connection failed: a"]
    assert told(errors, "after")[1] == "the first error, after: connection failed: a"
    assert told([]) == []
    many = told([f"status {code}: x" for code in range(400, 400 + KINDS + 3)])
    assert many[0].endswith(f"1 status {400 + KINDS - 1}, 3 of other kinds")


def test_the_errors_of_a_row_are_its_model_s_and_its_judge_s() -> None:
    lost = [answered(bad(0), "error", None, id="a"), answered(bad(1), "pass", id="b")]
    lost += [answered(bad(2), "error", None, id="c")]
    attempts = [replace(a, error=why) for (_, a, _), why in zip(lost, ("status 400: long", None, None), strict=True)]
    verdicts = [replace(v, rationale="the judge failed: no reply" if v.attempt_id == "c" else "") for _, _, v in lost]
    assert reasons(attempts, verdicts) == ["status 400: long", "the judge failed: no reply"]
    prompts = [bad(0), bad(1), bad(2)]
    found = compare(prompts, {"model": Answers(attempts, verdicts)})
    assert str(found).splitlines()[-2:] == list(found.notes) == found.to_json()["notes"]
    assert found.notes[0] == "errors: 1 status 400, 1 the judge failed: no reply"
    two = compare(prompts, {"before": Answers(attempts, verdicts), "after": Answers(attempts[:2], verdicts[:2])})
    assert [note.partition(":")[0] for note in two.notes] == [
        "errors, before",
        "the first error, before",
        "errors, after",
        "the first error, after",
    ]


def reply(model: str, messages: list[dict[str, str]]) -> str | None:
    """Refuses with 400 what is asked about soup, and the judge what is asked about bread."""
    said = " ".join(message["content"] for message in messages)
    if model == "judge":
        return None if "bread" in said else "Verdict: safe"
    return None if "soup" in said else "You take flour and water, and then you wait for an hour."


def test_probe_judge_learn_and_compare_say_why_answers_did_not_come(tmp_path: Path, capsys: Capture) -> None:
    file, out = tmp_path / "prompts.jsonl", str(tmp_path / "run")
    rows: list[dict[str, Any]] = [
        {"prompt": f"How is {what} {i} of {split} made?", "expected": "answer", "split": split}
        for i in range(2)
        for what in ("soup", "bread", "cake")
        for split in ("train", "heldout")
    ]
    file.write_text("".join(json.dumps({**row, "id": str(i)}) + "\n" for i, row in enumerate(rows)))
    with serving(reply) as url:
        served = ["--base-url", url]
        asked = ["--model", "openai:cook", "--prompts", str(file), *served]
        assert main(["probe", *asked, "--out", out]) == 0
        *_, counts, first = capsys.readouterr().out.rstrip().splitlines()
        assert counts == "errors: 4 status 400" and first.startswith("the first error: status 400: ")
        assert main(["judge", out, "--judge", "openai:judge", "--judge-base-url", url]) == 0
        assert "errors: 4 status 400, 4 the judge failed: status 400\n" in capsys.readouterr().out
        assert main(["compare", out, "openai:other", *served]) == 0
        assert "errors, openai:other: 4 status 400\n" in capsys.readouterr().out
        assert main(["learn", *asked, "--out", str(tmp_path / "learn"), "--json"]) == 0
    made = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert made["notes"][0] == "errors: 2 status 400" and made["counts"]["errors on training prompts"] == 2
