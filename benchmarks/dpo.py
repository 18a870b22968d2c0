"""A DPO step: with the reference's log-probabilities computed once, as hansei trains, against TRL's default.

By default TRL's DPOTrainer keeps the reference model in memory and asks it at each step. Both sides have the same
model, pairs, batch and threads and run in one process; runs alternate, and the ratio is the median over pairs of runs.
The one pass of the reference over all pairs is timed apart, as it pays only where pairs are seen more than once: after
how many steps it has paid for itself is printed.

    python benchmarks/dpo.py                       # the town's base
    python benchmarks/dpo.py --model PATH_OR_NAME --pairs 256 --batch 32
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import statistics
import tempfile
import time
from typing import Any

import torch
from transformers import PrinterCallback, TrainerCallback
from trl import DPOConfig, DPOTrainer

from hansei.core.records import Lesson, user
from hansei.town import workshop
from hansei.training.fitting import dataset, quiet
from hansei.training.job import start_path
from hansei.training.lessons import encode
from hansei.training.preference import _row

WARM = 2
"""Steps before the clock starts."""


class Tokenised(DPOTrainer):  # type: ignore[misc]
    """TRL's own, with rows that are tokens already."""

    def _prepare_dataset(self, dataset: Any, *_: Any) -> Any:
        return dataset


class Clock(TrainerCallback):  # type: ignore[misc]
    """Seconds of each step."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.began = 0.0

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        self.began = time.perf_counter()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.seconds.append(time.perf_counter() - self.began)


def pairs(count: int) -> list[Lesson]:
    """Requests with two answers of about the same length, of the town's items."""
    prompts = workshop.prompts("train")
    rng = random.Random(0)
    return [
        Lesson(
            str(i), user(p.messages[-1].content), chosen=str(p.reference), rejected=str(rng.choice(prompts).reference)
        )
        for i, p in enumerate(rng.choices(prompts, k=count))
    ]


def run(model: str, rows: list[dict[str, Any]], precomputed: bool, args: argparse.Namespace) -> tuple[float, float]:
    """Median seconds of a step, and seconds of everything before the first one."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    policy, reference = (AutoModelForCausalLM.from_pretrained(model, dtype="float32") for _ in range(2))
    tokenizer = AutoTokenizer.from_pretrained(model)
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        config = DPOConfig(
            output_dir=folder, beta=0.1, precompute_ref_log_probs=precomputed, max_length=None,
            per_device_train_batch_size=args.batch, max_steps=WARM + args.steps, save_strategy="no", bf16=False,
            gradient_checkpointing=False, use_cpu=not torch.cuda.is_available(), report_to=[], disable_tqdm=True,
            logging_steps=10**6,
        )  # fmt: skip
        began = time.perf_counter()
        trainer = Tokenised(
            model=policy, ref_model=None if precomputed else reference, args=config, train_dataset=dataset(rows),
            processing_class=tokenizer, callbacks=[clock],
        )  # fmt: skip
        trainer.remove_callback(PrinterCallback)
        trainer.train()
        before = time.perf_counter() - began - sum(clock.seconds)
    return statistics.median(clock.seconds[WARM:]), before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", default="town")
    parser.add_argument("--pairs", type=int, default=128)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=12, help="timed steps of a run")
    parser.add_argument("--runs", type=int, default=3, help="runs of each side")
    args = parser.parse_args()
    from transformers import AutoTokenizer

    model = start_path(args.model)
    tokenizer = AutoTokenizer.from_pretrained(model)
    lessons = pairs(args.pairs)
    sides = [
        encode(tokenizer, [(le.prompt, str(getattr(le, n))) for le in lessons], None) for n in ("chosen", "rejected")
    ]
    rows = [_row(*pair) for pair in zip(*sides, strict=True)]
    found: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
    with quiet():
        for _ in range(args.runs):
            for precomputed in (False, True):
                found[precomputed].append(run(model, rows, precomputed, args))
                step, before = found[precomputed][-1]
                print(f"precomputed={precomputed}: {1000 * step:.0f} ms a step, {before:.1f} s around", flush=True)
    ratio = statistics.median(a / b for (a, _), (b, _) in zip(found[False], found[True], strict=True))
    default, ours = (statistics.median(step for step, _ in found[side]) for side in (False, True))
    extra = statistics.median(before for _, before in found[True]) - statistics.median(
        before for _, before in found[False]
    )
    paid = max(0.0, extra) / max(1e-9, default - ours)
    print(f"a step with precomputed reference scores is {ratio:.2f} times as fast; paid for after {paid:.0f} steps")
    print(
        json.dumps(
            {
                "ratio": round(ratio, 3),
                "default_ms": round(1000 * default, 1),
                "precomputed_ms": round(1000 * ours, 1),
                "precompute_seconds": round(extra, 2),
                "pairs": args.pairs,
                "batch": args.batch,
                "paid_after_steps": round(paid),
                "tokens_a_pair": round(statistics.mean(sum(map(len, row.values())) for row in rows), 1),
                "threads": torch.get_num_threads(),
                "processor": platform.processor() or platform.machine(),
            }
        )
    )


if __name__ == "__main__":
    main()
