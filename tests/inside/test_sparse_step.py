"""The fast step against the plain one: dense code, autograd, float64; and the shortlist against whole rows."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from hansei.inside.sparse_autoencoder import SparseAutoencoder
from hansei.inside.sparse_step import Weights, gradients, pick

NAMES = ("encoder_LD", "decoder_LD", "latent_bias_L", "pre_bias_D")


def random_sae(seed: int, latents: int = 96, width: int = 24, k: int = 5, dtype: torch.dtype = torch.float64):
    draw = torch.Generator().manual_seed(seed)

    def of(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=draw, dtype=torch.float64).to(dtype)

    sae = SparseAutoencoder(of(latents, width) / 5, of(latents, width), of(latents) / 10, of(width) / 10, k)
    return sae.unit(), of(64, width), torch.rand(latents, generator=draw) < 0.4


def dense_loss(sae: SparseAutoencoder, x: Tensor, dead: Tensor, weights: Weights) -> tuple[Tensor, ...]:
    """The definition, with a dense code of B x L: error, Multi-TopK's error, AuxK's error."""

    def topk(pre: Tensor, k: int) -> Tensor:
        values, places = pre.topk(k)
        return torch.zeros_like(pre).scatter(1, places, values.relu())

    pre = (x - sae.pre_bias_D) @ sae.encoder_LD.T + sae.latent_bias_L
    rebuilt = topk(pre, sae.k) @ sae.decoder_LD + sae.pre_bias_D
    error = (rebuilt - x).pow(2).mean() / weights.variance
    more = topk(pre, 4 * sae.k) @ sae.decoder_LD + sae.pre_bias_D
    multi = (more - x).pow(2).mean() / weights.variance * weights.multi
    aux = torch.zeros(())
    if dead.any():
        code = topk(pre.where(dead, -torch.inf), min(weights.aux_k, int(dead.sum())))
        target = (x - rebuilt + sae.pre_bias_D).detach()
        part = code @ sae.decoder_LD + sae.pre_bias_D
        aux = (part - target).pow(2).mean() / (target - target.mean(0)).pow(2).mean()
    return error, multi, aux


@pytest.mark.parametrize("multi", [False, True])
@pytest.mark.parametrize("aux_k", [4, 512])
@pytest.mark.parametrize("any_dead", [False, True])
def test_losses_and_gradients_are_those_of_the_dense_definition(multi: bool, aux_k: int, any_dead: bool) -> None:
    sae, x, dead = random_sae(1)
    dead = dead if any_dead else torch.zeros_like(dead)
    weights = Weights(variance=0.7, aux_k=aux_k, aux_weight=0.3, multi=multi)
    leaves = [getattr(sae, name).clone().requires_grad_() for name in NAMES]
    parts = dense_loss(replace(sae, **dict(zip(NAMES, leaves, strict=True))), x, dead, weights)
    expected = torch.autograd.grad(parts[0] + parts[1] / 8 + 0.3 * parts[2], leaves)
    found = gradients(sae, x, dead, weights, bf16=False)
    assert [found.error, found.multi, found.aux] == pytest.approx([part.item() for part in parts], rel=1e-12)
    for name, grad in zip(NAMES, expected, strict=True):
        torch.testing.assert_close(getattr(found, name), grad, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("spread", [1.0, 1e-3, 0.0])
def test_a_shortlist_made_in_bf16_gives_the_float32_choice(spread: float) -> None:
    """Also where latents are nearly or wholly alike, so that bf16 can't tell them apart and rows are done whole."""
    draw = torch.Generator().manual_seed(3)
    common = torch.randn(1, 64, generator=draw)
    encoder = common + spread * torch.randn(512, 64, generator=draw)
    bias = 0.1 * spread * torch.randn(512, generator=draw)
    sae = SparseAutoencoder(encoder, encoder.clone(), bias, torch.zeros(64), 8)
    x = common + torch.randn(40, 64, generator=draw)
    picked = pick(sae, x, 8, bf16=True)
    true = x.double() @ encoder.double().T + bias.double()
    near = 1e-5 * x.norm(dim=1) * encoder.norm(dim=1).max()  # float32's own rounding
    assert (picked.values_BK[:, -1] >= true.topk(8).values[:, -1] - near).all()
    torch.testing.assert_close(
        picked.values_BK.double(), true.gather(1, picked.places_BK), atol=float(near.max()), rtol=0
    )
    assert all(len(set(row)) == 8 for row in picked.places_BK.tolist())
    assert (picked.whole == len(x)) if spread < 1 else (picked.whole < len(x))


def test_a_batch_that_is_rebuilt_perfectly_has_no_auxiliary_loss() -> None:
    """What is missing has no spread then, and 0/0 must not reach the weights."""
    sae, _, dead = random_sae(2)
    alone = replace(sae, pre_bias_D=torch.zeros_like(sae.pre_bias_D), latent_bias_L=torch.zeros_like(sae.latent_bias_L))
    found = gradients(alone, torch.zeros(8, sae.width, dtype=torch.float64), dead, Weights(1.0), bf16=False)
    assert found.aux == 0.0 and all(getattr(found, name).isfinite().all() for name in NAMES)
