"""`hansei papers run NAME`: a paper's experiment; its options are the fields of its module's `Settings`."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable

from cyclopts import App

from hansei import catalogue
from hansei.cli.common import command_of

command = App(name="run", help_format="plaintext")


def __getattr__(name: str) -> object:
    """The command of an experiment, made when it is asked for, so that no other one's module is imported."""
    for paper in catalogue.PAPERS:
        if paper.run and paper.name.replace("-", "_") == name:
            home = importlib.import_module(catalogue.experiment(paper).__module__)
            return command_of(home.Settings, functools.partial(catalogue.run, paper.name))
    raise AttributeError(name)


def _planned(paper: catalogue.Paper) -> Callable[..., None]:
    def refuse(*_tokens: str) -> None:
        catalogue.experiment(paper)

    return refuse


def _help(paper: catalogue.Paper) -> str:
    return f"{paper.title}{'' if paper.title.endswith('?') else '.'} {paper.claim}"


for _paper in catalogue.PAPERS:
    if _paper.run:
        place = f"{__name__}:{_paper.name.replace('-', '_')}"
        command.command(place, name=_paper.name, help=_help(_paper))
    else:
        command.command(_planned(_paper), name=_paper.name, show=False)
