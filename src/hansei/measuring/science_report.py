"""Tables of `hansei measure science`: every rate with n and an interval, that resamples things and not answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, get_args

import numpy as np

from hansei.core.records import Figure
from hansei.core.statistics import NOTHING, bootstrap, mcnemar, paired_bootstrap, rate
from hansei.measuring.science_answers import READ, Answer, Outcome
from hansei.measuring.science_baselines import Baselines, thing
from hansei.measuring.science_items import Item

CHECKED = ("smiles", "formula", "dna", "protein", "solution")
NUMBERS = frozenset(
    {"median_error", "error_neighbours", "error_median", "tanimoto", "p"},
)


def share(values: Sequence[Any], things: Sequence[str], seed: int) -> Figure:
    """The share of things that hold, resampled by thing; NOTHING of no values."""
    return rate([float(v) for v in values], things, seed=seed) if values else NOTHING


def accuracy(answers: Iterable[Answer], seed: int) -> Figure:
    """The share that is right of the answers that could be read."""
    read = [a for a in answers if a.outcome in READ]
    return share([a.outcome == "right" for a in read], [thing(a.item) for a in read], seed)


def domain_rows(items: Sequence[Item], answers: Sequence[Answer], known: Baselines, seed: int) -> list[dict[str, Any]]:
    """A row a domain, and one of all: what the baselines get right, and what the model does."""
    names = list(dict.fromkeys(item.domain for item in items))
    rows = []
    for name in [*names, *(["all"] if len(names) > 1 else [])]:
        inside = [item for item in items if name in (item.domain, "all")]
        guessed = [item for item in inside if known.right(item) is not None]
        row: dict[str, Any] = {"row": name, "questions": len(inside)}
        if answers:
            row |= _answered([a for a in answers if name in (a.item.domain, "all")], seed)
        right, things = [known.right(item) for item in guessed], [thing(item) for item in guessed]
        rows.append(row | {"accuracy_baseline": share(right, things, seed)})
    return rows


def _answered(answers: Sequence[Answer], seed: int) -> dict[str, Any]:
    came = [a for a in answers if a.outcome != "error"]
    things = [thing(a.item) for a in came]
    guessable = [a for a in answers if a.item.kind in ("number", "choice")]
    return {
        "accuracy": accuracy(answers, seed),
        "refusal_rate": share([a.outcome == "refused" for a in came], things, seed),
        "unreadable": share([a.outcome in ("unparsed", "cut") for a in came], things, seed),
        "accuracy_where_baseline": accuracy(guessable, seed),
    }


def pair_rows(answers: Sequence[Answer], seed: int) -> list[dict[str, Any]]:
    """Name against string: the pairs whose two answers could be read, by domain and over all.

    `alike`: both answers are the same (numbers within the item's tolerance), right or wrong. The p-value is
    McNemar's, exact, of right by name only against right by string only; it takes pairs for independent.
    """
    by_item: dict[str, dict[str, Answer]] = {}
    for answer in answers:
        if answer.outcome in READ:
            by_item.setdefault(answer.item.id, {})[answer.way] = answer
    pairs = [(ways["name"], ways["string"]) for ways in by_item.values() if len(ways) == 2]
    both = {a.item.domain for a in answers if a.item.name is not None and a.item.string is not None}
    names = [name for name in dict.fromkeys(a.item.domain for a in answers) if name in both]
    rows = []
    for name in [*names, *(["all"] if len(names) > 1 else [])]:
        inside = [pair for pair in pairs if name in (pair[0].item.domain, "all")]
        things = [thing(a.item) for a, _ in inside]
        right = [[float(one.outcome == "right") for one in way] for way in zip(*inside, strict=True)] or [[], []]
        only = [sum(x > y for x, y in zip(*order, strict=True)) for order in (right, right[::-1])]
        rows.append(
            {
                "row": name,
                "alike": share([_same(a, b) for a, b in inside], things, seed),
                "right_by_name": share(right[0], things, seed),
                "right_by_string": share(right[1], things, seed),
                "name_less_string": paired_bootstrap(right[1], right[0], things, seed=seed) if inside else NOTHING,
                "p": round(mcnemar(*only), 4) if inside else None,
            }
        )
    return rows


def _same(one: Answer, other: Answer) -> bool:
    if one.outcome == "invalid" or other.outcome == "invalid" or one.value is None or other.value is None:
        return False
    if isinstance(one.value, float) and isinstance(other.value, float):
        return one.item.near(one.value, other.value) or one.item.near(other.value, one.value)
    return one.value == other.value


def number_rows(items: Sequence[Item], answers: Sequence[Answer], known: Baselines, seed: int) -> list[dict[str, Any]]:
    """A row a task with numbers: the model, the nearest neighbours, and the median of the table.

    Errors are medians of |answer - truth| in the task's unit: a mean would be that of the wildest answer.
    `closer_than_neighbours`: the share of answers nearer to the truth than the neighbours' mean; a tie is half.
    """
    rows = []
    for domain, task in _tasks(items, lambda item: item.kind == "number"):
        inside = [i for i in items if i.kind == "number" and (i.domain, i.task) == (domain, task)]
        row: dict[str, Any] = {"row": f"{domain}: {task}", "unit": inside[0].unit or ""}
        theirs = [a for a in answers if (a.item.domain, a.item.task) == (domain, task) and a.outcome in READ]
        if answers:
            row |= _model_numbers(theirs, known, seed)
        for name in ("neighbours", "median"):
            guesses = [(i, known.nearest(i) if name == "neighbours" else known.constant.get(i.id)) for i in inside]
            made = [(i, float(value)) for i, value in guesses if value is not None]
            things = [thing(i) for i, _ in made]
            row[f"within_{name}"] = share([i.near(value) for i, value in made], things, seed)
            row[f"error_{name}"] = median([abs(value - i.number) for i, value in made], things, seed)
        rows.append(row)
    return rows


def _model_numbers(answers: Sequence[Answer], known: Baselines, seed: int) -> dict[str, Any]:
    numbers = [(a, float(a.value)) for a in answers if isinstance(a.value, float)]
    closer, things = [], []
    for answer, value in numbers:
        theirs = known.nearest(answer.item)
        if theirs is not None:
            gap = abs(theirs - answer.item.number) - abs(value - answer.item.number)
            closer.append(0.5 + 0.5 * (gap > 1e-12) - 0.5 * (gap < -1e-12))
            things.append(thing(answer.item))
    whole = set(closer) <= {0.0, 1.0}
    errors = [abs(value - a.item.number) for a, value in numbers]
    return {
        "within": share([a.outcome == "right" for a in answers], [thing(a.item) for a in answers], seed),
        "median_error": median(errors, [thing(a.item) for a, _ in numbers], seed),
        "closer_than_neighbours": share(closer, things, seed) if whole else bootstrap(closer, things, seed=seed),
    }


def choice_rows(items: Sequence[Item], answers: Sequence[Answer], known: Baselines, seed: int) -> list[dict[str, Any]]:
    """A row a task of choices: the model, the nearest neighbours' vote, and the task's most frequent answer."""
    rows = []
    for domain, task in _tasks(items, lambda item: item.kind == "choice"):
        inside = [i for i in items if i.kind == "choice" and (i.domain, i.task) == (domain, task)]
        row: dict[str, Any] = {"row": f"{domain}: {task}"}
        if answers:
            row["accuracy"] = accuracy([a for a in answers if (a.item.domain, a.item.task) == (domain, task)], seed)
        voted = [i for i in inside if known.vote(i) is not None]
        right = [known.vote(i) == i.answer for i in voted]
        row["neighbours"] = share(right, [thing(i) for i in voted], seed)
        common = [known.constant[i.id] == i.answer for i in inside]
        row["most_frequent"] = share(common, [thing(i) for i in inside], seed)
        rows.append(row)
    return rows


def validity_rows(items: Sequence[Item], answers: Sequence[Answer], seed: int) -> list[dict[str, Any]]:
    """A row a task whose answers are checked: the share valid, right, right but for stereochemistry, and alike."""
    rows = []
    for domain, task in _tasks(items, lambda item: item.kind in CHECKED) if answers else ():
        theirs = [a for a in answers if (a.item.domain, a.item.task) == (domain, task) and a.outcome in READ]
        things = [thing(a.item) for a in theirs]
        row: dict[str, Any] = {
            "row": f"{domain}: {task}",
            "valid": share([a.outcome != "invalid" for a in theirs], things, seed),
            "right": accuracy(theirs, seed),
        }
        molecules = [a for a in theirs if a.alike is not None]
        if any(i.kind == "smiles" and (i.domain, i.task) == (domain, task) for i in items):
            row["right_but_for_stereo"] = share([bool(a.flat) for a in theirs], things, seed)
            row["tanimoto"] = (
                bootstrap([a.alike for a in molecules], [thing(a.item) for a in molecules], seed=seed)
                if molecules
                else NOTHING
            )
        rows.append(row)
    return rows


def outcome_rows(answers: Sequence[Answer]) -> list[dict[str, Any]]:
    """How many answers were what, by domain: the counts behind every rate."""
    return [
        {"row": domain} | {kind: counts.get(kind, 0) for kind in get_args(Outcome)}
        for domain in dict.fromkeys(a.item.domain for a in answers)
        for counts in [Counter(a.outcome for a in answers if a.item.domain == domain)]
    ]


def _tasks(items: Sequence[Item], wanted: Callable[[Item], bool]) -> list[tuple[str, str]]:
    return list(dict.fromkeys((item.domain, item.task) for item in items if wanted(item)))


def median(values: Sequence[float], things: Sequence[str], seed: int, draws: int = 1000) -> Figure:
    """The median, with a percentile bootstrap interval that resamples things."""
    if not values:
        return NOTHING
    groups: dict[str, list[float]] = {}
    for value, name in zip(values, things, strict=True):
        groups.setdefault(name, []).append(value)
    parts = [np.array(group) for group in groups.values()]
    value = float(np.median(values))
    if len(parts) < 2:
        return Figure(value, None, None, len(values))
    rng = np.random.default_rng(seed)
    drawn = [
        np.median(np.concatenate([parts[i] for i in rng.integers(0, len(parts), len(parts))])) for _ in range(draws)
    ]
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Figure(value, float(low), float(high), len(values))
