"""Where a model's files are, whether they can be used, and their fingerprint."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hansei.core.errors import BadInput

FINGERPRINTED = ("*.safetensors", "*.json", "*.jinja", "*.model", "vocab.txt", "merges.txt", "*.tiktoken")
"""What decides a model's answers. Its card, licence and training logs don't."""

UNSAFE = ("*.bin", "*.pt", "*.pth", "*.pkl")
"""Pickled weights can run code when they are opened."""


class NotHere(BadInput):
    """A model whose files are not on this machine, and that can't or is not to be downloaded."""


@dataclass(frozen=True)
class Place:
    """A model's files on this machine."""

    base: Path
    """Folder of the full model."""
    adapter: Path | None = None
    """Folder of the PEFT adapter on top of it."""

    @property
    def tokenizer(self) -> Path:
        """Folder that the tokenizer and its template are read from: the adapter's, where it has one."""
        own = self.adapter is not None and (self.adapter / "tokenizer_config.json").is_file()
        return self.adapter if own and self.adapter is not None else self.base


def find(name: str, adapter: str | None = None, *, download: bool = True) -> Place:
    """The files of a folder, of a PEFT adapter folder, or of a Hugging Face name (downloaded where needed).

    Raises BadInput where there is no such model, or no safetensors weights in it; NotHere where its files would
    have to be downloaded and `download` is off, or where they can't be.
    """
    folder = _folder(name, Path(), download=download)
    if not (folder / "adapter_config.json").is_file():
        _check(folder, name, "config.json")
        return Place(folder, _adapter(adapter))
    if adapter is not None:
        raise BadInput(f"{name}: is itself an adapter, another one can't be put on it; name the full model")
    _check(folder, name, "adapter_config.json")
    config = _json(folder / "adapter_config.json")
    base_name = config.get("base_model_name_or_path")
    if not isinstance(base_name, str) or not base_name:
        raise BadInput(f"{folder / 'adapter_config.json'}: names no base model (base_model_name_or_path)")
    base = _folder(base_name, folder, wanted_by=f" (the base of adapter {name})", download=download)
    _check(base, base_name, "config.json")
    return Place(base, folder)


def fingerprint(place: Place, *settings: str) -> str:
    """32 hex digits of sha256 over all files that decide the answers, and over `settings`.

    Whole files are read, since a student may differ from its parent anywhere; within a process a file of the
    same path, size and change time is read once.
    """
    total = hashlib.sha256("\0".join(settings).encode())
    for part, folder in (("base", place.base), ("adapter", place.adapter)):
        for file in sorted(_fingerprinted(folder)) if folder else ():
            total.update(f"{part}/{file.name}\0{_hash(file)}\n".encode())
    return total.hexdigest()[:32]


_HASHES: dict[tuple[str, int, int], str] = {}


def _hash(file: Path) -> str:
    state = file.stat()
    key = (str(file.resolve()), state.st_size, state.st_mtime_ns)
    if key not in _HASHES:
        with file.open("rb") as opened:
            _HASHES[key] = hashlib.file_digest(opened, "sha256").hexdigest()
    return _HASHES[key]


def _fingerprinted(folder: Path) -> set[Path]:
    found = {file for pattern in FINGERPRINTED for file in folder.glob(pattern)}
    return {file for file in found if file.name not in ("trainer_state.json", "training_args.json", "hansei.json")}


def _folder(name: str, relative_to: Path, wanted_by: str = "", download: bool = True) -> Path:
    for folder in (Path(name).expanduser(), relative_to / name):
        if folder.is_dir():
            return folder
        if folder.exists():
            raise BadInput(f"{name}{wanted_by}: is a file; expected a model's folder or a Hugging Face name")
    if name.startswith((".", "/", "~")) or name.count("/") > 1 or not name.strip():
        raise BadInput(f"{name!r}{wanted_by}: no such folder; check the path")
    return _cached(name, wanted_by, download)


def _cached(name: str, wanted_by: str, download: bool) -> Path:
    """The files of a Hugging Face name; from the local cache where the network is down, or not to be used."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError, RepositoryNotFoundError

    elsewhere = ["*/*", "consolidated*"]  # copies of the weights in another format
    try:
        return Path(
            snapshot_download(
                name, allow_patterns=list(FINGERPRINTED), ignore_patterns=elsewhere, local_files_only=not download
            )
        )
    except (RepositoryNotFoundError, HFValidationError) as error:
        why = "neither a folder here nor a model that the Hugging Face Hub shows you"
        raise BadInput(f"{name!r}{wanted_by}: {why}; check the spelling, or log in if it is gated") from error
    except (LocalEntryNotFoundError, OSError) as error:
        why = "neither a folder here nor in the local Hugging Face cache, and the Hub can't be reached"
        raise NotHere(f"{name!r}{wanted_by}: {why}; check the spelling and the network") from error


def _adapter(name: str | None) -> Path | None:
    if name is None:
        return None
    folder = _folder(name, Path())
    _check(folder, name, "adapter_config.json")
    return folder


def _check(folder: Path, name: str, config: str) -> None:
    """Raises BadInput unless the folder holds `config` and safetensors weights."""
    if not (folder / config).is_file():
        raise BadInput(f"{name}: not a model: no {config} in the folder; expected Hugging Face format")
    _json(folder / config)
    if any(folder.glob("*.safetensors")):
        return
    pickled = sorted(file.name for pattern in UNSAFE for file in folder.glob(pattern))
    if pickled:
        mend = "save it again with save_pretrained, which writes safetensors"
        raise BadInput(f"{name}: only pickled weights ({pickled[0]}), which could run code; {mend}")
    raise BadInput(f"{name}: no weights in the folder; expected *.safetensors")


def _json(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise BadInput(f"{file}: expected JSON: {error}") from error
    if not isinstance(value, dict):
        raise BadInput(f"{file}: expected a JSON object, found {type(value).__name__}")
    return value
