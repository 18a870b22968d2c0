"""What a process gives up before it runs anything: rights, resources, files. None of it can be taken back.

Method: prctl(2), capset(2), setrlimit(2), landlock(7). Nothing here needs a privilege.
"""

from __future__ import annotations

import ctypes
import os
import resource
import struct
from collections.abc import Sequence

NOBODY = 65534
_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 4, 38
_CAPABILITY_VERSION_3 = 0x20080522
_LANDLOCK = 444  # landlock_create_ruleset, then _add_rule and _restrict_self: the same numbers on all machines
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
"""How many kinds of access to files each version of Landlock knows."""
_ALL_TCP, _ALL_SCOPES = 0b11, 0b11
_libc = ctypes.CDLL(None, use_errno=True)


def give_up_rights(needed: Sequence[str]) -> None:
    """No other user than this one, no capabilities, none to be had by running another program.

    Root becomes nobody, unless nobody could not read the `needed` files (a Python below /root, say), or the system
    forbids it (a user namespace of one user): it then stays root without any of root's rights. What the process holds
    in memory can't be read by others of the same user from then on.
    """
    if os.geteuid() == 0 and _nobody_reads(needed):
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    head = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    if _libc.capset(ctypes.c_char_p(head), ctypes.c_char_p(bytes(24))):
        raise OSError(ctypes.get_errno(), "the capabilities could not be given up")
    if _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "no_new_privs was refused")
    _libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def _nobody_reads(paths: Sequence[str]) -> bool:
    """Whether root may become nobody, and nobody can open these paths. The groups of root are gone if so."""
    try:
        os.setgroups([])
        os.seteuid(NOBODY)
    except OSError:
        return False
    try:
        for path in paths:
            os.close(os.open(path, os.O_RDONLY))
        return True
    except OSError:
        return False
    finally:
        os.seteuid(0)


def limit_resources(memory_mb: int, seconds: int, processes: int | None = None) -> None:
    """Address space, processor time, descriptors; no file may grow, nothing is dumped.

    `processes` is for where nothing else bounds their number; threads count as such.
    """
    megabytes = 1024 * 1024
    if processes is not None:
        resource.setrlimit(resource.RLIMIT_NPROC, (processes, processes))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))  # SIGXCPU, then SIGKILL
    for what, most in (
        (resource.RLIMIT_AS, memory_mb * megabytes),
        (resource.RLIMIT_STACK, 8 * megabytes),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))


def landlock_version() -> int:
    """The version of Landlock in this kernel; 0 where there is none."""
    return max(0, int(_libc.syscall(_LANDLOCK, None, 0, 1)))


def landlock(readable: Sequence[str]) -> None:
    """Only files below these paths can be read, none written or run; no TCP, no signal out (where known).

    Raises OSError where the kernel will not.
    """
    version = landlock_version()
    files = (1 << _FILE_RIGHTS.get(version, 16)) - 1
    parts = [files] + [_ALL_TCP] * (version >= 4) + [_ALL_SCOPES] * (version >= 6)
    wanted = struct.pack(f"={len(parts)}Q", *parts)
    rules = _call(0, ctypes.c_char_p(wanted), len(wanted), 0)
    for path in readable:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
        rights = _READ_FILE | (_READ_DIR if os.path.isdir(path) else 0)  # noqa: PTH112 - pathlib would be slower to load
        _call(1, rules, 1, ctypes.c_char_p(struct.pack("=Qi", rights, handle)), 0)
        os.close(handle)
    _call(2, rules, 0)
    os.close(rules)


def _call(offset: int, *arguments: object) -> int:
    result = int(_libc.syscall(_LANDLOCK + offset, *arguments))
    if result < 0:
        raise OSError(ctypes.get_errno(), "Landlock was refused")
    return result
