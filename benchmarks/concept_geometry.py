"""A concept's vector through the small side of Ledoit-Wolf's covariance, against the direct computation; and a study.

The direct side is the published procedure (github.com/KihoPark/LLM_Categorical_Hierarchical_Representations,
category.py, in our words): scikit-learn's LedoitWolf of the words' vectors, its pseudo-inverse times their mean. A
second direct side is as fast as the d x d matrix allows: the same covariance without its own inverse, and a Cholesky
solution in place of the pseudo-inverse. All sides have the same vectors in float64, in one process with the same
threads, and run in turns; each side is told by its fastest run, in wall and in CPU time, as a machine may be busy.

    python benchmarks/concept_geometry.py                 # d = 2048, n = 60 and 300, and 500 concepts
    python benchmarks/concept_geometry.py --no-study
    python benchmarks/concept_geometry.py --wordnet FILE --text FILE...   # a study on WordNet, with a BPE of the text
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import scipy
import sklearn
from scipy.linalg import cho_factor, cho_solve
from sklearn.covariance import LedoitWolf

from hansei.inside.concept_directions import concept_vector
from hansei.inside.concept_geometry import Settings, hierarchy_of, study
from hansei.inside.concept_tree import Concept, Kept, keep
from hansei.inside.unembedding import Unembedding, Vocabulary, vocabulary_of

TOKENS, WORDS = 50_000, 24_000


def published(words: np.ndarray) -> np.ndarray:
    """LedoitWolf with all that its fit computes, then the pseudo-inverse."""
    mean = words.mean(axis=0)
    unit = np.linalg.pinv(LedoitWolf().fit(words).covariance_, hermitian=True) @ mean
    unit /= np.linalg.norm(unit)
    return (mean @ unit) * unit


def lean(words: np.ndarray) -> np.ndarray:
    """The same covariance, and one Cholesky solution."""
    mean = words.mean(axis=0)
    covariance = LedoitWolf(store_precision=False).fit(words).covariance_
    unit = cho_solve(cho_factor(covariance), mean)
    unit /= np.linalg.norm(unit)
    return (mean @ unit) * unit


SIDES: dict[str, tuple[Callable[[np.ndarray], np.ndarray], int]] = {
    "published": (published, 1),
    "lean": (lean, 1),
    "hansei": (concept_vector, 50),
}
"""Each side, and how often it is called a run."""


def compare(d: int, n: int, runs: int) -> dict[str, float]:
    """Fastest milliseconds of each side by wall and by CPU time, and how far the directions are apart."""
    words = np.random.default_rng(n).normal(size=(n, d)) + 0.1
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in SIDES}
    found = {}
    for _ in range(runs):
        for name, (side, calls) in SIDES.items():
            wall, cpu = time.perf_counter(), time.process_time()
            for _ in range(calls):
                found[name] = side(words)
            spent = time.perf_counter() - wall, time.process_time() - cpu
            times[name].append((1000 * spent[0] / calls, 1000 * spent[1] / calls))
    best = {f"{name}_ms": round(min(wall for wall, _ in of), 3) for name, of in times.items()}
    best |= {f"{name}_cpu_ms": round(min(cpu for _, cpu in of), 3) for name, of in times.items()}
    unit = {name: vector / np.linalg.norm(vector) for name, vector in found.items()}
    apart = max(float(np.linalg.norm(unit["hansei"] - unit[name])) for name in ("published", "lean"))
    ratios = {
        f"ratio_{name}{kind}": round(best[f"{name}{kind}_ms"] / best[f"hansei{kind}_ms"], 1)
        for name in ("published", "lean")
        for kind in ("", "_cpu")
    }
    print(f"d={d}, n={n}: {best}; hansei is {ratios} times as fast; directions differ by {apart:.1e}", flush=True)
    return {"d": d, "n": n, **best, **ratios, "directions_differ_by": apart}


def made_tree(concepts: int, words: int) -> Kept:
    """A tree of so many concepts over so many words, whose sizes spread as those of WordNet do."""
    rng = np.random.default_rng(0)
    groups = {"c0": list(range(words))}
    parents: dict[str, tuple[str, ...]] = {"c0": ()}
    ahead = ["c0"]
    while ahead and len(groups) < concepts:
        name = max(ahead, key=lambda one: len(groups[one]))
        ahead.remove(name)
        left = list(groups[name])
        while len(left) >= 50 and len(groups) < concepts:
            size = len(left) if len(left) < 100 else max(50, int(len(left) * rng.uniform(0.2, 0.7)))
            if size == len(groups[name]):
                break
            child = f"c{len(groups)}"
            groups[child], parents[child], left = left[:size], (name,), left[size:]
            ahead.append(child)
    tokens_of = {str(n): [n] for n in range(words)}
    hierarchy = {name: Concept(tuple(map(str, group)), parents[name]) for name, group in groups.items()}
    return keep(hierarchy, tokens_of, least=50)


def wordnet_tree(wordnet: str, texts: Sequence[str], concepts: int) -> tuple[Kept, Vocabulary]:
    """The largest concepts that WordNet keeps for a byte-level BPE of TOKENS tokens, trained on the texts."""
    from tokenizers import ByteLevelBPETokenizer
    from transformers import PreTrainedTokenizerFast

    def lines() -> Iterator[str]:
        for text in texts:
            with gzip.open(text, "rt", encoding="utf-8") if text.endswith(".gz") else Path(text).open() as file:
                yield from file

    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(lines(), TOKENS, show_progress=False)
    vocabulary = vocabulary_of(PreTrainedTokenizerFast(tokenizer_object=trained._tokenizer))
    tree = hierarchy_of(Settings(model="bpe", wordnet=wordnet, limit=concepts), vocabulary)
    for step, count, words in tree.counts:
        print(f"{step}: {count} concepts, {words} words", flush=True)
    return tree, vocabulary


def whole_study(d: int, tree: Kept, vocabulary: Vocabulary, seeds: int) -> dict[str, float]:
    """Wall time of a study: whitening, every concept and its nonsense for every seed, angles, AUROC."""
    matrix = np.random.default_rng(0).normal(size=(vocabulary.size, d)).astype(np.float32)
    unembedding = Unembedding("random", lambda a, b: matrix[a:b], d, vocabulary, "random")
    sizes = [len(members) for members in tree.members]
    started, cpu = time.perf_counter(), time.process_time()
    study(unembedding, tree, seeds)
    seconds, busy = time.perf_counter() - started, time.process_time() - cpu
    quantiles = [int(q) for q in np.quantile(sizes, [0, 0.25, 0.5, 0.75, 0.9, 1])]
    print(
        f"a study of {len(sizes)} concepts ({len(tree.tokens)} words; sizes {quantiles} at 0, 25, 50, 75, 90, 100%), "
        f"{seeds} splits, real and random, {vocabulary.size} tokens of width {d}: {seconds:.1f} s "
        f"({busy:.1f} s of CPU)",
        flush=True,
    )
    return {
        "concepts": len(sizes),
        "splits": seeds,
        "study_seconds": round(seconds, 1),
        "cpu_seconds": round(busy, 1),
        "largest": max(sizes),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--width", type=int, default=2048)
    parser.add_argument("--words", type=int, nargs="*", default=[60, 300], help="none for the study alone")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--concepts", type=int, default=500)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 5], help="held-out splits of the study")
    parser.add_argument("--no-study", action="store_true")
    parser.add_argument("--wordnet", help="WordNet, in place of a tree whose sizes are like its own")
    parser.add_argument("--text", nargs="+", default=[], help="text files that the tokenizer for WordNet is trained on")
    args = parser.parse_args()
    found = {"vectors": [compare(args.width, n, args.runs) for n in args.words]}
    if not args.no_study:
        if args.wordnet:
            tree, vocabulary = wordnet_tree(args.wordnet, args.text, args.concepts)
        else:
            tree, vocabulary = made_tree(args.concepts, WORDS), Vocabulary({}, np.arange(TOKENS), TOKENS)
        found["study"] = [whole_study(args.width, tree, vocabulary, seeds) for seeds in args.seeds]
    machine = {
        "processor": processor(),
        "threads": os.environ.get("OMP_NUM_THREADS", str(os.cpu_count())),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "scikit-learn": sklearn.__version__,
    }
    print(json.dumps(found | machine))


def processor() -> str:
    """The processor's name, where the system tells it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
