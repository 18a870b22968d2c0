"""What programs and tests can do with each other over the wall, and who decides."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hansei.sandbox.run import Outcome

Judge = Callable[..., Outcome]


@pytest.mark.parametrize(
    ("program", "test"),
    [
        ("def f(a, b=1): return (a, {b: {1, 2}})", "assert f(1, b=(2, 3)) == (1, {(2, 3): {2, 1}})"),
        ("def f(x): return float('nan')", "import math\nassert math.isnan(f(1))"),
        ("f = lambda x: x + 1", "assert [f(n) for n in range(3)] == list(map(f, range(3))) == [1, 2, 3]"),
        ("def f(x): x.sort()", "xs = [[3], [1]]\ninner = xs[0]\nf(xs)\nassert xs == [[1], [3]]"),
        ("def f(d): d['b'] = d.pop('a')", "d = {'a': 1}\nf(d)\nassert d == {'b': 1}"),
        ("def f(x):\n    for i in range(x): yield i", "assert list(f(3)) == [0, 1, 2] and sum(f(4)) == 6"),
        ("def f(g, xs): return [g(x) for x in xs]", "assert f(lambda x: x * 2, [1, 2]) == [2, 4]"),
        ("def f(g): return g", "assert f(len)([1, 2]) == 2"),
        ("def f(g, xs): g(xs); return xs", "assert f(lambda xs: xs.reverse(), [1, 2]) == [2, 1]"),
        ("def f(n, g): return 1 if n < 1 else n * g(n - 1)", "assert f(3, lambda n: f(n, lambda n: 1)) == 6"),
        (
            "def f(g):\n    try: g()\n    except ValueError as e: return str(e)",
            "assert f(lambda: int('x')).startswith('inv')",
        ),
        ("def f(kind): return kind('3')", "assert f(int) == 3"),
        ("def f(n): return 10 ** n", "assert f(400) == 10 ** 400"),
        ("import random\ndef f(): return random.random()", "assert 0 <= f() < 1"),
        ("import asyncio\nasync def g(): return 1\ndef f(): return asyncio.run(g())", "assert f() == 1"),
        (
            "from threading import Thread\ndef f():\n    out = []\n    t = Thread(target=lambda: out.append(1))\n"
            "    t.start()\n    t.join()\n    return out",
            "assert f() == [1]",
        ),
    ],
)
def test_right_programs_pass(judge: Judge, program: str, test: str) -> None:
    outcome = judge(program, test)
    assert outcome.passed, outcome


def test_a_class_can_be_tested_through_what_it_says(judge: Judge) -> None:
    program = "class f:\n    def __init__(self): self.items = []\n    def push(self, x): self.items.append(x)\n"
    program += "    def __len__(self): return len(self.items)\n    def __getitem__(self, i): return self.items[i]"
    test = "s = f()\ns.push(3)\ns.push('x')\ns.name = 'n'\n"
    test += "assert len(s) == 2 and s[1] == 'x' and s.items == [3, 'x'] and list(s) == [3, 'x'] and s.name == 'n' and s"
    assert judge(program, test).passed


def test_an_object_of_the_program_is_handed_back_to_it(judge: Judge) -> None:
    program = "class Pair:\n    def __init__(self, a, b): self.a, self.b = a, b\n"
    program += "def f(pairs): return sum(p.a * p.b for p in pairs)"
    assert judge(program, "assert f([Pair(1, 2), Pair(3, 4)]) == 14", names="f Pair").passed


def test_set_up_code_runs_beside_the_program_after_it(judge: Judge) -> None:
    program = "class Node:\n    def __init__(self, v): self.v, self.next = v, None\ndef f(node): return node.next.v"
    assert judge(program, "assert f(root) == 2", names="f root", setup="root = Node(1)\nroot.next = Node(2)").passed
    outcome = judge(program, "assert f(root) == 2", names="f root", setup="root = Nod(1)")
    assert (outcome.kind, outcome.detail) == (
        "raised",
        "NameError in the set-up code in line 1: name 'Nod' is not defined",
    )


def test_an_expected_exception_is_seen_by_the_test(judge: Judge) -> None:
    test = "try:\n    f(-1)\nexcept ValueError as error:\n    assert str(error) == 'no'\nelse:\n    assert False"
    assert judge("def f(x): raise ValueError('no')", test).passed
    assert judge("class Mine(ValueError): pass\ndef f(x): raise Mine('no')", test).passed
    assert judge("def f(x): raise KeyError('no')", test).kind == "raised"
    assert judge("def f(x): pass", test).kind == "wrong"


@pytest.mark.parametrize(
    "name", ["StopIteration", "StopAsyncIteration", "GeneratorExit", "SystemExit", "ExceptionGroup"]
)
def test_no_exception_of_a_program_ends_a_loop_of_the_tests(judge: Judge, name: str) -> None:
    given = "'x', [ValueError()]" if name == "ExceptionGroup" else ""
    for test in ("assert all(map(f, [1, 2]))", "assert all(f(x) for x in [1])", "for x in map(f, [1]): assert False"):
        outcome = judge(f"def f(x): raise {name}({given})", test)
        assert outcome.kind == "raised" and outcome.detail.startswith(f"{name} in line 1")


def test_helpers_of_the_tests_are_not_the_programs(judge: Judge) -> None:
    program = "import math\nmath.floor = lambda x: 99\ndef helper(x): return 99\ndef f(x): return 99"
    test = "import math\nassert f(1.5) == math.floor(1.5) == helper(1)"
    assert judge(program, test, prelude="def helper(x): return 1").kind == "wrong"


def test_the_reason_names_the_line_of_the_program_and_the_statement_of_the_test(judge: Judge) -> None:
    outcome = judge(
        "def f(x):\n    y = 1\n    return y / x",
        "def check(g):\n    assert g(1) == 1\n    assert g(0) == 2\n\ncheck(f)",
    )
    assert str(outcome) == "raised an exception (ZeroDivisionError in line 3: division by zero: assert g(0) == 2)"
    assert judge("def f(x) return x", "assert f(1)").kind == "syntax"
    assert judge("def g(x): return x", "assert f(1)").detail.startswith("NameError: name 'f' is not defined")


@pytest.mark.parametrize(
    "test",
    [
        "assert f() == f()",
        "assert f() != 1",
        "assert not f() != 1",
        "assert f() in [1]",
        "assert 1 <= f()",
        "{f(): 1}[1]",
    ],
)
def test_an_object_of_the_program_is_never_compared(judge: Judge, test: str) -> None:
    program = (
        "class Equal:\n    __eq__ = __ne__ = __lt__ = __ge__ = lambda self, other: True\n    __hash__ = lambda s: 1\n"
    )
    outcome = judge(program + "thing = Equal()\ndef f(): return thing", test)
    assert outcome.kind == "opaque" or outcome.detail.startswith("TypeError in the test: unhashable"), outcome


def test_a_test_that_can_not_be_run_is_said_to_be_none(judge: Judge) -> None:
    program = "def f(x): return x"
    assert judge(program, "assert f(1) = 1").kind == "test"
    assert judge(program, "assert f(1) == 1", prelude="import no_such_module").kind == "test"
    outcome = judge(program, "assert f(iter([1])) == 1")
    assert outcome.kind == "test" and "a list_iterator" in outcome.detail


def test_a_program_can_not_make_its_test_one_that_can_not_be_run(judge: Judge) -> None:
    """Such a test is in no rate, so a wrong program would gain by it."""
    for depth in (100, 300, 400, 480, 600):
        deep = f"import os\ndef f(x):\n    t = b'{{\"value\":' + b'[' * {depth} + b']' * {depth} + b'}}'\n"
        deep += "    os.write(3, len(t).to_bytes(4, 'big') + t)"
        assert judge(deep, "assert f(f(1)) == 3").kind != "test"
    assert judge("def f(x): return 'x' * 5_000_000", "y = f(1)\nassert f([y, y]) == 1").kind == "forged"
    assert judge("def f(g): return g({1: 2})", "assert f(lambda d: d.items()) == 1").kind == "raised"


def test_programs_know_nothing_of_each_other(judge: Judge) -> None:
    spoil = (
        "import builtins, heapq, sys\nbuiltins.sorted = sys.modules['heapq'] = heapq.heappush = None\ndef f(): return 1"
    )
    assert judge(spoil, "assert f() == 1").passed
    assert judge("import heapq\ndef f(x): heapq.heapify(x); return sorted(x)", "assert f([2, 1]) == [1, 2]").passed


def test_a_verdict_is_the_same_each_time(judge: Judge) -> None:
    program = "import random\ndef f(): return [hash('a'), random.random(), list({'a', 'b', 'c'})]"
    first = judge(program, "assert f() == 0")
    assert first.kind == "wrong"
    told = {judge(program, "value = f()\nraise ValueError(repr(value))").detail for _ in range(3)}
    assert len(told) == 1
