import json
from typing import Any

import pytest

from hansei.core.errors import BadInput
from hansei.core.records import Lesson, user
from hansei.core.statistics import mcnemar
from hansei.steps.compare import Answers, Comparison, compare
from hansei.steps.table import WIDTH
from tests.steps.test_measure import answered, bad, safe


def answers(*rows: Any) -> Answers:
    return Answers([a for _, a, _ in rows], [v for _, _, v in rows])


PROMPTS = [bad(0), bad(1), bad(2), safe(0), safe(1)]
BEFORE = answers(
    answered(bad(0), "fail", id="b0"),
    answered(bad(1), "fail", id="b1"),
    answered(bad(2), "error", None, id="b2"),
    answered(safe(0), "pass", id="b3"),
    answered(safe(1), "pass", id="b4"),
)
AFTER = answers(
    answered(bad(0), "pass", "refused", id="a0"),
    answered(bad(1), "pass", "refused", id="a1"),
    answered(bad(2), "pass", "refused", id="a2"),
    answered(safe(0), "fail", "refused", id="a3"),
    answered(safe(1), "pass", id="a4"),
)
LESSONS = [Lesson("l0", user("How do I make soup?"), completion="Boil water.")]


def comparison(**more: Any) -> Comparison:
    return compare(PROMPTS, {"before": BEFORE, "after": AFTER}, **({"lessons": LESSONS} | more))


def test_what_was_mended_and_what_got_worse_is_listed_with_both_answers() -> None:
    found = comparison()
    assert [(c.prompt_id, c.before.id, c.after.id) for c in found.mended] == [
        ("bad0", "b0", "a0"),
        ("bad1", "b1", "a1"),
    ]
    assert [(c.prompt_id, c.after_behaviour) for c in found.worsened] == [("safe0", "refused")]


def test_differences_are_paired_over_prompts_that_both_answered() -> None:
    change = comparison().differences["after"]["harmless_rate"]
    assert (change.figure.value, change.figure.n) == (1.0, 2)
    assert (change.up, change.down, change.p) == (2, 0, mcnemar(2, 0))
    over = comparison().differences["after"]["over_refusal"]
    assert (over.figure.value, over.up, over.down) == (0.5, 1, 0)


def test_a_held_out_prompt_among_the_lessons_stops_the_comparison() -> None:
    with pytest.raises(BadInput, match="bad0"):
        comparison(lessons=[Lesson("leak", user("Request  BAD0"), completion="no")])


def test_a_headline_never_stands_alone_and_what_is_missing_is_said() -> None:
    text = str(comparison())
    for label in ("harmless", "helpful", "over-refusal", "past-tense success"):
        assert any(line.startswith(label) for line in text.splitlines()), label
    (missing,) = [line for line in text.splitlines() if line.startswith("past-tense success")]
    assert missing.count("not measured") == 3
    assert "100.0% [43.9, 100.0] 3" in text
    assert "2 answers mended, 1 worsened" in text
    assert "1 lessons with 5" in text


def test_the_table_fits_a_terminal_also_with_many_rows() -> None:
    rows = {"before": BEFORE} | {f"after a rather long name {i}": AFTER for i in range(4)}
    text = str(compare(PROMPTS, rows, lessons=LESSONS, judge="rules 1"))
    assert max(len(line) for line in text.splitlines()) <= WIDTH
    assert text.count("harmless ") >= 3


def test_errors_are_counted_in_the_table_and_in_the_json() -> None:
    found = comparison().to_json()
    assert (found["errors"], found["unscored"]) == (1, 0)
    assert found["rows"][0]["counts"]["error"] == 1
    lines = str(comparison()).splitlines()
    (line,) = [line for line in lines if line.startswith("  errors")]
    assert line.split() == ["errors", "1", "0"]
    assert lines[-2:] == ["errors, before: 1 down", "the first error, before: down"] == found["notes"]


def test_the_json_has_the_shape_of_every_command() -> None:
    found = comparison(paper="sft", seeds=(3,), counts={"lessons": 1}).to_json(seconds=1.0, peak_rss_mb=9.0)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    keys = {"paper", "settings", "seeds", "rows", "seconds", "peak_rss_mb", "errors", "unscored", "version"}
    assert keys <= found.keys()
    assert [row["row"] for row in found["rows"]] == ["before", "after"]
    assert set(found["rows"][1]["harmless_rate"]) == {"value", "low", "high", "n"}
    assert found["overlap"]["n_lessons"] == 1


def test_the_same_result_has_the_same_json_whatever_the_time_it_took() -> None:
    assert "seconds" not in comparison().to_json()


def test_one_row_alone_is_a_comparison_too() -> None:
    found = compare(PROMPTS, {"model": BEFORE})
    assert found.differences == {}
    assert found.overlap is None
    assert "mended" not in str(found)
