"""What a journal keeps, and how it gives it back."""

import json
import shutil
import sqlite3
import tempfile
import threading
import time
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
