"""Lessons end to end in few rows, so that little is computed for padding; exact, see `packer`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hansei.core.errors import BadInput
from hansei.training.lessons import IGNORED

Example = dict[str, list[int]]


def packer(model: Any, pad: int) -> Callable[[Sequence[Example]], dict[str, Any]]:
    """A collator that packs the lessons of a step, first fit of the longest first, into rows of equal length.

    Position ids restart at each lesson, from which transformers builds a block-diagonal mask for PyTorch's
    attention, so no lesson sees another. That holds without a key-value cache only (TRL trains without), and
    not for models that carry a state along the row. Raises BadInput for other attentions.
    """
    kind = model.config._attn_implementation
    layers = getattr(model.config.get_text_config(), "layer_types", None) or []
    if kind != "sdpa" or any("attention" not in layer for layer in layers):
        found = f"this model has {kind} and layers {sorted(set(layers))}"
        raise BadInput(f"packing: needs PyTorch's attention (sdpa) in every layer, {found}: turn it off")
    return lambda examples: collate(examples, pad)


def collate(examples: Sequence[Example], pad: int) -> dict[str, Any]:
    """`input_ids`, `labels` and `position_ids`, each [rows, length of the longest row]."""
    import torch

    longest = max(len(e["input_ids"]) for e in examples)
    rows: list[list[Example]] = []
    room: list[int] = []
    for example in sorted(examples, key=lambda e: -len(e["input_ids"])):
        size = len(example["input_ids"])
        place = next((i for i, left in enumerate(room) if left >= size), None)
        if place is None:
            place = len(rows)
            rows.append([])
            room.append(2 * longest)
        rows[place].append(example)
        room[place] -= size
    width = max(sum(len(e["input_ids"]) for e in row) for row in rows)

    def filled(values: list[list[int]], filler: int) -> Any:
        return torch.tensor([v + [filler] * (width - len(v)) for v in values])

    return {
        "input_ids": filled([[i for e in row for i in e["input_ids"]] for row in rows], pad),
        # the first token of a lesson would be predicted from the lesson before it
        "labels": filled([[i for e in row for i in (IGNORED, *e["labels"][1:])] for row in rows], IGNORED),
        "position_ids": filled([[i for e in row for i in range(len(e["input_ids"]))] for row in rows], 0),
    }
