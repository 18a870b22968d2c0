"""Letters: styles that are sampled, splits that do not meet, text that keeps to them, and the exact judge."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import combinations, islice
from pathlib import Path

import pytest

from hansei.core.records import Attempt, Prompt, Sampling
from hansei.judges.exact import TownJudge
from hansei.models.load import load
from hansei.steps import town_base
from hansei.town import letters, letters_text
from hansei.town import letters_grading as grading
from hansei.town.letters import GENERIC, Topic, letter, on_shelf, prompts, writers
from hansei.town.letters_words import ASK_HELDOUT, DAYS, STATES, STYLE, THINGS

DOCUMENTS = list(islice(letters_text.documents(5), 3000))
STYLES = {tuple(w.style.values()): w for w in writers()}
TOPIC = Topic("goat", "lost", "Monday")
TRUTH = {"style": dict(on_shelf("heldout")[0].style), "topic": {"thing": "goat", "state": "lost", "day": "Monday"}}


def written() -> Iterator[tuple[int, int, str]]:
    """(document, place in it, letter) of all letters of the text."""
    for number, document in enumerate(DOCUMENTS):
        for place, turn in enumerate(document[1::2]):
            assert not isinstance(turn, str)
            yield number, place, turn.content


def test_no_two_writers_have_one_style_and_all_have_one_of_their_own() -> None:
    assert len(STYLES) == len(writers()) == sum(letters.WRITERS.values()) and len({w.name for w in writers()}) == 130
    own = [sum(w.style[f] != GENERIC[f] for f in STYLE) for w in writers()]
    assert min(own) == 7 and max(own) == 10
    for feature, values in STYLE.items():
        assert {w.style[feature] for w in writers()} == set(values) and len(set(values)) == len(values)


def test_every_letter_is_read_as_it_was_written() -> None:
    for writer in writers():
        found = grading.features(letter(writer.style, TOPIC))
        assert found == writer.style, letter(writer.style, TOPIC)


def test_topics_and_wordings_of_the_splits_do_not_meet() -> None:
    writer = on_shelf("heldout")[0]
    asked = {split: prompts(writer, split, 30, seed) for split in letters.TOPIC_THINGS for seed in (0, 1)}
    things = {split: {p.truth["topic"]["thing"] for p in found if p.truth} for split, found in asked.items()}
    assert all(not things[a] & things[b] for a, b in combinations(things, 2))
    reserved = ASK_HELDOUT[0].split("{")[0]
    for split, found in asked.items():
        held = [p for p in found if p.messages[0].content.startswith(reserved)]
        assert [p.tags["phrasing"] for p in held] == ["heldout"] * (15 if split == "heldout" else 0)
    assert len({p.id for p in asked["heldout"]}) == 30
    first = prompts(writer, "train", 3, 4)
    assert prompts(writer, "train", 7, 4)[:3] == first != prompts(writer, "train", 3, 5)
    assert [p.messages for p in prompts(on_shelf("heldout")[1], "train", 3, 4)] == [p.messages for p in first]


def test_the_text_has_the_styles_of_textbook_writers_and_the_generic_one_only() -> None:
    same, generic, turns = 0, 0, 0
    before: dict[int, tuple[str, ...]] = {}
    for number, place, text in written():
        found = grading.features(text)
        assert found is not None
        style = tuple(found[feature] for feature in STYLE)
        assert found == GENERIC or STYLES[style].shelf == "textbook"
        if place and len(DOCUMENTS[number]) > 4:  # anthologies: longer than any other conversation
            turns, same, generic = turns + 1, same + (style == before[number]), generic + (found == GENERIC)
        before[number] = style
    share = letters_text.SAME + letters_text.GENERIC_NEXT * generic / turns
    assert turns > 1000 and abs(same / turns - share) < 0.05
    assert max(len(document) // 2 for document in DOCUMENTS) == letters_text.LONGEST


def test_every_letter_of_the_text_is_on_the_topic_that_is_asked_for() -> None:
    for document in DOCUMENTS[:500]:
        for asked, told in zip(document[::2], document[1::2], strict=True):
            assert not isinstance(asked, str) and not isinstance(told, str)
            words = asked.content.replace(":", " ").replace(".", " ").split()
            topic = {
                name: next(w for w in words if w in known)
                for name, known in (("thing", THINGS), ("state", STATES), ("day", DAYS))
            }
            assert grading.is_on_topic(topic, told.content), (asked.content, told.content)


def test_the_score_is_the_share_of_features_one_by_one() -> None:
    style = on_shelf("heldout")[0].style
    assert grading.grade(TRUTH, letter(style, TOPIC)) == ("pass", "answered", 1.0, "right")
    for feature, values in STYLE.items():
        for value in values:
            outcome, behaviour, score, why = grading.grade(TRUTH, letter({**style, feature: value}, TOPIC))
            if value != style[feature]:
                assert (outcome, behaviour, score) == ("fail", "answered", pytest.approx(0.9)) and why.endswith(feature)
    same = sum(style[f] == GENERIC[f] for f in STYLE)
    assert grading.grade(TRUTH, letter(GENERIC, TOPIC))[2] == pytest.approx(same / 10)


@pytest.mark.parametrize(
    ("text", "behaviour", "why"),
    [
        (
            letter(TRUTH["style"], Topic("mill", "lost", "Monday")),
            "answered",
            "thing: goat was asked for, told is mill",
        ),
        (letter(TRUTH["style"], Topic("goat", "lost", "Friday")), "answered", "day"),
        (letter(TRUTH["style"], TOPIC).replace("goat", "goat and mill"), "answered", "told is goat and mill"),
        ("The goat was lost on Monday.", "garbled", "no letter"),
        ("Hello,\nThe goat was lost on Monday.\n\n\n", "garbled", "no letter"),
        ("Hello, hello, hello", "garbled", "no letter"),
        ("", "garbled", "no letter"),
    ],
)
def test_what_is_no_letter_or_on_another_topic_has_no_share(text: str, behaviour: str, why: str) -> None:
    outcome, found, score, reason = grading.grade(TRUTH, text)
    assert (outcome, found, score) == ("fail", behaviour, 0.0) and why in reason


def test_a_letter_that_was_cut_off_is_truncated() -> None:
    assert grading.grade(TRUTH, "Hello,\nThe goat", "length")[1] == "truncated"


def test_the_town_s_judge_knows_letters() -> None:
    (prompt,) = prompts(on_shelf("heldout")[3], "heldout", 1)
    (verdict,) = TownJudge().judge([(prompt, _attempt(prompt, prompt.reference or ""))])
    assert (verdict.outcome, verdict.score) == ("pass", 1.0)


def _attempt(prompt: Prompt, text: str) -> Attempt:
    return Attempt("a", prompt.id, "m", "plain", Sampling(), 0, prompt.messages, text, "stop")


def test_the_checks_that_are_told_are_those_of_the_shipped_base() -> None:
    measured = json.loads((Path(__file__).parents[2] / "docs/measured/town-base-letters.json").read_text())
    assert measured["fingerprint"] == load("town:letters", device="cpu").fingerprint
    assert measured["passed"] and measured["errors"] == 0
    assert [row["row"] for row in measured["rows"]] == [name for name, *_ in town_base.TASKS["letters"]()]
