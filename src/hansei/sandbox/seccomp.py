"""A filter of system calls: what a Python program needs to compute, and nothing that reaches another process.

An allow-list, so that new calls of the kernel, and x86's second numbering (x32, bit 30), are refused unseen. What is
refused gives EPERM, as if the user had no right to it. Numbers: the kernel's unistd.h; method: seccomp(2).
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct

CALLS = """
read=0,63 write=1,64 readv=19,65 writev=20,66 pread64=17,67 close=3,57 close_range=436,436 lseek=8,62
fstat=5,80 stat=4, lstat=6, newfstatat=262,79 statx=332,291 getdents64=217,61 getcwd=79,17
open=2, openat=257,56 access=21, faccessat=269,48 faccessat2=439,439 readlink=89, readlinkat=267,78
mmap=9,222 mprotect=10,226 munmap=11,215 mremap=25,216 madvise=28,233 brk=12,214
rt_sigaction=13,134 rt_sigprocmask=14,135 rt_sigreturn=15,139 rt_sigpending=127,136 sigaltstack=131,132
restart_syscall=219,128 futex=202,98 set_robust_list=273,99 get_robust_list=274,100 set_tid_address=218,96
rseq=334,293 membarrier=324,283 sched_yield=24,124 sched_getaffinity=204,123 getcpu=309,168 arch_prctl=158,
getpid=39,172 getppid=110,173 gettid=186,178 getuid=102,174 geteuid=107,175 getgid=104,176 getegid=108,177
getgroups=115,158 getresuid=118,148 getresgid=120,150 uname=63,160 sysinfo=99,179 getrusage=98,165 times=100,153
getrandom=318,278 clock_gettime=228,113 clock_getres=229,114 clock_nanosleep=230,115 nanosleep=35,101
gettimeofday=96,169 time=201, setitimer=38,103 getitimer=36,102 alarm=37, pause=34,
exit=60,93 exit_group=231,94 pipe=22, pipe2=293,59 dup=32,23 dup2=33, dup3=292,24
select=23, pselect6=270,72 poll=7, ppoll=271,73 eventfd2=290,19
epoll_create=213, epoll_create1=291,20 epoll_ctl=233,21 epoll_wait=232, epoll_pwait=281,22
sendto=44,206 recvfrom=45,207 shutdown=48,210 getsockname=51,204 getsockopt=55,209 getpeername=52,205
clone=56,220 clone3=435,435 fcntl=72,25 ioctl=16,29 socketpair=53,199 prlimit64=302,261
"""
"""Name = number on x86-64, number on AArch64 (which has no old twins such as `open`)."""
CLONE_THREAD = 0x10000
ARGUMENTS: dict[str, tuple[int, tuple[int, ...]]] = {
    # F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC: not F_SETOWN, which sends signals
    "fcntl": (1, (0, 1, 2, 3, 4, 1030)),
    # FIOCLEX, FIONCLEX, FIONBIO, FIONREAD, TCGETS: nothing that writes to a terminal
    "ioctl": (1, (0x5451, 0x5450, 0x5421, 0x541B, 0x5401)),
    "socketpair": (0, (1,)),  # AF_UNIX
    "prlimit64": (0, (0,)),  # the process itself
}
"""Calls of which only some values of one argument are allowed: the argument's place, and the values."""
ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
"""The kernel's number of a machine, and which of the two numbers in CALLS is its own."""

_ALLOW, _KILL, _REFUSE = 0x7FFF0000, 0x80000000, 0x00050000
_LOAD, _EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_PR_SET_SECCOMP, _PR_GET_SECCOMP, _FILTER_MODE = 22, 21, 2
_ARGUMENT = 16  # offset of the first argument in struct seccomp_data

_libc = ctypes.CDLL(None, use_errno=True)

Line = tuple[int, int, int, int]
"""An instruction: code, lines to skip if true, lines to skip if false, operand."""


def available() -> bool:
    """Whether this kernel filters system calls, and this machine's numbers are known."""
    known = platform.machine() in ARCHITECTURES and struct.calcsize("P") == 8
    return known and _libc.prctl(_PR_GET_SECCOMP, 0, 0, 0, 0) >= 0


def program(machine: str) -> list[Line]:
    """The filter for a machine, as lines of classic BPF."""
    audit, column = ARCHITECTURES[machine]
    lines: list[Line] = [
        (_LOAD, 0, 0, 4),
        (_EQUAL, 1, 0, audit),
        (_RETURN, 0, 0, _KILL),  # a call through the gate of another architecture, such as int 0x80
        (_LOAD, 0, 0, 0),
    ]
    for entry in CALLS.split():
        name, _, numbers = entry.partition("=")
        number = numbers.split(",")[column]
        if number:
            then = _then(name)
            lines += [(_EQUAL, 0, len(then), int(number)), *then]
    return [*lines, (_RETURN, 0, 0, _REFUSE | errno.EPERM)]


def _then(name: str) -> list[Line]:
    """What is done once a call is known by its number."""
    refuse: Line = (_RETURN, 0, 0, _REFUSE | errno.EPERM)
    allow: Line = (_RETURN, 0, 0, _ALLOW)
    if name == "clone3":  # its flags lie in memory, out of a filter's sight; the C library then takes clone
        return [(_RETURN, 0, 0, _REFUSE | errno.ENOSYS)]
    if name == "clone":
        return [(_LOAD, 0, 0, _ARGUMENT), (_ANY_BIT, 0, 1, CLONE_THREAD), allow, refuse]
    if name in ARGUMENTS:
        place, values = ARGUMENTS[name]
        checks = [line for value in values for line in ((_EQUAL, 0, 1, value), allow)]
        return [(_LOAD, 0, 0, _ARGUMENT + 8 * place), *checks, refuse]
    return [allow]


def compiled() -> bytes:
    """The filter for this machine, as the kernel reads it."""
    return b"".join(struct.pack("=HBBI", *line) for line in program(platform.machine()))


def install(code: bytes) -> None:
    """Puts this process, and all threads it starts, under a filter, for ever. Needs no_new_privs.

    Raises OSError where the kernel will not.
    """
    held = ctypes.create_string_buffer(code, len(code))
    wrapped = struct.pack("@HP", len(code) // 8, ctypes.addressof(held))  # struct sock_fprog
    if _libc.prctl(_PR_SET_SECCOMP, _FILTER_MODE, ctypes.c_char_p(wrapped), 0, 0):
        raise OSError(ctypes.get_errno(), "the filter of system calls was refused")
