"""A progress bar with rate and remaining time: on a terminal only, and on stderr, so that output stays clean."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator, Sized
from contextvars import ContextVar
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress

Item = TypeVar("Item")

_shown: ContextVar[Progress | None] = ContextVar("shown", default=None)
"""The bars on the screen; an inner bar joins them, as a terminal has room for one live display."""


def progress(items: Iterable[Item], label: str, total: int | None = None) -> Iterator[Item]:
    """The items one by one, with a bar; `total` is their number if they can't tell it."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    with counting(label, total) as advance:
        for item in items:
            yield item
            advance(1)


@contextlib.contextmanager
def counting(label: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """A bar for work that is not one by one: call the yielded function with how much is done since.

    Silent where stderr is no terminal.
    """
    if not sys.stderr.isatty():
        yield lambda done: None
        return
    bars = _shown.get()
    token = None
    if bars is None:
        bars = _bars()
        token = _shown.set(bars)
        bars.start()
    task = bars.add_task(label, total=total)
    try:
        yield lambda done: bars.advance(task, done)
    finally:
        bars.remove_task(task)
        if token is not None:
            bars.stop()
            _shown.set(None)


def _bars() -> Progress:
    from rich import progress as rich
    from rich.console import Console
    from rich.text import Text

    class Rate(rich.ProgressColumn):
        """Items a second over the last half minute."""

        def render(self, task: rich.Task) -> Text:
            return Text("" if task.speed is None else f"{task.speed:.3g}/s", style="progress.data.speed")

    return rich.Progress(
        rich.TextColumn("{task.description}", markup=False),
        rich.BarColumn(),
        rich.MofNCompleteColumn(),
        Rate(),
        rich.TimeRemainingColumn(elapsed_when_finished=True),
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=False,  # what is printed for another program goes where it was sent
    )
