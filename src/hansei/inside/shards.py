"""Activations on disk: shards of safetensors and a manifest; collected in constant memory, resumable after a kill.

A shard holds the activations of a fixed number of contexts, so it is a pure function of model, module, text and
settings: a collection that was killed has all its whole shards, and the next call makes the rest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hansei import __version__
from hansei.core.errors import BadInput
from hansei.core.files import check_writable, write_atomic
from hansei.core.progress import counting
from hansei.inside.sparse_settings import CollectSettings

MANIFEST = "manifest.json"
PIECE = 4096
"""Rows handed on at a time."""


@dataclass(frozen=True)
class Collected:
    """What a collection holds."""

    folder: str
    """Where the shards are."""
    manifest: dict[str, Any]
    """As in the folder."""
    made: int
    """Shards made by this call; the others were there."""

    def __str__(self) -> str:
        m = self.manifest
        return (
            f"{m['rows']:,} activations of width {m['width']} of {m['module']} in {len(m['shards'])} shards "
            f"({self.made} made now): {self.folder}"
        )

    def to_json(self) -> dict[str, Any]:
        """The manifest, and what this call did."""
        return {"collected": self.folder, "made": self.made, **self.manifest}


def collect(settings: CollectSettings) -> Collected:
    """Reads the text and writes the module's activations to `settings.out`. Raises BadInput."""
    from hansei.inside.activations import Layer
    from hansei.inside.corpus import contexts

    folder = Path(settings.out)
    layer = Layer(settings.model, settings.layer, device=settings.device)
    started = _start(folder, layer, settings)
    check_writable(folder)
    manifest, made = started, 0
    stream = contexts(
        settings.text, layer.local.tokenizer, settings.context, column=settings.column, seed=settings.seed
    )
    stream = islice(stream, sum(shard["contexts"] for shard in manifest["shards"]), None)
    with counting("tokens", settings.tokens) as advance:
        advance(manifest["rows"])
        while manifest["rows"] < settings.tokens and (texts := list(islice(stream, settings.shard_contexts))):
            rows = layer.read(texts, together=settings.together, skip=settings.skip)
            name = f"shard-{len(manifest['shards']):05d}.safetensors"
            data = _packed(rows, getattr(torch, settings.dtype))
            write_atomic(folder / name, data)
            shard: dict[str, Any] = {"file": name, "rows": len(rows.tokens_N), "contexts": len(texts)}
            shard["sha256"] = hashlib.sha256(data).hexdigest()
            manifest = manifest | {"shards": [*manifest["shards"], shard], "rows": manifest["rows"] + shard["rows"]}
            write_atomic(folder / MANIFEST, json.dumps(manifest, indent=1))
            made += 1
            advance(shard["rows"])
    if not manifest["shards"]:
        raise BadInput(f"{settings.text}: no text in it")
    return Collected(str(folder), manifest, made)


def _start(folder: Path, layer: Any, settings: CollectSettings) -> dict[str, Any]:
    """The manifest of a new collection, or the one that is gone on with; BadInput where that is another one."""
    ours = {name: value for name, value in asdict(settings).items() if name not in ("out", "tokens", "device")}
    blank = {
        "hansei": __version__,
        "settings": ours,
        "fingerprint": layer.local.fingerprint,
        "module": layer.name,
        "width": layer.width,
        "rows": 0,
        "shards": [],
    }
    if not (folder / MANIFEST).is_file():
        return blank
    there = read_manifest(folder)
    for name in ("settings", "fingerprint", "module"):
        if there.get(name) != blank[name]:
            raise BadInput(f"{folder}: holds activations of another {name} than was asked for: choose another folder")
    return there


def _packed(rows: Any, dtype: torch.dtype) -> bytes:
    from safetensors.torch import save

    tensors = {"activations": rows.activations_ND.to(dtype).contiguous(), "tokens": rows.tokens_N}
    return bytes(save(tensors | {"documents": rows.documents_N, "places": rows.places_N}))


def read_manifest(folder: str | Path) -> dict[str, Any]:
    """The manifest of a collection. Raises BadInput where there is none that can be read."""
    file = Path(folder) / MANIFEST
    if not file.is_file():
        raise BadInput(f"{folder}: no {MANIFEST} in it: `hansei inside collect` makes such a folder")
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(found["shards"], list) or not found["width"]:
            raise ValueError("no shards")
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise BadInput(f"{file}: the manifest of a collection was expected: {error!r}") from error
    return dict(found)


def read_shard(folder: str | Path, shard: dict[str, Any]) -> dict[str, Tensor]:
    """Its activations (float32), tokens, documents and places. Raises BadInput where it is not as it was written."""
    from safetensors.torch import load

    file = Path(folder) / str(shard["file"])
    if not file.is_file():
        raise BadInput(f"{file}: this shard of the manifest is missing: collect again into a new folder")
    data = file.read_bytes()
    if hashlib.sha256(data).hexdigest() != shard["sha256"]:
        raise BadInput(f"{file}: this shard is not as it was written: collect again into a new folder")
    tensors: dict[str, Tensor] = load(data)
    return tensors | {"activations": tensors["activations"].float()}


class ShardSource:
    """Activations of a collection, in pieces of `PIECE` rows; the same every time."""

    def __init__(self, folder: str | Path) -> None:
        self.folder, self.manifest = Path(folder), read_manifest(folder)
        self.width = int(self.manifest["width"])
        self.key = [self.manifest["fingerprint"], self.manifest["module"], self.manifest["settings"]]

    def pieces(self, start: int) -> Iterator[Tensor]:
        """All pieces from number `start` on; shards before it are not read."""
        for shard in self.manifest["shards"]:
            count = -(-shard["rows"] // PIECE)
            if start >= count:
                start -= count
                continue
            yield from torch.split(read_shard(self.folder, shard)["activations"], PIECE)[start:]
            start = 0


class LiveSource:
    """Activations straight from the model, in pieces of `PIECE_CONTEXTS` contexts; nothing is written."""

    PIECE_CONTEXTS = 64

    def __init__(self, settings: CollectSettings) -> None:
        from hansei.inside.activations import Layer

        self.settings = settings
        self.layer = Layer(settings.model, settings.layer, device=settings.device)
        self.width = self.layer.width
        self.key = [self.layer.local.fingerprint, self.layer.name, asdict(settings)]

    def pieces(self, start: int) -> Iterator[Tensor]:
        """All pieces from number `start` on; what comes before is tokenised, and not read by the model."""
        from hansei.inside.corpus import contexts

        s = self.settings
        stream = contexts(s.text, self.layer.local.tokenizer, s.context, column=s.column, seed=s.seed)
        stream = islice(stream, start * self.PIECE_CONTEXTS, None)
        while texts := list(islice(stream, self.PIECE_CONTEXTS)):
            yield self.layer.read(texts, together=s.together, skip=s.skip).activations_ND.float()
