"""A journal that is killed, torn, shared, damaged or on a bad disk."""

import multiprocessing
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest

from hansei.core import sqlite
from hansei.core.errors import BadInput
from hansei.core.journal import Journal
from hansei.core.records import Attempt, Sampling, user


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(sqlite, "CLAIM_SECONDS", 0.05)


def attempt(number: int) -> Attempt:
    return Attempt(f"a{number}", "p", "m", "plain", Sampling(), number, user("hi"), f"text {number}", "stop")


def unit_of(number: int) -> list[dict[str, object]]:
    """What unit `number` must hold; every fifth is large enough for a kill to fall into its writing."""
    size = 100_000 if number % 5 == 0 else 50
    return [{"number": number, "text": str(number % 10) * size}, {"number": number, "last": True}]


def commit_for_ever(folder: Path, first: int, told: int) -> None:
    with Journal.open(folder) as journal:
        number = first
        while True:
            journal.commit(f"k{number}", "attempt", unit_of(number))
            os.write(told, number.to_bytes(4, "big"))
            number += 1


def test_kill_9_at_random_moments_loses_no_committed_unit_and_leaves_no_half_one(tmp_path):
    rng, first = random.Random(0), 0
    for _ in range(12):
        heard, told = os.pipe()
        child = multiprocessing.get_context("fork").Process(target=commit_for_ever, args=(tmp_path, first, told))
        child.start()
        os.close(told)
        os.read(heard, 4)  # the first commit of this life
        time.sleep(rng.uniform(0, 0.02))
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        with os.fdopen(heard, "rb") as pipe:
            committed = first + 1 + len(pipe.read()) // 4
        with Journal.open(tmp_path) as journal:
            records = list(journal.records("attempt"))
            there = len(records) // 2
            assert committed <= there <= committed + 1  # it may have died between the commit and telling
            assert records == [record for number in range(there) for record in unit_of(number)]
        first = there
    assert first > 20


def test_a_torn_log_gives_whole_units_up_to_the_tear(tmp_path):
    rng = random.Random(1)
    with Journal.open(tmp_path / "run") as journal:
        for i in range(30):
            journal.commit(f"k{i}", "attempt", [{"number": i, "text": "x" * 3000}])
        files = {p.name: p.read_bytes() for p in (tmp_path / "run").glob("journal.sqlite*") if "shm" not in p.name}
    log = files["journal.sqlite-wal"]
    found = set()
    for trial in range(15):
        copy = tmp_path / f"copy{trial}"
        copy.mkdir()
        (copy / "journal.sqlite").write_bytes(files["journal.sqlite"])
        (copy / "journal.sqlite-wal").write_bytes(log[: rng.randrange(len(log))])
        with Journal.open(copy) as journal:
            numbers = [value["number"] for value in journal.records("attempt")]
            assert numbers == list(range(len(numbers)))
            journal.commit("new", "attempt", [{"number": len(numbers)}])
        found.add(len(numbers))
    assert len(found) > 5


def test_a_second_writer_gets_one_line_and_readers_are_welcome(tmp_path):
    code = """
import sys
from hansei.core import sqlite
from hansei.core.errors import BadInput
from hansei.core.journal import Journal
sqlite.CLAIM_SECONDS = 0.05
try:
    Journal.open(sys.argv[1])
except BadInput as error:
    print(error)
with Journal.open(sys.argv[1], read_only=True) as journal:
    print(journal.counts())
"""
    with Journal.open(tmp_path) as journal:
        journal.commit("k", "attempt", [attempt(0)])
        other = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
        refusal, counts = other.stdout.splitlines()
        assert "another hansei is using it" in refusal
        assert counts == "{'attempt': 1}"
        with pytest.raises(BadInput, match="another hansei"):
            Journal.open(tmp_path)  # from the same process too
        journal.commit("k2", "attempt", [attempt(1)])
    with Journal.open(tmp_path) as journal:
        assert journal.counts() == {"attempt": 2}


def test_the_claim_of_a_killed_run_is_gone_at_once(tmp_path):
    heard, told = os.pipe()
    child = multiprocessing.get_context("fork").Process(target=commit_for_ever, args=(tmp_path, 0, told))
    child.start()
    os.close(told)
    os.read(heard, 4)
    with pytest.raises(BadInput, match="another hansei"):
        Journal.open(tmp_path)
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    os.close(heard)
    with Journal.open(tmp_path, read_only=True) as journal:  # though the log was never folded in
        assert journal.counts()["attempt"] >= 2
    with Journal.open(tmp_path) as journal:
        assert journal.counts()["attempt"] >= 2


def test_files_that_are_no_journal_are_one_line_each(tmp_path):
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "journal.sqlite").write_text("This is not a database at all. " * 100)
    (tmp_path / "other").mkdir()
    with sqlite3.connect(tmp_path / "other" / "journal.sqlite") as other:
        other.execute("create table mine (x)")
    other.close()
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="this file is no journal"):
        Journal.open(tmp_path / "text")
    with pytest.raises(BadInput, match="a database, but no journal of hansei"):
        Journal.open(tmp_path / "other")
    with pytest.raises(BadInput, match="this is a file"):
        Journal.open(tmp_path / "file")
    with pytest.raises(BadInput, match=r"there is no journal\.sqlite"):
        Journal.open(tmp_path / "nowhere", read_only=True)
    assert not (tmp_path / "nowhere").exists()


def test_a_model_s_own_folder_is_no_place_for_a_run(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(BadInput, match="is a model's own folder"):
        Journal.open(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["config.json"]


def test_an_empty_file_left_by_a_run_killed_at_its_start_is_no_hindrance(tmp_path):
    (tmp_path / "journal.sqlite").touch()
    with pytest.raises(BadInput, match="nothing is in this run yet"):
        Journal.open(tmp_path, read_only=True)
    with Journal.open(tmp_path) as journal:
        journal.commit("k", "attempt", [])


def test_a_damaged_journal_is_one_line(tmp_path):
    with Journal.open(tmp_path) as journal:
        for i in range(200):
            journal.commit(f"k{i}", "attempt", [{"text": "x" * 2000}])
    file = tmp_path / "journal.sqlite"
    data = bytearray(file.read_bytes())
    for page in range(8, len(data) // 4096):
        data[page * 4096 : page * 4096 + 4096] = b"\xff" * 4096
    file.write_bytes(data)
    with pytest.raises(BadInput, match="the journal is damaged"), Journal.open(tmp_path) as journal:
        list(journal.records("attempt"))


def test_a_full_disk_is_one_line_and_keeps_what_was_finished(tmp_path):
    with Journal.open(tmp_path) as journal:
        journal.commit("k", "attempt", [attempt(0)])
        journal._connection.exec_driver_sql("PRAGMA max_page_count=10")  # SQLite's own "database or disk is full"
        journal._connection.rollback()
        with pytest.raises(BadInput, match=r"journal\.sqlite: the disk is full"):
            journal.commit("big", "attempt", [{"text": "x" * 100_000}])
        assert journal.done("big") is None
        journal.commit("k2", "attempt", [attempt(1)])
    with Journal.open(tmp_path) as journal:
        assert journal.counts() == {"attempt": 2}


def test_a_really_full_disk_is_one_line_and_the_run_goes_on_when_there_is_room(on_a_tiny_disk):
    code = """
import sys
from pathlib import Path
from hansei.core.errors import BadInput
from hansei.core.journal import Journal
folder = Path(sys.argv[1])
(folder / "ballast").write_bytes(b"x" * 200_000)
units = 0
with Journal.open(folder / "run") as journal:
    try:
        while True:
            journal.commit(f"k{units}", "attempt", [{"text": "x" * 3000}])
            units += 1
    except BadInput as error:
        print(error)
    print(units == journal.counts()["attempt"], units > 5)
(folder / "ballast").unlink()
with Journal.open(folder / "run") as journal:
    journal.commit(f"k{units}", "attempt", [{"text": "x" * 3000}])
    print(journal.counts()["attempt"] == units + 1)
"""
    line, whole, resumed = on_a_tiny_disk(code, kilobytes=600)
    assert "the disk is full: free some space and run again" in line
    assert (whole, resumed) == ("True True", "True")


def test_a_read_only_disk_can_be_read_and_refuses_writing_in_one_line(on_a_tiny_disk):
    code = """
import subprocess, sys
from hansei.core.errors import BadInput
from hansei.core.journal import Journal
with Journal.open(sys.argv[1]) as journal:
    journal.commit("k", "attempt", [1, 2])
subprocess.run(["mount", "-o", "remount,ro", sys.argv[1]], check=True)
try:
    Journal.open(sys.argv[1])
except BadInput as error:
    print(error)
with Journal.open(sys.argv[1], read_only=True) as journal:
    print(list(journal.records("attempt")))
    try:
        journal.commit("k2", "attempt", [])
    except BadInput as error:
        print(error)
"""
    refused, read, unwritten = on_a_tiny_disk(code, kilobytes=600)
    assert "the file system is read-only" in refused
    assert read == "[1, 2]"
    assert "can't be written" in unwritten


def test_a_network_file_system_is_recognised_and_warned_about(tmp_path, monkeypatch):
    mounts = tmp_path / "mounts"
    share = tmp_path / "my share"
    share.mkdir()
    escaped = str(share).replace(" ", "\\040")
    mounts.write_text(f"/dev/vda / ext4 rw 0 0\nserver:/x {escaped} nfs4 rw 0 0\ntmpfs {tmp_path}/t tmpfs rw 0 0\n")
    assert sqlite.network_file_system(share / "run", mounts) == "nfs4"
    assert sqlite.network_file_system(tmp_path / "t" / "run", mounts) is None
    assert sqlite.network_file_system(tmp_path, mounts) is None
    assert sqlite.network_file_system(tmp_path, tmp_path / "no such file") is None
    monkeypatch.setattr(sqlite, "network_file_system", lambda path: "nfs4")
    with pytest.warns(UserWarning, match=r"network file system \(nfs4\).* unsafe"):
        Journal.open(tmp_path / "run").close()
    monkeypatch.undo()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Journal.open(tmp_path / "run").close()
