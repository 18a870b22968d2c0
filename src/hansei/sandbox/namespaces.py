"""A process in namespaces of its own: it sees no other process, no network, and of the files a few, read-only.

What bubblewrap does, for machines without it. Method: namespaces(7), mount_namespaces(7), pivot_root(2).
"""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Sequence
from pathlib import Path

from hansei.sandbox.lock import NOBODY

_NEWNS, _NEWUTS, _NEWIPC, _NEWUSER, _NEWPID, _NEWNET = (
    0x20000,
    0x4000000,
    0x8000000,
    0x10000000,
    0x20000000,
    0x40000000,
)
_APART = _NEWNS | _NEWUTS | _NEWIPC | _NEWPID | _NEWNET
_MS_NOSUID, _MS_NODEV, _MS_BIND, _MS_REC, _MS_PRIVATE = 2, 4, 4096, 16384, 1 << 18
_DETACH, _AT_FDCWD, _RECURSIVE = 2, -100, 0x8000
_READ_ONLY = 1 | 2 | 4  # MOUNT_ATTR_RDONLY, _NOSUID, _NODEV
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_MOUNT_SETATTR = 442
_libc = ctypes.CDLL(None, use_errno=True)


def enter(base: str, readable: Sequence[str]) -> None:
    """From here on, this process is the first of its own process namespace; the one that called waits for it.

    `base` is an empty folder that becomes the root; `readable` are the only paths in it. Root does so by its
    own right where it has it; all others, and root in most containers, by a user namespace. Raises OSError
    where the system forbids it.
    """
    uid, gid = os.geteuid(), os.getegid()
    if uid != 0 or _libc.unshare(_APART):
        _check(_libc.unshare(_APART | _NEWUSER), "unshare")
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"{NOBODY} {uid} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"{NOBODY} {gid} 1", encoding="ascii")
    first = os.fork()
    if first:
        _outlive(first)
    _check(_libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None), "mount")
    _check(_libc.mount(b"tmpfs", base.encode(), b"tmpfs", _MS_NOSUID | _MS_NODEV, b"size=1m,mode=755"), "mount tmpfs")
    for path in readable:
        _bind(path, base + path)
    os.chdir(base)
    _check(_libc.syscall(_PIVOT_ROOT[platform.machine()], b".", b"."), "pivot_root")
    _check(_libc.umount2(b".", _DETACH), "umount")
    os.chdir("/")
    _protect("/")


def _outlive(first: int) -> None:
    """The process outside: it holds nothing open, and ends when the first process inside does."""
    os.closerange(3, 1024)
    _, status = os.waitpid(first, 0)
    os._exit(os.waitstatus_to_exitcode(status) & 0x7F)


def _bind(source: str, target: str) -> None:
    """Show a file or folder at another place, with all that is mounted below it, read-only."""
    if Path(source).is_dir():
        Path(target).mkdir(parents=True, exist_ok=True)
    else:
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        Path(target).touch()
    _check(_libc.mount(source.encode(), target.encode(), None, _MS_BIND | _MS_REC, None), f"mount {source}")
    _protect(target)


def _protect(path: str) -> None:
    wanted = (ctypes.c_uint64 * 4)(_READ_ONLY, 0, 0, 0)  # struct mount_attr: set, clear, propagation, user namespace
    done = _libc.syscall(_MOUNT_SETATTR, _AT_FDCWD, path.encode(), _RECURSIVE, ctypes.byref(wanted), 32)
    _check(done, f"mount_setattr {path}")


def _check(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
