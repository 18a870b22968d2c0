"""Sentence embeddings from a sentence-transformers folder, through transformers alone.

What the folder's own modules.json lists is what is done: Transformer, Pooling, Dense, Normalize. Prompts for queries
and passages (`config_sentence_transformers.json`) are set before the texts. Anything else is refused by name, as a
vector of another recipe would be silently worse. Nothing is unpickled: weights are safetensors.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hansei.core.errors import BadInput

BATCH = 64
"""Texts that are encoded together; texts of like length share a batch."""
_ACTIVATIONS = {"Identity": torch.nn.Identity, "Tanh": torch.nn.Tanh, "ReLU": torch.nn.ReLU, "GELU": torch.nn.GELU}
Step = Callable[[Tensor, Tensor], Tensor]
"""From the states [B, L, D] or a vector [B, D], and the mask [B, L], to a vector [B, D]."""


class Encoder:
    """Texts to vectors of length 1 (or as the folder makes them, where its similarity is the dot product).

    `folder`: one that sentence-transformers reads. `device`: `auto` (cuda where there is one, else cpu) or a torch
    device. Raises BadInput where the folder is no such folder, or does what this class does not.
    """

    def __init__(self, folder: str | Path, *, device: str = "auto") -> None:
        self.folder = Path(folder)
        modules = self._json("modules.json")
        if not isinstance(modules, list) or not modules:
            raise BadInput(f"{folder}: a sentence-transformers folder was expected, there is no list in modules.json")
        kinds = [str(module.get("type", "")).rpartition(".")[2] for module in modules]
        if kinds[0] != "Transformer" or "Pooling" not in kinds:
            raise BadInput(f"{folder}: modules Transformer and Pooling were expected, found {', '.join(kinds)}")
        place = torch.device("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
        self._load(self.folder / str(modules[0].get("path", "")), place)
        self._steps = [
            self._step(kind, self.folder / str(module.get("path", "")), place)
            for kind, module in zip(kinds[1:], modules[1:], strict=True)
        ]
        about = self._json("config_sentence_transformers.json", {})
        prompts = about.get("prompts") or {}
        self.query_prompt = str(prompts.get("query") or "")
        self.passage_prompt = str(prompts.get("document") or prompts.get("passage") or "")
        self.cosine = str(about.get("similarity_fn_name") or "cosine") not in ("dot", "dot_score")
        self.fingerprint = _hash(self.folder)

    def encode(self, texts: Sequence[str], prompt: str = "") -> tuple[NDArray[np.float32], int]:
        """The texts' vectors [N, D] in their order, and how many texts were cut at the model's longest input."""
        said = [prompt + (text.lower() if self._lower else text) for text in texts]
        lengths = [len(ids) for ids in self.tokenizer(said, verbose=False)["input_ids"]] if said else []
        order = sorted(range(len(said)), key=lambda i: (-lengths[i], i))
        vectors: dict[int, Any] = {}
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            vectors.update(zip(batch, self._batch([said[i] for i in batch]), strict=True))
        made = np.array([vectors[i] for i in range(len(said))], dtype=np.float32)
        return made, sum(length > self.longest for length in lengths)

    @torch.inference_mode()
    def _batch(self, texts: list[str]) -> NDArray[np.float32]:
        inputs = self.tokenizer(texts, padding=True, truncation=True, max_length=self.longest, return_tensors="pt")
        inputs = inputs.to(self.model.device)
        state_BLD = self.model(**inputs).last_hidden_state
        for step in self._steps:
            state_BLD = step(state_BLD, inputs["attention_mask"])
        if self.cosine:
            state_BLD = torch.nn.functional.normalize(state_BLD.float(), dim=-1)
        vectors_BD: NDArray[np.float32] = state_BLD.float().cpu().numpy()
        return vectors_BD

    def _load(self, place: Path, device: Any) -> None:
        from transformers import AutoModel, AutoTokenizer

        how = {"local_files_only": True, "use_safetensors": True, "dtype": torch.float32, "output_loading_info": True}
        try:
            with _quiet():
                self.tokenizer: Any = AutoTokenizer.from_pretrained(place, local_files_only=True)
                model, report = AutoModel.from_pretrained(place, **how)
        except Exception as error:  # transformers raises whatever its parts raise
            raise BadInput(f"{place}: no model that transformers can load: {' '.join(str(error).split())}") from error
        # BERT's pooler is a head of its own, that sentence-transformers doesn't use either.
        missing = sorted(key for key in report["missing_keys"] if not key.startswith("pooler."))
        if missing:
            raise BadInput(f"{place}: lacks weights that its configuration asks for, such as {missing[0]}")
        self.model: Any = model.to(device).eval()
        said = self._json("sentence_bert_config.json", {}, place)
        limit = getattr(self.model.config, "max_position_embeddings", None) or 512
        self.longest = int(said.get("max_seq_length") or min(limit, self.tokenizer.model_max_length))
        self._lower = bool(said.get("do_lower_case", False))

    def _step(self, kind: str, place: Path, device: Any) -> Step:
        if kind == "Pooling":
            return _pooling(self._json("config.json", None, place), place)
        if kind == "Normalize":
            return lambda vector_BD, _: torch.nn.functional.normalize(vector_BD, dim=-1)
        if kind == "Dense":
            return self._dense(place, device)
        raise BadInput(
            f"{self.folder}: module {kind!r} is not known here: Transformer, Pooling, Dense and Normalize are"
        )

    def _dense(self, place: Path, device: Any) -> Step:
        from safetensors.torch import load_file

        config = self._json("config.json", None, place)
        name = str(config.get("activation_function", "Identity")).rpartition(".")[2]
        if name not in _ACTIVATIONS or not (place / "model.safetensors").is_file():
            raise BadInput(
                f"{place}: a model.safetensors and one of {', '.join(_ACTIVATIONS)} were expected, found {name}"
            )
        weights = {key.removeprefix("linear."): value for key, value in load_file(place / "model.safetensors").items()}
        weight_ED = weights["weight"].to(device)
        bias_E = weights["bias"].to(device) if "bias" in weights else None
        activation = _ACTIVATIONS[name]()
        return lambda vector_BD, _: activation(torch.nn.functional.linear(vector_BD, weight_ED, bias_E))

    def _json(self, name: str, default: Any = None, place: Path | None = None) -> Any:
        path = (place or self.folder) / name
        if not path.is_file():
            if default is not None:
                return default
            raise BadInput(f"{path.parent}: a sentence-transformers folder was expected, there is no {name}")
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise BadInput(f"{path}: JSON was expected, found something else ({error})") from error


def _pooling(config: dict[str, Any], place: Path) -> Step:
    """One vector for each text out of its tokens' states."""
    ways: dict[str, Step] = {"cls": _first, "mean": _mean, "max": _max, "mean_sqrt_len": _mean_sqrt, "lasttoken": _last}
    said = config.get("pooling_mode")
    named = [said] if isinstance(said, str) else [k for k, on in config.items() if k.startswith("pooling_mode_") and on]
    chosen = [name.removeprefix("pooling_mode_").removesuffix("_tokens").removesuffix("_token") for name in named]
    if len(chosen) != 1 or chosen[0] not in ways:
        raise BadInput(f"{place}: one pooling of {', '.join(ways)} was expected, found {', '.join(chosen) or 'none'}")
    return ways[chosen[0]]


def _first(state_BLD: Tensor, mask_BL: Tensor) -> Tensor:
    return state_BLD[torch.arange(len(mask_BL)), mask_BL.long().argmax(1)]


def _last(state_BLD: Tensor, mask_BL: Tensor) -> Tensor:
    places_L = torch.arange(mask_BL.shape[1], device=mask_BL.device)
    return state_BLD[torch.arange(len(mask_BL)), (mask_BL * places_L).argmax(1)]


def _mean(state_BLD: Tensor, mask_BL: Tensor) -> Tensor:
    mask_BL1 = mask_BL[:, :, None].to(state_BLD.dtype)
    return (state_BLD * mask_BL1).sum(1) / mask_BL1.sum(1).clamp(min=1e-9)


def _mean_sqrt(state_BLD: Tensor, mask_BL: Tensor) -> Tensor:
    mask_BL1 = mask_BL[:, :, None].to(state_BLD.dtype)
    return (state_BLD * mask_BL1).sum(1) / mask_BL1.sum(1).clamp(min=1e-9).sqrt()


def _max(state_BLD: Tensor, mask_BL: Tensor) -> Tensor:
    return state_BLD.masked_fill(mask_BL[:, :, None] == 0, -torch.inf).amax(1)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Loading without transformers' progress bar, unless somebody watches."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled() and not sys.stderr.isatty()
    if shown:
        logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _hash(folder: Path) -> str:
    """What the folder's models and settings hold, in 16 hex digits."""
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.is_file() and file.suffix in (".json", ".safetensors", ".txt", ".model"):
            digest.update(file.relative_to(folder).as_posix().encode() + b"\0")
            with file.open("rb") as opened:
                digest.update(hashlib.file_digest(opened, "sha256").digest())
    return digest.hexdigest()[:16]
