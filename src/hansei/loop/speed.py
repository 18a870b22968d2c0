"""How long local models take on this machine: from their size and a measured speed, so that no model is loaded.

A rough figure, within a factor of three or so where nothing else runs: every token is two floating-point operations a
parameter (six when it is learnt from), at the speed that matrix products have here, and every layer of every step costs
a fixed time besides, which decides for small models.
"""

from __future__ import annotations

import functools
import json
import math
import time
from dataclasses import dataclass
from pathlib import Path

from hansei.core.errors import BadInput

SHARE = 0.4
"""Of the speed of large matrix products that a model reaches."""
LAYER = 0.6e-3
"""Seconds that one layer of one answering step takes, however small it is."""
LAYER_LEARNT = 5e-3
"""The same of one training step: forwards, backwards, and the optimiser."""
START, START_LEARNT = 3.0, 6.0
"""Seconds until a small model answers, and until it is trained: imports and set-up."""
LOADED = 5e8
"""Bytes of weights that are read from disk in a second."""


@dataclass(frozen=True)
class Size:
    """A model, as far as its speed goes."""

    parameters: int
    """Numbers in its weights."""
    layers: int
    """One after the other."""
    bytes: int
    """On disk."""


def size_of(name: str) -> Size | None:
    """The size of a local model, from the heads of its files; None where they are not on this machine.

    Raises BadInput for a folder that is no model.
    """
    folder = _here(name)
    if folder is None:
        return None
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        layers = int(config.get("num_hidden_layers") or config.get("text_config", {}).get("num_hidden_layers") or 1)
        files = sorted(folder.glob("*.safetensors"))
        return Size(sum(map(_parameters, files)), layers, sum(file.stat().st_size for file in files))
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise BadInput(f"{name}: its size can't be read from config.json and *.safetensors: {error}") from error


@functools.cache
def measured(device: str) -> float:
    """Floating-point operations a second of a matrix product on the device, right now. Raises BadInput."""
    import torch

    from hansei.models.loading import choose_device, choose_dtype

    where = choose_device(device)
    square = torch.ones(1024, 1024, device=where, dtype=choose_dtype("auto", where))
    best = math.inf
    for _ in range(4):  # the first one warms up
        started = time.perf_counter()
        float((square @ square)[0, 0])  # waits for the device
        best = min(best, time.perf_counter() - started)
    return 2 * 1024**3 / best


def answering(size: Size, flops: float, tokens: int, steps: int) -> float:
    """Seconds for `tokens` read and written in all, in `steps` steps of a batch."""
    return START + size.bytes / LOADED + steps * size.layers * LAYER + 2 * size.parameters * tokens / (flops * SHARE)


def learning(size: Size, flops: float, tokens: int, steps: int) -> float:
    """Seconds for `steps` optimiser steps over `tokens` in all."""
    arithmetic = 6 * size.parameters * tokens / (flops * SHARE)
    return START_LEARNT + size.bytes / LOADED + steps * size.layers * LAYER_LEARNT + arithmetic


def _here(name: str) -> Path | None:
    """The folder of a model's weights (an adapter's base); None where it would have to be downloaded."""
    from hansei.models.load import town_path
    from hansei.models.weights import NotHere, find
    from hansei.town.districts import district_of

    home = district_of(name)
    try:
        return find(name if home is None else town_path(home), download=False).base
    except NotHere:
        return None


def _parameters(file: Path) -> int:
    """Numbers in a safetensors file, from its head: 8 bytes with the length of a JSON object, and that object."""
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        if length > file.stat().st_size:
            raise ValueError(f"{file.name} is cut off, or no safetensors file")
        head = json.loads(opened.read(length))
    return sum(math.prod(tensor["shape"]) for name, tensor in head.items() if name != "__metadata__")
