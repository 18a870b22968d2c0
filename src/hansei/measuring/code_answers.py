"""Programs for tasks: from a file of samples, or from what a model answers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from hansei.core.errors import BadInput
from hansei.core.records import Prompt, user
from hansei.core.rows import Row, read_rows
from hansei.measuring.code_tasks import Task

COMPLETE = """\
Complete this Python function. Answer with the whole function in one code block.

```python
{request}
```
"""
WRITE = """\
{request}

The program must pass these tests:

```python
{tests}
```

Answer with the whole Python program in one code block.
"""
_BLOCK = re.compile(r"```[^\n`]*\n(.*?)(?:\n```|\Z)", re.DOTALL)


def prompts(tasks: Sequence[Task]) -> list[Prompt]:
    """One request a task: the head of its function, or its words and (as in MBPP's paper) its tests."""
    return [
        Prompt(
            id=task.id,
            messages=user(
                COMPLETE.format(request=task.head.rstrip())
                if task.entry
                else WRITE.format(request=task.request, tests="\n".join(task.tests))
            ),
        )
        for task in tasks
    ]


def program_of(task: Task, answer: str) -> str:
    """The program in a model's answer.

    It is the first fenced block that defines the function asked for, else the first block, else the whole answer.
    Where it does not define that function, it is taken for what goes on after the function's head, and its first
    line is indented if it lost its indentation.
    """
    blocks = [match[1] for match in _BLOCK.finditer(answer)] or [answer]
    if task.entry is None:
        return blocks[0]
    whole = next((block for block in blocks if _defines(block, task.entry)), None)
    if whole is not None:
        return f"{task.prelude}\n\n{whole}"
    rest = blocks[0].strip("\n")
    return task.head + (rest if rest.startswith((" ", "\t")) else f"    {rest}") + "\n"


def _defines(source: str, name: str) -> bool:
    return re.search(rf"^(?:async +)?def +{re.escape(name)}\b|^{re.escape(name)} *=", source, re.MULTILINE) is not None


def read_samples(path: str | Path, tasks: Sequence[Task], wanted: Sequence[Task]) -> dict[str, list[str]]:
    """The programs of each wanted task in a file of samples: `task_id`, and `completion` or `solution`.

    A `completion` goes on after the head of a HumanEval function, as in OpenAI's harness; a `solution` is a whole
    program. They are run as they are. Raises BadInput at a sample of no task, and for a wanted task without one.
    """
    by_id = {task.id: task for task in tasks}
    programs: dict[str, list[str]] = {task.id: [] for task in wanted}
    for row in read_rows(path):
        task = _task(row, by_id)
        program = _program(row, task)
        if task.id in programs:
            programs[task.id].append(program)
    missing = [name for name, found in programs.items() if not found]
    if missing:
        raise BadInput(
            f"{path}: a sample of each of {len(wanted)} tasks was expected, found none of {len(missing)}, "
            f"the first of them {missing[0]}: add theirs, as a task without one would be in no rate"
        )
    return programs


def _task(row: Row, by_id: Mapping[str, Task]) -> Task:
    name = row.values.get("task_id")
    if isinstance(name, bool) or not isinstance(name, (str, int)) or str(name) not in by_id:
        known = next(iter(by_id), "none")
        raise BadInput(f"{row.where}: the task_id of a task was expected (such as {known}), found {name!r:.60}")
    return by_id[str(name)]


def _program(row: Row, task: Task) -> str:
    given = [name for name in ("completion", "solution") if isinstance(row.values.get(name), str)]
    if len(given) != 1:
        found = "both" if given else ", ".join(map(repr, list(row.values)[:8]))
        raise BadInput(f"{row.where}: a text in 'completion' or in 'solution' was expected, found {found}")
    text = str(row.values[given[0]])
    return task.head + text if given == ["completion"] else text
