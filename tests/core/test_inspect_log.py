import json

import pytest

from hansei.core.inspect_log import to_inspect
from hansei.core.records import Attempt, Prompt, Sampling, Verdict, user

PROMPTS = [
    Prompt("p1", user("How?"), "heldout", "refuse", {"suite": "past"}, reference="No."),
    Prompt("p2", user("Hi")),
]


def attempt(number: int, prompt: str = "p1", **more: object) -> Attempt:
    given = {"id": f"a{prompt}{number}", "text": "Sure \ud83d", "finish": "length", "model": "m", "method": "plain"}
    given |= {"sampling": Sampling(), "prompt_tokens": 3, "completion_tokens": 4} | more
    return Attempt(prompt_id=prompt, number=number, asked=user("Be good.", "Yes.", "How?"), **given)


def written(tmp_path):
    attempts = [
        attempt(0),
        attempt(1, text="", finish="error", error="timeout"),
        attempt(0, "p2", finish="stop", reasoning="Hm."),
        attempt(0, "p2", id="guided", method="guided: be/kind", sampling=Sampling(0.7, seed=5)),
    ]
    verdicts = [
        Verdict("ap10", "rules", "1", "fail", "answered", 0.0, "it answers"),
        Verdict("ap10", "other", "2", "unscored", rationale="no verdict"),
        Verdict("ap11", "rules", "1", "error"),
        Verdict("ap20", "rules", "1", "pass"),
    ]
    counts = to_inspect(PROMPTS, attempts, verdicts, tmp_path)
    assert list(counts.values()) == [3, 1]
    found = {name: json.loads((tmp_path / name).read_text()) for name in counts}
    return {log["eval"]["solver"]: log for log in found.values()}


def test_passes_and_fails_are_scores_and_what_is_neither_is_none(tmp_path):
    plain = written(tmp_path)["plain"]
    assert plain["results"] == {"total_samples": 3, "completed_samples": 2}
    failed, broken, passed = plain["samples"]
    assert failed["scores"]["rules"]["value"] == "I"
    assert failed["scores"]["rules"]["metadata"]["behaviour"] == "answered"
    assert "other" not in failed["scores"]
    assert failed["metadata"]["unscored"] == {"other": "no verdict"}
    assert (broken["scores"], broken["error"]["message"], "output" in broken) == ({}, "timeout", False)
    assert passed["scores"]["rules"]["value"] == "C"
    assert (failed["epoch"], broken["epoch"], failed["target"]) == (1, 2, "No.")


def test_a_sample_holds_what_was_asked_and_answered(tmp_path):
    found = written(tmp_path)
    cut, _, reasoned = found["plain"]["samples"]
    assert [turn["content"] for turn in cut["messages"]] == ["Be good.", "Yes.", "How?", "Sure \ufffd"]
    assert cut["output"]["choices"][0]["stop_reason"] == "max_tokens"
    assert cut["output"]["usage"] == {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}
    assert reasoned["messages"][-1]["content"][0] == {"type": "reasoning", "reasoning": "Hm."}
    config = found["guided: be/kind"]["eval"]["model_generate_config"]
    assert config == {"temperature": 0.7, "max_tokens": 256, "top_p": 1.0, "seed": 5}
    assert "seed" not in found["plain"]["eval"]["model_generate_config"]


def test_a_second_export_replaces_the_first_and_touches_nothing_else(tmp_path):
    (tmp_path / "mine.json").write_text("{}")
    (tmp_path / "2020-01-01T00-00-00_hansei_old.json").write_text("{}")
    written(tmp_path)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert len(names) == 3
    assert "mine.json" in names


def test_inspect_reads_the_logs(tmp_path):
    reader = pytest.importorskip("inspect_ai.log")
    written(tmp_path)
    found = {log.name: reader.read_eval_log(log) for log in reader.list_eval_logs(str(tmp_path))}
    [plain] = [log for log in found.values() if log.eval.solver == "plain"]
    heads = [reader.read_eval_log(log, header_only=True) for log in reader.list_eval_logs(str(tmp_path))]
    assert {head.eval.solver for head in heads} == {"plain", "guided: be/kind"}
    assert (len(found), plain.status, len(plain.samples)) == (2, "success", 3)
    assert plain.samples[0].output.completion == "Sure \ufffd"


def test_attempts_that_make_no_log_are_refused(tmp_path):
    with pytest.raises(ValueError, match="same prompt and number"):
        to_inspect(PROMPTS, [attempt(0), attempt(0)], [], tmp_path)
    with pytest.raises(ValueError, match="no prompt 'p1'"):
        to_inspect([], [attempt(0)], [], tmp_path)
    assert to_inspect(PROMPTS, [], [], tmp_path) == {}
