"""Interventions: a model some of whose latents are ablated or steered while it reads and writes.

At every token, z_l d_l is taken from the activation for each ablated latent l, and s d_l is added for each steered
one, where z_l is what the autoencoder finds there and d_l the latent's direction. What the autoencoder can't rebuild
stays as it is. An intervention is a folder with one small file, and is named wherever hansei takes a local model's
name: `hansei compare RUN FOLDER` measures it.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hansei.core.errors import BadInput
from hansei.core.files import check_writable, write_atomic
from hansei.core.keys import content_key
from hansei.core.records import Chat, Sampling
from hansei.inside.activations import Layer
from hansei.inside.formats import read
from hansei.inside.sparse_autoencoder import SparseAutoencoder, weighted_rows
from hansei.inside.sparse_settings import INTERVENTION
from hansei.models.protocol import Reply

FORMAT = 1
VERSION = "1"


@dataclass(frozen=True)
class Intervention:
    """What is done to which latents of which model."""

    model: str
    """Folder or name of the model."""
    layer: str
    """Its module, or its block's number."""
    sae: str
    """The autoencoder of that module."""
    ablated: tuple[int, ...] = ()
    """Latents that are taken out."""
    steered: Mapping[int, float] = field(default_factory=dict)
    """What is added to a latent, in the autoencoder's units; below 0 it is pushed down."""

    def actions(self) -> dict[str, Any]:
        """The latents, as they stand in the file."""
        steered = {str(latent): amount for latent, amount in sorted(self.steered.items())}
        return {"ablated": sorted(self.ablated), "steered": steered}

    def write(self, folder: str | Path) -> str:
        """Writes it into a folder. Raises BadInput where that can't be written."""
        about = {"format": FORMAT, "model": self.model, "layer": self.layer, "sae": self.sae} | self.actions()
        check_writable(folder)
        write_atomic(Path(folder) / INTERVENTION, json.dumps(about, indent=1) + "\n")
        return str(folder)


def read_intervention(folder: str | Path) -> Intervention:
    """What `Intervention.write` wrote. Raises BadInput at anything else."""
    file = Path(folder) / INTERVENTION
    try:
        about = json.loads(file.read_text(encoding="utf-8"))
        ablated = tuple(int(latent) for latent in about["ablated"])
        steered = {int(latent): float(amount) for latent, amount in about["steered"].items()}
        model, layer, sae = (about[name] for name in ("model", "layer", "sae"))
        if about["format"] != FORMAT or not all(isinstance(name, str) for name in (model, layer, sae)):
            raise ValueError(f"format {FORMAT} was expected, with model, layer and sae")
        if not (ablated or steered) or not all(map(math.isfinite, steered.values())):
            raise ValueError("latents to ablate or to steer were expected")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(f"{file}: an intervention was expected: {error!r}: make it again") from error
    return Intervention(model, layer, sae, ablated, steered)


def changed(sae: SparseAutoencoder, what: Intervention, hidden_BTD: Tensor) -> Tensor:
    """Activations under the intervention."""
    code, frame = sae.encode(hidden_BTD.flatten(0, -2))
    out_BK = torch.isin(code.places_BK, torch.tensor(what.ablated, dtype=torch.long))
    change_BD = -weighted_rows(sae.decoder_LD, code._replace(values_BK=code.values_BK * out_BK))
    for latent, amount in what.steered.items():
        change_BD += amount * sae.decoder_LD[latent]
    return hidden_BTD + (change_BD * frame.scale_B1).view_as(hidden_BTD).to(hidden_BTD.dtype)


class IntervenedModel:
    """A local model under an intervention; a `Model` as any other (models/protocol.py)."""

    def __init__(
        self, folder: str, *, device: str = "auto", dtype: str = "auto", device_map: str | None = None
    ) -> None:
        """Raises BadInput where model, layer, autoencoder and latents don't fit together."""
        what = read_intervention(folder)
        self.name = folder
        self.layer = Layer(what.model, what.layer, device=device, dtype=dtype, device_map=device_map)
        sae = read(what.sae)
        self.layer.check(sae.width, what.sae)
        beyond = [latent for latent in (*what.ablated, *what.steered) if not 0 <= latent < sae.latents]
        if beyond:
            raise BadInput(f"{folder}: {what.sae} has latents 0 to {sae.latents - 1}, no {beyond[0]}")
        self._change = partial(changed, sae, what)
        base = self.layer.local.fingerprint
        self.fingerprint = content_key("intervention", VERSION, base, self.layer.name, digest(sae), what.actions())

    def generate(self, chats: Sequence[Chat], sampling: Sampling) -> list[Reply]:
        """As the model, under the intervention."""
        with self.layer.replaced(self._change):
            replies: list[Reply] = self.layer.local.generate(chats, sampling)
        return replies

    def logprobs(self, texts: Sequence[tuple[Chat, str]]) -> list[list[float] | None]:
        """As the model, under the intervention."""
        with self.layer.replaced(self._change):
            found: list[list[float] | None] = self.layer.local.logprobs(texts)
        return found

    def batches(self, chats: Sequence[Chat], sampling: Sampling) -> list[list[int]]:
        """Those of the model."""
        found: list[list[int]] = self.layer.local.batches(chats, sampling)
        return found


def digest(sae: SparseAutoencoder) -> str:
    """32 hex digits of an autoencoder's weights and settings."""
    total = hashlib.sha256(f"{sae.k} {sae.normalise} {sae.scale}".encode())
    for tensor in (sae.encoder_LD, sae.decoder_LD, sae.latent_bias_L, sae.pre_bias_D):
        total.update(tensor.detach().contiguous().numpy().tobytes())
    return total.hexdigest()[:32]
