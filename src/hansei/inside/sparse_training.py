"""Training of TopK autoencoders: the paper's recipe, step by step, from any stream of activations; resumable.

The order within a step is that of the authors' train.py: gradients, decoder rows to unit length, the decoder's gradient
without its part along the rows, moving average, Adam. Deviations from it (arXiv 2406.04093): the moving average is
short at first (min(ema, (1 + step) / (10 + step))), or a short training would end with a share of its start in it; the
learning rate falls at the end unless `decay` is 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from hansei.inside.sparse_autoencoder import SparseAutoencoder, initial
from hansei.inside.sparse_settings import TrainSettings
from hansei.inside.sparse_step import ROWS, Gradients, Picked, Weights, gradients

NAMES = ("encoder_LD", "decoder_LD", "latent_bias_L", "pre_bias_D")
FIRES = 1e-3
"""An activation above this, in normalised units, counts as firing (the authors' code)."""
SAMPLE = 32_768
"""Most activations that the start is made from."""


class Report(NamedTuple):
    """What a step found."""

    step: int
    """Steps done."""
    error: float
    """Squared error of the batch over the variance of the first one."""
    aux: float
    """Loss of the dead latents."""
    dead: float
    """Share of the latents that count as dead."""
    whole: float
    """Share of the batch's rows that bf16 could not decide."""


class Training:
    """A training in progress. `step(rows)` does one step; `finished()` is the autoencoder; `state` can be stored."""

    def __init__(self, sample_BD: Tensor, settings: TrainSettings) -> None:
        """Starts from a sample of activations: float32, any number of rows (more than `SAMPLE` are not used)."""
        self.settings = settings
        sample_BD = sample_BD[:SAMPLE].float()
        start = initial(sample_BD, settings.latents, settings.k, normalise=settings.normalise, seed=settings.seed)
        rows_BD = start.normalised(sample_BD)[0]
        half = sample_BD.shape[1] / 2
        self.weights = Weights(
            variance=float((rows_BD - rows_BD.mean(0)).pow(2).mean()),
            aux_k=settings.aux_k or 2 ** round(math.log2(max(1.0, half))),
            aux_weight=settings.aux_weight,
            multi=settings.multi,
        )
        self.steps_done = self.tokens = 0
        self.fired_L = torch.zeros(settings.latents, dtype=torch.long)
        self._take(start, {name: getattr(start, name).clone() for name in NAMES})
        self.float32_until = 0  # the step up to which the shortlist is left out, as it does not pay

    def _take(self, sae: SparseAutoencoder, average: dict[str, Tensor]) -> None:
        self.sae, self.average = sae, average
        self.parameters = [getattr(sae, name).requires_grad_() for name in NAMES]
        self.adam = torch.optim.Adam(self.parameters, lr=self.settings.rate, eps=6.25e-10, fused=True)

    @property
    def dead_L(self) -> Tensor:
        """Which latents have not fired for `dead_tokens` tokens."""
        return self.tokens - self.fired_L > self.settings.dead_tokens

    @torch.no_grad()
    def step(self, x_BD: Tensor) -> Report:
        """One optimiser step on activations as they come from the model."""
        rows_BD = self.sae.normalised(x_BD)[0]
        shortlist = self._bf16() and self.steps_done >= self.float32_until
        found = gradients(self.sae, rows_BD, self.dead_L, self.weights, bf16=shortlist)
        whole = found.picked.whole / len(x_BD)
        if whole > 0.5 and self.settings.bf16 == "auto":
            self.float32_until = self.steps_done + 100  # most rows are computed twice: try again later
        self._count(found.picked, len(x_BD))
        self._descend(found)
        return Report(self.steps_done, found.error, found.aux, float(self.dead_L.float().mean()), whole)

    def _bf16(self) -> bool:
        from hansei.training.precision import has_bf16

        return self.settings.bf16 == "yes" or (self.settings.bf16 == "auto" and has_bf16("cpu"))

    def _count(self, picked: Picked, rows: int) -> None:
        """Dead latents are counted in tokens: one scatter of the number of tokens seen."""
        self.tokens += rows
        self.fired_L[picked.places_BK[picked.values_BK > FIRES]] = self.tokens

    def _descend(self, found: Gradients) -> None:
        pieces = zip(torch.split(self.sae.decoder_LD, ROWS), torch.split(found.decoder_LD, ROWS), strict=True)
        for rows_LD, slope_LD in pieces:
            rows_LD /= rows_LD.norm(dim=1, keepdim=True)  # piece by piece: four passes over what is in the cache
            slope_LD.addcmul_(torch.linalg.vecdot(slope_LD, rows_LD)[:, None], rows_LD, value=-1)
        self.steps_done += 1
        kept = min(self.settings.ema, (1 + self.steps_done) / (10 + self.steps_done))
        torch._foreach_lerp_([self.average[name] for name in NAMES], self.parameters, 1 - kept)
        for name, parameter in zip(NAMES, self.parameters, strict=True):
            parameter.grad = getattr(found, name)
        for group in self.adam.param_groups:
            group["lr"] = self._rate()
        self.adam.step()

    def _rate(self) -> float:
        falling = self.settings.decay * self.settings.steps
        left = self.settings.steps - self.steps_done + 1
        return self.settings.rate * min(1.0, left / falling if falling else 1.0)

    def finished(self) -> SparseAutoencoder:
        """The autoencoder as it is now: the moving average, decoder rows of unit length."""
        current = {name: getattr(self.sae, name).detach().clone() for name in NAMES}
        chosen = {name: mean.clone() for name, mean in self.average.items()} if self.settings.ema else current
        return replace(self.sae, **chosen).unit()

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors and plain values from which `resume` goes on, bit for bit."""
        tensors = {f"weights.{name}": p.detach() for name, p in zip(NAMES, self.parameters, strict=True)}
        tensors |= {f"average.{name}": mean for name, mean in self.average.items()}
        for name, parameter in zip(NAMES, self.parameters, strict=True):
            for key, value in self.adam.state[parameter].items():
                tensors[f"adam.{name}.{key}"] = value
        plain = {
            "settings": asdict(self.settings),
            "weights": asdict(self.weights),
            "scale": self.sae.scale,
            "steps_done": self.steps_done,
            "tokens": self.tokens,
            "float32_until": self.float32_until,
        }
        return tensors | {"fired_L": self.fired_L}, plain

    @classmethod
    def resume(cls, tensors: dict[str, Tensor], plain: dict[str, Any], settings: TrainSettings) -> Training:
        """A training that goes on from its state."""
        self = cls.__new__(cls)
        self.settings, self.weights = settings, Weights(**plain["weights"])
        self.steps_done, self.tokens = plain["steps_done"], plain["tokens"]
        self.float32_until = plain["float32_until"]
        self.fired_L = tensors["fired_L"].clone()
        weights = {name: tensors[f"weights.{name}"].clone() for name in NAMES}
        sae = SparseAutoencoder(**weights, k=settings.k, normalise=settings.normalise, scale=plain["scale"])
        self._take(sae, {name: tensors[f"average.{name}"].clone() for name in NAMES})
        for name, parameter in zip(NAMES, self.parameters, strict=True):
            states = {key: value for key, value in tensors.items() if key.startswith(f"adam.{name}.")}
            self.adam.state[parameter] = {key.rpartition(".")[2]: value.clone() for key, value in states.items()}
        return self


def train_on(batches: Iterator[Tensor], sample_BD: Tensor, settings: TrainSettings) -> tuple[Training, list[Report]]:
    """A whole training from batches in memory, with a report of each hundredth step; for experiments."""
    training = Training(sample_BD, settings)
    reports = []
    for number in range(settings.steps):
        report = training.step(next(batches))
        if (number + 1) % 100 == 0 or number + 1 == settings.steps:
            reports.append(report)
    return training, reports
