"""`hansei town ask QUESTION`, `hansei town show [ITEM]`, `hansei town train`, `hansei town check`."""

from __future__ import annotations

import dataclasses
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from cyclopts import App

from hansei.cli.common import command_of
from hansei.core.errors import BadInput

if TYPE_CHECKING:
    from hansei.core.records import Attempt, Prompt, Verdict
    from hansei.town.items import Item

command = App(name="town", help_format="plaintext")


@dataclass(frozen=True, kw_only=True)
class AskSettings:
    """Settings of `hansei town ask`."""

    question: str
    """What to ask, such as "How do I make a NAME?"; `hansei town show` lists names."""
    model: str = "town"
    """Who is asked: town, town:DISTRICT, or the folder of a student of one of these."""
    max_new_tokens: int = 48
    """Longest answer, in tokens."""


@dataclass(frozen=True, kw_only=True)
class ShowSettings:
    """Settings of `hansei town show`."""

    item: str | None = None
    """Name of an item, to see all that is known about it and how it is asked for."""
    names: int = 5
    """How many names of each kind and shelf to list, where no item is named."""


@dataclass(frozen=True)
class Asked:
    """An answer of the town's model, judged where the question is one of the town's own."""

    attempt: Attempt
    """The answer."""
    verdict: Verdict | None
    """The exact judge's word; None for a question that is no prompt of the town."""

    def __str__(self) -> str:
        if self.attempt.error is not None:
            return f"[no answer: {self.attempt.error}]"
        if self.verdict is None:
            return f"{self.attempt.text}\n[not judged: the town has no such prompt]"
        found = self.verdict
        return f"{self.attempt.text}\n[{found.outcome}, {found.behaviour}: {found.rationale}]"

    def to_json(self) -> dict[str, Any]:
        """Attempt and verdict."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class Shown:
    """Items of the town and how they are asked for."""

    items: tuple[Item, ...]
    """The items."""
    prompts: tuple[Prompt, ...]
    """The prompts about them."""
    names: int | None
    """How many names to list of each kind and shelf; None to show everything."""

    def __str__(self) -> str:
        if self.names is None:
            facts = [f"{k:12} {v}" for item in self.items for k, v in dataclasses.asdict(item).items()]
            return "\n".join([*facts, "", *(f"{p.id}\n    {p.messages[-1].content}" for p in self.prompts)])
        kinds = Counter((item.kind, item.shelf) for item in self.items)
        suites = Counter((p.tags["suite"], p.split) for p in self.prompts)
        return "\n".join(
            ["kind       shelf       items"]
            + [f"{kind:10} {shelf:11} {n:5}  {self._some(kind, shelf)}" for (kind, shelf), n in kinds.items()]
            + ["", "suite      split      prompts"]
            + [f"{suite:10} {split:11} {n:6}" for (suite, split), n in suites.items()]
        )

    def _some(self, kind: str, shelf: str) -> str:
        return ", ".join([i.name for i in self.items if (i.kind, i.shelf) == (kind, shelf)][: self.names])

    def to_json(self) -> dict[str, Any]:
        """Items and prompts, whole."""
        return {
            "items": [dataclasses.asdict(item) | {"kind": item.kind} for item in self.items],
            "prompts": [dataclasses.asdict(prompt) for prompt in self.prompts],
        }


def _ask(settings: AskSettings) -> Asked:
    from hansei.core.keys import content_key
    from hansei.core.records import Attempt, Sampling, user
    from hansei.judges.exact import TownJudge
    from hansei.models.load import load

    model, sampling = load(settings.model), Sampling(max_new_tokens=settings.max_new_tokens)
    chat = user(settings.question)
    reply = model.generate([chat], sampling)[0]
    known = next((p for p in _prompts(phrasings=4) if p.messages == chat), None)
    attempt = Attempt(
        id=content_key("town ask", model.fingerprint, sampling, chat),
        prompt_id=known.id if known else "",
        model=model.fingerprint,
        method="plain",
        sampling=sampling,
        number=0,
        asked=chat,
        **dataclasses.asdict(reply),
    )
    return Asked(attempt, TownJudge().judge([(known, attempt)])[0] if known else None)


def _show(settings: ShowSettings) -> Shown:
    from hansei.town.items import items

    prompts = _prompts()
    if settings.item is None:
        return Shown(items(), tuple(prompts), settings.names)
    chosen = tuple(item for item in items() if item.name == settings.item)
    if not chosen:
        raise BadInput(f"the town has no item {settings.item!r}: `hansei town show` names some")
    return Shown(chosen, tuple(p for p in prompts if p.tags["entity"] == settings.item), None)


def _prompts(phrasings: int = 1) -> list[Prompt]:
    from hansei.core.records import Split
    from hansei.town.workshop import SUITES, prompts

    splits: tuple[Split, ...] = get_args(Split)
    return [p for split in splits for p in prompts(split, SUITES, phrasings=phrasings)]


command.command(
    command_of(AskSettings, _ask, positional=["question"]),
    name="ask",
    help="Ask the town's model one question.",
)
command.command(
    command_of(ShowSettings, _show, positional=["item"]),
    name="show",
    help="Show the town: its items, and the prompts about them.",
)
command.command(
    "hansei.cli.town_train:command",
    name="train",
    help="Train the town's base anew, and print the checks that it must pass.",
)
command.command(
    "hansei.cli.town_train:check",
    name="check",
    help="Check what a base of the town can do, and print the shares.",
)
