"""From chosen options to figures: accuracy by variant, MCQA+, flips, options accepted together, positions.

Legend: S seeds of order and removed options, I questions, K options.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hansei.core.letters import LETTERS
from hansei.core.records import Figure
from hansei.core.statistics import paired_two_way_bootstrap, rate, two_way_bootstrap
from hansei.measuring.choice_items import Item
from hansei.measuring.choice_variants import SIX, Asked, drawn_wrong, proposals, variants

Table = list[list[float | None]]
MEAN, ALL = "mean of the six (MCQA+)", "all six right"
ACCEPTED = "two or more options accepted"
NONE_ACCEPTED = "no option accepted"


@dataclass(frozen=True)
class Sheet:
    """Every variant of every question, and where each stands among those that are asked (each text once)."""

    items: Sequence[Item]
    """The questions."""
    seeds: Sequence[int]
    """Seeds of order and removed options."""
    asked: list[Asked] = field(default_factory=list)
    """What is asked, each text once."""
    lettered: list[list[dict[str, int]]] = field(default_factory=list)
    """S x I: variant to its place in `asked`."""
    proposed: list[list[int]] = field(default_factory=list)
    """I x K: place in `asked` of each option's proposal."""


def sheet_of(items: Sequence[Item], seeds: Sequence[int]) -> Sheet:
    """All that has to be asked about the questions."""
    sheet = Sheet(items, seeds)
    places: dict[tuple[str, str], int] = {}

    def place(one: Asked) -> int:
        key = (one.kind, one.text)
        if key not in places:
            places[key] = len(sheet.asked)
            sheet.asked.append(one)
        return places[key]

    for number, item in enumerate(items):
        sheet.proposed.append([place(one) for one in proposals(item, number)])
    for seed in seeds:
        made = ({one.variant: place(one) for one in variants(item, i, seed)} for i, item in enumerate(items))
        sheet.lettered.append(list(made))
    return sheet


def outcomes(sheet: Sheet, chosen: Sequence[int | None]) -> dict[str, Table]:
    """Variant to S x I of 1 (right), 0 (wrong) or None (no answer, or the question has no such variant)."""

    def right(place: int | None) -> float | None:
        if place is None or chosen[place] is None:
            return None
        return float(chosen[place] == sheet.asked[place].right)

    names = dict.fromkeys([*SIX, *(name for row in sheet.lettered for cell in row for name in cell)])
    found: dict[str, Table] = {}
    for name in names:
        if name in ("true", "false"):
            found[name] = [[right(_proposal(sheet, name, i, s)) for i in range(len(sheet.items))] for s in sheet.seeds]
        else:
            found[name] = [[right(cell.get(name)) for cell in row] for row in sheet.lettered]
    return found


def _proposal(sheet: Sheet, name: str, number: int, seed: int) -> int:
    item = sheet.items[number]
    return sheet.proposed[number][item.right if name == "true" else drawn_wrong(item, number, seed)]


def flips(sheet: Sheet, chosen: Sequence[int | None]) -> dict[str, Table]:
    """Variant to S x I: whether another option is chosen than in the original, where both hold the same options."""

    def said(place: int | None) -> str | None:
        answer = None if place is None else chosen[place]
        return None if place is None or answer is None else sheet.asked[place].options[answer]

    found: dict[str, Table] = {}
    for name in ("reordered", "none added"):
        found[name] = [
            [
                None
                if None in (pair := (said(cell.get("original")), said(cell.get(name))))
                else float(len(set(pair)) == 2)
                for cell in row
            ]
            for row in sheet.lettered
        ]
    return found


def six(right: Mapping[str, Table], combine: Any) -> Table:
    """S x I: the six outcomes of a question as one number; None where one of them is missing."""
    cells = zip(*(right[name] for name in SIX), strict=True)
    return [[None if None in values else float(combine(values)) for values in zip(*row, strict=True)] for row in cells]


def accepted(sheet: Sheet, chosen: Sequence[int | None]) -> list[int | None]:
    """Of each question, how many options the model calls true; None where an answer is missing."""
    counts: list[int | None] = []
    for places in sheet.proposed:
        answers = [chosen[place] for place in places]
        counts.append(None if None in answers else sum(answer == 0 for answer in answers))
    return counts


Answered = tuple[Sheet, Sequence[int | None]]
"""A sheet, and the place of the chosen answer to each question asked."""


def table(answered: Sequence[Answered], only: Iterable[int] | None = None) -> list[dict[str, Any]]:
    """The rows of the result: a variant each, then what the six say together.

    Several sheets are of the same questions with other options; each adds its seeds. `only` names the questions that
    are counted, all where not given.
    """
    kept = list(range(len(answered[0][0].items)) if only is None else only)
    right = _stacked([outcomes(*one) for one in answered], kept)
    flipped = _stacked([flips(*one) for one in answered], kept)
    rows: list[dict[str, Any]] = []
    for name, values in right.items():
        row: dict[str, Any] = {"row": name, "accuracy": rate(values), "chance": _chance(answered[0][0], name, kept)}
        if name != "original":
            row["drop"] = paired_two_way_bootstrap(values, right["original"])
        if name in flipped:
            row["flip_rate"] = rate(flipped[name])
        rows.append(row)
    rows.append({"row": MEAN, "accuracy": two_way_bootstrap(six(right, lambda v: sum(v) / len(v)))})
    rows.append({"row": ALL, "accuracy": rate(six(right, all))})
    counts = [[row[i] for i in kept] for row in (accepted(*one) for one in answered)]
    several = [[None if c is None else float(c >= 2) for c in row] for row in counts]
    none = [[None if c is None else float(c == 0) for c in row] for row in counts]
    return [*rows, {"row": ACCEPTED, "accuracy": rate(several)}, {"row": NONE_ACCEPTED, "accuracy": rate(none)}]


def _stacked(tables: Sequence[dict[str, Table]], kept: Sequence[int]) -> dict[str, Table]:
    return {name: [[row[i] for i in kept] for one in tables for row in one[name]] for name in tables[0]}


def _chance(sheet: Sheet, name: str, kept: Sequence[int]) -> Figure:
    """What guessing would get."""
    if name in ("true", "false"):
        return Figure(0.5, None, None, len(kept))
    shares = [1 / len(sheet.asked[row[i][name]].options) for row in sheet.lettered[:1] for i in kept if name in row[i]]
    return Figure(sum(shares) / len(shares) if shares else None, None, None, len(shares))


def positions(answered: Sequence[Answered]) -> list[dict[str, Any]]:
    """How often each letter is chosen and is right, over `reordered`, and how often the right option is found there."""
    cells = [
        [(sheet.asked[cell["reordered"]].right, chosen[cell["reordered"]]) for cell in row]
        for sheet, chosen in answered
        for row in sheet.lettered
    ]
    rows = []
    for p in range(max(len(item.options) for item in answered[0][0].items)):
        picked = [[None if answer is None else float(answer == p) for _, answer in row] for row in cells]
        right = [[None if answer is None else float(place == p) for place, answer in row] for row in cells]
        hit = [[None if a is None or place != p else float(a == p) for place, a in row] for row in cells]
        rows.append({"row": LETTERS[p], "chosen": rate(picked), "right": rate(right), "accuracy": rate(hit)})
    return rows
