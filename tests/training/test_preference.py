"""Direct preference optimisation."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from hansei.core.errors import BadInput
from hansei.core.records import Lesson
from hansei.training.lessons import encode
from hansei.training.preference import train_dpo
from hansei.training.settings import PreferenceSettings, TrainSettings

QUICK = TrainSettings(steps=12, batch=12, learning_rate=3e-3, device="cpu")


def margin(folder: str | Path, pairs: list[Lesson]) -> float:
    """Mean of log p(chosen) - log p(rejected), one answer at a time."""
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    ends = {tokenizer.eos_token_id}

    @torch.no_grad()
    def logp(lesson: Lesson, text: str) -> float:
        (e,) = encode(tokenizer, [(lesson.prompt, text)], ends)
        ids = torch.tensor([e.ids])
        scores = model(input_ids=ids).logits[0, :-1].log_softmax(-1)
        return float(scores.gather(-1, ids[0, 1:, None])[e.start - 1 :].sum())

    return sum(logp(p, p.chosen or "") - logp(p, p.rejected or "") for p in pairs) / len(pairs)


@pytest.mark.parametrize("adapter", ["none", "lora"])
def test_the_better_answer_gains_and_it_repeats(
    adapter: str, llama: str, pairs: list[Lesson], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    settings = dataclasses.replace(QUICK, adapter=adapter)  # type: ignore[arg-type]
    a = train_dpo(llama, pairs, settings, tmp_path / "a")
    b = train_dpo(llama, pairs, settings, tmp_path / "b")
    said = capfd.readouterr()
    assert (said.out, said.err) == ("", "")
    (one,), (other,) = a.glob("*.safetensors"), b.glob("*.safetensors")
    assert one.read_bytes() == other.read_bytes()
    if adapter == "none":
        assert margin(a, pairs) > margin(llama, pairs) + 1


def test_precomputed_and_live_references_train_the_same_student_up_to_rounding(
    llama: str, pairs: list[Lesson], tmp_path: Path
) -> None:
    short = dataclasses.replace(QUICK, steps=3)
    live = PreferenceSettings(precompute_reference=False)
    (one,) = train_dpo(llama, pairs, short, tmp_path / "a").glob("*.safetensors")
    (other,) = train_dpo(llama, pairs, short, tmp_path / "b", preference=live).glob("*.safetensors")
    live_weights = load_file(other)
    for name, tensor in load_file(one).items():
        torch.testing.assert_close(tensor, live_weights[name], atol=1e-4, rtol=1e-3)


def test_a_larger_beta_holds_the_student_closer_to_the_start(llama: str, pairs: list[Lesson], tmp_path: Path) -> None:
    gains = []
    for beta in (0.1, 5.0):
        out = train_dpo(llama, pairs, QUICK, tmp_path / str(beta), preference=PreferenceSettings(beta=beta))
        gains.append(margin(out, pairs))
    assert gains[0] > gains[1]


def test_lessons_without_a_pair_are_refused(llama: str, lessons: list[Lesson], tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"lesson 1 \(lesson-0\) has no chosen, it has completion"):
        train_dpo(llama, lessons, QUICK, tmp_path / "out")
