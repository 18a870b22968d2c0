"""Multiple choice on the town's registry: `hansei papers run multiple-choice`.

The claim of arXiv 2402.01349 where all is known: the same facts about people, some of whom the base knows well, are
asked openly, as multiple choice in six variants and with fewer options, and each option on its own. Seeds draw the
wrong options, their order and which of them are taken away. What the base tells when asked openly and what it does not
are shown apart: a multiple-choice score that holds over variants is one of facts that are known.

The base tells the fact before the letter, as it has learnt to. So the letter that it writes is the answer; the
likeliest letter as the *start* of its turn, where no fact has been told yet, is measured beside it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hansei.core.errors import BadInput
from hansei.core.records import Prompt, Sampling
from hansei.core.result import Result, Row
from hansei.measuring.choice_answers import by_probability, by_writing
from hansei.measuring.choice_items import Item
from hansei.measuring.choice_sheet import Answered, sheet_of, table
from hansei.measuring.multiple_choice import Sheets, finished, notes, tables
from hansei.steps.pool import Pool
from hansei.town import registry_grading
from hansei.town.registry import options_for, prompts

if TYPE_CHECKING:
    from hansei.models.protocol import Model

VERSION = "2"
MODEL = "town:registry"
NEW_TOKENS = 32  # the longest answer of the registry, a fact and a letter, has fewer
SECONDS_SEED = 150.0  # of 540 questions on one core, measured and rounded up
KNOWN, UNKNOWN = "told-when-asked-openly", "not-told"


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment."""

    out: str = "runs/multiple-choice"
    """Folder of the journal, the chart and result.json; the same folder again goes on where it stopped."""
    seeds: int = 5
    """Seeds of wrong options, order and removed options."""
    people: int = 15
    """Held-out people of each fame (popular, middling, rare), six facts each."""
    workers: int = 2
    """Processes, one thread each."""
    quick: bool = False
    """Five people of each fame and two seeds, in about a minute; for looking, not for quoting."""
    dry_run: bool = False
    """Print how much would be asked and how long it would take, and stop."""

    def __post_init__(self) -> None:
        """Raises BadInput for numbers that make no experiment."""
        if min(self.seeds, self.people, self.workers) < 1:
            raise BadInput("papers run multiple-choice: seeds, people and workers must be 1 or more")


@dataclass(frozen=True)
class Task:
    """The questions of one seed, asked in both ways; or the same facts asked openly."""

    people: int
    """Of each fame."""
    seed: int | None
    """Seed of the options; None: asked openly."""


def run(settings: Settings) -> Result:
    """Asks, and returns the tables. What was asked before is in the journal of `settings.out`."""
    from hansei.core.journal import Journal

    seeds, people = (min(2, settings.seeds), 5) if settings.quick else (settings.seeds, settings.people)
    facts = len(_facts(people))
    seconds = seeds * SECONDS_SEED * facts / 540 / settings.workers
    estimate = f"{facts} facts, {seeds} seeds, about {10 * facts * seeds} prompts; about {seconds / 60:.0f} minutes"
    if settings.dry_run:
        return Result(name="multiple-choice", kind="paper", settings=asdict(settings), rows=[], notes=[estimate])
    print(estimate, flush=True)
    started = time.monotonic()
    with Journal.open(Path(settings.out)) as journal, Pool(settings.workers, journal, VERSION, model=MODEL) as pool:
        (openly,) = pool.run(ask_openly, [Task(people, None)], "asked openly")
        asked = pool.run(ask_seed, [Task(people, seed) for seed in range(seeds)], "multiple choice")
    sheets = [sheet_of(_items(people, seed), [seed]) for seed in range(seeds)]
    by: Sheets = {
        "writing": [(sheet, one["writing"]) for sheet, one in zip(sheets, asked, strict=True)],
        "probability": [(sheet, one["probability"]) for sheet, one in zip(sheets, asked, strict=True)],
    }
    made = tables(by)
    strata = _strata(openly["right"], by["writing"])
    made["parts"] = strata | made["parts"]
    made["more"] |= {"judge": f"town {registry_grading.VERSION}"}
    result = Result(
        name="multiple-choice",
        kind="paper",
        settings=asdict(settings),
        **made,
        notes=notes(sheets[0], _base()),
        seeds=list(range(seeds)),
        errors=sum(one["errors"] for one in asked) + openly["errors"],
        unscored=sum(one["unscored"] for one in asked),
        seconds=time.monotonic() - started,
    )
    return finished(result, settings.out, {name: strata[name] for name in (KNOWN, UNKNOWN) if name in strata})


@cache
def _base() -> Model:
    from hansei.models.load import load

    return load(MODEL, device="cpu")


def _facts(people: int) -> list[Prompt]:
    """Open questions about held-out people, in tuned wordings."""
    return [p for p in prompts("heldout", count=people) if p.tags["phrasing"] == "tuned"]


def _items(people: int, seed: int) -> list[Item]:
    """The same facts with options that are drawn from `seed`."""
    made = []
    for prompt in _facts(people):
        attribute, facts = prompt.tags["attribute"], (prompt.truth or {})["facts"]
        options = options_for(random.Random(f"{seed} {prompt.id}"), attribute, facts[attribute])
        right = options.index(facts[attribute])
        made.append(Item(prompt.id, prompt.messages[-1].content, tuple(options), right, prompt.tags["fame"]))
    return made


def ask_openly(task: Task) -> dict[str, Any]:
    """Whether the base tells each fact when asked for it."""
    facts = _facts(task.people)
    replies = _base().generate([p.messages for p in facts], Sampling(max_new_tokens=NEW_TOKENS))
    grades = [registry_grading.grade(p.truth or {}, r.text, r.finish) for p, r in zip(facts, replies, strict=True)]
    right = [None if r.error else grade[0] == "pass" for r, grade in zip(replies, grades, strict=True)]
    return {"right": right, "errors": sum(r.error is not None for r in replies)}


def ask_seed(task: Task) -> dict[str, Any]:
    """The places of the answers chosen, in both ways."""
    seed = task.seed or 0
    sheet = sheet_of(_items(task.people, seed), [seed])
    likely, said = by_probability(_base(), sheet.asked), by_writing(_base(), sheet.asked, NEW_TOKENS)
    return {
        "probability": list(likely.chosen),
        "writing": list(said.chosen),
        "errors": likely.errors + said.errors,
        "unscored": likely.unscored + said.unscored,
    }


def _strata(right: Sequence[bool | None], answered: Sequence[Answered]) -> dict[str, Sequence[Row]]:
    """Tables by fame, and by whether the fact is told when asked openly."""
    items = answered[0][0].items
    groups: Mapping[str, list[int]] = {
        **{fame: [i for i, item in enumerate(items) if item.group == fame] for fame in _fames(items)},
        KNOWN: [i for i, told in enumerate(right) if told],
        UNKNOWN: [i for i, told in enumerate(right) if told is False],
    }
    return {name: table(answered, kept) for name, kept in groups.items() if kept}


def _fames(items: Sequence[Item]) -> list[str]:
    return list(dict.fromkeys(item.group for item in items))
