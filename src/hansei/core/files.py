"""Files and folders that are whole or absent: temporary sibling, fsync, rename."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from hansei.core.errors import BadInput

_MENDING = {
    errno.ENOSPC: "the disk is full: free some space and run again",
    errno.EDQUOT: "the disk quota is used up: free some space and run again",
    errno.EROFS: "the file system is read-only: choose another folder",
    errno.EACCES: "no permission: choose another folder, or change its rights",
    errno.EPERM: "not permitted: choose another folder, or change its rights",
    errno.EEXIST: "a file stands where a folder is to be made: choose another folder",
    errno.ENAMETOOLONG: "the path is too long: choose a shorter one",
    errno.ENOTDIR: "a part of the path is a file: choose another folder",
}
_SHORT = ("unexpected pos", "iostream error")
"""What torch.save says where the disk takes less than was to be written."""


@contextlib.contextmanager
def disk_errors(doing: str) -> Iterator[None]:
    """Turns a full disk, a read-only file system or missing rights into one clear line.

    `doing` says what was tried, such as "writing runs/a/report.html". Other errors pass unchanged.
    Raises BadInput.
    """
    try:
        yield
    except Exception as error:
        mending = _MENDING.get(_errno(error) or 0)
        if mending is None:
            raise
        raise BadInput(f"{doing}: {mending}") from error


def _errno(error: Exception) -> int | None:
    """The system's number of an error, also where a library writes by itself and has words of its own for it."""
    if isinstance(error, OSError):
        return error.errno
    found = re.search(r"\(os error (\d+)\)", str(error))  # safetensors
    if found:
        return int(found[1])
    return errno.ENOSPC if any(words in str(error) for words in _SHORT) else None


def check_writable(folder: str | Path, free_bytes: int = 0) -> None:
    """Makes the folder if need be and tries to write in it, so that a long run fails in its first second.

    Raises BadInput where the folder can't be made or written, or has less than `free_bytes` free.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise BadInput(f"{folder}: a folder to write in was expected, this is a file: give another path")
    trial = folder / f".trial.{os.getpid()}"
    with disk_errors(f"{folder}: can't write there"):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except FileNotFoundError as error:  # such as in /proc
            raise BadInput(f"{folder}: no folder can be made there: choose another one") from error
        try:
            trial.write_bytes(b"\0")
        finally:
            trial.unlink(missing_ok=True)
    free = shutil.disk_usage(folder).free
    if free < free_bytes:
        raise BadInput(
            f"{folder}: {free_bytes / 1e6:.0f} MB are needed, {free / 1e6:.0f} MB are free: "
            "free some space or choose another folder"
        )


def write_atomic(path: str | Path, content: bytes | str) -> None:
    """Writes a file so that a reader, also after a crash, sees the old one or the new one, never a part.

    Text is written as UTF-8. Missing parent folders are made. Raises BadInput on a full or read-only disk.
    """
    path = Path(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    data = content.encode() if isinstance(content, str) else content
    with disk_errors(f"writing {path}"):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with partial.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
        _sync(path.parent)


@contextlib.contextmanager
def folder_atomic(path: str | Path, replace: bool = False) -> Iterator[Path]:
    """Yields an empty sibling folder to fill; at the end of the block it is synced and renamed to `path`.

    If the block raises, nothing stands at `path` and the sibling is removed. A sibling that an earlier,
    killed run left is removed first: one process at a time writes a given path (a run's journal sees to
    it). With `replace`, a folder that stands at `path` gives way once the new one is whole.

    Raises BadInput where `path` exists and is not to be replaced, and on a full or read-only disk.
    """
    path = Path(path)
    partial, old = path.with_name(f".{path.name}.partial"), path.with_name(f".{path.name}.old")
    if path.exists() and not path.is_dir():
        raise BadInput(f"{path}: a folder was to be written, a file is there: give another path")
    if path.exists() and not replace and any(path.iterdir()):
        raise BadInput(f"{path}: exists already and is not empty: remove it or choose another path")
    with disk_errors(f"writing {path}"):
        for leftover in (partial, old):
            _remove(leftover)
        partial.mkdir(parents=True)
        try:
            yield partial
            for inner in partial.rglob("*"):
                if not inner.is_symlink():
                    _sync(inner)
            _sync(partial)
            if path.exists():
                path.rename(old)
            partial.rename(path)
        except BaseException:
            _remove(partial)
            raise
        _sync(path.parent)
        _remove(old)


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def _sync(path: Path) -> None:
    """Forces a file or a folder's list of names to the disk."""
    if path.is_dir() and os.name == "nt":  # Windows can't open a folder
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
