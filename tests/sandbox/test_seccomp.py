"""The filter of system calls, run by a small interpreter of classic BPF: what it lets through, and what not."""

from __future__ import annotations

import errno
import struct

import pytest

from hansei.sandbox.seccomp import ARCHITECTURES, CALLS, Line, program

ALLOW, KILL, REFUSE = 0x7FFF0000, 0x80000000, 0x50000
NAMES = {name: tuple(numbers.split(",")) for name, _, numbers in (entry.partition("=") for entry in CALLS.split())}


def decide(lines: list[Line], audit: int, number: int, *arguments: int) -> int:
    """What the kernel would do with a call: linux/Documentation/networking/filter.rst, in ten lines."""
    data = struct.pack("<IIQ6Q", number, audit, 0, *(*arguments, 0, 0, 0, 0, 0, 0)[:6])
    at = accumulator = 0
    while True:
        code, yes, no, operand = lines[at]
        at += 1
        if code == 0x20:
            (accumulator,) = struct.unpack_from("<I", data, operand)
        elif code in (0x15, 0x45):
            at += yes if (accumulator == operand if code == 0x15 else accumulator & operand) else no
        elif code == 0x06:
            return operand
        else:
            raise AssertionError(f"no instruction {code}")


@pytest.fixture(params=sorted(ARCHITECTURES))
def machine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def call(machine: str, name: str, *arguments: int) -> int:
    audit, column = ARCHITECTURES[machine]
    return decide(program(machine), audit, int(NAMES[name][column]), *arguments)


def test_what_computing_needs_is_allowed(machine: str) -> None:
    for name in ("read", "write", "mmap", "futex", "openat", "exit_group", "getrandom", "clock_gettime"):
        assert call(machine, name) == ALLOW


def test_nothing_is_allowed_but_what_is_listed(machine: str) -> None:
    audit, column = ARCHITECTURES[machine]
    listed = {int(numbers[column]) for numbers in NAMES.values() if numbers[column]}
    assert {n for n in range(600) if decide(program(machine), audit, n) & 0xFFFF0000 == ALLOW} <= listed
    dangerous = {
        "x86_64": {
            41,
            42,
            49,
            50,
            57,
            58,
            59,
            62,
            101,
            161,
            165,
            200,
            234,
            272,
            308,
            310,
            317,
            319,
            321,
            322,
            425,
            434,
        },
        "aarch64": {117, 129, 130, 131, 198, 200, 201, 203, 221, 268, 270, 277, 279, 280, 281, 425, 434},
    }
    for number in dangerous[machine]:  # sockets, exec, signals, ptrace, mounts, namespaces, memfd, bpf, io_uring
        assert decide(program(machine), audit, number) == REFUSE | errno.EPERM


def test_the_second_numbering_of_x86_is_refused() -> None:
    for number in (0, 1, 57, 59, 520):
        assert decide(program("x86_64"), ARCHITECTURES["x86_64"][0], number | 1 << 30) == REFUSE | errno.EPERM


def test_a_call_through_another_architecture_ends_the_process(machine: str) -> None:
    for audit in (0x40000003, 0x40000028, 0):  # i386, ARM, none
        assert decide(program(machine), audit, 1) == KILL


def test_a_thread_can_be_started_and_a_process_not(machine: str) -> None:
    threads = 0x3D0F00  # what pthread_create asks for
    assert call(machine, "clone", threads) == ALLOW
    for flags in (17, 0x4111, 0x10000000, 0):  # fork, vfork, a user namespace
        assert call(machine, "clone", flags) == REFUSE | errno.EPERM
    assert call(machine, "clone3") == REFUSE | errno.ENOSYS


def test_descriptors_can_not_be_made_to_send_signals(machine: str) -> None:
    assert call(machine, "fcntl", 3, 1) == ALLOW
    for command in (8, 10, 15):  # F_SETOWN, F_SETSIG, F_SETOWN_EX
        assert call(machine, "fcntl", 3, command) == REFUSE | errno.EPERM
    assert call(machine, "ioctl", 0, 0x5421) == ALLOW
    assert call(machine, "ioctl", 0, 0x5412) == REFUSE | errno.EPERM  # TIOCSTI
    assert call(machine, "socketpair", 1) == ALLOW
    assert call(machine, "socketpair", 2) == REFUSE | errno.EPERM
    assert call(machine, "prlimit64", 0) == ALLOW
    assert call(machine, "prlimit64", 1) == REFUSE | errno.EPERM
