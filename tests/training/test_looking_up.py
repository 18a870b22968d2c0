"""Heads that look a word up before any training."""

from __future__ import annotations

import torch
from tiny import untrained_base
from transformers import LlamaForCausalLM

from hansei.training.base import SHAPE
from hansei.training.copying import set_copying_heads
from hansei.training.looking_up import set_look_up_heads

LETTERS = [200, 201, 202, 203]
OPTIONS = [300, 301, 302, 303]


def asked(named: int) -> list[int]:
    """Options with a letter and a dot before each; one is named; then two more words."""
    listed = [token for letter, option in zip(LETTERS, OPTIONS, strict=True) for token in (letter, 10, option, 11)]
    return [1, 2, 3, 4, *listed, 12, 13, named, 14, 15]


def untrained() -> LlamaForCausalLM:
    model: LlamaForCausalLM = untrained_base(512, attn_implementation="eager")
    set_copying_heads(model)
    set_look_up_heads(model)
    return model


def test_the_last_heads_look_at_the_option_that_has_just_been_named_and_at_no_other() -> None:
    model = untrained()
    for named in OPTIONS:
        ids = asked(named)
        with torch.no_grad():
            attention = model(torch.tensor([ids]), output_attentions=True).attentions[1][0, -2:, -1]
        at_named = attention[:, [i for i, token in enumerate(ids) if token == named]].sum(1)
        at_others = attention[:, [i for i, token in enumerate(ids) if token in OPTIONS and token != named]].sum(1)
        assert float(at_named.min()) > 0.6 and float(at_others.max()) < 0.1


def test_what_they_copy_is_the_letter_before_that_option() -> None:
    model = untrained()
    written: list[torch.Tensor] = []
    output = model.model.layers[1].self_attn.o_proj
    width = SHAPE["hidden_size"] // SHAPE["num_attention_heads"]
    output.register_forward_hook(
        lambda module, inputs, _: written.append(inputs[0][0, -1, -2 * width :] @ module.weight[:, -2 * width :].T)
    )
    for place, named in enumerate(OPTIONS):
        with torch.no_grad():
            model(torch.tensor([asked(named)]))
        scores = model.model.embed_tokens.weight[LETTERS] @ written[-1]
        assert int(scores.argmax()) == place
