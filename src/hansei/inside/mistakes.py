"""Features of mistakes: latents that tell a run's mistakes from its good answers, and what holding them does.

For each answer of a line of the run's table, the strongest activation of every latent over the tokens from which the
answer is written, or over those of the prompt. Prompts are halved by what they are about (`steps.measure.cluster`).
On the first half latents are chosen, by AUROC and, where another line of the table answers the same prompt well (the
*mended twin*), by how much more often they fire in the mistake than in the twin; on the second half both are measured
again, with p-values corrected for the number chosen (Holm 1979). So no latent is praised for what it was chosen by.

Two interventions follow: the best latents of mistakes ablated, and those of good answers steered up. Both halves become
runs, with every line of the table, so that `compare` measures them as it does a student: how many latents and how
strongly is settled on the first half, the second is the proof. `loop.intervening` does that, as a wing knows nothing of
the loop.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from hansei.core.errors import BadInput
from hansei.core.result import Result
from hansei.inside.activations import Layer
from hansei.inside.corpus import Context
from hansei.inside.formats import read
from hansei.inside.intervention import Intervention
from hansei.inside.mistake_answers import LEAST, Case, check_enough, model_of_line, read_cases, read_run, write_half
from hansei.inside.mistake_latents import Array, Told, owners
from hansei.inside.quality import Fit
from hansei.inside.sparse_autoencoder import SparseAutoencoder
from hansei.inside.viewing import View, view

if TYPE_CHECKING:
    from hansei.inside.sparse_settings import MistakeSettings


@dataclass(frozen=True)
class Found:
    """What came of it."""

    result: Result
    """The latents."""
    view: View
    """The same latents, on the answers."""
    halves: tuple[str, str]
    """Folders of the runs that the halves are."""
    ablated: tuple[str, ...]
    """Folders of the interventions, one a number of latents; none where no latent of mistakes stood the test."""
    steered: tuple[str, ...]
    """The same, one a strength."""


def find(settings: MistakeSettings) -> Found:
    """`hansei inside mistakes`. Raises BadInput where run, line, model and autoencoder don't fit together."""
    table = read_run(settings.run)
    model = model_of_line(settings, table)
    sae = read(settings.sae)
    layer = Layer(model, settings.layer)
    layer.check(sae.width, settings.sae)
    if layer.local.fingerprint != table.models[settings.row]:
        raise BadInput(f"{model}: is not the model whose answers are in line {settings.row} of {settings.run}")
    cases, twins = read_cases(table, settings, layer)
    check_enough(cases, settings)
    texts = [*(case.text for case in cases), *twins]
    begun = [case.start for case in cases] + [cases[i].start for i in owners(cases)]
    reading = settings.at == "prompt"
    spans = [slice(0, at + 1) if reading else slice(at, None) for at in begun]
    rows_ND = layer.read(texts).activations_ND
    told = Told(cases, strongest(sae, rows_ND, texts, spans), settings.candidates)
    # Twins have the same prompt: while it is read, nothing tells them apart.
    rows, pairs = told.separating(), [] if reading else told.against_twins()
    bad, good = told.ranked(pairs or rows)
    base = Intervention(_lasting(model), layer.name, _lasting(settings.sae))
    means = {latent: told.mean(latent) for latent in good[: settings.together[0]]}
    sizes = sorted({min(size, len(bad)) for size in settings.together} - {0})
    ablated = {f"ablated-{size}": replace(base, ablated=tuple(bad[:size])) for size in sizes}
    steered = {
        f"steered-{strength:g}": replace(base, steered={i: strength * mean for i, mean in means.items()})
        for strength in settings.strengths
        if means
    }
    out = Path(settings.out)
    seen = view(
        layer,
        sae,
        texts,
        rows_ND,
        {row["latent"]: f"fires more {row['fires_more']}" for row in [*pairs, *rows]},
        sae_name=settings.sae,
        title=f"Latents of mistakes: {settings.run}, {settings.row}",
    )
    return Found(
        _result(settings, cases, Fit.of(sae, rows_ND), rows, pairs, bad, means),
        seen,
        (write_half(table, settings, first=True), write_half(table, settings, first=False)),
        tuple(what.write(out / name) for name, what in ablated.items()),
        tuple(what.write(out / name) for name, what in steered.items()),
    )


def _lasting(name: str) -> str:
    """A folder by its whole path, as an intervention is used from anywhere; another name as it is."""
    return str(Path(name).resolve()) if Path(name).exists() else name


def strongest(sae: SparseAutoencoder, rows_ND: Tensor, texts: Sequence[Context], spans: Sequence[slice]) -> Array:
    """Each latent's largest activation in a span of each text: texts x latents."""
    sizes = [len(text.ids) for text in texts]
    found = np.zeros((len(texts), sae.latents))
    for number, part_TD in enumerate(torch.split(rows_ND, sizes)):
        code = sae.encode(part_TD[spans[number]])[0]
        np.maximum.at(found[number], code.places_BK.numpy().ravel(), code.values_BK.numpy().ravel())
    return found


def _result(
    settings: MistakeSettings,
    cases: Sequence[Case],
    fit: Fit,
    rows: list[dict[str, Any]],
    pairs: list[dict[str, Any]],
    bad: Sequence[int],
    means: Mapping[int, float],
) -> Result:
    counts = {
        (bad, half): sum(c.bad == bad and c.first == half for c in cases)
        for bad in (True, False)
        for half in (True, False)
    }
    said = [f"{counts[True, h]} mistakes and {counts[False, h]} good answers" for h in (True, False)]
    twins = sum(case.twin is not None for case in cases)
    few = "they have one prompt" if settings.at == "prompt" else f"fewer than {LEAST} in a half"
    notes = [
        f"chosen on {said[0]}, tested on {said[1]} about other things; p corrected for {len(rows)} latents (Holm)",
        f"the autoencoder rebuilds these texts but for {fit.error:.1%} of their variance",
        f"{twins} mistakes have a mended twin" + ("" if pairs else f": {few}, so nothing is said of them"),
    ]
    taken = ", ".join(map(str, bad[: max(settings.together)])) or "no latent of mistakes stood the test"
    pushed = (
        ", ".join(f"{i} (mean {mean:.3g})" for i, mean in means.items()) or "no latent of good answers stood the test"
    )
    notes += [
        f"ablated, the first of them: {taken}",
        f"steered: {pushed or 'no latent of good answers stood the test'}",
    ]
    return Result(
        name="mistakes",
        settings=asdict(settings),
        rows=rows,
        parts={"mistakes and their mended twins": pairs} if pairs else {},
        numbers=frozenset({"auroc", "difference"}),
        hidden=frozenset({"latent"}),
        notes=notes,
    )
