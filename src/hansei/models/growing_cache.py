"""A cache of keys and values that grows in blocks and sheds rows in place.

Legend of shapes: B rows, H heads, L positions, D head size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

BLOCK = 64
"""Positions that a cache grows by when it is full, at least."""


def new_cache(model: Any) -> Any:
    """An empty cache for the model, whose layers grow where transformers' would be copied for every token."""
    cache = DynamicCache(config=model.config)
    cache.layers = [GrowingLayer() if type(layer) is DynamicLayer else layer for layer in cache.layers]
    return cache


class GrowingLayer(DynamicLayer):  # type: ignore[misc]
    """One layer's keys and values [B, H, L, D] as views of buffers with room to grow.

    transformers' own layer copies the whole cache for every new token; this one writes the token in place, and
    when rows leave, moves a few others into their places.
    """

    keys: Tensor
    values: Tensor
    room_keys: Tensor
    room_values: Tensor

    def update(self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self.hold([key_states], [value_states], key_states.shape[-2])
            return key_states, value_states
        start = self.get_seq_length()
        end = start + key_states.shape[-2]
        if end > self.room_keys.shape[-2]:
            self.hold([self.keys], [self.values], start)
        self.room_keys[:, :, start:end] = key_states
        self.room_values[:, :, start:end] = value_states
        self.keys, self.values = self.room_keys[:, :, :end], self.room_values[:, :, :end]
        return self.keys, self.values

    def reorder_cache(self, beam_idx: Tensor) -> None:
        if not self.is_initialized:
            return  # a layer that shares another's keys and values
        rows, length = beam_idx.to(self.keys.device), self.get_seq_length()
        moved = (rows != torch.arange(len(rows), device=rows.device)).nonzero().squeeze(1)
        self.room_keys[moved, :, :length] = self.room_keys[rows[moved], :, :length]
        self.room_values[moved, :, :length] = self.room_values[rows[moved], :, :length]
        self.room_keys, self.room_values = self.room_keys[: len(rows)], self.room_values[: len(rows)]
        self.keys, self.values = self.room_keys[:, :, :length], self.room_values[:, :, :length]

    def batch_repeat_interleave(self, repeats: int) -> None:
        if self.is_initialized:
            keys, values = ([row[None].expand(repeats, -1, -1, -1) for row in t] for t in (self.keys, self.values))
            self.hold(keys, values, self.get_seq_length())

    def hold(self, keys: Sequence[Tensor], values: Sequence[Tensor], width: int) -> None:
        """Takes the rows of all the tensors [B, H, L, D], each padded on the left to `width`, and makes room."""
        room = width + max(BLOCK, width // 2)
        self.room_keys, self.room_values = _stacked(keys, width, room), _stacked(values, width, room)
        self.keys, self.values = self.room_keys[:, :, :width], self.room_values[:, :, :width]

    @classmethod
    def joined(cls, parts: Sequence[GrowingLayer], width: int) -> GrowingLayer:
        """One layer with the rows of all."""
        if not parts[0].is_initialized:
            return parts[0]
        layer = cls()
        layer.lazy_initialization(parts[0].keys, parts[0].values)
        layer.hold([part.keys for part in parts], [part.values for part in parts], width)
        return layer


def _stacked(parts: Sequence[Tensor], width: int, room: int) -> Tensor:
    """A buffer [B, H, room, D] with the parts' rows below one another, each ending at position `width`."""
    _, heads, _, size = parts[0].shape
    buffer = parts[0].new_empty(sum(len(part) for part in parts), heads, room, size)
    start = 0
    for part in parts:
        rows, padding = slice(start, start + len(part)), width - part.shape[2]
        buffer[rows, :, :padding] = 0  # what the mask hides must still be a number
        buffer[rows, :, padding:width] = part
        start += len(part)
    return buffer
