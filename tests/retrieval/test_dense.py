"""Dense search: a tiny encoder against its recipe written out, and vectors that are kept."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hansei.core.errors import BadInput
from hansei.retrieval import dense
from hansei.retrieval.dense import open_dense
from hansei.retrieval.encoder import Encoder
from hansei.retrieval.passages import Passage
from hansei.retrieval.search import open_search

PASSAGES = [Passage(str(i), "", f"the lamp number {i} is {'very ' * (i % 5)}blue") for i in range(12)]


def write(folder: Path, name: str, value: Any) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(value))


def tiny_encoder(folder: Path, pooling: str = "mean_tokens", dense_out: int = 0) -> Path:
    """A random BERT of two layers as sentence-transformers would save it."""
    from safetensors.torch import save_file
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"abcdefghijklmnopqrstuvwxyz0123456789"]
    vocabulary = names + [f"##{c}" for c in names[4:]]
    core = Tokenizer(models.WordPiece({w: i for i, w in enumerate(vocabulary)}, unk_token="[UNK]"))
    core.normalizer = normalizers.Lowercase()
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    core.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    PreTrainedTokenizerFast(tokenizer_object=core, model_max_length=64, **special).save_pretrained(folder)
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    BertModel(BertConfig(vocab_size=len(vocabulary), max_position_embeddings=64, **sizes)).save_pretrained(folder)
    kinds = ["Transformer", "Pooling", *(["Dense"] if dense_out else []), "Normalize"]
    places = ["", "1_Pooling", "2_Dense", "3_Normalize"] if dense_out else ["", "1_Pooling", "2_Normalize"]
    modules = [
        {"idx": i, "path": place, "type": f"sentence_transformers.models.{kind}"}
        for i, (kind, place) in enumerate(zip(kinds, places, strict=True))
    ]
    write(folder, "modules.json", modules)
    write(folder, "1_Pooling/config.json", {"word_embedding_dimension": 16, f"pooling_mode_{pooling}": True})
    write(folder, "sentence_bert_config.json", {"max_seq_length": 48, "do_lower_case": False})
    if dense_out:
        write(folder, "2_Dense/config.json", {"activation_function": "torch.nn.modules.activation.Tanh"})
        draw = torch.Generator().manual_seed(0)
        weights = {
            "linear.weight": torch.randn(dense_out, 16, generator=draw),
            "linear.bias": torch.randn(dense_out, generator=draw),
        }
        save_file(weights, folder / "2_Dense" / "model.safetensors")
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_encoder(tmp_path_factory.mktemp("encoder"))


def by_hand(folder: Path, text: str, pooling: str) -> torch.Tensor:
    """The states of one text alone, without padding, in float64, pooled as the paper of SBERT says."""
    from transformers import AutoModel, AutoTokenizer

    inputs = AutoTokenizer.from_pretrained(folder)(text, truncation=True, max_length=48, return_tensors="pt")
    state_LD = AutoModel.from_pretrained(folder).double()(**inputs).last_hidden_state[0]
    ways = {
        "mean_tokens": state_LD.mean(0),
        "cls_token": state_LD[0],
        "max_tokens": state_LD.amax(0),
        "mean_sqrt_len_tokens": state_LD.sum(0) / len(state_LD) ** 0.5,
        "lasttoken": state_LD[-1],
    }
    return ways[pooling]


@pytest.mark.parametrize("pooling", ["mean_tokens", "cls_token", "max_tokens", "mean_sqrt_len_tokens", "lasttoken"])
def test_vectors_are_those_of_the_folders_recipe(tmp_path: Path, pooling: str) -> None:
    encoder = Encoder(tiny_encoder(tmp_path, pooling), device="cpu")
    texts = [p.text for p in PASSAGES] + ["x " * 60]
    made, cut = encoder.encode(texts)
    assert cut == 1  # the last one
    for vector, text in zip(made, texts, strict=True):
        wanted = by_hand(tmp_path, text, pooling)
        np.testing.assert_allclose(vector, (wanted / wanted.norm()).detach().numpy(), atol=2e-6)


def test_a_dense_module_and_prompts_are_applied(tmp_path: Path) -> None:
    tiny_encoder(tmp_path, dense_out=4)
    write(tmp_path, "config_sentence_transformers.json", {"prompts": {"query": "ask: ", "document": "say: "}})
    encoder = Encoder(tmp_path, device="cpu")
    from safetensors.torch import load_file

    weights = load_file(tmp_path / "2_Dense" / "model.safetensors")
    wanted = weights["linear.weight"].double() @ by_hand(tmp_path, "say: lamp", "mean_tokens")
    wanted = torch.tanh(wanted + weights["linear.bias"])
    made, _ = encoder.encode(["lamp"], encoder.passage_prompt)
    np.testing.assert_allclose(made[0], (wanted / wanted.norm()).detach().numpy(), atol=2e-6)
    assert encoder.query_prompt == "ask: "


def test_search_is_exact(folder: Path) -> None:
    encoder = Encoder(folder, device="cpu")
    found = open_dense(PASSAGES, encoder).search(["blue lamp 7", PASSAGES[3].text], 5)
    vectors, _ = encoder.encode([p.text for p in PASSAGES])
    for query, hits in zip(["blue lamp 7", PASSAGES[3].text], found, strict=True):
        scores = vectors @ encoder.encode([query])[0][0]
        assert [hit.score for hit in hits] == pytest.approx(sorted(scores, reverse=True)[:5], abs=1e-5)
    assert found[1][0].place == 3 and found[1][0].score == pytest.approx(1.0, abs=1e-5)


def test_a_kill_in_the_middle_costs_one_part_and_only_new_passages_are_encoded(tmp_path: Path, folder: Path) -> None:
    script = f"""
        import os, signal
        from pathlib import Path
        from retrieval.test_dense import PASSAGES
        from hansei.core import files
        from hansei.retrieval import dense
        from hansei.retrieval.encoder import Encoder
        dense.PART = 3
        real, done = Path.replace, []
        def dying(self, target):
            if len(done) == 2:
                os.kill(os.getpid(), signal.SIGKILL)  # the third part is written, and not yet in its place
            done.append(target)
            return real(self, target)
        Path.replace = dying
        dense.open_dense(PASSAGES, Encoder({str(folder)!r}, device="cpu"), Path({str(tmp_path)!r}))
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], cwd=Path(__file__).parents[1], timeout=120)
    assert done.returncode == -9
    encoder = Encoder(folder, device="cpu")
    seen: list[str] = []
    real = encoder.encode
    encoder.encode = lambda texts, prompt="": seen.extend(texts) or real(texts, prompt)  # type: ignore[method-assign]
    again = open_dense(PASSAGES, encoder, tmp_path)
    assert seen == [p.text for p in PASSAGES[6:]]
    assert [h.place for h in again.search(["lamp 7"], 5)[0]] == [
        h.place for h in open_dense(PASSAGES, Encoder(folder, device="cpu")).search(["lamp 7"], 5)[0]
    ]
    seen.clear()
    more = [Passage("new", "Title", "a green lamp"), *PASSAGES[::-1], Passage("same", "", PASSAGES[0].text)]
    open_dense(more, encoder, tmp_path)
    assert seen == ["Title\na green lamp"]


def test_other_folders_are_refused_in_one_line(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(BadInput, match=r"there is no modules\.json"):
        open_search(str(tmp_path), PASSAGES)
    with pytest.raises(BadInput, match="lexical or a sentence-transformers folder was expected"):
        open_search("bm26", PASSAGES)
    odd = Path(shutil.copytree(folder, tmp_path / "odd"))
    write(odd, "1_Pooling/config.json", {"pooling_mode_mean_tokens": True, "pooling_mode_max_tokens": True})
    with pytest.raises(BadInput, match="one pooling of"):
        Encoder(odd)
    modules = json.loads((odd / "modules.json").read_text())
    write(odd, "modules.json", [*modules[:1], {"type": "x.WordWeights", "path": ""}, *modules[1:]])
    with pytest.raises(BadInput, match="module 'WordWeights' is not known"):
        Encoder(odd)
    write(odd, "modules.json", modules)
    (odd / "model.safetensors").unlink()
    torch.save({}, odd / "pytorch_model.bin")
    with pytest.raises(BadInput, match="no model that transformers can load"):
        Encoder(odd)


def test_hostile_passages_are_encoded_too(folder: Path) -> None:
    odd = [Passage(str(i), "", text) for i, text in enumerate(["", "\x07\x1b[0m", "\ufffd", "x" * 50_000, " "])]
    found = open_dense(odd, Encoder(folder, device="cpu")).search(["x", ""], 5)
    assert [len(hits) for hits in found] == [5, 5]
    assert open_search(str(folder), [Passage("1", "", "lamp " * 60), PASSAGES[0]], device="cpu").cut == 1
    assert len(odd) < dense.PART
