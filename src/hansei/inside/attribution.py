"""Direct effects: how much each latent of a prompt speaks for one next token, by gradient times activation.

Letters: B texts, T tokens, K active latents of a token, D width, L latents, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from hansei.inside.activations import Layer, padded
from hansei.inside.corpus import Context
from hansei.inside.sparse_autoencoder import SparseAutoencoder

TOGETHER = 32


def direct_effects(layer: Layer, sae: SparseAutoencoder, texts: Sequence[Context], token: int) -> Tensor:
    """For each latent the mean over the texts of sum_t z_t ∂m/∂z_t, L values in logits.

    m is the logit of `token` as the next one, less that of its strongest rival: what is in the lead as long as it is
    above 0. To first order a latent's value is what m loses where the latent is ablated at every token.
    """
    found_L = torch.zeros(sae.latents)
    for start in range(0, len(texts), TOGETHER):
        batch = [text.ids for text in texts[start : start + TOGETHER]]
        for ids, hidden_TD, slope_TD in zip(batch, *_slopes(layer, batch, token), strict=True):
            code, frame = sae.encode(hidden_TD[: len(ids)])
            along_TK = torch.einsum("td,tkd->tk", slope_TD[: len(ids)], sae.decoder_LD[code.places_BK])
            effect_TK = along_TK * code.values_BK * frame.scale_B1
            found_L.index_add_(0, code.places_BK.flatten(), effect_TK.flatten())
    return found_L / len(texts)


def _slopes(layer: Layer, batch: Sequence[Sequence[int]], token: int) -> tuple[Tensor, Tensor]:
    """The module's output, B x T x D, and the slopes of each text's m along it."""
    seen: list[Tensor] = []

    def leaf(hidden_BTD: Tensor) -> Tensor:
        seen.append(hidden_BTD.detach().requires_grad_())
        return seen[0]

    inputs = padded(batch, layer.hf.device)
    with torch.enable_grad(), layer.replaced(leaf):
        logits_BTV = layer.hf(**inputs, use_cache=False).logits
        last_B = inputs["attention_mask"].sum(1) - 1
        next_BV = logits_BTV[torch.arange(len(batch)), last_B].float()
        rivals_BV = next_BV.index_fill(1, torch.tensor([token], device=next_BV.device), -torch.inf)
        margin = (next_BV[:, token] - rivals_BV.amax(1)).sum()
        (slope_BTD,) = torch.autograd.grad(margin, seen[0])
    return seen[0].detach(), slope_BTD
