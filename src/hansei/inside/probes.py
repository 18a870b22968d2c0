"""Which single latent tells a property best: logistic probes of one latent, and detection by a threshold."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

RIDGE = 1e-4
"""Penalty on the slope of a standardised latent, so that one that separates perfectly has a finite probe."""


class Probes(NamedTuple):
    """p = sigmoid(slope z + offset) for each latent, as it tells a property from that latent alone."""

    loss_L: Tensor
    """Mean cross-entropy in nats; the least of them is the property's probe loss (section 4.2)."""
    slope_L: Tensor
    offset_L: Tensor


def one_latent_probes(z_NL: Tensor, label_N: Tensor, steps: int = 30) -> Probes:
    """Logistic regression on each of L latents by Newton's steps, all at once: 2 x 2 systems in closed form.

    `z_NL` are activations before TopK (section 4.2 of arXiv 2406.04093), `label_N` 0 or 1.
    """
    z_NL = z_NL.double()  # the systems are near singular where a latent hardly varies
    # A latent that differs by rounding only has nothing to tell, and is not blown up to unit spread.
    spread_L = torch.maximum(z_NL.std(0), 1e-6 * z_NL.abs().amax(0)).clamp_min(1e-12)
    mean_L = z_NL.mean(0)
    x_NL = (z_NL - mean_L) / spread_L
    y_N1 = label_N.to(x_NL.dtype)[:, None]
    slope_L, offset_L = torch.zeros_like(mean_L), torch.zeros_like(mean_L)
    for _ in range(steps):
        p_NL = torch.sigmoid(x_NL * slope_L + offset_L)
        error_NL, curve_NL = p_NL - y_N1, p_NL * (1 - p_NL)
        pull_L, push_L = (error_NL * x_NL).mean(0) + RIDGE * slope_L, error_NL.mean(0)
        a_L = (curve_NL * x_NL * x_NL).mean(0) + RIDGE
        b_L, c_L = (curve_NL * x_NL).mean(0), curve_NL.mean(0) + 1e-9
        determinant_L = a_L * c_L - b_L * b_L
        slope_L = slope_L - ((c_L * pull_L - b_L * push_L) / determinant_L).clamp(-4, 4)
        offset_L = offset_L - ((a_L * push_L - b_L * pull_L) / determinant_L).clamp(-4, 4)
    logit_NL = x_NL * slope_L + offset_L
    loss_L = torch.nn.functional.softplus(logit_NL).mean(0) - (y_N1 * logit_NL).mean(0)
    return Probes(loss_L, slope_L / spread_L, offset_L - slope_L * mean_L / spread_L)


class Detector(NamedTuple):
    """A latent and the activation above which it says yes."""

    latent: int
    threshold: float
    f1: float
    """On what it was chosen on."""


def best_detectors(z_NL: Tensor, label_N: Tensor, count: int = 1) -> list[Detector]:
    """The latents whose best threshold gives the highest F1, each with that threshold; latents below 0 never fire."""
    sorted_NL, order_NL = z_NL.sort(dim=0, descending=True)
    hits_NL = label_N.float()[order_NL].cumsum(0)
    said_N1 = torch.arange(1, len(z_NL) + 1)[:, None]
    f1_NL = 2 * hits_NL / (said_N1 + label_N.sum())
    next_NL = torch.cat([sorted_NL[1:], torch.zeros_like(sorted_NL[:1])])
    f1_NL[(sorted_NL <= next_NL) | (sorted_NL <= 0)] = 0  # a threshold lies between two different values, above 0
    best_L, cut_L = f1_NL.max(0)
    chosen = best_L.topk(count).indices.tolist()
    return [Detector(i, float((sorted_NL[cut_L[i], i] + next_NL[cut_L[i], i]) / 2), float(best_L[i])) for i in chosen]
