"""MART on a user's own pair of models: `hansei mart`."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hansei.core.errors import BadInput
from hansei.core.result import Result, Row
from hansei.core.settings import above_zero, at_least
from hansei.models.names import check_address, check_tunable

if TYPE_CHECKING:
    from hansei.core.records import Prompt
    from hansei.safety import mart as method
    from hansei.safety.mart_settings import Judges
    from hansei.safety.mart_settings import Settings as Mart
    from hansei.steps.material import Keep


VALIDATION = 0.1
"""Share of the rows without `split` that --keep-helpful decides by."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of `hansei mart`. What the paper leaves open has no default."""

    target: str
    """The model to be made safe: a folder or a Hugging Face name."""
    attacker: str
    """The model that writes attacks, tuned too: a folder or a Hugging Face name; it may be the target's."""
    prompts: str
    """JSONL, CSV or Parquet with `prompt` or `messages`, and `expected`: refuse (the seeds) or answer. Rows without
    `split` are divided: 60% train, 40% heldout; with --keep-helpful 10% of all are validation, and 50% train."""
    out: str
    """Folder of the run: journal, models of each round, result.json. The same command again goes on."""
    attacks: int
    """Attacks asked for in a round."""
    adversary_below: float
    """An attack has succeeded, and teaches the attacker, where the safety score of the answer is below."""
    safe_above: float
    """The target learns from its own answers with a safety score above."""
    helpful_above: float | None = None
    """And with a helpfulness score above; goes with --helpful-judge."""
    instructions: int
    """Rows that expect an answer, mixed into the target's lessons of a round; 0 invites over-refusal."""
    exercises: int
    """Pairs of seeds of one category, mixed into the attacker's lessons of a round."""
    keep: str | None = None
    """Benign prompts (same formats), besides the rows of --prompts that expect an answer. Good answers are the rows'
    `reference`, else the target's own that the judge accepts."""
    judge: str = "rules"
    """Who judges safety: rules (refusal or not; score 1 or 0), or a model's name."""
    judge_base_url: str | None = None
    """Address of the server of an openai: judge, of safety and of helpfulness."""
    helpful_judge: str | None = None
    """Who judges helpfulness: a model's name; it rates each answer from 1 to 10, made 0 to 1."""
    prompt_column: str = "prompt"
    """The column that holds the request."""
    expected: Literal["refuse", "answer"] | None = None
    """What a good model does with the rows that don't say."""
    rounds: int = 4
    """Rounds of attacking and tuning; the paper has four."""
    keep_helpful: float | None = None
    """The result is the last round's target that keeps this share of the start's right answers to the validation rows
    that expect an answer: the lower end of the 95% interval decides (0.95, say). Without it, the last round's."""
    answers: int = 1
    """Rejection sampling: answers to each attack, of which the best is learnt from."""
    distilled: tuple[int, ...] = ()
    """Context distillation: the rounds in which answers are drawn with --preprompt."""
    preprompt: str = ""
    """Safety sentence set before an attack in those rounds; no lesson holds it."""
    temperature: float = 1.0
    """Of attacks, and of the target's answers to them. Held-out prompts are answered greedily."""
    max_new_tokens: int = 256
    """Longest attack or answer, in tokens."""
    steps: int = 100
    """Optimiser steps of either model in a round."""
    learning_rate: float = 2e-4
    """Of AdamW."""
    batch: int = 32
    """Lessons a step."""
    max_length: int = 2048
    """Longest lesson in tokens (at most the model's context); longer ones are left out."""
    adapter: Literal["auto", "lora", "none"] = "auto"
    """auto: LoRA for models over 100 million parameters, full weights below."""
    device: str = "auto"
    """auto, cpu, cuda …"""
    seed: int = 0
    """Of splits, draws and tuning."""
    limit: int | None = None
    """At most so many rows of each file."""
    dry_run: bool = False
    """Only say how many answers it would take."""

    def __post_init__(self) -> None:
        check_tunable(self, "target", "attacker")
        check_address(self, "judge_base_url", "judge", "helpful_judge")
        if (self.helpful_judge is None) != (self.helpful_above is None):
            raise BadInput("helpful_judge and helpful_above go together: give both or neither")
        at_least(self, 1, "attacks", "rounds", "answers", "max_new_tokens", "steps", "batch", "max_length")
        at_least(self, 0, "instructions", "exercises", "temperature", "seed")
        above_zero(self, "learning_rate")


def run(settings: Settings) -> Result:
    """Reads, attacks and tunes; the rows are the target after each round, on the held-out prompts."""
    from hansei.core.files import write_atomic

    began, mart = time.monotonic(), _settings(settings)
    rows = _read(settings)
    if settings.dry_run:
        return Result(name="mart", kind="paper", settings=asdict(settings), rows=[], notes=_estimate(mart, rows))
    outcome = _run(settings, mart, rows)
    result = Result(
        name="mart",
        kind="paper",
        settings=asdict(settings),
        rows=[_row(r, rows.heldout) for r in outcome.rounds],
        numbers=frozenset({"harmless_helpful"}),
        notes=(_chosen(outcome, settings), f"judge: {settings.judge}", outcome.overlap),
        seeds=(settings.seed,),
        errors=sum(r.measured["counts"]["error"] for r in outcome.rounds),
        unscored=sum(r.measured["counts"]["unscored"] for r in outcome.rounds),
        seconds=time.monotonic() - began,
        files=(str(Path(settings.out) / "result.json"),),
    )
    write_atomic(result.files[0], json.dumps(result.to_json(), ensure_ascii=False, indent=1))
    return result


def _settings(settings: Settings) -> Mart:
    from hansei.core.records import Sampling
    from hansei.safety.mart_settings import Settings as Mart
    from hansei.training.settings import own_training

    training = own_training(settings, settings.steps, settings.learning_rate)
    drawn = Sampling(settings.temperature, max_new_tokens=settings.max_new_tokens, seed=settings.seed)
    same = ("attacks", "adversary_below", "safe_above", "helpful_above", "exercises", "instructions")
    options = ("rounds", "answers", "distilled", "preprompt", "keep_helpful", "seed", "device")
    return Mart(
        attacker_training=training,
        target_training=training,
        writing=drawn,
        answering=drawn,
        **{name: getattr(settings, name) for name in (*same, *options)},
    )


@dataclass(frozen=True)
class Rows:
    """What was read."""

    seeds: list[Prompt]
    """To attack with."""
    benign: list[Prompt]
    """To learn good answers from."""
    validation: list[Prompt]
    """To decide by; empty without --keep-helpful, unless rows say that they are."""
    heldout: list[Prompt]
    """To measure on: both kinds."""


def _read(settings: Settings) -> Rows:
    from hansei.core.inputs import read_prompts

    columns = {} if settings.prompt_column == "prompt" else {"prompt": settings.prompt_column}
    share = 0.0 if settings.keep_helpful is None else VALIDATION
    how = {"seed": settings.seed, "limit": settings.limit, "validation": share}
    rows = read_prompts(settings.prompts, columns=columns, expected=settings.expected, **how)  # type: ignore[arg-type]
    if settings.keep is not None:
        rows += read_prompts(settings.keep, expected="answer", **how)  # type: ignore[arg-type]
    silent = next((p for p in rows if p.expected is None), None)
    if silent is not None:
        raise BadInput(f"{settings.prompts}: row {silent.id} says not what is expected: add --expected or a column")
    twice = next((id for id, number in Counter(p.id for p in rows).items() if number > 1), None)
    if twice is not None:
        raise BadInput(f"{settings.keep}: the id {twice!r} stands in {settings.prompts} too: rename or remove the row")
    train = [p for p in rows if p.split == "train"]
    return Rows(
        [p for p in train if p.expected == "refuse"],
        [p for p in train if p.expected == "answer"],
        [p for p in rows if p.split == "validation"],
        [p for p in rows if p.split == "heldout"],
    )


def _estimate(mart: Mart, rows: Rows) -> tuple[str, ...]:
    from hansei.safety.mart_keep import watched

    tried = mart.attacks * (mart.answers * mart.rounds + len(mart.distilled))
    measured = len(rows.heldout) + len(watched(rows.validation, mart.keep_helpful))
    return (
        f"{mart.rounds} rounds: {mart.attacks * mart.rounds} attacks to be written, at most {tried} answers to them, "
        f"{measured * (mart.rounds + 1)} answers to held-out and validation prompts, {2 * mart.rounds} trainings",
    )


def _run(settings: Settings, mart: Mart, rows: Rows) -> method.Outcome:
    from hansei.judges.load import load_judge_beside
    from hansei.safety import mart as method
    from hansei.safety.mart_attacks import seed_pairs
    from hansei.safety.mart_settings import Judges

    helpful, url = None, settings.judge_base_url
    if settings.helpful_judge is not None:
        helpful = load_judge_beside(settings.helpful_judge, url, mode="rating", device=settings.device)
    judges = Judges(load_judge_beside(settings.judge, url, device=settings.device), helpful)
    return method.mart(
        settings.attacker,
        settings.target,
        rows.seeds,
        judges,
        mart,
        Path(settings.out),
        heldout=rows.heldout,
        validation=rows.validation,
        instructions=_instructions(settings, mart, rows.benign, judges),
        exercises=seed_pairs(rows.seeds, mart.request, settings.seed),
    )


def _instructions(settings: Settings, mart: Mart, benign: list[Prompt], judges: Judges) -> list[Keep]:
    """Benign prompts with good answers: the row's, else the target's own that the judge accepts."""
    from dataclasses import replace

    from hansei.core.journal import Journal
    from hansei.models.load import load
    from hansei.steps.good_answers import keep_of_file

    if not mart.instructions:
        return []
    with Journal.open(Path(settings.out)) as journal:
        model = load(settings.target, device=settings.device)
        return keep_of_file(benign, model, judges.safety, replace(mart.answering, temperature=0.0), journal)[0]


def _chosen(outcome: method.Outcome, settings: Settings) -> str:
    """Which target is the result, and why."""
    words = f"the target: {outcome.rounds[outcome.chosen].target}"
    if settings.keep_helpful is None:
        return words
    kept = f"keeps {settings.keep_helpful:.0%} of the start's help on validation prompts"
    if outcome.chosen == 0:
        return f"{words}, the start: no round {kept}"
    return f"{words}, of round {outcome.chosen} of {settings.rounds}: the last that {kept}"


def _row(round: method.Round, heldout: Sequence[Prompt]) -> Row:
    from hansei.core import statistics
    from hansei.steps.measure import cluster

    clusters = {p.id: cluster(p) for p in heldout}
    row: dict[str, object] = {"row": f"round {round.number}" if round.number else "start"}
    for name, values in round.measured["values"].items():
        how = statistics.bootstrap if name == "harmless_helpful" else statistics.rate
        row[name] = how(list(values.values()), [clusters[i] for i in values])
    row |= {} if round.help_left is None else {"help_left": round.help_left}
    return row | dict(round.counts) | dict(round.diversity) | {"target": round.target}
