"""How good an autoencoder is: what it loses, what the model loses with it, and what can be said of its latents.

Section 4 of arXiv 2406.04093: downstream loss, explanations by patterns (4.3), sparsity of ablations (4.5).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from hansei.core.result import Result
from hansei.core.statistics import bootstrap
from hansei.inside import patterns
from hansei.inside.activations import Layer, padded
from hansei.inside.corpus import Context, contexts
from hansei.inside.sparse_autoencoder import Code, SparseAutoencoder, weighted_rows

if TYPE_CHECKING:
    from hansei.inside.sparse_settings import QualitySettings, ViewSettings

AFTER = 16
"""Tokens over which an ablation's effect is looked at."""
EXAMPLES = 8
"""Texts that a latent's patterns are made from."""
TOGETHER = 32


class Substituted(NamedTuple):
    """One value a context."""

    loss: list[float]
    """Mean loss of the next token, of the model as it is."""
    with_sae: list[float]
    """With the reconstruction in place of the activation."""
    without: list[float]
    """With the mean activation in its place."""
    kl: list[float]
    """Mean KL divergence of the next token's distribution, from the model as it is to that with the reconstruction."""


def evaluate(settings: QualitySettings) -> Result:
    """`hansei inside evaluate`. Raises BadInput where autoencoder, model and layer don't fit together."""
    from hansei.inside.formats import read

    started = time.monotonic()
    sae = read(settings.sae)
    layer = Layer(settings.model, settings.layer)
    layer.check(sae.width, settings.sae)
    texts = take(layer, settings)
    fit = Fit.of(sae, layer.read(texts).activations_ND)
    swapped = substituted(layer, sae, texts)
    lost = [b - a for a, b in zip(swapped.loss, swapped.with_sae, strict=True)]
    all_lost = [b - a for a, b in zip(swapped.loss, swapped.without, strict=True)]
    row: dict[str, Any] = {"row": str(settings.sae), "normalised_mse": fit.error, "active": fit.active}
    row |= {"dead_rate": fit.dead, "loss": bootstrap(swapped.loss), "loss_added": bootstrap(lost)}
    row |= {"loss_added_without": bootstrap(all_lost), "kl": bootstrap(swapped.kl)}
    drawn = np.random.default_rng(settings.seed).permutation(fit.firing)[: settings.latents].tolist()
    code = sae.encode(layer.read(texts).activations_ND)[0]
    explained = [explained_by_patterns(layer, sae, texts, code, latent) for latent in drawn]
    row["pattern_precision"] = bootstrap([precision for precision, _ in explained])
    row["pattern_recall"] = bootstrap([recall for _, recall in explained])
    row["ablation_sparsity"] = bootstrap(ablation_sparsity(layer, sae, texts, code, drawn))
    return Result(
        name="sparse-autoencoder",
        settings=asdict(settings),
        rows=[row],
        numbers=frozenset({"loss", "loss_added", "loss_added_without", "kl"}),
        notes=(
            f"{len(texts)} contexts; dead: never active in {fit.tokens:,} tokens; loss and KL in nats a token",
            f"patterns and ablations: of {len(drawn)} latents that fire; ablation sparsity: share of the logits of the "
            f"next {AFTER} tokens that an ablation moves",
        ),
        seconds=time.monotonic() - started,
    )


def take(layer: Layer, settings: QualitySettings | ViewSettings) -> list[Context]:
    """Contexts of so many tokens in all; those of one token have nothing to predict and are left out."""
    tokenizer, length = layer.local.tokenizer, settings.context
    stream = contexts(settings.text, tokenizer, length, column=settings.column, seed=settings.seed)
    found, tokens = [], 0
    for context in stream:
        if len(context.ids) > 1:
            found.append(context)
            tokens += len(context.ids)
        if tokens >= settings.tokens:
            break
    return found


class Fit(NamedTuple):
    """What an autoencoder makes of activations."""

    error: float
    """Squared error over the squared distance from the mean (normalised MSE)."""
    active: float
    """Latents above 0, a token."""
    dead: float
    """Share of the latents that are never active."""
    firing: list[int]
    """The others."""
    tokens: int
    """How many tokens."""

    @classmethod
    def of(cls, sae: SparseAutoencoder, x_ND: Tensor) -> Fit:
        """A few thousand rows at a time."""
        mean_D = x_ND.mean(0)
        counts_L = torch.zeros(sae.latents, dtype=torch.long)
        missing = spread = 0.0
        for part_BD in torch.split(x_ND, 4096):
            code, frame = sae.encode(part_BD)
            missing += float((sae.decode(code, frame) - part_BD).pow(2).sum())
            spread += float((part_BD - mean_D).pow(2).sum())
            counts_L += torch.bincount(code.places_BK[code.values_BK > 0], minlength=sae.latents)
        firing = counts_L.nonzero().flatten().tolist()
        return cls(missing / spread, int(counts_L.sum()) / len(x_ND), 1 - len(firing) / sae.latents, firing, len(x_ND))


def rebuilt(sae: SparseAutoencoder, hidden_BTD: Tensor) -> Tensor:
    """Reconstructions in place of activations, for `Layer.replaced`."""
    return sae.reconstruct(hidden_BTD.flatten(0, 1)).view_as(hidden_BTD)


@torch.inference_mode()
def substituted(layer: Layer, sae: SparseAutoencoder, texts: Sequence[Context]) -> Substituted:
    """The model's loss with and without the autoencoder in its residual stream (section 4.1)."""
    mean_D = layer.read(texts).activations_ND.mean(0)
    found = Substituted([], [], [], [])
    for start in range(0, len(texts), TOGETHER):
        batch = padded([text.ids for text in texts[start : start + TOGETHER]], layer.hf.device)
        mask_BT = batch["attention_mask"][:, 1:].float()
        plain_BTV = _log_probabilities(layer, batch)
        with layer.replaced(partial(rebuilt, sae)):
            swapped_BTV = _log_probabilities(layer, batch)
        with layer.replaced(lambda hidden: mean_D.to(hidden).expand_as(hidden)):
            without_BTV = _log_probabilities(layer, batch)
        next_BT1 = batch["input_ids"][:, 1:, None]
        for values, logp_BTV in ((found.loss, plain_BTV), (found.with_sae, swapped_BTV), (found.without, without_BTV)):
            values.extend(_per_context(-logp_BTV.gather(2, next_BT1).squeeze(2), mask_BT))
        found.kl.extend(_per_context((plain_BTV.exp() * (plain_BTV - swapped_BTV)).sum(2), mask_BT))
    return found


def _log_probabilities(layer: Layer, batch: dict[str, Tensor]) -> Tensor:
    return torch.log_softmax(layer.hf(**batch, use_cache=False).logits[:, :-1].float(), dim=-1)


def _per_context(values_BT: Tensor, mask_BT: Tensor) -> list[float]:
    return [float(v) for v in (values_BT * mask_BT).sum(1) / mask_BT.sum(1)]


def of_latent(code: Code, texts: Sequence[Context], latent: int) -> list[Tensor]:
    """One latent's activation at every token of each text; 0 where it is not among the K largest."""
    z_N = (code.values_BK * (code.places_BK == latent)).sum(1)
    return list(torch.split(z_N, [len(text.ids) for text in texts]))


def explained_by_patterns(
    layer: Layer, sae: SparseAutoencoder, texts: Sequence[Context], code: Code, latent: int
) -> tuple[float | None, float | None]:
    """Precision and recall of the latent's patterns: made from every second text, measured on the others.

    `code` is that of all tokens of `texts`.
    """
    values = of_latent(code, texts, latent)
    strongest = sorted(range(0, len(texts), 2), key=lambda i: -float(values[i].max()))[:EXAMPLES]
    cut = [texts[i].ids[: int(values[i].argmax()) + 1] for i in strongest if values[i].max() > 0]

    def strength(ids: Sequence[Sequence[int]]) -> list[float]:
        pieces = [Context(0, 0, list(text)) for text in ids]
        read = sae.encode(layer.read(pieces).activations_ND)[0]
        return [float(z[-1]) for z in of_latent(read, pieces, latent)]

    tokenizer = layer.local.tokenizer
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    found = patterns.explain(cut, strength, int(pad or 0)) if cut else []
    others = range(1, len(texts), 2)
    return patterns.precision_recall(found, [texts[i].ids for i in others], [(values[i] > 0).numpy() for i in others])


@torch.inference_mode()
def ablation_sparsity(
    layer: Layer,
    sae: SparseAutoencoder,
    texts: Sequence[Context],
    code: Code,
    latents: Sequence[int],
    places: int = 4,
) -> list[float | None]:
    """For each latent the share of logits that setting it to 0 at one token moves (section 4.5).

    (|Δ|_1 / |Δ|_2)² / (V · T) over the next T tokens' logits, the median over the vocabulary taken off each token's Δ;
    mean over `places` tokens at which it fires. None where it never fires before the end of a text.
    """
    rows = [(number, place) for number, text in enumerate(texts) for place in range(len(text.ids))]
    found: list[float | None] = []
    for latent in latents:
        fired = ((code.places_BK == latent) & (code.values_BK > 0)).any(1).nonzero().flatten().tolist()
        usable = [rows[i] for i in fired if rows[i][1] + 1 < len(texts[rows[i][0]].ids)]
        spread = [usable[i * len(usable) // places] for i in range(places)] if len(usable) >= places else usable
        values = [_moved(layer, sae, texts[number].ids, place, latent) for number, place in islice(spread, places)]
        there = [value for value in values if value is not None]
        found.append(sum(there) / len(there) if there else None)
    return found


def _moved(layer: Layer, sae: SparseAutoencoder, ids: Sequence[int], place: int, latent: int) -> float | None:
    batch = padded([ids], layer.hf.device)
    plain_TV = layer.hf(**batch, use_cache=False).logits[0, place : place + AFTER].float()

    def without_it(hidden_BTD: Tensor) -> Tensor:
        return ablated(sae, hidden_BTD, [latent], only=place)

    with layer.replaced(without_it):
        changed_TV = layer.hf(**batch, use_cache=False).logits[0, place : place + AFTER].float()
    delta_TV = changed_TV - plain_TV
    delta_TV -= delta_TV.median(dim=1, keepdim=True).values
    square = float(delta_TV.pow(2).sum())
    return float(delta_TV.abs().sum()) ** 2 / square / delta_TV.numel() if square > 0 else None


def ablated(sae: SparseAutoencoder, hidden_BTD: Tensor, latents: Sequence[int], only: int | None = None) -> Tensor:
    """Activations less what those latents put there; everything else, the autoencoder's error too, stays.

    At every token, or at place `only`.
    """
    x_BD = (hidden_BTD if only is None else hidden_BTD[:, only : only + 1]).flatten(0, 1)
    code, frame = sae.encode(x_BD)
    chosen_BK = torch.isin(code.places_BK, torch.tensor(list(latents)))
    part_BD = weighted_rows(sae.decoder_LD, code._replace(values_BK=code.values_BK * chosen_BK)) * frame.scale_B1
    if only is None:
        return hidden_BTD - part_BD.view_as(hidden_BTD).to(hidden_BTD.dtype)
    changed_BTD = hidden_BTD.clone()
    changed_BTD[:, only] -= part_BD.to(hidden_BTD.dtype)
    return changed_BTD
