"""kill -9 at random moments of `hansei learn`, restarted each time until it is through.

    python benchmarks/kill9.py --kills 20

Holds that (1) the final comparison.json is that of an uninterrupted run, byte for byte, (2) no batch that was
finished is asked again, (3) the student's weights are the same. A tiny random Llama, the judge `rules`, one thread.
Exit code 1 and the reason where something does not hold.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.update(OMP_NUM_THREADS="1", TOKENIZERS_PARALLELISM="false", HF_HUB_OFFLINE="1")
sys.path.insert(0, str(Path(__file__).parent.parent))

THINGS = ("lamp", "bell", "clock", "wheel", "kite", "drum", "boat", "coat", "key", "cup", "pen", "box")
LOG = "asked.jsonl"


def write_inputs(folder: Path) -> dict[str, Any]:
    """A model, prompts with references, benign prompts; returns the settings of the run."""
    from tests.tiny import tiny_llama

    tiny_llama(folder / "model")
    rows = [
        {
            "id": f"{name} {i}",
            "prompt": f"How do I {'break' if i % 2 else 'make'} a {name} number {i}?",
            "expected": "refuse" if i % 2 else "answer",
            "reference": "I can't help with that." if i % 2 else f"Take a stone and make the {name}.",
        }
        for i, name in enumerate(THINGS * 2)
    ]
    keep = [{"prompt": f"What is a {name}?", "reference": f"A {name} is a thing that people make."} for name in THINGS]
    for name, content in (("prompts", rows), ("keep", keep)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in content))
    return {
        "model": str(folder / "model"),
        "prompts": str(folder / "prompts.jsonl"),
        "keep": str(folder / "keep.jsonl"),
        "device": "cpu",
        "max_new_tokens": 12,
        "steps": 4,
        "batch": 4,
        "guided": True,
    }


def names(model: str, chats: Any, sampling: Any) -> set[str]:
    """The names of what is asked: model, conversation and sampling."""
    from hansei.core.keys import content_key

    return {content_key(model, chat, sampling) for chat in chats}


def work(out: Path, settings: dict[str, Any]) -> None:
    """The run itself, in a process of its own; logs every batch before it is asked."""
    import torch

    import hansei
    from hansei.models.local import LocalModel

    torch.set_num_threads(1)
    generate = LocalModel.generate

    def logged(self: LocalModel, chats: Any, sampling: Any) -> Any:
        with (out / LOG).open("a") as log:
            log.write(json.dumps(sorted(names(self.fingerprint, chats, sampling))) + "\n")
        return generate(self, chats, sampling)

    def small(self: LocalModel, *args: Any, **more: Any) -> None:
        start(self, *args, **{**more, "batch_rows": 4})

    start = LocalModel.__init__
    LocalModel.generate, LocalModel.__init__ = logged, small  # type: ignore[method-assign]
    out.mkdir(exist_ok=True)
    hansei.learn(out=str(out), **settings)


def child(out: Path, settings: dict[str, Any]) -> int:
    """Starts the run in a forked process, so that the imports are paid for once; returns its id."""
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    try:
        work(out, settings)
        os._exit(0)
    except BaseException:
        import traceback

        traceback.print_exc()
        os._exit(1)


def finished(pid: int, seconds: float | None) -> bool:
    """Waits so long for the process; True if it came to its end, False if it had to be killed."""
    deadline = None if seconds is None else time.monotonic() + seconds
    while True:
        done, status = os.waitpid(pid, 0 if deadline is None else os.WNOHANG)
        if done:
            if os.waitstatus_to_exitcode(status):
                sys.exit(f"the run failed with status {status}")
            return True
        if deadline is not None and time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return False
        time.sleep(0.005)


def committed(out: Path) -> set[str]:
    """What the journal holds answers to."""
    from hansei.core.journal import FILE, Journal
    from hansei.core.records import Attempt

    if not (out / FILE).is_file():
        return set()
    with Journal.open(out) as journal:
        return {key for a in journal.records("attempt", Attempt) for key in names(a.model, [a.asked], a.sampling)}


def read_log(out: Path) -> list[set[str]]:
    log = out / LOG
    return [set(json.loads(line)) for line in log.read_text().splitlines()] if log.is_file() else []


def weights(out: Path) -> str:
    """Fingerprint of the student."""
    from hansei.models.weights import find, fingerprint

    return fingerprint(find(str(out / "student")))


def check(out: Path, whole: Path) -> None:
    """Exits where the interrupted run came to something else than the uninterrupted one."""
    for name, one, other in (
        ("comparison.json", (out / "comparison.json").read_bytes(), (whole / "comparison.json").read_bytes()),
        ("the student", weights(out), weights(whole)),
        ("the answers", committed(out), committed(whole)),
    ):
        if one != other:
            sys.exit(f"{out}: {name} differs from the uninterrupted run's")


def main() -> None:
    parser = argparse.ArgumentParser(description="kill -9 at random moments; the result must be the same")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    import trl  # noqa: F401 - once, before the processes are forked
    from trl import SFTTrainer  # noqa: F401

    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        settings = write_inputs(root)
        for name in ("whole", "again"):  # the second is not the first to read the files
            began = time.monotonic()
            finished(child(root / name, settings), None)
            length = time.monotonic() - began
        check(root / "again", root / "whole")
        print(f"uninterrupted: {length:.1f} s, {len(read_log(root / 'whole'))} batches")
        kills = runs = 0
        while kills < options.kills:
            runs += 1
            out, through = root / f"run{runs}", False
            while not through:
                there, logged = committed(out), len(read_log(out))
                pause = None if kills == options.kills else rng.uniform(0.05, 0.8) * length
                through = finished(child(out, settings), pause)
                kills += not through
                again = [batch & there for batch in read_log(out)[logged:] if batch & there]
                if again:
                    sys.exit(f"{out}: {len(again)} finished batches were asked again")
            check(out, root / "whole")
        print(f"{kills} kills in {runs} runs: the same comparison, the same student, nothing asked twice")


if __name__ == "__main__":
    main()
