"""Activations of any Hugging Face causal language model at any module: read with a hook, and computed no further.

Letters: B contexts, T tokens of the longest, N tokens in all, D width.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from hansei.core.errors import BadInput
from hansei.inside.corpus import Context
from hansei.models.load import load


class Rows(NamedTuple):
    """Activations of N tokens and where each stood."""

    activations_ND: Tensor
    """What the module put out."""
    tokens_N: Tensor
    """Token ids, int32."""
    documents_N: Tensor
    """Number of the document, int32."""
    places_N: Tensor
    """Place in the document, int32."""


class _Enough(Exception):
    """Raised by the hook: what follows in the model is not needed."""


class Layer:
    """A module of a loaded model, whose output is read or replaced. `layer`: a block's number, or a module's name."""

    def __init__(
        self, model: str, layer: str, *, device: str = "auto", dtype: str = "auto", device_map: str | None = None
    ) -> None:
        """Raises BadInput where there is no such model or no such module."""
        if model.startswith("openai:"):
            raise BadInput(f"{model}: an endpoint gives no activations: name a folder or a Hugging Face model")
        local: Any = load(model, device=device, dtype=dtype, device_map=device_map)
        self.local, self.hf = local, local.hf.eval()
        self.name = module_name(self.hf, layer)
        self.module: nn.Module = self.hf.get_submodule(self.name)

    @property
    def width(self) -> int:
        """D, from a reading of one token."""
        return int(self.read([Context(0, 0, [0])]).activations_ND.shape[1])

    def check(self, width: int, sae: object) -> None:
        """Raises BadInput where an autoencoder of that width is not one of this module."""
        if width != self.width:
            raise BadInput(
                f"{sae}: takes activations of width {width}, module {self.name} of {self.local.name} has {self.width}: "
                "give the model and layer that it was trained on"
            )

    @torch.inference_mode()
    def read(self, texts: Sequence[Context], *, together: int = 32, skip: int = 0) -> Rows:
        """The activations of every token, in order; `skip` leaves out the first places of each context.

        Contexts of like length are read together, `together` at a time: batches depend on `texts` alone. On the
        processor in float32 unless the model is in another precision.
        """
        order = sorted(range(len(texts)), key=lambda i: -len(texts[i].ids))
        found: dict[int, Tensor] = {}
        for start in range(0, len(order), together):
            batch = order[start : start + together]
            taken_BTD = self._forward([texts[i].ids for i in batch])
            found |= {i: taken_BTD[row, skip : len(texts[i].ids)] for row, i in enumerate(batch)}
        kept = [text._replace(start=text.start + skip, ids=text.ids[skip:]) for text in texts]
        return Rows(
            torch.cat([found[i] for i in range(len(texts))]),
            torch.tensor([t for text in kept for t in text.ids], dtype=torch.int32),
            torch.tensor([text.document for text in kept for _ in text.ids], dtype=torch.int32),
            torch.tensor([text.start + i for text in kept for i in range(len(text.ids))], dtype=torch.int32),
        )

    def _forward(self, ids: Sequence[Sequence[int]]) -> Tensor:
        taken: list[Tensor] = []

        def take(_module: nn.Module, _inputs: Any, output: Any) -> None:
            taken.append(self._hidden(output))
            raise _Enough

        handle = self.module.register_forward_hook(take)
        try:
            self.hf(**padded(ids, self.hf.device), use_cache=False)
        except _Enough:
            return taken[0].cpu()
        finally:
            handle.remove()
        raise BadInput(f"{self.local.name}: its module {self.name} takes no part when the model reads text")

    def _hidden(self, output: Any) -> Tensor:
        hidden = output[0] if isinstance(output, tuple) else output
        if not isinstance(hidden, Tensor) or hidden.ndim != 3:
            raise BadInput(f"{self.local.name}: module {self.name} puts out no tokens x width: take another")
        return hidden

    @contextmanager
    def replaced(self, change: Callable[[Tensor], Tensor]) -> Iterator[None]:
        """Within the block the module's output [B, T, D] is `change` of it, also while the model writes.

        `change` gets and gives float32 on the processor, where autoencoders are, whatever the model is in.
        """

        def put(_module: nn.Module, _inputs: Any, output: Any) -> Any:
            hidden_BTD = self._hidden(output)
            changed = change(hidden_BTD.float().cpu()).to(hidden_BTD)
            return (changed, *output[1:]) if isinstance(output, tuple) else changed

        handle = self.module.register_forward_hook(put)
        try:
            yield
        finally:
            handle.remove()


def padded(ids: Sequence[Sequence[int]], device: torch.device) -> dict[str, Tensor]:
    """Right-padded token ids and their mask, both [B, T]."""
    width = max(map(len, ids))
    ids_BT = torch.zeros(len(ids), width, dtype=torch.long)
    mask_BT = torch.zeros_like(ids_BT)
    for row, tokens in enumerate(ids):
        ids_BT[row, : len(tokens)] = torch.tensor(tokens)
        mask_BT[row, : len(tokens)] = 1
    return {"input_ids": ids_BT.to(device), "attention_mask": mask_BT.to(device)}


def module_name(model: nn.Module, layer: str) -> str:
    """The name of block number `layer` (from 0), or `layer` itself if it is a module's name. Raises BadInput."""
    names = [name for name, _ in model.named_modules() if name]
    if layer in names:
        return layer
    blocks = _blocks(model)
    if layer.isdecimal():
        if blocks is not None and int(layer) < len(blocks[1]):
            return f"{blocks[0]}.{int(layer)}"
        there = f"0 to {len(blocks[1]) - 1}" if blocks else "none that can be told by number: give a module's name"
        raise BadInput(f"no layer {layer}: the model's layers are {there}")
    near = difflib.get_close_matches(layer, names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else "its names are those of PyTorch, such as model.layers.5.mlp"
    raise BadInput(f"no module {layer!r} in the model: {hint}")


def _blocks(model: nn.Module) -> tuple[str, nn.ModuleList] | None:
    """The list of the model's blocks and its name."""
    count = getattr(model.config.get_text_config(), "num_hidden_layers", None)  # type: ignore[operator, union-attr]
    lists = [(n, m) for n, m in model.named_modules() if isinstance(m, nn.ModuleList) and len(m) == count]
    return min(lists, key=lambda pair: len(pair[0]), default=None)
