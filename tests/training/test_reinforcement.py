"""Reward models and RLOO."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

from hansei.core.errors import BadInput
from hansei.core.records import Chat, Lesson, as_dicts
from hansei.training.lessons import encode
from hansei.training.reinforcement import train_reward, train_rloo
from hansei.training.settings import RolloutSettings, TrainSettings

QUICK = TrainSettings(steps=10, batch=12, learning_rate=3e-3, device="cpu")
ROLLOUT = RolloutSettings(num_generations=4, max_completion=6, beta=0.01)


@pytest.fixture(scope="module")
def reward_model(llama: str, pairs: list[Lesson], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_reward(llama, pairs, QUICK, tmp_path_factory.mktemp("reward") / "model")


def test_a_reward_model_prefers_the_chosen_and_loads_with_plain_transformers(
    reward_model: Path, pairs: list[Lesson]
) -> None:
    model = AutoModelForSequenceClassification.from_pretrained(reward_model, num_labels=1)
    tokenizer = AutoTokenizer.from_pretrained(reward_model)

    def score(lesson: Lesson, text: str | None) -> float:
        (e,) = encode(tokenizer, [(lesson.prompt, text or "")], None)
        return float(model(input_ids=torch.tensor([e.ids])).logits.detach())

    assert all(score(p, p.chosen) > score(p, p.rejected) for p in pairs)
    assert {file.suffix for file in reward_model.iterdir()} == {".safetensors", ".json", ".jinja", ".md"}


def test_rloo_raises_the_reward_of_a_function(
    llama: str, pairs: list[Lesson], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Answers that hold the letter e: a random model's share rises."""
    earned: list[float] = []

    def likes_e(chat: Chat, text: str) -> float:
        assert chat[-1].role == "user"
        earned.append(float("e" in text))
        return earned[-1]

    settings = dataclasses.replace(QUICK, steps=15, batch=24, learning_rate=1e-2)
    out = train_rloo(llama, [p.prompt for p in pairs], likes_e, settings, tmp_path / "out", rollout=ROLLOUT)
    said = capfd.readouterr()
    assert (said.out, said.err) == ("", "")
    assert len(earned) == 15 * 24
    assert sum(earned[-72:]) > sum(earned[:72]) + 15
    AutoModelForCausalLM.from_pretrained(out)
    with pytest.raises(BadInput, match="is not this student"):
        train_rloo(llama, [p.prompt for p in pairs], likes_e, settings, out, rollout=ROLLOUT)


@pytest.mark.parametrize("adapter", ["none", "lora"])
def test_rloo_against_a_reward_model_repeats_bit_for_bit(
    adapter: str, llama: str, reward_model: Path, pairs: list[Lesson], tmp_path: Path
) -> None:
    settings = dataclasses.replace(QUICK, steps=2, adapter=adapter)  # type: ignore[arg-type]
    prompts = [p.prompt for p in pairs]
    found = []
    for name in ("a", "b"):
        out = train_rloo(llama, prompts, reward_model, settings, tmp_path / name, rollout=ROLLOUT)
        (file,) = out.glob("*.safetensors")
        found.append(file.read_bytes())
    assert found[0] == found[1]


def test_rloo_resumes_from_a_checkpoint_to_the_same_weights(
    llama: str, reward_model: Path, pairs: list[Lesson], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hansei.training.fitting import Watch

    settings = dataclasses.replace(QUICK, steps=4, save_every=2)
    prompts = [p.prompt for p in pairs]
    whole = train_rloo(llama, prompts, reward_model, settings, tmp_path / "whole", rollout=ROLLOUT)

    class Killed(BaseException):
        pass

    def die_in_step_4(self, args, state, control, **_):  # type: ignore[no-untyped-def]
        if state.global_step == 3:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Watch, "on_step_begin", die_in_step_4, raising=False)
        with pytest.raises(Killed):
            train_rloo(llama, prompts, reward_model, settings, tmp_path / "killed", rollout=ROLLOUT)
    assert (tmp_path / "killed.work" / "checkpoint-2" / "complete").exists()
    resumed = train_rloo(llama, prompts, reward_model, settings, tmp_path / "killed", rollout=ROLLOUT)
    assert (resumed / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()


def test_what_rloo_cannot_learn_from_is_refused(llama: str, pairs: list[Lesson], tmp_path: Path) -> None:
    prompts = [p.prompt for p in pairs]
    with pytest.raises(BadInput, match="does not divide batch=12"):
        train_rloo(
            llama,
            prompts,
            len,
            QUICK,
            tmp_path / "a",
            rollout=RolloutSettings(num_generations=5),  # type: ignore[arg-type]
        )
    with pytest.raises(BadInput, match="expected a reward model"):
        train_rloo(llama, prompts, llama, QUICK, tmp_path / "b", rollout=ROLLOUT)
    with pytest.raises(BadInput, match="finite number"):
        train_rloo(llama, prompts, lambda chat, text: float("nan"), QUICK, tmp_path / "c", rollout=ROLLOUT)
    tight = dataclasses.replace(QUICK, max_length=4)
    with pytest.raises(BadInput, match="12 of 12 prompts are longer than 4 tokens"):
        train_rloo(llama, prompts, lambda chat, text: 1.0, tight, tmp_path / "d", rollout=ROLLOUT)


def test_prompts_are_rendered_as_the_student_will_see_them(llama: str, pairs: list[Lesson]) -> None:
    from hansei.training.lessons import encode_prompts

    tokenizer = AutoTokenizer.from_pretrained(llama)
    (ids,) = encode_prompts(tokenizer, [pairs[0].prompt])
    asked = tokenizer.apply_chat_template(as_dicts(pairs[0].prompt), add_generation_prompt=True)
    assert ids == asked["input_ids"]
