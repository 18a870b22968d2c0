"""Pre-training of a small base: whole documents packed into blocks, AdamW with a cosine schedule.

A plain loop and not a trainer, because the town needs nothing else and every millisecond of its 40-minute budget.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

IGNORED = -100  # the label that cross-entropy skips
OPEN = 16  # blocks that still take documents; more would save little padding and mix documents over more steps


@dataclass(frozen=True)
class PretrainSettings:
    """How a small base is trained."""

    steps: int = 1800
    """Optimiser steps."""
    batch: int = 32
    """Blocks a step."""
    block: int = 128
    """Tokens a block; documents longer than this are cut."""
    learning_rate: float = 2e-3
    """Peak of the schedule."""
    warmup: int = 100
    """Steps of linear warm-up before the cosine, which ends at a tenth of the peak."""
    weight_decay: float = 0.1
    """On matrices only."""
    seed: int = 0
    """Seed of weights and text."""
    answers: float = 1.0
    """How much a token of an assistant's turn weighs in the loss; others weigh 1."""
    bf16: bool = True
    """Whether products are made in bf16 where that is worth it; in float32 results do not depend on the processor."""


def pack(documents: Iterator[list[int]], block: int, pad: int) -> Iterator[tuple[list[int], list[int]]]:
    """Blocks of whole documents: (input ids [block], document number of each token [block]; 0 is padding).

    First fit over a few open blocks, so that little is padding (5% in the town) and no document goes on in another
    block. A document longer than a block is cut at its end (one in a thousand in the town).
    """
    open_blocks: list[tuple[list[int], list[int]]] = []
    for document in documents:
        tokens = document[:block]
        fitting = next((b for b in open_blocks if len(b[0]) + len(tokens) <= block), None)
        if fitting is None:
            fitting = ([], [])
            open_blocks.append(fitting)
        number = (fitting[1][-1] if fitting[1] else 0) + 1
        fitting[0].extend(tokens)
        fitting[1].extend([number] * len(tokens))
        if len(open_blocks) > OPEN:
            yield _padded(*open_blocks.pop(0), block, pad)
    for ids, numbers in open_blocks:
        yield _padded(ids, numbers, block, pad)


def _padded(ids: list[int], numbers: list[int], block: int, pad: int) -> tuple[list[int], list[int]]:
    room = block - len(ids)
    return ids + [pad] * room, numbers + [0] * room


def learning_rate(step: int, settings: PretrainSettings) -> float:
    """Linear warm-up, then a cosine down to a tenth of the peak."""
    if step < settings.warmup:
        return settings.learning_rate * (step + 1) / settings.warmup
    done = (step - settings.warmup) / max(1, settings.steps - settings.warmup)
    return settings.learning_rate * (0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))


def pretrain(
    model: Any,
    documents: Iterator[list[int]],
    settings: PretrainSettings,
    pad: int,
    report: Callable[[int, float], None],
    turn: tuple[int, int] | None = None,
) -> None:
    """Trains `model` (a Hugging Face causal model) in place; calls `report(step, loss)` after each step.

    `turn`: the tokens that begin and end an assistant's turn, for settings in which its tokens weigh more.

    Documents attend to nothing outside themselves: position ids restart and the mask is block diagonal.
    """
    import torch

    from hansei.training.precision import autocast

    decayed = [p for p in model.parameters() if p.ndim >= 2]
    others = [p for p in model.parameters() if p.ndim < 2]
    groups = [
        {"params": decayed, "weight_decay": settings.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    optimiser = torch.optim.AdamW(groups, lr=settings.learning_rate, betas=(0.9, 0.95), fused=True)
    blocks = pack(documents, settings.block, pad)
    model.train()
    for step in range(settings.steps):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, settings)
        ids_BT, numbers_BT = _batch(blocks, settings.batch)
        with autocast(model.device) if settings.bf16 else nullcontext():
            loss = _loss(model, ids_BT, numbers_BT, weights(ids_BT, turn, settings.answers))
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        report(step, float(loss.detach()))
    model.eval()


def _batch(blocks: Iterator[tuple[list[int], list[int]]], size: int) -> tuple[torch.Tensor, torch.Tensor]:
    import torch

    drawn = [next(blocks) for _ in range(size)]
    return torch.tensor([b[0] for b in drawn]), torch.tensor([b[1] for b in drawn])


def weights(ids_BT: torch.Tensor, turn: tuple[int, int] | None, answers: float) -> torch.Tensor | None:
    """`answers` for tokens after the beginning of an assistant's turn up to its end, else 1; None where all are 1."""
    import torch

    if turn is None or answers == 1.0:
        return None
    places_BT = torch.arange(ids_BT.shape[1]).expand_as(ids_BT)
    begun_BT, ended_BT = (torch.where(ids_BT == token, places_BT, -1).cummax(1).values for token in turn)
    before_BT = torch.zeros_like(ids_BT, dtype=torch.bool)  # whether the turn is open before the token
    before_BT[:, 1:] = (begun_BT > ended_BT)[:, :-1]
    return torch.where(before_BT, answers, 1.0)


def _loss(
    model: Any, ids_BT: torch.Tensor, numbers_BT: torch.Tensor, weights_BT: torch.Tensor | None = None
) -> torch.Tensor:
    """Mean cross-entropy of each next token of the same document, weighted where there are weights."""
    import torch
    import torch.nn.functional as F

    T = ids_BT.shape[1]
    same_BTT = numbers_BT[:, :, None] == numbers_BT[:, None, :]
    mask_B1TT = (same_BTT & torch.ones(T, T, dtype=torch.bool).tril())[:, None]
    starts_BT = torch.zeros_like(numbers_BT)
    starts_BT[:, 1:] = (numbers_BT[:, 1:] != numbers_BT[:, :-1]) * torch.arange(1, T)
    positions_BT = torch.arange(T) - starts_BT.cummax(1).values
    logits_BTV = model(input_ids=ids_BT, attention_mask=mask_B1TT, position_ids=positions_BT, use_cache=False).logits
    labels_BT = ids_BT[:, 1:].clone()
    labels_BT[(numbers_BT[:, 1:] != numbers_BT[:, :-1]) | (numbers_BT[:, 1:] == 0)] = IGNORED
    logits, labels = logits_BTV[:, :-1].flatten(0, 1).float(), labels_BT.flatten()
    if weights_BT is None:
        return F.cross_entropy(logits, labels, ignore_index=IGNORED)
    each = F.cross_entropy(logits, labels, ignore_index=IGNORED, reduction="none")
    weighed = weights_BT[:, 1:].flatten() * (labels != IGNORED)
    return (each * weighed).sum() / weighed.sum()
