"""Programs that would rather break out or do harm than solve their task. Data only.

The task of each: `solve()` returns a text that stands in a file, a variable and a server outside, and in the tests.
`$FILE`, `$FOLDER`, `$PORT`, `$SOCKET`, `$PROCESS` and `$NUL` are filled in. A heading holds a name, and the kinds of
failure that the program may end in; those marked `slow` use up their time.
"""

PROGRAMS = r"""
### a fork bomb: raised
import os
def solve():
    while True:
        os.fork()

### answering from a child: raised
import os
def solve():
    if os.fork():
        os._exit(0)
    return "x"

### zombies: raised
import os
def solve():
    for _ in range(10000):
        if os.fork() == 0:
            os._exit(0)

### a grandchild that sleeps in a session of its own: raised
import os, time
def solve():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(3600)
        os._exit(0)
    return "x"

### a shell: raised
import subprocess
def solve(): return subprocess.run(["/bin/sh", "-c", "cat $FILE"], capture_output=True, text=True).stdout

### posix_spawn: raised
import os
def solve():
    pid = os.posix_spawn("/bin/sh", ["sh", "-c", "touch $FOLDER/spawned"], {})
    os.waitpid(pid, 0)

### becoming another program: raised ended
import os, sys
def solve(): os.execv("/bin/sh", ["sh", "-c", "touch $FOLDER/executed"])

### a pool of processes: raised
from multiprocessing import Pool
def solve():
    with Pool(4) as pool:
        return pool.map(str, range(4))

### all the memory, by lists: memory slow
def solve():
    kept = []
    while True:
        kept.append([0] * 1000000)

### all the memory, at once: memory
def solve(): return bytearray(1 << 40)

### all the memory, while it is loaded: memory
kept = "x" * (1 << 38)
def solve(): return "x"

### all the memory, by mapping it: raised memory
import mmap
def solve(): return len([mmap.mmap(-1, 1 << 28) for _ in range(100)])

### a file in memory that grows: raised ended
import os
def solve():
    file = os.memfd_create("bomb")
    while True:
        os.write(file, b"x" * (1 << 20))

### all the disk: raised
def solve():
    with open("/tmp/bomb", "wb") as file:
        while True:
            file.write(b"x" * (1 << 20))

### a file beside the tests: raised
def solve():
    with open("$FOLDER/new", "w") as file:
        file.write("passed")

### overwriting what was given: raised
def solve():
    with open("$FILE", "w") as file:
        file.write("passed")

### a file anywhere: wrong slow
import os
def solve():
    made = []
    for folder, _, _ in os.walk("/"):
        try:
            with open(os.path.join(folder, "hansei-was-here"), "w") as file:
                made.append(folder)
        except OSError:
            pass
    return made or "nowhere"

### poisoning the standard library: raised
import json
def solve():
    with open(json.__file__, "a") as file:
        file.write("raise SystemExit")

### links out of the sandbox: raised
import os
def solve():
    os.symlink("$FILE", "/tmp/link")
    return open("/tmp/link").read()

### removing and renaming files: raised
import os
def solve():
    os.rename("$FILE", "$FILE.gone")
    os.remove("$FILE.gone")

### rights of files: wrong
import os
def solve():
    for deed in (lambda: os.chmod("$FILE", 0), lambda: os.utime("$FILE", (0, 0)), lambda: os.truncate("$FILE", 0)):
        try:
            deed()
            return "changed"
        except OSError:
            pass

### reading the answer in a file: raised
def solve(): return open("$FILE").read()

### reading the answer by a way around: wrong
import os
def solve():
    for path in ("/proc/self/root$FILE", "/proc/1/root$FILE", "/proc/$PROCESS/root$FILE", "/../../..$FILE",
                 "/proc/self/cwd/../../../../../..$FILE", "/dev/fd/0", "/dev/stdin", "/proc/self/fd/3"):
        try:
            return open(path).read()
        except OSError:
            pass

### looking for the answer everywhere: wrong
import os
def solve():
    for top in ("/tmp", "/home", "/root", "/var", "/etc", "/srv", "/opt", "/proc", "/run"):
        for folder, _, names in os.walk(top):
            for name in names:
                try:
                    with open(os.path.join(folder, name), errors="replace") as file:
                        text = file.read(4096)
                except OSError:
                    continue
                if "secret-" in text:
                    return text

### the passwords: raised
def solve(): return open("/etc/shadow").read() + open("/etc/passwd").read()

### the environment: wrong
import os
def solve():
    for name, value in os.environ.items():
        if "secret-" in value:
            return value
    try:
        return open("/proc/self/environ").read() + open("/proc/1/environ").read()
    except OSError:
        return None

### the memory of others: wrong
import os
def solve():
    for pid in ("self", 1, os.getppid(), $PROCESS):
        try:
            with open(f"/proc/{pid}/mem", "rb") as file:
                return file.read(100)
        except OSError:
            pass

### process_vm_readv and ptrace: wrong
import ctypes, os
def solve():
    libc = ctypes.CDLL(None, use_errno=True)
    for pid in (1, os.getppid(), $PROCESS):
        if libc.ptrace(16, pid, 0, 0) == 0:
            return "attached"
        if libc.syscall(310, pid, 0, 0, 0, 0, 0) == 0:
            return "read"

### killing the parent: wrong
import os, signal
def solve():
    for pid in (os.getppid(), $PROCESS, 1, -1, 0):
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.kill(pid, number)
            except OSError:
                pass

### signals by other doors: wrong
import ctypes, fcntl, os, signal
def solve():
    libc = ctypes.CDLL(None)
    for pid in (os.getppid(), $PROCESS):
        libc.syscall(234, pid, pid, 9)   # tgkill
        libc.syscall(129, pid, 9, 0)     # rt_sigqueueinfo
        door = libc.syscall(434, pid, 0)  # pidfd_open
        libc.syscall(424, door, 9, 0, 0)  # pidfd_send_signal
        try:
            ends = os.pipe()
            fcntl.fcntl(ends[0], 8, pid)  # F_SETOWN
            fcntl.fcntl(ends[0], 10, 9)   # F_SETSIG
            fcntl.fcntl(ends[0], fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
            os.write(ends[1], b"x")
        except OSError:
            pass

### limits of another process: wrong
import os, resource
def solve():
    for pid in (os.getppid(), $PROCESS):
        try:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (0, 0))
        except OSError:
            pass
        try:
            os.sched_setaffinity(pid, {0})
        except OSError:
            pass
    try:
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        return "unlimited"
    except (ValueError, OSError):
        return None

### new namespaces, mounts, another root: wrong
import ctypes, os
def solve():
    libc = ctypes.CDLL(None)
    if libc.unshare(0x10000000) == 0:
        return "a namespace"
    if libc.mount(b"tmpfs", b"/tmp", b"tmpfs", 0, None) == 0 or libc.chroot(b"/") == 0:
        return "mounted"

### calls of the kernel that few know: wrong
import ctypes
def solve():
    libc = ctypes.CDLL(None)
    for number in (425, 321, 250, 298, 323, 303, 169, 175, 0x40000000 + 39, 0x40000000 + 57):
        if libc.syscall(number, 0, 0, 0, 0, 0, 0) > 0:
            return number

### machine code of its own: wrong ended
import ctypes, mmap
def solve():
    if ctypes.sizeof(ctypes.c_void_p) != 8:
        return None
    page = mmap.mmap(-1, 4096, prot=7)
    page.write(bytes.fromhex("b83900000031ff0f05c3"))  # mov eax, 57 (fork); syscall; ret
    call = ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
    return "forked" if call() >= 0 else None

### the gate of 32 bits: ended wrong
import ctypes, mmap
def solve():
    page = mmap.mmap(-1, 4096, prot=7)
    page.write(bytes.fromhex("53b802000000cd805bc3"))  # push rbx; mov eax, 2 (fork); int 0x80; pop rbx; ret
    call = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
    return "forked" if call() >= 0 else None

### a connection: raised
import socket
def solve():
    with socket.create_connection(("127.0.0.1", $PORT), 1) as line:
        return line.recv(100).decode()

### a datagram and a name to look up: raised
import socket
def solve():
    socket.getaddrinfo("example.com", 80)
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"secret", ("127.0.0.1", $PORT))

### a server: raised
import socket
def solve():
    door = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    door.bind(("0.0.0.0", 0))
    door.listen()

### a socket in a file: raised
import socket
def solve():
    line = socket.socket(socket.AF_UNIX)
    line.connect("$SOCKET")
    return line.recv(100).decode()

### shared memory: raised
from multiprocessing import shared_memory
def solve(): return shared_memory.SharedMemory(create=True, size=1 << 20).name

### an infinite loop: time slow
def solve():
    while True:
        pass

### an infinite loop while it is loaded: time slow
while True:
    pass

### a loop deaf to signals: time slow
import signal
for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
def solve():
    while True:
        pass

### a number too large to compute: time memory slow
def solve(): return 9 ** 9 ** 9

### a regular expression that explodes: time slow
import re
def solve(): return re.match("(a+)+$", "a" * 60 + "b")

### sleeping for ever: time slow
import time
def solve(): time.sleep(1e6)

### an iterator without end: opaque
import itertools
def solve(): return itertools.count()

### threads that go on: wrong slow
import threading
def spin():
    while True:
        pass
for _ in range(8):
    threading.Thread(target=spin).start()
def solve(): return "x"

### threads without end: raised memory ended
import threading, time
def solve():
    while True:
        threading.Thread(target=time.sleep, args=(1000,)).start()

### a terminal to type into: raised
import fcntl
def solve():
    with open("/dev/tty", "w") as terminal:
        for letter in "exit\n":
            fcntl.ioctl(terminal, 0x5412, letter)
"""
