"""Programming tasks in the formats of HumanEval and MBPP, and how a program is checked against one.

HumanEval (Chen et al. 2021, arXiv 2107.03374): `task_id`, `prompt` (the head of a function), `entry_point`, `test`
(which defines `check(candidate)`), `canonical_solution`. MBPP (Austin et al. 2021, arXiv 2108.07732): `task_id`, `text`
or `prompt`, `test_list`, `test_setup_code`, `code`; `test_imports` in its sanitised edition.

What a test needs besides the program comes from the benchmark: the helpers in HumanEval's prompts and the imports of
the tests are run beside the tests, not taken from the program, which could have changed them.
"""

from __future__ import annotations

import ast
import builtins
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hansei.core.errors import BadInput
from hansei.core.rows import Row, read_rows
from hansei.sandbox.run import Job

BODIES = ("", "    pass\n", "\tpass\n", "  pass\n", "        pass\n")
"""What makes a whole function of a head, tried in this order."""
FORMATS = (
    "HumanEval (task_id, prompt, entry_point, test, canonical_solution) or "
    "MBPP (task_id, text, test_list, test_setup_code, code)"
)


@dataclass(frozen=True)
class Task:
    """A programming task."""

    id: str
    """Its `task_id`, as text."""
    request: str
    """What the task is, in words or as the head of a function."""
    tests: tuple[str, ...]
    """Sources of the tests."""
    names: tuple[str, ...]
    """Names in the tests that are the program's."""
    entry: str | None = None
    """The function that is asked for, where it has a name of its own (HumanEval)."""
    head: str = ""
    """Source that a completion goes on with (HumanEval); empty where a program stands alone."""
    prelude: str = ""
    """Source that the tests need, from the benchmark itself."""
    setup: str = ""
    """Source that is run after the program, beside it (MBPP tasks 367 and 927 build their trees so)."""
    reference: str | None = None
    """The benchmark's own program, whole."""

    def job(self, program: str) -> Job:
        """A program for this task, with its checks."""
        return Job(program, self.tests, self.names, self.prelude, self.setup)


def read_tasks(path: str | Path) -> list[Task]:
    """The tasks of a file: JSONL, CSV or Parquet, also gzipped.

    Raises BadInput at a row of neither format, a test that does not compile, and a task that is there twice.
    """
    tasks: dict[str, Task] = {}
    for row in read_rows(path):
        task = _task(row)
        if task.id in tasks:
            raise BadInput(f"{row.where}: the task {task.id} is there twice: remove one")
        tasks[task.id] = task
    return list(tasks.values())


def _task(row: Row) -> Task:
    if "entry_point" in row.values and "test" in row.values:
        return _humaneval(row)
    if "test_list" in row.values:
        return _mbpp(row)
    found = ", ".join(map(repr, list(row.values)[:8]))
    raise BadInput(f"{row.where}: the columns of {FORMATS} were expected, found {found}")


def _humaneval(row: Row) -> Task:
    head, entry, test = (_text(row, name) for name in ("prompt", "entry_point", "test"))
    prelude = next((head + body for body in BODIES if _compiles(head + body)), None)
    if prelude is None:
        raise BadInput(f"{row.where}: the head of a Python function was expected in 'prompt', found {head[-60:]!r}")
    checks = f"{test}\n\ncheck({entry})\n"
    known = _bound(_parse(prelude)) - {entry}
    solution = _text(row, "canonical_solution", optional=True)
    return Task(
        id=_id(row),
        request=head,
        tests=(checks,),
        names=tuple(sorted({entry} | (free_names(row, "test", (checks,)) - known))),
        entry=entry,
        head=head,
        prelude=prelude,
        reference=None if solution is None else head + solution,
    )


def _mbpp(row: Row) -> Task:
    words = _text(row, "text" if "text" in row.values else "prompt")
    tests = _texts(row, "test_list")
    if not tests:
        raise BadInput(f"{row.where}: one test at least was expected in 'test_list', found none")
    imports = "\n".join(_texts(row, "test_imports")) if row.values.get("test_imports") else ""
    reference = _text(row, "code", optional=True)
    free = free_names(row, "test_list", tests)
    modules = {name for name in free if name in sys.stdlib_module_names and _only_module(name, tests)}
    prelude = "\n".join([imports, *(f"import {name}" for name in sorted(modules))]).strip()
    if not _compiles(prelude):
        raise BadInput(f"{row.where}: imports were expected in 'test_imports', found {imports[:60]!r}")
    # A program may be asked for under the name of a builtin (MBPP 126: sum); only the benchmark's own can tell.
    own = _bound(_parse(reference)) if reference and _compiles(reference) else set()
    renamed = {name for test in tests for name in _loaded(_parse(test)) if hasattr(builtins, name)} & own
    return Task(
        id=_id(row),
        request=words,
        tests=tests,
        names=tuple(sorted((free | renamed) - modules - _bound(_parse(prelude)))),
        prelude=prelude,
        setup=_text(row, "test_setup_code", optional=True) or "",
        reference=reference,
    )


def free_names(row: Row, column: str, tests: Sequence[str]) -> set[str]:
    """Names that the tests use and neither they nor Python define."""
    names: set[str] = set()
    bound: set[str] = set()
    for test in tests:
        try:
            tree = _parse(test)
        except (SyntaxError, ValueError) as error:
            raise BadInput(f"{row.where}: Python was expected in {column!r}, found {test[:60]!r} ({error})") from error
        names |= _loaded(tree)
        bound |= _bound(tree)
    return {name for name in names - bound if not hasattr(builtins, name)}


def _loaded(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}


def _bound(tree: ast.AST) -> set[str]:
    """Names that the source gives a meaning anywhere."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.alias):
            found.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.ExceptHandler) and node.name:
            found.add(node.name)
    return found


def _only_module(name: str, tests: Sequence[str]) -> bool:
    """Whether a name stands only before a dot, as a module does: `sys.getsizeof(...)`."""
    trees = [_parse(test) for test in tests]
    dotted = sum(
        isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == name
        for tree in trees
        for node in ast.walk(tree)
    )
    used = sum(isinstance(node, ast.Name) and node.id == name for tree in trees for node in ast.walk(tree))
    return dotted == used


def _parse(source: str) -> ast.Module:
    """The tree of a source; what Python would say of its style (such as of '\\d') is not our affair."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source)


def _compiles(source: str) -> bool:
    try:
        _parse(source)
    except (SyntaxError, ValueError):
        return False
    return True


def _id(row: Row) -> str:
    value = row.values.get("task_id")
    if isinstance(value, bool) or not isinstance(value, (str, int)) or not str(value).strip():
        raise BadInput(f"{row.where}: a text or a whole number was expected in 'task_id', found {value!r:.40}")
    return str(value)


def _text(row: Row, name: str, *, optional: bool = False) -> Any:
    value = row.values.get(name)
    if optional and value in (None, ""):
        return None
    if not isinstance(value, str) or not value.strip():
        raise BadInput(f"{row.where}: a text was expected in {name!r}, found {value!r:.40}")
    return value.replace("\r\n", "\n")


def _texts(row: Row, name: str) -> tuple[str, ...]:
    value = row.values.get(name)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise BadInput(f"{row.where}: a list of texts was expected in {name!r}, found {value!r:.40}")
    return tuple(item.strip().replace("\r\n", "\n") for item in value if item.strip())
