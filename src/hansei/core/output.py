"""What is written beside a result: charts, and result.json."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from hansei.core.drawing import save
from hansei.core.errors import BadInput
from hansei.core.files import check_writable, write_atomic
from hansei.core.result import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure


RESULT = "result.json"
"""Name of the result in its folder."""


def check_out(out: str | Path, name: str) -> None:
    """Looks, before hours of work, whether the result of the command `name` can be written in `out`; leaves no trace.

    Raises BadInput where it can't, or where another command's result is there, which would be lost.
    """
    folder = Path(out)
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    check_writable(folder)
    for place in made:
        with contextlib.suppress(OSError):  # somebody else has put something there meanwhile
            place.rmdir()
    try:
        found = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    kept = (found.get("measure") or found.get("paper")) if isinstance(found, dict) else None
    if kept not in (None, name):
        raise BadInput(f"{folder}: holds the {RESULT} of {kept}, which {name} would replace: name another folder")


def with_files(result: Result, out: str, charts: Mapping[str, Figure]) -> Result:
    """The result, with its charts (by file name) and result.json written in the folder `out`."""
    folder = Path(out)
    check_writable(folder)
    files = [save(chart, folder / name) for name, chart in charts.items()]
    result = dataclasses.replace(result, files=[*result.files, *files, str(folder / RESULT)])
    write_atomic(folder / RESULT, json.dumps(result.to_json(), ensure_ascii=False, indent=1) + "\n")
    return result
