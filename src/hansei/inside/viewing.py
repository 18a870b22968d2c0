"""What `hansei inside show` shows of single latents: how strongly they fire, on what, and what the model does with it.

Letters: B places looked at together, T tokens of the longest, V vocabulary, N tokens in all, K active latents of a row.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from hansei.core.errors import BadInput
from hansei.inside.activations import Layer, padded
from hansei.inside.corpus import Context
from hansei.inside.quality import AFTER, Fit, take
from hansei.inside.sparse_autoencoder import Code, SparseAutoencoder, weighted_rows

if TYPE_CHECKING:
    from hansei.inside.sparse_settings import ViewSettings

BINS = 24
"""Bars of a histogram."""
TOP, OTHERS = 10, 5
"""Examples: the strongest, and some at random."""
PLACES = 4
"""Examples that a latent is ablated in, one token each."""
WORDS = 8
"""Tokens that a latent promotes, and that it demotes."""
AROUND = 32
"""Tokens before an example's strongest one that are shown; half as many after it."""
CELLS = 2**25
"""Logits that are held at a time."""


class Example(NamedTuple):
    """A piece of text."""

    tokens: list[str]
    values: list[float]
    """The latent's activation at each token."""
    document: int
    """Number of the document, or the index of the text."""


class Effect(NamedTuple):
    """What the model does with a latent: its logits with it less those without, the mean over some places."""

    promotes: list[tuple[str, float]]
    """Next tokens whose logit it raises most, the vocabulary's median taken off."""
    demotes: list[tuple[str, float]]
    loss: float
    """By how much the loss of the next tokens rises when it is ablated at one, in nats a token."""
    kl: float
    """KL divergence of the next tokens' distributions when it is ablated, in nats a token."""
    places: int
    """Tokens at which it was ablated, one at a time."""


@dataclass(frozen=True)
class Shown:
    """One latent."""

    latent: int
    density: float
    """Share of the tokens at which it fires."""
    strongest: float
    mean: float
    """Where it fires."""
    histogram: list[int]
    """Tokens in `BINS` equal parts from 0 to the strongest; those where it does not fire are left out."""
    top: list[Example]
    others: list[Example]
    effect: Effect | None
    """None where it never fires before the end of a text."""
    note: str = ""
    """Why it is shown."""


@dataclass(frozen=True)
class View:
    """An autoencoder's latents on a text."""

    title: str
    sae: str
    model: str
    module: str
    latents: int
    k: int
    tokens: int
    contexts: int
    error: float
    """Squared error over the variance."""
    dead: float
    """Share of the latents that never fire on the text."""
    shown: list[Shown]


def show(settings: ViewSettings) -> View:
    """`hansei inside show`. Raises BadInput where autoencoder, model, layer and latents don't fit together."""
    from hansei.inside.formats import read

    sae = read(settings.sae)
    layer = Layer(settings.model, settings.layer)
    layer.check(sae.width, settings.sae)
    beyond = [latent for latent in settings.only if not 0 <= latent < sae.latents]
    if beyond:
        raise BadInput(f"{settings.sae}: has latents 0 to {sae.latents - 1}, no {beyond[0]}")
    texts = take(layer, settings)
    rows_ND = layer.read(texts).activations_ND
    firing = Fit.of(sae, rows_ND).firing
    drawn = random.Random(settings.seed).sample(firing, min(settings.latents, len(firing)))
    notes = dict.fromkeys(settings.only or sorted(drawn), "")
    return view(layer, sae, texts, rows_ND, notes, sae_name=settings.sae, title=f"Latents of {settings.sae}")


def view(
    layer: Layer,
    sae: SparseAutoencoder,
    texts: Sequence[Context],
    rows_ND: Tensor,
    notes: Mapping[int, str],
    *,
    sae_name: str,
    title: str,
) -> View:
    """The latents that `notes` names, on texts whose tokens' activations are `rows_ND`."""
    fit = Fit.of(sae, rows_ND)
    code = _encoded(sae, rows_ND)
    places = {latent: _places(code, texts, latent) for latent in notes}
    effects = effects_of(layer, sae, texts, places)
    drawing = Drawing(layer.local.tokenizer, texts, code)
    return View(
        title=title,
        sae=sae_name,
        model=layer.local.name,
        module=layer.name,
        latents=sae.latents,
        k=sae.k,
        tokens=fit.tokens,
        contexts=len(texts),
        error=fit.error,
        dead=fit.dead,
        shown=[drawing.latent(latent, places[latent], effects.get(latent), note) for latent, note in notes.items()],
    )


def _encoded(sae: SparseAutoencoder, rows_ND: Tensor) -> Code:
    parts = [sae.encode(part_BD)[0] for part_BD in torch.split(rows_ND, 4096)]
    return Code(torch.cat([p.values_BK for p in parts]), torch.cat([p.places_BK for p in parts]))


class Place(NamedTuple):
    """Where a latent fires."""

    text: int
    token: int
    value: float


def _places(code: Code, texts: Sequence[Context], latent: int) -> list[Place]:
    """Every token at which it fires, the strongest first."""
    ends = torch.tensor([len(text.ids) for text in texts]).cumsum(0)
    at = (code.places_BK == latent) & (code.values_BK > 0)
    rows = at.any(1).nonzero().flatten()
    values = code.values_BK[rows][at[rows]].tolist()
    numbers = torch.searchsorted(ends, rows, right=True).tolist()
    found = [
        Place(number, row - (int(ends[number - 1]) if number else 0), value)
        for number, row, value in zip(numbers, rows.tolist(), values, strict=True)
    ]
    return sorted(found, key=lambda place: -place.value)


def _one_a_text(places: Sequence[Place]) -> list[Place]:
    """The strongest place of each text, of places whose strongest comes first."""
    return sorted({place.text: place for place in reversed(places)}.values(), key=lambda place: -place.value)


class Drawing:
    """Makes what is shown of a latent from the texts."""

    def __init__(self, tokenizer: Any, texts: Sequence[Context], code: Code) -> None:
        self.tokenizer, self.texts, self.code = tokenizer, texts, code
        self.starts = [0, *torch.tensor([len(text.ids) for text in texts]).cumsum(0).tolist()]

    def latent(self, latent: int, places: list[Place], effect: Effect | None, note: str) -> Shown:
        """All of it; one that never fires has no examples."""
        values = [place.value for place in places]
        best = _one_a_text(places)
        rest = best[TOP:]
        some = random.Random(latent).sample(rest, min(OTHERS, len(rest)))
        strongest = max(values, default=0.0)
        counts = torch.histc(torch.tensor(values), BINS, 0.0, strongest).int().tolist() if values else [0] * BINS
        return Shown(
            latent,
            len(values) / self.starts[-1],
            strongest,
            sum(values) / len(values) if values else 0.0,
            counts,
            [self._example(latent, place) for place in best[:TOP]],
            [self._example(latent, place) for place in sorted(some, key=lambda place: -place.value)],
            effect,
            note,
        )

    def _example(self, latent: int, place: Place) -> Example:
        text, start = self.texts[place.text], self.starts[place.text]
        first, last = max(0, place.token - AROUND), min(len(text.ids), place.token + AROUND // 2 + 1)
        rows = slice(start + first, start + last)
        z_T = (self.code.values_BK[rows] * (self.code.places_BK[rows] == latent)).sum(1)
        tokens = [self.tokenizer.decode([i], clean_up_tokenization_spaces=False) for i in text.ids[first:last]]
        return Example(tokens, [round(v, 4) for v in z_T.tolist()], text.document)


@torch.inference_mode()
def effects_of(
    layer: Layer, sae: SparseAutoencoder, texts: Sequence[Context], places: Mapping[int, list[Place]]
) -> dict[int, Effect]:
    """What each latent does at up to `PLACES` of its strongest places, one a text, a token at least after it."""
    asked = [
        (latent, place)
        for latent, found in places.items()
        for place in _one_a_text([p for p in found if p.token + 1 < len(texts[p.text].ids)])[:PLACES]
    ]
    longest = max((len(texts[place.text].ids) for _, place in asked), default=1)
    size = max(1, CELLS // (longest * int(layer.hf.config.get_text_config().vocab_size)))
    found: dict[int, list[tuple[Tensor, float, float]]] = {}
    for start in range(0, len(asked), size):
        part = asked[start : start + size]
        for (latent, _), moved in zip(part, _moved(layer, sae, texts, part), strict=True):
            found.setdefault(latent, []).append(moved)
    return {latent: _effect(layer.local.tokenizer, moved) for latent, moved in found.items()}


def _moved(
    layer: Layer, sae: SparseAutoencoder, texts: Sequence[Context], asked: Sequence[tuple[int, Place]]
) -> list[tuple[Tensor, float, float]]:
    """For each place: logits with the latent less those without [V], rise of the loss, and KL over the next tokens."""
    batch = padded([texts[place.text].ids for _, place in asked], layer.hf.device)
    latent_B1 = torch.tensor([[latent] for latent, _ in asked])
    at_B = torch.tensor([place.token for _, place in asked])
    rows_B = torch.arange(len(asked))

    def without(hidden_BTD: Tensor) -> Tensor:
        code, frame = sae.encode(hidden_BTD[rows_B, at_B])
        mine = code._replace(values_BK=code.values_BK * (code.places_BK == latent_B1))
        changed_BTD = hidden_BTD.clone()
        changed_BTD[rows_B, at_B] -= weighted_rows(sae.decoder_LD, mine) * frame.scale_B1
        return changed_BTD

    plain_BTV = layer.hf(**batch, use_cache=False).logits.float().cpu()
    with layer.replaced(without):
        changed_BTV = layer.hf(**batch, use_cache=False).logits.float().cpu()
    found = []
    for row, (_, place) in enumerate(asked):
        ids = texts[place.text].ids
        end = min(place.token + AFTER, len(ids) - 1)
        before_TV = torch.log_softmax(plain_BTV[row, place.token : end], dim=-1)
        after_TV = torch.log_softmax(changed_BTV[row, place.token : end], dim=-1)
        next_T1 = torch.tensor(ids[place.token + 1 : end + 1])[:, None]
        rise = float((before_TV - after_TV).gather(1, next_T1).mean())
        kl = float((before_TV.exp() * (before_TV - after_TV)).sum(1).mean())
        delta_V = plain_BTV[row, place.token] - changed_BTV[row, place.token]
        found.append((delta_V - delta_V.median(), rise, kl))
    return found


def _effect(tokenizer: Any, moved: Sequence[tuple[Tensor, float, float]]) -> Effect:
    delta_V = torch.stack([delta for delta, _, _ in moved]).mean(0)[: len(tokenizer)]

    def words(found: Any) -> list[tuple[str, float]]:
        pairs = zip(found.indices.tolist(), found.values.tolist(), strict=True)
        return [(tokenizer.decode([i], clean_up_tokenization_spaces=False), round(v, 4)) for i, v in pairs]

    count = min(WORDS, len(delta_V))
    return Effect(
        words(delta_V.topk(count)),
        words(delta_V.topk(count, largest=False)),
        sum(rise for _, rise, _ in moved) / len(moved),
        sum(kl for _, _, kl in moved) / len(moved),
        len(moved),
    )
