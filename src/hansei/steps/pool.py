"""Independent tasks in several processes of one thread each, every finished one kept in the journal.

Two processes of one thread are faster on two cores than one of two, and a task's numbers do not depend on its
neighbours: a task is a pure function of its description.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from hansei.core.keys import content_key
from hansei.core.progress import progress

if TYPE_CHECKING:
    from hansei.core.journal import Journal


class Pool:
    """Runs tasks in processes; use it as a context manager."""

    def __init__(self, workers: int, journal: Journal, version: str, *, model: str = "town") -> None:
        """`version` is the experiment's own, `model` the one whose weights a result depends on."""
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor

        from hansei.models.load import load

        self.journal = journal
        self.version = version
        self.fingerprint = load(model, device="cpu").fingerprint
        self.executor = ProcessPoolExecutor(
            workers, mp_context=multiprocessing.get_context("spawn"), initializer=_one_thread
        )

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self.executor.shutdown(wait=True, cancel_futures=True)

    def run(self, work: Callable[[Any], Any], tasks: Sequence[Any], label: str) -> list[Any]:
        """What `work` makes of each task, in order; what is in the journal is not made again.

        `work` is a function of a module (it is found by name in the other process) and returns JSON values.
        """
        from concurrent.futures import as_completed

        keys = [content_key("task", self.version, self.fingerprint, work.__name__, task) for task in tasks]
        results = {key: done[0] for key in keys if (done := self.journal.done(key)) is not None}
        waiting = {
            self.executor.submit(work, task): key for key, task in zip(keys, tasks, strict=True) if key not in results
        }
        for future in progress(as_completed(waiting), label, total=len(waiting)):
            key = waiting[future]
            self.journal.commit(key, work.__name__, [future.result()])
            (results[key],) = self.journal.done(key) or [None]  # as JSON has it, fresh or not
        return [results[key] for key in keys]


def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)
