import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hansei.core.errors import BadInput
from hansei.core.files import check_writable, disk_errors, folder_atomic, write_atomic


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.rglob("*"))


@pytest.mark.parametrize(("content", "stored"), [("grüße\n", "grüße\n".encode()), (b"\0\xff", b"\0\xff"), ("", b"")])
def test_a_file_holds_exactly_what_was_written(tmp_path, content, stored):
    write_atomic(tmp_path / "new" / "a.txt", content)
    assert (tmp_path / "new" / "a.txt").read_bytes() == stored
    assert names(tmp_path) == ["a.txt", "new"]


def test_a_failed_write_keeps_the_old_file_and_leaves_no_other(tmp_path, monkeypatch):
    write_atomic(tmp_path / "a", "old")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BadInput, match=r"writing .*a: the disk is full"):
        write_atomic(tmp_path / "a", "new")
    assert (tmp_path / "a").read_text() == "old"
    assert names(tmp_path) == ["a"]


def test_a_really_full_disk_is_one_line_and_keeps_the_old_file(on_a_tiny_disk):
    code = """
import sys
from pathlib import Path
from hansei.core.errors import BadInput
from hansei.core.files import write_atomic, folder_atomic, check_writable
folder = Path(sys.argv[1])
write_atomic(folder / "a", "old")
def tried(work):
    try: work()
    except BadInput as error: print(error)
def fill():
    with folder_atomic(folder / "student") as new: (new / "weights").write_bytes(b"x" * 100_000)
tried(lambda: write_atomic(folder / "a", "x" * 100_000))
tried(fill)
tried(lambda: check_writable(folder, free_bytes=10**6))
print((folder / "a").read_text(), sorted(p.name for p in folder.iterdir()))
"""
    lines = on_a_tiny_disk(code, kilobytes=64)
    assert "the disk is full" in lines[0]
    assert "the disk is full" in lines[1]
    assert "1 MB are needed, 0 MB are free" in lines[2]
    assert lines[3] == "old ['a']"


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EROFS, "read-only"),
        (errno.EACCES, "no permission"),
        (errno.ENOSPC, "full"),
        (errno.EDQUOT, "quota"),
    ],
)
def test_a_refusing_disk_is_one_clear_line(number, words):
    with pytest.raises(BadInput, match=words), disk_errors("writing x"):
        raise OSError(number, os.strerror(number))


def test_other_errors_pass_unchanged():
    with pytest.raises(FileNotFoundError), disk_errors("reading x"):
        raise FileNotFoundError(errno.ENOENT, "no such file")


def test_a_folder_appears_whole(tmp_path):
    with folder_atomic(tmp_path / "student") as new:
        (new / "inner").mkdir()
        (new / "inner" / "w").write_text("1")
        assert not (tmp_path / "student").exists()
    assert names(tmp_path) == ["inner", "student", "w"]


def test_a_folder_whose_making_failed_never_appears(tmp_path):
    with pytest.raises(RuntimeError), folder_atomic(tmp_path / "student") as new:
        (new / "w").write_text("1")
        raise RuntimeError
    assert names(tmp_path) == []


def test_what_a_killed_run_left_is_cleared_and_not_mixed_in(tmp_path):
    code = """
import os, sys
from hansei.core.files import folder_atomic
with folder_atomic(sys.argv[1]) as new:
    (new / "stale").write_text("x")
    os.kill(os.getpid(), 9)
"""
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path / "student")])
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "student").exists()
    with folder_atomic(tmp_path / "student") as new:
        (new / "w").write_text("1")
    assert names(tmp_path) == ["student", "w"]


def test_a_folder_is_replaced_only_on_request(tmp_path):
    (tmp_path / "student").mkdir()
    (tmp_path / "student" / "mine").write_text("1")
    with pytest.raises(BadInput, match="exists already"), folder_atomic(tmp_path / "student"):
        pytest.fail("the block must not run")
    with folder_atomic(tmp_path / "student", replace=True) as new:
        (new / "w").write_text("1")
    assert names(tmp_path) == ["student", "w"]


def test_an_empty_folder_may_be_filled_and_a_file_may_not(tmp_path):
    (tmp_path / "empty").mkdir()
    with folder_atomic(tmp_path / "empty") as new:
        (new / "w").write_text("1")
    assert names(tmp_path) == ["empty", "w"]
    (tmp_path / "file").write_text("mine")
    with pytest.raises(BadInput, match="a file is there"), folder_atomic(tmp_path / "file", replace=True):
        pytest.fail("the block must not run")


def test_a_reader_of_a_file_that_is_written_again_and_again_never_sees_a_part(tmp_path):
    code = """
import itertools, sys
from hansei.core.files import write_atomic
for i in itertools.count():
    write_atomic(sys.argv[1], str(i % 10) * 200_000)
"""
    target = tmp_path / "a"
    writer = subprocess.Popen([sys.executable, "-c", code, str(target)])
    try:
        seen, until = set(), time.monotonic() + 10
        while len(seen) < 5 and time.monotonic() < until:
            if target.exists():
                text = target.read_text()
                assert len(text) == 200_000
                assert len(set(text)) == 1
                seen.add(text[0])
    finally:
        writer.kill()
        writer.wait()
    assert len(seen) >= 2


def test_a_folder_that_cannot_be_written_is_found_at_the_start(tmp_path, monkeypatch):
    check_writable(tmp_path / "new" / "run")
    assert names(tmp_path) == ["new", "run"]
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="this is a file"):
        check_writable(tmp_path / "file")
    with pytest.raises(BadInput, match="a part of the path is a file"):
        check_writable(tmp_path / "file" / "run")
    with pytest.raises(BadInput, match=r"MB are needed, .* MB are free"):
        check_writable(tmp_path, free_bytes=10**18)

    def readonly(path: Path, data: bytes) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "write_bytes", readonly)
    with pytest.raises(BadInput, match="read-only"):
        check_writable(tmp_path)
