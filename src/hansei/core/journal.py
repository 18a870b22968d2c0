"""The journal of a run: every finished unit of work, kept under its content key.

A unit (one batch of answers, one batch of verdicts …) is one row, its records one JSON text, its commit one
transaction: after `kill -9` a unit is there whole or not at all, and a run that starts again skips what is
there. Only standard SQL here, so that another database can follow; what is SQLite's own is in `sqlite.py`.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar, overload

import sqlalchemy as sql
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError

from hansei import __version__
from hansei.core import sqlite
from hansei.core.errors import BadInput
from hansei.core.files import check_writable
from hansei.core.keys import canonical
from hansei.core.records import from_json

SCHEMA = 1
"""Version of the tables below."""
FILE = "journal.sqlite"
"""Name of the journal in a run's folder."""
_PAGE = 64
"""Units read at a time, so that a long run is never in memory whole."""

_tables = sql.MetaData()
_note = sql.Table(
    "hansei_note",
    _tables,
    sql.Column("name", sql.String(200), primary_key=True),
    sql.Column("value", sql.Text, nullable=False),
)
_unit = sql.Table(
    "hansei_unit",
    _tables,
    sql.Column("place", sql.Integer, primary_key=True),  # the order of commits
    sql.Column("key", sql.String(64), nullable=False, unique=True),
    sql.Column("kind", sql.String(64), nullable=False, index=True),
    sql.Column("size", sql.Integer, nullable=False),  # number of records
    sql.Column("body", sql.Text, nullable=False),  # canonical JSON list; ASCII, so any text fits any database
)

Record = TypeVar("Record")


class Journal:
    """Finished units of work, in commit order, and small notes about the run.

    One process writes at a time: a second one that opens the same folder gets BadInput at once, as waiting
    for a run of hours helps nobody. Any number may read meanwhile (`read_only=True`). Safe to use from
    several threads. Make one with `Journal.open`.
    """

    def __init__(self, engine: sql.Engine, where: str, lock: sqlite3.Connection | None = None) -> None:
        self.where = where
        """The file or URL, for messages (a URL without its password)."""
        self._engine, self._lock = engine, lock
        self._guard = threading.RLock()
        with _explained(where):
            self._connection = engine.connect()

    @classmethod
    def open(cls, where: str | Path, *, read_only: bool = False) -> Journal:
        """The journal in a run's folder (made if need be), or at a database URL of SQLAlchemy.

        `sqlite:///some/file.sqlite` is opened as a folder's journal would be. Other databases have no claim
        on the run: there the unique key is what keeps two processes apart.

        Raises BadInput where the place can't be written or is a model's, another hansei is writing there, the
        file is damaged or no journal, or another version of hansei made it. Warns on a network file system.
        """
        url = _url(str(where)) if "://" in str(where) else None
        if url is not None and (url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:")):
            shown = url.render_as_string(hide_password=True)
            return cls(_other_engine(url, shown), shown)._checked(read_only)
        path = Path(url.database or "") if url is not None else Path(where) / FILE
        if read_only and not path.is_file():
            raise BadInput(f"{path.parent}: a run's folder was expected, there is no {path.name}: check the path")
        if not read_only:
            if (path.parent / "config.json").is_file() and not path.exists():
                raise BadInput(f"{path.parent}: is a model's own folder, there is a config.json: name another folder")
            check_writable(path.parent)
        sqlite.warn_of_network(path)
        lock = None if read_only else sqlite.claim(path)
        try:
            journal = cls(sqlite.open_engine(path, read_only), str(path), lock)
            return journal._checked(read_only)
        except BaseException:
            if lock is not None:
                lock.close()
            raise

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the use of the journal; another process may then write."""
        with self._guard:
            self._connection.close()
            self._engine.dispose()
            if self._lock is not None:
                self._lock.close()

    def done(self, key: str) -> list[Any] | None:
        """The JSON records of a finished unit, in order; None if it is not finished."""
        with self._transaction() as connection:
            body = connection.execute(sql.select(_unit.c.body).where(_unit.c.key == key)).scalar()
        return None if body is None else list(json.loads(body))

    def commit(self, key: str, kind: str, records: Sequence[Any]) -> None:
        """Stores a finished unit: records or JSON values, in one transaction.

        The same content under the same key again is no error and changes nothing. Raises ValueError where
        the key is there with other content: then the key leaves out something that the content depends on.
        """
        self._store(key, kind, len(records), canonical(list(records)))

    def unit(
        self, key: str, kind: str, work: Callable[[], Sequence[Record]], record_type: type[Record]
    ) -> list[Record]:
        """The records of a unit: read if it is finished, else worked out by `work()` and committed.

        Both ways the records come from their JSON, so a resumed run has exactly what the first one had.
        """
        values = self.done(key)
        if values is None:
            records = work()
            body = canonical(list(records))
            self._store(key, kind, len(records), body)
            values = json.loads(body)
        return [self._decode(record_type, value) for value in values]

    @overload
    def records(self, kind: str) -> Iterator[Any]: ...
    @overload
    def records(self, kind: str, record_type: type[Record]) -> Iterator[Record]: ...
    def records(self, kind: str, record_type: type[Any] | None = None) -> Iterator[Any]:
        """All records of a kind in commit order: as `record_type`, or as JSON values without one.

        Committing meanwhile is allowed; units committed before the end is reached are seen too.
        """
        place = 0
        while True:
            page = (
                sql.select(_unit.c.place, _unit.c.body)
                .where(_unit.c.kind == kind, _unit.c.place > place)
                .order_by(_unit.c.place)
                .limit(_PAGE)
            )
            with self._transaction() as connection:
                rows = connection.execute(page).all()
            for place, body in rows:  # noqa: B007 - the last place is where the next page starts
                for value in json.loads(body):
                    yield value if record_type is None else self._decode(record_type, value)
            if len(rows) < _PAGE:
                return

    def counts(self) -> dict[str, int]:
        """How many records of each kind there are."""
        query = sql.select(_unit.c.kind, sql.func.sum(_unit.c.size)).group_by(_unit.c.kind)
        with self._transaction() as connection:
            rows = connection.execute(query.order_by(_unit.c.kind)).all()
        return {kind: int(total) for kind, total in rows}

    def note(self, name: str, value: Any) -> None:
        """Keeps a small JSON value under a name, in place of what was there."""
        with self._transaction() as connection:
            connection.execute(sql.delete(_note).where(_note.c.name == name))
            connection.execute(sql.insert(_note).values(name=name, value=canonical(value)))

    def noted(self, name: str) -> Any:
        """The JSON value kept under a name; None if there is none."""
        with self._transaction() as connection:
            value = connection.execute(sql.select(_note.c.value).where(_note.c.name == name)).scalar()
        return None if value is None else json.loads(value)

    def _store(self, key: str, kind: str, size: int, body: str) -> None:
        try:
            with self._transaction() as connection:
                connection.execute(sql.insert(_unit), {"key": key, "kind": kind, "size": size, "body": body})
        except IntegrityError:
            with self._transaction() as connection:
                there = connection.execute(sql.select(_unit.c.kind, _unit.c.body).where(_unit.c.key == key)).one()
            if tuple(there) != (kind, body):
                raise ValueError(
                    f"{self.where}: unit {key} ({kind}) is there already with other content; "
                    "its key leaves out something that the content depends on"
                ) from None

    def _decode(self, record_type: type[Record], value: Any) -> Record:
        try:
            return from_json(record_type, value)
        except ValueError as error:
            raise BadInput(f"{self.where}: {error}: {_of_another_version(self.noted('hansei'))}") from error

    def _checked(self, read_only: bool) -> Journal:
        """Itself, with its tables made or their version checked."""
        try:
            with self._transaction() as connection:
                there = set(sql.inspect(connection).get_table_names())
                if not there and not read_only:
                    _tables.create_all(connection)
                    notes = {"schema": SCHEMA, "hansei": __version__}
                    rows = [{"name": name, "value": canonical(value)} for name, value in notes.items()]
                    connection.execute(sql.insert(_note), rows)
            if there and _note.name not in there:
                raise BadInput(f"{self.where}: a database, but no journal of hansei: choose another folder")
            if read_only and not there:
                raise BadInput(f"{self.where}: nothing is in this run yet: run it first")
            found = self.noted("schema")
            if found != SCHEMA:
                raise BadInput(
                    f"{self.where}: journal schema {SCHEMA} expected, {found} found: "
                    f"{_of_another_version(self.noted('hansei'))}"
                )
        except BaseException:
            self.close()
            raise
        return self

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sql.Connection]:
        with self._guard, _explained(self.where), self._connection.begin():
            yield self._connection


def _of_another_version(maker: Any) -> str:
    return f"the run was made by hansei {maker}, this is {__version__}: use that version, or another folder"


@contextlib.contextmanager
def _explained(where: str) -> Iterator[None]:
    """Turns a database's errors that the user can mend into BadInput."""
    try:
        yield
    except IntegrityError:
        raise
    except (DBAPIError, sqlite3.Error) as error:
        origin = error.orig if isinstance(error, DBAPIError) else error
        text = sqlite.meaning(origin)
        if text is None and isinstance(error, DBAPIError) and not isinstance(origin, sqlite3.Error):
            text = str(origin)  # another database's own words: unreachable, wrong password …
        if text is None:
            raise
        raise BadInput(f"{where}: {text}") from error


def _url(text: str) -> sql.URL:
    try:
        return sql.make_url(text)
    except ArgumentError as error:
        raise BadInput(f"a folder or a database URL was expected, found {text!r}") from error


def _other_engine(url: sql.URL, shown: str) -> sql.Engine:
    """An engine for a database other than a SQLite file."""
    try:
        return sql.create_engine(url)
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise BadInput(f"{shown}: {error}: install a driver for this database") from error
