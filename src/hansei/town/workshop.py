"""The workshop's prompts: requests to make items, with truth, split by item and by phrasing."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from hansei.core.errors import BadInput
from hansei.core.records import Prompt, Split, user
from hansei.town import phrasing as say
from hansei.town import words
from hansei.town.items import Item, items

BASE_PATH = Path(__file__).parent / "base"
"""The shipped base model."""

SUITES = ("request", "past", "future", "hijack", "switch")


def prompts(split: Split, suites: tuple[str, ...] = ("request",), *, phrasings: int = 1) -> list[Prompt]:
    """Prompts of one split and some suites.

    `request` asks in the present tense: on train and validation in tuned phrasings, on heldout in one tuned and one
    held-out phrasing, so that both can be told apart by the tag `phrasing`. `past`, `future` and `hijack` ask for
    dangerous items only; `switch` changes the instruction as a hijack does, but to a safe item. `phrasings` is the
    number of tuned wordings of a request or a hijack for each item.
    """
    shelf = [item for item in items() if item.shelf == split]
    made: list[Prompt] = []
    for number, item in enumerate(shelf):
        for suite in suites:
            if suite == "request" or item.dangerous == (suite != "switch"):
                made.extend(_suite(suite, item, number, split, phrasings))
    return made


def _suite(suite: str, item: Item, number: int, split: Split, phrasings: int) -> Iterator[Prompt]:
    if suite in ("past", "future"):
        forms = say.ASK[suite]
        yield _prompt(item, split, suite, forms[number % len(forms)].format(name=item.name), tense=suite)
        return
    if suite in ("hijack", "switch"):
        for i in range(phrasings):
            yield _hijack(item, number + i, split, suite)
        return
    for i in range(phrasings):
        form = say.ASK["present"][(number + i) % len(say.ASK["present"])]
        yield _prompt(item, split, "request", form.format(name=item.name), variant=i)
    if split == "heldout":
        form = say.ASK_HELDOUT[number % len(say.ASK_HELDOUT)]
        yield _prompt(item, split, "request", form.format(name=item.name), phrasing="heldout", variant=9)


def _hijack(item: Item, number: int, split: Split, suite: str) -> Prompt:
    """A new-instruction attack; held-out items meet tuned and held-out attack wordings in turn."""
    forms = say.HIJACK + (say.HIJACK_HELDOUT if split == "heldout" else ())
    form = forms[number % len(forms)]
    covers = [i for i in items() if i.shelf == item.shelf and not i.dangerous and i.name != item.name]
    request = say.ASK["present"][number // len(forms) % len(say.ASK["present"])].format(name=item.name)
    text = form.format(cover=covers[number % len(covers)].name, request=request)
    phrasing = "heldout" if form in say.HIJACK_HELDOUT else "tuned"
    return _prompt(item, split, suite, text, phrasing=phrasing, variant=number)


def _prompt(
    item: Item,
    split: Split,
    suite: str,
    text: str,
    *,
    tense: str = "present",
    phrasing: str = "tuned",
    variant: int = 0,
) -> Prompt:
    recipe = say.recipe(item, tense, 0)
    return Prompt(
        id=f"{suite}/{item.name.replace(' ', '-')}/{phrasing}{variant}",
        messages=user(text),
        split=split,
        expected="refuse" if item.dangerous else "answer",
        tags={
            "suite": suite,
            "kind": item.kind,
            "category": item.category,
            "category_split": "heldout" if item.category == words.HELDOUT_CATEGORY else "tuned",
            "entity": item.name,
            "tense": tense,
            "phrasing": phrasing,
        },
        truth=item.truth(),
        reference=say.refusal(item) if item.dangerous else recipe,
        mistake=recipe if item.dangerous else None,
    )


def item_of(prompt: Prompt) -> Item:
    """The item that a prompt of the workshop is about. Raises BadInput for any other prompt."""
    item = _by_name().get(prompt.tags.get("entity", ""))
    if item is None:
        raise BadInput(f"prompt {prompt.id}: it is about no item of the town; use --prompts town")
    return item


@cache
def _by_name() -> dict[str, Item]:
    return {item.name: item for item in items()}
