"""Heads that look a word up, set by hand beside those that copy (`training/copying.py`) before a base is trained.

A head that copies finds a place *before* which the same words stood, and copies what stands there. Choosing a letter
needs the inverse: find the option that has just been named, and copy what stands before it. Here the last heads of
layer 1 ask with the word two places back for places at which that word itself stands, and copy the word two places
before those: in "B. harp … plays the harp (answer" the word two back is harp, and two before harp stands B. Everything
else is as `set_copying_heads` left it, and what is set by hand is trained further.
"""

from __future__ import annotations

from typing import Any

import torch

from hansei.training.copying import SLOW

FOUND = 2.0
"""How loud the word that is found is against the word at the place itself."""
NATS = 6.0
"""What a place at which the word stands adds to the attention, about."""


@torch.no_grad()
def set_look_up_heads(model: Any) -> None:
    """Sets the last two heads of layer 1 of a Llama whose copying heads are set, in place.

    Of layer 0 the last two heads write into the last dimensions of the residual stream: the word before a place and
    the one before that. From now on both write the latter.
    """
    config = model.config
    heads, width = config.num_attention_heads, config.hidden_size // config.num_attention_heads
    past = slice(config.hidden_size - width, config.hidden_size)
    words = slice(1, config.hidden_size - 2 * width)
    theta = config.rope_parameters["rope_theta"] ** (-torch.arange(width // 2) * 2 / width)
    slow = torch.nonzero(theta <= SLOW).flatten()
    rows = torch.cat([slow, slow + width // 2])
    strength = (NATS * width**0.5 / len(rows)) ** 0.5
    first, second = (layer.self_attn for layer in model.model.layers[:2])
    one, two = (slice(head * width, (head + 1) * width) for head in (heads - 2, heads - 1))
    first.q_proj.weight[one] = first.q_proj.weight[two]
    for number, at in enumerate((one, two)):
        shown = first.v_proj.weight[at, words]
        kept = torch.randperm(width, generator=torch.Generator().manual_seed(number))[: len(rows)]
        for weight in (second.q_proj.weight, second.k_proj.weight):
            weight[at] = 0
        second.q_proj.weight[at][rows, past] = strength * torch.eye(width)[kept]
        second.k_proj.weight[at][rows, words] = strength * shown[kept]
        second.v_proj.weight[at] = 0
        second.v_proj.weight[at, past] = torch.eye(width)
        second.o_proj.weight[:, at] = 0
        second.o_proj.weight[words, at] = FOUND * shown.T
