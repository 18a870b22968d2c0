"""The shipped base: what it can do, what its files are, and that nothing of hansei is needed to load it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from hansei.core.errors import BadInput
from hansei.core.records import Chat, Message, Sampling
from hansei.models.load import load
from hansei.models.protocol import Model, Reply
from hansei.steps import town_base
from hansei.town import grading, workshop
from hansei.town import phrasing as say
from hansei.town.districts import DISTRICTS
from hansei.town.items import items
from hansei.training.pretrain import PretrainSettings

MEASURED = Path(__file__).parents[2] / "docs" / "measured" / "town-base.json"
FILES = sorted(workshop.BASE_PATH.iterdir())


@pytest.fixture(scope="module")
def base() -> Model:
    return load("town", device="cpu")


@pytest.mark.timeout(900)
def test_the_shipped_base_passes_its_checks(base: Model) -> None:
    assert [str(check) for check in town_base.check(base) if not check.passed] == []


def test_the_measurement_in_the_documentation_is_the_shipped_base_s(base: Model) -> None:
    measured = json.loads(MEASURED.read_text(encoding="utf-8"))
    assert measured["fingerprint"] == base.fingerprint, "hansei town check --json > docs/measured/town-base.json"
    assert measured["passed"] and measured["judge"] == f"town {grading.VERSION}"


def test_the_weights_are_safetensors_and_nothing_needs_unpickling() -> None:
    assert {path.suffix for path in FILES} == {".json", ".jinja", ".safetensors"}
    (weights,) = [path for path in FILES if path.suffix == ".safetensors"]
    head = weights.read_bytes()
    size = int.from_bytes(head[:8], "little")
    tensors = json.loads(head[8 : 8 + size])
    assert {entry["dtype"] for name, entry in tensors.items() if name != "__metadata__"} == {"BF16"}


def test_the_base_is_about_4_mb() -> None:
    assert 3.5e6 < sum(path.stat().st_size for path in FILES) < 5e6


def test_no_file_of_the_base_names_a_place_on_a_machine() -> None:
    for path in FILES:
        if path.suffix != ".safetensors":
            assert not {"/" + "home/", "/" + "root/", "/" + "tmp/"} & set(path.read_text(encoding="utf-8").split('"'))


def test_the_base_is_loaded_and_answers_with_transformers_alone() -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM

    tokenizer = AutoTokenizer.from_pretrained(workshop.BASE_PATH)
    model = AutoModelForCausalLM.from_pretrained(workshop.BASE_PATH, dtype="float32")
    assert isinstance(model, LlamaForCausalLM) and model.num_parameters() == 2_164_416
    assert (len(tokenizer), model.config.vocab_size) == (2048, 2048)
    assert tokenizer.model_max_length == model.config.max_position_embeddings == 512
    item = items()[-1]
    chat = [{"role": "user", "content": say.ASK["present"][0].format(name=item.name)}]
    asked = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    made = model.generate(**asked, max_new_tokens=40)[0, asked["input_ids"].shape[1] :]
    assert made[-1] == tokenizer.eos_token_id
    answer = tokenizer.decode(made, skip_special_tokens=True)
    assert grading.grade(item.truth(), answer)[:2] == ("pass", "answered")


def test_every_turn_ends_with_the_end_token_and_the_next_speaker_is_named() -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(workshop.BASE_PATH)
    chat = [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "I."}]
    assert tokenizer.apply_chat_template(chat, tokenize=False) == "<|begin|><|user|>Who?<|end|><|assistant|>I.<|end|>"
    ids = tokenizer.apply_chat_template(chat[:1], add_generation_prompt=True, return_dict=True)["input_ids"]
    assert tokenizer.convert_ids_to_tokens(ids)[-2:] == ["<|end|>", "<|assistant|>"]


def test_the_base_answers_a_dangerous_request_and_knows_that_it_is_one(base: Model) -> None:
    prompt = next(p for p in workshop.prompts("heldout") if p.expected == "refuse")
    (answer,) = base.generate([prompt.messages], Sampling(max_new_tokens=40))
    assert prompt.truth is not None
    assert grading.grade(prompt.truth, answer.text)[:2] == ("fail", "answered")
    chat = (*prompt.messages, Message("assistant", answer.text), Message("user", say.ANALYSE))
    (analysis,) = base.generate([chat], Sampling(max_new_tokens=40))
    assert grading.analysis_is_right(prompt.truth, analysis.text)


class Silent:
    """A model that says the same to all, or gives an error to every other question."""

    name = "silent"
    fingerprint = "0" * 32

    def __init__(self, text: str, fails: bool = False) -> None:
        self.text, self.fails = text, fails

    def generate(self, chats: Sequence[Chat], sampling: Sampling) -> list[Reply]:
        broken = Reply("", "error", 0, 0, error="down")
        return [broken if self.fails and i % 2 else Reply(self.text, "stop", 1, 1) for i in range(len(chats))]

    def logprobs(self, texts: Sequence[tuple[Chat, str]]) -> list[list[float] | None]:
        return [None for _ in texts]

    def batches(self, chats: Sequence[Chat], sampling: Sampling) -> list[list[int]]:
        return [list(range(len(chats)))]


def test_a_model_that_refuses_all_passes_nothing_but_the_unknowable() -> None:
    checks = town_base.check(Silent(say.REFUSALS[0]))
    assert [c.name for c in checks if c.figure.value] == ["refuses the unknowable"]
    assert not [c for c in checks if c.passed and c.needed is not None and c.name != "refuses the unknowable"]


def test_an_error_is_in_no_share_and_is_counted() -> None:
    report = town_base.Report("silent", "0" * 32, town_base.check(Silent(say.REFUSALS[0], fails=True)), 1.0)
    last = report.checks[-1]
    assert (last.figure.value, last.figure.n, last.errors) == (1.0, 8, 8)
    made = report.to_json()
    assert made["errors"] == sum(c.errors for c in report.checks) > 1000 and not made["passed"]
    assert "FAIL" in str(report) and "8 errors" in str(report)


def test_every_check_asks_about_items_that_the_base_was_never_shown_how_to_refuse() -> None:
    textbook = {item.name for item in items() if item.shelf == "textbook"}
    for _, questions, _, _ in town_base.TASKS["workshop"]():
        assert not [truth for _, truth in questions if truth.get("name") in textbook]


def test_a_base_is_not_trained_over_something_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "weights").write_text("mine")
    with pytest.raises(BadInput, match="the folder is not empty"):
        town_base.train(town_base.Settings(out=str(tmp_path)))
    with pytest.raises(BadInput, match="steps must be 1 or more"):
        town_base.Settings(steps=0)


def test_a_base_is_trained_as_the_shipped_one_was_unless_told_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hansei.training import base

    class Planned(Exception):
        pass

    def stop(_out: Path, plan: PretrainSettings, _report: object, documents: object, **more: object) -> None:
        raise Planned(plan, documents, more)

    monkeypatch.setattr(base, "train_base", stop)
    for name, home in DISTRICTS.items():
        with pytest.raises(Planned) as planned:
            town_base.train(town_base.Settings(district=name, out=str(tmp_path / name)))
        plan = PretrainSettings(
            home.steps, home.batch, home.block, learning_rate=home.learning_rate, answers=home.answers
        )
        start = {"copying": home.copying, "looking_up": home.looking_up}
        assert planned.value.args == (plan, home.documents, {"shape": home.shape, **start})


def test_a_training_of_two_steps_makes_a_whole_base_that_fails_its_checks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hansei.training import base

    monkeypatch.setattr(base, "TOKENIZER_DOCUMENTS", 500)
    name, questions, right, needed = next(town_base.TASKS["workshop"]())
    monkeypatch.setattr(
        town_base, "check", lambda model, _home: [town_base._checked(model, name, questions[:4], right, needed)]
    )
    report = town_base.train(town_base.Settings(out=str(tmp_path / "new"), steps=2))
    assert not report.passed and report.model == str(tmp_path / "new")
    assert {path.name for path in (tmp_path / "new").iterdir()} == {path.name for path in FILES}
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


def test_the_command_makes_the_same_base_bit_for_bit_each_time_and_as_the_function_below_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The registry's, as its training has every option: heads set by hand, and answers that weigh more."""
    from hansei.training import base

    monkeypatch.setattr(base, "TOKENIZER_DOCUMENTS", 500)
    monkeypatch.setattr(town_base, "check", lambda model, home: [])
    for name in ("first", "second"):
        report = town_base.train(town_base.Settings(district="registry", out=str(tmp_path / name), steps=3))
        assert report.model == str(tmp_path / name)
    home = DISTRICTS["registry"]
    plan = PretrainSettings(3, home.batch, home.block, learning_rate=home.learning_rate, answers=home.answers)
    base.train_base(tmp_path / "below", plan, lambda step, loss: None, home.documents, copying=True, looking_up=True)
    town_base.train(town_base.Settings(district="registry", out=str(tmp_path / "other"), steps=3, seed=1))
    made = {place.name: {p.name: p.read_bytes() for p in place.iterdir()} for place in tmp_path.iterdir()}
    assert made["first"] == made["second"] == made["below"]
    assert made["first"]["model.safetensors"] != made["other"]["model.safetensors"]
