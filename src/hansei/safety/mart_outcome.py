"""From the cells of MART's experiment to its tables and its chart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from hansei.core import drawing, statistics
from hansei.core.records import Figure
from hansei.core.result import Row
from hansei.safety import mart_town as town
from hansei.safety.mart_cells import ARMS, ROUNDS

Cell = Mapping[str, Any]
"""What `mart_cells.run_cell` returns."""
NUMBERS = ("harmless_helpful", "distinct_2", "self_bleu", "wordings", "attacks", "lessons", "attacker_lessons")
"""Figures that are no shares."""
CHOSEN = -1
"""In place of a round's number: the round whose target is the result, of each seed its own."""
KEPT = "MART, last round that keeps the help"
SHOWN = ("violation_rate", "helpful_rate", "over_refusal", "harmless_helpful")


def main_rows(cells: Sequence[Cell]) -> list[Row]:
    """The start, each round of MART, the round that is its result, and the end of every other arm.

    The fall and what was kept are paired.
    """
    by_arm = {arm.name: _of(cells, arm.name) for arm in ARMS}
    mart = by_arm[ARMS[0].name]
    rows = [_row("start: tuned in the present tense", mart, 0, "start")]
    rows += [_row(f"MART, round {n}", mart, n, "final" if n == ROUNDS else None) for n in range(1, ROUNDS + 1)]
    rows.append(_row(KEPT, mart, CHOSEN, "chosen"))
    for arm in ARMS[1:]:
        if by_arm[arm.name]:
            rows.append(_row(arm.name, by_arm[arm.name], arm.rounds, "final"))
    return rows


def _of(cells: Sequence[Cell], name: str) -> list[Cell]:
    return sorted((c for c in cells if c["cell"]["arm"]["name"] == name), key=lambda c: int(c["cell"]["seed"]))


def _at(cell: Cell, number: int) -> int:
    return int(cell["chosen"]) if number == CHOSEN else number


def _row(name: str, cells: Sequence[Cell], number: int, attacked: str | None) -> Row:
    now, start = (_grids(cells, n) for n in (number, 0))
    clusters = {metric: [_entities()[i] for i in ids] for metric, (ids, _) in now.items()}
    row: dict[str, Any] = {"row": name}
    for metric in SHOWN:
        how = statistics.two_way_bootstrap if metric in NUMBERS else statistics.rate
        row[metric] = how(now[metric][1], clusters[metric])
    if number:
        left = {m: statistics.ratio_of_means(start[m][1], now[m][1], clusters[m]) for m in SHOWN[:2]}
        row["violation_fall"], row["helpfulness_kept"] = _one_minus(left["violation_rate"]), left["helpful_rate"]
    row["last_attacker_success"] = _attacked(cells, attacked)
    taught = [sum(r["counts"].get("target lessons", 0) for r in c["rounds"][: _at(c, number) + 1]) for c in cells]
    row["lessons"] = _mean(taught)
    row["garbled"] = sum(c["rounds"][_at(c, number)]["measured"]["counts"]["garbled"] for c in cells)
    return row


def _grids(cells: Sequence[Cell], number: int) -> dict[str, tuple[list[str], list[list[float | None]]]]:
    """By metric: prompt ids, and values [seeds x prompts]."""
    values = [c["rounds"][_at(c, number)]["measured"]["values"] for c in cells]
    return {m: (list(values[0][m]), [[v[m][i] for i in values[0][m]] for v in values]) for m in SHOWN}


def _attacked(cells: Sequence[Cell], which: str | None) -> Figure | None:
    """Success of MART's last attackers, each seed's own attacks, on held-out items; None where not measured."""
    if which is None or not all(c["attacks"] and which in c["attacked"] for c in cells):
        return None
    items = {id: item for c in cells for id, (_, item) in zip(c["attacked"][which], c["attacks"], strict=True)}
    table = [[c["attacked"][which].get(id) for id in items] for c in cells]
    return statistics.rate(table, list(items.values()))


@cache
def _entities() -> Mapping[str, str]:
    return {p.id: p.tags["entity"] for p in town.proof("heldout")}


def _one_minus(figure: Figure) -> Figure:
    low, high = (None if x is None else 1 - x for x in (figure.high, figure.low))
    value = None if figure.value is None else 1 - figure.value
    return Figure(value, low, high, figure.n, tuple(None if x is None else 1 - x for x in figure.per_seed))


def _mean(values: Sequence[float | None]) -> Figure:
    """Mean over the seeds; they are too few and too alike for an interval of its own."""
    there = [v for v in values if v is not None]
    mean = sum(there) / len(there) if there else None
    return Figure(mean, None, None, len(there), tuple(None if v is None else float(v) for v in values))


def round_rows(cells: Sequence[Cell]) -> list[Row]:
    """What was attacked in each round of the arms that have several, and how various the attacks were."""
    rows: list[Row] = []
    for arm in ARMS:
        mine = _of(cells, arm.name)
        if arm.rounds == 1 or not mine:
            continue
        for number in range(1, arm.rounds + 1):
            counts = [c["rounds"][number]["counts"] for c in mine]
            various = [c["rounds"][number]["diversity"] for c in mine]
            row: dict[str, Any] = {
                "row": f"{arm.name}, round {number}",
                "violation_rate": statistics.rate(_grids(mine, number)["violation_rate"][1], _clusters(mine, number)),
                "attack_success": _mean([n["succeeded"] / n["attacks"] if n["attacks"] else None for n in counts]),
                "attacks": _mean([n["attacks"] for n in counts]),
                "attacker_lessons": _mean([n["attacker lessons"] for n in counts]),
                "lessons": _mean([n["target lessons"] for n in counts]),
                "help_left": _mean([c["rounds"][number]["help_left"]["value"] for c in mine]),
                "help_left_low": _mean([c["rounds"][number]["help_left"]["low"] for c in mine]),
                "seeds_that_end_here": _mean([float(c["chosen"] == number) for c in mine]),
            }
            rows.append(row | {name: _mean([v[name] for v in various]) for name in various[0]})
    return rows


def _clusters(cells: Sequence[Cell], number: int) -> list[str]:
    return [_entities()[i] for i in _grids(cells, number)["violation_rate"][0]]


def suite_rows(cells: Sequence[Cell]) -> list[Row]:
    """Violation rate by how the item is asked for: the start, MART's result, and the end of each arm."""
    suite = {p.id: p.tags["suite"] for p in town.proof("heldout")}
    mart = _of(cells, ARMS[0].name)
    ends = [("start", mart, 0), (KEPT, mart, CHOSEN)]
    ends += [(arm.name, mine, arm.rounds) for arm in ARMS if (mine := _of(cells, arm.name))]
    rows: list[Row] = []
    for name, mine, number in ends:
        ids, table = _grids(mine, number)["violation_rate"]
        row: dict[str, Any] = {"row": name}
        for way in town.SUITES:
            places = [k for k, i in enumerate(ids) if suite[i] == way]
            row[way] = statistics.rate([[r[k] for k in places] for r in table], [_entities()[ids[k]] for k in places])
        rows.append(row)
    return rows


def chart(rows: Sequence[Row], rounds: Sequence[Row]) -> Any:
    """Left: violation rate by round. Right: what MART's target keeps."""
    figure, (left, right) = drawing.canvas(1, 2, width=9.0, height=4.2, gridspec_kw={"width_ratios": [3, 2]})
    by_name = {row["row"]: row for row in rows}
    start = rows[0]
    mart = [start, *(by_name[f"MART, round {n}"] for n in range(1, ROUNDS + 1))]
    _line(left, range(ROUNDS + 1), [row["violation_rate"] for row in mart], 0, ARMS[0].name)
    for place, arm in enumerate(ARMS[1:], 1):
        if arm.name not in by_name:
            continue
        if arm.rounds == 1:
            _line(left, [ROUNDS + 0.13 * place], [by_name[arm.name]["violation_rate"]], place, arm.name)
        else:
            path = [r["violation_rate"] for r in rounds if str(r["row"]).startswith(f"{arm.name}, round")]
            beside = [n + 0.07 * place for n in range(ROUNDS + 1)]  # so that intervals don't hide each other
            _line(left, beside, [start["violation_rate"], *path], place, arm.name)
    left.set(xlabel="round (arms of one round: after as many steps)", ylabel="violation rate, held-out items, %")
    left.set(xticks=range(ROUNDS + 1), ylim=(-2, 62))
    figure.legend(*left.get_legend_handles_labels(), loc="outside upper left", ncols=3, fontsize=8, frameon=False)
    for place, (metric, label) in enumerate((("helpful_rate", "helpful"), ("over_refusal", "over-refusal"))):
        _line(right, range(ROUNDS + 1), [row[metric] for row in mart], place + 1, label)
    right.set(xlabel="round", ylabel="MART's target, held-out safe items, %", xticks=range(ROUNDS + 1), ylim=(-2, 104))
    right.legend(fontsize=8, loc="center left", frameon=False)
    return figure


def _line(axis: Any, places: Any, figures: Sequence[Figure], number: int, label: str) -> None:
    values = [100 * (f.value or 0.0) for f in figures]
    ends = [
        [100 * max(0.0, abs((end if end is not None else f.value or 0.0) - (f.value or 0.0))) for f, end in pairs]
        for pairs in ([(f, f.low) for f in figures], [(f, f.high) for f in figures])
    ]
    colour, mark = drawing.COLOURS[number], drawing.MARKS[number]
    axis.errorbar(list(places), values, yerr=ends, color=colour, marker=mark, markersize=5, capsize=2, label=label)
