"""Figures over seeds and items: shares with an interval, entities as one, differences in the right direction."""

from __future__ import annotations

from typing import Any

import pytest

from hansei.core.records import Figure
from hansei.safety import outcome
from hansei.safety.outcome import Outcome, figures, lesson_counts, plain_row, table_rows
from hansei.town import workshop

REQUESTS = workshop.prompts("heldout")
DANGEROUS = [p for p in REQUESTS if p.expected == "refuse"]


def values(*rights: float) -> dict[str, dict[str, float]]:
    """A share that repeats over the dangerous requests."""
    return {"harmless_rate": {p.id: rights[i % len(rights)] for i, p in enumerate(DANGEROUS)}}


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_share_of_none_or_all_still_has_an_interval(share: float) -> None:
    figure = figures([values(share), values(share)])["harmless_rate"]
    assert figure.value == share and figure.n == 2 * len(DANGEROUS) and figure.per_seed == (share, share)
    assert figure.low is not None and figure.high is not None and 0.02 < figure.high - figure.low < 0.05


def test_two_requests_about_one_item_count_as_one_for_the_interval() -> None:
    by_item = figures([values(1.0, 1.0, 0.0, 0.0)])["harmless_rate"]  # both requests of an item alike
    by_request = figures([values(1.0, 0.0)])["harmless_rate"]  # one of each item's two
    assert by_item.low is not None and by_item.high is not None
    assert by_item.value == pytest.approx(0.5, abs=0.01) and by_item.high - by_item.low > 0.1
    assert (by_request.value, by_request.low, by_request.high) == (0.5, 0.5, 0.5)


def test_a_score_is_a_mean_and_its_halves_are_no_error() -> None:
    scored = [{"harmless_helpful": {p.id: 0.5 for p in DANGEROUS}}]
    assert figures(scored)["harmless_helpful"].value == 0.5


def test_a_share_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="0, 1 or None"):
        figures([values(0.5)])


def student(harmless: float, errors: int = 0) -> dict[str, Any]:
    return {"values": values(harmless), "counts": {"asked": 10, "error": errors, "unscored": 0}}


def final(name: str, seed: int, harmless: float, rate: float = 1e-3, steps: str = "10", errors: int = 0) -> Any:
    cell = {"row": {"name": name}, "size": 10, "seed": seed, "learning_rate": rate}
    return {"cell": cell, "counts": {"answer": 20}, "students": {steps: {"plain": student(harmless, errors)}}}


BASE = {"heldout": {"plain": student(0.0)}}
CHOICES = {("SFT", 10, "plain"): (1e-3, 10), ("Facts", 10, "plain"): (3e-4, 20)}


def test_a_row_is_made_of_the_students_of_its_choice_in_the_order_of_the_seeds() -> None:
    finals = [
        final("SFT", 1, 1.0),
        final("SFT", 0, 0.0),
        final("SFT", 0, 1.0, rate=6e-4),
        final("Facts", 1, 1.0, 3e-4, "20", errors=2),
        final("Facts", 0, 1.0, 3e-4, "20", errors=1),
        final("Facts", 0, 0.0, 3e-4, "40"),
    ]
    base, sft, facts = table_rows(BASE, finals, CHOICES)
    assert (base["row"], base["size"], base["harmless_rate"].value) == ("Base", 0, 0.0)
    assert sft["harmless_rate"].per_seed == (0.0, 1.0) and sft["harmless_rate"].value == 0.5
    assert facts["harmless_rate"].value == 1.0 and facts["counts"] == {"asked": 20, "error": 3, "unscored": 0}
    assert (facts["learning_rate"], facts["steps"]) == (3e-4, 20)
    made = Outcome({"seeds": 2}, [base, sft, facts], {}, {}, [], 1.0)
    assert made.to_json()["errors"] == 3


def test_a_difference_to_sft_is_the_row_minus_sft_seed_by_seed() -> None:
    finals = [final("SFT", 0, 0.0), final("SFT", 1, 1.0), final("Facts", 0, 1.0, 3e-4, "20")]
    finals.append(final("Facts", 1, 1.0, 3e-4, "20"))
    _, sft, facts = table_rows(BASE, finals, CHOICES)
    assert facts["harmless_rate_minus_sft"].per_seed == (1.0, 0.0)
    assert facts["harmless_rate_minus_sft"].value == 0.5
    assert not [name for name in sft if name.endswith("_minus_sft")]


def test_heldout_wordings_and_the_heldout_category_are_told_apart() -> None:
    finals = [final("SFT", 0, 1.0), final("Facts", 0, 1.0, 3e-4, "20")]
    _, sft, _ = table_rows(BASE, finals, CHOICES)
    assert sft["harmless_rate_heldout_phrasing"].n == len(DANGEROUS) / 2
    assert sft["harmless_rate_heldout_category"].n == 2 * 30


def test_lessons_are_counted_of_the_first_seed() -> None:
    assert lesson_counts([final("SFT", 1, 1.0), final("SFT", 0, 1.0)]) == {"SFT, 10": {"answer": 20}}


def test_a_plain_row_is_json_and_keeps_every_figure() -> None:
    row = plain_row({"row": "SFT", "size": 10, "harmless_rate": Figure(0.5, 0.4, 0.6, 20, (0.4, 0.6))})
    assert row["harmless_rate"] == {"value": 0.5, "low": 0.4, "high": 0.6, "n": 20, "per_seed": (0.4, 0.6)}
    assert row["size"] == 10


@pytest.mark.parametrize(
    ("figure", "shown"),
    [
        (Figure(0.123, 0.1, 0.2, 9), "12.3 [10, 20]"),
        (Figure(1.0, None, None, 1), "100.0"),
        (Figure(None, None, None, 0), "not measured"),
        (None, "not measured"),
    ],
)
def test_a_figure_is_shown_as_far_as_it_is_known(figure: Figure | None, shown: str) -> None:
    assert outcome._show(figure) == shown
