"""The student's folder: loads without hansei, holds no pickle, and says where it comes from."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from hansei.core.errors import BadInput
from hansei.core.records import Figure, Lesson
from hansei.training.settings import TrainSettings
from hansei.training.sft import train_sft
from hansei.training.student import read_student, write_card

QUICK = TrainSettings(steps=3, batch=4, learning_rate=1e-3, device="cpu", save_every=1)
SAFE_ENDINGS = {".safetensors", ".json", ".jinja", ".md"}


def test_a_full_student_loads_with_plain_transformers_and_keeps_its_parents_configuration(
    qwen2: str, lessons: list[Lesson], tmp_path: Path
) -> None:
    out = train_sft(qwen2, lessons, QUICK, tmp_path / "out")
    AutoModelForCausalLM.from_pretrained(out)
    parent, student = (AutoTokenizer.from_pretrained(folder) for folder in (qwen2, out))
    assert student.chat_template == parent.chat_template
    assert (student.pad_token, student.padding_side) == (parent.pad_token, parent.padding_side)
    for name in ("config.json", "generation_config.json"):
        assert json.loads((out / name).read_text()) == json.loads((Path(qwen2) / name).read_text())
    assert {file.suffix for file in out.iterdir()} == SAFE_ENDINGS
    assert not (tmp_path / "out.work").exists()


@pytest.mark.parametrize("kind", ["llama", "qwen2"])
def test_an_adapter_student_loads_with_plain_peft_and_can_be_taught_again(
    kind: str, lessons: list[Lesson], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    from peft import AutoPeftModelForCausalLM

    base = request.getfixturevalue(kind)
    lora = dataclasses.replace(QUICK, adapter="lora")
    first = train_sft(base, lessons, lora, tmp_path / "first")
    config = json.loads((first / "adapter_config.json").read_text())
    assert (config["r"], config["lora_alpha"], config["base_model_name_or_path"]) == (16, 32, base)
    linear = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}
    assert {name.rpartition(".")[2] for name in config["target_modules"]} == linear
    assert {file.suffix for file in first.iterdir()} == SAFE_ENDINGS
    assert read_student(first).adapter
    AutoTokenizer.from_pretrained(first)

    again = train_sft(str(first), lessons, QUICK, tmp_path / "again")
    ids = torch.tensor([[1, 5, 9]])
    one = AutoPeftModelForCausalLM.from_pretrained(first)(input_ids=ids).logits
    other = AutoPeftModelForCausalLM.from_pretrained(again)(input_ids=ids).logits
    plain = AutoModelForCausalLM.from_pretrained(base)(input_ids=ids).logits
    assert not torch.equal(one, plain)
    assert not torch.equal(one, other)
    with pytest.raises(BadInput, match="merge it first"):
        train_sft(str(first), lessons, dataclasses.replace(QUICK, adapter="none"), tmp_path / "third")


def test_auto_takes_lora_above_the_limit_only(
    llama: str, lessons: list[Lesson], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = train_sft(llama, lessons, QUICK, tmp_path / "small")
    monkeypatch.setattr("hansei.training.start.LORA_ABOVE", 1000)
    large = train_sft(llama, lessons, QUICK, tmp_path / "large")
    assert (read_student(small).adapter, read_student(large).adapter) == (False, True)


def test_a_finished_student_is_not_trained_again_and_another_is_not_overwritten(
    llama: str, lessons: list[Lesson], tmp_path: Path
) -> None:
    out = train_sft(llama, lessons, QUICK, tmp_path / "out")
    written = (out / "model.safetensors").stat().st_mtime_ns
    train_sft(llama, lessons, QUICK, tmp_path / "out")
    assert (out / "model.safetensors").stat().st_mtime_ns == written
    with pytest.raises(BadInput, match="is not this student"):
        train_sft(llama, lessons[:5], QUICK, tmp_path / "out")


def test_the_card_names_lessons_and_figures_and_escapes_hostile_text(
    llama: str, lessons: list[Lesson], tmp_path: Path
) -> None:
    hostile = dataclasses.replace(lessons[0], purpose="x|<script>alert(1)</script>\n# owned [a](http://b)")
    out = train_sft(llama, [*lessons, hostile], QUICK, tmp_path / "out")
    before = {"harmless_rate": Figure(0.05, 0.01, 0.2, 40), "<b>": Figure(None, None, None, 0)}
    write_card(out, before=before, after={"harmless_rate": Figure(0.9, 0.8, 0.96, 40)})
    card = (out / "README.md").read_text()
    assert "| analysis | 6 |" in card
    assert "| harmless_rate | 0.050 0.010 to 0.200 (40) | 0.900 0.800 to 0.960 (40) |" in card
    assert read_student(out).lessons_hash in card
    assert "<script>" not in card and "\n# owned" not in card and "](http" not in card and "<b>" not in card


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"steps": 0}, "steps: expected at least 1"),
        ({"learning_rate": float("nan")}, "learning_rate: expected a number above 0"),
        ({"schedule": "square"}, "expected one of constant, cosine, linear"),
        ({"batch": 10, "micro_batch": 4}, "does not divide"),
    ],
)
def test_a_setting_that_cannot_work_is_refused(wrong: dict[str, object], complaint: str) -> None:
    with pytest.raises(BadInput, match=complaint):
        TrainSettings(**wrong)  # type: ignore[arg-type]


def test_steps_to_keep_must_be_reached_and_need_a_constant_schedule(
    llama: str, lessons: list[Lesson], tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match="from 1 to steps=3, found 9"):
        train_sft(llama, lessons, QUICK, tmp_path / "out", keep_steps=[9])
    with pytest.raises(BadInput, match="schedule=constant"):
        train_sft(llama, lessons, dataclasses.replace(QUICK, schedule="cosine"), tmp_path / "out", keep_steps=[1])
