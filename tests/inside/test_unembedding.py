"""Unembeddings of models and of files, and the words of a vocabulary."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from hansei.core.errors import BadInput
from hansei.inside import unembedding
from hansei.inside.unembedding import Unembedding, load_unembedding, read_vocabulary


def whole(found: Unembedding) -> np.ndarray:
    return np.asarray(found.rows(0, found.vocabulary.size), dtype=np.float32)


def saved(kind: Any, settings: Any, tokenizer_of: str, folder: Path) -> Any:
    """A random model in a folder, with the tokenizer of another one."""
    from transformers import AutoTokenizer

    model = kind(settings)
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(tokenizer_of).save_pretrained(folder)
    return model


def test_of_a_model_with_tied_embeddings_the_one_matrix_is_read(
    llama_folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import AutoModelForCausalLM

    wanted = AutoModelForCausalLM.from_pretrained(llama_folder).get_output_embeddings().weight.detach().numpy()
    monkeypatch.setattr(unembedding, "_from_whole", None)  # the model is not loaded
    found = load_unembedding(llama_folder)
    assert np.array_equal(whole(found), wanted) and found.width == 32
    assert "tied" in found.origin
    assert np.array_equal(found.at([7, 2, 7]), wanted[[7, 2, 7]])


def test_untied_sharded_and_bfloat16_models_are_read_and_other_names_through_the_whole_model(
    llama_folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

    small: dict[str, Any] = {"vocab_size": 512, "num_hidden_layers": 1, "num_attention_heads": 2}
    llama = LlamaConfig(**small, hidden_size=16, intermediate_size=16, tie_word_embeddings=False)
    model = saved(LlamaForCausalLM, llama, llama_folder, tmp_path / "untied")
    model.to(torch.bfloat16).save_pretrained(tmp_path / "untied", max_shard_size="20KB")
    assert len(list((tmp_path / "untied").glob("*.safetensors"))) > 1
    found = load_unembedding(str(tmp_path / "untied"))
    wanted = model.lm_head.weight.detach().float().numpy()[: found.vocabulary.size]
    assert np.array_equal(whole(found), wanted) and "tied" not in found.origin
    assert not np.array_equal(wanted, model.model.embed_tokens.weight.detach().float().numpy()[: len(wanted)])

    gpt = saved(
        GPT2LMHeadModel, GPT2Config(vocab_size=512, n_embd=16, n_layer=1, n_head=2), llama_folder, tmp_path / "g"
    )
    wanted = gpt.lm_head.weight.detach().numpy()
    found = load_unembedding(str(tmp_path / "g"))
    assert np.array_equal(whole(found), wanted[: found.vocabulary.size])
    monkeypatch.setattr(unembedding, "_from_files", lambda *_: None)
    assert np.array_equal(whole(load_unembedding(str(tmp_path / "g"))), wanted[: found.vocabulary.size])


def test_a_model_without_an_unembedding_is_named(llama_folder: str, tmp_path: Path) -> None:
    from transformers import T5Config, T5EncoderModel, ViTConfig, ViTModel

    t5 = T5Config(vocab_size=512, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    vit = ViTConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, image_size=8)
    for kind, settings in ((T5EncoderModel, t5), (ViTModel, vit)):
        saved(kind, settings, llama_folder, tmp_path / kind.__name__)
        with pytest.raises(BadInput, match="with an unembedding was expected") as error:
            load_unembedding(str(tmp_path / kind.__name__))
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("start", ["\u0120", "\u2581", ""])
def test_whole_words_are_those_that_follow_a_space_as_the_vocabulary_writes_it(start: str, tmp_path: Path) -> None:
    tokens = [f"{start}dog", f"{start}Oak", f"{start}a1", "ing", *(f"{start}{c}x" for c in "bcdefg")]
    (tmp_path / "v.txt").write_text("\n".join(tokens) + "\n")
    (tmp_path / "v.json").write_text(json.dumps(tokens))
    (tmp_path / "d.json").write_text(json.dumps({token: n for n, token in enumerate(tokens)}))
    for name in ("v.txt", "v.json", "d.json"):
        found = read_vocabulary(str(tmp_path / name))
        assert found.size == len(tokens) == len(found.tokens)
        assert found.words["dog"] == 0 and found.words["Oak"] == 1 and "a1" not in found.words
        assert ("ing" in found.words) == (start == "")


def test_words_of_a_tokenizer_are_tokens_of_their_own_and_special_ones_are_none(llama_folder: str) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(llama_folder)
    found = read_vocabulary(llama_folder)
    assert len(found.words) > 20 and found.size == len(tokenizer)
    for word, token in found.words.items():
        assert tokenizer.encode(f" {word}", add_special_tokens=False) == [token]
    assert not set(tokenizer.all_special_ids) & {*found.words.values(), *found.tokens.tolist()}
    spelt = unembedding._vocabulary({f"\u0120{'caf' + chr(0xC3) + chr(0xA9)}": 0}, frozenset())
    assert list(spelt.words) == ["caf\u00e9"], "letters of several bytes"


def test_a_saved_matrix_is_read_from_either_format(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(12, 4)).astype(np.float32)
    np.save(tmp_path / "m.npy", rows)
    tensor = torch.from_numpy(rows)
    save_file({"lm_head": tensor, "bias": torch.zeros(12)}, tmp_path / "m.safetensors")
    save_file({"a": tensor.bfloat16(), "b": torch.zeros(3, 3)}, tmp_path / "two.safetensors")
    (tmp_path / "v.txt").write_text("\n".join("abcdefghij"))
    for name, tensor_name, exact in (
        ("m.npy", None, True),
        ("m.safetensors", None, True),
        ("two.safetensors", "a", False),
    ):
        found = load_unembedding(str(tmp_path / name), str(tmp_path / "v.txt"), tensor_name)
        assert np.allclose(whole(found), rows[:10], atol=0 if exact else 0.02)  # two rows are padding


@pytest.mark.parametrize(
    ("name", "vocabulary", "tensor", "said"),
    [
        ("m.npy", None, None, "a matrix has no words: name its vocabulary with --vocabulary"),
        ("no.npy", "v.txt", None, "there is no such file"),
        ("pickled.npy", "v.txt", None, "found a file that can't be read"),
        ("broken.safetensors", "v.txt", None, "found a file that can't be read"),
        ("flat.npy", "v.txt", None, r"tokens x width, was expected, found float64 \(12,\)"),
        ("whole.npy", "v.txt", None, "a matrix of floats"),
        ("two.safetensors", "v.txt", None, "one matrix was expected, found a, b: name it with --tensor"),
        ("two.safetensors", "v.txt", "c", "no tensor 'c'; there are a, b"),
        ("m.npy", "long.txt", None, "a row for each of 30 tokens was expected, found 12 rows"),
        ("m.npy", "bad.json", None, "tokens and rows from 0 were expected, found 'a': -1"),
        ("m.npy", "empty.json", None, "one token at least was expected"),
        ("m.npy", "no.txt", None, "found a file that can't be read"),
        ("a-folder", "v.txt", None, "go with a saved matrix"),
    ],
)
def test_what_is_no_matrix_with_a_vocabulary_is_said_in_a_line(
    name: str, vocabulary: str | None, tensor: str | None, said: str, tmp_path: Path
) -> None:
    np.save(tmp_path / "m.npy", np.zeros((12, 4)))
    np.save(tmp_path / "flat.npy", np.zeros(12))
    np.save(tmp_path / "whole.npy", np.zeros((12, 4), dtype=int))
    np.save(tmp_path / "pickled.npy", np.array([{}]), allow_pickle=True)
    (tmp_path / "broken.safetensors").write_bytes(b"nothing of the kind")
    save_file({"a": torch.zeros(12, 4), "b": torch.zeros(12, 4)}, tmp_path / "two.safetensors")
    (tmp_path / "v.txt").write_text("\n".join("abcdefghij"))
    (tmp_path / "long.txt").write_text("\n".join(f"w{n}" for n in range(30)))
    (tmp_path / "bad.json").write_text('{"a": -1}')
    (tmp_path / "empty.json").write_text("{}")
    with pytest.raises(BadInput, match=said) as error:
        load_unembedding(str(tmp_path / name), vocabulary and str(tmp_path / vocabulary), tensor)
    assert "\n" not in str(error.value)
