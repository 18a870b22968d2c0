"""`hansei measure code`: tasks, samples, answers of a model, pass@k."""

from __future__ import annotations

import gzip
import itertools
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hansei.cli import main
from hansei.core.errors import BadInput
from hansei.measuring import code_paper
from hansei.measuring.code import Settings, endings, pass_at_k, pass_hat_k, row, run
from hansei.measuring.code_answers import program_of, prompts, read_samples
from hansei.measuring.code_chart import draw
from hansei.measuring.code_tasks import Task, read_tasks
from hansei.sandbox.run import Outcome, Sandbox

HUMANEVAL = {
    "task_id": "HumanEval/0",
    "prompt": 'def helper(x):\n    return x + 1\n\n\ndef twice(x):\n    """Two times x.\n    """\n',
    "entry_point": "twice",
    "canonical_solution": "    return x * 2\n",
    "test": "def check(candidate):\n    assert candidate(3) == 6\n    assert candidate(helper(0)) == 2\n",
}
MBPP = {
    "text": "Write a function to add one.",
    "code": "def add(x):\r\n  return x + 1",
    "task_id": 7,
    "test_setup_code": "",
    "test_list": ["assert add(1) == 2", "assert add(5)==6 "],
    "challenge_test_list": [],
}


@pytest.fixture(scope="session", autouse=True)
def _isolated() -> None:
    """Programs are run here only where they can be isolated."""
    try:
        with Sandbox(workers=1):
            pass
    except BadInput as error:
        pytest.skip(str(error))


def write(path: Path, rows: list[Any]) -> str:
    path.write_text("".join(json.dumps(line) + "\n" for line in rows), encoding="utf-8")
    return str(path)


@pytest.fixture
def tasks(tmp_path: Path) -> str:
    return write(tmp_path / "tasks.jsonl", [HUMANEVAL, MBPP])


def samples(tmp_path: Path, *rows: tuple[str | int, str, str]) -> str:
    return write(tmp_path / "samples.jsonl", [{"task_id": name, column: text} for name, column, text in rows])


# --- the estimators -------------------------------------------------------------------------------------------------


def drawn(n: int, c: int, k: int, decide: Callable[[list[bool]], bool]) -> float:
    """The share of all draws of k from n programs, of which c pass, that `decide` accepts: by counting them."""
    draws = list(itertools.combinations([True] * c + [False] * (n - c), k))
    return sum(decide(list(draw)) for draw in draws) / len(draws)


@given(st.integers(1, 9).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n))))
def test_pass_at_k_and_pass_hat_k_are_what_all_draws_say(nck: tuple[int, int, int]) -> None:
    assert pass_at_k(*nck) == pytest.approx(drawn(*nck, any))
    assert pass_hat_k(*nck) == pytest.approx(drawn(*nck, all))


@given(st.integers(1, 300).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n))))
def test_pass_at_k_is_the_product_of_openais_harness(nck: tuple[int, int, int]) -> None:
    n, c, k = nck
    product = 1.0 if n - c < k else 1.0 - math.prod(1.0 - k / i for i in range(n - c + 1, n + 1))
    assert pass_at_k(n, c, k) == pytest.approx(product, abs=1e-9)


def test_both_are_the_share_of_passing_programs_at_one_and_part_from_there() -> None:
    assert pass_at_k(10, 3, 1) == pytest.approx(0.3) == pass_hat_k(10, 3, 1)
    assert pass_hat_k(10, 3, 4) == 0.0 and pass_at_k(10, 3, 8) == 1.0


@pytest.mark.parametrize("nck", [(3, 1, 4), (3, 4, 1), (3, 1, 0), (3, -1, 1)])
def test_fewer_programs_than_k_give_no_estimate(nck: tuple[int, int, int]) -> None:
    for estimate in (pass_at_k, pass_hat_k):
        with pytest.raises(ValueError, match="expected"):
            estimate(*nck)


def ended(*kinds: str) -> list[Outcome]:
    return [Outcome(kind, "why") for kind in kinds]  # type: ignore[arg-type]


def test_a_row_is_the_mean_over_tasks_and_its_interval_resamples_tasks() -> None:
    outcomes = {"a": ended("passed", "wrong"), "b": ended("passed", "passed"), "c": ended("time", "memory")}
    found = row("it", outcomes, (2, 1))
    assert (found["tasks"], found["programs"]) == (3, 6)
    assert [found[name].value for name in ("pass@1", "pass@2", "pass^2")] == pytest.approx([1.5 / 3, 2 / 3, 1 / 3])
    assert found["pass@1"].n == 3 and found["pass@1"].low == 0.0 and found["pass@1"].high == 1.0
    assert "pass^1" not in found


def test_a_task_whose_tests_can_not_be_run_is_in_no_rate_and_a_hostile_end_is_in_all() -> None:
    outcomes = {"a": ended("passed"), "b": ended("test"), "c": ended("ended"), "d": ended("forged")}
    found = row("it", outcomes, (1,))
    assert (found["tasks"], found["pass@1"].value, found["pass@1"].n) == (3, pytest.approx(1 / 3), 3)
    assert {line["row"]: line["programs"] for line in endings(outcomes)} == {
        "passed": 1,
        "the test can't be run": 1,
        "ended itself": 1,
        "sent what is no answer": 1,
    }


# --- tasks ----------------------------------------------------------------------------------------------------------


def test_tasks_of_both_formats_are_read_also_gzipped(tasks: str, tmp_path: Path) -> None:
    packed = tmp_path / "packed.jsonl.gz"
    packed.write_bytes(gzip.compress(Path(tasks).read_bytes()))
    first, second = read_tasks(packed)
    assert (first.id, first.entry, first.names, second.id, second.names) == (
        "HumanEval/0",
        "twice",
        ("twice",),
        "7",
        ("add",),
    )
    assert "def helper" in first.prelude and second.tests == ("assert add(1) == 2", "assert add(5)==6")
    assert second.reference == "def add(x):\n  return x + 1"


def mbpp(**changed: Any) -> dict[str, Any]:
    return MBPP | changed


def test_names_in_tests_are_the_programs_unless_python_or_the_test_defines_them(tmp_path: Path) -> None:
    rows = [
        mbpp(task_id=1, test_list=["assert add(root) == len([x for x in y])"]),
        mbpp(task_id=2, test_list=["assert size((1,)) == sys.getsizeof((1,))"]),
        mbpp(task_id=3, code="def sum(a, b): return a", test_list=["assert sum(1, 2) == abs(-3)"]),
        mbpp(task_id=4, test_imports=["import math as m"], test_list=["assert m.isclose(add(1), 2)"]),
        mbpp(task_id=5, test_list=["z = add(1)\nfor k in [1]:\n    assert z == k"]),
        mbpp(task_id=6, test_list=["assert copy([1]) == [1]"]),
    ]
    found = read_tasks(write(tmp_path / "t.jsonl", rows))
    assert [task.names for task in found] == [("add", "root", "y"), ("size",), ("sum",), ("add",), ("add",), ("copy",)]
    assert [task.prelude for task in found] == ["", "import sys", "", "import math as m", "", ""]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"task_id": 1, "question": "?"}, "the columns of HumanEval"),
        (HUMANEVAL | {"test": ""}, "a text was expected in 'test'"),
        (HUMANEVAL | {"prompt": "Write a function that"}, "the head of a Python function"),
        (HUMANEVAL | {"test": "def check(candidate: assert"}, "Python was expected in 'test'"),
        (HUMANEVAL | {"task_id": None}, "in 'task_id', found None"),
        (mbpp(test_list="assert add(1) == 2"), "a list of texts was expected in 'test_list'"),
        (mbpp(test_list=[]), "one test at least"),
        (mbpp(test_list=["assert add(1) ="]), "Python was expected in 'test_list'"),
        (mbpp(text=None), "a text was expected in 'text'"),
        (mbpp(test_imports=["import"]), "imports were expected"),
    ],
)
def test_a_broken_task_is_one_clear_line(tmp_path: Path, line: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said) as raised:
        read_tasks(write(tmp_path / "t.jsonl", [MBPP | {"task_id": 99}, line]))
    assert "line 2" in str(raised.value)


def test_a_task_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="the task 7 is there twice"):
        read_tasks(write(tmp_path / "t.jsonl", [MBPP, MBPP]))


# --- programs -------------------------------------------------------------------------------------------------------


def test_the_program_of_an_answer(tasks: str) -> None:
    head, alone = read_tasks(tasks)
    whole = "def twice(x):\n    return 2 * x"
    for answer in (
        whole,
        f"Sure:\n```python\n{whole}\n```\nDone.",
        f"```\nimport re\n```\n```py\n{whole}\n```",
        f"```\n{whole}",
    ):
        assert program_of(head, answer) == f"{head.prelude}\n\n{whole}" + ("\n" if answer.endswith("Done") else "")
    for answer in ("return 2 * x", "    return 2 * x", "```python\n    return 2 * x\n```"):
        assert program_of(head, answer) == head.head + "    return 2 * x\n"
    assert program_of(alone, "Here:\n```python\ndef add(x): return x\n```") == "def add(x): return x"
    assert program_of(alone, "def add(x): return x") == "def add(x): return x"


def test_a_model_is_asked_for_a_function_or_shown_the_tests(tasks: str) -> None:
    first, second = (prompt.messages[0].content for prompt in prompts(read_tasks(tasks)))
    assert "def twice(x):" in first and "candidate" not in first
    assert "add one" in second and "assert add(1) == 2\nassert add(5)==6" in second


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([("7", "solution", "x")], "found none of 1, the first of them HumanEval/0"),
        ([("8", "solution", "x")], "the task_id of a task was expected .such as HumanEval/0., found '8'"),
        ([("7", "program", "x")], "'completion' or in 'solution' was expected, found 'task_id', 'program'"),
    ],
)
def test_broken_samples_are_one_clear_line(tasks: str, tmp_path: Path, rows: list[Any], said: str) -> None:
    read = read_tasks(tasks)
    with pytest.raises(BadInput, match=said):
        read_samples(samples(tmp_path, *rows), read, read)


def test_samples_go_on_after_the_head_or_stand_alone(tasks: str, tmp_path: Path) -> None:
    path = samples(
        tmp_path, ("HumanEval/0", "completion", "    return 2 * x"), (7, "solution", "p"), (7, "completion", "q")
    )
    read = read_tasks(tasks)
    assert read_samples(path, read, read) == {
        "HumanEval/0": [HUMANEVAL["prompt"] + "    return 2 * x"],
        "7": ["p", "q"],
    }
    assert list(read_samples(path, read, read[:1])) == ["HumanEval/0"]


# --- the measurement ------------------------------------------------------------------------------------------------


def test_samples_are_measured_and_the_result_is_written(tasks: str, tmp_path: Path) -> None:
    path = samples(
        tmp_path,
        ("HumanEval/0", "completion", "    return 2 * x"),
        ("HumanEval/0", "completion", "    return x"),
        (7, "solution", "def add(x): return x + 1"),
        (7, "solution", "class Equal:\n    __eq__ = lambda a, b: True\ndef add(x): return Equal()"),
        (7, "solution", "import os\nos._exit(0)"),
    )
    result = run(Settings(tasks, samples=path, k=(1, 2), out=str(tmp_path / "out"), workers=1))
    (line,) = result.rows
    assert (line["row"], line["tasks"], line["programs"]) == ("samples.jsonl", 2, 5)
    assert line["pass@1"].value == pytest.approx((1 / 2 + 1 / 3) / 2)
    assert line["pass@2"].value == pytest.approx((1 + 2 / 3) / 2) and line["pass^2"].value == 0.0
    assert "isolation" in result.notes[0]
    written = json.loads((tmp_path / "out" / "result.json").read_text(encoding="utf-8"))
    assert written["tasks"]["7"] == {
        "programs": 3,
        "passed": 1,
        "first_failure": "an object instead of a value (a Equal: assert add(1) == 2)",
    }
    assert (tmp_path / "out" / "code.svg").read_text(encoding="utf-8").startswith("<?xml")


def test_reference_solutions_pass_and_their_lack_is_said(tasks: str, tmp_path: Path) -> None:
    result = run(Settings(tasks, reference=True, workers=1))
    assert result.rows[0]["pass@1"].value == 1.0
    without = write(tmp_path / "w.jsonl", [mbpp(code=None)])
    with pytest.raises(BadInput, match="found none with 7"):
        run(Settings(without, reference=True))


def test_tests_that_can_not_be_run_are_unscored_and_named(tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", [MBPP, mbpp(task_id=8, test_list=["assert add(iter([])) == 1"])])
    result = run(Settings(path, reference=True, workers=1))
    assert result.unscored == 1 and result.rows[0]["pass@1"].n == 1
    assert any("1 tasks are in no rate" in note and "8 the test can't be run" in note for note in result.notes)


def test_a_tiny_random_model_writes_programs_that_are_judged(llama_folder: str, tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", [mbpp(task_id=n, text="Add.", test_list=[f"assert a({n})"]) for n in range(2)])
    chosen = {"answers": 2, "k": (1, 2), "temperature": 1.0, "max_new_tokens": 16, "out": str(tmp_path / "out")}
    first = run(Settings(path, model=llama_folder, workers=1, **chosen))
    assert (first.rows[0]["programs"], first.errors, first.rows[0]["pass@2"].value) == (4, 0, 0.0)
    assert any("cut at --max-new-tokens" in note for note in first.notes)
    again = run(Settings(path, model=llama_folder, workers=1, **chosen))  # from the journal
    assert again.more == first.more


def test_answers_that_do_not_come_are_errors_and_no_failures(tmp_path: Path, llama_folder: str) -> None:
    path = write(tmp_path / "t.jsonl", [MBPP, mbpp(task_id=8, text="long " * 2000)])
    result = run(Settings(path, model=llama_folder, max_new_tokens=8, workers=1))
    assert result.errors == 1 and result.rows[0]["programs"] == 1 and result.rows[0]["pass@1"].n == 1
    assert any("1 answers to 1 tasks did not come" in note for note in result.notes)
    assert any(note.startswith("the first error: ") and "leaves no room" in note for note in result.notes)


def test_a_dry_run_says_what_it_would_do(tasks: str) -> None:
    result = run(Settings(tasks, model="town", answers=3, temperature=1.0, dry_run=True))
    assert str(result).startswith("2 tasks; 6 answers would be asked of town; nothing was run")


@pytest.mark.parametrize(
    ("given_settings", "said"),
    [
        ({}, "one of --samples FILE, --model NAME and --reference"),
        ({"samples": "a", "model": "b"}, "one of --samples"),
        ({"model": "town", "k": (10,)}, "pass@10 needs 10 answers a task"),
        ({"model": "town", "answers": 10}, "10 answers at temperature 0"),
        ({"reference": True, "k": (0,)}, "k of 1 or more"),
        ({"reference": True, "workers": 0}, "workers and limit of 1 or more"),
        ({"reference": True, "seconds": 0}, "1 to 3600 whole seconds"),
    ],
)
def test_settings_that_measure_nothing_are_refused(given_settings: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        Settings("tasks.jsonl", **given_settings)


def test_too_few_samples_for_k_are_refused_before_anything_is_run(tasks: str, tmp_path: Path) -> None:
    path = samples(tmp_path, ("HumanEval/0", "completion", "a"), (7, "solution", "b"))
    with pytest.raises(BadInput, match=r"pass@2 needs 2 samples a task, found 1 of HumanEval/0"):
        run(Settings(tasks, samples=path, k=(2,)))


def test_the_command_prints_a_table_or_one_line(tasks: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["measure", "code", tasks, "--reference", "--limit", "1", "--workers", "1", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (printed["measure"], printed["rows"][0]["pass@1"]["value"], printed["settings"]["limit"]) == ("code", 1.0, 1)
    assert main(["measure", "code", str(tmp_path / "none.jsonl"), "--reference"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "no such file" in error


def test_the_chart_shows_a_curve_where_there_are_several_programs_a_task() -> None:
    assert len(draw({"a": ended("passed"), "b": ended("wrong")}).axes) == 1
    assert len(draw({"a": ended("passed", "wrong"), "b": ended("wrong", "time")}).axes) == 2


# --- the paper's experiment -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sets(public_data: Callable[[str], Path]) -> dict[str, list[Task]]:
    """All tasks of the benchmarks."""
    places = {name: Path(path) for name, path in code_paper.SETS.items()}
    return {name: code_paper.tasks_of(public_data(str(p.parent)) / p.name) for name, p in places.items()}


def test_every_task_of_the_benchmarks_is_read(sets: dict[str, list[Task]]) -> None:
    assert {name: len(tasks) for name, tasks in sets.items()} == {"HumanEval": 164, "MBPP": 974, "CRUXEval": 800}


ODD = {
    "HumanEval": {"HumanEval/10", "HumanEval/32", "HumanEval/33", "HumanEval/38", "HumanEval/50"},
    "MBPP": {"2", "64", "126", "367", "596", "601", "912", "927"},
    "CRUXEval": {"sample_0", "sample_258", "sample_344", "sample_364"},
}
"""Tasks with builtins, modules, classes, set-up code, helpers, functions as arguments."""


def test_odd_solutions_of_the_benchmarks_pass(sets: dict[str, list[Task]]) -> None:
    """All of them: `hansei papers run code`."""
    chosen = [task for name, tasks in sets.items() for task in tasks if task.id in ODD[name]]
    assert len(chosen) == sum(map(len, ODD.values()))
    with Sandbox(workers=1) as sandbox:
        outcomes = sandbox.judge_all([task.job(str(task.reference)) for task in chosen])
    assert [(t.id, str(o)) for t, o in zip(chosen, outcomes, strict=True) if not o.passed] == []


def test_the_experiment_names_what_its_folder_lacks(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"found no humaneval/HumanEval\.jsonl\.gz"):
        code_paper.Settings(data=str(tmp_path))


def test_the_experiment_says_what_it_would_run() -> None:
    result = code_paper.run(code_paper.Settings(dry_run=True))
    assert "no benchmark (no --data)" in result.notes[0]


def test_a_table_of_hostile_programs_holds_nothing_of_this_machine() -> None:
    detail = "PermissionError in line 3: [Errno 13] Permission denied: '/some/folder'"
    assert code_paper.reason(Outcome("raised", detail)) == "raised an exception (PermissionError)"
    assert code_paper.reason(Outcome("wrong", "assert solve() == SECRET")) == "wrong answer"
