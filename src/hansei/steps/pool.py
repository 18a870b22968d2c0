"""Independent tasks in several processes of one thread each, every finished one kept in the journal.

Two processes of one thread are faster on two cores than one of two, and a task's numbers do not depend on its
neighbours: a task is a pure function of its description.
"""

from __future__ import annotations

import functools
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from multiprocessing import connection
from typing import TYPE_CHECKING, Any

from hansei.core.keys import content_key
from hansei.core.progress import progress

if TYPE_CHECKING:
    from hansei.core.journal import Journal

GRACE = 10.0
"""Seconds that an abandoned task has for removing its temporary files."""


class Pool:
    """Runs tasks in processes; use it as a context manager.

    Its processes hold the reading end of a pipe, whose only writing end is here. They end when that closes: after an
    error or Ctrl-C, and also when this process is killed in a way that lets it do nothing about it.
    """

    def __init__(self, workers: int, journal: Journal, version: str, *, model: str = "town") -> None:
        """`version` is the experiment's own, `model` the one whose weights a result depends on."""
        from concurrent.futures import ProcessPoolExecutor

        from hansei.models.load import load

        self.journal = journal
        self.version = version
        self.fingerprint = load(model, device="cpu").fingerprint
        self.here, self.writer = multiprocessing.Pipe(duplex=False)
        self.executor = ProcessPoolExecutor(
            workers, mp_context=multiprocessing.get_context("spawn"), initializer=_start, initargs=(self.here,)
        )

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, error: object, *_: object) -> None:
        if error is not None:
            self.writer.close()
        self.executor.shutdown(wait=True, cancel_futures=True)
        self.writer.close()
        self.here.close()

    def run(self, work: Callable[[Any], Any], tasks: Sequence[Any], label: str) -> list[Any]:
        """What `work` makes of each task, in order; what is in the journal is not made again.

        `work` is a function of a module (it is found by name in the other process) and returns JSON values.
        """
        from concurrent.futures import as_completed

        keys = [content_key("task", self.version, self.fingerprint, work.__name__, task) for task in tasks]
        results = {key: done[0] for key in keys if (done := self.journal.done(key)) is not None}
        whole = functools.partial(_to_its_end, work)
        waiting = {
            self.executor.submit(whole, task): key for key, task in zip(keys, tasks, strict=True) if key not in results
        }
        for future in progress(as_completed(waiting), label, total=len(waiting)):
            key = waiting[future]
            self.journal.commit(key, work.__name__, [future.result()])
            (results[key],) = self.journal.done(key) or [None]  # as JSON has it, fresh or not
        return [results[key] for key in keys]


class _Abandoned(SystemExit):
    """Nobody waits for this process any more; as a SystemExit it ends a process without a traceback."""


def _start(alive: connection.Connection) -> None:
    """Makes a process ready for tasks."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all processes: the first one decides
    signal.signal(signal.SIGTERM, lambda *_: os._exit(1))  # nothing to clean up yet
    threading.Thread(target=_watch, args=(alive,), daemon=True).start()
    import torch  # takes seconds

    torch.set_num_threads(1)
    signal.signal(signal.SIGTERM, _abandon)


def _abandon(*_: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one would interrupt the cleaning up
    raise _Abandoned(1)


def _watch(alive: connection.Connection) -> None:
    """Ends this process when the one that started it has closed the pipe, or is no more."""
    connection.wait([alive])
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)  # wakes it, also from a wait
    time.sleep(GRACE)
    os._exit(1)


def _to_its_end(work: Callable[[Any], Any], task: Any) -> Any:
    """The task's result. An abandoned one has cleaned up when it comes here, and its process ends."""
    try:
        return work(task)
    except _Abandoned:
        os._exit(1)
