"""All that is SQLite's own: how a journal file is opened, claimed, and how its errors read.

Write-ahead log (WAL): a commit is appended to `journal.sqlite-wal` with checksums; what a killed process
left half-written there is dropped at the next opening. Source: https://www.sqlite.org/wal.html
"""

from __future__ import annotations

import os
import re
import sqlite3
import warnings
from pathlib import Path

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.pool import NullPool

from hansei.core.errors import BadInput

BUSY_SECONDS = 10.0
"""How long a statement waits for a moment's lock of another process (a reader, a checkpoint)."""
CLAIM_SECONDS = 1.0
"""How long opening waits for another writer to end: enough for one that has just been killed."""

NETWORK = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "9p", "ceph", "lustre", "beegfs", "gpfs"}
NETWORK |= {"glusterfs", "fuse.glusterfs", "fuse.sshfs", "fuse.ceph", "fuse.s3fs", "fuse.rclone", "pvfs2"}

_MEANING = {
    "SQLITE_FULL": "the disk is full: free some space and run again, finished work is kept",
    "SQLITE_READONLY": "it can't be written (read-only folder or file): choose another folder",
    "SQLITE_PERM": "no permission: choose another folder, or change its rights",
    "SQLITE_BUSY": "another hansei is using it: wait until that one ends, or choose another folder",
    "SQLITE_LOCKED": "another hansei is using it: wait until that one ends, or choose another folder",
    "SQLITE_CORRUPT": "the journal is damaged: restore it from a copy, or start in another folder",
    "SQLITE_NOTADB": "this file is no journal: choose another folder",
    "SQLITE_CANTOPEN": "it can't be opened (no permission, or a read-only disk): copy it elsewhere",
    "SQLITE_IOERR_SHMSIZE": "the disk is full: free some space and run again, finished work is kept",  # log's index
    "SQLITE_IOERR": "the disk failed while reading or writing: check the disk, then run again",
    "SQLITE_TOOBIG": "one unit of work is larger than SQLite holds (1 GB): use smaller batches",
}


def meaning(error: BaseException | None) -> str | None:
    """What an error of SQLite tells the user, or None for an error that is not his to mend."""
    name = getattr(error, "sqlite_errorname", None) or ""
    return next((text for start, text in _MEANING.items() if name.startswith(start)), None)


def open_engine(path: Path, read_only: bool) -> Engine:
    """An engine on the journal file, with explicit transactions (also around CREATE TABLE).

    A writer starts each transaction with the write lock, so that no transaction fails half-way for want
    of it. Raises BadInput where the write-ahead log can't be had.
    """
    # NullPool, as the Journal holds its one connection itself
    engine = create_engine("sqlite://", creator=lambda: _connect(path, read_only), poolclass=NullPool)
    begin = "BEGIN" if read_only else "BEGIN IMMEDIATE"
    event.listen(engine, "begin", lambda connection: connection.connection.driver_connection.execute(begin))
    return engine


def _connect(path: Path, read_only: bool) -> sqlite3.Connection:
    mode = "rwc"
    if read_only:
        log = path.with_name(path.name + "-wal")
        unfinished = log.exists() and log.stat().st_size > 0
        # On a read-only disk there is no room for the log's index, and nobody else can be writing.
        mode = "ro" if os.access(path.parent, os.W_OK) or unfinished else "ro&immutable=1"
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,  # no transactions behind our back
        check_same_thread=False,  # the Journal has its own lock
    )
    try:
        if not read_only:
            _use_log(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _use_log(connection: sqlite3.Connection, path: Path) -> None:
    if connection.execute("PRAGMA journal_mode=WAL").fetchone()[0] != "wal":
        raise BadInput(f"{path}: this file system allows no write-ahead log: choose a folder on a local disk")
    # NORMAL syncs the log at checkpoints, not at every commit. A killed process loses nothing, as its
    # commits are in the operating system's hands; a power cut may cost the last commits, which are then
    # simply done again, and can't damage the file. FULL would cost one disk flush a commit.
    connection.execute("PRAGMA synchronous=NORMAL")


def claim(path: Path) -> sqlite3.Connection:
    """Makes this process the journal's only writer until the returned connection is closed.

    The claim is an exclusive lock on an empty database beside the journal. The operating system releases
    it when the process ends in whatever way, so there is no such thing as a stale lock; readers of the
    journal are not held up. Raises BadInput where another process holds it.
    """
    lock = sqlite3.connect(
        path.with_suffix(".lock"), timeout=CLAIM_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        lock.close()
        text = meaning(error)
        if text is None:
            raise
        raise BadInput(f"{path.parent}: {text}") from error
    return lock


def network_file_system(path: Path, mounts: Path = Path("/proc/mounts")) -> str | None:
    """The type of the network file system that a path lies on; None if local, or unknown (not Linux)."""
    if not mounts.exists():
        return None
    real, best, kind = path.resolve(), -1, ""
    for line in mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        fields = line.split(" ")
        point = Path(re.sub(r"\\(\d{3})", lambda code: chr(int(code[1], 8)), fields[1]))
        if real.is_relative_to(point) and len(point.parts) >= best:  # the last of equals is mounted on top
            best, kind = len(point.parts), fields[2]
    return kind if kind in NETWORK else None


def warn_of_network(path: Path) -> None:
    """Says where SQLite's write-ahead log is unsafe, as its index is shared memory of one machine."""
    kind = network_file_system(path.parent)
    if kind:
        warnings.warn(
            f"{path.parent} is on a network file system ({kind}), where SQLite's write-ahead log is unsafe: "
            "use a folder on a local disk, or make sure that one machine only touches it",
            stacklevel=2,
        )
