"""What is written beside a result: charts, and result.json."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from hansei.core.drawing import save
from hansei.core.files import check_writable, write_atomic
from hansei.core.result import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def with_files(result: Result, out: str, charts: Mapping[str, Figure]) -> Result:
    """The result, with its charts (by file name) and result.json written in the folder `out`."""
    folder = Path(out)
    check_writable(folder)
    files = [save(chart, folder / name) for name, chart in charts.items()]
    result = dataclasses.replace(result, files=[*result.files, *files, str(folder / "result.json")])
    write_atomic(folder / "result.json", json.dumps(result.to_json(), ensure_ascii=False, indent=1) + "\n")
    return result
