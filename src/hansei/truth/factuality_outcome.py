"""What the factuality experiment found: claims a life over seeds and people, changes against the base, the chart."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import Any

from hansei.core import statistics
from hansei.core.drawing import COLOURS, MARKS, canvas, save
from hansei.core.records import Figure, Prompt, by_id
from hansei.core.result import Row
from hansei.truth.factuality_cells import MET, chosen_on, is_known, proved

Cells = Sequence[Mapping[str, Any]]
"""What `run_cell` made of each seed."""
Measured = Sequence[Mapping[str, Any]]
"""One row of each seed; {kind: {prompt id: claims a life}}."""
Which = Callable[[Prompt], bool]
"""The prompts that a table is about."""
BASE = "base"
CHANGES = {"wrong_claims": "wrong", "correct_claims": "correct"}


PARTS: dict[str, Which] = {
    "met-50-times-or-more": lambda p: int(p.tags["seen"]) >= 50,
    "met-25-to-40-times": lambda p: MET <= int(p.tags["seen"]) < 50,
    "met-6-to-22-times": lambda p: not is_known(p) and p.tags["fame"] != "rare",
    "met-5-times-or-less": lambda p: p.tags["fame"] == "rare",
    "heldout-wording": lambda p: is_known(p) and p.tags["phrasing"] == "heldout",
}
"""The same table for some of the people, and for the wording that no lesson uses."""


def points(found: Cells) -> list[dict[str, Any]]:
    """Every way of tuning that was tried: its settings, and its changes against the base over seeds and people."""
    named = _by_row(found, _way)
    return [
        {name: seeds[0][name] for name in ("reward", "learning_rate", "beta", "steps", "gamma")}
        | {name: relative_change(*_pair(named[BASE], seeds, kind)) for name, kind in CHANGES.items()}
        for seeds in named.values()
        if "reward" in seeds[0]
    ]


def searched(found: Cells) -> list[Row]:
    """A row for every way of tuning that was tried, beside the base and the SFT student."""
    named = _by_row(found, _way)
    return [
        {
            "row": name,
            "correct_claims": statistics.two_way_bootstrap(*_grid(seeds, "correct")),
            "wrong_claims": statistics.two_way_bootstrap(*_grid(seeds, "wrong")),
        }
        | ({} if name == BASE else _changes(named[BASE], seeds))
        for name, seeds in named.items()
    ]


def _plain(row: Mapping[str, Any]) -> str:
    return str(row["row"])


def _way(row: Mapping[str, Any]) -> str:
    """The name of a student among several of one reward; other rows keep theirs."""
    if "reward" not in row:
        return _plain(row)
    return f"{row['row']}: gamma {row['gamma']:g}, beta {row['beta']:g}"


def rows(found: Cells, which: Which = is_known) -> list[Row]:
    """The paper's table: correct and wrong claims a life, and the share correct (mean over the lives that claim).

    `seldom_told`: claims a life, right or wrong, of the kinds of which the base was told seldom.

    A way of answering that was not asked about any of these people has no row.
    """
    return [
        {
            "row": name,
            "correct_claims": statistics.two_way_bootstrap(*_grid(seeds, "correct", which)),
            "wrong_claims": statistics.two_way_bootstrap(*_grid(seeds, "wrong", which)),
            "share_correct": statistics.two_way_bootstrap(*_shares(seeds, which)),
            "seldom_told": statistics.two_way_bootstrap(*_grid(seeds, "seldom", which)),
        }
        for name, seeds in _by_row(found).items()
        if _grid(seeds, "correct", which)[1]
    ]


def apart(found: Cells) -> dict[str, list[Row]]:
    """The table of each part of the people."""
    return {name: rows(found, which) for name, which in PARTS.items()}


def changes(found: Cells) -> list[Row]:
    """The change of wrong and of correct claims a life against the base, as a share of the base's."""
    by_row = _by_row(found)
    return [{"row": name} | _changes(by_row[BASE], seeds) for name, seeds in by_row.items() if name != BASE]


def _changes(base: Measured, seeds: Measured) -> dict[str, Figure]:
    return {f"{metric}_change": relative_change(*_pair(base, seeds, kind)) for metric, kind in CHANGES.items()}


def _pair(base: Measured, seeds: Measured, kind: str) -> tuple[list[list[float]], list[list[float]], list[str]]:
    """Both grids on the prompts that both were asked, and the prompts' people."""
    both = set.intersection(*(set(row[kind]) for row in (*base, *seeds)))
    before, _ = _grid(base, kind, lambda p: is_known(p) and p.id in both)
    return before, *_grid(seeds, kind, lambda p: is_known(p) and p.id in both)


def by_length(found: Cells) -> list[Row]:
    """The share correct of the samples that are learnt from, by how many claims they make: whether saying less pays."""
    drawn = [(seed, *one) for seed, cell in enumerate(found) for one in cell["samples"]]
    made = []
    for count in sorted({claims for _, _, claims, _ in drawn}):
        mine = [(person, share) for _, person, claims, share in drawn if claims == count]
        shares, people = [share for _, share in mine], [person for person, _ in mine]
        made.append({"row": f"{count} claims", "share_correct": statistics.bootstrap(shares, people)})
    return list(made)


def about_pairs(found: Cells) -> list[Row]:
    """By reward: pairs, and claims of the better and the worse answers; means over seeds."""
    names = {name: [cell["counts"][name] for cell in found] for name in found[0]["counts"]}
    return [
        {"row": name}
        | {field: _average(c[field] for c in seeds) for field in ("pairs", "claims_chosen", "claims_rejected")}
        for name, seeds in names.items()
    ]


def relative_change(before: Any, after: Any, clusters: Sequence[str]) -> Figure:
    """(mean after - mean before) / mean before over S seeds x I items, both resampled, items as whole clusters."""
    ratio = statistics.ratio_of_means(before, after, clusters)
    value, low, high = (None if x is None else x - 1 for x in (ratio.value, ratio.low, ratio.high))
    return Figure(value, low, high, ratio.n, tuple(None if x is None else x - 1 for x in ratio.per_seed))


def told(found: Cells, count: int = 6) -> list[dict[str, str]]:
    """Some of the first seed's lives, of people met more often and less: what each way of answering wrote."""
    named = {row["row"]: row["texts"] for row in found[0]["rows"]}
    shared = [id for id in named[BASE] if all(id in texts for texts in named.values())]
    spread = shared[:: max(1, len(shared) // count)][:count]
    return [{"prompt": id} | {name: texts[id] for name, texts in named.items()} for id in spread]


def chart(table: Sequence[Row], path: Path) -> str:
    """Correct against wrong claims a life, with both intervals; up and to the left is better."""
    figure, axes = canvas(width=5.6, height=3.8)
    for number, row in enumerate(table):
        x, y = row["wrong_claims"], row["correct_claims"]
        colour, mark = COLOURS[number % len(COLOURS)], MARKS[number % len(MARKS)]
        reach = [[[f.value - f.low], [f.high - f.value]] for f in (x, y)]
        look = {"fmt": mark, "color": colour, "markersize": 6, "linewidth": 1, "label": str(row["row"])}
        axes.errorbar([x.value], [y.value], xerr=reach[0], yerr=reach[1], **look)
    axes.set(xlabel="wrong claims a life", ylabel="correct claims a life")
    axes.set_xlim(left=0)
    axes.legend(loc="best", frameon=False, fontsize=7)
    return save(figure, path)


def _by_row(found: Cells, name: Callable[[Mapping[str, Any]], str] = _plain) -> dict[str, Measured]:
    """What each seed measured, by row, the untuned ways first."""
    named: dict[str, list[Mapping[str, Any]]] = {}
    for cell in found:
        for row in cell["rows"]:
            named.setdefault(name(row), []).append(row)
    return dict(named)


def _grid(seeds: Measured, kind: str, which: Which = is_known) -> tuple[list[list[float]], list[str]]:
    """Claims [seeds x prompts], and the prompts' people, who are resampled as one."""
    there = [id for id in seeds[0][kind] if all(id in row[kind] for row in seeds)]  # an answer may not have come
    ids = [id for id in there if which(_prompts()[id])]
    return [[row[kind][id] for id in ids] for row in seeds], [_prompts()[id].tags["entity"] for id in ids]


def _shares(seeds: Measured, which: Which) -> tuple[list[list[float | None]], list[str]]:
    """The share correct of each life, None where it claims nothing."""
    correct, people = _grid(seeds, "correct", which)
    wrong, _ = _grid(seeds, "wrong", which)
    shares = [
        [c / (c + w) if c + w else None for c, w in zip(cs, ws, strict=True)]
        for cs, ws in zip(correct, wrong, strict=True)
    ]
    return shares, people


def _average(values: Iterable[float]) -> float:
    return round(fmean(values), 2)


@cache
def _prompts() -> Mapping[str, Prompt]:
    return by_id([*chosen_on(), *proved()])
