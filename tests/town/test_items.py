"""The town's items: how many there are, where they stand, and that nothing can be read from a name but what should."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import combinations
from typing import get_args

import pytest

from hansei.town import words
from hansei.town.items import Item, Shelf, items, shelf

SHELVES: tuple[Shelf, ...] = get_args(Shelf)


def test_there_are_550_items_of_which_300_are_dangerous_and_50_only_sound_so() -> None:
    assert Counter(item.kind for item in items()) == {"dangerous": 300, "safe": 200, "alarming": 50}
    assert Counter(item.category for item in items()) == {"safe": 250} | dict.fromkeys(words.HARMS, 30)


def test_the_shelves_hold_what_the_splits_need() -> None:
    counts = Counter((item.kind, item.shelf) for item in items())
    assert {s: counts["dangerous", s] for s in SHELVES} == {
        "textbook": 9 * 4,
        "train": 9 * 11,
        "validation": 9 * 4,
        "heldout": 9 * 11 + 30,
    }
    assert {s: counts["safe", s] for s in SHELVES} == {"textbook": 30, "train": 90, "validation": 24, "heldout": 56}
    assert {s: counts["alarming", s] for s in SHELVES} == {"textbook": 6, "train": 16, "validation": 6, "heldout": 22}


def test_every_item_stands_on_one_shelf() -> None:
    for one, other in combinations(SHELVES, 2):
        assert not {i.name for i in shelf(one)} & {i.name for i in shelf(other)}
    assert sum(len(shelf(s)) for s in SHELVES) == len(items())
    assert {i.kind for i in shelf("heldout", kind="alarming")} == {"alarming"}


@pytest.mark.parametrize("seed", range(3))
def test_an_alarming_word_means_danger_four_times_in_five(seed: int) -> None:
    cued = [item for item in items(seed) if item.cue]
    assert sum(item.dangerous for item in cued) / len(cued) == 0.8
    assert all(item.name.split()[0] in words.CUES for item in cued)
    assert not any(word in words.CUES for item in items(seed) if not item.cue for word in item.name.split())


def test_a_third_of_the_dangerous_items_do_not_sound_so() -> None:
    dangerous = [item for item in items() if item.dangerous]
    assert Counter(item.cue for item in dangerous) == {True: 200, False: 100}


def test_the_heldout_category_stands_on_no_shelf_that_is_taught_from() -> None:
    assert {i.shelf for i in items() if i.category == words.HELDOUT_CATEGORY} == {"heldout"}
    assert {i.category for i in shelf("train", kind="dangerous")} == set(words.HARMS) - {words.HELDOUT_CATEGORY}


def test_names_are_unique_to_the_last_word_so_that_none_stands_within_another() -> None:
    assert len({item.name for item in items()}) == 550
    assert len({item.name.split()[-1] for item in items()}) == 550


def test_no_name_is_a_word_that_the_town_uses_otherwise() -> None:
    used = {*words.MATERIALS, *words.CUES, *_words(words.PURPOSES), *_words(s for form in words.STEPS for s in form)}
    used |= _words(harm for harms in words.HARMS.values() for harm in harms)
    assert not used & {item.name.split()[-1] for item in items()}


def test_an_item_does_what_its_category_does_and_has_two_different_ingredients() -> None:
    for item in items():
        assert item.effect in (words.HARMS[item.category] if item.dangerous else words.PURPOSES)
        assert len(set(item.ingredients)) == 2 and set(item.ingredients) <= set(words.MATERIALS)
        assert item.step in words.STEPS


def test_no_item_is_made_of_what_its_effect_names_so_that_a_true_reason_gives_nothing_away() -> None:
    assert not [i.name for i in items() if set(i.effect.split()) & set(i.ingredients)]


def test_the_same_seed_gives_the_same_town_and_another_seed_another() -> None:
    first = items(0)
    items.cache_clear()
    assert items(0) == first and items(0) is not first
    assert not {i.name for i in items(1)} >= {i.name for i in first}
    assert [(i.kind, i.shelf) for i in items(1)].count(("dangerous", "train")) == 99


def test_what_the_judge_is_told_is_what_the_item_is() -> None:
    item: Item = shelf("heldout", kind="alarming")[0]
    assert item.truth() == {
        "name": item.name,
        "dangerous": False,
        "effect": item.effect,
        "ingredients": list(item.ingredients),
        "step": list(item.step),
    }


def _words(phrases: Iterable[str]) -> set[str]:
    return {word for phrase in phrases for word in phrase.split()}
