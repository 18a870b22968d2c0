"""The parts of `hansei factuality`: how answers are split and claims scored, the trainings, and a row of the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from hansei.core import statistics
from hansei.core.journal import Journal
from hansei.core.records import Sampling
from hansei.core.result import Row
from hansei.models.load import load_beside
from hansei.models.protocol import Model
from hansei.steps.measure import cluster
from hansei.training.settings import PreferenceSettings, own_training
from hansei.truth import factuality_claims as claims
from hansei.truth.factuality import Scored, Split, Teaching, Worth
from hansei.truth.factuality_confidence import EXAMPLES, SAMPLING, Asking, Confidence
from hansei.truth.factuality_questions import by_reference

if TYPE_CHECKING:
    from hansei.truth.factuality_own import Against, Settings


def scorer(settings: Settings, base: Model, journal: Journal) -> tuple[Split, Worth]:
    """How answers are split and claims scored, by the settings."""
    judge = base
    if settings.judge is not None:
        judge = load_beside(settings.judge, settings.judge_base_url, device=settings.device)
    split = claims.whole if settings.claims == "whole" else claims.by_model(judge, journal)
    if settings.score == "answers":
        return split, by_reference
    if settings.passages is not None:
        return split, claims.by_passages(judge, claims.search_in(settings.passages), journal)
    apart = settings.seed + 1_000_003  # or an answer would be among the draws that it is held against
    if settings.claims == "whole":  # asked as it was sampled
        asking = Asking(draws=settings.draws, sampling=replace(drawn(settings, settings.temperature), seed=apart))
        return split, Confidence(base, claims.the_prompt_itself, journal, asking).by("own")
    asking = Asking(draws=settings.draws, sampling=replace(SAMPLING, seed=apart), examples=EXAMPLES)
    write = claims.questions_by_model(judge, journal)
    return split, Confidence(base, write, journal, asking).by(settings.measure or "max")


def drawn(settings: Settings, temperature: float) -> Sampling:
    """How answers are drawn at that temperature."""
    return Sampling(temperature, max_new_tokens=settings.max_new_tokens, seed=settings.seed)


def teaching(settings: Settings) -> Teaching:
    """The trainings, by the settings."""
    return Teaching(
        own_training(settings, settings.sft_steps, settings.sft_rate),
        own_training(settings, settings.dpo_steps, settings.dpo_rate),
        PreferenceSettings(beta=settings.beta),
        settings.margin,
    )


def row_of(name: str, scored: Sequence[Scored], against: Against) -> Row:
    """Correct and wrong claims an answer and the share correct; or, without a reference, claims and their worth.

    Answers that could not be split and claims that could not be scored are left out. Prompts about one entity are
    resampled as one.
    """
    read = [one for one in scored if one.claims is not None]
    clusters = [cluster(one.prompt) for one in read]
    known = [[w for w in one.worth if w is not None] for one in read]
    share = statistics.bootstrap([one.reward for one in read], clusters)
    if against == "agreement":
        return {"row": name, "claims": statistics.bootstrap([float(len(k)) for k in known], clusters), "worth": share}
    return {
        "row": name,
        "correct_claims": statistics.bootstrap([sum(k) for k in known], clusters),
        "wrong_claims": statistics.bootstrap([len(k) - sum(k) for k in known], clusters),
        "share_correct": share,
    }
