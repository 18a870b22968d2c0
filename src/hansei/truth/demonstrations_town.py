"""One cell of the demonstrations experiment: a writer of the town, some of their letters, and every way to learn.

A cell is a pure function of its description, so cells run in any order, in several processes, and are stored whole.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from hansei.core.journal import Journal
from hansei.core.records import Attempt, Prompt, Sampling
from hansei.models.protocol import Model
from hansei.steps.ask import AnsweringMethod, ask, plain
from hansei.steps.judge import judge
from hansei.steps.measure import count
from hansei.town import letters, letters_grading
from hansei.town.letters_words import STYLE
from hansei.truth import demonstrations as method

MODEL = "town:letters"
Taught = Literal["SFT, stopped early", "SFT", "self-play", "DITTO"]
"""The first is what DITTO starts from; `SFT` is as long as is best for it alone."""
UNTAUGHT = ("base", "few-shot prompting")
LONGEST = 64
"""Tokens of a letter at most; the town's have half as many."""
ASKED = {"drawn": 1.0, "greedy": 0.0}
"""How letters are asked for, and at which temperature."""
BATCH = 8
"""Pairs of a step: a third of the paper's."""
RANK = 8
"""Of the adapters; the paper's 32 are for layers twenty times as wide."""


@dataclass(frozen=True)
class Way:
    """How a student is taught."""

    method: Taught
    """Its row."""
    sft_rate: float
    """Learning rate of SFT."""
    sft_steps: int
    """Steps of SFT at most."""
    stop_loss: float = 0.0
    """SFT stops after the first step with a lower loss; 0: never."""
    rate: float = 0.0
    """Learning rate of DPO."""
    steps: int = 0
    """Steps of DPO; 0: SFT alone."""


@dataclass(frozen=True)
class Cell:
    """A writer, some of their letters, and the students that learn from these."""

    writer: str
    """The writer's name."""
    seed: int
    """Of the choice of letters, of all trainings and of all draws."""
    shown: int
    """Letters that are shown: the demonstrations."""
    split: Literal["validation", "heldout"]
    """On which topics all are measured."""
    ways: tuple[Way, ...]
    """Students."""
    slips: float = 0.0
    """How likely the writer forgets a habit in a letter that is shown; each habit and letter by itself."""
    prompts: int = 12
    """Requests that all are measured on."""
    untaught: bool = True
    """Whether base and few-shot prompting are measured too."""


def run_cell(cell: Cell) -> dict[str, Any]:
    """Makes the students of a cell and measures each.

    Returns {"cell", "rows": [{"row", "way", "drawn": Measured, "greedy": Measured}]} with Measured as `measure` has it.
    """
    from hansei.models.load import load, town_path

    writer = next(w for w in letters.writers() if w.name == cell.writer)
    shown = slipping(writer, letters.prompts(writer, "train", cell.shown, cell.seed), cell.slips, cell.seed)
    asked = letters.prompts(writer, cell.split, cell.prompts)  # the same for all seeds, so that these are paired
    with tempfile.TemporaryDirectory() as folder, Journal.open(Path(folder) / "journal") as journal:
        rows = []
        if cell.untaught:
            base = load(MODEL, device="cpu")
            few = method.few_shot(shown)
            for name, how in zip(UNTAUGHT, (plain, few), strict=True):
                rows.append({"row": name, "way": None} | measure(base, asked, how, cell.seed, journal))
        for number, way in enumerate(cell.ways):
            student = teach(town_path("letters"), way, shown, cell.seed, Path(folder), number)
            model = load(str(student), device="cpu")
            rows.append({"row": way.method, "way": asdict(way)} | measure(model, asked, plain, cell.seed, journal))
        return {"cell": asdict(cell), "rows": rows}


def slipping(writer: letters.Writer, shown: Sequence[Prompt], slips: float, seed: int) -> list[Prompt]:
    """The letters as written by somebody who now and then, with a chance of `slips`, writes as everybody does."""
    rng = random.Random(f"demonstrations slips {writer.name} {seed}")
    made = []
    for prompt in shown:
        style = {f: letters.GENERIC[f] if rng.random() < slips else own for f, own in writer.style.items()}
        topic = letters.Topic(**(prompt.truth or {})["topic"])
        made.append(replace(prompt, reference=letters.letter(style, topic)))
    return made


def teach(model: str, way: Way, shown: Sequence[Prompt], seed: int, folder: Path, number: int = 0) -> Path:
    """The student of a way; ways with the same SFT share it."""
    sft = replace(
        method.SFT,
        learning_rate=way.sft_rate,
        steps=way.sft_steps,
        batch=min(method.SFT.batch, len(shown)),
        schedule="constant",
        warmup=0,
        max_length=256,
        lora_rank=RANK,
        lora_alpha=2 * RANK,
        seed=seed,
        device="cpu",
    )
    name = f"sft-{way.sft_rate:g}-{way.sft_steps}-{way.stop_loss:g}"
    start = method.imitate(model, shown, folder / name, sft, way.stop_loss)
    if not way.steps:
        return start
    dpo = replace(sft, learning_rate=way.rate, steps=way.steps, batch=BATCH)
    own = method.DITTO if way.method == "DITTO" else method.SPIN
    play = replace(own, sampling=replace(own.sampling, max_new_tokens=LONGEST))
    return method.ditto(start, shown, folder / f"student-{number}", dpo, play)


def measure(model: Model, asked: Sequence[Prompt], how: AnsweringMethod, seed: int, journal: Journal) -> dict[str, Any]:
    """For each way of asking {"scores", "on_topic", "features", "counts"}; None where no answer came.

    scores: {prompt id: share of features, 0 off the topic}. on_topic: {prompt id: 1 or 0}. features: {feature: {prompt
    id: 1 or 0}}, on the topic or not; None where the writer's is the generic one, which the base has anyway.
    """
    from hansei.judges.exact import TownJudge

    found = {}
    for name, temperature in ASKED.items():
        sampling = Sampling(temperature, max_new_tokens=LONGEST, seed=seed)
        attempts = ask(model, asked, sampling, journal, method=how)
        verdicts = judge(TownJudge(), asked, attempts, journal)
        found[name] = {
            "scores": {p.id: v.score for p, v in zip(asked, verdicts, strict=True)},
            "on_topic": {p.id: _on_topic(p, a) for p, a in zip(asked, attempts, strict=True)},
            "features": {
                feature: {p.id: _feature(p, a, feature) for p, a in zip(asked, attempts, strict=True)}
                for feature in STYLE
            },
            "counts": count(attempts, verdicts),
        }
    return found


def _on_topic(prompt: Prompt, attempt: Attempt) -> float | None:
    if attempt.error is not None or prompt.truth is None:
        return None
    return float(letters_grading.is_on_topic(prompt.truth["topic"], attempt.text))


def _feature(prompt: Prompt, attempt: Attempt, name: str) -> float | None:
    wanted = (prompt.truth or {})["style"][name]
    if attempt.error is not None or wanted == letters.GENERIC[name]:
        return None
    found = letters_grading.features(attempt.text)
    return float(found is not None and found[name].lower() == wanted.lower())
