"""Factuality tuning of a user's own model: `hansei factuality`."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hansei.core.errors import BadInput
from hansei.core.result import Result, Row
from hansei.core.settings import above_zero, at_least, filled
from hansei.models.names import check_address, check_tunable

if TYPE_CHECKING:
    from hansei.core.journal import Journal
    from hansei.core.records import Lesson, Prompt
    from hansei.truth.factuality import Scored

Against = Literal["passages", "answers", "agreement"]
LOW = 0.3
"""Temperature of the row of sampling without tuning."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of `hansei factuality`."""

    model: str
    """The model to be tuned: a folder or a Hugging Face name."""
    prompts: str
    """JSONL, CSV or Parquet with `prompt` or `messages`; or a set of questions: TruthfulQA's CSV, NQ-open's JSONL, a
    JSON list of question and answer. Rows without `split` are divided: 60% train, 40% heldout; rows of validation are
    left out."""
    out: str
    """Folder of the run: journal, students, result.json. The same command again goes on."""
    score: Against
    """What claims are held against: passages (a folder of texts, by a judge model), the answers of the questions, or
    the model's own agreement with itself (no reference)."""
    claims: Literal["model", "whole"] = "model"
    """How answers are split into claims: by the judge model, or not at all (whole: each is a short answer)."""
    judge: str | None = None
    """Chat model that splits answers, writes questions and reads passages: a folder, a name or openai:NAME. Required
    unless --claims whole."""
    judge_base_url: str | None = None
    """Address of the server of an openai: judge."""
    passages: str | None = None
    """With --score passages: a folder of texts, or JSONL, CSV or Parquet with `text`."""
    measure: Literal["max", "squares", "entropy", "own"] | None = None
    """With --score agreement: max p, sum of p squared or minus entropy of the answers to each claim's question (max
    where not given); own, the share that says what the claim says (for --claims whole, and only there)."""
    samples: int = 10
    """Answers sampled to each training prompt."""
    draws: int = 20
    """With --score agreement: answers to each claim's question."""
    temperature: float = 1.0
    """Of the samples, and of the answers that are measured."""
    max_new_tokens: int = 256
    """Longest answer in tokens; longer ones are cut, counted, and in no lesson."""
    margin: float = 0.0
    """Least difference of rewards between the two answers of a pair."""
    length_penalty: float = 0.0
    """FActScore's gamma: an answer of n claims, fewer than gamma, is worth exp(1 - gamma / n) times as much, so that
    saying less does not win (10 there, for long biographies); 0: none."""
    beta: float = 0.1
    """How strongly DPO holds the student to the SFT student (the paper's code: 0.1 to 0.5)."""
    sft_steps: int = 100
    """Optimiser steps of SFT on all samples."""
    dpo_steps: int = 200
    """Optimiser steps of DPO on the pairs."""
    sft_rate: float = 1e-4
    """Learning rate of SFT."""
    dpo_rate: float = 2e-5
    """Learning rate of DPO."""
    batch: int = 16
    """Lessons, or pairs, a step."""
    max_length: int = 1024
    """Longest lesson in tokens (at most the model's context); longer ones are left out and counted."""
    adapter: Literal["auto", "lora", "none"] = "auto"
    """auto: LoRA for models over 100 million parameters, full weights below."""
    best_of: bool = False
    """Also measure the best of so many samples of the untuned model on every held-out prompt."""
    device: str = "auto"
    """auto, cpu, cuda …"""
    seed: int = 0
    """Of splits, samples and tuning."""
    limit: int | None = None
    """At most so many rows of the file."""
    dry_run: bool = False
    """Only say how many answers it would take."""

    def __post_init__(self) -> None:
        """Raises BadInput for settings that don't go together."""
        check_tunable(self, "model")
        check_address(self, "judge_base_url", "judge")
        if (self.score == "passages") != (self.passages is not None):
            raise BadInput("passages and score=passages go together: give both or neither")
        if self.score != "agreement" and self.measure is not None:
            raise BadInput(f"measure: goes with score=agreement, not with {self.score}")
        if self.score == "agreement" and (self.measure == "own") != (self.claims == "whole"):
            raise BadInput(
                "measure own and claims whole go together: whole answers to one question differ in nothing else"
            )
        if self.score == "answers" and self.claims != "whole":
            raise BadInput("score answers: the answers of questions judge whole answers: add --claims whole")
        if self.judge is None and (self.claims == "model" or self.score == "passages"):
            raise BadInput("judge: a chat model was expected, to split answers or to read passages: add --judge")
        if self.length_penalty < 0 or (self.length_penalty > 0 and self.measure == "entropy"):
            raise BadInput("length_penalty: 0 or more was expected, and 0 with minus entropy, which is below 0 itself")
        if self.temperature <= 0 or self.samples < 2:
            raise BadInput("samples: two at least, at a temperature above 0, were expected: equal answers make no pair")
        # All of them now, not when the samples that they are trained on are there.
        filled(self, "model", "prompts", "out")
        at_least(self, 1, "draws", "max_new_tokens", "sft_steps", "dpo_steps", "batch", "max_length")
        at_least(self, 0, "margin", "seed")
        above_zero(self, "beta", "sft_rate", "dpo_rate")


def run(settings: Settings) -> Result:
    """Samples, scores, teaches; the rows are ways of answering the held-out prompts."""
    from hansei.core.files import write_atomic
    from hansei.core.journal import Journal

    began = time.monotonic()
    train, heldout = _read(settings)
    if settings.dry_run:
        return Result(
            name="factuality",
            kind="paper",
            settings=asdict(settings),
            rows=[],
            notes=[_estimate(settings, train, heldout)],
        )
    out = Path(settings.out)
    with Journal.open(out) as journal:
        rows, more, notes = _run(settings, train, heldout, out, journal)
    result = Result(
        name="factuality",
        kind="paper",
        settings=asdict(settings),
        rows=rows,
        numbers=frozenset({"correct_claims", "wrong_claims", "claims", "worth"}),
        notes=notes,
        more=more,
        seeds=(settings.seed,),
        errors=sum(count["errors"] for count in more["counts"].values()),
        unscored=sum(count["unsplit"] + count["unscored_claims"] for count in more["counts"].values()),
        seconds=time.monotonic() - began,
        files=(str(out / "result.json"),),
    )
    write_atomic(result.files[0], json.dumps(result.to_json(), ensure_ascii=False, indent=1))
    return result


def _read(settings: Settings) -> tuple[list[Prompt], list[Prompt]]:
    from hansei.truth.factuality_questions import read_questions

    read = read_questions(settings.prompts, seed=settings.seed, limit=settings.limit)
    train, heldout = ([p for p in read if p.split == split] for split in ("train", "heldout"))
    if not train or not heldout:
        found = f"{len(train)} to train on and {len(heldout)} held out"
        raise BadInput(f"{settings.prompts}: prompts of both splits were expected, found {found}: add rows")
    if settings.score == "answers":
        silent = next((p for p in read if p.reference is None), None)
        if silent is not None:
            raise BadInput(
                f"{settings.prompts}: row {silent.id} has no answer, which score=answers needs: add `reference`"
            )
    if settings.measure == "own" and any(len(p.messages) > 1 for p in read):
        raise BadInput(f"{settings.prompts}: measure own asks questions of one turn, found a conversation of several")
    return train, heldout


def _run(
    settings: Settings, train: Sequence[Prompt], heldout: Sequence[Prompt], out: Path, journal: Journal
) -> tuple[list[Row], dict[str, Any], list[str]]:
    from hansei.core.overlap import overlap
    from hansei.models.load import load
    from hansei.truth import factuality as method
    from hansei.truth import factuality_parts as parts

    base = load(settings.model, device=settings.device)
    split, worth = parts.scorer(settings, base, journal)
    drawn = parts.drawn(settings, settings.temperature)
    cases = method.sample(base, train, drawn, journal, settings.samples)
    scored = method.with_gamma(method.score(cases, split, worth), settings.length_penalty)
    shared = overlap(lessons := method.imitation(scored), heldout, train)
    shared.stop_if_exact()
    sft, dpo = method.teach(settings.model, scored, parts.teaching(settings), out / "sft", out / "dpo")
    answered: dict[str, list[Scored]] = {}
    for name, model, temperature in (
        ("base", base, settings.temperature),
        (f"base at temperature {LOW}", base, LOW),
        ("SFT", load(str(sft), device=settings.device), settings.temperature),
        ("factuality", load(str(dpo), device=settings.device), settings.temperature),
    ):
        told = method.sample(model, heldout, parts.drawn(settings, temperature), journal, 1)
        answered[name] = method.score(told, split, worth)
    if settings.best_of:
        ten = method.sample(base, heldout, drawn, journal, settings.samples)
        answered[f"best of {settings.samples}"] = method.best_of(method.score(ten, split, worth))
    asked = {name: len(heldout) for name in answered} | {"lessons": settings.samples * len(train)}
    counts = {
        name: method.counts(group) | {"errors": asked[name] - len(group)}
        for name, group in ({"lessons": scored} | answered).items()
    }
    rows = [parts.row_of(name, group, settings.score) for name, group in answered.items()]
    return rows, {"counts": counts}, _notes(settings, lessons, scored, str(dpo), str(shared))


def _notes(
    settings: Settings, lessons: Sequence[Lesson], scored: Sequence[Scored], student: str, shared: str
) -> list[str]:
    from hansei.truth.factuality import pairs

    who = settings.judge or "none"
    return [
        f"{len(lessons)} samples and {len(pairs(scored, settings.margin))} pairs of "
        f"{len({one.prompt.id for one in scored})} prompts; the student: {student}",
        f"claims: {settings.claims}; held against: {settings.score}; judge: {who}",
        shared,
    ]


def _estimate(settings: Settings, train: Sequence[Prompt], heldout: Sequence[Prompt]) -> str:
    answers = len(train) * settings.samples + len(heldout) * (4 + settings.samples * settings.best_of)
    judged = f"; {settings.judge} splits them into claims and scores each" if settings.judge else ""
    return (
        f"{len(train)} prompts to train on, {len(heldout)} held out: {answers} answers of at most "
        f"{settings.max_new_tokens} tokens{judged}; {settings.sft_steps} steps of SFT and {settings.dpo_steps} of DPO"
    )
