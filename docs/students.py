"""Students of three methods on the same suites, as one table: writes docs/measured/students.json.

    python docs/students.py [--seeds 5] [--out runs/students]

For each seed: the demo's run (the base, mistake analysis, plain SFT from the same mistakes), and MART's target before
its rounds, after the one that is its result, and after all four, asked the same held-out prompts by `hansei compare
RUN TARGET …`. About two minutes a seed on two quiet cores; what is done is not done again. MART's learning rate is
the one that `hansei papers run mart` has chosen on validation items (docs/measured/mart.json).
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

from demo_seeds import MEASURED, values_of

from hansei import __version__
from hansei.loop import CompareSettings, DemoSettings, compare_runs, demo
from hansei.loop.stored import load_run, open_stored
from hansei.safety.mart_cells import ARMS, Cell, run_rounds, settings_of, start_models
from hansei.safety.mart_town import proof
from hansei.safety.outcome import figures, plain_row

OUT = MEASURED.parent / "students.json"
LABELS = {
    "before": "the base",
    "sft": "plain SFT",
    "after": "mistake analysis",
    "start": "tuned on present-tense requests",
    "kept": "the same, after MART's last round that keeps the help",
    "mart": "the same, after four rounds of MART",
}


def main() -> int:
    """Runs the seeds and writes figures over seeds and items (two-way bootstrap, items of one entity as one)."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", default="runs/students")
    wanted = parser.parse_args()
    started = time.monotonic()
    rate = json.loads((MEASURED.parent / "mart.json").read_text(encoding="utf-8"))["rates"][ARMS[0].name]
    students = [_students(seed, Path(wanted.out) / str(seed), rate) for seed in range(wanted.seeds)]
    rows = [{"row": label} | figures([each[name] for each in students]) for name, label in LABELS.items()]
    found = {
        "paper": "students",
        "settings": {"command": f"python docs/students.py --seeds {wanted.seeds}", "mart_rate": rate},
        "judge": "town 1",
        "seeds": list(range(wanted.seeds)),
        "rows": [plain_row(row) for row in rows],
        "seconds": round(time.monotonic() - started, 1),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "errors": 0,
        "unscored": 0,
        "version": __version__,
    }
    OUT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for row in rows:
        print(row["row"], {k: [round(x or 0, 3) for x in v.per_seed] for k, v in row.items() if k != "row"})
    return 0


def _students(seed: int, place: Path, rate: float) -> dict[str, Any]:
    """Values of each student by metric and prompt."""
    demo(DemoSettings(out=str(place / "demo"), seed=seed))
    targets = _mart(seed, place, rate)
    compare_runs(CompareSettings(what=(str(place / "demo"), *dict.fromkeys(targets.values())), device="cpu"))
    with open_stored(str(place / "demo")) as journal:
        there = load_run(str(place / "demo"), journal)
        rows = {name: there.rows[targets.get(name, name)] for name in LABELS}
        return {name: values_of(there.prompts, answers) for name, answers in rows.items()}


def _mart(seed: int, place: Path, rate: float) -> dict[str, str]:
    """Folders of MART's target at the start, after the round that is its result, and after the last."""
    attacker, target = start_models(str(place / "start"), seed)
    settings = settings_of(Cell(ARMS[0], seed, rate, "heldout", str(place / "start")))
    made = run_rounds(attacker, target, settings, proof("heldout"), place / "mart")
    return {"start": target, "kept": made["rounds"][made["chosen"]].target, "mart": made["rounds"][-1].target}


if __name__ == "__main__":
    sys.exit(main())
