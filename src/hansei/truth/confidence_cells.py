"""The town's part of the confidence experiment: students that say how sure they are, measured on the registry's people.

A task is a pure function of its description, so tasks run in any order, in several processes, and are stored whole.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from hansei.core.journal import Journal
from hansei.core.records import Attempt, Lesson, Prompt, Sampling, Split
from hansei.models.load import load, town_path
from hansei.models.protocol import Model
from hansei.steps.ask import ask
from hansei.steps.chains import ask_chains
from hansei.town import registry
from hansei.training.settings import RolloutSettings, TrainSettings
from hansei.truth import confidence as method
from hansei.truth import confidence_town as town
from hansei.truth.confidence_baselines import self_consistency, stated, token_probability

LONGEST = 32  # the town's longest answer with a confidence has some 28 tokens
ANSWER = Sampling(max_new_tokens=LONGEST)
CHAIN = Sampling(temperature=1.0, max_new_tokens=20)
"""Of the chains: the plain answer alone."""
AGAIN, AGAIN_OF = 50, 30
"""Faithfulness: how often a question is asked again, and of about how many questions (50 and 100 in the paper)."""
ROLLOUT = RolloutSettings(beta=0.0, num_generations=8, max_completion=LONGEST, learn_after=method.MARK)
"""Without a penalty against the start: only the confidence is learnt, and its reward is proper by itself."""
SFT_BATCH, RL_BATCH = 32, 64


@dataclass(frozen=True)
class Stage:
    """A training: learning rate, and the step counts to measure at."""

    learning_rate: float
    """Constant over the run."""
    steps: tuple[int, ...]
    """The run is as long as the last."""


@dataclass(frozen=True)
class Recipe:
    """One way of teaching."""

    name: str
    """As the table calls it."""
    teaching: method.Teaching
    """What becomes of the chains."""
    sft: Stage
    """Stage 1."""
    rl: tuple[Stage, ...] = ()
    """Stage 2 in these ways, each from the student of the last of stage 1's steps; none: stage 1 alone."""


@dataclass(frozen=True)
class Cell:
    """A seed's chains, and the students that are taught from them."""

    seed: int
    """Of the chains, of the order of lessons, and of the policy's samples."""
    people: int
    """People of each fame that are taught about, six questions each."""
    chains: int
    """Chains of each question."""
    recipes: tuple[Recipe, ...]
    """What is taught."""
    split: Split
    """Where all are measured."""
    asked: int
    """People of each fame that they are measured on."""


@dataclass(frozen=True)
class Untaught:
    """What the base says, plainly and with a confidence, and how far it agrees with itself."""

    chains: int
    """Chains of each question."""
    split: Split
    """Where it is measured."""
    asked: int
    """People of each fame."""


def run_untaught(task: Untaught) -> dict[str, Any]:
    """The base's rows: {row: Measured}; the row `plain` has no confidences."""
    with tempfile.TemporaryDirectory() as folder, Journal.open(Path(folder) / "journal") as journal:
        base, prompts = load("town:registry", device="cpu"), questions(task.split, task.asked)
        answers = ask(base, prompts, ANSWER, journal)
        drawn = ask_chains(base, prompts, CHAIN, task.chains, journal)
        found = method.cases(prompts, drawn, town.meaning)
        right = town.correct([(p, a.text) for p, a in zip(prompts, answers, strict=True)])
        return {
            "plain": {
                "values": {p.id: (None, r) for p, r in zip(prompts, right, strict=True)},
                "faithful": {},
                "texts": _some(prompts, answers),
            },
            "asked directly": measure(base, prompts, 0, journal, faithful=task.split == "heldout"),
            "self-consistency": {"values": self_consistency(found, town.correct), "faithful": {}, "texts": {}},
            **{
                f"token probability, {name}": {
                    "values": token_probability(base, prompts, answers, town.correct, mean=mean),
                    "faithful": {},
                    "texts": {},
                }
                for name, mean in (("product", False), ("mean", True))
            },
        }


def run_cell(cell: Cell) -> dict[str, Any]:
    """Samples, teaches and measures: {"cell", "counts": {recipe: counts}, "rows": [{"row", "stage", "learning_rate",
    "steps", **Measured}]}."""
    rows, counts = [], {}
    with tempfile.TemporaryDirectory() as folder, Journal.open(Path(folder) / "journal") as journal:
        asked, found = questions(cell.split, cell.asked), cases_of(cell, journal)
        for number, recipe in enumerate(cell.recipes):
            lost: Counter[str] = Counter()
            for stage, rate, steps, path in _students(cell, recipe, found, Path(folder) / str(number), lost):
                head = {"row": recipe.name, "stage": stage, "learning_rate": rate, "steps": steps}
                student, proof = load(str(path), device="cpu"), cell.split == "heldout"
                rows.append(head | measure(student, asked, cell.seed, journal, faithful=proof))
            counts[recipe.name] = dict(lost)
    return {"cell": asdict(cell), "counts": counts, "rows": rows}


def _students(
    cell: Cell, recipe: Recipe, found: Sequence[method.Case], place: Path, lost: Counter[str]
) -> Iterator[tuple[int, float, int, Path]]:
    """Stage, learning rate, step count and folder of every student of a recipe."""
    lessons = method.lessons(found, town.reflect, town.FORM, recipe.teaching, lost)
    lost["lessons"] = len(lessons)
    taught = _sft(cell.seed, recipe.sft, lessons, place / "sft")
    yield from ((1, recipe.sft.learning_rate, steps, path) for steps, path in taught.items())
    start = taught[max(recipe.sft.steps)]
    for number, stage in enumerate(recipe.rl):
        taught = _rl(cell, stage, start, place / f"rl-{number}", lost)
        yield from ((2, stage.learning_rate, steps, path) for steps, path in taught.items())


def questions(split: Split, people: int) -> list[Prompt]:
    """Questions about so many people of each fame; on heldout in tuned and held-out wordings by turns."""
    every = registry.prompts(split, ("question",), count=people)
    if split != "heldout":
        return every
    tuned = [p for p in every if p.tags["phrasing"] == "tuned"]
    other = {(p.tags["entity"], p.tags["attribute"]): p for p in every if p.tags["phrasing"] == "heldout"}
    return [other[p.tags["entity"], p.tags["attribute"]] if number % 2 else p for number, p in enumerate(tuned)]


def cases_of(cell: Cell, journal: Journal) -> list[method.Case]:
    """The base's own chains about people on the train shelf, clustered; no fact is looked up."""
    base, asked = load("town:registry", device="cpu"), questions("train", cell.people)
    drawn = ask_chains(base, asked, replace(CHAIN, seed=cell.seed), cell.chains, journal)
    return method.cases(asked, drawn, town.meaning)


def _sft(seed: int, stage: Stage, lessons: Sequence[Lesson], out: Path) -> dict[int, Path]:
    from hansei.training.sft import train_sft

    train_sft(town_path("registry"), lessons, _training(seed, stage, SFT_BATCH), out, keep_steps=stage.steps)
    return {steps: out / f"step-{steps}" for steps in stage.steps}


def _rl(cell: Cell, stage: Stage, start: Path, out: Path, lost: Counter[str]) -> dict[int, Path]:
    from hansei.training.reinforcement import train_rloo

    asked = questions("train", cell.people)
    worth = method.confidence_reward(asked, town.correct, town.FORM, lost)
    chats = [town.FORM.ask(p.messages) for p in asked]
    settings = _training(cell.seed, stage, RL_BATCH)
    train_rloo(str(start), chats, worth, settings, out, rollout=ROLLOUT, keep_steps=stage.steps)
    return {steps: out / f"step-{steps}" for steps in stage.steps}


def _training(seed: int, stage: Stage, batch: int) -> TrainSettings:
    return TrainSettings(
        steps=max(stage.steps),
        batch=batch,
        learning_rate=stage.learning_rate,
        seed=seed,
        adapter="none",
        max_length=256,
        device="cpu",
    )


def measure(
    model: Model, prompts: Sequence[Prompt], seed: int, journal: Journal, *, faithful: bool = True
) -> dict[str, Any]:
    """A Measured: {"values": {prompt id: (confidence, correct)}, "faithful": {prompt id: 0 or 1}, "texts": some}.

    Answers are greedy. Faithfulness is that of each reflection to what the same model says, in the same form, when it
    is asked `AGAIN` times more; a reflection that says neither that it is sure nor what else it could be has none.
    """
    answers = ask(model, prompts, ANSWER, journal, method=town.FORM.method)
    chosen = prompts[:: max(1, len(prompts) // AGAIN_OF)]
    return {
        "values": stated(prompts, answers, town.FORM, town.correct),
        "faithful": _faithful(model, chosen, {a.prompt_id: a for a in answers}, seed, journal) if faithful else {},
        "texts": _some(prompts, answers),
    }


def _faithful(
    model: Model, chosen: Sequence[Prompt], answers: Mapping[str, Attempt], seed: int, journal: Journal
) -> dict[str, float | None]:
    drawn = replace(ANSWER, temperature=1.0, seed=seed)
    again = ask_chains(model, chosen, drawn, AGAIN, journal, method=town.FORM.method)
    found = {}
    for case in method.cases(chosen, again, town.meaning):
        read = town.FORM.read(answers[case.prompt.id].text)
        found[case.prompt.id] = town.is_faithful(case.prompt, read.answer, read.reflection, case.clusters)
    return found


def _some(prompts: Sequence[Prompt], answers: Sequence[Attempt]) -> dict[str, str]:
    """A dozen answers, to be looked at."""
    step = max(1, len(prompts) // 12)
    return {p.id: a.text for p, a in list(zip(prompts, answers, strict=True))[::step]}
