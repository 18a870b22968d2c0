"""Activations: those of the model itself, in constant memory, the same after a kill; and what can't be read."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from hansei.core.errors import BadInput
from hansei.inside.activations import Layer
from hansei.inside.corpus import Context, contexts
from hansei.inside.shards import ShardSource, collect, read_shard
from hansei.inside.sparse_run import Buffer, train
from hansei.inside.sparse_settings import CollectSettings, RunSettings

DOCUMENTS = [f"Document {i}: the lamp {i} is made of stone, and the dog {i} finds its way home." for i in range(60)]


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("text") / "text.jsonl"
    file.write_text("\n".join(json.dumps({"text": document}) for document in DOCUMENTS), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def collection(text: Path, llama_folder: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("collection") / "shards"
    collect(CollectSettings(llama_folder, str(text), str(out), "1", tokens=1500, context=16, shard_contexts=25))
    return out


def test_a_blocks_activations_are_the_hidden_states_of_the_model(llama_folder: str) -> None:
    """Also where contexts are of different lengths, and read in several batches."""
    layer = Layer(llama_folder, "0", device="cpu")
    texts = [Context(i, 5, list(range(7 + i, 7 + i + size))) for i, size in enumerate((9, 3, 12, 5, 12))]
    rows = layer.read(texts, together=2, skip=1)
    expected = []
    for text in texts:
        with torch.inference_mode():
            states = layer.hf(torch.tensor([text.ids]), output_hidden_states=True).hidden_states
        expected.append(states[1][0, 1:])
    torch.testing.assert_close(rows.activations_ND, torch.cat(expected), rtol=1e-4, atol=1e-5)
    assert rows.tokens_N.tolist() == [token for text in texts for token in text.ids[1:]]
    assert rows.places_N[:8].tolist() == list(range(6, 14)) and rows.documents_N[8:10].tolist() == [1, 1]


def test_a_replaced_output_is_what_the_rest_of_the_model_sees(llama_folder: str) -> None:
    layer = Layer(llama_folder, "model.layers.1", device="cpu")
    ids = torch.tensor([[5, 6, 7]])
    with torch.inference_mode(), layer.replaced(torch.zeros_like):
        silent = layer.hf(ids).logits
    with torch.inference_mode():
        spoken = layer.hf(ids).logits
    assert silent.std(-1).max() < 1e-5 < spoken.std(-1).min()


def test_a_collection_has_every_token_of_its_text_once(collection: Path, text: Path, llama_folder: str) -> None:
    source = ShardSource(collection)
    tokenizer = Layer(llama_folder, "0", device="cpu").local.tokenizer
    stored = [t for shard in source.manifest["shards"] for t in read_shard(collection, shard)["tokens"].tolist()]
    assert len(source.manifest["shards"]) > 3 and len(stored) == source.manifest["rows"] >= 1500
    whole = [t for context in contexts(str(text), tokenizer, 16) for t in context.ids]
    assert stored == whole[: len(stored)]


def test_a_batch_holds_rows_of_the_whole_buffer_and_no_row_twice_in_a_pass(collection: Path) -> None:
    source = ShardSource(collection)
    rows = torch.cat(list(source.pieces(0)))
    buffer = Buffer(source, len(rows), seed=0)
    drawn = torch.cat([buffer.batch(100) for _ in range(len(rows) // 100)])
    places = {tuple(row): i for i, row in enumerate(rows.tolist())}
    first = [places[tuple(row)] for row in drawn[:100].tolist()]
    assert max(first) - min(first) > 0.8 * len(rows)
    assert buffer.epoch <= 2


KILLED = """
import json, os, signal, sys, time
from pathlib import Path
from hansei.inside.shards import collect
from hansei.inside.sparse_run import train
from hansei.inside.sparse_settings import CollectSettings, RunSettings

model, text, home = sys.argv[1], sys.argv[2], Path(sys.argv[3])

def collected(name):
    collect(CollectSettings(model, text, str(home / name), "1", tokens=10**6, context=16, shard_contexts=12))
    return [shard["sha256"] for shard in json.loads((home / name / "manifest.json").read_text())["shards"]]

def trained(name, **source):
    settings = dict(latents=64, k=4, steps=100, batch=64, buffer=512, dead_tokens=300, save_every=25)
    train(RunSettings(out=str(home / name), **settings, **source))
    return (home / name / "hansei-sae.safetensors").read_bytes()

def killed(work, sign):
    child = os.fork()
    if not child:
        work()
        os._exit(0)
    while not sign():
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL, "it was done before it was killed"

killed(lambda: collected("a"), (home / "a" / "shard-00002.safetensors").is_file)
shards = len(list((home / "a").glob("shard-*")))
assert collected("a") == collected("b") and shards < len(list((home / "b").glob("shard-*")))
for name, source in (("c", dict(data=str(home / "b"))), ("d", dict(model=model, text=text, context=16))):
    killed(lambda: trained(name, **source), (home / name / "checkpoint" / "state.json").is_file)
    assert not (home / name / "hansei-sae.json").exists()
    assert trained(name, **source) == trained(name + "-whole", **source)
print("the same")
"""


def test_a_killed_collection_and_a_killed_training_end_as_if_nothing_had_happened(
    text: Path, llama_folder: str, tmp_path: Path
) -> None:
    """SIGKILL at a moment that nobody chose; shards and weights are the same to the bit."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "ignore", "-c", KILLED, llama_folder, str(text), str(tmp_path)]
    ran = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert ran.stdout.strip() == "the same", ran.stderr


def test_bad_input_is_one_clear_line(text: Path, collection: Path, llama_folder: str, tmp_path: Path) -> None:
    def collecting(**changed: object) -> None:
        collect(CollectSettings(**{"model": llama_folder, "text": str(text), "out": str(tmp_path / "x")} | changed))

    def training(**changed: object) -> None:
        small = {"out": str(tmp_path / "y"), "data": str(collection), "batch": 8, "buffer": 16, "latents": 8, "k": 2}
        train(RunSettings(**small | changed))

    broken = tmp_path / "broken"
    broken.mkdir()
    for file in collection.iterdir():
        (broken / file.name).write_bytes(file.read_bytes())
    shard = broken / "shard-00000.safetensors"
    shard.write_bytes(shard.read_bytes()[:-7])
    (tmp_path / "empty.txt").write_text("\n\n", encoding="utf-8")
    cases = [
        (lambda: collecting(layer="7"), "no layer 7: the model's layers are 0 to 1"),
        (lambda: collecting(layer="model.layer.1"), "did you mean 'model.layers.1'"),
        (lambda: collecting(layer="model.layers.0.self_attn.q_proj.lora"), "no module"),
        (lambda: collecting(model="openai:gpt"), "gives no activations"),
        (lambda: collecting(column="body"), r"text.jsonl, line 1: text in the field 'body' was expected, found text"),
        (lambda: collecting(text=str(tmp_path / "empty.txt")), "no text in it"),
        (lambda: collecting(text=str(tmp_path / "none.txt")), "there is none: check the path"),
        (lambda: collecting(skip=64), "skip: expected 0 to 63"),
        (lambda: collecting(out=str(collection)), "holds activations of another settings"),
        (lambda: training(latents=4, k=5), "4 latents, of which 5 are to be active"),
        (lambda: training(data=str(broken)), "shard-00000.safetensors: this shard is not as it was written"),
        (lambda: training(data=str(tmp_path)), "no manifest.json in it"),
        (lambda: training(model=llama_folder), "give --data FOLDER, or --model and --text together"),
        (lambda: training(buffer=15), "buffer: expected twice the batch of 8 or more"),
    ]
    for call, expected in cases:
        with pytest.raises(BadInput, match=expected) as caught:
            call()
        assert "\n" not in str(caught.value)
