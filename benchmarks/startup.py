"""How long `hansei --help` takes: the median of ten starts, and what of it is Python itself.

python benchmarks/startup.py
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

HANSEI = Path(sys.executable).with_name("hansei")
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "hansei --help": [str(HANSEI), "--help"],
    "hansei learn --help": [str(HANSEI), "learn", "--help"],
    "hansei papers": [str(HANSEI), "papers"],
}


def seconds(command: list[str], starts: int = 10) -> list[float]:
    """Wall-clock seconds of each of `starts` runs, after one that warms the disk cache."""
    subprocess.run(command, capture_output=True, check=True)
    taken = []
    for _ in range(starts):
        begin = time.perf_counter()
        subprocess.run(command, capture_output=True, check=True)
        taken.append(time.perf_counter() - begin)
    return taken


if __name__ == "__main__":
    for name, command in COMMANDS.items():
        taken = seconds(command)
        middle, fastest = statistics.median(taken), min(taken)
        print(f"{name:22} median {middle:.3f} s   fastest {fastest:.3f} s   of {len(taken)}")
