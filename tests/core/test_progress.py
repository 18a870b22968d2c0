import io
import os
import pty
import subprocess
import sys

import pytest

from hansei.core.progress import counting, progress


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


def test_off_a_terminal_nothing_is_shown_and_all_items_come(monkeypatch):
    quiet = io.StringIO()
    monkeypatch.setattr(sys, "stderr", quiet)
    assert list(progress(range(5), "asking")) == [0, 1, 2, 3, 4]
    assert list(progress(iter("ab"), "asking", total=2)) == ["a", "b"]
    with counting("asking", 10) as advance:
        advance(7)
    assert quiet.getvalue() == ""


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
