"""`hansei inside …`: activations and sparse autoencoders of any causal model, its latents as a page, and mistakes'."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cyclopts import App

from hansei.cli.common import command_of
from hansei.cli.reported import Reported
from hansei.inside.sparse_settings import (
    CollectSettings,
    ConvertSettings,
    MistakeSettings,
    QualitySettings,
    RunSettings,
    ViewSettings,
)

if TYPE_CHECKING:
    from hansei.core.result import Result
    from hansei.inside.shards import Collected
    from hansei.inside.sparse_run import Trained

command = App(name="inside", help_format="plaintext")


@dataclass(frozen=True)
class Converted:
    """An autoencoder in another layout."""

    folder: str
    """Where it was written."""
    latents: int
    """Its latents."""
    k: int
    """Active ones of a token."""

    def __str__(self) -> str:
        return f"{self.latents} latents, {self.k} active: {self.folder}"

    def to_json(self) -> dict[str, Any]:
        """The same."""
        return {"converted": self.folder, "latents": self.latents, "k": self.k}


@dataclass(frozen=True)
class Page:
    """A page that was written."""

    page: str
    """The HTML file."""
    latents: int
    """Latents in it."""

    def __str__(self) -> str:
        return f"{self.latents} latents: {self.page}"

    def to_json(self) -> dict[str, Any]:
        """The same."""
        return {"page": self.page, "latents": self.latents}


def _show(settings: ViewSettings) -> Page:
    from hansei.inside.viewing import show
    from hansei.report.latents import write_latents

    view = show(settings)
    return Page(str(write_latents(view, settings.out)), len(view.shown))


def _mistakes(settings: MistakeSettings) -> Reported:
    from hansei.loop.intervening import intervene
    from hansei.report.latents import write_latents

    found = intervene(settings)
    return Reported(found, str(write_latents(found.view, f"{settings.out}/latents.html")))


def _collect(settings: CollectSettings) -> Collected:
    from hansei.inside.shards import collect

    return collect(settings)


def _train(settings: RunSettings) -> Trained:
    from hansei.inside.sparse_run import train

    return train(settings)


def _convert(settings: ConvertSettings) -> Converted:
    from hansei.inside.formats import read, write

    sae = read(settings.sae)
    return Converted(str(write(sae, settings.out, settings.to)), sae.latents, sae.k)


def _evaluate(settings: QualitySettings) -> Result:
    from hansei.inside.quality import evaluate

    return evaluate(settings)


command.command(
    command_of(CollectSettings, _collect, positional=["model", "text", "out"]),
    name="collect",
    help="Write a model's activations on a text to shards, in constant memory; resumable.",
)
command.command(
    command_of(RunSettings, _train),
    name="train",
    help="Train a TopK sparse autoencoder on such shards, or straight from a model; resumable.",
)
command.command(
    command_of(ConvertSettings, _convert, positional=["sae", "out"]),
    name="convert",
    help="Read an autoencoder of hansei, OpenAI, SAELens or sparsify, and write it for another.",
)
command.command(
    command_of(QualitySettings, _evaluate, positional=["sae", "model", "text"]),
    name="evaluate",
    help="How good an autoencoder is: error, loss and KL after substitution, dead latents, explanations, ablations.",
)
command.command(
    command_of(ViewSettings, _show, positional=["sae", "model", "text"]),
    name="show",
    help="Latents as a page to look through offline: how strongly, on what, and what the model does with them.",
)
command.command(
    command_of(MistakeSettings, _mistakes, positional=["run", "sae"]),
    name="mistakes",
    help="Latents that tell a run's mistakes from its good answers, and what ablating and steering them does.",
)
