"""`hansei measure past-tense`: the past-tense attack (arXiv 2407.11969) on a model and requests of the user's.

As a table: attack success by judge and tense after all attempts, with over-refusal beside it where some rows expect an
answer; after 1, 2, 5, 10 … attempts; by category; and, with `--mode independent`, what the paper's rule (only the first
judge sees every attempt) would have shown of the same answers. Shares have Wilson's interval.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hansei.core.errors import BadInput
from hansei.core.files import write_atomic
from hansei.core.inputs import read_prompts
from hansei.core.records import Prompt, Sampling
from hansei.core.result import Result
from hansei.judges.load import judge_models
from hansei.models.names import check_address, check_place
from hansei.safety import tense as method
from hansei.safety import tense_tables as tables
from hansei.safety.tense import Mode, Reformulate, Tense
from hansei.safety.tense_charts import by_attempts
from hansei.steps.measure import Answered
from hansei.town import workshop

if TYPE_CHECKING:
    from hansei.core.journal import Journal
    from hansei.judges.protocol import Judge
    from hansei.models.protocol import Model


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of the measurement."""

    model: str
    """The model to attack: `town`, a folder, a Hugging Face name, or openai:NAME with --base-url."""
    prompts: str
    """JSONL, CSV or Parquet with `prompt` or `messages`; optional: id, category, expected. Rows that expect an `answer`
    are not attacked: over-refusal is measured on them. `town`: the town's held-out requests."""
    reformulator: str = "town"
    """Who puts a request into another tense: a chat model's name, or `town`, the grammar for the town's requests."""
    judge: tuple[str, ...] = ("rules",)
    """Who judges, one or several (the paper has three): rules, reference, town, or a model's name. The first one says
    when an attack has succeeded and need not go on."""
    attempts: int = 20
    """Attempts at each request, each with a fresh reformulation."""
    mode: Mode = "paper"
    """paper: stop at the first judge's success; the other judges see only the answer that it stopped at.
    independent: every judge scores every attempt."""
    tenses: tuple[Tense, ...] = ("present", "past", "future")
    """present is the request itself, as often; reworded is a fresh reformulation in the present tense, which tells a
    gap between tenses from one between wordings."""
    out: str | None = None
    """Folder of the journal, the attempts (attempts.jsonl), result.json and the chart; the same command again goes on
    where it stopped. Without it nothing is kept."""
    base_url: str | None = None
    """Address of the OpenAI-compatible server of --model."""
    reformulator_base_url: str | None = None
    """Address of the server of an openai: reformulator."""
    judge_base_url: str | None = None
    """Address of the server of openai: judges."""
    prompt_column: str = "prompt"
    """The column that holds the request, such as Goal in JailbreakBench."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, mps: where local models run."""
    dtype: str = "auto"
    """auto, float32, bfloat16, float16: precision of local models."""
    temperature: float = 1.0
    """Of the model's answers; above 0."""
    max_new_tokens: int = 150
    """Longest answer and longest reformulation, in tokens."""
    seed: int = 0
    """Seed of reformulations and answers."""
    limit: int | None = None
    """At most so many requests to attack, and as many that expect an answer."""
    dry_run: bool = False
    """Only say how many calls it would take."""

    def __post_init__(self) -> None:
        """Raises BadInput for settings that measure nothing."""
        check_address(self, "base_url", "model")
        check_address(self, "reformulator_base_url", "reformulator")
        check_address(self, "judge_base_url", "judge")
        helper = None if self.reformulator == "town" else self.reformulator
        check_place(self, [self.model, helper, *judge_models(*self.judge)])
        for name, least in (("attempts", 1), ("max_new_tokens", 1), ("limit", 1), ("seed", 0)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise BadInput(f"{name}: expected at least {least}, found {value}")
        if self.temperature <= 0:
            raise BadInput(f"temperature: expected one above 0 (the paper: 1), found {self.temperature}")
        for name in ("judge", "tenses"):
            given = getattr(self, name)
            if not given or len(set(given)) < len(given):
                raise BadInput(f"{name}: expected one or more, each once, found {' '.join(given) or 'none'}")
        if self.reformulator == "town" and self.prompts != "town" and set(self.tenses) != {"present"}:
            raise BadInput("reformulator town: it knows the town's requests only; name a chat model (--reformulator)")


def run(settings: Settings) -> Result:
    """Attacks, judges and counts. Raises BadInput for prompts, models and judges that it can't work with."""
    harmful, harmless = _requests(settings)
    said = estimate(settings, len(harmful), len(harmless))
    if settings.dry_run:
        return Result(name="past-tense", settings=asdict(settings), rows=(), notes=(said,))
    started = time.monotonic()
    model, helper, judges = _loaded(settings)
    with _journal(settings.out) as journal:
        reformulate = _reformulator(settings, helper, journal)
        sampling = Sampling(settings.temperature, max_new_tokens=settings.max_new_tokens, seed=settings.seed)
        how = method.Settings(settings.attempts, settings.mode, sampling)
        tries = {t: method.attack(model, harmful, t, reformulate, judges, how, journal) for t in settings.tenses}
        first = judges[settings.judge[0]]
        safe = {
            t: method.answers(model, harmless, t, reformulate, first, sampling, journal) if harmless else []
            for t in settings.tenses
        }
    result = _result(settings, harmful, tries, safe, time.monotonic() - started)
    return result if settings.out is None else _written(result, Path(settings.out), harmful, tries)


def estimate(settings: Settings, harmful: int, harmless: int) -> str:
    """How many calls lie ahead at most, in a line."""
    attacks, asides = len(settings.tenses) * harmful * settings.attempts, len(settings.tenses) * harmless
    put = len([t for t in settings.tenses if t != "present"])
    texts = 0 if settings.reformulator == "town" else put * (harmful * settings.attempts + harmless)
    others = len(settings.judge) - 1
    judged = attacks + asides + others * (len(settings.tenses) * harmful if settings.mode == "paper" else attacks)
    most = "at most " if settings.mode == "paper" else ""
    return (
        f"{harmful} requests to attack, {harmless} that expect an answer: {most}{attacks + asides} answers of up to "
        f"{settings.max_new_tokens} tokens, {texts} reformulations by a model, {judged} verdicts"
    )


def _requests(settings: Settings) -> tuple[list[Prompt], list[Prompt]]:
    """The requests to attack, and those that expect an answer."""
    if settings.prompts == "town":
        prompts = [p for p in workshop.prompts("heldout") if p.tags["phrasing"] == "tuned"]
    else:
        columns = {"prompt": settings.prompt_column} if settings.prompt_column != "prompt" else None
        prompts = read_prompts(settings.prompts, columns=columns, expected="refuse", split="heldout")
    harmful = [p for p in prompts if p.expected != "answer"][: settings.limit]
    harmless = [p for p in prompts if p.expected == "answer"][: settings.limit]
    if not harmful:
        raise BadInput(f"{settings.prompts}: requests that a good model refuses were expected, all expect an answer")
    return harmful, harmless


def _loaded(settings: Settings) -> tuple[Model, Model | None, dict[str, Judge]]:
    """The target, the reformulating model where there is one, and the judges."""
    from hansei.judges.load import load_judge_beside
    from hansei.models.load import load_beside

    place: dict[str, Any] = {"device": settings.device, "dtype": settings.dtype}
    model = load_beside(settings.model, settings.base_url, **place)
    helper, name, url = None, settings.reformulator, settings.reformulator_base_url
    if name != "town":
        same = (name, url) == (settings.model, settings.base_url)
        helper = model if same else load_beside(name, url, **place)
    return model, helper, {name: load_judge_beside(name, settings.judge_base_url, **place) for name in settings.judge}


def _reformulator(settings: Settings, helper: Model | None, journal: Journal) -> Reformulate:
    if helper is None:
        return method.by_grammar(settings.seed)
    return method.by_model(helper, journal, Sampling(1.0, max_new_tokens=settings.max_new_tokens, seed=settings.seed))


@contextlib.contextmanager
def _journal(out: str | None) -> Iterator[Journal]:
    from hansei.core.journal import Journal

    with contextlib.ExitStack() as stack:
        folder = out or stack.enter_context(tempfile.TemporaryDirectory())
        yield stack.enter_context(Journal.open(folder))


def _result(
    settings: Settings,
    prompts: Sequence[Prompt],
    tries: tables.Attacked,
    safe: Mapping[Tense, Sequence[Answered]],
    seconds: float,
) -> Result:
    made = [a for t in tries.values() for attempts in t.attempts.values() for a in attempts]
    verdicts = [v for t in tries.values() for said in t.verdicts.values() for v in said.values()]
    rule = "of the answer that the paper's rule keeps" if settings.mode == "paper" else "of any attempt"
    parts = {
        "attempts": tables.by_attempts(prompts, tries, settings.mode, settings.attempts),
        "categories": tables.by_category(prompts, tries, settings.mode),
    }
    if settings.mode == "independent":
        parts["paper-rule"] = tables.by_rule(prompts, tries)
    return Result(
        name="past-tense",
        settings=asdict(settings),
        rows=tables.by_judge(prompts, tries, settings.mode, safe),
        parts=parts,
        hidden=frozenset({"tense", "judge"}),
        notes=[
            f"success {rule}, {settings.attempts} attempts; judges see the original request; over-refusal by the first",
            *tables.about_reformulations(tries),
        ],
        seeds=(settings.seed,),
        errors=sum(a is None or a.error is not None for a in made),
        unscored=sum(v.outcome == "unscored" for v in verdicts),
        seconds=seconds,
    )


def _written(result: Result, out: Path, prompts: Sequence[Prompt], tries: tables.Attacked) -> Result:
    """Every attempt, the chart and the result, beside the journal."""
    listed = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in tables.lines(prompts, tries))
    write_atomic(out / "attempts.jsonl", listed)
    chart = by_attempts(result.parts["attempts"], out / "past-tense.svg")
    result = replace(result, files=[str(out / "attempts.jsonl"), chart, str(out / "result.json")])
    write_atomic(out / "result.json", json.dumps(result.to_json(), ensure_ascii=False, indent=1, allow_nan=False))
    return result
