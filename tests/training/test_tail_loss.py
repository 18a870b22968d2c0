"""Steps that learn the ends of completions only."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import AutoTokenizer

from hansei.core.errors import BadInput
from hansei.core.records import Lesson, user
from hansei.training.lessons import IGNORED, order
from hansei.training.settings import TrainSettings
from hansei.training.sft import TailLoss, train_sft

SETTINGS = TrainSettings(steps=4, batch=2, learning_rate=1e-3, device="cpu")
LESSONS = [
    Lesson(id=str(i), prompt=user("What is a red lamp?"), completion=f"Lamp {i} is a stone.\nAnswer: {i} stones.")
    for i in range(5)
]


@pytest.mark.parametrize(("share", "steps"), [(0.0, []), (0.5, [1, 3]), (0.25, [3]), (1.0, [0, 1, 2, 3])])
def test_the_share_of_steps_on_the_tail_is_spread_evenly(share: float, steps: list[int]) -> None:
    tail = TailLoss("Answer:", share)
    assert [step for step in range(4) if tail.at(step)] == steps
    drawn = order(5, 8, 0)
    assert tail.places(5, SETTINGS) == [p + 5 * (i // 2 in steps) for i, p in enumerate(drawn)]


def test_a_step_on_the_tail_learns_what_stands_after_the_words_and_nothing_else(
    llama: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import trl

    seen: list[list[str]] = []
    tokenizer = AutoTokenizer.from_pretrained(llama)
    compute = trl.SFTTrainer.compute_loss

    def spy(self, model, inputs, *args, **more):  # type: ignore[no-untyped-def]
        rows = [[t for t in row if t != IGNORED] for row in inputs["labels"].tolist()]
        seen.append([tokenizer.decode(row) for row in rows])
        return compute(self, model, inputs, *args, **more)

    monkeypatch.setattr(trl.SFTTrainer, "compute_loss", spy)
    train_sft(llama, LESSONS, SETTINGS, tmp_path / "student", tail=TailLoss("Answer:"))
    drawn = order(5, 8, 0)
    for step, texts in enumerate(seen):
        for place, text in zip(drawn[2 * step : 2 * step + 2], texts, strict=True):
            end = f" {place} stones.{tokenizer.eos_token}"
            whole = f"Lamp {place} is a stone.\nAnswer:{end}"
            assert text.strip() == (end if step % 2 else whole).strip()


def test_a_lesson_without_the_words_is_named(llama: str, tmp_path: Path) -> None:
    lessons = [*LESSONS, Lesson(id="x", prompt=user("What?"), completion="A kind dog.")]
    with pytest.raises(BadInput, match=r"lesson 6 has no 'Answer:'"):
        train_sft(llama, lessons, SETTINGS, tmp_path / "student", tail=TailLoss("Answer:"))
    with pytest.raises(BadInput, match="share"):
        TailLoss("Answer:", 1.5)
