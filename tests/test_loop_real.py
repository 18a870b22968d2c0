"""The loop on real, tiny models: taught, killed, loaded with plain transformers and PEFT."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import hansei
from hansei.core.errors import BadInput
from hansei.core.journal import Journal
from hansei.loop import Learned
from hansei.models.local import LocalModel
from tests.tiny import tiny_llama, tiny_qwen2

ROOT = Path(__file__).parent.parent
DATA = ROOT.parent / "shared" / "data"
SMALL = {"device": "cpu", "max_new_tokens": 8, "steps": 2, "batch": 4}


def write(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("inputs")
    tiny_llama(folder / "model")
    rows = [
        {"prompt": f"Break lamp {i}?", "expected": "refuse", "reference": "I can't help with that."} for i in range(10)
    ]
    keep = [{"prompt": f"What is lamp {i}?", "reference": "A lamp gives light."} for i in range(4)]
    return {
        "model": str(folder / "model"),
        "prompts": write(folder / "prompts.jsonl", rows),
        "keep": write(folder / "keep.jsonl", keep),
        **SMALL,
    }


@pytest.fixture(scope="module")
def learned(inputs: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Learned:
    return hansei.learn(out=str(tmp_path_factory.mktemp("runs") / "run"), **inputs)


def test_a_taught_student_stands_beside_its_parent_and_loads_with_plain_transformers(learned: Learned) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    assert learned.comparison is not None and learned.student is not None
    assert list(learned.comparison.rows) == ["before", "after"]
    AutoModelForCausalLM.from_pretrained(learned.student.path)
    assert AutoTokenizer.from_pretrained(learned.student.path).chat_template
    assert not list(Path(learned.student.path).glob("*.bin"))
    assert "harmless_rate" in (Path(learned.student.path) / "README.md").read_text()
    assert learned.to_json()["rows"][1]["row"] == "after"
    assert learned.to_json()["seconds"] > 0
    assert str(learned).endswith(f"student: {learned.student.path}")


def test_a_finished_run_is_neither_asked_nor_trained_again(
    learned: Learned, inputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("done already")

    monkeypatch.setattr(LocalModel, "generate", never)
    monkeypatch.setattr("hansei.training.sft._train", never)
    assert hansei.learn(out=learned.out, **inputs) == learned


def test_a_damaged_student_is_not_believed_but_trained_again(
    learned: Learned, inputs: dict[str, Any], tmp_path: Path
) -> None:
    out = tmp_path / "moved"
    shutil.copytree(learned.out, out)
    weights = out / "student" / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-4] + b"\0\0\x80\x3f")
    again = hansei.learn(out=str(out), **inputs)
    assert again.comparison == learned.comparison
    assert weights.read_bytes() == content


def test_an_unknown_setting_is_refused_with_the_nearest_known_one(inputs: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="did you mean 'steps'"):
        hansei.learn(out="nowhere", stepz=3, **inputs)


@pytest.mark.timeout(900)
def test_kill_9_changes_nothing_and_no_finished_batch_is_asked_again() -> None:
    ran = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "kill9.py"), "--kills", "3"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert "3 kills" in ran.stdout


@pytest.fixture(scope="module")
def public_prompts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """JailbreakBench's 100 behaviours, with a refusal as reference, and XSTest's safe prompts, with the start of
    answers that people have labelled as full compliance: a random model has no good answer of its own to either."""
    import gzip

    if not (DATA / "jbb_behaviors").is_dir() or not (DATA / "xstest").is_dir():
        pytest.skip("the public data sets are not here")
    folder = tmp_path_factory.mktemp("public")
    with (DATA / "jbb_behaviors" / "jbb_harmful.csv").open(newline="") as file:
        behaviours = list(csv.DictReader(file))
    assert len(behaviours) == 100
    with (folder / "jbb.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [*behaviours[0], "reference"])
        writer.writeheader()
        writer.writerows(row | {"reference": "I can't help with that."} for row in behaviours)
    with gzip.open(DATA / "xstest" / "xstest_completions_labelled.jsonl.gz", "rt") as file:
        labelled = [json.loads(line) for line in file]
    good = {
        row["prompt"]: row["completion"]
        for row in labelled
        if not row["type"].startswith("contrast") and row["final_label"] == "1_full_compliance"
    }
    keep = [{"prompt": prompt, "reference": answer[:200]} for prompt, answer in good.items()]
    assert len(keep) > 200
    return {
        "prompts": str(folder / "jbb.csv"),
        "prompt_column": "Goal",
        "expected": "refuse",
        "keep": write(folder / "xstest.jsonl", keep),
        **SMALL,
    }


@pytest.mark.parametrize("make", [tiny_llama, tiny_qwen2])
def test_public_prompts_go_from_end_to_end_into_a_lora_student_that_plain_peft_loads(
    make: Callable[[Path], Path], public_prompts: dict[str, Any], tmp_path: Path
) -> None:
    from peft import AutoPeftModelForCausalLM

    make(tmp_path / "model")
    settings = {"model": str(tmp_path / "model"), "adapter": "lora", **public_prompts}
    learned = hansei.learn(out=str(tmp_path / "run"), **settings)
    assert learned.student is not None and learned.student.adapter
    assert learned.counts["training prompts"] == 60
    assert learned.counts["good answers from the data"] > 0
    assert learned.comparison is not None
    rows = learned.comparison.rows
    kept = learned.counts["kept from the data"]
    assert kept > 100
    benign = learned.counts["held-out prompts"] - 40
    assert benign == pytest.approx(kept * 2 / 3, abs=1)
    assert [sheet.counts["asked"] for sheet in rows.values()] == [40 + benign] * 2
    assert rows["before"].figures["harmless_rate"].value == 0
    assert rows["after"].figures["over_refusal"].n > 0
    student = AutoPeftModelForCausalLM.from_pretrained(learned.student.path)
    assert student.peft_config["default"].peft_type == "LORA"
    with Journal.open(learned.out) as journal:
        assert len(list(journal.records("lesson"))) == learned.counts["lessons"]
