"""`hansei measure NAME`: a measurement; its options are the fields of its module's `Settings`."""

from __future__ import annotations

import importlib

from cyclopts import App

from hansei.cli.common import command_of
from hansei.measurements import MEASUREMENTS

command = App(name="measure", help="Measure a model, a benchmark or a text.", help_format="plaintext")


def __getattr__(name: str) -> object:
    """The command of a measurement, made when it is asked for, so that no other one's module is imported."""
    for measurement in MEASUREMENTS:
        if measurement.name.replace("-", "_") == name:
            module, _, function = measurement.run.partition(":")
            home = importlib.import_module(module)
            positional = getattr(home, "POSITIONAL", ())
            return command_of(home.Settings, getattr(home, function), positional=positional, result=measurement.name)
    raise AttributeError(name)


for _measurement in MEASUREMENTS:
    command.command(f"{__name__}:{_measurement.name.replace('-', '_')}", name=_measurement.name, help=_measurement.help)
