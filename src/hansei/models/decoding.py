"""Batched decoding: one loop over a causal model's forward pass, with a cache that sheds finished rows.

Legend of shapes: B live rows, N rows at the start, L positions, V vocabulary, T new tokens, H heads, D head
size.

Against `transformers.generate` it saves what a batch of unequal answers wastes: rows that have ended leave
the batch and the cache, and the cache grows in blocks in place of a concatenation a token.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

BLOCK = 64
"""Positions that a cache grows by when it is full, at least."""
SHED = 8
"""Finished rows leave the batch when they are one in SHED or more."""

NOTHING, BROKEN = -1, -2
"""In place of a token: none was written; the logits were not numbers."""

Choose = Callable[[Tensor, Tensor, int], Tensor]
"""(logits [B, V], original row of each live row [B], step) -> next tokens [B]"""


@dataclass(frozen=True)
class Written:
    """What one row wrote."""

    tokens: list[int]
    """Token ids, without the end token."""
    ended: bool
    """Whether an end token came; False at the limit."""
    broken: bool = False
    """Whether the model's logits stopped being numbers (NaN)."""


@torch.inference_mode()
def decode(
    model: Any,
    prompts: Sequence[Sequence[int]],
    limits: Sequence[int],
    ends: Sequence[int],
    choose: Choose,
) -> list[Written]:
    """Continues each prompt (token ids) until an end token or its limit (new tokens, at least 1).

    `model` is a Hugging Face causal language model. Rows are left-padded and masked, so a row's tokens depend
    on its neighbours through floating point only. Returns one Written a row, in order.
    """
    forward = _Forward(model)
    ids_NL, mask_BL = (x.to(forward.device) for x in _left_pad(prompts, max(limits)))
    width = ids_NL.shape[1]
    stop_ids = torch.tensor(list(ends), dtype=torch.long, device=forward.device)
    limit_N = torch.tensor(list(limits), device=forward.device)
    tokens_NT = torch.full((len(prompts), max(limits)), NOTHING, device=forward.device)
    rows_B = torch.arange(len(prompts), device=forward.device)
    live_B = torch.ones_like(rows_B, dtype=torch.bool)

    place_BL = (mask_BL[:, :width].cumsum(-1) - 1).clamp(min=0)
    logits_BV = forward(ids_NL, mask_BL[:, :width], place_BL)
    place_B = place_BL[:, -1]
    for step in range(max(limits)):
        token_B = choose(logits_BV, rows_B, step)
        tokens_NT[rows_B, step] = torch.where(live_B, token_B, NOTHING)
        live_B = live_B & ~torch.isin(token_B, stop_ids) & (token_B != BROKEN) & (limit_N[rows_B] > step + 1)
        alive = int(live_B.sum())
        if alive == 0:
            break
        if (len(rows_B) - alive) * SHED >= len(rows_B):
            kept = live_B.nonzero().squeeze(1)
            rows_B, live_B, token_B = rows_B[kept], live_B[kept], token_B[kept]
            place_B, mask_BL = place_B[kept], mask_BL[kept]
            forward.keep(kept)
        place_B = place_B + 1
        seen_BL = mask_BL[:, : width + step + 1]
        logits_BV = forward(token_B[:, None].clamp(min=0), seen_BL, place_B[:, None])
    return [_written(row, set(ends)) for row in tokens_NT.tolist()]


def _written(row: Sequence[int], ends: set[int]) -> Written:
    tokens = [token for token in row if token != NOTHING]
    ended, broken = tokens[-1] in ends, tokens[-1] == BROKEN
    return Written(tokens[:-1] if ended or broken else tokens, ended, broken)


def greedy(logits_BV: Tensor, rows_B: Tensor, step: int) -> Tensor:
    """The likeliest token of each row; the lowest id where several are equally likely."""
    best_B, token_B = full(logits_BV).max(-1)
    return torch.where(best_B.isnan(), BROKEN, token_B)


def full(logits: Tensor) -> Tensor:
    """Logits in float32, or in float64 where the model is."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def sampler(texts: Sequence[str], *, temperature: float, top_p: float, seed: int, longest: int, device: Any) -> Choose:
    """Draws by inverse transform from one uniform number a row and step.

    A row's numbers come from its own generator, seeded with `seed` and the row's text, so they don't depend
    on the batch. `top_p`: the smallest set of likeliest tokens whose mass reaches it (nucleus sampling,
    Holtzman et al. 2020). `longest`: most new tokens of a row.
    """
    uniform_NT = torch.from_numpy(np.stack([_uniforms(text, seed, longest) for text in texts])).to(device)

    def choose(logits_BV: Tensor, rows_B: Tensor, step: int) -> Tensor:
        p_BV = torch.softmax(full(logits_BV) / temperature, dim=-1)
        broken_B = p_BV[:, 0].isnan()  # one logit that is no number makes all of the row's masses so
        order_BV = None
        if top_p < 1:
            p_BV, order_BV = p_BV.sort(dim=-1, descending=True, stable=True)
            p_BV = torch.where(p_BV.cumsum(-1) - p_BV < top_p, p_BV, 0.0)
        mass_BV = p_BV.cumsum(-1)
        # u < 1 in float32 keeps u * total below the total, so a token without mass is never drawn.
        target_B1 = uniform_NT[rows_B, step, None] * mass_BV[:, -1:]
        token_B1 = torch.searchsorted(mass_BV, target_B1, right=True)
        token_B1 = token_B1.clamp(max=p_BV.shape[1] - 1)  # passed by broken rows only
        token_B1 = token_B1 if order_BV is None else order_BV.gather(1, token_B1)
        return torch.where(broken_B, BROKEN, token_B1.squeeze(1))

    return choose


def _uniforms(text: str, seed: int, count: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    digest = hashlib.sha256(f"{seed}\0{text}".encode()).digest()
    generator = np.random.Generator(np.random.Philox(int.from_bytes(digest[:16], "little")))
    return generator.random(count, dtype=np.float32)


def _left_pad(prompts: Sequence[Sequence[int]], extra: int) -> tuple[Tensor, Tensor]:
    """Token ids [N, L] padded on the left, and their mask [N, L + extra] with ones for the tokens to come."""
    width = max(len(prompt) for prompt in prompts)
    ids = torch.zeros(len(prompts), width, dtype=torch.long)
    mask = torch.ones(len(prompts), width + extra, dtype=torch.long)
    for row, prompt in enumerate(prompts):
        ids[row, width - len(prompt) :] = torch.tensor(list(prompt))
        mask[row, : width - len(prompt)] = 0
    return ids, mask


class _Forward:
    """One model's forward pass with its cache: logits of the last position."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.device = model.get_input_embeddings().weight.device
        self.cache = DynamicCache(config=model.config)
        self.cache.layers = [GrowingLayer() if type(x) is DynamicLayer else x for x in self.cache.layers]
        known = accepted(model)
        self.extra = {"logits_to_keep": 1} if "logits_to_keep" in known else {}
        self.places = "position_ids" in known
        self.memory = "past_key_values" if "past_key_values" in known else "cache_params"  # Mamba's name for it

    def __call__(self, ids_BL: Tensor, mask_BL: Tensor, place_BL: Tensor) -> Tensor:
        places = {"position_ids": place_BL} if self.places else {}
        memory = {self.memory: self.cache, "use_cache": True}
        one_state = self.memory == "cache_params" and ids_BL.shape[1] == 1  # holds no positions to be masked
        mask = None if one_state else mask_BL
        out = self.model(input_ids=ids_BL, attention_mask=mask, **memory, **places, **self.extra)
        logits: Tensor = out.logits[:, -1]
        return logits

    def keep(self, rows_B: Tensor) -> None:
        """Keeps these rows of the cache."""
        self.cache.reorder_cache(rows_B)


def accepted(model: Any) -> frozenset[str]:
    """Names of the settings that the model's forward pass takes; a PEFT wrapper hides its base's."""
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    return frozenset(inspect.signature(base.forward).parameters)


class GrowingLayer(DynamicLayer):  # type: ignore[misc]
    """One layer's keys and values [B, H, L, D] as views of buffers with room to grow.

    transformers' own layer copies the whole cache for every new token; this one writes the token in place.
    """

    keys: Tensor
    values: Tensor
    room_keys: Tensor
    room_values: Tensor

    def update(self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self.room_keys, self.room_values = self.keys, self.values
        start = self.get_seq_length()
        end = start + key_states.shape[-2]
        if start == 0 or end > self.room_keys.shape[-2]:
            self.room_keys = _grown(self.keys, key_states, start, end)
            self.room_values = _grown(self.values, value_states, start, end)
        self.room_keys[:, :, start:end] = key_states
        self.room_values[:, :, start:end] = value_states
        self.keys, self.values = self.room_keys[:, :, :end], self.room_values[:, :, :end]
        return self.keys, self.values

    def reorder_cache(self, beam_idx: Tensor) -> None:
        if not self.is_initialized:
            return  # a layer that shares another's keys and values
        length, rows = self.get_seq_length(), beam_idx.to(self.keys.device)
        self.room_keys = self.room_keys.index_select(0, rows)
        self.room_values = self.room_values.index_select(0, rows)
        self.keys, self.values = self.room_keys[:, :, :length], self.room_values[:, :, :length]


def _grown(old: Tensor, new: Tensor, start: int, end: int) -> Tensor:
    """A buffer for `end` positions and a good many more, holding the `start` old ones."""
    batch, heads, _, size = new.shape
    room = new.new_empty(batch, heads, end + max(BLOCK, end // 2), size)
    if start:
        room[:, :, :start] = old
    return room
