"""Local models: what they say, how they are batched, and what they refuse to load."""

from __future__ import annotations

import dataclasses
import json
import logging
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hansei.core.errors import BadInput
from hansei.core.records import Message, Sampling, as_dicts, user
from hansei.models.load import load
from hansei.models.local import LocalModel

CHATS = [
    user("Tell me about the dog, please. " * (i % 4) + f"Take number {i}.") for i in range(11)
] + [user("Hi.", "Hello!", "How are you?"), (Message("system", "Be kind."), *user("Who are you?"))]  # fmt: skip


@pytest.fixture(scope="module", params=["llama_folder", "qwen2_folder"])
def model(request: pytest.FixtureRequest) -> LocalModel:
    return LocalModel(request.getfixturevalue(request.param))


@pytest.fixture(scope="module")
def llama(llama_folder: str) -> LocalModel:
    return LocalModel(llama_folder)


@pytest.fixture(scope="module")
def small(llama_folder: str) -> LocalModel:
    """With room for 1,500 tokens in the cache, each of 2 (keys, values) * 2 layers * 2 heads * 8 * 4 bytes."""
    return LocalModel(llama_folder, cache_gib=256 * 1500 / 2**30)


def copied(folder: str, to: Path) -> Path:
    return Path(shutil.copytree(folder, to))


def edited(file: Path, **changes: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def test_greedy_answers_are_those_of_transformers_generate(model: LocalModel) -> None:
    replies = model.generate(CHATS, Sampling(max_new_tokens=25))
    for chat, reply in zip(CHATS, replies, strict=True):
        batch = model.tokenizer.apply_chat_template(
            as_dicts(chat), add_generation_prompt=True, return_dict=True, return_tensors="pt"
        )
        size = batch["input_ids"].shape[1]
        out = model.hf.generate(**batch, max_new_tokens=25, do_sample=False)[0, size:]
        assert reply.text == model.tokenizer.decode(out, skip_special_tokens=True).strip()
        assert (reply.prompt_tokens, reply.completion_tokens) == (size, len(out))
        assert reply.finish == ("stop" if int(out[-1]) in model.ends else "length")


def test_batches_are_a_partition_and_do_not_depend_on_the_order_of_the_conversations(llama: LocalModel) -> None:
    llama_batches = LocalModel(llama.name, batch_rows=4).batches
    batches = llama_batches(CHATS, Sampling())
    assert sorted(i for batch in batches for i in batch) == list(range(len(CHATS)))
    assert [len(batch) for batch in batches] == [4, 4, 4, 1]
    turned = CHATS[::-1]
    assert [[CHATS[i] for i in b] for b in batches] == [
        [turned[i] for i in b] for b in llama_batches(turned, Sampling())
    ]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=40), st.integers(1, 300), st.integers(1, 9))
def test_a_batch_asked_alone_is_one_batch_again(small: LocalModel, lengths: list[int], new: int, rows: int) -> None:
    model = small
    model.batch_rows = rows
    chats = [user("a " * n) for n in lengths]
    sampling = Sampling(max_new_tokens=new)
    for batch in model.batches(chats, sampling):
        own = [chats[i] for i in batch]
        assert model.batches(own, sampling) == [list(range(len(own)))]
        width = max(len(prompt.ids) for prompt in model.render(own))
        assert len(own) == 1 or len(own) * (width + new) <= 1500


def test_the_caches_memory_limits_the_batch(small: LocalModel) -> None:
    small.batch_rows = 256
    size = len(small.render([CHATS[0]])[0].ids)
    assert [len(b) for b in small.batches([CHATS[0]] * 5, Sampling(max_new_tokens=500 - size))] == [3, 2]
    assert [len(b) for b in small.batches([CHATS[0]] * 3, Sampling(max_new_tokens=5000))] == [2, 1]  # 512 at most


def test_sampled_answers_depend_on_prompt_and_seed_only(qwen2_folder: str) -> None:
    model = LocalModel(qwen2_folder, dtype="float64")  # so that rounding does not turn a draw
    sampling = Sampling(temperature=1.0, top_p=0.95, max_new_tokens=15, seed=3)
    together = model.generate(CHATS, sampling)
    assert [model.generate([chat], sampling)[0] for chat in CHATS[:4]] == together[:4]
    assert model.generate(CHATS[::-1], sampling) == together[::-1]
    other = model.generate(CHATS, dataclasses.replace(sampling, seed=4))
    assert all(a.text != b.text for a, b in zip(together, other, strict=True))


def test_a_run_repeats_bit_for_bit(model: LocalModel) -> None:
    sampling = Sampling(temperature=0.8, max_new_tokens=15, seed=1)
    assert model.generate(CHATS, sampling) == model.generate(CHATS, sampling)


def test_a_prompt_without_room_is_an_error_of_its_own_and_an_answer_stops_at_the_models_limit(
    llama: LocalModel,
) -> None:
    chats = [user("dog " * 600), user("Hi."), user("dog " * 340)]
    too_long, fine, tight = llama.generate(chats, Sampling(max_new_tokens=200))
    assert (too_long.finish, too_long.text) == ("error", "")
    assert "no room for an answer; the model's limit is 512" in str(too_long.error)
    assert fine.error is None
    assert tight.error is None
    assert tight.prompt_tokens + 200 > 512 >= tight.prompt_tokens + tight.completion_tokens


def test_a_batch_of_prompts_without_room_is_as_many_errors(llama: LocalModel) -> None:
    replies = llama.generate([user("dog " * 600), user("cat " * 700)], Sampling(max_new_tokens=5))
    assert [reply.finish for reply in replies] == ["error", "error"]


def test_no_conversations_are_no_replies(llama: LocalModel) -> None:
    assert llama.generate([], Sampling()) == []
    assert llama.batches([], Sampling()) == []
    assert llama.logprobs([]) == []


def test_log_probabilities_are_those_of_a_plain_forward_pass(llama_folder: str) -> None:
    model = LocalModel(llama_folder, dtype="float64")
    texts = [(chat, "Sure, first mix." + " Then wait." * i) for i, chat in enumerate(CHATS[:5])]
    for (chat, said), found in zip(texts, model.logprobs(texts), strict=True):
        rendered = model.tokenizer.apply_chat_template(as_dicts(chat), tokenize=False, add_generation_prompt=True)
        before = model.tokenizer(rendered, add_special_tokens=False)["input_ids"]
        ids = model.tokenizer(rendered + said, add_special_tokens=False)["input_ids"]
        logp = torch.log_softmax(model.hf(input_ids=torch.tensor([ids])).logits[0].detach(), -1)
        expected = [logp[i - 1, ids[i]].item() for i in range(len(before), len(ids))]
        assert found == pytest.approx(expected, abs=1e-10)


def test_the_probabilities_of_all_one_token_answers_sum_to_one(llama: LocalModel) -> None:
    """Over the whole vocabulary: what `logprobs` gives is a distribution, at the place right after the prompt."""
    prompt = llama.render(CHATS[:1])[0].ids
    scores = llama.score([(prompt, [token]) for token in range(llama.hf.config.vocab_size)])
    assert sum(torch.tensor(scores).exp().flatten().double()).item() == pytest.approx(1, abs=1e-5)


def test_log_probabilities_of_nothing_are_none_and_of_too_much_are_none_at_all(llama: LocalModel) -> None:
    assert llama.logprobs([(CHATS[0], ""), (CHATS[0], "dog " * 600), (CHATS[0], "dog")])[:2] == [[], None]


def test_a_token_that_would_straddle_the_boundary_is_not_used(llama_folder: str, tmp_path: Path) -> None:
    folder = copied(llama_folder, tmp_path / "m")
    (folder / "chat_template.jinja").write_text("{{ messages[0]['content'] }}")
    model = LocalModel(str(folder))
    prompt, said = "I can't hel", "p with that"
    joined = model.tokenizer(prompt + said, add_special_tokens=False)["input_ids"]
    before = model.tokenizer(prompt, add_special_tokens=False)["input_ids"]
    assert joined[: len(before)] != before, "the example should straddle"
    after = model.tokenizer(said, add_special_tokens=False)["input_ids"]
    assert model.logprobs([(user(prompt), said)])[0] == pytest.approx(model.score([(before, after)])[0])


def test_a_model_without_template_is_asked_as_plain_text_and_says_so(
    llama_folder: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = copied(llama_folder, tmp_path / "m")
    (folder / "chat_template.jinja").unlink()
    with caplog.at_level(logging.WARNING, "hansei"):
        model = LocalModel(str(folder))
    assert [r.message for r in caplog.records] == [
        f"{folder} has no chat template: asked as plain text, `User: … Assistant:`"
    ]
    assert model.render([user("Hi.")])[0].text == "User: Hi.\n\nAssistant:"
    assert model.generate([user("Hi.")], Sampling(max_new_tokens=5))[0].error is None
    assert model.fingerprint != LocalModel(llama_folder).fingerprint


def test_a_template_that_refuses_a_conversation_is_one_line(llama_folder: str, tmp_path: Path) -> None:
    folder = copied(llama_folder, tmp_path / "m")
    (folder / "chat_template.jinja").write_text("{{ raise_exception('System role not supported') }}")
    with pytest.raises(BadInput, match="its chat template refuses a conversation: System role not supported"):
        LocalModel(str(folder)).generate([user("Hi.")], Sampling())


def test_reasoning_that_the_template_opens_is_kept_apart(llama_folder: str, tmp_path: Path) -> None:
    folder = copied(llama_folder, tmp_path / "m")
    template = (folder / "chat_template.jinja").read_text()
    (folder / "chat_template.jinja").write_text(template + "{% if add_generation_prompt %}<think>\n{% endif %}")
    reply = LocalModel(str(folder)).generate([user("Hi.")], Sampling(max_new_tokens=8))[0]
    assert reply.text == ""
    assert reply.reasoning
    assert (reply.finish, reply.completion_tokens) == ("length", 8)


def test_the_fingerprint_follows_weights_template_and_precision_but_not_the_card(
    llama_folder: str, tmp_path: Path
) -> None:
    folder = copied(llama_folder, tmp_path / "m")
    before = LocalModel(str(folder)).fingerprint
    (folder / "README.md").write_text("A card.")
    assert LocalModel(str(folder)).fingerprint == before == LocalModel(llama_folder).fingerprint
    assert LocalModel(str(folder), dtype="float64").fingerprint != before
    weights = bytearray((folder / "model.safetensors").read_bytes())
    weights[-3] ^= 1
    (folder / "model.safetensors").write_bytes(weights)
    changed = LocalModel(str(folder)).fingerprint
    assert changed != before
    (folder / "chat_template.jinja").write_text("{{ messages[0]['content'] }}")
    assert LocalModel(str(folder)).fingerprint not in (before, changed)


def test_settings_reach_the_weights(llama_folder: str) -> None:
    assert LocalModel(llama_folder).hf.dtype == torch.float32
    assert LocalModel(llama_folder, dtype="bfloat16").hf.dtype == torch.bfloat16
    mapped = LocalModel(llama_folder, device_map="auto")
    assert mapped.generate(CHATS[:1], Sampling(max_new_tokens=3))[0].error is None
    with pytest.raises(BadInput, match="can't be loaded"):
        LocalModel(llama_folder, device_map={"model": "cpu", "lm_head": "abacus"})


def test_all_end_tokens_count(qwen2_folder: str) -> None:
    model = LocalModel(qwen2_folder)
    assert {model.tokenizer.decode(t) for t in model.ends} == {"<|im_end|>", "<|endoftext|>"}


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"dtype": "int8"}, "expected auto, float32"),
        ({"device": "abacus"}, "can't be used here"),
        ({"device": "cpu", "device_map": "auto"}, "can't both be given"),
        ({"batch_rows": 0}, "must be positive"),
        ({"base_url": "http://h/v1"}, "a base URL goes with openai:NAME"),
    ],
)
def test_settings_that_do_not_fit_are_bad_input(llama_folder: str, settings: dict[str, Any], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        load(llama_folder, **settings)


class TestFoldersThatAreNoModel:
    """Each is one line that names the folder."""

    def refused(self, folder: Path, says: str) -> None:
        with pytest.raises(BadInput, match=says) as caught:
            load(str(folder))
        assert str(folder) in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_an_empty_folder(self, tmp_path: Path) -> None:
        self.refused(tmp_path, "not a model: no config.json")

    def test_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "m").write_text("")
        self.refused(tmp_path / "m", "is a file")

    def test_a_path_that_is_not_there(self, tmp_path: Path) -> None:
        self.refused(tmp_path / "nothing", "no such folder")

    def test_a_broken_configuration(self, llama_folder: str, tmp_path: Path) -> None:
        folder = copied(llama_folder, tmp_path / "m")
        (folder / "config.json").write_text("{")
        self.refused(folder, "expected JSON")

    def test_an_unknown_architecture(self, llama_folder: str, tmp_path: Path) -> None:
        folder = copied(llama_folder, tmp_path / "m")
        edited(folder / "config.json", model_type="abacus")
        self.refused(folder, "can't be loaded")

    def test_pickled_weights_only(self, llama_folder: str, tmp_path: Path) -> None:
        folder = copied(llama_folder, tmp_path / "m")
        (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
        self.refused(folder, r"only pickled weights \(pytorch_model.bin\)")

    def test_no_weights(self, llama_folder: str, tmp_path: Path) -> None:
        folder = copied(llama_folder, tmp_path / "m")
        (folder / "model.safetensors").unlink()
        self.refused(folder, "no weights")

    def test_truncated_weights(self, llama_folder: str, tmp_path: Path) -> None:
        folder = copied(llama_folder, tmp_path / "m")
        (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:5000])
        self.refused(folder, "can't be loaded as a causal language model")

    def test_weights_that_do_not_fill_the_model(self, llama_folder: str, tmp_path: Path) -> None:
        folder = copied(llama_folder, tmp_path / "m")
        edited(folder / "config.json", num_hidden_layers=3)
        self.refused(folder, "lacks weights")

    def test_no_tokenizer(self, llama_folder: str, tmp_path: Path) -> None:
        folder = copied(llama_folder, tmp_path / "m")
        for file in folder.glob("tokenizer*"):
            file.unlink()
        self.refused(folder, "its tokenizer can't be loaded: no tokenizer.json")


def test_a_name_that_is_nowhere_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(BadInput, match="'nobody/nothing': neither a folder here nor in the local"):
        load("nobody/nothing")


class TestAdapters:
    """PEFT folders: the base that they name, and the adapter on it."""

    @pytest.fixture
    def adapter(self, llama_folder: str, tmp_path: Path) -> Path:
        from peft import LoraConfig, get_peft_model
        from transformers import AutoModelForCausalLM

        torch.manual_seed(0)
        config = LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False, task_type="CAUSAL_LM")
        get_peft_model(AutoModelForCausalLM.from_pretrained(llama_folder), config).save_pretrained(tmp_path / "a")
        return tmp_path / "a"

    def expected(self, llama_folder: str, adapter: Path, chat: Any) -> str:
        """What plain transformers and PEFT say."""
        from peft import PeftModel
        from transformers import AutoModelForCausalLM, AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(llama_folder)
        model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(llama_folder), adapter)
        batch = tokenizer.apply_chat_template(
            as_dicts(chat), add_generation_prompt=True, return_dict=True, return_tensors="pt"
        )
        out = model.generate(**batch, max_new_tokens=15, do_sample=False)[0, batch["input_ids"].shape[1] :]
        return str(tokenizer.decode(out, skip_special_tokens=True)).strip()

    def test_a_folder_says_what_peft_says(self, llama_folder: str, adapter: Path) -> None:
        sampling = Sampling(max_new_tokens=15)
        said = load(str(adapter)).generate(CHATS[:3], sampling)
        assert [r.text for r in said] == [self.expected(llama_folder, adapter, chat) for chat in CHATS[:3]]
        assert LocalModel(llama_folder, adapter=str(adapter)).generate(CHATS[:3], sampling) == said
        assert LocalModel(llama_folder).generate(CHATS[:3], sampling) != said

    def test_it_is_merged_where_nothing_is_rounded_away(self, adapter: Path) -> None:
        assert type(LocalModel(str(adapter)).hf).__name__ == "LlamaForCausalLM"
        apart = LocalModel(str(adapter), dtype="bfloat16")
        assert type(apart.hf).__name__.startswith("Peft")
        assert apart.generate(CHATS[:2], Sampling(max_new_tokens=4))[0].error is None
        assert apart.logprobs([(CHATS[0], "dog")])[0]

    def test_its_fingerprint_is_of_base_and_adapter(self, llama_folder: str, adapter: Path) -> None:
        found = LocalModel(str(adapter)).fingerprint
        assert found != LocalModel(llama_folder).fingerprint
        edited(adapter / "adapter_config.json", lora_alpha=99)
        assert LocalModel(str(adapter)).fingerprint != found

    def test_a_base_that_is_gone_is_one_line(self, adapter: Path) -> None:
        edited(adapter / "adapter_config.json", base_model_name_or_path="/no/where")
        with pytest.raises(BadInput, match=r"'/no/where' \(the base of adapter .*no such folder"):
            load(str(adapter))

    def test_an_adapter_on_an_adapter_is_bad_input(self, adapter: Path) -> None:
        with pytest.raises(BadInput, match="is itself an adapter"):
            LocalModel(str(adapter), adapter=str(adapter))


@pytest.mark.parametrize("change", [{"temperature": -1.0}, {"top_p": 0.0}, {"top_p": 1.1}, {"max_new_tokens": 0}])
def test_sampling_that_is_impossible_is_bad_input(llama: LocalModel, change: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="sampling: expected temperature >= 0"):
        llama.generate(CHATS[:1], dataclasses.replace(Sampling(), **change))
