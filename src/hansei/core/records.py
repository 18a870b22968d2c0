"""The nouns: what flows from prompts to a comparison. Frozen, JSON-able, one docstring a field."""

from __future__ import annotations

import dataclasses
import functools
import math
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

Split = Literal["train", "validation", "heldout"]
Expected = Literal["refuse", "answer"]
Outcome = Literal["pass", "fail", "unscored", "error"]
Behaviour = Literal["answered", "refused", "partial", "garbled", "truncated"]
Finish = Literal["stop", "length", "error"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    """Who speaks."""
    content: str
    """What is said."""


Chat = tuple[Message, ...]
"""A conversation, oldest turn first; the model speaks next."""


def user(*turns: str) -> Chat:
    """A conversation of alternating turns that starts with the user: user, assistant, user …"""
    roles: tuple[Literal["user", "assistant"], ...] = ("user", "assistant")
    return tuple(Message(roles[i % 2], text) for i, text in enumerate(turns))


def as_dicts(chat: Chat) -> list[dict[str, str]]:
    """The conversation as the list of dictionaries that chat templates, TRL and endpoints take."""
    return [{"role": m.role, "content": m.content} for m in chat]


@dataclass(frozen=True, slots=True)
class Prompt:
    """A request, and what is known about it."""

    id: str
    """Unique in its file or town."""
    messages: Chat
    """The conversation that the model is to continue."""
    split: Split = "train"
    """Lessons come from `train`, settings are chosen on `validation`, proof is on `heldout`."""
    expected: Expected | None = None
    """Whether a good model refuses or answers; None where nobody said."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Labels: `suite` (request, past, future, hijack, capability), `category`, `entity`, `tense` …"""
    truth: Mapping[str, Any] | None = None
    """What an exact judge needs to know; JSON-able."""
    reference: str | None = None
    """A good answer, where the data has one."""
    mistake: str | None = None
    """A bad answer, where the data has one."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How an answer is drawn."""

    temperature: float = 0.0
    """0 is greedy decoding."""
    top_p: float = 1.0
    """Share of the probability mass that is sampled from."""
    max_new_tokens: int = 256
    """Longest answer, in tokens."""
    seed: int = 0
    """Seed of the draw; without effect at temperature 0."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One step on the way to an answer: what a model was asked and said, or what was done without a model."""

    label: str
    """What it was for: `notes`, `answer`, `branch 2`; without a model `program`, `retrieval`, `filter` …"""
    asked: Chat
    """The conversation as it was sent; empty for a step without a model."""
    rendered: str
    """Exactly the text that the model read, template included; for an endpoint the messages as JSON."""
    text: str
    """What the model said, without reasoning, or what the step gave."""
    sampling: Sampling | None = None
    """How the reply was drawn; None for a step without a model."""
    finish: Finish = "stop"
    """As in an attempt."""
    prompt_tokens: int = 0
    """Tokens read."""
    completion_tokens: int = 0
    """Tokens written, reasoning included."""
    reasoning: str = ""
    """Reasoning text of a reasoning model."""
    seconds: float = 0.0
    """Time it took: a reply's share of its batch."""
    error: str | None = None
    """What went wrong, in one line."""
    model: str = ""
    """Fingerprint of the model that was asked, where it is another than the attempt's."""

    @property
    def by_model(self) -> bool:
        """Whether a model was asked."""
        return bool(self.asked)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One model's one answer to one prompt, or the error that came instead. Append-only."""

    id: str
    """Content key of all that the answer depends on."""
    prompt_id: str
    """The prompt it answers."""
    model: str
    """Fingerprint of the model."""
    method: str
    """Answering method: `plain`, `guided` …"""
    sampling: Sampling
    """How the answer was drawn."""
    number: int
    """0 for the first answer to the prompt, 1 for the second …"""
    asked: Chat
    """The conversation as it was sent, so that it can be replayed."""
    text: str
    """The answer, without reasoning; empty where there was an error."""
    finish: Finish
    """`stop` at an end token, `length` at the limit, `error` where no answer came."""
    prompt_tokens: int = 0
    """Tokens read."""
    completion_tokens: int = 0
    """Tokens written, reasoning included."""
    reasoning: str = ""
    """Reasoning text of a reasoning model, kept apart from the answer."""
    error: str | None = None
    """What went wrong, in one line."""
    trace: tuple[Exchange, ...] = ()
    """The steps to the answer, where a method took several; empty where `asked` was all."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One judge's word on one attempt."""

    attempt_id: str
    """The attempt it is about."""
    judge: str
    """Who judged."""
    judge_version: str
    """Version of the judge's rules or prompts."""
    outcome: Outcome
    """`unscored` where the judge could not be understood, `error` where there was no answer to judge."""
    behaviour: Behaviour | None = None
    """What the answer does, whether or not that is right; None where unknown."""
    score: float | None = None
    """How good the answer is, 0 to 1; None where the judge gives none."""
    rationale: str = ""
    """Why, in the judge's words."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """An answer that a judge has confirmed as a fail; over-refusal is one too."""

    id: str
    """Content key."""
    prompt_id: str
    """The prompt that was answered badly."""
    asked: Chat
    """The conversation before the bad answer, without any hint that induced it."""
    text: str
    """The bad answer."""
    source: Literal["data", "model", "induced"]
    """From the data, from the model asked plainly, or from the model asked for a bad answer."""
    behaviour: Behaviour | None = None
    """What the bad answer does; `refused` marks over-refusal."""
    rationale: str = ""
    """The judge's reason."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """An explanation of a mistake."""

    mistake_id: str
    """The mistake it explains."""
    analyst: str
    """Fingerprint or name of who explained."""
    guided: bool
    """Whether the analyst was told that the answer is bad."""
    text: str
    """The explanation."""
    right: bool | None = None
    """Whether the explanation is right, where the truth is known."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """A training record in one of TRL's dataset formats; loss falls on the last turn only."""

    id: str
    """Content key."""
    prompt: Chat
    """What the model sees; nothing in it is trained on."""
    completion: str | None = None
    """What the model is to say (SFT)."""
    chosen: str | None = None
    """The better answer (preference)."""
    rejected: str | None = None
    """The worse answer (preference)."""
    label: bool | None = None
    """Whether `completion` is good (KTO)."""
    mistakes: tuple[str, ...] = ()
    """Ids of the mistakes that the lesson came from."""
    prompt_id: str = ""
    """The prompt it came from, for the overlap check."""
    purpose: str = "answer"
    """`answer`, `analysis`, `keep`, `fact`, `revision` … : what the lesson is for."""


@dataclass(frozen=True, slots=True)
class Student:
    """A checkpoint folder in Hugging Face format."""

    path: str
    """The folder: full weights or a PEFT adapter."""
    parent: str
    """Fingerprint of the model that was taught."""
    method: str
    """How it was taught."""
    lessons_hash: str
    """Content key of its lessons and settings."""
    adapter: bool = False
    """True for a PEFT adapter."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured number with its interval: `{"value", "low", "high", "n"}`."""

    value: float | None
    """The estimate; None where n is 0."""
    low: float | None
    """Lower end of the interval (95% unless said otherwise)."""
    high: float | None
    """Upper end."""
    n: int
    """What it was computed from: items, or items times seeds."""
    per_seed: tuple[float | None, ...] = ()
    """The value of each seed, where there are several."""


Record = TypeVar("Record")


def to_json(record: Any) -> Any:
    """A record as plain JSON values: dataclasses and mappings as dictionaries, tuples as lists.

    Raises TypeError at anything that JSON has no exact form for (a path, an array, a key that is no
    string) and ValueError at NaN or an infinity: what is stored must come back as it went in.
    """
    if record is None or isinstance(record, (str, bool, int)):
        return record
    if isinstance(record, float):
        if not math.isfinite(record):
            raise ValueError(f"{record} has no form in JSON; use None where there is no value")
        return record
    if isinstance(record, (list, tuple)):
        return [to_json(item) for item in record]
    if isinstance(record, Mapping):
        return {_text(name): to_json(item) for name, item in record.items()}
    if dataclasses.is_dataclass(record) and not isinstance(record, type):
        return {name: to_json(getattr(record, name)) for name in _fields(type(record))}
    raise TypeError(f"{type(record).__name__} has no form in JSON: {record!r:.80}")


def _text(name: Any) -> str:
    if not isinstance(name, str):
        raise TypeError(f"a key in JSON is a string, not {type(name).__name__}: {name!r:.80}")
    return name


@functools.cache
def _fields(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))


@functools.cache
def _hints(kind: Any) -> dict[str, Any]:
    """Resolved annotations; cached, as resolving them costs more than building a record."""
    return typing.get_type_hints(kind)


def from_json(kind: type[Record], value: Any) -> Record:
    """The record of type `kind` that `to_json` wrote.

    Raises ValueError at an unknown or missing field: a record of another version is never half-read.
    """
    made: Record = _build(kind, value)
    return made


def _build(kind: Any, value: Any) -> Any:
    origin = typing.get_origin(kind)
    if dataclasses.is_dataclass(kind):
        hints = _hints(kind)  # type: ignore[arg-type]
        unknown = set(value) - set(hints)
        if unknown:
            raise ValueError(f"unknown field {sorted(unknown)[0]!r} in a {kind.__name__}")  # type: ignore[union-attr]
        try:
            return kind(**{name: _build(hints[name], item) for name, item in value.items()})  # type: ignore[operator]
        except TypeError as error:
            raise ValueError(str(error)) from error
    if value is not None and origin in (typing.Union, types.UnionType):
        options = [o for o in typing.get_args(kind) if o is not type(None)]
        return _build(options[0], value) if len(options) == 1 else value
    if origin is tuple and value is not None:
        return tuple(_build(typing.get_args(kind)[0], item) for item in value)
    return value


def by_id(records: Iterable[Record]) -> dict[str, Record]:
    """Records by their `id`."""
    return {r.id: r for r in records}  # type: ignore[attr-defined]
