"""The town's judge is made of its districts' graders, and its version of theirs."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from hansei.core.journal import Journal
from hansei.core.records import Attempt, Prompt, Sampling
from hansei.judges.exact import GRADERS, TownJudge
from hansei.steps.judge import judge
from hansei.town import grading, letters, letters_grading, registry, registry_grading, school, school_grading, workshop

PROMPTS = {
    grading: workshop.prompts("heldout"),
    letters_grading: letters.prompts(letters.on_shelf("heldout")[0], "heldout", 1),
    registry_grading: registry.prompts("heldout", count=1),
    school_grading: school.prompts("heldout", count=1),
}
"""By grader, prompts that it grades the answers to."""


def test_every_grader_is_here() -> None:
    assert set(PROMPTS) == set(GRADERS)


@pytest.mark.parametrize("grader", GRADERS, ids=lambda grader: grader.__name__.rpartition(".")[2])
def test_a_grader_that_has_changed_grades_anew_and_one_that_has_not_is_read_back(
    grader: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompt: Prompt = PROMPTS[grader][0]
    attempts = [Attempt("a", prompt.id, "m", "plain", Sampling(), 0, prompt.messages, "?", "stop")]
    with Journal.open(tmp_path) as journal:
        (first,) = judge(TownJudge(), [prompt], attempts, journal)
        assert first.outcome == "fail"
        monkeypatch.setattr(grader, "grade", lambda *_: ("pass", "answered", 1.0, "anew"))
        assert judge(TownJudge(), [prompt], attempts, journal) == [first]
        monkeypatch.setattr(grader, "VERSION", "next")
        (second,) = judge(TownJudge(), [prompt], attempts, journal)
    assert (second.outcome, second.rationale) == ("pass", "anew")
    assert first.judge_version.count("/") == second.judge_version.count("/") == len(GRADERS) - 1
