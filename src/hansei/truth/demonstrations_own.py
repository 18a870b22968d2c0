"""DITTO on a user's own model and demonstrations: `hansei demonstrations`."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hansei.core.errors import BadInput
from hansei.core.records import Sampling
from hansei.core.result import Result, Row
from hansei.core.settings import above_zero, at_least
from hansei.models.names import check_address, check_tunable

if TYPE_CHECKING:
    from hansei.core.records import Prompt
    from hansei.truth.demonstrations import Play

Baseline = Literal["few-shot prompting", "SFT", "self-play"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of `hansei demonstrations`. Defaults are the paper's, for a model of seven billion parameters."""

    model: str
    """The model that is to learn: a folder or a Hugging Face name."""
    demonstrations: str
    """JSONL, CSV or Parquet with `prompt` (or `messages`) and `reference`, the author's own answer; a few rows do."""
    out: str
    """Folder of the run: journal, adapters, answers.jsonl, result.json. The same command again goes on."""
    prompts: str | None = None
    """New requests (same formats, no answers needed) on which DITTO is compared with the baselines; without them it
    is only taught."""
    judge: str | None = None
    """Who compares two answers, in both orders: a model's name. Goes with --prompts."""
    judge_base_url: str | None = None
    """Address of the server of an openai: judge."""
    baselines: tuple[Baseline, ...] = ("few-shot prompting", "SFT")
    """What DITTO is compared with; self-play (SPIN) is a training of its own."""
    sft_steps: int = 30
    """Steps of SFT at most."""
    sft_learning_rate: float = 3e-5
    """Of SFT."""
    stop_loss: float = 1.0
    """SFT stops after a step with a lower loss: mean over the tokens of the answers."""
    steps: int = 40
    """Steps of DPO."""
    learning_rate: float = 1e-6
    """Of DPO."""
    batch: int = 24
    """Pairs a step."""
    micro_batch: int = 0
    """Pairs in memory at once; 0 is the whole batch. Must divide it."""
    beta: float = 0.05
    """How strongly DPO holds to the SFT adapter."""
    likelihood: float = 0.0
    """Weight of the chosen answers' own likelihood beside DPO's loss; keeps a small model's answers whole."""
    expert: float = 0.7
    """Share of pairs of a demonstration and a sample of the latest student."""
    replay: float = 0.2
    """Share of pairs of a demonstration and a sample of an earlier student."""
    inter_model: float = 0.1
    """Share of pairs of a later student's sample and an earlier one's."""
    resample: int = 10
    """Steps from one round of samples to the next."""
    samples: int = 10
    """Answers to each demonstration's prompt in a round."""
    temperature: float = 1.0
    """Of the samples that DITTO learns from."""
    answer_temperature: float = 1.0
    """Of the answers that are compared; 0: the likeliest answer."""
    max_new_tokens: int = 1024
    """Longest answer, in tokens."""
    max_length: int = 2048
    """Longest demonstration or pair in tokens, at most the model's context."""
    lora_rank: int = 32
    """Rank of the adapters."""
    lora_alpha: int = 64
    """Their scale is alpha / rank."""
    device: str = "auto"
    """auto, cpu, cuda …"""
    seed: int = 0
    """Of adapters, order, samples and answers."""
    limit: int | None = None
    """At most so many rows of --prompts."""
    dry_run: bool = False
    """Only say how many answers it would take."""

    def __post_init__(self) -> None:
        """Raises BadInput for a model that can't be tuned, and for prompts without a judge."""
        check_tunable(self, "model")
        check_address(self, "judge_base_url", "judge")
        if (self.prompts is None) != (self.judge is None):
            raise BadInput("prompts and judge go together: give both, or neither to teach only")
        at_least(self, 1, "sft_steps", "steps", "batch", "resample", "samples", "max_new_tokens", "max_length")
        at_least(self, 1, "lora_rank", "lora_alpha")
        at_least(self, 0, "stop_loss", "micro_batch", "expert", "replay", "inter_model", "seed")
        at_least(self, 0, "likelihood", "answer_temperature")
        above_zero(self, "sft_learning_rate", "learning_rate", "beta", "temperature")


def run(settings: Settings) -> Result:
    """Reads, teaches and compares; a row of the result is DITTO against a baseline on the new requests."""
    from hansei.core.files import write_atomic
    from hansei.truth.demonstrations_compare import compare, judge_of

    began = time.monotonic()
    shown, asked = _read(settings)
    play = _play(settings)
    if settings.dry_run:
        return _result(settings, [], _estimate(settings, shown, asked), began)
    judge = judge_of(settings, shown) if settings.judge is not None else None
    students = _teach(settings, shown, play)
    notes = [f"the student, an adapter of {settings.model}: {students['DITTO']}", _stopped(students["SFT"])]
    rows: list[Row] = []
    if judge is not None:
        rows, more = compare(settings, judge, shown, asked, students)
        notes += more
    result = _result(settings, rows, notes, began)
    write_atomic(Path(settings.out) / "result.json", json.dumps(result.to_json(), ensure_ascii=False, indent=1))
    return result


def _result(settings: Settings, rows: Sequence[Row], notes: Sequence[str], began: float) -> Result:
    return Result(
        name="demonstrations",
        kind="paper",
        settings=asdict(settings),
        rows=rows,
        notes=notes,
        seeds=(settings.seed,),
        errors=sum(row["errors"] for row in rows),
        unscored=sum(row["unscored"] for row in rows),
        seconds=time.monotonic() - began,
    )


def _read(settings: Settings) -> tuple[list[Prompt], list[Prompt]]:
    """The demonstrations, and the new requests, none of which is in a demonstration."""
    from hansei.core.inputs import read_prompts
    from hansei.core.overlap import overlap
    from hansei.truth.demonstrations import check_demonstrations, lessons

    shown = read_prompts(settings.demonstrations, split="train")
    check_demonstrations(shown, settings.demonstrations)
    if settings.prompts is None:
        return shown, []
    asked = read_prompts(settings.prompts, split="heldout", limit=settings.limit)
    overlap(lessons(shown), asked).stop_if_exact()
    return shown, asked


def _play(settings: Settings) -> Play:
    from hansei.truth.demonstrations import DITTO

    same = ("beta", "likelihood", "expert", "replay", "inter_model", "resample", "samples")
    sampling = Sampling(settings.temperature, max_new_tokens=settings.max_new_tokens, seed=settings.seed)
    return replace(DITTO, sampling=sampling, **{name: getattr(settings, name) for name in same})


def _estimate(settings: Settings, shown: Sequence[Prompt], asked: Sequence[Prompt]) -> list[str]:
    rounds = -(-settings.steps // settings.resample)
    trainings = 1 + ("self-play" in settings.baselines and bool(asked))
    sampled = rounds * settings.samples * len(shown) * trainings
    judged = 2 * len(asked) * len(settings.baselines)
    return [
        f"{len(shown)} demonstrations: {sampled} samples in {rounds} rounds of {1 + trainings} trainings, "
        f"{len(asked) * (1 + len(settings.baselines))} answers to new requests, at most {judged} questions to the judge"
    ]


def _teach(settings: Settings, shown: Sequence[Prompt], play: Play) -> dict[str, Path]:
    """The adapters by name; each one that is there already is not taught again."""
    from hansei.truth import demonstrations as method

    out = Path(settings.out)
    sft = replace(
        method.SFT,
        steps=settings.sft_steps,
        batch=min(method.SFT.batch, len(shown)),
        learning_rate=settings.sft_learning_rate,
        warmup=settings.sft_steps // 5,
        max_length=settings.max_length,
        lora_rank=settings.lora_rank,
        lora_alpha=settings.lora_alpha,
        seed=settings.seed,
        device="cpu" if settings.device == "cpu" else "auto",
    )
    dpo = replace(
        sft,
        steps=settings.steps,
        batch=settings.batch,
        micro_batch=settings.micro_batch,
        learning_rate=settings.learning_rate,
        schedule="constant",
        warmup=settings.steps // 4,
    )
    start = method.imitate(settings.model, shown, out / "sft", sft, settings.stop_loss)
    made = {"SFT": start, "DITTO": method.ditto(start, shown, out / "ditto", dpo, play)}
    if "self-play" in settings.baselines and settings.prompts is not None:
        spin = replace(method.SPIN, resample=play.resample, samples=play.samples, sampling=play.sampling)
        made["self-play"] = method.self_play(start, shown, out / "self-play", dpo, spin)
    return made


def _stopped(sft: Path) -> str:
    from hansei.training.job import read_facts

    facts = read_facts(sft)
    if "stopped" in facts:
        return f"SFT stopped after {facts['stopped']} steps"
    return f"SFT went on for all {facts['steps']} steps: no loss was below the stop_loss"
