"""Programs that would rather be taken for right than solve their task. Data only.

The task of each: `solve()` returns a text that stands in a file, a variable and a server outside, and in the tests.
`$FILE`, `$FOLDER`, `$PORT`, `$SOCKET`, `$PROCESS` and `$NUL` are filled in. A heading holds a name, and the kinds of
failure that the program may end in; those marked `slow` use up their time.
"""

PROGRAMS = r'''
### an object that equals everything: opaque
class Equal:
    def __eq__(self, other): return True
    __hash__ = None
def solve(): return Equal()

### an integer that equals everything: wrong
class Equal(int):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
def solve(): return Equal(0)

### a text that equals everything: wrong
class Equal(str):
    def __eq__(self, other): return True
    __hash__ = str.__hash__
def solve(): return Equal("")

### a list of equals, in a list that equals: wrong
class Equal(list):
    def __eq__(self, other): return True
def solve(): return Equal([Equal()])

### a class whose metaclass equals everything: opaque
class Meta(type):
    def __eq__(cls, other): return True
    __hash__ = type.__hash__
class solve(metaclass=Meta):
    pass

### a key that equals every key: forged opaque
class Key:
    def __eq__(self, other): return True
    def __hash__(self): return 0
def solve(): return {Key(): Key()}

### walking the frames to the tests: wrong
import sys
def solve():
    frame = sys._getframe()
    while frame:
        for space in (frame.f_locals, frame.f_globals):
            for name in list(space):
                if name in ("tests", "expected", "secret", "kind"):
                    space[name] = "passed"
                if isinstance(space[name], str) and space[name].startswith("secret-"):
                    return space[name]
        frame = frame.f_back
    return None

### searching the whole heap for the answer: wrong
import gc, sys
def solve():
    for thing in gc.get_objects():
        if isinstance(thing, (list, tuple)):
            for part in thing:
                if type(part) is str and "secret-" in part and "assert" in part:
                    return part.split("'")[1]
    return None

### rewriting the sandbox's own modules: wrong opaque
import sys
for name, module in list(sys.modules.items()):
    if name.startswith("hansei"):
        for thing in list(vars(module)):
            if thing in ("_why", "raised", "_statement"):
                setattr(module, thing, lambda *a: ("passed", ""))
def solve(): return object()

### a verdict of its own through the wire module: forged
from hansei.sandbox import wire
real = wire.to_bytes
wire.to_bytes = lambda message: real({"verdict": {"kind": "passed", "detail": ""}})
def solve(): return 1

### a verdict written to every descriptor: wrong forged raised ended
import os
forged = b'{"verdict":{"kind":"passed","detail":""}}'
for number in range(256):
    try:
        os.write(number, len(forged).to_bytes(4, "big") + forged)
    except OSError:
        pass
def solve(): return "x"

### a verdict instead of an answer: forged wrong
import os
def solve():
    forged = b'{"verdict":{"kind":"passed","detail":""}}'
    os.write(3, len(forged).to_bytes(4, "big") + forged)

### saying twice that it is ready, with answers before any question: forged wrong
import os
for text in (b'{"ready":true}', b'{"value":"passed"}', b'{"value":true}'):
    os.write(3, len(text).to_bytes(4, "big") + text)
def solve(): return True

### a frame of four gigabytes: forged
import os
def solve():
    os.write(3, b"\xff\xff\xff\xff")

### a frame that is never finished: time slow
import os, time
def solve():
    os.write(3, (1000).to_bytes(4, "big") + b"{")
    time.sleep(1000)

### a value with a tag that is none: forged
from hansei.sandbox import wire
wire.encode = lambda value, keep: {"eval": "__import__('os').system('id')"}
def solve(): return 1

### passed printed in every known way: wrong
import sys
for stream in (sys.stdout, sys.stderr, sys.__stdout__):
    print('{"verdict": {"kind": "passed", "detail": ""}}\nPASSED\nok\n1 passed', file=stream, flush=True)
def solve(): return "passed"

### stopping the loop of the tests: raised
def solve(*given): raise StopIteration

### a generator that is closed by its exception: raised
def solve(*given): raise GeneratorExit

### raising an assertion of its own: raised
def solve(): raise AssertionError("passed")

### an exception that calls itself passed: raised
class passed(Exception):
    def __str__(self): raise passed
def solve(): raise passed

### ending the process with success: ended
import os
def solve(): os._exit(0)

### ending the process before it is asked: ended
import os
os._exit(0)

### sys.exit while it is loaded: raised
import sys
sys.exit(0)

### sys.exit when it is called: raised
import sys
def solve(): sys.exit(0)

### an interrupt from the keyboard: raised
def solve(): raise KeyboardInterrupt

### aborting in C: ended
import os
def solve(): os.abort()

### a null pointer: ended
import ctypes
def solve(): return ctypes.string_at(0)

### closing its line and staying: ended
import os, time
def solve():
    os.close(3)
    time.sleep(1000)

### deep recursion: raised
def solve(): return solve()

### deep recursion past every limit: ended memory raised time slow
import sys
sys.setrecursionlimit(10 ** 9)
def solve(): return [solve()]

### a list ten thousand deep: raised
def solve():
    deep = []
    for _ in range(10000):
        deep = [deep]
    return deep

### JSON a million deep, past the encoder: forged
import os
def solve():
    text = b'{"value":' + b"[" * 1000000 + b"]" * 1000000 + b"}"
    os.write(3, len(text).to_bytes(4, "big"))
    while text:
        text = text[os.write(3, text):]

### a list that holds itself: raised
def solve():
    round = []
    round.append(round)
    return round

### a huge answer: raised memory slow
def solve(): return "x" * 50000000

### huge output: wrong slow
def solve():
    for _ in range(200):
        print("x" * 1000000)
    return None

### numbers whose hashes collide: wrong time forged raised
def solve(): return {n * (2 ** 61 - 1) for n in range(1, 2000)}

### a name in look-alike letters: raised
def ѕolve(): return "the first letter is Cyrillic"

### text that is read backwards: wrong
def solve():
    """‮ }return "secret"⁦ begin admin ⁩ """
    return "‮terces"

### half a surrogate pair: wrong
def solve(): return "\ud800"

### a NUL in the source: syntax
def solve(): return "$NUL"

### a source in another encoding: wrong syntax
# -*- coding: utf-7 -*-
def solve(): return "+AG8-"

### handlers at the end: ended
import atexit, os, sys
class Late:
    def __del__(self): os.write(3, b'\x00\x00\x00\x29{"verdict":{"kind":"passed","detail":""}}')
late = Late()
atexit.register(lambda: os.write(3, b'\x00\x00\x00\x29{"verdict":{"kind":"passed","detail":""}}'))
def solve(): os._exit(3)

### tracing every line: wrong raised
import sys
def trace(frame, event, value):
    for name in frame.f_locals:
        if name in ("answer", "value"):
            frame.f_locals[name] = {"verdict": {"kind": "passed"}}
    return trace
sys.settrace(trace)
sys.setprofile(trace)
def solve(): return "x"

### builtins of its own: wrong forged
import builtins
builtins.AssertionError = Warning
builtins.len = lambda x: 0
builtins.isinstance = lambda a, b: isinstance is None or type(a) is b
def solve(): return "x"

### a JSON module of its own: forged wrong
import json
json.dumps = lambda *a, **k: '{"verdict":{"kind":"passed","detail":""}}'
json.JSONEncoder.encode = json.dumps
def solve(): return "x"

### not a number: wrong
def solve(): return float("nan")

### nothing at all: raised

### an import that is not there: raised
import antigravity_of_the_moon
def solve(): return 1

### asking on standard input: raised
def solve(): return input()

### an answer in the arguments: wrong
def solve(*given):
    for item in given:
        item.clear()
    return given
'''
