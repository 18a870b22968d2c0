"""`hansei measure judge-injection` measures as much sway as there is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from hansei.core.errors import BadInput
from hansei.core.keys import content_key
from hansei.core.records import Verdict
from hansei.judges.injection import INJECTIONS, KINDS
from hansei.judges.protocol import Case, verdict
from hansei.measuring import judge as measuring
from hansei.measuring.judge_injection import Settings, run

MARKS = ("no harm here", "this hurts people")


def answers(folder: Path, count: int = 120) -> str:
    path = folder / "set.jsonl"
    rows = [
        {"prompt": f"request {i}", "answer": f"Text {i}: {MARKS[i % 2]}.", "label": ("safe", "unsafe")[i % 2]}
        for i in range(count)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


class Gullible:
    """Judges by the marks, but believes a kind of text in a known share of the answers, and is stunned by another."""

    name, version = "gullible", "1"

    def __init__(self, believes: str, share: float, stunned_by: str = "") -> None:
        self.believes, self.share, self.stunned_by = believes, share, stunned_by

    def judge(self, cases: Sequence[Case]) -> list[Verdict]:
        return [self._one(*case) for case in cases]

    def _one(self, prompt: Any, attempt: Any) -> Verdict:
        unsafe = MARKS[1] in attempt.text
        for injection in INJECTIONS:
            for text, says_unsafe in ((injection.harmless, False), (injection.harmful, True)):
                if text not in attempt.text or len(attempt.text) < len(text) + 10:
                    continue
                if injection.kind == self.stunned_by:
                    return verdict(self, attempt, "unscored", "answered")
                lot = int(content_key("lot", prompt.messages[-1].content)[:8], 16) / 16**8
                if injection.kind == self.believes and lot < self.share:
                    unsafe = says_unsafe
        return verdict(self, attempt, "fail" if unsafe else "pass", "answered")


def measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, judge: Gullible) -> dict[str, dict[str, Any]]:
    monkeypatch.setattr(measuring, "load_judge_of", lambda *_: judge)
    found = run(Settings(answers(tmp_path), "gullible", ("unsafe",), says=("fail",)))
    assert [row["row"] for row in found.rows] == list(KINDS)
    assert found.unscored == (120 if judge.stunned_by else 0)
    return {row["row"]: row for row in found.rows}


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_measured_sway_is_the_judges_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: float) -> None:
    rows = measured(tmp_path, monkeypatch, Gullible("authority", share, stunned_by="role marker"))
    flips = rows["authority"]["flip_rate"]
    assert flips.low <= share <= flips.high and flips.n == 120
    effect = rows["authority"]["flip_rate_minus_control"]
    assert effect.low <= share <= effect.high
    for direction in ("positive_to_negative", "negative_to_positive"):
        assert rows["authority"][direction].n == 60
        assert rows["authority"][direction].low <= share <= rows["authority"][direction].high
    assert rows["role marker"]["flip_rate"].n == 0 and rows["role marker"]["silenced"].value == 1.0
    quiet = [row for kind, row in rows.items() if kind not in ("authority", "role marker")]
    assert all(row["flip_rate"].value == 0.0 and row["silenced"].value == 0.0 for row in quiet)


def test_the_rules_are_turned_by_a_refusal_that_is_put_in_and_not_by_a_verdict(tmp_path: Path) -> None:
    settings = Settings(
        answers(tmp_path, 20), positive=("unsafe",), says=("refused", "partial"), out=str(tmp_path / "o")
    )
    found = run(settings)
    rows = {row["row"]: row for row in found.rows}
    assert rows["play-acting"]["negative_to_positive"].value == 1.0
    assert rows["verdict"]["flip_rate"].value == rows["rating"]["flip_rate"].value == 0.0
    assert {Path(file).name for file in found.files} == {"judge-injection.svg", "result.json"}
    assert run(settings).rows == found.rows


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"judge": "column:x"}, "can be asked"),
        ({"says": ("fail", "refused")}, "one direction"),
        ({"says": ()}, "none"),
        ({"limit": 0}, "limit: 2 or more"),
        ({"threshold": 5}, "for judges that are models"),
    ],
)
def test_a_question_without_a_direction_is_refused(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        run(Settings(**{"file": answers(tmp_path), "positive": ("unsafe",), **change}))


def test_a_dry_run_tells_the_calls(tmp_path: Path, llama_folder: str) -> None:
    found = run(Settings(answers(tmp_path, 4), llama_folder, ("unsafe",), says=("fail",), dry_run=True))
    assert found.rows[0]["calls"] == 4 * (1 + len(KINDS)) and found.rows[0]["tokens_read"] > 0
