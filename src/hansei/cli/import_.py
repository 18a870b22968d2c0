"""`hansei import FILE`; the file's name has an underscore, as `import` is a word of Python's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hansei.cli.common import command_of
from hansei.loop.settings import ImportSettings

if TYPE_CHECKING:
    from hansei.loop.importing import Imported


def _import(settings: ImportSettings) -> Imported:
    from hansei.loop.importing import import_findings

    return import_findings(settings)


command = command_of(ImportSettings, _import, positional=["file"])
