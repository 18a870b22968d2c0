"""Progress as plain lines, for a log file: no bar, no colours, nothing that moves a cursor."""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from dataclasses import dataclass, field

from hansei.core.errors import visible

PAUSE, LATER, LATE = 10.0, 60.0, 600.0
"""Seconds between two lines; `LATER` of them once the process is `LATE` old."""
WINDOW = 6
"""Time left is told from the rate since so many lines ago."""


@dataclass(eq=False)
class Phase:
    """One piece of work that goes on."""

    label: str
    """What is done."""
    total: int | None
    """How much there is to do, where that is known."""
    began: float
    """When, in seconds of the monotonic clock."""
    done: int = 0
    """How much is done."""
    marks: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=WINDOW))
    """When it was told of, and how much was done then."""

    def news(self, now: float) -> str:
        """How far it is, such as `train sft: 40 of 160, 12 s, about 36 s left`."""
        of = "" if self.total is None else f" of {self.total}"
        left = self._left(now)
        self.marks.append((now, self.done))
        after = "" if left is None else f", about {duration(left)} left"
        return f"{self.label}: {self.done}{of}, {duration(now - self.began)}{after}"

    def _left(self, now: float) -> float | None:
        """Seconds; None before the second line, as a resumed piece of work starts with a leap."""
        if self.total is None or not self.marks or self.done >= self.total:
            return None
        since, before = self.marks[0]
        return (self.total - self.done) * (now - since) / (self.done - before) if self.done > before else None


class Lines:
    """Tells every `PAUSE` seconds how far the phases are that go on, and when one that it told of is over.

    Work that is over sooner says nothing, but many short phases, one after another, do: the clock is the process's.
    The methods are those of rich's Progress. The lines come from a thread, as a phase may do one thing for minutes.
    """

    began = told = time.monotonic()

    def __init__(self) -> None:
        self.phases: dict[int, Phase] = {}
        self.lock = threading.Lock()
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._tell, name="progress", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self.thread.start()

    def stop(self) -> None:
        """Ends it."""
        self.over.set()
        self.thread.join()

    def add_task(self, label: str, total: int | None) -> int:
        """A phase begins; returns its number."""
        phase = Phase(label, total, time.monotonic())
        with self.lock:
            self.phases[id(phase)] = phase
        return id(phase)

    def advance(self, task: int, done: int) -> None:
        """So much more of a phase is done."""
        with self.lock:
            self.phases[task].done += done

    def remove_task(self, task: int) -> None:
        """A phase ends, be it done or left."""
        with self.lock:
            phase = self.phases.pop(task)
            if phase.marks:
                _print(phase.news(time.monotonic()))

    def _tell(self) -> None:
        while not self.over.wait(max(0.0, self._due() - time.monotonic())):
            now = Lines.told = time.monotonic()
            with self.lock:
                if self.phases:
                    _print("; ".join(phase.news(now) for phase in self.phases.values()))

    def _due(self) -> float:
        """When the next line is due, by the monotonic clock."""
        return Lines.told + (PAUSE if Lines.told - Lines.began < LATE else LATER)


def duration(seconds: float) -> str:
    """A time as people say it: `40 s`, `12 min`, `3.5 h`."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _print(line: str) -> None:
    try:
        print(f"hansei: {visible(line)}", file=sys.stderr, flush=True)
    except (OSError, ValueError):  # the log's disk is full, or it was closed: that is no reason to end the work
        return
