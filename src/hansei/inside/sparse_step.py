"""One training step's loss and gradients of a TopK autoencoder, on processors: exact, and without the dense code.

A dense step is six products of B x D x L: encoder and decoder forward, and four backward. Here one is left, the
encoder's; everything else touches only the B x K active latents (arXiv 2406.04093, appendix D has the same idea for
GPUs). Decoding and both weights' gradients are weighted sums of rows (`embedding_bag`), the latter over the active
places sorted by latent; gradients of activations are dot products at the active places.

With bf16 instructions the encoder's product is made in bf16 only to find a shortlist of 2K latents, whose activations
are then computed in float32. A bound on the rounding of bf16 tells for each row whether a latent outside of the
shortlist could belong to the K largest; the few rows where it could are computed in float32 whole. So the result is
that of float32, never of bf16. The plain version of all this is the oracle in tests/inside/test_sparse_step.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from hansei.inside.sparse_autoencoder import Code, SparseAutoencoder, weighted_rows

SHORTLIST = 2
"""Latents on the shortlist for each active one."""
BF16 = 2.0**-8
"""Largest relative rounding error of bf16, which keeps 8 bits."""
ROWS = 256
"""Rows that are looked through at a time."""
MULTI, MULTI_WEIGHT = 4, 1 / 8
"""Multi-TopK: so many times as many latents, and the weight of their loss (appendix A.4)."""


class Picked(NamedTuple):
    """The K largest pre-activations of each row, the largest first, before ReLU."""

    values_BK: Tensor
    """Exact in the precision of the weights."""
    places_BK: Tensor
    """Which latents they are."""
    whole: int
    """Rows that bf16 could not decide, and that were computed whole."""


@dataclass(frozen=True)
class Weights:
    """What the loss is made of."""

    variance: float
    """Mean squared distance of the first batch from its mean: the reconstruction error is divided by it."""
    aux_k: int = 512
    """Dead latents that rebuild what is missing of a row (k_aux)."""
    aux_weight: float = 1 / 32
    """Weight of their loss; 0 leaves it out."""
    multi: bool = False
    """Multi-TopK."""


class Gradients(NamedTuple):
    """Losses of a batch and the gradients of their weighted sum."""

    error: float
    """Mean squared error of the reconstruction over `variance`."""
    multi: float
    """The same with `MULTI` times as many latents; 0 without Multi-TopK."""
    aux: float
    """Normalised error of the dead latents' reconstruction of what was missing; 0 where none is dead."""
    encoder_LD: Tensor
    decoder_LD: Tensor
    latent_bias_L: Tensor
    pre_bias_D: Tensor
    picked: Picked
    """The active latents, for counting dead ones."""


def gradients(sae: SparseAutoencoder, x_BD: Tensor, dead_L: Tensor, weights: Weights, *, bf16: bool) -> Gradients:
    """Loss and gradients on a batch of *normalised* rows; `dead_L` says which latents count as dead.

    L = MSE(k)/variance [+ MSE(4k)/variance/8] + aux_weight · nMSE(decode(z_aux), x - sg(x_hat)).
    """
    sparse = _Sums(sae, x_BD)
    wanted = min(sae.k * (MULTI if weights.multi else 1), sae.latents)
    picked = pick(sae, sparse.centred_BD, wanted, bf16=bf16)
    active_BK = picked.values_BK.relu()
    pull_BK = torch.zeros_like(active_BK)
    order = _by_latent(picked.places_BK, sae.latents)
    losses, missing_BD = [0.0, 0.0], x_BD
    for term, (count, weight) in enumerate(((sae.k, 1.0), (wanted, MULTI_WEIGHT))[: 1 + weights.multi]):
        code = Code(active_BK[:, :count].contiguous(), picked.places_BK[:, :count].contiguous())
        error_BD = weighted_rows(sae.decoder_LD, code).add_(sae.pre_bias_D).sub_(x_BD)
        losses[term] = float(error_BD.pow(2).mean()) / weights.variance
        missing_BD = -error_BD if term == 0 else missing_BD
        back_BD = error_BD * (2 * weight / weights.variance / error_BD.numel())
        pull_BK[:, :count] += _dots_of(sae.decoder_LD, back_BD, code.places_BK)
        kept_BK = torch.zeros_like(active_BK)
        kept_BK[:, :count] = code.values_BK
        pushed_LD = _sum_by_latent(order, kept_BK, back_BD)
        sparse.decoder_LD = pushed_LD if term == 0 else sparse.decoder_LD.add_(pushed_LD)
        sparse.pre_bias_D += back_BD.sum(0)
    pull_BK *= picked.values_BK > 0  # ReLU
    sparse.encoder_LD = _sum_by_latent(order, pull_BK, sparse.centred_BD)
    sparse.latent_bias_L.index_add_(0, picked.places_BK.flatten(), pull_BK.flatten())
    aux = _aux(sae, sparse, missing_BD, dead_L, weights)
    sparse.pre_bias_D -= sparse.latent_bias_L @ sae.encoder_LD  # what enters through x - b_pre, all at once
    return Gradients(
        losses[0],
        losses[1],
        aux,
        sparse.encoder_LD,
        sparse.decoder_LD,
        sparse.latent_bias_L,
        sparse.pre_bias_D,
        Picked(picked.values_BK[:, : sae.k], picked.places_BK[:, : sae.k], picked.whole),
    )


def pick(sae: SparseAutoencoder, centred_BD: Tensor, wanted: int, *, bf16: bool) -> Picked:
    """The largest pre-activations of rows from which b_pre was subtracted; `bf16` by way of the shortlist.

    A few rows at a time, so that the B x L pre-activations stay in the processor's cache and are never there whole.
    """
    listed = SHORTLIST * wanted
    if bf16 and listed < sae.latents:
        rounded = _rounded(sae)
        parts = [_shortlisted(sae, rounded, part, wanted, listed) for part in torch.split(centred_BD, ROWS)]
    else:
        parts = [_whole(sae, part, wanted) for part in torch.split(centred_BD, ROWS)]
    return Picked(
        torch.cat([p.values_BK for p in parts]), torch.cat([p.places_BK for p in parts]), sum(p.whole for p in parts)
    )


def _whole(sae: SparseAutoencoder, x_BD: Tensor, wanted: int) -> Picked:
    values, places = torch.addmm(sae.latent_bias_L, x_BD, sae.encoder_LD.T).topk(wanted)
    return Picked(values, places, 0)


class _Rounded(NamedTuple):
    """The encoder in bf16, and what rounding did to it at most."""

    encoder_LD: Tensor
    bias_L: Tensor
    longest: float
    """Length of its longest row, before."""
    lost: float
    """Length of the longest difference of a row."""
    bias: float
    """Largest bias."""


def _rounded(sae: SparseAutoencoder) -> _Rounded:
    """Piece by piece, so that what is read once stays in the cache for the lengths."""
    pieces, longest, lost = [], 0.0, 0.0
    for part_LD in torch.split(sae.encoder_LD, ROWS):
        pieces.append(part_LD.bfloat16())
        longest = max(longest, float(part_LD.norm(dim=1).max()))
        lost = max(lost, float(pieces[-1].float().sub_(part_LD).norm(dim=1).max()))
    bias = sae.latent_bias_L
    return _Rounded(torch.cat(pieces), bias.bfloat16(), longest, lost, float(bias.abs().max()))


def _shortlisted(sae: SparseAutoencoder, rounded: _Rounded, x_BD: Tensor, wanted: int, listed: int) -> Picked:
    """Rough in bf16, then exact where it can matter: a latent that is sure to be below the K-th is left out."""
    rough_x_BD = x_BD.bfloat16()
    rough_BS, short_BS = torch.addmm(rounded.bias_L, rough_x_BD, rounded.encoder_LD.T).topk(listed)
    slack_B1 = _slack(sae, rounded, x_BD, rough_x_BD)[:, None]
    rough_BS = rough_BS.float()
    spread_BS = rough_BS.abs() * (BF16 / (1 - BF16)) + slack_B1  # the true one is within this of the rough one
    sure_B1 = (rough_BS - spread_BS)[:, :wanted].amin(1, keepdim=True)  # K are at least this
    matters_BS = rough_BS + spread_BS >= sure_B1
    bags, _ = matters_BS.nonzero(as_tuple=True)
    places = short_BS[matters_BS]
    exact_BS = torch.full_like(rough_BS, -torch.inf)
    exact_BS[matters_BS] = _dots(sae.encoder_LD, x_BD, bags, places) + sae.latent_bias_L[places]
    values, within = exact_BS.topk(wanted)
    found = short_BS.gather(1, within)
    undecided = (values[:, -1] < (rough_BS + spread_BS)[:, -1]).nonzero().flatten()
    if len(undecided):
        values[undecided], found[undecided], _ = _whole(sae, x_BD[undecided], wanted)
    return Picked(values, found, len(undecided))


def _slack(sae: SparseAutoencoder, rounded: _Rounded, x_BD: Tensor, rough_BD: Tensor) -> Tensor:
    """How far a pre-activation can be from the rough one before that was rounded itself; for each row.

    With x' and w' in bf16, x·w - x'·w' = (x - x')·w + x'·(w - w') is at most |x - x'| |w| + |x'| |w - w'|. Adding up in
    float32 costs less than D · 2^-23 |x'| |w'|, rounding the bias at most a share BF16 of it.
    """
    lost_B = (x_BD - rough_BD).norm(dim=1)
    length_B = rough_BD.float().norm(dim=1)
    adding = sae.width * 2.0**-23 * (rounded.longest + rounded.lost)
    slack_B: Tensor = lost_B * rounded.longest + length_B * (rounded.lost + adding) + BF16 * rounded.bias
    return slack_B


class _Sums:
    """Gradients being added up."""

    def __init__(self, sae: SparseAutoencoder, x_BD: Tensor) -> None:
        self.centred_BD = x_BD - sae.pre_bias_D
        self.encoder_LD = self.decoder_LD = torch.empty(0)  # set by the first sum: adding to zeros would cost a pass
        self.latent_bias_L = torch.zeros_like(sae.latent_bias_L)
        self.pre_bias_D = torch.zeros_like(sae.pre_bias_D)


class _Order(NamedTuple):
    """The active places sorted by latent."""

    order: Tensor
    """Their numbers in the flattened B x K."""
    rows: Tensor
    """The row of each."""
    starts_L: Tensor
    """Where each latent's begin."""


def _by_latent(places_BK: Tensor, latents: int) -> _Order:
    flat = places_BK.flatten()
    order = flat.argsort()
    counts_L = torch.bincount(flat, minlength=latents)
    return _Order(order, order // places_BK.shape[1], counts_L.cumsum(0) - counts_L)


def _sum_by_latent(at: _Order, values_BK: Tensor, rows_BD: Tensor) -> Tensor:
    """sparse(values)ᵀ rows: for each latent the weighted sum of the rows that it is active in, L x D."""
    return F.embedding_bag(at.rows, rows_BD, at.starts_L, mode="sum", per_sample_weights=values_BK.flatten()[at.order])


def _dots(table_LD: Tensor, rows_BD: Tensor, bags_N: Tensor, places_N: Tensor) -> Tensor:
    """rows[bag] · table[place] for N pairs sorted by bag, by what embedding_bag's backward is made of."""
    starts = torch.empty(0, dtype=torch.long)  # told by the bags
    dots: Tensor = torch.ops.aten._embedding_bag_per_sample_weights_backward(
        rows_BD.contiguous(), table_LD, places_N, starts, bags_N, 0, -1
    )
    return dots


def _dots_of(table_LD: Tensor, rows_BD: Tensor, places_BK: Tensor) -> Tensor:
    """rows[b] · table[places[b, k]]: B x K."""
    bags = torch.arange(len(places_BK)).repeat_interleave(places_BK.shape[1])
    return _dots(table_LD, rows_BD, bags, places_BK.flatten()).view(places_BK.shape)


def _aux(sae: SparseAutoencoder, sums: _Sums, missing_BD: Tensor, dead_L: Tensor, weights: Weights) -> float:
    """AuxK (appendix A.2): the k_aux largest *dead* latents of a row rebuild what is missing of it.

    Dense over the dead latents only, of which there are few. b_pre stands on both sides, without gradient on one.
    A loss that is no number (nothing is missing, say) counts as 0, as in the authors' code.
    """
    dead_M = dead_L.nonzero().flatten()
    if not len(dead_M) or not weights.aux_weight:
        return 0.0
    encoder_MD, decoder_MD = sae.encoder_LD[dead_M], sae.decoder_LD[dead_M]
    active_BM = torch.addmm(sae.latent_bias_L[dead_M], sums.centred_BD, encoder_MD.T)
    if weights.aux_k < len(dead_M):
        least_B1 = active_BM.topk(weights.aux_k).values[:, -1:]
        active_BM.masked_fill_(active_BM < least_B1, 0)
    active_BM.relu_()
    error_BD = active_BM @ decoder_MD - missing_BD
    target_BD = missing_BD + sae.pre_bias_D
    spread = (target_BD - target_BD.mean(0)).pow(2).mean()
    loss = float(error_BD.pow(2).mean() / spread)
    if not loss < float("inf"):
        return 0.0
    back_BD = error_BD.mul_(2 * weights.aux_weight / float(spread) / error_BD.numel())
    pull_BM = (back_BD @ decoder_MD.T).mul_(active_BM > 0)
    sums.decoder_LD.index_add_(0, dead_M, active_BM.T @ back_BD)
    sums.encoder_LD.index_add_(0, dead_M, pull_BM.T @ sums.centred_BD)
    sums.latent_bias_L.index_add_(0, dead_M, pull_BM.sum(0))
    sums.pre_bias_D += back_BD.sum(0)
    return loss
