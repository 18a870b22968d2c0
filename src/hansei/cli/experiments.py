"""`hansei papers run NAME`: a paper's experiment; its options are the fields of its module's `Settings`."""

from __future__ import annotations

import importlib
from collections.abc import Callable

from cyclopts import App

from hansei import catalogue
from hansei.cli.common import command_of

command = App(name="run", help_format="plaintext")


def _experiment(paper: catalogue.Paper) -> Callable[..., None]:
    home = importlib.import_module(catalogue.experiment(paper).__module__)
    return command_of(home.Settings, lambda settings: catalogue.run(paper.name, settings))


def _planned(paper: catalogue.Paper) -> Callable[..., None]:
    def refuse(*_tokens: str) -> None:
        catalogue.experiment(paper)

    return refuse


for _paper in catalogue.PAPERS:
    if _paper.run:
        command.command(_experiment(_paper), name=_paper.name, help=f"{_paper.title}. {_paper.claim}")
    else:
        command.command(_planned(_paper), name=_paper.name, show=False)
