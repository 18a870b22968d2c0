"""One cell of the factuality experiment: a seed's samples, scores and students, measured on the town's people.

A cell is a pure function of its description, so cells run in any order, in several processes, and are stored whole.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any, Literal

from hansei.core.journal import Journal
from hansei.core.records import Prompt, Sampling, Split, user
from hansei.models.load import load, town_path
from hansei.models.protocol import Model
from hansei.town import registry
from hansei.town.registry_phrasing import LIFE_HELDOUT
from hansei.training.settings import PreferenceSettings, TrainSettings
from hansei.truth import factuality as method
from hansei.truth import factuality_town as town
from hansei.truth.factuality import Case, Scored, Worth
from hansei.truth.factuality_confidence import Confidence

Reward = Literal["reference", "max"]
REWARDS: Mapping[Reward, str] = {
    "reference": "with reference",
    "max": "without: max p",
}
"""The rewards, as the table calls them."""
LONGEST = 96  # the town's longest life of six facts has some 70 tokens
MET = 25
"""Least meetings of the people who are tuned on and measured on: those of whom the base knows all, most or some. Of
others it knows next to nothing, and no ranking of its lives finds what is not there; they are measured apart."""
TAUGHT, CHOSEN_ON, MEASURED = 18, 6, 12
"""People of each rank: taught, chosen on (all of `validation`, besides the rest of `train`), and measured on.

The shelves `train` and `heldout`, which the base met alike, have changed places: students of earlier settings were
measured on everybody of `heldout`, so all of them are taught now, and the proof is about people of `train`."""
APART = 20
"""People who were met less often, and as many again who were met 5 times or less: measured apart."""
CHOOSING = 2
"""Lives that are drawn for each person that is chosen on, who has one wording. A seed's training differs from
another's by more than more lives could tell."""
LOW = 0.3
"""Low temperature, for sampling without tuning."""
SFT_STEPS, SFT_RATE = 40, 2e-5
BATCH, WARMUP = 8, 10


@dataclass(frozen=True)
class Run:
    """One DPO training."""

    reward: Reward
    """What ranks the samples."""
    learning_rate: float
    """After the warm-up a line down to 0 over the run: at a constant rate the last steps' noise stays in the names."""
    beta: float
    """How strongly the student is held to the SFT student."""
    steps: int
    """Length of the run."""
    gamma: float = 0.0
    """Of the length penalty; 0 is none."""


@dataclass(frozen=True)
class Cell:
    """A seed's samples, and the students that are taught from them."""

    seed: int
    """Of the samples, of the order of lessons, and of the answers that are measured."""
    runs: tuple[Run, ...]
    """What is taught."""
    split: Literal["validation", "heldout"]
    """Where all are measured; on heldout the untuned ways of answering are too."""


def run_cell(cell: Cell) -> dict[str, Any]:
    """Samples, scores, teaches and measures: {"cell", "counts": {reward: counts}, "rows": [measured]}."""
    with tempfile.TemporaryDirectory() as folder, Journal.open(Path(folder) / "journal") as journal:
        base, place = load("town:registry", device="cpu"), Path(folder)
        cases = method.sample(base, taught(), _drawn(cell.seed), journal)
        scored = scores(base, cases, [run.reward for run in cell.runs], cell.seed, journal)
        asked = proved() if cell.split == "heldout" else chosen_on()
        rows = [{"row": "base", **measure(base, asked, cell, journal)}]
        if cell.split == "heldout":
            rows += _untuned(base, asked, cell, journal)
        counts: dict[str, dict[str, Any]] = {}
        for number, run in enumerate(cell.runs):
            ranked = method.with_gamma(scored[run.reward], run.gamma)
            counts[run.reward] = method.counts(ranked) | _about_pairs(ranked)
            sft, dpo = _teach(run, ranked, cell.seed, place / "sft", place / f"dpo-{number}")
            if number == 0:
                rows.append({"row": "SFT", **measure(str(sft), asked, cell, journal)})
            head = {"row": REWARDS[run.reward], **asdict(run)}
            rows.append(head | measure(str(dpo), asked, cell, journal))
        return {"cell": asdict(cell), "counts": counts, "rows": rows, "samples": _about_samples(scored["reference"])}


def _about_pairs(scored: Sequence[Scored]) -> dict[str, float]:
    """How many pairs there are, and how many claims the better and the worse answers make."""
    ranked = method.pairs(scored)
    claims = {one.attempt.text: len(one.worth) for one in scored}
    return {
        "pairs": len(ranked),
        "claims_chosen": fmean(claims[str(pair.chosen)] for pair in ranked),
        "claims_rejected": fmean(claims[str(pair.rejected)] for pair in ranked),
    }


def _about_samples(scored: Sequence[Scored]) -> list[tuple[str, int, float]]:
    """Of each sample with claims: the person, how many claims, and the share that is right."""
    return [(one.prompt.tags["entity"], len(one.worth), one.reward) for one in scored if one.reward is not None]


def taught() -> list[Prompt]:
    """Requests for the lives that lessons are made of."""
    return [p for p in lives("heldout", TAUGHT) if p.tags["phrasing"] == "tuned"]


def chosen_on() -> list[Prompt]:
    """Requests for the lives that settings are chosen on: of 11 people of each rank, none of whom is taught."""
    return lives("validation", CHOSEN_ON) + lives("train", len(registry.people()), skip=MEASURED)


def proved() -> list[Prompt]:
    """Requests for the lives of people that all is measured on, in the lessons' wordings and in a held-out one."""
    known = lives("train", MEASURED)
    return known + [_reworded(p) for p in known] + strangers()


def _reworded(prompt: Prompt) -> Prompt:
    """The same person asked about in a wording that no lesson uses."""
    text = LIFE_HELDOUT[0].format(name=prompt.tags["entity"])
    tags = {**prompt.tags, "phrasing": "heldout"}
    return replace(prompt, id=prompt.id.replace("/tuned", "/heldout"), messages=user(text), tags=tags)


def is_known(prompt: Prompt) -> bool:
    """Whether it is about somebody of whom the base knows something: the main table's people."""
    return int(prompt.tags["seen"]) >= MET


def lives(split: Split, per_rank: int, skip: int = 0) -> list[Prompt]:
    """Requests for the lives of so many people, after `skip`, of each rank that was met at least `MET` times."""
    by_rank: dict[str, list[Prompt]] = {}
    for prompt in registry.prompts(split, ("biography",), count=len(registry.people())):
        if is_known(prompt):
            by_rank.setdefault(prompt.tags["seen"], []).append(prompt)
    chosen = [dict.fromkeys(p.tags["entity"] for p in group) for group in by_rank.values()]
    named = {name for group in chosen for name in list(group)[skip : skip + per_rank]}
    return [p for group in by_rank.values() for p in group if p.tags["entity"] in named]


def strangers() -> list[Prompt]:
    """Requests for the lives of people who were met less often, half of them 5 times or less; none is taught."""
    every = [p for p in registry.prompts("train", ("biography",), count=10 * APART) if not is_known(p)]
    by_fame = [[p for p in every if p.tags["fame"] == fame] for fame in ("middling", "rare")]
    return [p for group in by_fame for p in group[:: len(group) // APART][:APART]]


def scores(
    base: Model, cases: Sequence[Case], rewards: Sequence[Reward], seed: int, journal: Journal
) -> dict[Reward, list[Scored]]:
    """The same answers, scored in each way."""
    asking = replace(town.ASKING, sampling=replace(town.ASKED, seed=seed))
    confidence = Confidence(base, town.questions, journal, asking)
    told = method.score(cases, town.split, town.supported)

    def worth(name: Reward) -> Worth:
        return town.supported if name == "reference" else confidence.by(name)

    return {name: method.with_worth(told, worth(name)) for name in dict.fromkeys(rewards)}


def _teach(run: Run, scored: Sequence[Scored], seed: int, sft: Path, dpo: Path) -> tuple[Path, Path]:
    common: dict[str, Any] = {"batch": BATCH, "seed": seed, "adapter": "none", "max_length": 256, "device": "cpu"}
    teaching = method.Teaching(
        sft=TrainSettings(steps=SFT_STEPS, learning_rate=SFT_RATE, **common),
        dpo=TrainSettings(steps=run.steps, learning_rate=run.learning_rate, schedule="linear", warmup=WARMUP, **common),
        preference=PreferenceSettings(beta=run.beta, precompute_reference=False),  # fewer pairs are seen than there are
    )
    return method.teach(town_path("registry"), scored, teaching, sft, dpo)


def _untuned(base: Model, asked: Sequence[Prompt], cell: Cell, journal: Journal) -> list[dict[str, Any]]:
    """The base at a low temperature, and the best of ten of its samples by two of the rewards.

    The ten are drawn of every other of the people whom the base knows in part, asked in the wording of the lessons.
    """
    rows = [{"row": f"base at temperature {LOW}", **measure(base, asked, cell, journal, LOW)}]
    half = [p for p in asked if is_known(p) and p.tags["phrasing"] == "tuned"][::2]
    ten = method.sample(base, half, _drawn(cell.seed), journal)
    for name, scored in scores(base, ten, ("reference", "max"), cell.seed, journal).items():
        best = [(one.prompt, one.attempt) for one in method.best_of(scored)]
        rows.append({"row": f"best of ten, {REWARDS[name]}", **_measured(best, len(half))})
    return rows


def _drawn(seed: int, temperature: float = 1.0) -> Sampling:
    return Sampling(temperature=temperature, max_new_tokens=LONGEST, seed=seed)


def measure(
    model: Model | str, asked: Sequence[Prompt], cell: Cell, journal: Journal, temperature: float = 1.0
) -> dict[str, Any]:
    """Lives by a model or the one in a folder: one a prompt, or `CHOOSING` where settings are chosen.

    {"correct": {prompt id: claims a life}, "wrong": {…}, "seldom": {…}, "texts": {…}, "errors"}; `seldom` are claims of
    the kinds of which the base was told seldom.
    """
    loaded = load(model, device="cpu") if isinstance(model, str) else model
    samples = CHOOSING if cell.split == "validation" else 1
    cases = method.sample(loaded, asked, _drawn(cell.seed, temperature), journal, samples=samples)
    return _measured(cases, samples * len(asked))


def _measured(cases: Sequence[Case], asked: int) -> dict[str, Any]:
    correct: dict[str, list[float]] = {}
    wrong: dict[str, list[float]] = {}
    seldom: dict[str, list[float]] = {}
    for prompt, claims in zip((prompt for prompt, _ in cases), town.split(cases), strict=True):
        right = [value for value in town.supported([(prompt, claim) for claim in claims or ()]) if value]
        correct.setdefault(prompt.id, []).append(len(right))
        wrong.setdefault(prompt.id, []).append(len(claims or ()) - len(right))
        seldom.setdefault(prompt.id, []).append(sum(town.is_seldom_told(claim) for claim in claims or ()))
    return {
        "correct": {id: fmean(values) for id, values in correct.items()},
        "wrong": {id: fmean(values) for id, values in wrong.items()},
        "seldom": {id: fmean(values) for id, values in seldom.items()},
        "texts": {prompt.id: attempt.text for prompt, attempt in cases if prompt.tags["phrasing"] == "tuned"},
        "errors": asked - len(cases),
    }
