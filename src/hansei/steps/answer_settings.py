"""Settings that all answering methods share: whom to ask what. Importing this is cheap."""

from __future__ import annotations

from dataclasses import dataclass, fields

from hansei.core.records import Sampling
from hansei.core.settings import at_least, filled, unused
from hansei.judges.load import judge_models
from hansei.models.names import check_address, check_place
from hansei.steps.prices import Price, check_price


@dataclass(frozen=True, kw_only=True)
class AnswerSettings:
    """Settings of `hansei answer METHOD`; a method's own ones come beside them."""

    model: str
    """The model: `town`, `town:DISTRICT`, a folder, a Hugging Face name, or openai:NAME with --base-url."""
    questions: str
    """JSONL, CSV or Parquet with `question` (or prompt, messages, input); optional: answers (a list; or answer,
    reference, target), passages (or ctxs: a list of texts or of objects with title and text), id."""
    out: str
    """Folder of the run. The same command again goes on where it stopped."""
    passages: str | None = None
    """Where to find passages for questions that bring none: a folder of texts, or JSONL, CSV or Parquet with `text`."""
    search: str = "lexical"
    """lexical (BM25), or the folder of a sentence-transformers model for dense search."""
    top_k: int = 5
    """Passages that are found for a question."""
    base_url: str | None = None
    """Address of the OpenAI-compatible server of --model."""
    price: Price | None = None
    """What an openai: model costs: dollars per million tokens read and written, such as 0.15 0.6."""
    judge: str = "exact-match"
    """Who judges: exact-match (after normalisation), reference (the answer says it somewhere), number (compared as
    numbers), rules, or a model's name. Questions without an answer stay unscored."""
    judge_base_url: str | None = None
    """Address of the server of an openai: judge."""
    judge_price: Price | None = None
    """What an openai: judge costs, as --price."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, mps."""
    dtype: str = "auto"
    """auto, float32, bfloat16, float16: precision of the weights; dense search is in float32."""
    device_map: str | None = None
    """auto spreads a big model over the devices; in place of --device."""
    max_new_tokens: int = 256
    """Longest text that is written at a time, in tokens."""
    temperature: float = 0.0
    """0 is greedy; above, texts are drawn with --seed."""
    seed: int = 0
    """Seed of whatever is drawn."""
    limit: int | None = None
    """The first so many questions only."""
    dry_run: bool = False
    """Only say how many calls and tokens, how much time and what cost it would take."""

    def __post_init__(self) -> None:
        filled(self, "model", "questions", "out", "judge", "search")
        at_least(self, 1, "max_new_tokens", "limit", "top_k")
        at_least(self, 0, "temperature", "seed")
        if self.passages is None:
            unused(self, "says how passages are found, and there is no --passages to look in", "search", "top_k")
        check_price("price", self.price, [self.model])
        check_price("judge_price", self.judge_price, [self.judge])
        asked = [f.name for f in fields(self) if f.name == "model" or f.name.endswith("_model")]  # a method's own too
        check_address(self, "base_url", *asked)
        check_address(self, "judge_base_url", "judge")
        encoder = None if self.search == "lexical" else self.search
        check_place(self, [*(getattr(self, role) for role in asked), *judge_models(self.judge)], [encoder])

    @property
    def sampling(self) -> Sampling:
        """How texts are drawn."""
        return Sampling(temperature=self.temperature, max_new_tokens=self.max_new_tokens, seed=self.seed)
