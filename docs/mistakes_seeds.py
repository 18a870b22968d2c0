"""Features of mistakes on the town with several seeds, as one table: writes docs/measured/sparse-mistakes.json.

    python docs/mistakes_seeds.py [--seeds 5] [--out runs/mistakes-seeds]

Each seed: a student of the town's base taught by plain SFT (as in the demo), an autoencoder on its residual stream, and
`hansei inside mistakes` on the dangerous requests that the student still answers: those in another tense. About two
minutes a seed on one quiet core; what is done is not done again. The block was chosen by looking at seed 0.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

from demo_seeds import values_of

from hansei import __version__
from hansei.core.records import Figure, Sampling
from hansei.core.statistics import bootstrap, paired_two_way_bootstrap, rate, two_way_bootstrap
from hansei.inside.intervention import IntervenedModel
from hansei.inside.mistake_answers import in_first_half
from hansei.inside.sparse_refusal import asked
from hansei.inside.sparse_run import train
from hansei.inside.sparse_settings import MistakeSettings, RunSettings
from hansei.loop import LearnSettings, learn
from hansei.loop.intervening import Intervened, intervene
from hansei.loop.stored import load_run, open_stored
from hansei.models.load import load
from hansei.safety.outcome import plain_row
from hansei.steps.measure import answered, cluster, suite
from hansei.town.grading import grade

MEASURED = Path(__file__).parent / "measured" / "sparse-mistakes.json"
LATENTS, ACTIVE, STEPS, BATCH = 1024, 16, 300, 512
LAYER = "1"
KINDS = {"ablated": "latents of mistakes ablated", "steered": "latents of good answers steered"}
SAFE = "safe_other_tense"
ABOUT: dict[str, str] = {}
"""What each prompt is about, which is resampled as one."""


def main() -> int:
    """Runs the seeds and writes figures over seeds and items (two-way bootstrap, items of one entity as one)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", default="runs/mistakes-seeds")
    wanted = parser.parse_args()
    started = time.monotonic()
    runs = [_run(seed, f"{wanted.out}/{seed}") for seed in range(wanted.seeds)]
    sheets = [sheet for sheet, _ in runs]
    names = {"before": "base", "after": "student (plain SFT)"} | {k: f"student, {v}" for k, v in KINDS.items()}
    rows = [{"row": label} | _figures([sheet[name] for sheet in sheets]) for name, label in names.items()]
    found = {
        "paper": "sparse-autoencoder",
        "settings": {"command": f"python docs/mistakes_seeds.py --seeds {wanted.seeds}"},
        "judge": "town 1",
        "seeds": list(range(wanted.seeds)),
        "rows": [plain_row(row) for row in rows],
        "parts": {
            "changes": [plain_row(_change(sheets, kind)) for kind in KINDS],
            "latents": [plain_row(row) for row in _latents([told for _, told in runs])],
        },
        "numbers": ["best_auroc", "stood_the_test", "worst_p_of_those"],
        "found": [_told(told) for _, told in runs],
        "seconds": round(time.monotonic() - started, 1),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "errors": 0,
        "unscored": 0,
        "version": __version__,
    }
    MEASURED.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({"rows": found["rows"], "parts": found["parts"]}))
    return 0


def _run(seed: int, out: str) -> tuple[dict[str, Any], Intervened]:
    """Values of each line by metric and prompt of the second half, and what was found."""
    taught = LearnSettings(
        model="town",
        prompts="town",
        judge="town",
        method="sft",
        out=f"{out}/run",
        seed=seed,
        steps=30,
        learning_rate=3e-4,
        max_new_tokens=48,
        packing=True,
        device="cpu",
    )
    student = learn(taught).student
    if student is None:
        raise SystemExit("the base makes no mistakes: nothing was taught")
    sae = RunSettings(
        out=f"{out}/sae",
        model=student.path,
        text="town",
        layer=LAYER,
        latents=LATENTS,
        k=ACTIVE,
        steps=STEPS,
        batch=BATCH,
        learning_rate=0.2 / LATENTS**0.5,  # as in the paper's experiment here: trainings are short
        dead_tokens=STEPS * BATCH // 12,
        seed=seed,
    )
    train(sae)
    how = MistakeSettings(
        f"{out}/run", f"{out}/sae", f"{out}/mistakes", LAYER, row="after", behaviour="answered", at="prompt", seed=0
    )
    told = intervene(how)
    with open_stored(f"{out}/mistakes/second-half") as journal:
        there = load_run(f"{out}/mistakes/second-half", journal)
    ABOUT.update({p.id: cluster(p) for p in there.prompts})
    sheets = {name: _values(there.prompts, answers) for name, answers in there.rows.items()}
    measured = told.comparison.rows if told.comparison else {}
    models: dict[str, Any] = {"before": load("town", device="cpu"), "after": load(student.path, device="cpu")}
    for kind in KINDS:
        mine = next((name for name in measured if Path(name).name.startswith(kind)), "after")
        sheets[kind] = sheets[mine]  # where no latent stood the test, nothing was done to the student
        models[kind] = models["after"] if mine == "after" else IntervenedModel(mine, device="cpu")
    return {name: sheets[name] | _safe(model) for name, model in models.items()}, told


def _safe(model: Any) -> dict[str, dict[str, float | None]]:
    """Right answers to requests for safe things in another tense, of the second half: no suite has them."""
    asking = [a for a in asked("heldout") if a.tense != "present" and not a.item.dangerous]
    asking = [a for a in asking if not in_first_half(a.item.name, 0)]
    replies = model.generate([a.chat for a in asking], Sampling(max_new_tokens=48))
    found: dict[str, dict[str, float | None]] = {SAFE: {}, f"{SAFE}_refused": {}}
    for a, reply in zip(asking, replies, strict=True):
        outcome, behaviour, *_ = grade(a.item.truth(), reply.text)
        name = f"{a.tense}/{a.item.name}"
        ABOUT[name] = a.item.name
        found[SAFE][name] = float(outcome == "pass" and behaviour == "answered")
        found[f"{SAFE}_refused"][name] = float(behaviour == "refused")
    return found


def _figures(sheets: list[dict[str, Any]]) -> dict[str, Figure]:
    """Each metric over seeds and prompts; prompts about one thing are resampled as one."""
    made = {}
    for metric, values in sheets[0].items():
        how = two_way_bootstrap if metric == "harmless_helpful" else rate
        made[metric] = how([[sheet[metric][i] for i in values] for sheet in sheets], [ABOUT[i] for i in values])
    return made


def _values(prompts: Any, answers: Any) -> dict[str, dict[str, float | None]]:
    """The usual rates, and what the answers to dangerous requests in another tense are: refusals, or garbled."""
    found = values_of(prompts, answers)
    rows = answered(prompts, answers.attempts, answers.verdicts)
    tense = [(p, v) for p, _, v in rows if suite(p) in ("past", "future") and p.expected == "refuse"]
    for behaviour in ("refused", "garbled"):
        found[f"other_tense_{behaviour}"] = {p.id: float(v.behaviour == behaviour) for p, v in tense}
    return found


def _change(sheets: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    """What an intervention changes, metric by metric, on the same prompts."""
    made: dict[str, Any] = {"row": KINDS[kind]}
    for metric, values in sheets[0]["after"].items():
        before, after = ([[sheet[name][metric][i] for i in values] for sheet in sheets] for name in ("after", kind))
        made[metric] = paired_two_way_bootstrap(before, after, [ABOUT[i] for i in values])
    return made


def _latents(told: list[Intervened]) -> list[dict[str, Any]]:
    """How many of the chosen latents stood the test, and how well the best of them tells, over the seeds."""
    made = []
    for where in ("on mistakes", "on good answers"):
        rows = [[row for row in one.latents.rows if row["fires_more"] == where] for one in told]
        held = [[row for row in some if row["p_holm"] < 0.05] for some in rows]
        # Above 0.5 for both kinds: the chance of telling them in the direction that the latent was chosen for.
        best = [max((abs(row["auroc"].value - 0.5) + 0.5 for row in some), default=None) for some in held]
        made.append(
            {
                "row": f"fires more {where}",
                "chosen": sum(map(len, rows)),
                "stood_the_test": bootstrap([float(len(some)) for some in held]),
                "best_auroc": bootstrap(best),
            }
        )
    return made


def _told(one: Intervened) -> dict[str, Any]:
    """The latents of one seed, as they were told."""
    kept = one.latents.to_json()
    return {"rows": kept["rows"], "notes": kept["notes"], "tried": [[Path(k).name, n] for k, n in one.tried.items()]}


if __name__ == "__main__":
    sys.exit(main())
