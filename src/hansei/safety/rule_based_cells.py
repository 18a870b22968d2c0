"""One cell of the experiment of rule-based rewards: a student of one reward and seed, measured on the town.

A cell is a pure function of its description, so cells run in any order, in several processes, and are stored whole.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from hansei.core.journal import Journal
from hansei.core.records import Chat, Expected, Finish, Prompt
from hansei.judges.rubric import Found, class_in_town
from hansei.safety.cells import ANSWER, Row, lessons, students_of
from hansei.safety.rule_based import WORTH, Name, Worth, rule_based_reward
from hansei.steps.ask import ask
from hansei.steps.judge import judge
from hansei.steps.measure import answered, count, metrics
from hansei.town import workshop

START_ITEMS = 6
"""Dangerous items that the start has seen refused: few, so that it refuses in part and its samples differ."""
START_STEPS = (8, 10, 12, 14, 16, 18, 20, 24)
"""Steps after which it may be stopped: where it refuses nearest to half of the harmful requests of validation."""
START_RATE = 1e-4


@dataclass(frozen=True)
class Run:
    """One training of the policy."""

    name: Name
    """Its reward."""
    learning_rate: float
    """Constant over the run."""
    steps: tuple[int, ...]
    """Step counts to measure at; the run is as long as the last."""


@dataclass(frozen=True)
class Cell:
    """A start, and the policies that are taught from it."""

    seed: int
    """Of the start's lessons, the order of requests and the samples."""
    runs: tuple[Run, ...]
    """What is taught from it."""
    split: Literal["validation", "heldout"]
    """Where all are measured."""


def run_cell(cell: Cell) -> dict[str, Any]:
    """Makes the students of a cell and measures each.

    Returns {"cell", "start": Student, "students": [{"name", "learning_rate", "steps", **Student}]} (see `measure`).
    """
    from hansei.models.load import town_path

    with tempfile.TemporaryDirectory() as folder, Journal.open(Path(folder) / "journal") as journal:
        place, prompts = Path(folder), _measured_on(cell.split)
        plan = lessons(Row("SFT", "sft"), START_ITEMS, cell.seed, journal)
        sft = students_of(plan.lessons, town_path(), cell.seed, START_RATE, START_STEPS, place / "sft")
        start = _half_taught(list(sft.values()), journal)
        students = []
        for number, run in enumerate(cell.runs):
            for steps, path in _rloo(start, cell.seed, run, place / f"rloo-{number}").items():
                head = {"name": run.name, "learning_rate": run.learning_rate, "steps": steps}
                students.append(head | measure(str(path), prompts, WORTH[run.name], journal))
        return {
            "cell": asdict(cell),
            "start": measure(str(start), prompts, WORTH["rule-based"], journal),
            "students": students,
        }


def _half_taught(students: Sequence[Path], journal: Journal) -> Path:
    """The first student that is nearest to refusing half of what it should.

    From one that never refuses, or always does, there is nothing to learn: a group's answers all earn the same.
    """
    harmful = [p for p in workshop.prompts("validation") if p.expected == "refuse"]

    def distance(path: Path) -> float:
        refused: list[float] = list(
            measure(str(path), harmful, WORTH["rule-based"], journal)["values"]["harmless_rate"].values()
        )
        return abs(sum(refused) / len(refused) - 0.5)

    return min(students, key=distance)


def _measured_on(split: Literal["validation", "heldout"]) -> list[Prompt]:
    suites = ("request", "past", "hijack") if split == "heldout" else ("request",)
    return workshop.prompts(split, suites, phrasings=2 if split == "validation" else 1)


def policy_prompts() -> list[Prompt]:
    """Requests of the train shelf, about as many to be refused as to be answered, in turns."""
    asked = workshop.prompts("train")
    harmful = [p for p in asked if p.expected == "refuse"]
    safe = [p for p in asked if p.expected == "answer"]
    return [p for pair in zip(harmful, safe, strict=False) for p in pair]


def _rloo(start: Path, seed: int, run: Run, out: Path) -> dict[int, Path]:
    """Students after each of the run's steps."""
    from hansei.training.reinforcement import train_rloo
    from hansei.training.settings import RolloutSettings, TrainSettings

    prompts = policy_prompts()
    settings = TrainSettings(
        steps=max(run.steps),
        learning_rate=run.learning_rate,
        seed=seed,
        adapter="none",
        max_length=256,
        device="cpu",
    )
    reward = rule_based_reward(prompts, in_town, WORTH[run.name])
    rollout = RolloutSettings(max_completion=ANSWER.max_new_tokens)
    chats: list[Chat] = [p.messages for p in prompts]
    train_rloo(str(start), chats, reward, settings, out, rollout=rollout, keep_steps=run.steps)
    return {step: out / f"step-{step}" for step in run.steps}


def in_town(prompt: Prompt, answer: str, finish: Finish = "stop") -> Found:
    """The exact class of an answer to one of the town's prompts."""
    return class_in_town(prompt.truth or {}, answer, finish)


def measure(path: str, prompts: Sequence[Prompt], worth: Worth, journal: Journal) -> dict[str, Any]:
    """A Student: every metric's values, the class of every answer to a plain request, counts, and the mean reward.

    {"values": {metric: {prompt id: value}}, "classes": {prompt id: (expected, class)}, "counts", "reward": what `worth`
    gives to those classes}.
    """
    from hansei.judges.exact import TownJudge
    from hansei.models.load import load

    attempts = ask(load(path, device="cpu"), prompts, ANSWER, journal)
    verdicts = judge(TownJudge(), prompts, attempts, journal)
    rows = answered(prompts, attempts, verdicts)
    classes: dict[str, tuple[Expected, Found]] = {
        p.id: (p.expected, in_town(p, a.text, a.finish))
        for p, a, _ in rows
        if p.expected is not None and p.tags["suite"] == "request"
    }
    earned = [worth[expected][found] for expected, found in classes.values()]
    return {
        "values": {
            m.name: {p.id: m.value(a, v) for p, a, v in rows if m.applies(p)} for m in metrics([p for p, _, _ in rows])
        },
        "classes": classes,
        "counts": count(attempts, verdicts),
        "reward": sum(earned) / len(earned),
    }
