"""`hansei inside train`: from a collection or straight from a model; a killed training goes on bit for bit.

Activations come in the order of the text, so they are mixed: batches are drawn without replacement from a buffer of
fixed size, whose holes are filled with what comes next. The buffer is a part of the checkpoint.
"""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from hansei.core.errors import BadInput
from hansei.core.files import check_writable, folder_atomic, write_atomic
from hansei.core.keys import content_key
from hansei.core.progress import counting
from hansei.inside.formats import read, write
from hansei.inside.shards import LiveSource, ShardSource
from hansei.inside.sparse_settings import RunSettings
from hansei.inside.sparse_training import SAMPLE, Training

VERSION = "1"
CHECKPOINT, REPORT = "checkpoint", "training.json"


class Source(Protocol):
    """Where activations come from."""

    width: int
    key: list[Any]

    def pieces(self, start: int) -> Any:
        """All pieces from number `start` on."""


class Buffer:
    """Mixes a stream. Reads it again from its start when it ends; `epoch` counts how often."""

    def __init__(self, source: Source, size: int, seed: int) -> None:
        self.source = source
        self.rows_MD = torch.empty(size, source.width)
        self.filled = self.taken = self.epoch = 0
        self.draw = torch.Generator().manual_seed(seed)
        self._stream = source.pieces(0)
        self._rest = torch.empty(0, source.width)

    def batch(self, count: int) -> Tensor:
        """`count` rows, drawn from the buffer when it is as full as the stream makes it."""
        self.fill()
        drawn = torch.randperm(self.filled, generator=self.draw)[:count]
        found_BD = self.rows_MD[drawn]
        # The holes below the new end are closed with the rows above it that were not drawn.
        self.filled -= count
        free = torch.ones(self.filled + count, dtype=torch.bool)
        free[drawn] = False
        self.rows_MD[drawn[drawn < self.filled]] = self.rows_MD[self.filled : self.filled + count][free[self.filled :]]
        return found_BD

    def fill(self) -> None:
        """Takes from the stream until the buffer is full."""
        empty = 0
        while self.filled < len(self.rows_MD):
            if not len(self._rest):
                piece = next(self._stream, None)
                if piece is None:
                    empty += 1
                    if empty > 1:
                        raise BadInput("no activations: the text or the collection is empty")
                    self._stream, self.taken, self.epoch = self.source.pieces(0), 0, self.epoch + 1
                    continue
                self._rest, self.taken, empty = piece, self.taken + 1, 0
            part = self._rest[: len(self.rows_MD) - self.filled]
            self.rows_MD[self.filled : self.filled + len(part)] = part
            self.filled, self._rest = self.filled + len(part), self._rest[len(part) :]

    def state(self) -> tuple[dict[str, Tensor], dict[str, int]]:
        """What `restore` needs."""
        tensors = {"buffer": self.rows_MD[: self.filled], "rest": self._rest, "draw": self.draw.get_state()}
        return tensors, {"taken": self.taken, "epoch": self.epoch}

    def restore(self, tensors: dict[str, Tensor], plain: dict[str, int]) -> None:
        """Goes on from a state."""
        self.filled = len(tensors["buffer"])
        self.rows_MD[: self.filled] = tensors["buffer"]
        self._rest = tensors["rest"].clone()
        self.draw.set_state(tensors["draw"])
        self.taken, self.epoch = plain["taken"], plain["epoch"]
        self._stream = self.source.pieces(self.taken)


@dataclass(frozen=True)
class Trained:
    """A trained autoencoder."""

    folder: str
    """Where it is."""
    report: dict[str, Any]
    """As in its training.json."""

    def __str__(self) -> str:
        r = self.report
        return (
            f"{r['settings']['latents']} latents, {r['settings']['k']} active: squared error {r['error']:.4f} of the "
            f"variance, {r['dead']:.1%} dead after {r['tokens']:,} tokens ({r['epochs']:.1f} passes): {self.folder}"
        )

    def to_json(self) -> dict[str, Any]:
        """The report."""
        return {"trained": self.folder, **self.report}


def train(settings: RunSettings) -> Trained:
    """Trains and writes the autoencoder; a finished one is reported, a killed one gone on with. Raises BadInput."""
    out = Path(settings.out)
    check_writable(out)
    source: Source = ShardSource(settings.data) if settings.data is not None else LiveSource(settings.source())
    key = content_key("sparse autoencoder", VERSION, source.key, asdict(settings.training()), settings.buffer)
    if (out / REPORT).is_file():
        report = _json(out / REPORT)
        if report.get("key") != key:
            raise BadInput(f"{out}: holds an autoencoder of other settings or activations: choose another folder")
        read(out)
        return Trained(str(out), report)
    started = time.monotonic()
    buffer = Buffer(source, settings.buffer, settings.seed)
    training = _begin(out, settings, buffer, key)
    with counting("steps", settings.steps) as advance:
        advance(training.steps_done)
        while True:
            last = training.step(buffer.batch(settings.batch))
            advance(1)
            if training.steps_done >= settings.steps:
                break
            if training.steps_done % settings.save_every == 0:
                _save(out, training, buffer, key)
    sae = training.finished()
    write(sae, out, "hansei", inside=True)
    report = {
        "key": key,
        "settings": asdict(settings.training()),
        "source": source.key,
        "error": last.error,
        "dead": last.dead,
        "tokens": training.tokens,
        "epochs": training.tokens / max(1, _rows(source, training.tokens)),
        "rows_bf16_could_not_decide": last.whole,
        "seconds": round(time.monotonic() - started, 1),
    }
    write_atomic(out / REPORT, json.dumps(report, indent=1))
    shutil.rmtree(out / CHECKPOINT, ignore_errors=True)  # not needed any more; nothing depends on its being gone
    return Trained(str(out), report)


def _rows(source: Source, otherwise: int) -> int:
    return int(source.manifest["rows"]) if isinstance(source, ShardSource) else otherwise


def _begin(out: Path, settings: RunSettings, buffer: Buffer, key: str) -> Training:
    """A training from its checkpoint, or from the first rows of the stream."""
    place = out / CHECKPOINT
    if not (place / "state.json").is_file():
        buffer.fill()
        return Training(buffer.rows_MD[: min(SAMPLE, buffer.filled)], settings.training())
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    plain = _json(place / "state.json")
    if plain.get("key") != key:
        raise BadInput(f"{place}: belongs to a training of other settings or activations: choose another folder")
    try:
        tensors = load_file(place / "state.safetensors")
    except (OSError, SafetensorError) as error:
        raise BadInput(f"{place}: can't be read ({error}): remove it, and the training starts again") from error
    buffer.restore(tensors, plain["buffer"])
    return Training.resume(tensors, plain["training"], settings.training())


def _save(out: Path, training: Training, buffer: Buffer, key: str) -> None:
    from safetensors.torch import save_file

    tensors, plain = training.state()
    mixed, counts = buffer.state()
    with folder_atomic(out / CHECKPOINT, replace=True) as place:
        everything = {name: tensor.detach().contiguous() for name, tensor in (tensors | mixed).items()}
        save_file(everything, place / "state.safetensors")
        state = {"key": key, "training": plain, "buffer": counts}
        (place / "state.json").write_text(json.dumps(state), encoding="utf-8")


def _json(file: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(file.read_text(encoding="utf-8")))
    except (ValueError, OSError) as error:
        raise BadInput(f"{file}: can't be read ({error}): remove it and run again") from error
