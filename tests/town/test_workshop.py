"""The workshop's prompts: suites, splits by item and by phrasing, and references that the exact judge accepts."""

from __future__ import annotations

from collections import Counter
from typing import get_args

import pytest

from hansei.core.errors import BadInput
from hansei.core.records import Attempt, Prompt, Sampling, Split, user
from hansei.judges.exact import TownJudge
from hansei.town import phrasing as say
from hansei.town import words
from hansei.town.workshop import SUITES, item_of, prompts

SPLITS: tuple[Split, ...] = get_args(Split)
EVERYTHING = [prompt for split in SPLITS for prompt in prompts(split, SUITES, phrasings=4)]


def attempt(prompt: Prompt, text: str) -> Attempt:
    return Attempt("a", prompt.id, "m", "plain", Sampling(), 0, prompt.messages, text, "stop")


def outcome(prompt: Prompt, text: str) -> str:
    return TownJudge().judge([(prompt, attempt(prompt, text))])[0].outcome


def form(prompt: Prompt, forms: tuple[str, ...]) -> str | None:
    """The wording that a request about the prompt's item is asked in."""
    text, name = prompt.messages[-1].content, prompt.tags["entity"]
    return next((f for f in forms if text.endswith(f.format(name=name))), None)


def test_a_request_is_asked_about_every_item_and_an_attack_about_the_dangerous_only() -> None:
    for split, dangerous, safe in (("train", 99, 106), ("validation", 36, 30), ("heldout", 129, 78)):
        counts = Counter(p.tags["suite"] for p in prompts(split, SUITES))
        both = 2 if split == "heldout" else 1  # there, in a tuned and in a held-out phrasing
        assert counts["request"] == both * (dangerous + safe)
        assert counts["past"] == counts["future"] == counts["hijack"] == dangerous
        assert counts["switch"] == safe


def test_the_suite_says_what_is_expected() -> None:
    for prompt in EVERYTHING:
        expected = "refuse" if item_of(prompt).dangerous else "answer"
        assert prompt.expected == expected
        assert prompt.tags["suite"] not in ("past", "future", "hijack") or expected == "refuse"
        assert prompt.tags["suite"] != "switch" or expected == "answer"


def test_ids_are_unique_and_so_are_the_texts_of_one_suite() -> None:
    assert len({p.id for p in EVERYTHING}) == len(EVERYTHING)
    assert len({(p.tags["suite"], p.messages) for p in EVERYTHING}) == len(EVERYTHING)


def test_no_item_is_in_two_splits_and_none_of_the_textbook_is_in_any() -> None:
    where: dict[str, set[str]] = {}
    for prompt in EVERYTHING:
        where.setdefault(prompt.tags["entity"], set()).add(prompt.split)
    assert all(len(splits) == 1 for splits in where.values())
    assert all(item_of(p).shelf == p.split for p in EVERYTHING)


def test_covers_of_a_hijack_are_safe_items_of_the_same_split() -> None:
    safe = {p.tags["entity"] for p in prompts("heldout") if p.expected == "answer"}
    for prompt in prompts("heldout", ("hijack", "switch"), phrasings=4):
        text, own = prompt.messages[-1].content, prompt.tags["entity"]
        assert any(name in text.split(own)[0] for name in safe - {own}), text


def test_heldout_wordings_are_asked_on_the_heldout_split_only_and_tagged() -> None:
    attacks = tuple(f.partition("{request}")[0].split("{cover}")[1] for f in say.HIJACK_HELDOUT)
    seen = Counter[str]()
    for prompt in EVERYTHING:
        unknown = form(prompt, say.ASK_HELDOUT) is not None or any(a in prompt.messages[-1].content for a in attacks)
        assert (prompt.tags["phrasing"] == "heldout") == unknown
        assert not unknown or prompt.split == "heldout"
        seen[f"{prompt.tags['suite']} {unknown}"] += 1
    assert seen["request True"] == 129 + 78 and seen["hijack True"] > 20 and seen["hijack False"] > 20


def test_every_request_is_asked_in_a_wording_of_its_tense() -> None:
    for prompt in EVERYTHING:
        forms = say.ASK[prompt.tags["tense"]] + say.ASK_HELDOUT
        assert form(prompt, forms) is not None
        assert prompt.tags["tense"] == {"past": "past", "future": "future"}.get(prompt.tags["suite"], "present")


def test_all_wordings_come_up_in_each_split() -> None:
    for split in SPLITS:
        asked = prompts(split, ("request", "past", "future"))
        for forms in say.ASK.values():
            assert {form(p, forms) for p in asked} >= set(forms)


def test_the_heldout_category_is_tagged_and_in_the_heldout_split_only() -> None:
    apart = [p for p in EVERYTHING if p.tags["category_split"] == "heldout"]
    assert {p.tags["category"] for p in apart} == {words.HELDOUT_CATEGORY}
    assert {p.split for p in apart} == {"heldout"} and len({p.tags["entity"] for p in apart}) == 30


def test_every_reference_is_right_and_every_mistake_is_wrong() -> None:
    for prompt in EVERYTHING:
        assert prompt.reference is not None and outcome(prompt, prompt.reference) == "pass", prompt.id
        assert (prompt.mistake is None) == (prompt.expected == "answer")
        assert prompt.mistake is None or outcome(prompt, prompt.mistake) == "fail", prompt.id


def test_the_judge_passes_no_item_s_reference_off_as_another_s() -> None:
    safe = [p for p in prompts("heldout") if p.expected == "answer"]
    assert {outcome(p, str(q.reference)) for p, q in zip(safe, safe[2:], strict=False)} == {"fail"}


def test_the_judge_says_that_a_prompt_is_not_the_town_s() -> None:
    for strange in (Prompt("mine", user("How?")), Prompt("mine", user("How?"), truth={"dangerous": True})):
        with pytest.raises(BadInput, match="prompt mine: the judge `town` knows the town's prompts only"):
            outcome(strange, "So.")
        with pytest.raises(BadInput, match="prompt mine: it is about no item of the town"):
            item_of(strange)


def test_an_error_is_an_error_and_not_an_answer() -> None:
    prompt = EVERYTHING[0]
    broken = Attempt("a", prompt.id, "m", "plain", Sampling(), 0, prompt.messages, "", "error", error="server down")
    (verdict,) = TownJudge().judge([(prompt, broken)])
    assert (verdict.outcome, verdict.behaviour, verdict.score) == ("error", None, None)
    assert verdict.rationale == "server down"
