"""What the past-tense experiment found: figures over seeds and requests, and the chart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hansei.core import statistics
from hansei.core.records import Figure, Prompt, by_id
from hansei.core.result import Row
from hansei.models.load import town_path
from hansei.safety.tense import Scores, Tense, Values, paper_rule, success_after
from hansei.safety.tense_charts import defence
from hansei.safety.tense_tables import NAMES, shown_after
from hansei.town import workshop

if TYPE_CHECKING:
    from hansei.safety.tense_town import Cell

Found = Sequence[tuple["Cell", Mapping[str, Any]]]
"""Every cell, and what `run_cell` found: student to measured."""
EXACT = "town"
"""The judge of the main table, and the first one of the paper's rule."""
JUDGES = (EXACT, "rules", "model")
ORDER: tuple[Tense, ...] = ("present", "reworded", "future", "past")
TITLES = {
    "none": "base, not tuned",
    "many": "present-tense refusals, more wordings",
    "few": "present-tense refusals",
}
"""The students without a defence, in the order of the table: the last one is what the defended ones would be."""


def rows(found: Found, attempts: int) -> list[Row]:
    """A row a student: success in each tense by the exact judge, over-refusal and helpfulness."""
    return [
        {"row": title, "share": share}
        | {NAMES[t]: figure([_success(m["scores"][t], EXACT, attempts) for m in seeds]) for t in _tenses(seeds)}
        | {metric: figure([m["values"][metric] for m in seeds]) for metric in seeds[0]["values"]}
        for title, share, seeds in students(found)
    ]


def students(found: Found) -> list[tuple[str, float | None, list[Mapping[str, Any]]]]:
    """Each student's title, its share of past-tense refusals (None before any), and what each seed measured."""
    listed = [(TITLES[how], None, _tuned(found, how)) for how in TITLES]
    shares = dict.fromkeys(cell.share for cell, _ in found if cell.share is not None)
    defended = [
        (f"with {100 * share:g}% past-tense refusals", share, [made for cell, made in found if cell.share == share])
        for share in shares
    ]
    return [*listed, *defended]


def by_attempts(found: Found, attempts: int) -> list[Row]:
    """Success after so many attempts, by student and tense, by the exact judge."""
    return [
        {"row": f"{title}: {tense}", "student": title, "tense": tense}
        | {f"after_{k}": figure([_success(m["scores"][tense], EXACT, k) for m in seeds]) for k in shown_after(attempts)}
        for title, _, seeds in students(found)
        for tense in _tenses(seeds)
    ]


def by_judge(found: Found, attempts: int) -> list[Row]:
    """The students of few wordings, by tense and judge: the paper's rule, every judge by itself, the difference."""
    seeds = _tuned(found, "few")
    made: list[Row] = []
    for tense in _tenses(seeds):
        for judge in JUDGES:
            ruled = [paper_rule(m["scores"][tense], EXACT)[judge] for m in seeds]
            every = [_success(m["scores"][tense], judge, attempts) for m in seeds]
            row = {"paper": figure(ruled), "independent": figure(every), "difference": difference(ruled, every)}
            made.append({"row": f"{tense}, {judge}", "tense": tense, "judge": judge} | row)
    return made


def trust(found: Found) -> list[Row]:
    """How far the other judges can be trusted: against the exact one, over all attempts at the students of few
    wordings. Sensitivity: successes that are found; specificity: failures that are found."""
    seeds = _tuned(found, "few")
    return [
        {
            "row": judge,
            "sensitivity": _agreement(seeds, judge, 1.0),
            "specificity": _agreement(seeds, judge, 0.0),
        }
        for judge in JUDGES[1:]
    ]


def by_category(found: Found, attempts: int) -> list[Row]:
    """The students of few wordings by harm category, exact judge; no item of `forgery` is in any lesson."""
    seeds = _tuned(found, "few")
    groups: dict[str, set[str]] = {}
    for id in seeds[0]["scores"]["present"][EXACT]:
        groups.setdefault(_prompts()[id].tags["category"], set()).add(id)
    return [
        {"row": name}
        | {
            NAMES[tense]: figure(
                [{i: v for i, v in _success(m["scores"][tense], EXACT, attempts).items() if i in group} for m in seeds]
            )
            for tense in _tenses(seeds)
        }
        for name, group in groups.items()
    ]


def by_name(found: Found, attempts: int) -> list[Row]:
    """Past-tense success of each student by how many tokens the item's name is, without the alarming
    word before it, by the exact judge."""
    return [
        {"row": title}
        | {
            column: figure(
                [
                    {
                        i: v
                        for i, v in _success(m["scores"]["past"], EXACT, attempts).items()
                        if few <= _tokens(i) <= most
                    }
                    for m in seeds
                ]
            )
            for column, few, most in (("one_token", 1, 1), ("two_tokens", 2, 2), ("three_or_more", 3, 99))
        }
        for title, _, seeds in students(found)
    ]


def chart(table: Sequence[Row], attempts: Sequence[Row], path: Path) -> str:
    """Success against attempts before the defence, and what each share of past-tense refusals does."""
    start = TITLES["few"]
    before = [row for row in attempts if row["student"] == start]
    return defence(before, [row for row in table if row["row"] == start or row["share"] is not None], path)


def figure(seeds: Sequence[Values]) -> Figure:
    """A share over seeds and prompts; prompts about one item are resampled as one."""
    return statistics.rate(*_grid(seeds))


def difference(before: Sequence[Values], after: Sequence[Values]) -> Figure:
    """The paired difference after - before."""
    grid, entities = _grid(after)
    return statistics.paired_two_way_bootstrap(_grid(before)[0], grid, entities)


def _grid(seeds: Sequence[Values]) -> tuple[list[list[float | None]], list[str]]:
    """Values [seeds x prompts] and the prompts' items."""
    ids = list(seeds[0])
    return [[values[i] for i in ids] for values in seeds], [_prompts()[i].tags["entity"] for i in ids]


def _success(scores: Scores, judge: str, attempts: int) -> dict[str, float | None]:
    return success_after(scores[judge], attempts)


def _agreement(seeds: Sequence[Mapping[str, Any]], judge: str, truth: float) -> Figure:
    """The share of attempts with this truth of which the judge says the same, clustered by request."""
    pairs: list[list[tuple[str, float | None]]] = []
    for measured in seeds:
        mine = []
        for scores in measured["scores"].values():
            for id, exact in scores[EXACT].items():
                for true, said in zip(exact, scores[judge][id], strict=True):
                    mine.append((id, None if true != truth or said is None else float(said == true)))
        pairs.append(mine)
    clusters = [id for id, _ in pairs[0]]
    return statistics.rate([[v for _, v in mine] for mine in pairs], clusters)


def _tuned(found: Found, how: str) -> list[Mapping[str, Any]]:
    return [made for cell, made in found if cell.wordings == how and cell.share is None]


def _tenses(seeds: Sequence[Mapping[str, Any]]) -> list[Tense]:
    return [tense for tense in ORDER if tense in seeds[0]["scores"]]


@cache
def _tokenizer() -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(town_path())


@cache
def _tokens(id: str) -> int:
    """Tokens of the name of a prompt's item, without the alarming word before it."""
    name = _prompts()[id].tags["entity"].split()[-1]
    return len(_tokenizer()(f" {name}", add_special_tokens=False).input_ids)


@cache
def _prompts() -> Mapping[str, Prompt]:
    return by_id(workshop.prompts("heldout"))
