import io
import os
import pty
import subprocess
import sys

import pytest

from hansei.core.progress import counting, progress
from hansei.core.progress_lines import Phase


def on_a_terminal(code: str) -> tuple[str, str, int]:
    """What a program writes to a terminal as its stderr, its stdout (a pipe), and its exit code."""
    leader, follower = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=follower, text=True, env=environment
    )
    os.close(follower)
    shown = b""
    while True:
        try:
            part = os.read(leader, 65536)
        except OSError:  # the terminal ends with the program
            break
        if not part:
            break
        shown += part
    os.close(leader)
    out = process.communicate()[0]
    return shown.decode(), out, process.returncode


def in_a_log(code: str) -> str:
    """What a program writes to stderr where that is a pipe, with a line due every 50 ms."""
    fast = "from hansei.core import progress_lines; progress_lines.PAUSE = 0.05\n"
    ran = subprocess.run([sys.executable, "-c", fast + code], capture_output=True, text=True, check=True)
    assert ran.stdout == ""
    return ran.stderr


def test_off_a_terminal_short_work_says_nothing_and_all_items_come(monkeypatch):
    quiet = io.StringIO()
    monkeypatch.setattr(sys, "stderr", quiet)
    assert list(progress(range(5), "asking")) == [0, 1, 2, 3, 4]
    assert list(progress(iter("ab"), "asking", total=2)) == ["a", "b"]
    with counting("asking", 10) as advance:
        advance(7)
    assert quiet.getvalue() == ""


def test_off_a_terminal_long_work_says_in_plain_lines_how_far_it_is():
    said = in_a_log("""
import time
from hansei.core.progress import counting, progress
for i in progress(range(2), "seeds\\x1b[2J"):
    with counting("train sft", total=40) as advance:
        for _ in range(4):
            time.sleep(0.1)
            advance(10)
""")
    lines = said.splitlines()
    assert all(line.startswith("hansei: ") and line.isprintable() for line in lines) and "\r" not in said
    assert lines[0] == r"hansei: seeds\x1b[2J: 0 of 2, 1 s; train sft: 0 of 40, 1 s"
    assert "s left" in said and "train sft: 20 of 40, 1 s, about 1 s left" in said
    assert sum("train sft: 40 of 40" in line for line in lines) >= 2  # each that was told of says when it is over
    assert lines[-1] == r"hansei: seeds\x1b[2J: 2 of 2, 1 s"
    assert 10 <= len(lines) <= 25


def test_work_that_does_one_thing_for_long_and_short_phases_one_after_another_are_told_of_too():
    assert "load: 0 of 1" in in_a_log("""
import time
from hansei.core.progress import counting
with counting("load", total=1):
    time.sleep(0.2)
""")
    said = in_a_log("""
import time
from hansei.core.progress import progress
for phase in range(10):
    for _ in progress(iter([1]), f"ask {phase}"):
        time.sleep(0.02)
""")
    assert 2 <= sum(f"ask {phase}: " in said for phase in range(10)) < 10


def test_a_log_that_was_closed_does_not_end_the_work():
    assert (
        in_a_log("""
import os, sys, time
from hansei.core.progress import progress
os.close(2)
assert [i for i in progress(range(3), "ask") if time.sleep(0.1) is None] == [0, 1, 2]
""")
        == ""
    )


def test_the_time_left_is_that_at_the_rate_of_the_last_lines_so_a_resumed_training_is_not_promised_too_soon():
    phase = Phase("train", 100, began=0.0)
    phase.done = 60  # what an earlier run did
    assert phase.news(10.0) == "train: 60 of 100, 10 s"
    phase.done = 65
    assert phase.news(20.0) == "train: 65 of 100, 20 s, about 70 s left"  # 35 at 5 in 10 s
    assert phase.news(600.0).startswith("train: 65 of 100, 10 min, about ")
    phase.done = 100
    assert phase.news(700.0) == "train: 100 of 100, 12 min"
    assert Phase("read", None, began=0.0).news(7200.0) == "read: 0, 2.0 h"


def test_the_processes_of_a_pool_leave_it_to_the_one_that_started_them(tmp_path):
    (tmp_path / "inner_work.py").write_text("""
import time
from hansei.core import progress_lines
from hansei.core.progress import counting
def work():
    progress_lines.PAUSE = 0.05
    with counting("inner", 3):
        time.sleep(0.3)
""")
    said = in_a_log(f"""
import multiprocessing, sys
sys.path.insert(0, {str(tmp_path)!r})
import inner_work
from hansei.core.progress import counting
with counting("outer", 1) as advance:
    process = multiprocessing.get_context("spawn").Process(target=inner_work.work)
    process.start()
    process.join()
    advance(1)
assert process.exitcode == 0
""")
    assert "outer: 1 of 1" in said and "inner" not in said


def test_a_bar_ends_with_its_loop_also_when_the_loop_is_left():
    steps = progress(range(5), "asking")
    assert next(steps) == 0
    steps.close()
    with pytest.raises(ZeroDivisionError), counting("asking", 3):
        _ = 1 // 0


def test_on_a_terminal_there_is_a_label_a_count_and_a_rate_on_stderr_only():
    shown, out, code = on_a_terminal("""
import time
from hansei.core.progress import counting, progress
for i in progress(range(6), "asking [town]"):
    with counting("inner work", total=40) as advance:
        for _ in range(4):
            time.sleep(0.03)
            advance(10)
    print("answer", i)
print("after")
for i in progress(range(2), "second"):
    time.sleep(0.15)
""")
    assert code == 0, shown
    assert "asking [town]" in shown
    assert "inner work" in shown
    assert "second" in shown
    assert "/6" in shown
    assert "/s" in shown
    assert out == "".join(f"answer {i}\n" for i in range(6)) + "after\n"
    assert shown.rstrip().endswith("\x1b[?25h") or "\x1b[?25h" in shown[-80:]  # the cursor is back


def test_an_interrupted_bar_gives_the_terminal_back():
    shown, _, code = on_a_terminal("""
from hansei.core.progress import progress
for i in progress(range(6), "asking"):
    if i == 2:
        raise KeyboardInterrupt
""")
    assert code != 0
    assert "\x1b[?25h" in shown
    assert "KeyboardInterrupt" in shown
