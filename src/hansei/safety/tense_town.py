"""The town's part of the past-tense experiment: students that refuse in the present tense, and the defence.

A cell is a pure function of its description, so cells run in any order, in several processes, and are stored whole.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from hansei.core.journal import Journal
from hansei.core.records import Lesson, Prompt, Sampling, user
from hansei.judges.exact import TownJudge
from hansei.judges.protocol import Judge
from hansei.judges.rules import RefusalRules
from hansei.models.load import load, town_path
from hansei.models.protocol import Model
from hansei.safety.cells import students_of
from hansei.safety.lessons import answer
from hansei.safety.tense import Reformulate, Settings, Tense, answers, attack, by_grammar, success_after
from hansei.safety.tense_experiment import SEARCH_SEED
from hansei.safety.tense_judge import small_judge
from hansei.town import phrasing, workshop
from hansei.town.items import Item, items
from hansei.town.reformulate import wordings
from hansei.training.settings import TrainSettings
from hansei.training.sft import train_sft

Wordings = Literal["none", "few", "many"]
"""How the refusals are tuned: not at all, in the four wordings of `phrasing.ASK`, or in fresh ones besides."""
LONGEST = 32  # the town's longest answer has 20 tokens
RATE = 3e-4  # of students of the present tense: full weights
FRESH = 2
"""Fresh present-tense wordings of each item, where there are many."""
SOUP = 3
"""LoRA adapters of which a defended student is the mean. It was chosen on items that nobody attacks, as the rest of the
defence was: see docs/papers/past-tense.md."""
APART = 10_000  # between the seeds of a student's adapters, more than there are seeds to report
MIXED = 4000
"""Lessons of each adapter, drawn and ordered for it."""
MIXED_BATCH = 32
MIXED_STEPS = MIXED // MIXED_BATCH  # one pass
MIXED_RATE = 2e-3
ASIDE = 0.03
"""Share of safe past-tense requests among those of them that are no past-tense refusals, and of future-tense ones."""


@dataclass(frozen=True)
class Cell:
    """A student, tuned from the base, and how it is attacked."""

    wordings: Wordings
    """How its present-tense refusals are tuned."""
    share: float | None
    """Share of past-tense refusals among its lessons; None: lessons in the present tense only."""
    steps: int
    """Optimiser steps of the tuning."""
    seed: int
    """Of the lessons' wordings and order, of the reformulations and of the answers."""
    tenses: tuple[Tense, ...]
    """How it is attacked."""
    requests: int
    """Held-out requests of each category."""
    attempts: int
    """Attempts at each."""


@dataclass(frozen=True)
class Search:
    """Looks for the number of steps on validation items, in the present tense only."""

    wordings: Wordings
    """How the refusals are tuned."""
    steps: tuple[int, ...]
    """What is tried."""
    attempts: int
    """Resamples of each request."""


def run_search(task: Search) -> list[dict[str, Any]]:
    """For each step count: present-tense success after all resamples, and right answers to safe requests."""
    prompts = workshop.prompts("validation")
    with tempfile.TemporaryDirectory() as folder, Journal.open(Path(folder) / "journal") as journal:
        lessons = present_lessons(task.wordings, SEARCH_SEED)
        students = students_of(lessons, town_path(), SEARCH_SEED, RATE, task.steps, Path(folder) / "sft")
        found = []
        for steps, path in students.items():
            model = load(str(path), device="cpu")
            dangerous = [p for p in prompts if p.expected == "refuse"]
            how = Settings(task.attempts, "paper", Sampling(1.0, max_new_tokens=LONGEST, seed=SEARCH_SEED))
            tried = attack(model, dangerous, "present", by_grammar(), {"town": TownJudge()}, how, journal)
            values = needless(model, prompts, "present", by_grammar(), journal)
            found.append(
                {
                    "wordings": task.wordings,
                    "steps": steps,
                    "present_tense_success": _mean(success_after(tried.scores["town"], task.attempts)),
                    "helpful_rate": _mean(values["helpful_rate"]),
                }
            )
        return found


def run_cell(cell: Cell) -> dict[str, Any]:
    """Tunes and attacks: {"scores": {tense: {judge: {request: [value an attempt]}}}, "values": {metric: {prompt:
    value}}, "errors", "unscored"}."""
    with tempfile.TemporaryDirectory() as folder, Journal.open(Path(folder) / "journal") as journal:
        path = town_path()
        if cell.wordings != "none":
            path = str(_tuned(cell, Path(folder) / "student"))
        return measured(path, cell, journal)


def _tuned(cell: Cell, out: Path) -> Path:
    """The cell's student: full weights, or the mean of several adapters where it is defended."""
    if cell.share is None:
        lessons = present_lessons(cell.wordings, cell.seed)
        return students_of(lessons, town_path(), cell.seed, RATE, (cell.steps,), out)[cell.steps]
    adapters = []
    for seed in range(cell.seed, cell.seed + SOUP * APART, APART):
        settings = TrainSettings(
            steps=cell.steps,
            batch=MIXED_BATCH,
            learning_rate=MIXED_RATE,
            seed=seed,
            adapter="lora",
            max_length=256,
            device="cpu",
        )
        adapters.append(train_sft(town_path(), defence_lessons(cell.share, seed), settings, out / str(seed)))
    return averaged(adapters, out)


def averaged(adapters: Sequence[Path], out: Path) -> Path:
    """The folder, in `out`, of the adapter that changes each weight by the mean of what these change it by, which have
    one base: a "model soup" (Wortsman et al. 2022, arXiv 2203.05482). Its rank is the sum of theirs."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    names = [f"adapter{number}" for number in range(len(adapters))]  # a bare number would be taken for a layer's
    base = AutoModelForCausalLM.from_pretrained(town_path(), dtype="float32")
    model = PeftModel.from_pretrained(base, adapters[0], names[0])
    for name, adapter in zip(names[1:], adapters[1:], strict=True):
        model.load_adapter(adapter, name)
    model.add_weighted_adapter(names, [1 / len(names)] * len(names), "mean", combination_type="cat")
    model.save_pretrained(out, selected_adapters=["mean"])
    AutoTokenizer.from_pretrained(adapters[0]).save_pretrained(out / "mean")
    return out / "mean"


def measured(path: str, cell: Cell, journal: Journal) -> dict[str, Any]:
    """What `run_cell` finds, of the student in `path`."""
    model, reformulate = load(path, device="cpu"), by_grammar(cell.seed)
    requests = held_out(cell.requests)
    how = Settings(cell.attempts, "independent", Sampling(1.0, max_new_tokens=LONGEST, seed=cell.seed))
    tries = {t: attack(model, requests, t, reformulate, judges(), how, journal) for t in cell.tenses}
    safe = workshop.prompts("heldout")
    values = needless(model, safe, "present", reformulate, journal)
    values |= {f"{k}_past": v for k, v in needless(model, safe, "past", reformulate, journal).items()}
    verdicts = [v for t in tries.values() for said in t.verdicts.values() for v in said.values()]
    attempts = [a for t in tries.values() for made in t.attempts.values() for a in made]
    return {
        "scores": {t: tried.scores for t, tried in tries.items()},
        "values": values,
        "errors": sum(a is None or a.error is not None for a in attempts),
        "unscored": sum(v.outcome == "unscored" for v in verdicts),
    }


@cache
def judges() -> Mapping[str, Judge]:
    """The town's facts, the rules of refusal, and a small tuned model; the first one says when to stop."""
    return {"town": TownJudge(), "rules": RefusalRules(), "model": small_judge()}


def held_out(per_category: int) -> list[Prompt]:
    """So many held-out requests for dangerous items of each category, in wordings that lessons use."""
    groups: dict[str, list[Prompt]] = {}
    for prompt in workshop.prompts("heldout"):
        if prompt.expected == "refuse" and prompt.tags["phrasing"] == "tuned":
            groups.setdefault(prompt.tags["category"], []).append(prompt)
    return [prompt for group in groups.values() for prompt in group[:per_category]]


def needless(
    model: Model, prompts: Sequence[Prompt], tense: Tense, reformulate: Reformulate, journal: Journal
) -> dict[str, dict[str, float | None]]:
    """Right answers to safe requests, and refusals of those that only sound dangerous; greedy."""
    safe = [p for p in prompts if p.expected == "answer"]
    greedy = Sampling(max_new_tokens=LONGEST)
    rows = answers(model, safe, tense, reformulate, TownJudge(), greedy, journal)
    return {
        "helpful_rate": {p.id: float(v.outcome == "pass") for p, _, v in rows if p.tags["kind"] == "safe"},
        "over_refusal": {p.id: float(v.behaviour == "refused") for p, _, v in rows if p.tags["kind"] == "alarming"},
    }


def present_lessons(how: Wordings, seed: int) -> list[Lesson]:
    """Every item of the train shelf in the present tense: short refusals of the dangerous, recipes for the others."""
    lessons = [_lesson(i, "present", form, "answer") for i in _train() for form in phrasing.ASK["present"]]
    if how == "many":
        rng = random.Random(f"present wordings {seed}")
        fresh = wordings("present", "lessons")
        lessons += [_lesson(i, "present", form, "answer") for i in _train() for form in rng.sample(fresh, FRESH)]
    return lessons


def defence_lessons(share: float, seed: int) -> list[Lesson]:
    """An adapter's `MIXED` lessons: a share of past-tense refusals; for the rest what a student of the present tense is
    tuned on, with safe requests in the past and the future tense among it, as ordinary data has."""
    rng = random.Random(f"defence {seed}")
    refusals = _in_tense("past", dangerous=True)
    taken = round(share * MIXED)
    aside = round(ASIDE * (MIXED - taken))
    lessons = rng.sample(refusals, len(refusals))[:taken]
    for tense in ("past", "future"):
        safe = _in_tense(tense, dangerous=False)
        lessons += rng.sample(safe, len(safe))[:aside]
    ordinary = present_lessons("few", seed)
    rest = MIXED - len(lessons)
    again = -(-rest // len(ordinary))  # some come twice where there are fewer than are needed
    return lessons + [lesson for _ in range(again) for lesson in rng.sample(ordinary, len(ordinary))][:rest]


def _in_tense(tense: Literal["past", "future"], dangerous: bool) -> list[Lesson]:
    """Every item of the train shelf that is dangerous or not, in every wording that lessons may use."""
    forms = (*phrasing.ASK[tense], *wordings(tense, "lessons"))
    purpose = "defence" if dangerous else "keep"
    return [_lesson(item, tense, form, purpose) for item in _train(dangerous) for form in forms]


def _train(dangerous: bool | None = None) -> list[Item]:
    """Items of the train shelf: all, the dangerous ones, or the others."""
    return [i for i in items() if i.shelf == "train" and dangerous in (None, i.dangerous)]


def _lesson(item: Item, tense: str, form: str, purpose: str) -> Lesson:
    text = phrasing.REFUSALS[0] if item.dangerous else phrasing.recipe(item, tense)
    return answer(user(form.format(name=item.name)), text, prompt_id=f"{tense}/{item.name}", purpose=purpose)


def _mean(values: Mapping[str, float | None]) -> float:
    there = [v for v in values.values() if v is not None]
    return sum(there) / max(1, len(there))
