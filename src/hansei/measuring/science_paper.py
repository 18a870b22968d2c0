"""Does `hansei measure science` see what it should? `hansei papers run science`: answerers of known ability.

The paper's own finding (arXiv 2311.07361), that a model does worse when molecules and sequences are given as strings,
needs a model that knows some science; none comes with hansei. What can be shown without one: what the tables alone can
do (nearest neighbours, constant guesses), and that answerers whose weakness is planted are measured as what they are.
They answer in text, which is read like a model's: a gap between names and strings of 0 to 50 points, numbers that are
off by a tenth, a dropped character in half of the strings that are written, half of the questions refused, a third of
the answers without an answer.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from hansei.core.errors import BadInput
from hansei.core.progress import progress
from hansei.core.records import Attempt, Figure, Sampling
from hansei.core.result import Result
from hansei.core.statistics import NOTHING, paired_two_way_bootstrap, rate, two_way_bootstrap
from hansei.measuring import science_report as report
from hansei.measuring.science_answers import READ, Answer, read
from hansei.measuring.science_baselines import Baselines, baselines, thing
from hansei.measuring.science_chemistry import check_installed
from hansei.measuring.science_items import Item, shipped

GAPS = (0.0, 0.1, 0.25, 0.5)
"""Planted gaps between names and strings."""
KNOWS = 0.9
"""Share of the things that these answerers know by name."""
Writer = Callable[[Item, str, random.Random], str]


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment."""

    seeds: int = 5
    """Seeds of what each answerer gets wrong."""
    neighbours: int = 3
    """Most alike rows whose mean is the baseline of a number."""
    out: str | None = "runs/science"
    """Folder for the chart of the baselines and result.json."""
    dry_run: bool = False
    """Say what would be measured, and stop."""

    def __post_init__(self) -> None:
        """Raises BadInput for numbers that make no experiment."""
        if self.seeds < 1 or self.neighbours < 1:
            raise BadInput("papers run science: seeds and neighbours of 1 or more were expected")


def run(settings: Settings) -> Result:
    """Every answerer on every question of the shipped tables."""
    started = time.monotonic()
    check_installed()
    items = shipped()
    ways = [(item, way) for item in items for way, _ in item.ways()]
    said = f"{len(items)} questions, {len(ways)} answers of each answerer and seed; {settings.seeds} seeds"
    if settings.dry_run:
        return Result(name="science", kind="paper", settings=asdict(settings), rows=[], notes=[said])
    known = baselines(items, settings.neighbours)
    rows = [
        answerer_row(name, planted, [answers(ways, writer, seed) for seed in range(settings.seeds)], known)
        for name, planted, writer in progress(answerers(items), "answerers")
    ]
    parts = {
        "baselines": report.domain_rows(items, [], known, 0),
        "numbers": report.number_rows(items, [], known, 0),
        "choices": report.choice_rows(items, [], known, 0),
    }
    result = Result(
        name="science",
        kind="paper",
        settings={"seeds": settings.seeds, "neighbours": settings.neighbours},
        rows=rows,
        parts=parts,
        numbers=report.NUMBERS,
        notes=[said, "planted: name less string, as the answerer was made; no model was asked"],
        seeds=list(range(settings.seeds)),
        seconds=time.monotonic() - started,
    )
    if settings.out is None:
        return result
    from hansei.core.output import with_files
    from hansei.measuring.science_chart import draw

    return with_files(result, settings.out, {"science.svg": draw(result)})


def answers(ways: Sequence[tuple[Item, str]], writer: Writer, seed: int) -> list[Answer]:
    """What is read of one answerer's texts."""
    rng = random.Random(seed)
    found = []
    for item, way in ways:
        text = writer(item, way, rng)
        found.append(read(item, way, Attempt("", item.id, "", "plain", Sampling(), 0, (), text, "stop")))
    return found


def answerers(items: Sequence[Item]) -> list[tuple[str, float | None, Writer]]:
    """Name, planted gap, and how its text is made."""
    others: dict[tuple[str, str], list[Item]] = {}
    for item in items:
        others.setdefault((item.domain, item.task), []).append(item)

    def knows(gap: float) -> Writer:
        def write(item: Item, way: str, rng: random.Random) -> str:
            share = KNOWS - gap if way == "string" and item.name is not None else KNOWS
            return truth(item) if rng.random() < share else wrong(item, others[item.domain, item.task], rng)

        return write

    return [
        *((f"knows {KNOWS:.0%} by name, {KNOWS - gap:.0%} by string", gap, knows(gap)) for gap in GAPS),
        ("numbers off by a tenth", 0.0, _noisy),
        ("drops a character of half of what it writes", 0.0, _careless),
        ("refuses half", 0.0, lambda item, way, rng: "I can't help with that." if rng.random() < 0.5 else truth(item)),
        (
            "says nothing to a third",
            0.0,
            lambda item, way, rng: "That depends on many things." if rng.random() < 1 / 3 else truth(item),
        ),
    ]


def truth(item: Item) -> str:
    """The right answer as a model would write it."""
    return f"Answer: {item.answer}{f' {item.unit}' if item.unit else ''}"


def wrong(item: Item, others: Sequence[Item], rng: random.Random) -> str:
    """A well-formed wrong answer: far off, another option, or another thing's answer."""
    if item.kind == "number":
        return f"Answer: {1.5 * item.number + (item.absolute or 0.0) + 1:.6g}{f' {item.unit}' if item.unit else ''}"
    if item.kind == "choice":
        return f"Answer: {rng.choice([option for option in item.options if option != item.answer])}"
    if item.kind == "solution":
        return f"Answer: {item.answer} + 1"
    return f"Answer: {rng.choice([other.answer for other in others if other.answer != item.answer])}"


def _noisy(item: Item, way: str, rng: random.Random) -> str:
    if item.kind != "number":
        return truth(item)
    return f"Answer: {item.number * (1 + rng.gauss(0, 0.1)):.6g}{f' {item.unit}' if item.unit else ''}"


def _careless(item: Item, way: str, rng: random.Random) -> str:
    text = item.answer
    if item.kind in ("smiles", "formula", "dna", "protein", "solution") and rng.random() < 0.5 and len(text) > 1:
        place = rng.randrange(len(text))
        return f"Answer: {text[:place]}{text[place + 1 :]}"
    return truth(item)


def answerer_row(
    name: str, planted: float | None, seeds: Sequence[Sequence[Answer]], known: Baselines
) -> dict[str, Any]:
    """An answerer's figures over seeds and things."""
    every = _table(seeds, lambda a: float(a.outcome == "right") if a.outcome in READ else None)
    pairs = [_paired(found) for found in seeds]
    things = [thing(item) for item, _, _ in pairs[0]]
    by_name = [[name for _, name, _ in found] for found in pairs]
    by_string = [[string for _, _, string in found] for found in pairs]
    return {
        "row": name,
        "planted": None if planted is None else f"{100 * planted:.0f}%",
        "name_less_string": paired_two_way_bootstrap(by_string, by_name, things),
        "accuracy": every,
        "refusal_rate": _table(seeds, lambda a: float(a.outcome == "refused")),
        "unreadable": _table(seeds, lambda a: float(a.outcome in ("unparsed", "cut"))),
        "valid": _table(seeds, _valid),
        "closer_than_neighbours": _table(seeds, lambda a: _closer(a, known), shares=False),
    }


def _table(
    seeds: Sequence[Sequence[Answer]], value: Callable[[Answer], float | None], *, shares: bool = True
) -> Figure:
    table = [[value(answer) for answer in found] for found in seeds]
    if all(cell is None for found in table for cell in found):
        return NOTHING
    return (rate if shares else two_way_bootstrap)(table, [thing(answer.item) for answer in seeds[0]])


def _valid(answer: Answer) -> float | None:
    return float(answer.outcome != "invalid") if answer.item.kind in report.CHECKED and answer.outcome in READ else None


def _closer(answer: Answer, known: Baselines) -> float | None:
    """1 where a number is nearer to the truth than the neighbours' mean, half where it is as near."""
    theirs = known.nearest(answer.item)
    if theirs is None or not isinstance(answer.value, float):
        return None
    gap = abs(theirs - answer.item.number) - abs(answer.value - answer.item.number)
    return 0.5 + 0.5 * (gap > 1e-12) - 0.5 * (gap < -1e-12)


def _paired(found: Sequence[Answer]) -> list[tuple[Item, float | None, float | None]]:
    """Each item that is asked in both ways: right by name, right by string; None where it could not be read."""
    by_item: dict[str, dict[str, Answer]] = {}
    for answer in found:
        by_item.setdefault(answer.item.id, {})[answer.way] = answer
    cells: list[tuple[Item, float | None, float | None]] = []
    for ways in by_item.values():
        if len(ways) == 2:
            right = _rights(ways)
            cells.append((ways["name"].item, right["name"], right["string"]))
    return cells


def _rights(ways: Mapping[str, Answer]) -> dict[str, float | None]:
    return {way: float(a.outcome == "right") if a.outcome in READ else None for way, a in ways.items()}
