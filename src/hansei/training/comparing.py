"""Heads that compare a word with the question's, set by hand beside those that copy (`training/copying.py`).

A reader that takes notes has to see whether a name in a passage is the name that is asked for, and whether a claimed
value is the one that is told. Equality of two words is what a small model learns last: after three million tokens of
such text it still guessed. The library's questions and claims end with what is asked about and a question mark, so one
of the last two heads of layer 1 asks whether the word at a place stands before a question mark, the other whether the
word before that place stands one further. Where it does, the head looks at the question mark and writes a direction of
its own; where not, it looks at the first token of the text and writes nothing. All else is as `set_copying_heads` left
it.

Nothing reads that direction when the training begins, and before anything has learnt to, AdamW's first steps would wipe
the heads out (after 400 steps neither fired any more). So they are held as they are until step `HELD`, and trained
further from then on. What they read (embeddings, norms) is trained all the while, and that was enough for them to fall
silent in the library's base as well: docs/town.md tells what they were worth.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from hansei.training.copying import SCALE

MARK, EQUAL = 8.0, 10.0
"""What a question mark, and a word that is equal, add to the attention, in nats; the first token adds a little more
than the mean of a question mark with and without an equal word."""
SEEN = 0.4
"""How loud an equality is written."""


HELD = 2_000
"""Steps before the heads are trained."""


@torch.no_grad()
def set_comparing_heads(model: Any, mark: int, first: int) -> Callable[[int], None]:
    """Sets the last two heads of layers 0 and 1 of a Llama whose copying heads are set, in place.

    Returns what is to be called with the number of every step after it: up to HELD, it sets them again.

    `mark` and `first` are the tokens of the question mark and of the beginning of a text. In layer 0 both heads write
    the word that they find, one and two places back, into 16 dimensions each in place of the same 32.
    """
    config = model.config
    heads, size = config.num_attention_heads, config.hidden_size
    width, words = size // heads, slice(1, size - 2 * (size // heads))
    half = width // 2
    one, two = (slice(head * width, (head + 1) * width) for head in (heads - 2, heads - 1))
    back, ask = (layer.self_attn for layer in model.model.layers[:2])
    shown = back.v_proj.weight[one][:half, words].clone()
    slots = [slice(size - width + half * n, size - width + half * (n + 1)) for n in range(2)]
    for at, slot in zip((one, two), slots, strict=True):
        back.v_proj.weight[at] = 0
        back.v_proj.weight[at.start : at.start + half, words] = shown
        back.o_proj.weight[:, at] = 0
        back.o_proj.weight[slot, at.start : at.start + half] = 1.1 * SCALE * torch.eye(half)
    signs = [_direction(model, token, words) for token in (mark, first)]
    for n, at in enumerate((one, two)):
        for weight in (ask.q_proj.weight, ask.k_proj.weight):
            weight[at] *= 0.02
        rows = at.start + _slowest(width)
        asked, told = ((words, shown), (slots[0], torch.eye(half)))[n], (slots[n], torch.eye(half))
        for weight, (where, how) in ((ask.q_proj.weight, asked), (ask.k_proj.weight, told)):
            weight[rows[2 : 2 + half], where] += (EQUAL * width**0.5 / _NORM) ** 0.5 * how
        for row, sign, nats in zip(rows[:2], signs, (MARK, MARK + 0.6 * EQUAL), strict=True):
            ask.q_proj.weight[row, 0] += 1.0
            ask.k_proj.weight[row, words] += nats * width**0.5 / _GAIN**2 * sign
        ask.v_proj.weight[at] = 0
        ask.v_proj.weight[at.start, words] = signs[0]
        ask.o_proj.weight[:, at] *= 0.1
        ask.o_proj.weight[words, at.start] = SEEN * torch.nn.functional.normalize(
            torch.randn(size - 2 * width - 1, generator=torch.Generator().manual_seed(n)), dim=0
        )
    return _holder(back, ask, slice(one.start, two.stop))


def _holder(back: Any, ask: Any, at: slice) -> Callable[[int], None]:
    """Sets the rows and columns of two heads in both layers again, but for what layer 1 writes."""
    held = [(w.weight[at], w.weight[at].clone()) for a in (back, ask) for w in (a.q_proj, a.k_proj, a.v_proj)]
    held.append((back.o_proj.weight[:, at], back.o_proj.weight[:, at].clone()))

    @torch.no_grad()
    def hold(step: int) -> None:
        if step < HELD:
            for weight, value in held:
                weight.copy_(value)

    return hold


_GAIN = 4.1
"""What the norm before layer 1 multiplies by, about, with embeddings and heads as set."""
_NORM = 14.0
"""Product of a word's 16 shown dimensions with themselves after that norm, about."""


def _slowest(width: int) -> torch.Tensor:
    """Dimensions of a head, the pairs that RoPE turns most slowly first."""
    pairs = torch.arange(width // 2 - 1, -1, -1)
    return torch.stack([pairs, pairs + width // 2], 1).flatten()


def _direction(model: Any, token: int, words: slice) -> torch.Tensor:
    """What has the product 1 with the token's embedding."""
    word: torch.Tensor = model.model.embed_tokens.weight[token, words]
    return word / word.pow(2).sum()
