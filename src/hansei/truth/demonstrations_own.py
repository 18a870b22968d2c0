"""DITTO on a user's own model and demonstrations: `hansei demonstrations`."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hansei.core.errors import BadInput
from hansei.core.result import Result, Row
from hansei.core.settings import above_zero, at_least

if TYPE_CHECKING:
    from hansei.core.journal import Journal
    from hansei.core.records import Attempt, Prompt, Sampling
    from hansei.judges.pairwise import PairwiseJudge, Preference
    from hansei.truth.demonstrations import Play

Baseline = Literal["few-shot prompting", "SFT", "self-play"]
MATCHES = 32
"""Matches in a unit of work: what is judged again when a run is killed in the middle."""


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
    """Of samples and of the answers that are compared."""
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
        if self.model.startswith("openai:"):
            raise BadInput(f"model: {self.model} can't be tuned: give a folder or a Hugging Face name")
        if (self.prompts is None) != (self.judge is None):
            raise BadInput("prompts and judge go together: give both, or neither to teach only")
        at_least(self, 1, "sft_steps", "steps", "batch", "resample", "samples", "max_new_tokens", "max_length")
        at_least(self, 1, "lora_rank", "lora_alpha")
        at_least(self, 0, "stop_loss", "micro_batch", "expert", "replay", "inter_model", "seed")
        above_zero(self, "sft_learning_rate", "learning_rate", "beta", "temperature")


def run(settings: Settings) -> Result:
    """Reads, teaches and compares; a row of the result is DITTO against a baseline on the new requests."""
    from hansei.core.files import write_atomic

    began = time.monotonic()
    shown, asked = _read(settings)
    play = _play(settings)
    if settings.dry_run:
        return _result(settings, [], _estimate(settings, shown, asked), began)
    judge = _judge(settings, shown) if settings.judge is not None else None
    students = _teach(settings, shown, play)
    notes = [f"the student, an adapter of {settings.model}: {students['DITTO']}", _stopped(students["SFT"])]
    rows: list[Row] = []
    if judge is not None:
        rows, more = _compare(settings, judge, shown, asked, students)
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

    same = ("beta", "expert", "replay", "inter_model", "resample", "samples")
    return replace(DITTO, sampling=_sampling(settings), **{name: getattr(settings, name) for name in same})


def _sampling(settings: Settings) -> Sampling:
    from hansei.core.records import Sampling

    return Sampling(settings.temperature, max_new_tokens=settings.max_new_tokens, seed=settings.seed)


def _estimate(settings: Settings, shown: Sequence[Prompt], asked: Sequence[Prompt]) -> list[str]:
    rounds = -(-settings.steps // settings.resample)
    trainings = 1 + ("self-play" in settings.baselines and bool(asked))
    sampled = rounds * settings.samples * len(shown) * trainings
    judged = 2 * len(asked) * len(settings.baselines)
    return [
        f"{len(shown)} demonstrations: {sampled} samples in {rounds} rounds of {1 + trainings} trainings, "
        f"{len(asked) * (1 + len(settings.baselines))} answers to new requests, at most {judged} questions to the judge"
    ]


def _judge(settings: Settings, shown: Sequence[Prompt]) -> PairwiseJudge:
    from hansei.judges.pairwise import PairwiseJudge
    from hansei.models.load import load

    name = settings.judge or ""
    url = settings.judge_base_url if name.startswith("openai:") else None
    device = {} if name.startswith("openai:") else {"device": settings.device}
    model = load(name, base_url=url, **device)
    return PairwiseJudge(model, [(d.messages, d.reference or "") for d in shown])


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


def _compare(
    settings: Settings,
    judge: PairwiseJudge,
    shown: Sequence[Prompt],
    asked: Sequence[Prompt],
    students: dict[str, Path],
) -> tuple[list[Row], list[str]]:
    """DITTO's answers against each baseline's."""
    from hansei.core.files import write_atomic
    from hansei.core.journal import Journal

    with Journal.open(Path(settings.out)) as journal:
        names = ("DITTO", *settings.baselines)
        answers = {name: _answers(settings, name, shown, asked, students, journal) for name in names}
        rows: list[Row] = []
        lines: list[dict[str, Any]] = []
        for name in settings.baselines:
            said, lost = _matches(judge, asked, answers["DITTO"], answers[name], journal)
            rows.append(_row(name, said, lost))
            lines += [{"baseline": name} | asdict(preference) for preference in said]
    kept = [{"row": name} | asdict(a) for name, attempts in answers.items() for a in attempts]
    for file, records in (("answers.jsonl", kept), ("preferences.jsonl", lines)):
        text = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
        write_atomic(Path(settings.out) / file, text)
    notes = [f"judge: {settings.judge}, asked in both orders; win_rate counts no preference as half"]
    if rows and all(row["no_preference"] == row["win_rate"].n for row in rows):
        notes.append("the judge has no preference anywhere, so nothing is shown: another judge may see more")
    return rows, notes


def _answers(
    settings: Settings,
    name: str,
    shown: Sequence[Prompt],
    asked: Sequence[Prompt],
    students: dict[str, Path],
    journal: Journal,
) -> list[Attempt]:
    from hansei.models.load import load
    from hansei.steps.ask import ask, plain
    from hansei.truth.demonstrations import few_shot

    how = few_shot(shown) if name == "few-shot prompting" else plain
    model = load(str(students.get(name, settings.model)), device=settings.device)
    return ask(model, asked, _sampling(settings), journal, method=how, label=name)


def _matches(
    judge: PairwiseJudge, asked: Sequence[Prompt], ours: Sequence[Attempt], theirs: Sequence[Attempt], journal: Journal
) -> tuple[list[Preference], int]:
    """Preferences between answers, and the number of requests to which one of the two has none."""
    from hansei.core.keys import content_key
    from hansei.judges.pairwise import Match, Preference
    from hansei.steps.units import finish

    there = [
        Match(p.id, p.messages, a.text, b.text)
        for p, a, b in zip(asked, ours, theirs, strict=True)
        if a.error is None and b.error is None
    ]
    said: list[Preference] = []
    for start in range(0, len(there), MATCHES):
        part = there[start : start + MATCHES]
        key = content_key("preferences", judge.version, judge.sampling, judge.examples, part)
        said += finish(
            journal,
            key,
            "preference",
            Preference,
            len(part),
            lambda _, items, part=part: judge.judge([part[i] for i in items]),  # type: ignore[misc]
            lambda _, preference: preference.choice == "error",
        )
    return said, len(asked) - len(there)


def _row(name: str, said: Sequence[Preference], lost: int) -> dict[str, Any]:
    from hansei.core.statistics import bootstrap

    counts = Counter(preference.choice for preference in said)
    return {
        "row": f"DITTO over {name}",
        "win_rate": bootstrap([preference.win for preference in said]),
        "wins": counts["first"],
        "losses": counts["second"],
        "no_preference": counts["none"],
        "unscored": counts["unscored"],
        "errors": counts["error"] + lost,
    }
