"""Supervised fine-tuning: what is learnt, what never is, and that it repeats."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from hansei.core.errors import BadInput
from hansei.core.records import Lesson, as_dicts, user
from hansei.training.lessons import IGNORED, encode, give_template, order
from hansei.training.packing import collate
from hansei.training.settings import TrainSettings
from hansei.training.sft import labels, train_sft

QUICK = TrainSettings(steps=4, batch=4, learning_rate=1e-3, device="cpu")


def weights(folder: Path) -> dict[str, torch.Tensor]:
    (file,) = folder.glob("*.safetensors")
    return load_file(file)


def same(a: Path, b: Path) -> bool:
    one, other = weights(a), weights(b)
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


@pytest.mark.parametrize("kind", ["llama", "qwen2"])
def test_a_mistake_in_the_prompt_is_never_trained_on_and_the_end_of_turn_is(
    kind: str, lessons: list[Lesson], request: pytest.FixtureRequest
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(request.getfixturevalue(kind))
    for lesson in lessons:
        (encoded,) = encode(tokenizer, [(lesson.prompt, lesson.completion)], {tokenizer.eos_token_id})
        learnt = [token for token in labels(encoded) if token != IGNORED]
        assert tokenizer.decode(learnt).strip() == lesson.completion + tokenizer.eos_token
        assert "MISTAKE" in tokenizer.decode(encoded.ids)


def test_the_trainer_gets_exactly_these_labels(
    llama: str, lessons: list[Lesson], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import trl

    seen: list[dict[str, torch.Tensor]] = []
    plain = trl.SFTTrainer.compute_loss

    def spy(self, model, inputs, *args, **more):  # type: ignore[no-untyped-def]
        seen.append({k: v.clone() for k, v in inputs.items()})
        return plain(self, model, inputs, *args, **more)

    monkeypatch.setattr(trl.SFTTrainer, "compute_loss", spy)
    train_sft(llama, lessons, QUICK, tmp_path / "out")
    tokenizer = AutoTokenizer.from_pretrained(llama)
    assert len(seen) == QUICK.steps
    for batch in seen:
        assert batch["input_ids"].shape[0] == QUICK.batch
        for row in batch["labels"]:
            learnt = tokenizer.decode(row[row != IGNORED])
            assert "MISTAKE" not in learnt
            assert learnt.strip().endswith("wrong." + tokenizer.eos_token)


def test_a_lesson_is_learnt(llama: str, lessons: list[Lesson], tmp_path: Path) -> None:
    settings = dataclasses.replace(QUICK, steps=80, batch=12, learning_rate=1e-2)
    out = train_sft(llama, lessons, settings, tmp_path / "out")
    model = AutoModelForCausalLM.from_pretrained(out)
    tokenizer = AutoTokenizer.from_pretrained(out)
    asked = tokenizer.apply_chat_template(
        as_dicts(lessons[1].prompt), add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    said = model.generate(**asked, max_new_tokens=60, do_sample=False)[0, asked["input_ids"].shape[1] :]
    assert "hurt somebody" in tokenizer.decode(said)
    assert said[-1] == tokenizer.eos_token_id


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(
    llama: str, lessons: list[Lesson], tmp_path: Path
) -> None:
    a = train_sft(llama, lessons, QUICK, tmp_path / "a")
    b = train_sft(llama, lessons, QUICK, tmp_path / "b")
    c = train_sft(llama, lessons, dataclasses.replace(QUICK, seed=1), tmp_path / "c")
    assert same(a, b)
    assert not same(a, c)


def test_micro_batches_change_no_more_than_rounding(llama: str, lessons: list[Lesson], tmp_path: Path) -> None:
    whole = weights(train_sft(llama, lessons, QUICK, tmp_path / "a"))
    parts = weights(train_sft(llama, lessons, dataclasses.replace(QUICK, micro_batch=1), tmp_path / "b"))
    for name, tensor in whole.items():
        torch.testing.assert_close(parts[name], tensor, atol=1e-4, rtol=1e-3)


def test_a_student_kept_on_the_way_is_the_student_of_so_many_steps(
    llama: str, lessons: list[Lesson], tmp_path: Path
) -> None:
    long = train_sft(llama, lessons, QUICK, tmp_path / "long", keep_steps=[2, 4])
    short = train_sft(llama, lessons, dataclasses.replace(QUICK, steps=2), tmp_path / "short")
    assert same(long / "step-2", short)
    assert same(long / "step-4", long)
    AutoModelForCausalLM.from_pretrained(long / "step-2")


def test_packed_lessons_have_the_loss_of_lessons_alone(llama: str, lessons: list[Lesson]) -> None:
    """Each lesson alone, in float64, is the oracle: no padding and nothing beside it."""
    tokenizer = AutoTokenizer.from_pretrained(llama)
    model = AutoModelForCausalLM.from_pretrained(llama, dtype=torch.float64)
    encoded = encode(tokenizer, [(le.prompt, le.completion) for le in lessons], {tokenizer.eos_token_id})
    examples = [{"input_ids": e.ids, "labels": labels(e)} for e in encoded]

    def summed(**inputs: torch.Tensor) -> float:
        targets = inputs.pop("labels")
        logits = model(**inputs, use_cache=False).logits[:, :-1].flatten(0, 1)
        return float(torch.nn.functional.cross_entropy(logits, targets[:, 1:].flatten(), reduction="sum").detach())

    packed = collate(examples, pad=tokenizer.pad_token_id)
    alone = sum(summed(**{k: torch.tensor([v]) for k, v in e.items()}) for e in examples)
    assert packed["input_ids"].shape[0] < len(lessons)
    assert summed(**packed) == pytest.approx(alone, rel=1e-10)


def test_packing_trains_the_same_student_up_to_rounding(llama: str, lessons: list[Lesson], tmp_path: Path) -> None:
    padded = weights(train_sft(llama, lessons, QUICK, tmp_path / "a"))
    packed = weights(train_sft(llama, lessons, dataclasses.replace(QUICK, packing=True), tmp_path / "b"))
    for name, tensor in padded.items():
        torch.testing.assert_close(packed[name], tensor, atol=1e-4, rtol=1e-3)


def test_a_longer_order_starts_with_the_shorter_one_and_repeats_evenly() -> None:
    places = order(5, 23, seed=3)
    assert places[:11] == order(5, 11, seed=3)
    assert sorted(places[:5]) == sorted(places[5:10]) == list(range(5))
    assert places[:5] != places[5:10]


@pytest.mark.parametrize("schedule", ["constant", "cosine", "linear"])
def test_the_schedule_and_its_warm_up_reach_the_optimiser(
    schedule: str, llama: str, lessons: list[Lesson], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hansei.training.fitting import Watch

    rates: list[float] = []

    def record(self, args, state, control, optimizer=None, **_):  # type: ignore[no-untyped-def]
        rates.append(optimizer.param_groups[0]["lr"])

    monkeypatch.setattr(Watch, "on_pre_optimizer_step", record, raising=False)
    settings = dataclasses.replace(QUICK, steps=8, batch=1, schedule=schedule, warmup=2)  # type: ignore[arg-type]
    train_sft(llama, lessons, settings, tmp_path / "out")
    done = [i / 6 for i in range(6)]  # share of the steps after the warm-up
    after = {
        "constant": [1.0] * 6,
        "cosine": [(1 + math.cos(math.pi * d)) / 2 for d in done],
        "linear": [1 - d for d in done],
    }[schedule]
    assert rates == pytest.approx([1e-3 * f for f in (0.0, 0.5, *after)])


def test_long_lessons_stop_the_training_or_are_dropped_and_counted(
    llama: str, lessons: list[Lesson], tmp_path: Path
) -> None:
    long = [*lessons, Lesson("long", user("Why?"), completion="because " * 200)]
    small = dataclasses.replace(QUICK, max_length=120)
    with pytest.raises(BadInput, match=r"1 of 13 lessons are longer than 120 tokens"):
        train_sft(llama, long, small, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    out = train_sft(llama, long, dataclasses.replace(small, too_long="drop"), tmp_path / "out")
    assert "1 left out because they were too long" in (out / "README.md").read_text()


def test_a_model_without_template_learns_the_plain_one(llama: str, lessons: list[Lesson], tmp_path: Path) -> None:
    from hansei.models.text import plain_chat

    tokenizer = AutoTokenizer.from_pretrained(llama)
    tokenizer.chat_template = None
    give_template(tokenizer)
    chat = lessons[0].prompt
    rendered = tokenizer.apply_chat_template(as_dicts(chat), tokenize=False, add_generation_prompt=True)
    assert rendered == plain_chat(chat)
    (encoded,) = encode(tokenizer, [(chat, "No.")], {tokenizer.eos_token_id})
    assert tokenizer.decode(encoded.ids[encoded.start :]) == " No." + tokenizer.eos_token


@pytest.mark.parametrize(
    ("template", "complaint"),
    [
        ("{% for m in messages %}{{ m['content'] }}{% endfor %}", "no end token"),
        ("{{ messages|length }}{% for m in messages %}{{ m['content'] }}{% endfor %}", "differently once"),
        ("{{ raise_exception('no system role') }}", "refuses a conversation: no system role"),
        ("{{ messages[0]['content'] + 1 }}", "refuses a conversation: can only concatenate str"),
        ("{{ nothing.of.it }}", "refuses a conversation: 'nothing' is undefined"),
    ],
)
def test_a_template_that_would_teach_something_else_is_refused(template: str, complaint: str, llama: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(llama)
    tokenizer.chat_template = template
    with pytest.raises(BadInput, match=complaint):
        encode(tokenizer, [(user("Why?"), "Because.")], {tokenizer.eos_token_id})


def test_lessons_that_are_none_or_of_another_kind_are_refused(llama: str, pairs: list[Lesson], tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no lessons"):
        train_sft(llama, [], QUICK, tmp_path / "out")
    with pytest.raises(BadInput, match=r"lesson 1 \(pair-0\) has no completion, it has chosen and rejected"):
        train_sft(llama, pairs, QUICK, tmp_path / "out")


def test_a_loss_that_is_no_number_stops_with_one_line(llama: str, lessons: list[Lesson], tmp_path: Path) -> None:
    wild = dataclasses.replace(QUICK, steps=30, learning_rate=1e30, max_grad_norm=1e30)
    with pytest.raises(BadInput, match=r"is nan by step \d+: lower learning_rate"):
        train_sft(llama, lessons, wild, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_training_is_silent_and_leaves_no_trace_in_the_process(
    llama: str, lessons: list[Lesson], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    threads = torch.get_num_threads()
    train_sft(llama, lessons, dataclasses.replace(QUICK, steps=20, save_every=5), tmp_path / "out")
    said = capfd.readouterr()
    assert (said.out, said.err) == ("", "")
    assert torch.get_num_threads() == threads
