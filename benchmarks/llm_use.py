"""1,000 bootstraps of the share of LLM-modified sentences: hansei's vectorised Newton against a loop of SciPy fits.

The other side is the published procedure's (arXiv 2404.01268, src/MLE.py in our words): for every resample of the
sentences, L-BFGS-B on -mean log((1 - alpha) + alpha exp(log Q - log P)) over [0, 1] from 0.5. Both sides have the same
log ratios, number of sentences and of resamples, one thread and one process, and run in turns. Wall time and the
process's own CPU time are printed, as the machine may be busy.

    OMP_NUM_THREADS=1 python benchmarks/llm_use.py                       # made-up log ratios
    OMP_NUM_THREADS=1 python benchmarks/llm_use.py --data DIR            # those of the released CS sentences
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy
from scipy.optimize import minimize

from hansei.measuring.word_mixture import bootstrap

SHARE = 0.1


def published(ratios: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """A fit a resample."""
    log_p, log_q = np.zeros(len(ratios)), ratios
    found = []
    for _ in range(draws):
        drawn = rng.choice(len(ratios), len(ratios))
        fitted = minimize(loss, x0=[0.5], args=(log_p[drawn], log_q[drawn]), bounds=[(0, 1)], method="L-BFGS-B")
        found.append(fitted.x[0])
    return np.array(found)


def loss(alpha: np.ndarray, log_p: np.ndarray, log_q: np.ndarray) -> float:
    """Minus the mean log-likelihood, up to a constant."""
    return -float(np.mean(np.log((1 - alpha[0]) + alpha[0] * np.exp(log_q - log_p))))


def ours(ratios: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """All resamples at once."""
    return bootstrap(ratios, np.arange(len(ratios)), draws, rng)


def released(data: str, count: int) -> np.ndarray:
    """Log ratios of the released CS sentences, human and AI, in a mixture."""
    from hansei.measuring.llm_use_data import fields
    from hansei.measuring.word_mixture import occurrences
    from hansei.measuring.word_training import train

    field = next(field for field in fields(data)[1] if field.name == "CS")
    trained = train(field.human, field.ai, {"all words": None}, [5], sentences=count, seed=0)
    sides = [trained.best.model.ratios(occurrences(t.sentences, trained.index)) for t in (field.human, field.ai)]
    return mixture(*sides, count)


def mixture(human: np.ndarray, ai: np.ndarray, count: int) -> np.ndarray:
    """Sentences drawn with the share SHARE of AI ones."""
    rng = np.random.default_rng(0)
    ais = round(SHARE * count)
    return np.concatenate([rng.choice(human, count - ais), rng.choice(ai, ais)])


def timed(side: Callable[..., np.ndarray], *args: Any) -> tuple[np.ndarray, float, float]:
    """What it found, wall seconds, CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    found = side(*args)
    return found, time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sentences", type=int, default=30_000)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=3, help="runs of each side")
    parser.add_argument("--data", help="folder of llm_use_in_papers")
    args = parser.parse_args()
    if args.data:
        ratios = released(args.data, args.sentences)
    else:
        rng = np.random.default_rng(0)
        ratios = mixture(rng.normal(-4, 3.5, args.sentences), rng.normal(4, 3.5, args.sentences), args.sentences)
    times: dict[str, list[tuple[float, float]]] = {"published": [], "hansei": []}
    for run in range(args.runs):
        for name, side in (("published", published), ("hansei", ours)):
            found, wall, cpu = timed(side, ratios, args.draws, np.random.default_rng(run))
            times[name].append((wall, cpu))
            print(
                f"{name:>9}: {wall:6.2f} s ({cpu:.2f} s of CPU), mean {found.mean():.5f}, "
                f"standard deviation {found.std():.5f}",
                flush=True,
            )
    (old, old_cpu), (new, new_cpu) = (
        [statistics.median(values) for values in zip(*times[name], strict=True)] for name in ("published", "hansei")
    )
    print(f"hansei is {old / new:.0f} times as fast ({old_cpu / new_cpu:.0f} times by CPU time)")
    print(
        json.dumps(
            {
                "ratio": round(old / new, 1),
                "ratio_cpu": round(old_cpu / new_cpu, 1),
                "published_seconds": round(old, 2),
                "hansei_seconds": round(new, 2),
                "published_cpu_seconds": round(old_cpu, 2),
                "hansei_cpu_seconds": round(new_cpu, 2),
                "sentences": args.sentences,
                "draws": args.draws,
                "processor": processor(),
                "numpy": np.__version__,
                "scipy": scipy.__version__,
            }
        )
    )


def processor() -> str:
    """The processor's name, where the system tells it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
