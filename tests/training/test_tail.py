"""RLOO that learns only what stands after given words: no other token has a gradient."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer

from hansei.core.records import Lesson
from hansei.training import reinforcement
from hansei.training.reinforcement import train_rloo
from hansei.training.settings import RolloutSettings, TrainSettings
from hansei.training.tail import after_words

QUICK = TrainSettings(steps=2, batch=12, learning_rate=1e-3, device="cpu")
ROLLOUT = RolloutSettings(num_generations=4, max_completion=10, beta=0.1)


def stands_after(tokenizer: Any, ids: list[int], words: str) -> list[int]:
    """The obvious version: a token counts if the words are whole in the text before it, or end inside it."""
    text = "".join(tokenizer.decode([i]) for i in ids)
    end = text.rfind(words) + len(words)
    marks = []
    for n in range(len(ids)):
        until = "".join(tokenizer.decode([i]) for i in ids[: n + 1])
        marks.append(int(words in text and len(until) > end))
    return marks


def test_the_mask_is_what_stands_after_the_last_words(llama: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(llama)
    texts = [
        "Take a stone. Confidence: 10</s>",
        "Confidence: 3 no, Confidence: 7",
        "no words</s>",
        "it ends Confidence:",
    ]
    ids = tokenizer(texts, padding=True, add_special_tokens=False, return_tensors="pt").input_ids
    found = after_words(tokenizer, ids, "Confidence:")
    assert found.tolist() == [stands_after(tokenizer, row, "Confidence:") for row in ids.tolist()]
    shown = [
        tokenizer.decode([i for i, m in zip(row, marks, strict=True) if m], skip_special_tokens=True)
        for row, marks in zip(ids.tolist(), found.tolist(), strict=True)
    ]
    assert shown == [" 10", " 7", "", ""]


class Watched:
    """Which positions of a training step's rows have a gradient at the last hidden state, which one token decides."""

    def __init__(self) -> None:
        self.rows: list[list[int]] = []
        self.touched: list[list[bool]] = []

    def watch(self, start: Any) -> Any:
        def read(_: Any, __: Any, inputs: dict[str, Any]) -> None:
            if torch.is_grad_enabled():
                self.rows += inputs["input_ids"].tolist()

        def learn(_: Any, __: Any, hidden: torch.Tensor) -> None:
            if hidden.requires_grad:
                hidden.register_hook(lambda grad: self.touched.extend((grad.abs().sum(-1) > 0).tolist()))

        start.model.register_forward_pre_hook(read, with_kwargs=True)
        start.model.model.norm.register_forward_hook(learn)
        return start


@pytest.mark.parametrize("words", ["a", ""])
def test_no_other_token_has_a_gradient(
    words: str, llama: str, pairs: list[Lesson], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The position that predicts a token has a gradient only if the token stands after the words."""
    watched, load, dice = Watched(), reinforcement.load_start, torch.Generator().manual_seed(0)
    monkeypatch.setattr(reinforcement, "load_start", lambda *a, **k: watched.watch(load(*a, **k)))
    rollout = dataclasses.replace(ROLLOUT, learn_after=words)

    def by_chance(*_: Any) -> float:
        return float(torch.rand(1, generator=dice))

    train_rloo(llama, [p.prompt for p in pairs], by_chance, QUICK, tmp_path / "out", rollout=rollout)
    tokenizer = AutoTokenizer.from_pretrained(llama)
    assert len(watched.rows) == len(watched.touched) == 2 * 12
    learnt = masked = 0
    for ids, touched in zip(watched.rows, watched.touched, strict=True):
        answer = ids[-ROLLOUT.max_completion :]
        stop = answer.index(tokenizer.eos_token_id) + 1 if tokenizer.eos_token_id in answer else len(answer)
        marks = stands_after(tokenizer, answer[:stop], words) if words else [1] * stop
        expected = [bool(m) for m in marks] + [False] * (len(answer) - stop)
        assert touched == [False] * (len(ids) - len(answer) - 1) + expected + [False]
        learnt, masked = learnt + sum(marks), masked + stop - sum(marks)
    assert learnt > 20
    assert (masked > 20) == bool(words)


def test_an_answer_without_the_words_teaches_nothing(llama: str, pairs: list[Lesson], tmp_path: Path) -> None:
    rollout = dataclasses.replace(ROLLOUT, learn_after="words that never come")
    out = train_rloo(
        llama, [p.prompt for p in pairs], lambda _, text: float(len(text)), QUICK, tmp_path, rollout=rollout
    )
    before, after = (torch.cat([p.flatten() for p in parameters(folder)]) for folder in (llama, str(out)))
    assert torch.equal(before, after)


def parameters(folder: str) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder).float().parameters()
