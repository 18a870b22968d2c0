"""TopK sparse autoencoders (Gao et al. 2024, *Scaling and Evaluating Sparse Autoencoders*, arXiv 2406.04093).

    z     = ReLU(TopK_k(W_enc (x - b_pre) + b_lat))
    x_hat = W_dec z + b_pre

on activations that are normalised first; how is a part of the autoencoder and is saved with it. The dense code z, B x
L, is never made: the K largest latents of a row are its values and its places.

Shape letters: B rows (tokens), D width of the activations, L latents, K active latents of a row.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from hansei.core.errors import BadInput
from hansei.inside.sparse_settings import Normalise, check_sizes

EPSILON = 1e-5
"""Added to a row's standard deviation, as in the authors' code."""
PROBES = 256
"""Random unit vectors that the encoder's first scale is measured on."""


class Code(NamedTuple):
    """The active latents of B rows."""

    values_BK: Tensor
    """Activations, none below 0; the largest first."""
    places_BK: Tensor
    """Which latents they are."""


class Frame(NamedTuple):
    """What takes a normalised row back to where it came from."""

    mean_B1: Tensor | float
    """Subtracted from each row."""
    scale_B1: Tensor | float
    """What each row was divided by."""


@dataclass(frozen=True)
class SparseAutoencoder:
    """A TopK autoencoder: weights and the settings that its activations depend on. Decoder rows have unit length."""

    encoder_LD: Tensor
    """W_enc."""
    decoder_LD: Tensor
    """W_dec transposed: one direction a row."""
    latent_bias_L: Tensor
    """b_lat."""
    pre_bias_D: Tensor
    """b_pre, in normalised units."""
    k: int
    """Active latents of a row."""
    normalise: Normalise = "scale"
    """`layer`: each row to mean 0 and standard deviation 1, as the released ones; `scale`: all rows by one number."""
    scale: float = 1.0
    """What rows are divided by where `normalise` is `scale`; 1 leaves them as they are."""

    def __post_init__(self) -> None:
        """Raises BadInput where shapes don't fit together or k is more than there are latents."""
        latents, width = self.encoder_LD.shape
        expected = {"decoder": (latents, width), "latent bias": (latents,), "pre-bias": (width,)}
        found = {"decoder": self.decoder_LD, "latent bias": self.latent_bias_L, "pre-bias": self.pre_bias_D}
        for name, shape in expected.items():
            if tuple(found[name].shape) != shape:
                raise BadInput(f"autoencoder: its {name} was expected to be {shape}, is {tuple(found[name].shape)}")
        check_sizes(latents, self.k)
        if self.normalise not in ("layer", "scale") or not self.scale > 0:
            raise BadInput(f"autoencoder: normalise {self.normalise!r} and scale {self.scale} make no normalisation")

    @property
    def latents(self) -> int:
        """L."""
        return int(self.encoder_LD.shape[0])

    @property
    def width(self) -> int:
        """D."""
        return int(self.encoder_LD.shape[1])

    def normalised(self, x_BD: Tensor) -> tuple[Tensor, Frame]:
        """The rows as the autoencoder sees them, and the way back. Raises BadInput at rows of another width."""
        if x_BD.shape[-1] != self.width:
            raise BadInput(
                f"the autoencoder takes activations of width {self.width}, these have {x_BD.shape[-1]}: "
                "it was trained on another model or another module"
            )
        x_BD = x_BD.to(self.encoder_LD.dtype)
        if self.normalise == "scale":
            return x_BD / self.scale, Frame(0.0, self.scale)
        mean_B1 = x_BD.mean(-1, keepdim=True)
        spread_B1 = x_BD.std(-1, keepdim=True)
        return (x_BD - mean_B1) / (spread_B1 + EPSILON), Frame(mean_B1, spread_B1)

    def pre_activations(self, x_BD: Tensor) -> Tensor:
        """All L latents of *normalised* rows before TopK: B x L, for probes and small batches."""
        return torch.addmm(self.latent_bias_L, x_BD - self.pre_bias_D, self.encoder_LD.T)

    def encode(self, x_BD: Tensor, k: int | None = None) -> tuple[Code, Frame]:
        """The code of rows as they come from the model; `k` other than the autoencoder's own, for looking."""
        rows_BD, frame = self.normalised(x_BD)
        values_BK, places_BK = self.pre_activations(rows_BD).topk(k or self.k)
        return Code(values_BK.relu(), places_BK), frame

    def decode(self, code: Code, frame: Frame) -> Tensor:
        """Reconstructions, in the units of the rows that were encoded."""
        return weighted_rows(self.decoder_LD, code).add_(self.pre_bias_D) * frame.scale_B1 + frame.mean_B1

    def reconstruct(self, x_BD: Tensor) -> Tensor:
        """`decode(encode(x))`."""
        return self.decode(*self.encode(x_BD)).to(x_BD.dtype)

    def folded(self) -> SparseAutoencoder:
        """The same autoencoder with `scale` put into its weights. Exact: ReLU and TopK keep positive factors.

        Its latents are `scale` times as large. One of `layer` normalisation has none, and comes back as it is.
        """
        return replace(
            self, latent_bias_L=self.latent_bias_L * self.scale, pre_bias_D=self.pre_bias_D * self.scale, scale=1.0
        )

    def unit(self) -> SparseAutoencoder:
        """With decoder rows of unit length: what training does before each step, and at its end."""
        return replace(self, decoder_LD=F.normalize(self.decoder_LD, dim=1))


def weighted_rows(table_LD: Tensor, code: Code) -> Tensor:
    """sum_k values[b, k] table[places[b, k]]: B x D, without the dense code."""
    return F.embedding_bag(code.places_BK, table_LD, mode="sum", per_sample_weights=code.values_BK)


def initial(
    sample_BD: Tensor, latents: int, k: int, *, normalise: Normalise = "scale", seed: int = 0
) -> SparseAutoencoder:
    """An untrained autoencoder for activations like those of the sample (appendix A.1; the authors' train.py).

    b_pre is the sample's geometric median; decoder rows are random directions; the encoder is their copy, scaled so
    that a random unit vector's reconstruction has unit length on average. `scale` is the root mean square of the
    sample's entries around their mean, so that steps are of the same size for every model.
    """
    check_sizes(latents, k)
    draw = torch.Generator().manual_seed(seed)
    width = sample_BD.shape[-1]
    directions_LD = F.normalize(torch.randn(latents, width, generator=draw), dim=1)
    scale = 1.0 if normalise == "layer" else float((sample_BD - sample_BD.mean(0)).float().pow(2).mean().sqrt())
    if not scale > 0:
        raise BadInput("all activations of the sample are the same: nothing can be learnt from them")
    blank = SparseAutoencoder(
        directions_LD, directions_LD.clone(), torch.zeros(latents), torch.zeros(width), k, normalise, scale
    )
    probes_BD = F.normalize(torch.randn(PROBES, width, generator=draw), dim=1)
    probed = replace(blank, normalise="scale", scale=1.0).reconstruct(probes_BD)
    return replace(
        blank,
        encoder_LD=directions_LD / probed.norm(dim=1).mean(),
        pre_bias_D=geometric_median(blank.normalised(sample_BD.float())[0]),
    )


def geometric_median(x_BD: Tensor, steps: int = 100, tolerance: float = 1e-5) -> Tensor:
    """The point with the least sum of distances to the rows, by Weiszfeld's iteration."""
    found_D = x_BD.mean(0)
    for _ in range(steps):
        weight_B = 1 / (x_BD - found_D).norm(dim=1).clamp_min(1e-8)
        next_D = (weight_B @ x_BD) / weight_B.sum()
        moved = float((next_D - found_D).norm())
        found_D = next_D
        if moved <= tolerance * float(found_D.norm() + 1e-12):
            break
    return found_D
