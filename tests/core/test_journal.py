import json
import multiprocessing
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from hansei.core import journal as module
from hansei.core import sqlite
from hansei.core.errors import BadInput
from hansei.core.journal import Journal
from hansei.core.records import Attempt, Prompt, Sampling, Verdict, user

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(sqlite, "CLAIM_SECONDS", 0.05)


def attempt(number: int) -> Attempt:
    return Attempt(f"a{number}", "p", "m", "plain", Sampling(), number, user("hi"), f"text {number}", "stop")


def test_a_finished_unit_is_found_again_and_an_unfinished_one_is_not(tmp_path):
    with Journal.open(tmp_path / "run") as journal:
        assert journal.done("k") is None
        journal.commit("k", "attempt", [attempt(0), attempt(1)])
        journal.commit("none", "attempt", [])
    with Journal.open(tmp_path / "run") as journal:
        assert [value["text"] for value in journal.done("k")] == ["text 0", "text 1"]
        assert journal.done("none") == []
        assert journal.counts() == {"attempt": 2}


def test_a_unit_is_worked_out_once_and_reads_the_same_ever_after(tmp_path):
    calls = []
    prompt = Prompt("p", user("x"), truth={"ingredients": ("a", "b")})

    def work():
        calls.append(1)
        return [prompt]

    with Journal.open(tmp_path) as journal:
        first = journal.unit("k", "prompt", work, Prompt)
    with Journal.open(tmp_path) as journal:
        again = journal.unit("k", "prompt", work, Prompt)
    assert first == again
    assert first[0].truth == {"ingredients": ["a", "b"]}
    assert len(calls) == 1


def test_work_that_fails_commits_nothing(tmp_path):
    with Journal.open(tmp_path) as journal:
        with pytest.raises(ZeroDivisionError):
            journal.unit("k", "attempt", lambda: 1 // 0, Attempt)
        assert journal.done("k") is None


@settings(max_examples=25, deadline=None)
@given(st.lists(JSON, max_size=3))
def test_any_json_comes_back_as_it_went_in(values):
    with Journal.open("sqlite://") as journal:
        journal.commit("k", "any", values)
        journal.note("n", values)
        assert journal.done("k") == values
        assert journal.noted("n") == values
        assert list(journal.records("any")) == values


def test_committing_the_same_again_changes_nothing_and_other_content_raises(tmp_path):
    with Journal.open(tmp_path) as journal:
        journal.commit("k", "attempt", [attempt(0)])
        journal.commit("k", "attempt", [attempt(0)])
        with pytest.raises(ValueError, match="with other content"):
            journal.commit("k", "attempt", [attempt(1)])
        with pytest.raises(ValueError, match="with other content"):
            journal.commit("k", "verdict", [attempt(0)])
        assert journal.counts() == {"attempt": 1}
        journal.commit("k2", "attempt", [attempt(1)])  # the failed commits left no open transaction


def test_what_json_cannot_hold_is_refused_before_anything_is_written(tmp_path):
    with Journal.open(tmp_path) as journal:
        with pytest.raises(ValueError, match="no form in JSON"):
            journal.commit("k", "figure", [{"value": float("nan")}])
        assert journal.done("k") is None


def test_records_come_in_commit_order_across_pages_and_kinds(tmp_path):
    with Journal.open(tmp_path) as journal:
        for i in range(150):
            journal.commit(f"v{i}", "verdict", [Verdict(f"a{i}", "j", "1", "pass")])
            journal.commit(f"a{149 - i}", "attempt", [attempt(2 * i), attempt(2 * i + 1)])
        assert [a.number for a in journal.records("attempt", Attempt)] == list(range(300))
        assert [v["attempt_id"] for v in journal.records("verdict")] == [f"a{i}" for i in range(150)]
        assert list(journal.records("lesson")) == []
        assert journal.counts() == {"attempt": 300, "verdict": 150}


def test_committing_while_reading_loses_nothing(tmp_path):
    with Journal.open(tmp_path) as journal:
        for i in range(100):
            journal.commit(f"a{i}", "attempt", [attempt(i)])
        for read in journal.records("attempt", Attempt):
            journal.commit(f"v{read.number}", "verdict", [Verdict(read.id, "j", "1", "pass")])
        assert journal.counts() == {"attempt": 100, "verdict": 100}


def test_notes_are_replaced_and_outlive_the_process(tmp_path):
    with Journal.open(tmp_path) as journal:
        assert journal.noted("settings") is None
        journal.note("settings", {"steps": 80})
        journal.note("settings", {"steps": 160})
    with Journal.open(tmp_path) as journal:
        assert journal.noted("settings") == {"steps": 160}


def test_threads_may_share_a_journal(tmp_path):
    with Journal.open(tmp_path) as journal:

        def work(worker: int) -> None:
            for i in range(50):
                journal.commit(f"{worker}-{i}", "attempt", [attempt(i)])
                assert journal.done(f"{worker}-{i}") is not None

        threads = [threading.Thread(target=work, args=(w,)) for w in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert journal.counts() == {"attempt": 200}


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


def test_a_run_of_another_schema_is_one_line_that_names_both(tmp_path, monkeypatch):
    with Journal.open(tmp_path) as journal:
        journal.note("schema", 7)
        journal.note("hansei", "9.9.9")
    for read_only in (False, True):
        with pytest.raises(BadInput, match=r"schema 1 expected, 7 found: .* hansei 9\.9\.9, this is .*"):
            Journal.open(tmp_path, read_only=read_only)


def test_a_record_of_another_version_is_one_line(tmp_path):
    with Journal.open(tmp_path) as journal:
        journal.commit("k", "sampling", [{"temperature": 0.5, "top_k": 3}])
        with pytest.raises(BadInput, match=r"unknown field 'top_k' in a Sampling: the run was made by hansei"):
            list(journal.records("sampling", Sampling))
        with pytest.raises(BadInput, match="unknown field 'top_k'"):
            journal.unit("k", "sampling", list, Sampling)


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


def test_a_url_names_a_database_and_a_bad_one_is_one_line(tmp_path):
    with Journal.open(f"sqlite:///{tmp_path}/a.sqlite") as journal:
        journal.commit("k", "attempt", [attempt(0)])
        with pytest.raises(BadInput, match="another hansei"):
            Journal.open(f"sqlite:///{tmp_path}/a.sqlite")
    with pytest.raises(BadInput, match="a folder or a database URL"):
        Journal.open("://")
    with pytest.raises(BadInput, match="install a driver"):
        Journal.open("nosuchdatabase://user:secret@host/db")
    with pytest.raises(BadInput) as caught:
        Journal.open("nosuchdatabase://user:secret@host/db")
    assert "secret" not in str(caught.value)


def test_the_tables_and_their_names_hold_on_postgresql():
    for table in module._tables.sorted_tables:
        text = str(CreateTable(table).compile(dialect=postgresql.dialect()))
        assert "AUTOINCREMENT" not in text
        assert table.name.startswith("hansei_")  # such a database may be shared
    assert "place SERIAL" in str(CreateTable(module._unit).compile(dialect=postgresql.dialect()))


def test_only_one_file_knows_sqlite():
    core = Path(module.__file__).parent
    for file in core.parent.rglob("*.py"):
        if file != core / "sqlite.py":
            text = file.read_text().lower()
            assert "pragma " not in text, file
            assert "on conflict" not in text, file


def test_thousands_of_small_commits_take_seconds():
    with tempfile.TemporaryDirectory() as folder, Journal.open(folder) as journal:
        start = time.process_time()  # of this process alone: other work on the machine does not count
        for i in range(1000):
            journal.commit(f"k{i}", "attempt", [{"n": i}])
        assert time.process_time() - start < 2
        assert journal.counts() == {"attempt": 1000}


def test_the_stored_text_is_plain_json_that_other_tools_read(tmp_path):
    with Journal.open(tmp_path) as journal:
        journal.commit("k", "attempt", [{"text": "grüße \ud800 \0"}])
    shutil.copy(tmp_path / "journal.sqlite", tmp_path / "copy")
    connection = sqlite3.connect(tmp_path / "copy")
    [(kind, size, body)] = connection.execute("select kind, size, body from hansei_unit").fetchall()
    connection.close()
    assert (kind, size, json.loads(body)) == ("attempt", 1, [{"text": "grüße \ud800 \0"}])
    assert body.isascii()
