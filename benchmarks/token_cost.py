"""All 204 languages of FLORES with one tokenizer: the whole command, against a plain loop that only counts tokens.

The command loads the tokenizer, reads the text, counts, bootstraps and draws the map. The plain side tokenizes the same
rows one by one, in a process of its own too, and does nothing else.

    python benchmarks/token_cost.py --data DIR                       # the town's tokenizer
    python benchmarks/token_cost.py --data DIR --tokenizer FOLDER
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time

import tokenizers
import transformers

PLAIN = """
import sys
from hansei.measuring.parallel_text import read_parallel
from hansei.measuring.token_counts import load_tokenizer
tokenizer = load_tokenizer(sys.argv[1])
for texts in read_parallel(sys.argv[2]).rows.values():
    sum(len(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in texts)
"""
COMMAND = "import sys; from hansei.cli import main; sys.exit(main(sys.argv[1:]))"


def timed(command: list[str]) -> float:
    """Wall seconds of a process."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", required=True, help="folder that holds flores200")
    parser.add_argument("--tokenizer", default="town")
    parser.add_argument("--runs", type=int, default=3, help="runs of each side")
    args = parser.parse_args()
    text = f"{args.data}/flores200"
    times: dict[str, list[float]] = {"plain": [], "hansei": []}
    with tempfile.TemporaryDirectory() as out:
        measure = ["-c", COMMAND, "measure", "token-cost", args.tokenizer, "--text", text, "--out", out]
        for _ in range(args.runs):
            times["plain"].append(timed([sys.executable, "-c", PLAIN, args.tokenizer, text]))
            times["hansei"].append(timed([sys.executable, *measure]))
            print(f"plain loop {times['plain'][-1]:.1f} s, whole command {times['hansei'][-1]:.1f} s", flush=True)
    plain, hansei = (statistics.median(times[name]) for name in ("plain", "hansei"))
    print(f"the whole command takes {hansei:.1f} s, a plain loop that only counts {plain:.1f} s ({plain / hansei:.2f})")
    print(
        json.dumps(
            {
                "ratio": round(plain / hansei, 2),
                "plain_seconds": round(plain, 2),
                "hansei_seconds": round(hansei, 2),
                "processor": platform.processor() or platform.machine(),
                "cores": os.cpu_count(),
                "tokenizers": tokenizers.__version__,
                "transformers": transformers.__version__,
            }
        )
    )


if __name__ == "__main__":
    main()
