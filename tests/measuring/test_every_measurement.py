"""Every measurement of `hansei measure` on broken input, and on tiny random models: one clear line, or a result."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from hansei.cli import main
from hansei.core.settings import field_docs
from hansei.measurements import MEASUREMENTS, Measurement

Rows = list[dict[str, Any]]
Capture = pytest.CaptureFixture[str]


@dataclass(frozen=True)
class Case:
    """A measurement that works: its files, its options, and what in its first file can be broken."""

    line: str
    """Options; {d} is the folder of the files."""
    rows: Rows = field(default_factory=list)
    """Rows of rows.jsonl, the file that is broken."""
    answer: str = ""
    """The column without which nothing can be measured."""
    score: str = ""
    """The column of numbers; empty where there is none."""
    files: dict[str, str] = field(default_factory=dict)
    """Further files."""
    model: str = ""
    """Options of a run with a model, {m}; empty where none is taken."""


EXAM = json.dumps({"name": "E", "sections": [{"name": "s", "questions": [{"id": "q", "points": 1}]}]})
LABELLED = [{"prompt": f"p{i}", "answer": "Sure, here it is.", "label": ("no", "yes")[i % 2]} for i in range(4)]
CHOICES = [{"question": f"What is {i}?", "A": "x", "B": "y", "C": "z", "answer": "B"} for i in range(3)]
PARALLEL = [{"eng_Latn": f"word {i} of it", "deu_Latn": f"Wort {i} davon"} for i in range(6)]
TASK = {"task_id": 1, "text": "Add one.", "code": "", "test_setup_code": "", "test_list": ["assert f(1) == 2"]}
QUESTION = {"question": "How heavy is {x}?", "kind": "number", "name": "water", "answer": 18, "tolerance": "1"}
SUITE = '[abilities]\na = { parts = ["b"] }\n[[entry]]\nname = "e"\nability = "a / b"\nmeasure = "calibration"\n'
TEXTS = [{"text": f"a plain sentence about the number {i} and about what follows from it every day"} for i in range(5)]

CASES: dict[str, Case] = {
    "exam": Case(
        "{d}/rows.jsonl --exam {d}/exam.json", [{"question": "q", "points": 1}], "points", "points", {"exam.json": EXAM}
    ),
    "calibration": Case("{d}/rows.jsonl", [{"confidence": 0.5, "correct": 1}], "correct", "confidence"),
    "past-tense": Case(
        "--model nobody/nothing --prompts {d}/rows.jsonl --tenses present",
        [{"prompt": "How do I break it?"}],
        "prompt",
        model="--model {m} --prompts {d}/rows.jsonl --tenses present --attempts 1 --max-new-tokens 4 --out {d}/out",
    ),
    "knowledge-map": Case("{d}/rows.jsonl --out {d}/out", [{"id": 1, "score": 1, "category": "x"}], "score", "score"),
    "deception": Case(
        "--model nobody/nothing --judge rules",
        model="--model {m} --judge rules --samples 1 --temperature 0 --max-new-tokens 4 --out {d}/out",
    ),
    "code": Case(
        "{d}/rows.jsonl --model nobody/nothing",
        [TASK],
        "test_list",
        model="{d}/rows.jsonl --model {m} --max-new-tokens 4",
    ),
    "multiple-choice": Case(
        "{d}/rows.jsonl --model nobody/nothing",
        CHOICES,
        "answer",
        model="{d}/rows.jsonl --model {m} --seeds 1 --new-tokens 2",
    ),
    "contamination": Case(
        "{d}/rows.jsonl --training {d}/training.jsonl",
        TEXTS,
        "text",
        files={"training.jsonl": "".join(json.dumps(row) + "\n" for row in TEXTS[:2])},
        model="{d}/rows.jsonl --model {m} --control {d}/training.jsonl --permutations 2 --shards 2",
    ),
    "llm-use": Case(
        "{d}/rows.jsonl --human {d}/human.txt --ai {d}/human.txt",
        TEXTS,
        "text",
        files={"human.txt": "We show it.\n\n" * 12},
    ),
    "judge": Case(
        "{d}/rows.jsonl --positive yes",
        LABELLED,
        "label",
        model="{d}/rows.jsonl --positive yes --judge {m} --mode binary",
    ),
    "verdicts": Case(
        "{d}/rows.jsonl --judges a b --by m --attempt-column none --request-column q",
        [{"m": "x", "q": f"q{i}", "a": True, "b": bool(i % 2)} for i in range(3)],
        "q",
        "a",
    ),
    "judge-injection": Case(
        "{d}/rows.jsonl --positive yes",
        LABELLED,
        "label",
        model="{d}/rows.jsonl --positive yes --judge {m} --mode binary",
    ),
    "token-cost": Case(
        "town --text {d}/rows.jsonl --reference eng_Latn",
        PARALLEL,
        "eng_Latn",
        model="{m} --text {d}/rows.jsonl --reference eng_Latn --draws 100",
    ),
    "science": Case(
        "{d}/rows.jsonl", [QUESTION], "answer", "answer", model="{d}/rows.jsonl --model {m} --max-new-tokens 2"
    ),
    "scaling": Case("{d}/rows.jsonl", [{"compute": 10.0**i, "loss": 2 + 0.5**i} for i in range(6)], "loss", "loss"),
    "concept-geometry": Case(
        "nobody/nothing --tree {d}/rows.jsonl",
        files={"tree.json": json.dumps({"kinds": {name: list("abcdefgh") for name in ("one", "two", "three")}})},
        model="{m} --tree {d}/tree.json --seeds 1",
    ),
    "suite": Case(
        "{d}/suite.toml --data {d} --only e",
        [{"confidence": 0.5, "correct": 1}],
        files={"suite.toml": SUITE + 'settings = { file = "{data}/rows.jsonl" }\nfigures = ["ece"]\n'},
    ),
    "rule-based-rewards": Case("--seeds 0"),
}
DEFECTS: dict[str, Callable[[Case], Any]] = {
    "wrong columns": lambda case: [{"unrelated": 1}] * 2,
    "missing answers": lambda case: [row | {case.answer: None} for row in case.rows],
    "nan": lambda case: [row | {case.score: float("nan")} for row in case.rows],
    "nan as a word": lambda case: [row | {case.score: "NaN"} for row in case.rows],
    "empty": lambda case: [],
    "no object": lambda case: "[1, 2]\n",
    "cut short": lambda case: json.dumps(case.rows[0])[:-3],
}


def lay(folder: Path, case: Case, rows: Any) -> None:
    """Writes the files of a case."""
    text = rows if isinstance(rows, str) else "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "rows.jsonl").write_text(text, encoding="utf-8")
    for name, content in case.files.items():
        (folder / name).write_text(content, encoding="utf-8")


def words(name: str, line: str, folder: Path, model: str = "") -> list[str]:
    return ["measure", name, *(word.replace("{d}", str(folder)).replace("{m}", model) for word in line.split())]


def refused(line: list[str], capsys: Capture) -> str:
    """Runs a command that is to be refused, and returns its one line."""
    code, said = main(line), capsys.readouterr()
    assert (code, said.out) == (2, ""), (code, said)
    assert said.err.startswith("hansei: ") and said.err.count("\n") == 1, said.err
    assert len(said.err) < 600 and "Traceback" not in said.err
    return said.err


def test_every_measurement_is_here() -> None:
    assert set(CASES) == {measurement.name for measurement in MEASUREMENTS}


BROKEN = [
    (name, defect)
    for name, case in CASES.items()
    for defect in DEFECTS
    if case.answer and (case.score or not defect.startswith("nan"))
]


@pytest.mark.parametrize(("name", "defect"), BROKEN)
def test_broken_rows_are_one_clear_line_that_names_the_file(
    name: str, defect: str, tmp_path: Path, capsys: Capture
) -> None:
    case = CASES[name]
    lay(tmp_path, case, DEFECTS[defect](case))
    assert "rows.jsonl" in refused(words(name, case.line, tmp_path), capsys)
    assert not (tmp_path / "out" / "result.json").exists()


@pytest.mark.parametrize("name", CASES)
def test_an_unknown_option_and_a_model_that_is_not_there_are_one_clear_line(
    name: str, tmp_path: Path, capsys: Capture
) -> None:
    case = CASES[name]
    lay(tmp_path, case, case.rows)
    assert "--nonsense" in refused([*words(name, case.line, tmp_path), "--nonsense", "1"], capsys)
    if case.model:
        line = words(name, case.model, tmp_path, str(tmp_path / "nowhere"))
        assert "nowhere" in refused(line, capsys)
    if name == "rule-based-rewards":
        assert "seeds" in refused(words(name, case.line, tmp_path), capsys)


@pytest.fixture(scope="module")
def models(llama_folder: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A tiny random Llama, and one whose tokenizer has no fast version: ByT5's, a token a byte."""
    import torch
    from transformers import ByT5Tokenizer, LlamaConfig, LlamaForCausalLM

    tokenizer = ByT5Tokenizer()
    tokenizer.chat_template = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant: "
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = LlamaConfig(
        vocab_size=len(tokenizer), max_position_embeddings=1024, eos_token_id=1, pad_token_id=0, **sizes
    )
    slow = tmp_path_factory.mktemp("slow")
    LlamaForCausalLM(config).save_pretrained(slow)
    tokenizer.save_pretrained(slow)
    return {"fast": llama_folder, "slow": str(slow)}


# Only what the tests of each measurement do not show: a tokenizer without fast version, and models at all for two.
RUNS = [(name, "slow") for name, case in CASES.items() if case.model and "judge" not in name]
RUNS += [("judge-injection", "fast"), ("concept-geometry", "fast")]


@pytest.mark.parametrize(("name", "kind"), RUNS)
def test_a_tiny_random_model_gives_a_result(
    name: str, kind: str, models: dict[str, str], tmp_path: Path, capsys: Capture
) -> None:
    case = CASES[name]
    lay(tmp_path, case, case.rows)
    code = main([*words(name, case.model, tmp_path, models[kind]), "--json"])
    said = capsys.readouterr()
    assert code == 0, said.err
    result = json.loads(said.out.splitlines()[-1])
    assert result["rows"] or result["parts"]
    if name == "deception":  # its scene is longer than what the model reads
        assert result["errors"] > 0 and result["rows"][0]["misaligned"]["n"] == 0


def test_a_broken_file_of_a_suite_s_entry_is_said_in_the_table_and_ends_nothing(
    tmp_path: Path, capsys: Capture
) -> None:
    case = CASES["suite"]
    lay(tmp_path, case, [{"unrelated": 1}])
    assert main(words("suite", case.line, tmp_path)) == 0
    assert "e: failed: " in (said := capsys.readouterr().out) and "rows.jsonl, line 1: columns confidence" in said


@pytest.mark.parametrize("measurement", MEASUREMENTS, ids=lambda m: m.name)
def test_the_help_of_out_says_whether_finished_work_is_kept(measurement: Measurement) -> None:
    settings = importlib.import_module(measurement.run.partition(":")[0]).Settings
    said = re.search(r"goes on|only what is missing", " ".join(field_docs(settings)["out"].split()))
    assert (said is not None) == measurement.keeps
