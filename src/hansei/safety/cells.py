"""One cell of the mistake-analysis table: a row's student, of one size and seed, measured on the town.

A cell is a pure function of its description, so cells run in any order, in several processes, and are stored whole.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

from hansei.core.journal import Journal
from hansei.core.records import Lesson, Mistake, Prompt, Sampling, user
from hansei.judges.exact import TownJudge
from hansei.models.load import load
from hansei.models.oracle import Oracle
from hansei.models.protocol import Model
from hansei.safety import critique_revise, facts, hindsight, mistake_analysis, rlhf, sft
from hansei.safety.lessons import prefixed
from hansei.safety.wording import TOWN
from hansei.steps.ask import AnsweringMethod, ask, guided, plain
from hansei.steps.judge import judge
from hansei.steps.material import Case, Keep, Material, Plan
from hansei.steps.measure import Answered, answered, count, metrics
from hansei.steps.mistakes import from_data, pick
from hansei.town import phrasing, workshop
from hansei.town.items import Item, items
from hansei.training.settings import TrainSettings

ANSWER = Sampling(max_new_tokens=32)  # the town's longest answer has 20 tokens
ANALYSIS_TOKENS = 48
MODES = ("plain", "guided")
REWARD_STEPS, REWARD_RATE = 60, 5e-4


@dataclass(frozen=True)
class Row:
    """A line of the table: how a student is taught."""

    name: str
    """As printed."""
    method: Literal["sft", "critique-revise", "hindsight", "rlhf", "mistake-analysis", "facts"]
    """The method's file."""
    mistakes: Literal["data", "induced"] = "data"
    """Bad answers of the data, or the model's own when asked for bad ones."""
    analyst: Literal["self", "expert"] = "self"
    """Who explains: the base itself, or the town's expert."""


ROWS = (
    Row("SFT", "sft"),
    Row("Critique-Revise", "critique-revise"),
    Row("Chain of Hindsight", "hindsight"),
    Row("RLHF (RLOO)", "rlhf"),
    Row("Mistake analysis (data, self)", "mistake-analysis"),
    Row("Mistake analysis (data, expert)", "mistake-analysis", analyst="expert"),
    Row("Mistake analysis (induced, self)", "mistake-analysis", "induced"),
    Row("Mistake analysis (induced, expert)", "mistake-analysis", "induced", "expert"),
    Row("Facts (control)", "facts"),
)


@cache
def base() -> Model:
    """The town's base, loaded once a process."""
    return load("town", device="cpu")


def chosen_items(size: int, seed: int) -> list[Item]:
    """`size` dangerous items of the train shelf, spread over the categories."""
    rng = random.Random(f"lessons {size} {seed}")
    by_category: dict[str, list[Item]] = {}
    for item in items():
        if item.shelf == "train" and item.dangerous:
            by_category.setdefault(item.category, []).append(item)
    for group in by_category.values():
        rng.shuffle(group)
    groups = list(by_category.values())
    rng.shuffle(groups)
    turns = [group[i] for i in range(max(map(len, groups))) for group in groups if i < len(group)]
    return turns[:size]


def cases(row: Row, size: int, seed: int, journal: Journal) -> list[Case]:
    """Two cases an item, in two phrasings."""
    names = {item.name for item in chosen_items(size, seed)}
    prompts = [p for p in workshop.prompts("train", phrasings=2) if p.tags["entity"] in names]
    if row.mistakes == "data":
        mistakes = from_data(prompts)
    else:
        attempts = mistake_analysis.induce(base(), prompts, TOWN, journal, ANSWER.max_new_tokens)
        verdicts = judge(TownJudge(), prompts, attempts, journal)
        mistakes = pick(prompts, attempts, verdicts, source="induced")
    return [Case(p, m, str(p.reference)) for p, m in _together(prompts, mistakes)]


def _together(prompts: Sequence[Prompt], mistakes: Sequence[Mistake]) -> list[tuple[Prompt, Mistake]]:
    by_prompt = {m.prompt_id: m for m in mistakes}
    return [(p, by_prompt[p.id]) for p in prompts if p.id in by_prompt]


def keep(wordings: int = 1) -> list[Keep]:
    """Helpful answers about every safe and alarming item of the train shelf, in all three tenses."""
    safe = [i for i in items() if i.shelf == "train" and not i.dangerous]
    return [
        _kept(item, tense, number, wording)
        for wording in range(wordings)
        for tense in phrasing.ASK
        for number, item in enumerate(safe)
    ]


def _kept(item: Item, tense: str, number: int, wording: int) -> Keep:
    forms = phrasing.ASK[tense]
    question = forms[(number + wording) % len(forms)].format(name=item.name)
    good = phrasing.recipe(item, tense, number % 2)
    more = f"/{wording}" if wording else ""
    return Keep(f"keep/{tense}/{item.name}{more}", user(question), good, phrasing.refusal(item))


def lessons(row: Row, size: int, seed: int, journal: Journal) -> Plan:
    """The row's lessons: as many for every row of the same size.

    Every row has the good answers; what a row adds (analyses, facts, bad answers) takes the place of as many of the
    helpful answers that are mixed in. The pairs of RLHF's reward model come on top. A row that loses good answers
    (revisions that are unusable, mistakes that could not be induced) has as many fewer; `run_cell` counts them.
    """
    plan = _plan(row, size, seed, journal)
    teaching = [lesson for lesson in plan.lessons if lesson.purpose != "keep"]
    helpful = [lesson for lesson in plan.lessons if lesson.purpose == "keep"]
    random.Random(f"helpful {size} {seed}").shuffle(helpful)
    added = sum(lesson.completion is not None for lesson in teaching) - 2 * size
    return replace(plan, lessons=teaching + helpful[: len(helpful) - max(0, added)])


def _plan(row: Row, size: int, seed: int, journal: Journal) -> Plan:
    analyst = Oracle() if row.analyst == "expert" else base()
    material = Material(cases(row, size, seed, journal), keep(), base(), analyst, journal)
    if row.method == "sft":
        return sft.plan(material, sft.Settings())
    if row.method == "critique-revise":
        return critique_revise.plan(material, critique_revise.Settings(TOWN, ANALYSIS_TOKENS))
    if row.method == "hindsight":
        return hindsight.plan(material, hindsight.Settings(TOWN))
    if row.method == "rlhf":
        return rlhf.plan(material, rlhf.Settings())
    if row.method == "facts":
        return facts.plan(material, facts.Settings())
    return mistake_analysis.plan(material, mistake_analysis.Settings(TOWN, ANALYSIS_TOKENS))


@dataclass(frozen=True)
class Cell:
    """A student to be made and measured."""

    row: Row
    """How it is taught."""
    size: int
    """Dangerous training items."""
    seed: int
    """Of the items, the data order and the policy's samples."""
    learning_rate: float
    """Constant over the run, so that every checkpoint is a student in its own right."""
    steps: tuple[int, ...]
    """The step counts to measure at; the run is as long as the last."""
    split: Literal["validation", "heldout"]
    """Where it is measured."""
    start_steps: int = 0
    """RLHF only: steps of the SFT student that it starts from."""
    start_rate: float = 0.0
    """RLHF only: the SFT student's learning rate."""


Measured = dict[str, Any]
"""{"values": {metric: {prompt id: value}}, "texts": {prompt id: answer}, "counts": {outcome or behaviour: n}}."""


@dataclass(frozen=True)
class Final:
    """A student to be proved on held-out prompts, in the answering modes that chose its step counts."""

    cell: Cell
    """How it is made."""
    wanted: tuple[tuple[int, str], ...]
    """(step count, answering mode)."""


def run_cell(cell: Cell) -> dict[str, Any]:
    """Makes the students of a cell and measures each, plain and guided.

    Returns {"cell", "counts": lessons by purpose and what was dropped, "students": {step: {mode: Measured}}}.
    """
    return run_final(Final(cell, tuple((step, mode) for step in cell.steps for mode in MODES)))


def run_final(final: Final) -> dict[str, Any]:
    """As `run_cell`, but measures only what is wanted."""
    cell = final.cell
    with tempfile.TemporaryDirectory() as folder, Journal.open(Path(folder) / "journal") as journal:
        plan = lessons(cell.row, cell.size, cell.seed, journal)
        folders = _train(cell, plan, Path(folder))
        prompts = _prompts(cell.split)
        students = {
            str(step): {
                mode: measure_student(str(path), prompts, _answering(cell.row.method, mode), journal)
                for s, mode in final.wanted
                if s == step
            }
            for step, path in folders.items()
        }
    purposes: dict[str, int] = dict(plan.counts)
    for lesson in plan.lessons:
        purposes[lesson.purpose] = purposes.get(lesson.purpose, 0) + 1
    return {"cell": asdict(cell), "counts": purposes, "students": students}


def _prompts(split: Literal["validation", "heldout"]) -> list[Prompt]:
    if split == "heldout":
        return workshop.prompts(split, ("request", "past", "hijack"))
    return workshop.prompts(split, phrasings=2)


def _train(cell: Cell, plan: Plan, place: Path) -> dict[int, Path]:
    """The cell's students by step count."""
    from hansei.models.load import town_path

    if cell.row.method != "rlhf":
        return students_of(plan.lessons, town_path(), cell.seed, cell.learning_rate, cell.steps, place / "sft")
    good = [lesson for lesson in plan.lessons if lesson.completion is not None]
    pairs = [lesson for lesson in plan.lessons if lesson.chosen is not None]
    start = students_of(good, town_path(), cell.seed, cell.start_rate, (cell.start_steps,), place / "sft")
    return _rloo(str(start[cell.start_steps]), pairs, cell, place)


def _rloo(start: str, pairs: Sequence[Lesson], cell: Cell, place: Path) -> dict[int, Path]:
    """Students after each of the cell's steps of RLOO, from an SFT student, against a reward model of the base."""
    from hansei.models.load import town_path
    from hansei.training.reinforcement import train_reward, train_rloo
    from hansei.training.settings import RolloutSettings

    common = TrainSettings(seed=cell.seed, adapter="none", max_length=256, device="cpu")
    judged = replace(common, steps=REWARD_STEPS, learning_rate=REWARD_RATE)
    reward = train_reward(town_path(), pairs, judged, place / "reward")
    policy = replace(common, steps=max(cell.steps), learning_rate=cell.learning_rate)
    rollout = RolloutSettings(max_completion=ANSWER.max_new_tokens)
    prompts = list(dict.fromkeys(pair.prompt for pair in pairs))
    out = place / "rloo"
    train_rloo(start, prompts, reward, policy, out, rollout=rollout, keep_steps=cell.steps)
    return {step: out / f"step-{step}" for step in cell.steps}


def students_of(
    lessons: Sequence[Lesson], start: str, seed: int, rate: float, steps: tuple[int, ...], out: Path
) -> dict[int, Path]:
    """Students after each of `steps` steps of one SFT run at a constant learning rate, full weights."""
    from hansei.training.sft import train_sft

    settings = TrainSettings(
        steps=max(steps), learning_rate=rate, seed=seed, adapter="none", max_length=256, device="cpu"
    )
    train_sft(start, lessons, settings, out, keep_steps=steps)
    return {step: out / f"step-{step}" for step in steps}


def _answering(method: str, mode: str) -> AnsweringMethod:
    """Plain or guided answering; a student of hindsight is always asked for the good answer."""
    if method != "hindsight":
        return plain if mode == "plain" else guided(TOWN.reminder)
    good = guided(TOWN.good, name="good")
    both = AnsweringMethod("good-guided", "1", lambda p: prefixed(good.render(p), TOWN.reminder))
    return good if mode == "plain" else both


def measure_student(path: str, prompts: Sequence[Prompt], answering: AnsweringMethod, journal: Journal) -> Measured:
    """Answers of the model in `path` to the prompts, judged exactly."""
    model = base() if path == "town" else load(path, device="cpu")
    attempts = ask(model, prompts, ANSWER, journal, method=answering)
    verdicts = judge(TownJudge(), prompts, attempts, journal)
    return {
        "values": _values(answered(prompts, attempts, verdicts)),
        "texts": {a.prompt_id: a.text for a in attempts},
        "counts": count(attempts, verdicts),
    }


def _values(rows: Sequence[Answered]) -> dict[str, dict[str, float | None]]:
    return {
        metric.name: {p.id: metric.value(a, v) for p, a, v in rows if metric.applies(p)}
        for metric in metrics([p for p, _, _ in rows])
    }


def measure_base(model: str) -> dict[str, dict[str, Measured]]:
    """The untaught base on both splits."""
    splits: tuple[Literal["validation", "heldout"], ...] = ("validation", "heldout")
    with tempfile.TemporaryDirectory() as folder, Journal.open(Path(folder) / "journal") as journal:
        return {
            split: {mode: measure_student(model, _prompts(split), _answering("sft", mode), journal) for mode in MODES}
            for split in splits
        }
