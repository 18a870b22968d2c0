"""How far work has come, on stderr, so that output stays clean: a bar on a terminal, plain lines in a log file."""

from __future__ import annotations

import contextlib
import multiprocessing
import sys
from collections.abc import Callable, Iterable, Iterator, Sized
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

from hansei.core.progress_lines import Lines

if TYPE_CHECKING:
    from rich.progress import Progress

Item = TypeVar("Item")

_shown: ContextVar[Any] = ContextVar("shown", default=None)
"""The bars on the screen, or the Lines; an inner bar joins them, as a terminal has room for one live display."""


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

    Where stderr is no terminal, work of more than 10 s says how far it is in lines. Silent in the processes of a
    pool: the one that waits for them shows how many of their tasks are done.
    """
    if multiprocessing.parent_process() is not None:
        yield lambda done: None
        return
    bars = _shown.get()
    token = None
    if bars is None:
        bars = _bars() if sys.stderr.isatty() else Lines()
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
