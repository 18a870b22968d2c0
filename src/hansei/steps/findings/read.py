"""Which tool wrote a file, and its findings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from hansei.core.errors import BadInput
from hansei.steps.findings import garak, inspect_log, jailbreakbench, plain, promptfoo
from hansei.steps.findings.finding import Finding, read_json, read_lines

Format = Literal["garak", "promptfoo", "inspect", "jailbreakbench", "jsonl"]
VERSIONS: dict[Format, str] = {
    "garak": garak.VERSIONS,
    "promptfoo": promptfoo.VERSIONS,
    "inspect": inspect_log.VERSIONS,
    "jailbreakbench": jailbreakbench.VERSIONS,
    "jsonl": plain.VERSIONS,
}
"""What is read of each format."""


def read_findings(
    path: str | Path,
    *,
    scorer: str | None = None,
    fail_from: float | None = None,
    pass_from: float | None = None,
) -> tuple[Format, Iterator[Finding]]:
    """The format of a file, told from what is in it, and its findings in order.

    `scorer`, `fail_from` and `pass_from` are for Inspect's logs only. Raises BadInput where the file is of no known
    format or of an unknown version of one, or at what is wrong in it once that is reached.
    """
    path = Path(path)
    kind, value = _told(path)
    if kind != "inspect" and (scorer, fail_from, pass_from) != (None, None, None):
        raise BadInput(f"{path}: --scorer, --fail-from and --pass-from are for Inspect's logs, this is {kind}")
    if kind == "garak":
        return kind, garak.read(path)
    if kind == "jsonl":
        return kind, plain.read(path)
    if kind == "promptfoo":
        return kind, promptfoo.read(path, value)
    if kind == "jailbreakbench":
        return kind, jailbreakbench.read(path, value)
    return kind, inspect_log.read(path, value, scorer=scorer, fail_from=fail_from, pass_from=pass_from)


def _told(path: Path) -> tuple[Format, Mapping[str, Any]]:
    if path.suffix.lower() == ".eval":
        raise BadInput(f"{path}: Inspect's binary log: `inspect log convert --to json` makes a .json of it")
    if path.suffix.lower() == ".jsonl":
        for _, first in islice(read_lines(path), 1):
            if garak.is_garak(first):
                return "garak", first
            if plain.is_plain(first):
                return "jsonl", first
        raise _unknown(path)
    value = read_json(path)
    if isinstance(value, dict):
        if promptfoo.is_promptfoo(value):
            return "promptfoo", value
        if inspect_log.is_inspect(value):
            return "inspect", value
        if jailbreakbench.is_jailbreakbench(value):
            return "jailbreakbench", value
    raise _unknown(path)


def _unknown(path: Path) -> BadInput:
    return BadInput(f"{path}: of no known format; read are: {'; '.join(VERSIONS.values())}")
