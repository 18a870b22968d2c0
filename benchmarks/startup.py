"""How long `hansei --help` takes: the median of ten starts, by the clock and in processor time.

On a busy machine only the processor time says something.

python benchmarks/startup.py
"""

from __future__ import annotations

import resource
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


def processor() -> float:
    """Processor seconds that child processes have used so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def starts(command: list[str], times: int = 10) -> list[tuple[float, float]]:
    """Seconds by the clock and of the processor for each of `times` runs, after one that warms the disk cache."""
    subprocess.run(command, capture_output=True, check=True)
    taken = []
    for _ in range(times):
        clock, used = time.perf_counter(), processor()
        subprocess.run(command, capture_output=True, check=True)
        taken.append((time.perf_counter() - clock, processor() - used))
    return taken


if __name__ == "__main__":
    for name, command in COMMANDS.items():
        clock, used = (statistics.median(column) for column in zip(*starts(command), strict=True))
        print(f"{name:20} {clock:.3f} s by the clock, {used:.3f} s of processor time")
