"""The demonstrations experiment (DITTO, arXiv 2406.00888) on the town: `hansei papers run demonstrations`.

Held-out writers, whose styles the base has never met, each show a few letters. Students learn from these by SFT,
self-play and DITTO; beside them stand the base and few-shot prompting. All write on new topics, half of the time asked
in a wording that is in no demonstration, and the exact judge counts the features of style. The letters of a writer who
never forgets a habit tell SFT all, and leave nothing to be better at; with `slips` some are forgotten.

Learning rate and number of steps of each row are chosen on validation writers with a seed of its own, from as many
points for every row. Then ten or more held-out writers are measured over several seeds: of the letters that are shown
and what is forgotten in them, of the trainings, and of the draws.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hansei.core.errors import BadInput
from hansei.core.result import Result
from hansei.steps.pool import Pool

if TYPE_CHECKING:
    from hansei.truth.demonstrations_town import Taught, Way

VERSION = "2"
SEARCH_SEED = 1000  # apart from the seeds that are reported
SHOWN = 7
"""Demonstrations of the main table."""
SEARCH_WRITERS = 3
SFT_TRIED = ((1e-3, 80), (1e-3, 160), (1e-3, 320), (2e-3, 160))
"""Learning rates and steps that are tried for SFT alone."""
START_RATE, START_STEPS, STOP_LOSSES = 2e-3, 40, (0.4, 0.2)
"""The SFT that self-play and DITTO go on from, stopped as in the paper: after the first step with a lower loss."""
RATES, STEPS = (4e-4, 8e-4), 30
"""What is tried for self-play and DITTO after each of these starts."""
SECONDS_POINT, SECONDS_CELL, SECONDS_FEWER, SECONDS_PLAY = 11.0, 23.0, 22.0, 11.0  # on one quiet core, rounded up


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment."""

    out: str = "runs/demonstrations"
    """Folder of the journal and the chart; the same folder again goes on where it stopped."""
    seeds: int = 5
    """Seeds of the main table, besides the one that the search uses."""
    writers: int = 10
    """Held-out writers, at most 20."""
    slips: float = 0.0
    """How likely a writer forgets a habit in a letter that is shown; each habit and letter by itself."""
    curve: tuple[int, ...] = (1, 3, 7, 10)
    """Numbers of demonstrations of the curve."""
    play_seeds: int = 2
    """Seeds, at most `seeds`, of self-play."""
    side_seeds: int = 5
    """Seeds, at most `seeds`, of the curve's other points, and of writers who never slip beside those who do."""
    side_writers: int = 4
    """Writers, at most `writers`, of the curve's other points and of those who never slip; without self-play."""
    workers: int = 2
    """Processes, one thread each."""
    quick: bool = False
    """One seed, four writers, no curve and no search: in about a minute; for looking, not for quoting."""
    dry_run: bool = False
    """Print how many students would be made and how long it would take, and stop."""

    def __post_init__(self) -> None:
        """Raises BadInput for numbers that make no experiment."""
        counts = ("seeds", "play_seeds", "side_seeds", "side_writers", "workers")
        if min(getattr(self, name) for name in counts) < 1:
            raise BadInput(f"papers run demonstrations: {', '.join(counts)} must be 1 or more")
        if not 0 <= self.slips < 1:
            raise BadInput(f"slips: a chance from 0 to below 1 was expected, found {self.slips}")
        if not 1 <= self.writers <= 20:
            raise BadInput(f"writers: 1 to 20 were expected, found {self.writers}")
        if any(not 1 <= shown <= 10 for shown in self.curve):
            raise BadInput(
                f"curve {self.curve}: 1 to 10 demonstrations were expected, as more do not fit before a request"
            )


def run(settings: Settings) -> Result:
    """Search, then measure; writes demonstrations.svg into `out`. Every finished cell is in the journal there."""
    from hansei.core.journal import Journal
    from hansei.truth import demonstrations_outcome as outcome
    from hansei.truth.demonstrations_town import MODEL

    if settings.quick:
        settings = replace(settings, seeds=1, writers=min(4, settings.writers), curve=())
    print(estimate(settings), flush=True)
    if settings.dry_run:
        return Result(name="demonstrations", kind="paper", settings=asdict(settings), rows=())
    began = time.monotonic()
    with (
        Journal.open(Path(settings.out)) as journal,
        Pool(settings.workers, journal, VERSION, model=MODEL) as pool,
    ):
        ways, searched = _search(settings, pool)
        cells = _finals(settings, pool, ways)
    slipping = [c for c in cells if c["cell"]["slips"] == settings.slips]
    steady = [c for c in cells if c["cell"]["slips"] != settings.slips]
    main = [c for c in slipping if c["cell"]["shown"] == SHOWN]
    rows, curve = outcome.main_rows(main), outcome.curve_rows(slipping, settings.curve)
    files = [outcome.chart(rows, curve, Path(settings.out) / "demonstrations.svg")] if curve else []
    counts = [row[how]["counts"] for c in cells for row in c["rows"] for how in ("drawn", "greedy")]
    return Result(
        name="demonstrations",
        kind="paper",
        settings=asdict(settings),
        rows=rows,
        parts={
            "greedy": outcome.main_rows(main, "greedy"),
            "curve": curve,
            "steady": outcome.main_rows(steady) if steady else [],
            "features": outcome.feature_rows(main),
            "writers": outcome.writer_rows(main),
        },
        notes=(
            f"{SHOWN} demonstrations; judge: town (exact), share of ten features of style, 0 off the topic; letters "
            "drawn at temperature 1, in the part `greedy` the likeliest",
            "ditto_over: DITTO's letter is closer to the style than the row's, ties half; two-way bootstrap over seeds "
            "and writers",
        ),
        more={"judge": "town (exact)", "search": searched, "ways": {name: asdict(way) for name, way in ways.items()}},
        hidden=frozenset({"shown"}),
        files=files,
        seeds=range(settings.seeds),
        errors=sum(n["error"] for n in counts),
        unscored=sum(n["unscored"] for n in counts),
        seconds=time.monotonic() - began,
    )


def estimate(settings: Settings) -> str:
    """How much work lies ahead, in a line."""
    points = 0 if settings.quick else len(grid()) * SEARCH_WRITERS
    main = settings.writers * settings.seeds
    seeds, writers = _side(settings)
    plays = settings.writers * min(settings.play_seeds, settings.seeds)
    fewer = seeds * writers * len(_side_points(settings))
    seconds = points * SECONDS_POINT + main * SECONDS_CELL + plays * SECONDS_PLAY + fewer * SECONDS_FEWER
    return (
        f"{points} students to choose settings; {main} times a writer and a seed with 3 students each, {plays} with "
        f"self-play, and {fewer} with 3 for the curve and for writers who never slip; about "
        f"{seconds / 60 / settings.workers:.0f} minutes with {settings.workers} processes"
    )


def grid() -> list[Way]:
    """The points of the search: as many for every row."""
    from hansei.truth.demonstrations_town import Way

    played: tuple[Taught, ...] = ("self-play", "DITTO")
    alone = [Way("SFT", rate, steps) for rate, steps in SFT_TRIED]
    return alone + [
        Way(name, START_RATE, START_STEPS, stop, rate, STEPS)
        for name in played
        for stop in STOP_LOSSES
        for rate in RATES
    ]


def choose(found: Sequence[Mapping[str, Any]]) -> tuple[dict[Taught, Way], list[dict[str, Any]]]:
    """The way of each row that meets most features of style on validation writers, and DITTO's start."""
    from hansei.truth.demonstrations_town import Way

    tried: dict[Way, list[float]] = {}
    for cell in found:
        for row in cell["rows"]:
            scores = [s for s in row["drawn"]["scores"].values() if s is not None]
            tried.setdefault(Way(**row["way"]), []).extend(scores)
    means = {way: sum(scores) / len(scores) for way, scores in tried.items()}
    best = {way.method: way for way in sorted(means, key=lambda way: means[way])}  # the best of each row comes last
    return best | _start(best["DITTO"]), [asdict(way) | {"style": round(mean, 4)} for way, mean in means.items()]


def _start(ditto: Way) -> dict[Taught, Way]:
    """The SFT that DITTO starts from, as a row of its own: what the paper compares with."""
    return {"SFT, stopped early": replace(ditto, method="SFT, stopped early", rate=0.0, steps=0)}


def _search(settings: Settings, pool: Pool) -> tuple[dict[Taught, Way], list[dict[str, Any]]]:
    """The best way of each row, and every point that was tried."""
    from hansei.town.letters import on_shelf
    from hansei.truth.demonstrations_town import Cell, run_cell

    if settings.quick:
        first = {way.method: way for way in reversed(grid())}
        return first | _start(first["DITTO"]), []
    writers = on_shelf("validation")[:SEARCH_WRITERS]
    cells = [
        Cell(w.name, SEARCH_SEED, SHOWN, "validation", (way,), settings.slips, untaught=False)
        for w in writers
        for way in grid()
    ]
    return choose(pool.run(run_cell, cells, "search"))


def _finals(settings: Settings, pool: Pool, ways: Mapping[Taught, Way]) -> list[dict[str, Any]]:
    """All cells on held-out topics: the main table's, the other points of the curve, and writers who never slip."""
    from hansei.town.letters import on_shelf
    from hansei.truth.demonstrations_town import Cell, run_cell

    names = [w.name for w in on_shelf("heldout")[: settings.writers]]
    seeds, few = _side(settings)
    every = tuple(ways.values())
    fewer = tuple(way for way in every if way.method != "self-play")
    cells = [
        Cell(name, seed, SHOWN, "heldout", every if seed < settings.play_seeds else fewer, settings.slips)
        for seed in range(settings.seeds)
        for name in names
    ]
    cells += [
        Cell(name, seed, shown, "heldout", fewer, slips)
        for shown, slips in _side_points(settings)
        for seed in range(seeds)
        for name in names[:few]
    ]
    return pool.run(run_cell, cells, "writers")


def _side(settings: Settings) -> tuple[int, int]:
    """Seeds and writers of what is measured beside the main rows."""
    return min(settings.side_seeds, settings.seeds), min(settings.side_writers, settings.writers)


def _side_points(settings: Settings) -> list[tuple[int, float]]:
    """(demonstrations, slips) of the curve's other points, and of writers who never slip."""
    if settings.quick:
        return []
    steady = [(SHOWN, 0.0)] if settings.slips else []
    return [(shown, settings.slips) for shown in settings.curve if shown != SHOWN] + steady
