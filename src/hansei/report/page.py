"""What a report page shows, as plain data: whoever has the data of a run fills a `RunPage`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from hansei.core.records import Behaviour, Chat, Figure, Outcome

Change = Literal["mended", "worsened", "still wrong", "still right", "undecided"]


@dataclass(frozen=True)
class Measure:
    """How a metric is named and read."""

    label: str
    """For people."""
    better: Literal["higher", "lower", ""]
    """Which direction is good; empty for neither."""
    says: str
    """One line that a stranger understands."""
    percent: bool = True
    """Whether it is a share, shown in per cent."""


MEASURES: Mapping[str, Measure] = {
    "harmless_rate": Measure("Harmless", "higher", "dangerous requests answered without harm"),
    "helpful_rate": Measure("Helpful", "higher", "safe requests answered rightly"),
    "over_refusal": Measure("Over-refusal", "lower", "safe requests that only sound dangerous, refused"),
    "past_tense_success": Measure("Past-tense attack", "lower", "dangerous requests put in the past that got help"),
    "future_tense_success": Measure(
        "Future-tense attack", "lower", "dangerous requests put in the future that got help"
    ),
    "goal_hijack_success": Measure("Goal hijacking", "lower", "instructions smuggled into a text and obeyed"),
    "accuracy": Measure("Other abilities", "higher", "questions of the capability file answered rightly"),
    "exact_match": Measure("Right answers", "higher", "questions answered rightly"),
    "calls": Measure("Calls a question", "lower", "mean number of times that the model was asked", percent=False),
    "tokens_read": Measure("Tokens read", "lower", "mean number of tokens that the model read", percent=False),
    "harmless_helpful": Measure(
        "Harmless-helpful",
        "higher",
        "mean score of answers to dangerous requests, 0 to 1",
        percent=False,
    ),
    "tokens": Measure("Tokens an answer", "", "mean length of an answer", percent=False),
}
"""The metrics that a run can hold, in the order in which they are shown."""


@dataclass(frozen=True)
class Row:
    """One line of the comparison: a model, or a model with an answering method."""

    name: str
    """`before`, `after`, `sft` …"""
    figures: Mapping[str, Figure]
    """By metric name."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """Answers, errors, unscored, refused, partial, garbled, truncated …"""


@dataclass(frozen=True)
class Difference:
    """The paired change of a metric from the first row to another, on the same prompts."""

    metric: str
    """The metric's name."""
    figure: Figure
    """The difference, with its interval; shares as shares (0.1 is ten points)."""
    p: float | None = None
    """Of the paired test; None where there is none."""


@dataclass(frozen=True)
class Said:
    """An answer and the judge's word on it."""

    text: str
    """The answer."""
    outcome: Outcome
    """The judge's verdict."""
    behaviour: Behaviour | None = None
    """What the answer does."""
    rationale: str = ""
    """Why."""
    score: float | None = None
    """0 to 1; None where the judge gives none."""


@dataclass(frozen=True)
class Pair:
    """The answers to one held-out prompt before and after."""

    prompt_id: str
    """The prompt."""
    prompt: Chat
    """What was asked."""
    before: Said
    """The first model's answer."""
    after: Said
    """The taught model's answer."""
    expected: str | None = None
    """`refuse` or `answer`, where known."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Suite, category, phrasing …"""

    @property
    def change(self) -> Change:
        """What became of the answer; `undecided` where either has neither passed nor failed."""
        changes: dict[tuple[str, str], Change] = {
            ("fail", "pass"): "mended",
            ("pass", "fail"): "worsened",
            ("fail", "fail"): "still wrong",
            ("pass", "pass"): "still right",
        }
        return changes.get((self.before.outcome, self.after.outcome), "undecided")


@dataclass(frozen=True)
class Explained:
    """An analysis of a mistake."""

    analyst: str
    """Who explained it."""
    text: str
    """The explanation."""
    guided: bool = False
    """Whether the analyst was told that the answer is bad."""
    right: bool | None = None
    """Whether the explanation is right, where the truth is known."""


@dataclass(frozen=True)
class Error:
    """A mistake of the first model, what was made of it, and what became of it."""

    prompt: Chat
    """What was asked."""
    said: Said
    """The bad answer."""
    source: str = "model"
    """`data`, `model` or `induced`."""
    analyses: tuple[Explained, ...] = ()
    """Its explanations."""
    reasked: Said | None = None
    """The taught model's answer to the same prompt; None where it was not asked again."""
    dropped: str = ""
    """Why no lesson came of it; empty where one did."""


@dataclass(frozen=True)
class Example:
    """A lesson: what the model saw, and what it was to say."""

    prompt: Chat
    """Seen, not trained on."""
    completion: str
    """Trained on."""
    rejected: str | None = None
    """The worse answer of a preference lesson."""


@dataclass(frozen=True)
class Lessons:
    """The lessons of one purpose."""

    purpose: str
    """`answer`, `analysis`, `keep` …"""
    n: int
    """How many."""
    examples: tuple[Example, ...] = ()
    """Some of them."""


@dataclass(frozen=True)
class Step:
    """One step on the way to an answer."""

    label: str
    """What it was for."""
    rendered: str
    """Exactly what the model read; empty for a step without a model."""
    text: str
    """What it wrote, or what the step gave; the error where none came."""
    tokens: str
    """How many it read and wrote, in words; empty for a step without a model."""


@dataclass(frozen=True)
class Traced:
    """A question, the steps that an answering method took, and the answer."""

    prompt_id: str
    """The question."""
    prompt: Chat
    """What was asked."""
    said: Said
    """The answer."""
    steps: tuple[Step, ...]
    """How it came about."""


@dataclass(frozen=True)
class Told:
    """An answer that stands alone: beside no other one, and no mistake that was picked."""

    row: str
    """Whose it is."""
    prompt: Chat
    """What was asked."""
    said: Said
    """The answer, or the error that came instead."""


@dataclass(frozen=True)
class Shared:
    """What lessons and held-out prompts have in common."""

    lessons: int
    """Lessons compared."""
    prompts: int
    """Held-out prompts compared."""
    exact: int
    """Pairs with the same normalised text."""
    ngrams: int
    """Pairs that share a run of 13 words."""
    entities: int
    """Entities that occur in both."""


@dataclass(frozen=True)
class RunPage:
    """All that the report of a run shows."""

    title: str
    """The page's heading."""
    models: Mapping[str, str]
    """Row name to the model's name or folder."""
    rows: tuple[Row, ...]
    """The comparison, in the order in which it is shown."""
    compared: tuple[str, str] = ("before", "after")
    """Names of the two rows that `differences` and `pairs` are about."""
    differences: tuple[Difference, ...] = ()
    """The second compared row minus the first, paired."""
    pairs: tuple[Pair, ...] = ()
    """Answers before and after."""
    told: tuple[Told, ...] = ()
    """Where answers are not compared in pairs, or other tools got several to a prompt: those that are no mistakes."""
    traces: tuple[Traced, ...] = ()
    """Questions that were answered in steps."""
    mistakes: tuple[Error, ...] = ()
    """Mistakes of the first model that lessons came from, or were to."""
    lessons: tuple[Lessons, ...] = ()
    """What was taught."""
    dropped: Mapping[str, int] = field(default_factory=dict)
    """What was left out on the way, mistakes without a lesson among it: reason to number."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """What else was counted on the way."""
    overlap: Shared | None = None
    """None where nothing was taught."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What the run was asked for."""
    judge: str = ""
    """Who judged."""
    judge_version: str = ""
    """Version of the judge."""
    seeds: tuple[int, ...] = ()
    """Seeds of the run."""
    version: str = ""
    """Of hansei."""
    seconds: float | None = None
    """Wall-clock time of the run."""
