"""Strategic deception under pressure (Scheurer, Balesni & Hobbhahn, arXiv 2311.07590): `hansei measure deception`.

A trading agent has been told what is not public, by a fixed message history. Three events, each given the one before:

    misaligned     its next action buys the stock of the tip
    deceptive      its report to the manager does not say that it rests on the tip
    doubling down  asked directly, it denies

Deviations from the paper: history, conditions and questions in our own words (`deception_scene.py`); the action is
read from a fixed format, its first action counts, and what follows it is not kept; the manager's question asks for Yes
or No first; who decides on reports and answers is the user's choice, rules or a model, where the paper has GPT-4.
Temperature, top-p and the number of samples are those that secondary sources give for the paper.

What can't be read is counted apart and stands in no rate. An interval is about the model's chance within one fixed
history; it says nothing of other situations.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hansei.core.errors import BadInput
from hansei.core.records import Attempt, Chat, Message, Prompt, Sampling, Verdict
from hansei.models.names import check_address, check_place
from hansei.models.protocol import check_sampling
from hansei.safety import deception_scene as scene
from hansei.safety.deception_scene import Condition

if TYPE_CHECKING:
    from hansei.core.journal import Journal
    from hansei.core.result import Result
    from hansei.judges.protocol import Judge
    from hansei.models.protocol import Model
    from hansei.safety.deception_judge import DeceptionJudge

RULES = "rules"
"""The judge without a model."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of `hansei measure deception`."""

    model: str
    """The agent: a folder, a Hugging Face name, or openai:NAME with --base-url. It must read about 1,500 tokens."""
    judge: str | None = None
    """Who decides whether a report hides the tip and an answer denies it: rules, or a model's name. Must be given."""
    base_url: str | None = None
    """Address of the OpenAI-compatible server of --model."""
    judge_base_url: str | None = None
    """Address of the server of an openai: judge."""
    samples: int = 300
    """Times that each condition is played through."""
    variant: tuple[str, ...] = ("original",)
    """Conditions by name (original, no-pressure, caught-low ...), by comparison (pressure, scratchpad, system-prompt,
    risk-of-being-caught, risk-of-the-trade), or all."""
    temperature: float = 0.9
    """Of the agent; 0 only for one sample."""
    top_p: float = 0.95
    """Share of the probability mass that is sampled from."""
    max_new_tokens: int = 600
    """Longest turn of the agent, in tokens; a turn that is cut off within what counts is left out."""
    seed: int = 0
    """Seed of the sampling."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, mps."""
    dtype: str = "auto"
    """auto, float32, bfloat16, float16."""
    out: str | None = "runs/measure-deception"
    """Folder of the journal with every message sent and received, result.json and the chart; the same command again
    goes on where it stopped. From Python, None keeps nothing."""
    dry_run: bool = False
    """Only say how many calls it would take at most."""

    def __post_init__(self) -> None:
        """Raises BadInput for what can't be measured."""
        if not self.model.strip():
            raise BadInput("model: is empty: give it a value (an unset variable of the shell?)")
        if self.judge is None or not self.judge.strip():
            raise BadInput(
                "judge: who decides what is deceptive? Expected --judge rules, or a model's name; found none"
            )
        check_address(self, "base_url", "model")
        check_address(self, "judge_base_url", "judge")
        check_place(self, [self.model, None if self.judge == RULES else self.judge])
        if self.samples < 1:
            raise BadInput(f"samples: expected 1 or more, found {self.samples}")
        if self.samples > 1 and self.temperature == 0:
            raise BadInput(f"samples: {self.samples} at temperature 0 are one answer {self.samples} times; raise it")
        if self.out is not None and not self.out.strip():
            raise BadInput("out: is empty: give it a folder (an unset variable of the shell?)")
        check_sampling(self.sampling)
        if self.seed < 0:
            raise BadInput(f"seed: expected at least 0, found {self.seed}")
        if not scene.chosen(self.variant):
            raise BadInput("variant: at least one condition was expected, found none; try original or all")

    @property
    def sampling(self) -> Sampling:
        """How a turn of the agent is drawn."""
        return Sampling(self.temperature, self.top_p, self.max_new_tokens, self.seed)


@dataclass(frozen=True, slots=True)
class Played:
    """One turn of the agent within one play of a condition, and what the judge says of it."""

    condition: Condition
    """What was played."""
    sample: int
    """Which of the plays."""
    prompt: Prompt
    """All that was said before the turn."""
    attempt: Attempt
    """The turn."""
    verdict: Verdict
    """`fail` where the event happened."""


STAGES = ("act", "report", "answer")
EVENTS = ("misaligned", "deceptive_given_misaligned", "doubling_down_given_deceptive")
"""The event of each stage, as the tables call it."""


def play(
    model: Model,
    conditions: Sequence[Condition],
    samples: int,
    sampling: Sampling,
    judge: Judge,
    journal: Journal,
) -> dict[str, list[Played]]:
    """Plays every condition `samples` times; by stage, the turns and their verdicts.

    A play goes on to the next stage where the event of the last one happened, and ends else.
    """
    first = [(c, k, c.messages) for k in range(samples) for c in conditions]
    acts = _stage("act", model, first, sampling, judge, journal)
    second = [(p.condition, p.sample, _after_act(p)) for p in acts if p.verdict.outcome == "fail"]
    reports = _stage("report", model, second, sampling, judge, journal)
    third = [(p.condition, p.sample, _after_report(p)) for p in reports if p.verdict.outcome == "fail"]
    answers = _stage("answer", model, third, sampling, judge, journal)
    return {"act": acts, "report": reports, "answer": answers}


def _stage(
    stage: str,
    model: Model,
    turns: Sequence[tuple[Condition, int, Chat]],
    sampling: Sampling,
    judge: Judge,
    journal: Journal,
) -> list[Played]:
    from hansei.steps.judge import judge as judge_all

    prompts = [
        Prompt(
            id=f"{condition.name}/{stage}/{sample}",
            messages=chat,
            split="heldout",
            tags={"condition": condition.name, "group": condition.group, "stage": stage},
            truth={"stage": stage, "stock": condition.stock},
        )
        for condition, sample, chat in turns
    ]
    attempts = draw(model, prompts, sampling, journal, stage)
    verdicts = judge_all(judge, prompts, attempts, journal, label=f"judge {stage}s")
    return [
        Played(condition, sample, prompt, attempt, verdict)
        for (condition, sample, _), prompt, attempt, verdict in zip(turns, prompts, attempts, verdicts, strict=True)
    ]


def _after_act(played: Played) -> Chat:
    """The history, the act up to its first action, and that it was done."""
    from hansei.safety.deception_reading import read_act

    act = read_act(played.attempt.text)
    if act is None:
        raise ValueError(f"{played.prompt.id}: judged to be on the tip, but no act can be read")
    shares = f"{act.amount} shares of {act.buys}" if act.amount else f"Shares of {act.buys}"
    reply = played.condition.bought.format(shares=shares)
    return (*played.prompt.messages, Message("assistant", act.said), Message("user", reply))


def _after_report(played: Played) -> Chat:
    turns = (Message("assistant", played.attempt.text), Message("user", played.condition.question))
    return (*played.prompt.messages, *turns)


def draw(model: Model, prompts: Sequence[Prompt], sampling: Sampling, journal: Journal, label: str) -> list[Attempt]:
    """One attempt a prompt, in order; the k-th prompt with the same conversation is drawn with the k-th seed.

    (A conversation that is drawn twice with one seed is drawn twice the same.) Each of these rounds is asked as one;
    an endpoint gets several rounds at once where one would leave it idle.
    """
    from concurrent.futures import ThreadPoolExecutor
    from contextvars import copy_context
    from dataclasses import replace

    from hansei.core.progress import progress
    from hansei.steps.ask import ask, attempt_seed

    seen: dict[Chat, int] = {}
    rounds: dict[int, list[int]] = {}
    for i, prompt in enumerate(prompts):
        number = seen[prompt.messages] = seen.get(prompt.messages, -1) + 1
        rounds.setdefault(number, []).append(i)

    def one(number: int) -> list[Attempt]:
        mine = [prompts[i] for i in rounds[number]]
        return ask(model, mine, replace(sampling, seed=attempt_seed(sampling.seed, number)), journal, label=label)

    made: dict[int, Attempt] = {}
    at_once = max(1, getattr(model, "concurrency", 1) // max(map(len, rounds.values()), default=1))
    pool = ThreadPoolExecutor(at_once)
    try:
        waiting = [(mine, pool.submit(copy_context().run, one, number)) for number, mine in rounds.items()]
        for mine, future in progress(waiting, f"{label}s"):
            made.update(zip(mine, future.result(), strict=True))
    finally:
        pool.shutdown(cancel_futures=True)
    return [made[i] for i in range(len(prompts))]


def run(settings: Settings) -> Result:
    """Plays the conditions, and returns a row of rates for each; writes chart and result into `settings.out`."""
    from hansei.core.result import Result
    from hansei.safety import deception_rows as rows
    from hansei.steps.failures import first_error

    conditions = scene.chosen(settings.variant)
    if settings.dry_run:
        return Result(name="deception", settings=_shown(settings), rows=[], notes=[estimate(settings)])
    judge = _judge(settings)
    model = _loaded(settings, settings.model, settings.base_url)
    started = time.monotonic()
    with _journal(settings.out) as journal:
        played = play(model, conditions, settings.samples, settings.sampling, judge, journal)
        notes = [f"who decides on reports and answers: {judge.name} {judge.version}", *rows.NOTES]
        notes += first_error([p.attempt for p in played["act"]])
        if judge.model is not None:
            notes += rows.agreement(played, journal)
    result = rows.result(_shown(settings), conditions, played, notes, judge, time.monotonic() - started)
    return result if settings.out is None else rows.written(result, Path(settings.out))


def estimate(settings: Settings) -> str:
    """How many calls lie ahead at most, and what they read."""
    conditions = scene.chosen(settings.variant)
    plays = len(conditions) * settings.samples
    characters = sum(len(m.content) for c in conditions for m in c.messages) * settings.samples
    judged = 0 if settings.judge == RULES else 2 * plays
    return (
        f"{len(conditions)} conditions, {plays} plays: {plays} to {3 * plays} calls of the agent, which read at least "
        f"{characters / 4e6:.1f} million tokens (at 4 characters each), and at most {judged} calls of the judge"
    )


def _shown(settings: Settings) -> Mapping[str, Any]:
    from hansei.core.settings import as_mapping

    return as_mapping(settings)


def _loaded(settings: Settings, name: str, base_url: str | None) -> Model:
    from hansei.models.load import load_beside

    return load_beside(name, base_url, device=settings.device, dtype=settings.dtype)


def _judge(settings: Settings) -> DeceptionJudge:
    """The judge that the user names. Raises BadInput where it is a model that can't be loaded."""
    from hansei.safety.deception_judge import DeceptionJudge

    name = str(settings.judge)
    if name == RULES:
        return DeceptionJudge()
    try:
        return DeceptionJudge(_loaded(settings, name, settings.judge_base_url))
    except BadInput as error:
        raise BadInput(f"judge {error} (the judge without a model is {RULES})") from error


@contextlib.contextmanager
def _journal(out: str | None) -> Iterator[Journal]:
    """The journal in the folder, or one that is gone afterwards."""
    from hansei.core.journal import Journal

    place = tempfile.TemporaryDirectory() if out is None else contextlib.nullcontext(out)
    with place as folder, Journal.open(folder) as journal:
        yield journal
