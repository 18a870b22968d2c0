"""Autoencoders as files: hansei's own layout, OpenAI's, SAELens' and EleutherAI sparsify's, read and written.

| layout | files | tensors | what it can't hold |
|---|---|---|---|
| hansei | hansei-sae.json, hansei-sae.safetensors | encoder, decoder, latent_bias, pre_bias | |
| OpenAI | one .pt | encoder.weight, decoder.weight (D x L), latent_bias, pre_bias, statistics | `scale` |
| SAELens | cfg.json, sae_weights.safetensors | W_enc (D x L), W_dec (L x D), b_enc, b_dec | |
| sparsify | cfg.json, sae.safetensors | encoder.weight, encoder.bias, W_dec (L x D), b_dec | `layer` |

OpenAI's loader takes every TopK autoencoder for a normalising one (`layer`), as no file says it: one that is not can't
be written so. The one number of `scale` is put into the weights for SAELens and sparsify (`SparseAutoencoder.folded`),
so latents come out that many times as large. Nothing is unpickled: .pt files are read with `weights_only`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hansei.core.errors import BadInput
from hansei.core.files import check_writable, disk_errors, write_atomic
from hansei.inside.sparse_autoencoder import SparseAutoencoder
from hansei.inside.sparse_settings import Layout, Normalise

OWN, OWN_TENSORS = "hansei-sae.json", "hansei-sae.safetensors"
LENS_TENSORS, SPARSIFY_TENSORS = "sae_weights.safetensors", "sae.safetensors"
PT = "autoencoder.pt"


def read(path: str | Path) -> SparseAutoencoder:
    """The autoencoder in a folder or .pt file; its layout is told from its files. Raises BadInput."""
    path = Path(path)
    if path.suffix == ".pt":
        return _read_openai(path)
    if (path / OWN).is_file():
        return _read_own(path)
    if (path / LENS_TENSORS).is_file():
        return _read_saelens(path)
    if (path / SPARSIFY_TENSORS).is_file():
        return _read_sparsify(path)
    files = sorted(path.glob("*.pt")) if path.is_dir() else []
    if len(files) == 1:
        return _read_openai(files[0])
    raise BadInput(f"{path}: no autoencoder there: {OWN}, {LENS_TENSORS}, {SPARSIFY_TENSORS} or one .pt was expected")


def write(sae: SparseAutoencoder, folder: str | Path, layout: Layout = "hansei", *, inside: bool = False) -> Path:
    """Writes the autoencoder into an empty or new folder (`inside`: into one that holds other files already).

    Raises BadInput where the layout can't hold it.
    """
    folder = Path(folder)
    if not inside and folder.is_dir() and any(folder.iterdir()):
        raise BadInput(f"{folder}: exists already and is not empty: choose another folder")
    sae = _detached(sae)
    files = {"hansei": _own, "openai": _openai, "saelens": _saelens, "sparsify": _sparsify}[layout](sae)
    check_writable(folder)
    with disk_errors(f"writing {folder}"):
        for name, data in files.items():
            write_atomic(folder / name, data)
    return folder


def _detached(sae: SparseAutoencoder) -> SparseAutoencoder:
    names = ("encoder_LD", "decoder_LD", "latent_bias_L", "pre_bias_D")
    return replace(sae, **{name: getattr(sae, name).detach().contiguous() for name in names})


def _own(sae: SparseAutoencoder) -> dict[str, bytes]:
    about = {"format": 1, "k": sae.k, "normalise": sae.normalise, "scale": sae.scale}
    about |= {"latents": sae.latents, "width": sae.width}
    tensors = {"encoder": sae.encoder_LD, "decoder": sae.decoder_LD}
    tensors |= {"latent_bias": sae.latent_bias_L, "pre_bias": sae.pre_bias_D}
    return {OWN_TENSORS: _packed(tensors), OWN: json.dumps(about, indent=1).encode()}


def _read_own(folder: Path) -> SparseAutoencoder:
    about = _json(folder / OWN)
    encoder, decoder, latent, pre = _tensors(folder / OWN_TENSORS, ("encoder", "decoder", "latent_bias", "pre_bias"))
    how = _fields(about, folder / OWN, k=int, normalise=str, scale=float)
    return SparseAutoencoder(encoder, decoder, latent, pre, **how)


def _openai(sae: SparseAutoencoder) -> dict[str, bytes]:
    import io

    if sae.normalise != "layer":
        raise BadInput(
            "OpenAI's loader normalises every TopK autoencoder (`layer`); this one is of `scale`: use saelens"
        )
    tensors: dict[str, Any] = {
        "pre_bias": sae.pre_bias_D,
        "latent_bias": sae.latent_bias_L,
        "stats_last_nonzero": torch.zeros(sae.latents, dtype=torch.long),
        "latents_activation_frequency": torch.ones(sae.latents),
        "latents_mean_square": torch.zeros(sae.latents),
        "encoder.weight": sae.encoder_LD,
        "decoder.weight": sae.decoder_LD.T.contiguous(),
        "activation": "TopK",
        "activation_state_dict": {"k": sae.k, "postact_fn": "ReLU"},
    }
    buffer = io.BytesIO()
    torch.save(tensors, buffer)
    return {PT: buffer.getvalue()}


def _read_openai(file: Path) -> SparseAutoencoder:
    if not file.is_file():
        raise BadInput(f"{file}: there is no such file: check the path")
    try:
        found = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load raises many kinds for what it can't read
        raise BadInput(f"{file}: no state_dict of an autoencoder that can be read ({type(error).__name__})") from error
    if not isinstance(found, Mapping) or found.get("activation") != "TopK":
        kind = found.get("activation", "none") if isinstance(found, Mapping) else type(found).__name__
        raise BadInput(f"{file}: a TopK autoencoder was expected, found activation {kind!r}")
    state = found.get("activation_state_dict") or {}
    if state.get("postact_fn", "ReLU") != "ReLU":
        raise BadInput(f"{file}: TopK followed by ReLU was expected, found {state['postact_fn']!r}")
    encoder, decoder, latent, pre = _named(found, file, ("encoder.weight", "decoder.weight", "latent_bias", "pre_bias"))
    k = _fields(state, file, k=int)["k"]
    return SparseAutoencoder(encoder, decoder.T.contiguous(), latent, pre, k, "layer")


def _saelens(sae: SparseAutoencoder) -> dict[str, bytes]:
    sae = sae.folded()
    config = {
        "architecture": "topk",
        "d_in": sae.width,
        "d_sae": sae.latents,
        "k": sae.k,
        "dtype": "float32",
        "device": "cpu",
        "apply_b_dec_to_input": True,
        "normalize_activations": "layer_norm" if sae.normalise == "layer" else "none",
        "reshape_activations": "none",
        "rescale_acts_by_decoder_norm": False,
        "metadata": {},
    }
    tensors = {"W_enc": sae.encoder_LD.T, "W_dec": sae.decoder_LD, "b_enc": sae.latent_bias_L, "b_dec": sae.pre_bias_D}
    return {LENS_TENSORS: _packed(tensors), "cfg.json": json.dumps(config, indent=1).encode()}


def _read_saelens(folder: Path) -> SparseAutoencoder:
    file = folder / "cfg.json"
    config = _json(file)
    for name, known in {
        "architecture": ("topk",),
        "normalize_activations": ("none", "layer_norm"),
        "reshape_activations": ("none",),
    }.items():
        if config.get(name, known[0]) not in known:
            raise BadInput(f"{file}: {name} {' or '.join(known)} was expected, found {config[name]!r}")
    encoder, decoder, latent, pre = _tensors(folder / LENS_TENSORS, ("W_enc", "W_dec", "b_enc", "b_dec"))
    if config.get("rescale_acts_by_decoder_norm", False):  # its latents are those of a decoder of unit length
        length_L = decoder.norm(dim=1)
        encoder, latent, decoder = encoder * length_L, latent * length_L, decoder / length_L[:, None]
    encoder = encoder.T.contiguous()
    if not config.get("apply_b_dec_to_input", True):
        latent = latent + encoder @ pre
    normalise: Normalise = "layer" if config.get("normalize_activations") == "layer_norm" else "scale"
    return SparseAutoencoder(encoder, decoder, latent, pre, _fields(config, file, k=int)["k"], normalise)


def _sparsify(sae: SparseAutoencoder) -> dict[str, bytes]:
    if sae.normalise == "layer":
        raise BadInput("sparsify's layout has no normalisation of rows (`layer`): use saelens or openai")
    sae = sae.folded()
    config = {
        "activation": "topk",
        "expansion_factor": max(1, sae.latents // sae.width),
        "normalize_decoder": True,
        "num_latents": sae.latents,
        "k": sae.k,
        "multi_topk": False,
        "skip_connection": False,
        "transcode": False,
        "d_in": sae.width,
    }
    tensors = {"encoder.weight": sae.encoder_LD, "encoder.bias": sae.latent_bias_L}
    tensors |= {"W_dec": sae.decoder_LD, "b_dec": sae.pre_bias_D}
    return {SPARSIFY_TENSORS: _packed(tensors), "cfg.json": json.dumps(config, indent=1).encode()}


def _read_sparsify(folder: Path) -> SparseAutoencoder:
    file = folder / "cfg.json"
    config = _json(file)
    if config.get("activation", "topk") != "topk" or config.get("transcode") or config.get("skip_connection"):
        raise BadInput(
            f"{file}: a plain TopK autoencoder was expected, not groupmax, a transcoder or a skip connection"
        )
    names = ("encoder.weight", "W_dec", "encoder.bias", "b_dec")
    encoder, decoder, latent, pre = _tensors(folder / SPARSIFY_TENSORS, names)
    return SparseAutoencoder(encoder, decoder, latent, pre, _fields(config, file, k=int)["k"])


def _packed(tensors: Mapping[str, Tensor]) -> bytes:
    from safetensors.torch import save

    return bytes(save({name: tensor.contiguous() for name, tensor in tensors.items()}))


def _tensors(file: Path, names: tuple[str, ...]) -> list[Tensor]:
    """Those tensors of a safetensors file, as float32."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        found = load_file(file)
    except (SafetensorError, OSError) as error:
        raise BadInput(f"{file}: can't be read as safetensors: {error}") from error
    return _named(found, file, names)


def _named(found: Mapping[str, Any], file: Path, names: tuple[str, ...]) -> list[Tensor]:
    missing = [name for name in names if not isinstance(found.get(name), Tensor)]
    if missing:
        raise BadInput(f"{file}: the tensors {', '.join(names)} were expected, {', '.join(missing)} missing")
    tensors = [found[name].float() for name in names]
    if [tensor.ndim for tensor in tensors] != [2, 2, 1, 1]:
        raise BadInput(f"{file}: matrices {names[0]}, {names[1]} and vectors {names[2]}, {names[3]} were expected")
    return tensors


def _json(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise BadInput(f"{file}: a JSON object was expected: {error}") from error
    if not isinstance(value, dict):
        raise BadInput(f"{file}: a JSON object was expected, found {type(value).__name__}")
    return value


def _fields(about: Mapping[str, Any], file: Path, **kinds: type) -> dict[str, Any]:
    """Those fields, each of its type (a whole number is a float too)."""
    for name, kind in kinds.items():
        value = about.get(name)
        if isinstance(value, bool) or not isinstance(value, (int, float) if kind is float else kind):
            raise BadInput(f"{file}: {name} was expected to be of type {kind.__name__}, found {value!r}")
    return {name: about[name] for name in kinds}
