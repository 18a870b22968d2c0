"""Many answers to one prompt, which is read once: the same answers as one by one."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, Gemma3ForCausalLM, Gemma3TextConfig, MambaConfig, MambaForCausalLM

from hansei.core.errors import BadInput
from hansei.core.records import Sampling, user
from hansei.models.decoding import decode, sampler
from hansei.models.local import LocalModel

DICE = torch.Generator().manual_seed(0)
PROMPTS = [torch.randint(10, 400, (n,), generator=DICE).tolist() for n in (3, 70, 5, 40)]
SIZES = {"vocab_size": 500, "hidden_size": 32, "num_hidden_layers": 2}
DRAWN = Sampling(temperature=1.0, top_p=0.9, max_new_tokens=12)


def gemma(_: str) -> Any:
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "intermediate_size": 64}
    return Gemma3ForCausalLM(Gemma3TextConfig(**SIZES, **heads, sliding_window=8, sliding_window_pattern=2))


def mamba(_: str) -> Any:
    return MambaForCausalLM(MambaConfig(**SIZES, state_size=4))


def llama(folder: str) -> Any:
    return AutoModelForCausalLM.from_pretrained(folder)


@pytest.mark.parametrize("make", [llama, gemma, mamba])
def test_chains_say_in_float64_what_the_plain_path_says(make: Any, llama_folder: str) -> None:
    """Keys and values that are copied, those of a sliding window, and a state that has to be read again."""
    torch.manual_seed(1)
    model, chains = make(llama_folder).double().eval(), 5

    def drawn(count: int) -> Any:
        texts = [f"{i} {k}" for i in range(len(PROMPTS)) for k in range(chains)]
        return sampler(texts[:count], temperature=1.5, top_p=1.0, seed=3, longest=20, device="cpu")

    limits = [9, 20, 13, 6]
    ends = list(range(100, 130))
    together = decode(model, PROMPTS, limits, ends, drawn(20), chains)
    repeated = [p for p in PROMPTS for _ in range(chains)]
    assert together == decode(model, repeated, [n for n in limits for _ in range(chains)], ends, drawn(20))
    assert len({tuple(w.tokens) for w in together}) > len(PROMPTS), "the chains of a prompt should differ"
    assert {w.ended for w in together} == {True, False}, "some chains should leave the batch before the others"


def test_a_chain_is_what_generate_says_with_its_seed(llama_folder: str) -> None:
    model = LocalModel(llama_folder, dtype="float64", batch_rows=6)
    chats = [user("What is the capital of France?"), user("How do I make a lamp?"), user("x " * 600)]
    seeds = [0, 7, 11, 5, 3, 2, 9]
    found = model.chains(chats, DRAWN, seeds)
    for k, seed in enumerate(seeds):
        alone = model.generate(chats, Sampling(1.0, DRAWN.top_p, DRAWN.max_new_tokens, seed))
        assert [replies[k] for replies in found] == alone
    assert [len(replies) for replies in found] == [7, 7, 7]
    assert all(reply.error for reply in found[2]), "a prompt without room for an answer is an error of its own"


def test_batches_of_chains_hold_no_more_rows_than_others(llama_folder: str) -> None:
    model = LocalModel(llama_folder, batch_rows=12)
    chats = [user(f"question {n}") for n in range(7)]
    assert [len(batch) for batch in model.chain_batches(chats, DRAWN, 5)] == [2, 2, 2, 1]
    assert [len(batch) for batch in model.chain_batches(chats, DRAWN, 100)] == [1] * 7
    whole = model.chains(chats, DRAWN, [1, 2, 3, 4, 5])
    for batch in model.chain_batches(chats, DRAWN, 5):
        assert model.chains([chats[i] for i in batch], DRAWN, [1, 2, 3, 4, 5]) == [whole[i] for i in batch]


def test_chains_at_temperature_0_are_refused(llama_folder: str) -> None:
    with pytest.raises(BadInput, match="3 replies at temperature 0"):
        LocalModel(llama_folder).chains([user("a")], Sampling(), [0, 1, 2])
