"""Heads that tell whether a word stands before the question mark, before any training, and until when they are held."""

from __future__ import annotations

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from hansei.training.base import SHAPE
from hansei.training.comparing import HELD, set_comparing_heads
from hansei.training.copying import ROPE_BASE, set_copying_heads

FIRST, MARK = 2, 31


def untrained() -> LlamaForCausalLM:
    torch.manual_seed(0)
    rope = {"rope_type": "default", "rope_theta": ROPE_BASE}
    config = LlamaConfig(vocab_size=2048, **SHAPE, rope_parameters=rope, attn_implementation="eager")
    model = LlamaForCausalLM(config).eval()
    set_copying_heads(model)
    return model


def test_a_name_is_told_from_one_that_shares_a_word_with_that_of_the_question() -> None:
    model = untrained()
    set_comparing_heads(model, MARK, FIRST)
    rng = torch.Generator().manual_seed(3)
    looks: dict[str, list[list[bool]]] = {"same": [], "other given name": [], "other family name": []}
    for _ in range(12):
        given, family, other, *rest = torch.randperm(1900, generator=rng)[:160].add(100).tolist()
        text = [FIRST, *rest[:120], given, family, MARK, *rest[120:]]
        places = {}
        for name, words in zip(looks, ((given, family), (other, family), (given, other)), strict=True):
            text += [rest[0], *words]
            places[name] = len(text) - 1
        with torch.no_grad():
            seen = model(torch.tensor([text]), output_attentions=True).attentions[1][0, -2:]
        for name, place in places.items():
            looks[name].append((seen[:, place, text.index(MARK)] > 0.5).tolist())
    share = {name: torch.tensor(found).float().mean(0).tolist() for name, found in looks.items()}
    assert min(share["same"]) > 0.9  # both heads: the family name, and the given name before it
    assert share["other given name"][0] > 0.9 > 0.4 > share["other given name"][1]
    assert share["other family name"][1] > 0.9 > 0.4 > share["other family name"][0]


def test_the_heads_are_set_again_up_to_a_step_and_what_reads_them_is_free() -> None:
    model = untrained()
    hold = set_comparing_heads(model, MARK, FIRST)
    back, ask = (layer.self_attn for layer in model.model.layers[:2])
    before = back.q_proj.weight.clone(), ask.k_proj.weight.clone()
    for step, same in ((0, True), (HELD - 1, True), (HELD, False)):
        with torch.no_grad():
            for weight in (back.q_proj.weight, ask.k_proj.weight, ask.o_proj.weight):
                weight.add_(1.0)
        written = ask.o_proj.weight.clone()
        hold(step)
        assert torch.equal(ask.o_proj.weight, written)
        for weight, was in zip((back.q_proj.weight, ask.k_proj.weight), before, strict=True):
            assert torch.equal(weight[-64:], was[-64:]) == same and not torch.equal(weight[:-64], was[:-64])
