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
from transformers.cache_utils import DynamicSlidingWindowLayer

from hansei.models.growing_cache import GrowingLayer, new_cache

SHED = 8
"""Finished rows leave the batch when they are one in SHED or more."""
PORTION_CPU, PORTION = 2048, 32768
"""Tokens of prompts that are read at once, on a CPU and elsewhere."""

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
    chains: int = 1,
) -> list[Written]:
    """Continues each prompt (token ids) until an end token or its limit (new tokens, at least 1).

    `model` is a Hugging Face causal language model. Rows are left-padded and masked, so a row's tokens depend
    on its neighbours through floating point only. `chains`: so many continuations of each prompt, which is read
    once for all of them. Returns one Written a row, in order, the chains of a prompt one after another.
    """
    forward = _Forward(model)
    logits_BV = forward.read(prompts, chains)
    prompts = [prompt for prompt in prompts for _ in range(chains)]
    limits = [limit for limit in limits for _ in range(chains)]
    width = max(len(prompt) for prompt in prompts)
    place_B = torch.tensor([len(prompt) - 1 for prompt in prompts], device=forward.device)
    mask_BL = _mask(prompts, width + max(limits)).to(forward.device)
    stop_ids = torch.tensor(list(ends), dtype=torch.long, device=forward.device)
    limit_N = torch.tensor(list(limits), device=forward.device)
    tokens_NT = torch.full((len(prompts), max(limits)), NOTHING, device=forward.device)
    rows_B = torch.arange(len(prompts), device=forward.device)
    live_B = torch.ones_like(rows_B, dtype=torch.bool)
    for step in range(max(limits)):
        token_B = choose(logits_BV, rows_B, step)
        tokens_NT[rows_B, step] = torch.where(live_B, token_B, NOTHING)
        live_B = live_B & ~torch.isin(token_B, stop_ids) & (token_B != BROKEN) & (limit_N[rows_B] > step + 1)
        alive = int(live_B.sum())
        if alive == 0:
            break
        if (len(rows_B) - alive) * SHED >= len(rows_B):
            kept = _closed_up(live_B, alive)
            rows_B, live_B, token_B = rows_B[kept], live_B[kept], token_B[kept]
            place_B, mask_BL = place_B[kept], mask_BL[kept]
            forward.keep(kept)
        place_B = place_B + 1
        seen_BL = mask_BL[:, : width + step + 1]
        logits_BV = forward(token_B[:, None].clamp(min=0), seen_BL, place_B[:, None])
    return [_written(row, set(ends)) for row in tokens_NT.tolist()]


def _closed_up(live_B: Tensor, alive: int) -> Tensor:
    """The live rows, with as few as possible in a new place: rows from the end fill the gaps before them."""
    kept = torch.arange(alive, device=live_B.device)
    kept[~live_B[:alive]] = alive + live_B[alive:].nonzero().squeeze(1)
    return kept


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


def sampler(
    texts: Sequence[str],
    *,
    temperature: float,
    top_p: float,
    seed: int | Sequence[int],
    longest: int,
    device: Any,
) -> Choose:
    """Draws by inverse transform from one uniform number a row and step.

    A row's numbers come from its own generator, seeded with `seed` (one for all rows, or one a row) and the row's
    text, so they don't depend on the batch. `top_p`: the smallest set of likeliest tokens whose mass reaches it
    (nucleus sampling, Holtzman et al. 2020). `longest`: most new tokens of a row.
    """
    seeds = [seed] * len(texts) if isinstance(seed, int) else seed
    drawn = [_uniforms(text, number, longest) for text, number in zip(texts, seeds, strict=True)]
    uniform_NT = torch.from_numpy(np.stack(drawn)).to(device)

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


def _left_pad(prompts: Sequence[Sequence[int]]) -> Tensor:
    """Token ids [N, L], padded on the left with 0, which the mask hides."""
    width = max(len(prompt) for prompt in prompts)
    return torch.tensor([[0] * (width - len(prompt)) + list(prompt) for prompt in prompts])


def _mask(prompts: Sequence[Sequence[int]], length: int) -> Tensor:
    """[N, length]: 0 for the padding, 1 for the prompt and for the tokens to come."""
    width = max(len(prompt) for prompt in prompts)
    padding_N1 = torch.tensor([[width - len(prompt)] for prompt in prompts])
    return (torch.arange(length) >= padding_N1).long()


class _Forward:
    """One model's forward pass with its cache: logits of the last position."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.device = model.get_input_embeddings().weight.device
        self.cache = new_cache(model)
        known = accepted(model)
        self.extra = {"logits_to_keep": 1} if "logits_to_keep" in known else {}
        self.places = "position_ids" in known
        self.memory = "past_key_values" if "past_key_values" in known else "cache_params"  # Mamba's name for it

    def read(self, prompts: Sequence[Sequence[int]], chains: int = 1) -> Tensor:
        """Reads the prompts into the cache; logits [N, V] after each, N being prompts x chains.

        A prompt is read once and its keys and values are copied for its other chains, where all that the cache
        holds are keys and values; else it is read again for each. Prompts are read in several portions where the
        cache's layers can be joined: short ones are then padded less, and what is in work fits into a processor's
        own cache.
        """
        if not all(type(layer) in (GrowingLayer, DynamicSlidingWindowLayer) for layer in self.cache.layers):
            prompts, chains = [prompt for prompt in prompts for _ in range(chains)], 1
        portions = [prompts]
        if all(type(layer) is GrowingLayer for layer in self.cache.layers):
            portions = _portions(prompts, PORTION_CPU if self.device.type == "cpu" else PORTION)
        caches, logits = [], []
        for portion in portions:
            self.cache = new_cache(self.model)
            mask_BL = _mask(portion, max(len(prompt) for prompt in portion)).to(self.device)
            place_BL = (mask_BL.cumsum(-1) - 1).clamp(min=0)
            logits.append(self(_left_pad(portion).to(self.device), mask_BL, place_BL))
            caches.append(self.cache)
        if len(caches) > 1:
            width = max(len(prompt) for prompt in prompts)
            parts = zip(*(cache.layers for cache in caches), strict=True)
            self.cache.layers = [GrowingLayer.joined(layers, width) for layers in parts]
        if chains > 1:
            self.cache.batch_repeat_interleave(chains)
        return torch.cat(logits).repeat_interleave(chains, dim=0)

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


def _portions(prompts: Sequence[Sequence[int]], tokens: int) -> list[Sequence[Sequence[int]]]:
    """The prompts in runs of at most `tokens` tokens each, padding included, or of one prompt."""
    portions, start, width = [], 0, 0
    for i, prompt in enumerate(prompts):
        width = max(width, len(prompt))
        if i > start and (i + 1 - start) * width > tokens:
            portions.append(prompts[start:i])
            start, width = i, len(prompt)
    return [*portions, prompts[start:]]


def accepted(model: Any) -> frozenset[str]:
    """Names of the settings that the model's forward pass takes; a PEFT wrapper hides its base's."""
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    return frozenset(inspect.signature(base.forward).parameters)
