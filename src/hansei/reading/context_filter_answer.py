"""`hansei answer context-filter`."""

from __future__ import annotations

from dataclasses import dataclass

from hansei.core.errors import BadInput
from hansei.core.records import Prompt
from hansei.models.protocol import Model
from hansei.reading.context_filter import Context, Keep, context_filter, texts_of, with_silver, wording_for
from hansei.reading.context_measures import F1Mode, Measure
from hansei.steps.answer_settings import AnswerSettings
from hansei.steps.answering import ThinkingMethod


@dataclass(frozen=True, kw_only=True)
class Settings(AnswerSettings):
    """Settings of `hansei answer context-filter`."""

    context: Context = "filtered"
    """What the model answers from: filtered (the sentences that a filter model writes), passages (the whole passages
    that these stand in), full (all passages), or silver (what a measure keeps that knows the right answer)."""
    filter_model: str | None = None
    """The model that filters, such as one that `hansei papers run context-filter` has trained; --model if not given."""
    measure: Measure = "strinc"
    """For silver: strinc (the answer stands in it), lexical (words in common), or cxmi (how much more likely it makes
    the answer to --model)."""
    keep: int = 1
    """For silver: sentences that lexical and cxmi keep at most."""
    threshold: float = 0.0
    """For silver: what a sentence's score must be above."""
    f1: F1Mode = "token"
    """For silver: the units of lexical; char is what the paper's released code counts."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.keep < 1:
            raise BadInput(f"keep: expected at least 1, found {self.keep}")
        if self.filter_model and self.context in ("full", "silver"):
            raise BadInput(f"filter_model: context {self.context} asks no filter; leave it out")


def prepare(prompts: list[Prompt], settings: Settings) -> list[Prompt]:
    """For silver: the questions with what the measure keeps."""
    if settings.context != "silver" or settings.dry_run:
        return prompts
    without = next((prompt.id for prompt in prompts if not texts_of(prompt)), None)
    if without is not None:
        raise BadInput(f"question {without}: has no passages; silver needs them in the questions' file")
    keep = Keep(settings.measure, settings.keep, settings.threshold, settings.f1)
    model = _load(settings.model, settings) if settings.measure == "cxmi" else None
    return with_silver(prompts, keep, wording_for(settings.model), model)


def make(settings: Settings) -> ThinkingMethod:
    """The method, with its filter model loaded."""
    other = None if settings.filter_model is None or settings.dry_run else _load(settings.filter_model, settings)
    return context_filter(settings.sampling, settings.context, wording_for(settings.model), other)


def _load(name: str, settings: Settings) -> Model:
    from hansei.models.load import load
    from hansei.models.names import ENDPOINT

    if name.startswith(ENDPOINT):
        return load(name, base_url=settings.base_url)
    return load(name, device=settings.device, dtype=settings.dtype, device_map=settings.device_map)
