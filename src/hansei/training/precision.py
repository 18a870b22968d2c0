"""When bf16 is worth it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any


def has_bf16(device: Any) -> bool:
    """Whether the device computes in bf16 faster than in float32: GPUs that support it, processors with AVX512-BF16."""
    import torch

    kind = torch.device(device).type
    if kind == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    tells = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)  # not there in a torch without oneDNN
    return kind == "cpu" and tells is not None and bool(tells() and torch.cpu._is_avx512_bf16_supported())


def autocast(device: Any) -> AbstractContextManager[Any]:
    """bf16 autocast where it is worth it, else nothing."""
    import torch

    kind = torch.device(device).type
    return torch.autocast(kind, torch.bfloat16) if has_bf16(device) else nullcontext()
