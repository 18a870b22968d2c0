"""What single latents tell about prompts, and what ablating them does: for `hansei papers run sparse-autoencoder`."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from hansei.inside.attribution import direct_effects
from hansei.inside.corpus import Context
from hansei.inside.probes import best_detectors, one_latent_probes
from hansei.inside.quality import ablated
from hansei.inside.sparse_autoencoder import SparseAutoencoder
from hansei.inside.sparse_refusal import CONCEPTS, Asked, Student, asked, first_of_refusal, labels, said

TOGETHER = (1, 4, 10)
"""Numbers of latents that are ablated at once."""
ALIKE = 10
"""A control is drawn from so many latents that fire about as often as the latent that it stands beside."""


class Read(NamedTuple):
    """Latents of prompts, P x L."""

    strongest: Tensor
    """The largest activation at any token of the prompt."""
    last: Tensor
    """At the last token, from which it answers; for refusals, which are something that the student does."""
    before: Tensor
    """The largest before TopK, for probes."""
    often_L: Tensor
    """Share of all the prompts' tokens at which each latent fires."""


class Looked:
    """A student's latents: detectors of concepts, and refusals with latents ablated."""

    def __init__(self, student: Student, sae: SparseAutoencoder) -> None:
        self.layer, self.sae = student.layer, sae

    def at(self, seed: int) -> dict[str, Any]:
        """Detectors chosen on items of the train shelf, latents to ablate on validation ones, proof on others."""
        train, heldout = asked("train"), asked("heldout")
        read_train, read_held = self.latents(train), self.latents(heldout)
        said_train, said_held = said(self.layer, train), said(self.layer, heldout)
        concepts: dict[str, Any] = {}
        for concept in CONCEPTS:
            y_train, y_held = labels(concept, train, said_train), labels(concept, heldout, said_held)
            z_train, z_held = (
                read.last if concept == "refusal" else read.strongest for read in (read_train, read_held)
            )
            (best,) = best_detectors(z_train, y_train)
            concepts[concept] = {
                "latent": best.latent,
                "f1_train": best.f1,
                "label": y_held.tolist(),
                "fires": (z_held[:, best.latent] > best.threshold).tolist(),
                "probe_loss": float(one_latent_probes(read_train.before, y_train).loss_L.min()),
                "prior_loss": _entropy(float(y_train.float().mean())),
            }
        ways = self.ways(concepts["refusal"]["latent"], seed)
        return {"concepts": concepts, "ablation": self.ablations(ways, heldout)}

    def latents(self, prompts: Sequence[Asked]) -> Read:
        """Each latent in each prompt, up to the token from which the student answers."""
        found: list[list[Tensor]] = [[], [], [], []]
        for start in range(0, len(prompts), 64):
            texts = self.texts(prompts[start : start + 64])
            rows_ND = self.sae.normalised(self.layer.read(texts).activations_ND)[0]
            pre_NL = self.sae.pre_activations(rows_ND)
            values, places = pre_NL.topk(self.sae.k)
            code_NL = torch.zeros_like(pre_NL).scatter_(1, places, values.relu())
            sizes = [len(text.ids) for text in texts]
            found[0] += [part.amax(0) for part in torch.split(code_NL, sizes)]
            found[1] += [part[-1] for part in torch.split(code_NL, sizes)]
            found[2] += [part.amax(0) for part in torch.split(pre_NL, sizes)]
            found[3] += [(code_NL > 0).float()]
        strongest, last, before = (torch.stack(part) for part in found[:3])
        return Read(strongest, last, before, torch.cat(found[3]).mean(0))

    def texts(self, prompts: Sequence[Asked]) -> list[Context]:
        """The prompts as tokens, up to the one from which the student answers."""
        rendered = self.layer.local.render([prompt.chat for prompt in prompts])
        return [Context(0, 0, one.ids) for one in rendered]

    def ways(self, detector: int, seed: int) -> dict[str, list[int]]:
        """Which latents are ablated together, by the name of the row.

        Refusal latents: those with the largest direct effect on a refusal's first token, over the dangerous validation
        requests that the student refuses. Controls: none of them, drawn from those that fire about as often at the last
        token of these requests, where the student decides; and the one that fires most often of all.
        """
        asks = [prompt for prompt in asked("validation") if prompt.tense == "present" and prompt.item.dangerous]
        refused = [p for p, s in zip(asks, said(self.layer, asks), strict=True) if s.behaviour == "refused"]
        if not refused:
            return {"none": []}
        effect_L = direct_effects(self.layer, self.sae, self.texts(refused), first_of_refusal(self.layer))
        chosen = effect_L.topk(max(TOGETHER)).indices.tolist()
        read = self.latents(refused)
        controls = alike((read.last > 0).float().mean(0), chosen, [*chosen, detector], random.Random(seed))
        frequent_L = read.often_L.clone()
        frequent_L[[*chosen, detector]] = 0
        found = {"none": list[int]()}
        for kind, latents in (("refusal", chosen), ("control", controls)):
            found |= {f"{n} {kind} latent{'s' * (n > 1)}": latents[:n] for n in TOGETHER}
        return found | {"refusal detector": [detector], "most frequent latent": [int(frequent_L.argmax())]}

    def ablations(self, ways: dict[str, list[int]], heldout: Sequence[Asked]) -> dict[str, Any]:
        """Refusals and right answers in the present tense, with latents ablated at every token."""
        present = [prompt for prompt in heldout if prompt.tense == "present"]
        found: dict[str, Any] = {}
        for name, latents in ways.items():
            with self.layer.replaced(partial(_without, self.sae, latents)):
                answers = list(zip(present, said(self.layer, present), strict=True))
            found[name] = {
                "latents": latents,
                "refused": [float(s.behaviour == "refused") for p, s in answers if p.item.dangerous],
                "answered": [float(s.behaviour == "answered") for p, s in answers if p.item.dangerous],
                "right": [float(s.right) for p, s in answers if not p.item.dangerous],
            }
        return found


def alike(often_L: Tensor, chosen: Sequence[int], taken: Sequence[int], rng: random.Random) -> list[int]:
    """For each chosen latent another that fires about as often: one of the `ALIKE` nearest that are not taken."""
    free, found = [i for i in range(len(often_L)) if i not in taken], list[int]()
    rng.shuffle(free)  # those that fire equally often come in random order
    for latent in chosen:
        nearest = sorted(free, key=lambda i: abs(float(often_L[i] - often_L[latent])))[:ALIKE]
        found.append(rng.choice(nearest))
        free.remove(found[-1])
    return found


def _without(sae: SparseAutoencoder, latents: Sequence[int], hidden_BTD: Tensor) -> Tensor:
    return ablated(sae, hidden_BTD, latents)


def _entropy(share: float) -> float:
    return -sum(p * math.log(p) for p in (share, 1 - share) if p > 0)
