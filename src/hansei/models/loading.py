"""From files to a model and its tokenizer in memory."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from hansei.core.errors import BadInput
from hansei.models.text import MARKS
from hansei.models.weights import Place

DTYPES = {
    "float32": torch.float32,
    "float64": torch.float64,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


def choose_device(device: str) -> torch.device:
    if device == "auto":
        usable = [("cuda", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available())]
        device = next((name for name, there in usable if there), "cpu")
    try:
        found = torch.device(device)
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise BadInput(f"device {device!r} can't be used here ({reason}); try auto or cpu") from error
    return found


def choose_dtype(dtype: str, device: torch.device) -> torch.dtype:
    if dtype == "auto":
        if device.type == "cpu":
            return torch.float32
        has_bf16 = device.type != "cuda" or torch.cuda.is_bf16_supported()
        return torch.bfloat16 if has_bf16 else torch.float16
    if dtype not in DTYPES:
        raise BadInput(f"dtype {dtype!r}: expected auto, {', '.join(DTYPES)}")
    return DTYPES[dtype]


def load_tokenizer(place: Place, name: str) -> Any:
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(place.tokenizer)
    except Exception as error:  # transformers raises many kinds for a folder that it can't read
        reason = _first_line(error)
        folder = Path(place.tokenizer)
        if folder.is_dir() and not any(folder.glob("tokenizer*")):
            reason = f"no tokenizer.json in {folder}: copy the files tokenizer* of the model's maker there"
        raise BadInput(f"{name}: its tokenizer can't be loaded: {reason}") from error


def load_weights(place: Place, name: str, device: torch.device, dtype: torch.dtype, device_map: Any) -> Any:
    from transformers import AutoModelForCausalLM

    settings = {"device_map": device_map} if device_map is not None else {}
    try:
        with _quiet():
            model, report = AutoModelForCausalLM.from_pretrained(
                place.base, dtype=dtype, use_safetensors=True, output_loading_info=True, **settings
            )
            if place.adapter is not None:
                model = _with_adapter(model, place.adapter)
    except Exception as error:  # as above: one line in place of a traceback, with the cause chained
        raise BadInput(f"{name}: can't be loaded as a causal language model: {_first_line(error)}") from error
    if report["missing_keys"]:
        first = sorted(report["missing_keys"])[0]
        raise BadInput(f"{name}: lacks weights that its configuration asks for, such as {first}; not a language model?")
    if device_map is None:
        model = model.to(device)
    return model.eval()


def _with_adapter(model: Any, adapter: Path) -> Any:
    """The model with the adapter on it: merged in float32 and above, where merging rounds nothing away.

    In bfloat16 small changes would be lost in the sum, so the adapter stays apart, as it was trained.
    """
    from peft import PeftModel

    adapted = PeftModel.from_pretrained(model, adapter)
    quantized = getattr(model, "is_quantized", False)
    if adapted.dtype in (torch.float32, torch.float64) and not quantized:
        return adapted.merge_and_unload()
    return adapted


def end_tokens(model: Any, tokenizer: Any) -> tuple[int, ...]:
    """All end tokens: those of generation_config.json and the tokenizer's."""
    own = model.generation_config.eos_token_id
    found = own if isinstance(own, list) else [own]
    return tuple(sorted({int(t) for t in [*found, tokenizer.eos_token_id] if t is not None}))


def hidden_tokens(tokenizer: Any) -> frozenset[int]:
    """Special tokens, which are no part of an answer's text; marks around reasoning stay."""
    special = {i: str(token) for i, token in tokenizer.added_tokens_decoder.items() if token.special}
    special |= dict(zip(tokenizer.all_special_ids, tokenizer.all_special_tokens, strict=True))
    return frozenset(i for i, token in special.items() if token not in MARKS)


def cache_bytes(config: Any, dtype: torch.dtype) -> int:
    """Bytes of keys and values that one token takes in the cache, all layers.

    A model without attention keeps a state of fixed size; its width stands in for it.
    """
    heads = getattr(config, "num_attention_heads", None) or 1
    size = getattr(config, "head_dim", None) or config.hidden_size // heads
    kept_heads = getattr(config, "num_key_value_heads", None) or heads
    return 2 * int(config.num_hidden_layers * kept_heads * size) * dtype.itemsize


@contextmanager
def _quiet() -> Iterator[None]:
    """Loading without transformers' progress bar, unless somebody watches."""
    from transformers.utils import logging as transformers_logging

    shown = transformers_logging.is_progress_bar_enabled()
    if shown and not sys.stderr.isatty():
        transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            transformers_logging.enable_progress_bar()


def _first_line(error: BaseException) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0].strip() if lines else 'no reason given'}"
