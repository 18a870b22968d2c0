"""Heads that copy, set by hand before a small base is trained.

Looking a name up in a passage needs two layers that work together: one in which each place gathers the words before
it, and one that finds a place before which the same words stand and copies what follows ("induction heads", Olsson et
al. 2022, arXiv 2209.11895). A model of two million parameters needs many millions of tokens until both have formed,
for neither is of use without the other. Here they are there from the start: before any training the model goes on with
a repeated text as it stood. Everything remains a plain Llama, every weight is trained, and what the heads copy, and
when, is learnt.

Dimensions of the residual stream: 0 is a constant, the last two groups of a head's width hold the words before a place
(`_PAST`), all others hold the word itself. Layer 0 looks back by RoPE alone: a query and a key that are the same at all
places, turned so that their product is largest at one distance. Layer 1 matches words in those pairs of dimensions
that RoPE turns so slowly that distance hardly matters; a base of 1,000,000 leaves enough of them.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

ROPE_BASE = 1_000_000.0
SLOW = 0.02
"""Pairs that turn by less than this (radians a token) tell words, not distances."""
SCALE = 0.2
"""Standard deviation of the embeddings: ten times the usual, so that the first steps of AdamW do not wipe them out."""
CONSTANT = 1.0
"""What stands in dimension 0 of every embedding."""
SHARP = 8.0
"""How sharply layer 0 looks at one distance."""
MATCH = 7.0
"""What one matching word adds to the attention of layer 1, in nats."""
OWN = 1.5
"""How much more the word at a place counts in a match than those before it."""
COPIED = 1.2
"""How loud the copied word is against the word at the place itself."""
LOGITS = 0.4
"""Final norm: small, as the embeddings are large."""
_LOOKS_BACK = (1, 2, 3, 4, 1, 2)
"""How far each head of layer 0 looks."""
_FADES = (1.0, 0.7, 0.5, 0.35, 1.0, 0.7)
"""How loud what it finds is written: nearer words count more, or a match one place off would be as good."""
_PAST = (0, 0, 0, 0, 1, 1)
"""Into which group of dimensions; the heads of layer 1 read the same ones."""


@torch.no_grad()
def set_copying_heads(model: Any, seed: int = 0) -> None:
    """Sets embeddings and the first two layers' attention of an untrained Llama with six heads, in place."""
    config = model.config
    width = config.hidden_size // config.num_attention_heads
    words = config.hidden_size - 2 * width
    rng = torch.Generator().manual_seed(seed)
    theta = config.rope_parameters["rope_theta"] ** (-torch.arange(width // 2) * 2 / width)
    shown = [_directions(width, words - 1, rng) for _ in range(2)]
    unit = _set_embeddings(model.model.embed_tokens.weight, words)
    first, second = (layer.self_attn for layer in model.model.layers[:2])
    for head in range(config.num_attention_heads):
        at = slice(head * width, (head + 1) * width)
        _look_back(first, head, at, theta, unit)
        _write_past(first, head, at, words, shown[_PAST[head]])
    for head in range(config.num_attention_heads):
        at = slice(head * width, (head + 1) * width)
        _match(second, head, at, words, theta, shown[_PAST[head]], rng)
        _copy(second, at, words, _directions(width, words - 1, rng))
    for number, layer in enumerate(model.model.layers):
        layer.mlp.down_proj.weight.mul_(0.1)
        if number >= 2:
            layer.self_attn.o_proj.weight.mul_(0.1)
    model.model.norm.weight.fill_(LOGITS)


def _directions(rows: int, columns: int, rng: torch.Generator) -> Tensor:
    """Orthonormal rows, [rows, columns]."""
    basis: Tensor = torch.linalg.qr(torch.randn(columns, rows, generator=rng))[0]
    return basis.T


def _set_embeddings(weight_VD: Tensor, words: int) -> float:
    """Words of one length, a constant, and room for the past; returns the constant after the norm of layer 0."""
    weight_VD[:, words:] = 0
    weight_VD.mul_(SCALE * words**0.5 / weight_VD.norm(dim=1, keepdim=True).clamp(min=1e-6))
    weight_VD[:, 0] = CONSTANT
    return CONSTANT / float(weight_VD.pow(2).mean(1).sqrt().mean())


def _look_back(attention: Any, head: int, at: slice, theta: Tensor, unit: float) -> None:
    """Query and key from the constant alone: their product is a sum of cos(theta (distance - looks back))."""
    turned = theta * _LOOKS_BACK[head]
    radius = (theta > SLOW) * (SHARP * (at.stop - at.start) ** 0.5) ** 0.5 / unit
    for weight in (attention.q_proj.weight, attention.k_proj.weight):
        weight[at].mul_(0.1)
    attention.q_proj.weight[at, 0] = torch.cat([radius * turned.cos(), -radius * turned.sin()])
    attention.k_proj.weight[at, 0] = torch.cat([radius, torch.zeros_like(radius)])


def _write_past(attention: Any, head: int, at: slice, words: int, shown: Tensor) -> None:
    width = at.stop - at.start
    place = words + _PAST[head] * width
    attention.v_proj.weight[at] = 0
    attention.v_proj.weight[at, 1:words] = shown
    attention.o_proj.weight[:, at] = 0
    attention.o_proj.weight[place : place + width, at] = 1.1 * SCALE * _FADES[head] * torch.eye(width)


def _match(
    attention: Any, head: int, at: slice, words: int, theta: Tensor, shown: Tensor, rng: torch.Generator
) -> None:
    """Query: the word at a place and those before it. Key: the words before a place."""
    width = at.stop - at.start
    slow = torch.nonzero(theta <= SLOW).flatten()
    rows = torch.cat([slow, slow + width // 2])
    strength = (MATCH * width**0.5 / (0.8 * len(rows))) ** 0.5
    past = words + _PAST[head] * width
    for weight in (attention.q_proj.weight, attention.k_proj.weight):
        weight[at].mul_(0.02)
    for row, part in zip(rows.tolist(), torch.randperm(width, generator=rng).tolist(), strict=False):
        attention.q_proj.weight[at.start + row, 1:words] += OWN * strength * shown[part]
        attention.q_proj.weight[at.start + row, past + part] += strength
        attention.k_proj.weight[at.start + row, past + part] += strength


def _copy(attention: Any, at: slice, words: int, copied: Tensor) -> None:
    attention.v_proj.weight[at] = 0
    attention.v_proj.weight[at, 1:words] = copied
    attention.o_proj.weight[:, at] = 0
    attention.o_proj.weight[1:words, at] = COPIED * copied.T
