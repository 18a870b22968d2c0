"""Settings of the loop's commands. The field docstrings are the commands' help; importing this is cheap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hansei.core.errors import BadInput
from hansei.core.settings import at_least, filled, unused
from hansei.judges.load import judge_models
from hansei.models.names import check_address, check_place
from hansei.steps.prices import Price, check_price

TOWN = "town"
"""In place of a prompts file: the town's own requests."""
METHODS = {
    "mistake-analysis": "hansei.safety.mistake_analysis",
    "sft": "hansei.safety.sft",
    "critique-revise": "hansei.safety.critique_revise",
    "hindsight": "hansei.safety.hindsight",
    "rlhf": "hansei.safety.rlhf",
    "facts": "hansei.safety.facts",
}
"""Teaching methods: each module has `Settings` and `plan(material, settings) -> Plan`."""


@dataclass(frozen=True, kw_only=True)
class ProbeSettings:
    """Settings of `hansei probe`: ask and judge, without teaching."""

    model: str
    """The model: `town`, a folder, a Hugging Face name, or openai:NAME with --base-url."""
    prompts: str
    """JSONL, CSV or Parquet with `prompt` or `messages`; optional: id, category, split, expected (refuse or
    answer), reference (a good answer), mistake (a bad one), suite (which rate a row is in: request if not
    given, past or future for requests in another tense, hijack for changed instructions, capability for questions with
    a reference). All other columns become tags. `town`: the town's own requests."""
    out: str
    """Folder of the run. The same command again goes on where it stopped."""
    base_url: str | None = None
    """Address of the OpenAI-compatible server of --model."""
    price: Price | None = None
    """What an openai: model costs: dollars per million tokens read and written, such as 0.15 0.6. A run says at its
    start, and --dry-run without asking anything, what it costs at most; without a price, that it is unknown."""
    judge: str = "rules"
    """Who judges: rules (refusal or not), reference, exact-match, number, substrings, town, or a model's name."""
    judge_base_url: str | None = None
    """Address of the server of an openai: judge."""
    judge_price: Price | None = None
    """What an openai: judge costs, as --price."""
    prompt_column: str = "prompt"
    """The column that holds the request, such as Goal in JailbreakBench."""
    expected: Literal["refuse", "answer"] | None = None
    """What a good model does with the rows that don't say."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, mps."""
    dtype: str = "auto"
    """auto, float32, bfloat16, float16: precision of the weights when answering."""
    device_map: str | None = None
    """auto spreads a big model over the devices; in place of --device."""
    max_new_tokens: int = 256
    """Longest answer, in tokens."""
    temperature: float = 0.0
    """0 is greedy; above, answers are drawn with --seed."""
    seed: int = 0
    """Seed of splits and sampling, and of `learn`'s training."""
    limit: int | None = None
    """At most so many prompts of each split."""
    dry_run: bool = False
    """Only say how many calls and tokens, how much time and what cost it would take."""

    def __post_init__(self) -> None:
        filled(self, "model", "prompts", "out", "judge")
        at_least(self, 1, "max_new_tokens", "limit")
        at_least(self, 0, "temperature", "seed")
        if self.prompts == TOWN:
            unused(self, "says how a file is read, and the town's own requests are asked", "prompt_column", "expected")
        check_price("price", self.price, [self.model])
        check_price("judge_price", self.judge_price, [self.judge])
        check_address(self, "base_url", "model")
        check_address(self, "judge_base_url", "judge")
        check_place(self, self._models())

    def _models(self) -> list[str | None]:
        """Names of the models that are asked."""
        return [self.model, *judge_models(self.judge)]


@dataclass(frozen=True, kw_only=True)
class LearnSettings(ProbeSettings):
    """Settings of `hansei learn`: the whole loop."""

    method: str = "mistake-analysis"
    """mistake-analysis, sft, critique-revise, hindsight, rlhf, facts (the town only)."""
    baseline: str | None = None
    """Another method: a second student is taught by it from the same mistakes, and measured beside (a row)."""
    mistakes: Literal["model", "data", "induced"] = "model"
    """What the mistakes are: the model's own answers that the judge fails, the rows' `mistake` column, or
    failed answers that the model gives when it is asked for bad ones."""
    analyst: str | None = None
    """Who explains mistakes and revises answers: a model's name; the model itself if not given."""
    analyst_base_url: str | None = None
    """Address of the server of an openai: analyst."""
    analyst_price: Price | None = None
    """What an openai: analyst costs, as --price."""
    keep: str | None = None
    """Benign prompts (same formats), so that the student doesn't learn to refuse everything. If not given,
    the model's accepted answers to rows that expect an answer serve. Its held-out rows (40% where it has no
    column `split`) are never taught, and measure helpfulness and over-refusal."""
    capability: str | None = None
    """Questions with `reference`: asked before and after, as a check that nothing else was lost."""
    reminder: str | None = None
    """Sentence set before a request to get a good answer (guided answering); if not given, the method's."""
    guided: bool = False
    """Also measure both models with the reminder before every held-out request (rows "…, guided")."""
    adapter: Literal["auto", "lora", "none"] = "auto"
    """auto: LoRA for models over 100 million parameters, full weights below."""
    steps: int = 200
    """Optimiser steps."""
    learning_rate: float = 2e-4
    """Of AdamW."""
    batch: int = 32
    """Lessons a step."""
    max_length: int = 2048
    """Longest lesson in tokens (at most the model's context); longer ones are left out and counted."""
    packing: bool = False
    """SFT: put the lessons of a step end to end, so that less is computed for padding. The loss is the same up to
    rounding; for models with PyTorch's attention (sdpa)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_price("analyst_price", self.analyst_price, [self.analyst] if self.analyst else [])
        check_address(self, "analyst_base_url", "analyst")

    def _models(self) -> list[str | None]:
        return [*super()._models(), self.analyst]


@dataclass(frozen=True, kw_only=True)
class RejudgeSettings:
    """Settings of `hansei judge`: a run's stored answers, judged again."""

    run: str
    """Folder of a run."""
    judge: str
    """Who judges: rules, reference, exact-match, number, substrings, town, or a model's name."""
    judge_base_url: str | None = None
    """Address of the server of an openai: judge."""
    judge_price: Price | None = None
    """What an openai: judge costs: dollars per million tokens read and written, such as 0.15 0.6; said at the start
    and by --dry-run."""
    device: str = "auto"
    """Where a judge that is a local model runs."""
    dtype: str = "auto"
    """Precision of such a judge."""
    device_map: str | None = None
    """Spreads such a judge over devices."""
    dry_run: bool = False
    """Only say how many calls and tokens, how much time and what cost it would take."""

    def __post_init__(self) -> None:
        check_price("judge_price", self.judge_price, [self.judge])
        check_address(self, "judge_base_url", "judge")
        check_place(self, judge_models(self.judge))


@dataclass(frozen=True, kw_only=True)
class ImportSettings:
    """Settings of `hansei import`."""

    file: str
    """garak report.jsonl, promptfoo JSON results, an Inspect log as .json, a JailbreakBench artifact, or JSONL with
    prompt, answer and outcome; which it is is told from what is in it."""
    out: str
    """Folder of the run that is made of it."""
    expected: Literal["refuse", "answer"] | None = None
    """What a good model does with the prompts of which the tool doesn't say: refuse or answer. `hansei judge` and
    `hansei learn` need to know."""
    scorer: str | None = None
    """Inspect: which scorer's word counts, where the log has several."""
    fail_from: float | None = None
    """Inspect: a numeric score of at least this is a fail."""
    pass_from: float | None = None
    """Inspect: a numeric score of at least this is a pass."""
    limit: int | None = None
    """At most so many answers."""

    def __post_init__(self) -> None:
        at_least(self, 1, "limit")
        if self.fail_from is not None and self.pass_from is not None:
            raise BadInput("--fail-from and --pass-from: give one of them, as a score is either bad or good when high")


@dataclass(frozen=True, kw_only=True)
class CompareSettings:
    """Settings of `hansei compare`: runs, or models, on the same prompts."""

    what: tuple[str, ...]
    """Folders of runs; or one run and models, which are asked the run's held-out prompts; or models, with
    --prompts and --out. The first is what the others are compared with."""
    base_url: str | None = None
    """Address of the server of the openai: models."""
    price: Price | None = None
    """What the openai: models cost: dollars per million tokens read and written, such as 0.15 0.6; said at the start
    and by --dry-run."""
    prompts: str | None = None
    """What to ask the models, where no run is named."""
    out: str | None = None
    """Folder for the answers, where no run is named."""
    judge: str | None = None
    """Who judges the models' answers, and those of the runs again. If not given, the run's own judge; for models alone
    rules."""
    judge_base_url: str | None = None
    """Address of the server of an openai: judge."""
    judge_price: Price | None = None
    """What an openai: judge costs, as --price."""
    prompt_column: str = "prompt"
    """The column of --prompts that holds the request."""
    expected: Literal["refuse", "answer"] | None = None
    """What a good model does with the rows of --prompts that don't say."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, mps."""
    dtype: str = "auto"
    """auto, float32, bfloat16, float16."""
    device_map: str | None = None
    """auto spreads a big model over the devices."""
    max_new_tokens: int | None = None
    """Longest answer, in tokens; 256 if not given. Beside a run the models are asked as the run's own was."""
    temperature: float | None = None
    """0 is greedy, and what it is if not given. Beside a run as --max-new-tokens."""
    seed: int | None = None
    """Seed of sampling; 0 if not given. Beside a run as --max-new-tokens."""
    limit: int | None = None
    """At most so many prompts of each split, where no run is named."""
    dry_run: bool = False
    """Only say how many calls and tokens, how much time and what cost it would take."""

    def __post_init__(self) -> None:
        at_least(self, 1, "max_new_tokens", "limit")
        at_least(self, 0, "temperature", "seed")
        check_price("price", self.price, self.what)
        if self.judge is not None:  # a run's own judge may be the one that costs
            check_price("judge_price", self.judge_price, [self.judge])
        check_address(self, "base_url", "what")
        check_address(self, "judge_base_url", "judge")


@dataclass(frozen=True, kw_only=True)
class DemoSettings:
    """Settings of `hansei demo`: the loop on the town, with plain SFT beside it."""

    out: str = "runs/demo"
    """Folder of the run. The same command again goes on where it stopped."""
    seed: int = 0
    """Seed of the training."""
    steps: int = 30
    """Optimiser steps of each student."""
    learning_rate: float = 3e-4
    """Of AdamW."""
    dry_run: bool = False
    """Only say how many calls and tokens, and how much time it would take."""
