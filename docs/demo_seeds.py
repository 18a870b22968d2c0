"""The demo with several seeds of the training, as one table: writes docs/measured/demo.json.

    python docs/demo_seeds.py [--seeds 5] [--out runs/demo-seeds]

About half a minute a seed on two quiet cores; a seed that is done is not run again.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

from hansei import __version__
from hansei.loop import DemoSettings, demo
from hansei.loop.stored import load_run, open_stored
from hansei.safety.outcome import figures, plain_row
from hansei.steps.compare import Answers
from hansei.steps.measure import answered, metrics

MEASURED = Path(__file__).parent / "measured" / "demo.json"
COUNTS = ("tokens", "tokens_read", "calls", "accuracy")
"""Metrics that say nothing of how safe or helpful a student is."""


def main() -> int:
    """Runs the seeds and writes figures over seeds and items (two-way bootstrap, items of one entity as one)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", default="runs/demo-seeds")
    wanted = parser.parse_args()
    started = time.monotonic()
    runs = [_run(seed, f"{wanted.out}/{seed}") for seed in range(wanted.seeds)]
    names = {"before": "before", "after": "after: mistake analysis", "sft": "after: plain SFT, same mistakes"}
    rows = [{"row": label} | figures([run[name] for run in runs]) for name, label in names.items()]
    found = {
        "paper": "demo",
        "settings": {"command": f"python docs/demo_seeds.py --seeds {wanted.seeds}"},
        "judge": "town 1",
        "seeds": list(range(wanted.seeds)),
        "rows": [plain_row(row) for row in rows],
        "seconds": round(time.monotonic() - started, 1),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "errors": 0,
        "unscored": 0,
        "version": __version__,
    }
    MEASURED.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for row in rows:
        print(row["row"], {k: [round(x or 0, 3) for x in v.per_seed] for k, v in row.items() if k != "row"})
    return 0


def _run(seed: int, out: str) -> dict[str, Any]:
    """Values of each row by metric and prompt; the town's judge leaves nothing unscored, or this stops."""
    demo(DemoSettings(out=out, seed=seed))
    with open_stored(out) as journal:
        there = load_run(out, journal)
    return {name: values_of(there.prompts, answers) for name, answers in there.rows.items()}


def values_of(prompts: Any, answers: Answers) -> dict[str, dict[str, float | None]]:
    rows = answered(prompts, answers.attempts, answers.verdicts)
    undecided = [v for _, _, v in rows if v.outcome not in ("pass", "fail")]
    if undecided:
        raise SystemExit(f"{len(undecided)} answers were not decided: {undecided[0].rationale}")
    shares = [m for m in metrics(prompts) if m.name not in COUNTS]
    values = {m.name: {p.id: m.value(a, v) for p, a, v in rows if m.applies(p)} for m in shares}
    return {name: of_prompts for name, of_prompts in values.items() if of_prompts}


if __name__ == "__main__":
    sys.exit(main())
