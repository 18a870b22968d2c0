"""What a run would take: calls, tokens, time and cost. Nothing is asked for it, and nothing is written.

Calls and tokens are upper bounds: every training prompt a mistake, every answer as long as it may be; a token is taken
as four characters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hansei.core.progress_lines import duration
from hansei.core.records import Chat, Prompt
from hansei.loop.speed import answering, measured, size_of
from hansei.models.names import ENDPOINT
from hansei.steps.prices import Price

AT_ONCE, STREAM = 8, 50.0
"""Answers that an endpoint writes at once, and tokens a second of each: what its time is reckoned with."""
ROWS = 256
"""Answers that a local model writes at once."""


@dataclass(frozen=True)
class Work:
    """What is asked of one model, at most."""

    calls: int = 0
    """Answers."""
    read: int = 0
    """Tokens of what it is asked."""
    written: int = 0
    """Tokens of its answers."""
    steps: int = 0
    """Tokens that a local model writes one after the other, a whole batch at each."""

    def __add__(self, other: Work) -> Work:
        return Work(*(a + b for a, b in zip(self._parts, other._parts, strict=True)))

    def __mul__(self, times: int) -> Work:
        return Work(*(times * part for part in self._parts))

    @property
    def _parts(self) -> tuple[int, int, int, int]:
        return self.calls, self.read, self.written, self.steps


@dataclass(frozen=True)
class Load:
    """One model's part of a run, or a training."""

    who: str
    """model, analyst, judge, student, training … : what it is here."""
    name: str
    """Which model."""
    work: Work
    """What it is asked; nothing for a training."""
    seconds: float | None
    """About how long it takes; None where that is unknown."""
    dollars: float | None
    """What it costs at most; None where nobody charges for it, or the price is unknown."""
    charge: str
    """The cost in words."""


@dataclass(frozen=True)
class Estimate:
    """What a run would take. `str()` is a table."""

    counts: Mapping[str, int]
    """Prompts and training steps."""
    loads: Sequence[Load]
    """By model."""
    said: Sequence[str]
    """What the figures rest on."""

    @property
    def seconds(self) -> float | None:
        """All parts, one after the other; None where one is unknown."""
        parts = [load.seconds for load in self.loads]
        return None if None in parts else sum(part for part in parts if part is not None)

    @property
    def charge(self) -> str:
        """What all of it costs, in words."""
        if any(load.charge.startswith("unknown") for load in self.loads):
            return "unknown"
        dollars = [load.dollars for load in self.loads if load.dollars is not None]
        return _money(sum(dollars)) if dollars else "no charge"

    @property
    def bill(self) -> str:
        """The cost in a line, by model."""
        parts = [f"{load.who} {load.charge}" for load in self.loads if load.name.startswith(ENDPOINT)]
        return f"cost, at most: {self.charge} ({'; '.join(parts) or 'no endpoint is asked'})"

    def __str__(self) -> str:
        head = ("", "calls", "tokens read", "tokens written", "time", "cost")
        rows = [
            (f"{x.who} ({x.name})", *_counts(x.work), _time(x.seconds), x.charge.partition(":")[0]) for x in self.loads
        ]
        whole = sum((load.work for load in self.loads), Work())
        rows.append(("all", *_counts(whole), _time(self.seconds), self.charge))
        table = [head, *rows]
        wide = [max(len(row[i]) for row in table) for i in range(len(head))]
        lines = [
            row[0].ljust(wide[0]) + "".join(c.rjust(w + 2) for c, w in zip(row[1:], wide[1:], strict=True))
            for row in table
        ]
        counts = [f"{n:>12,} {name}" for name, n in self.counts.items()]
        why = [f"{x.who}: cost {x.charge}" for x in self.loads if ":" in x.charge]
        return "\n".join([*counts, "", *lines, "", *dict.fromkeys([*why, *self.said])])

    def to_json(self) -> dict[str, Any]:
        """The same figures; `dollars` and `seconds` are null where they are unknown, and `cost` says why."""
        parts = [
            {"who": x.who, "model": x.name, **_named(x.work)}
            | {"seconds": x.seconds, "dollars": x.dollars, "cost": x.charge}
            for x in self.loads
        ]
        whole = _named(sum((load.work for load in self.loads), Work()))
        known = [load.dollars for load in self.loads if load.dollars is not None]
        total = {"seconds": self.seconds, "dollars": sum(known) if known and self.charge != "unknown" else None}
        return {"dry_run": True, "counts": dict(self.counts)} | whole | total | {"cost": self.charge, "parts": parts}


@dataclass(frozen=True)
class Part:
    """A model and what is asked of it, before time and cost are reckoned."""

    who: str
    """model, analyst, judge or student."""
    name: str
    """Which model."""
    work: Work
    """What it is asked."""
    option: str
    """The setting of its price."""
    price: Price | None
    """Dollars per million tokens read and written; None where nobody said."""


def asked(prompts: Sequence[Prompt], longest: int, more: int = 0) -> Work:
    """One answer to each prompt, with `more` tokens after its own."""
    batches = -(-len(prompts) // ROWS)
    read = sum(tokens(p.messages) + more for p in prompts)
    return Work(len(prompts), read, len(prompts) * longest, batches * longest)


def reckon(parts: Iterable[Part], counts: Mapping[str, int], device: str) -> Estimate:
    """Time and cost of the parts that are asked anything."""
    loads = [
        Load(part.who, part.name, part.work, _seconds(part, device), *_charged(part))
        for part in parts
        if part.work.calls
    ]
    said = ["calls and tokens: at most, a token taken as four characters"]
    if any(load.name.startswith(ENDPOINT) for load in loads):
        said.append(f"time of endpoints: at {AT_ONCE} answers at once, {STREAM:g} tokens/s each")
    if any(not load.name.startswith(ENDPOINT) for load in loads):
        said.append("time of local models: about, from their size and the speed of this machine just now")
        missing = {load.name for load in loads if load.seconds is None}
        said += [f"{name}: not on this machine yet, so its time is unknown" for name in sorted(missing)]
        said.append("local models: no charge")
    return Estimate(dict(counts), loads, said)


def _seconds(part: Part, device: str) -> float | None:
    if part.name.startswith(ENDPOINT):
        return part.work.written / (AT_ONCE * STREAM)
    size = size_of(part.name)
    if size is None:
        return None
    return answering(size, measured(device), part.work.read + part.work.written, part.work.steps)


def _charged(part: Part) -> tuple[float | None, str]:
    if not part.name.startswith(ENDPOINT):
        return None, "no charge"
    if part.price is None:
        return None, f"unknown: say {part.option} IN OUT, in dollars per million tokens read and written"
    dollars = (part.work.read * part.price[0] + part.work.written * part.price[1]) / 1e6
    return dollars, _money(dollars)


def tokens(chat: Chat) -> int:
    """About as many as a model reads."""
    return sum(len(message.content) for message in chat) // 4 + 4 * len(chat)


def _counts(work: Work) -> tuple[str, str, str]:
    return (f"{work.calls:,}", f"{work.read:,}", f"{work.written:,}") if work.calls else ("", "", "")


def _named(work: Work) -> dict[str, int]:
    return {"calls": work.calls, "prompt_tokens": work.read, "answer_tokens": work.written}


def _money(dollars: float) -> str:
    return f"${dollars:,.2f}" if dollars >= 0.1 or not dollars else f"${dollars:.2g}"


def _time(seconds: float | None) -> str:
    return "unknown" if seconds is None else duration(seconds)
