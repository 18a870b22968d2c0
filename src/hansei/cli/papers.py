"""`hansei papers`: the papers, what they claim, and what is built."""

from __future__ import annotations

import dataclasses
import json as jsonlib
import textwrap
from typing import Annotated

from cyclopts import App, Parameter

from hansei.catalogue import PAPERS, Paper, Signal, Wing
from hansei.cli.common import Json

command = App(name="papers", help_format="plaintext")
command.command("hansei.cli.experiments:command", name="run", help="Run the experiment of a paper.")


@command.default
def papers(
    *,
    wing: Annotated[Wing | None, Parameter(help="Only the papers of this wing.")] = None,
    signal: Annotated[Signal | None, Parameter(help="Only methods that learn from this signal.")] = None,
    built: Annotated[bool, Parameter(help="Only what can be run now.", negative=(), show_default=False)] = False,
    json: Json = False,
) -> None:
    """List the papers."""
    chosen = [
        paper
        for paper in PAPERS
        if (wing is None or paper.wing == wing)
        and (signal is None or signal in paper.signals)
        and (not built or paper.run)
    ]
    if json:
        rows = [dataclasses.asdict(p) | {"status": p.status, "command": p.command} for p in chosen]
        print(jsonlib.dumps({"papers": rows}, ensure_ascii=False))
    else:
        print("\n\n".join(_paragraph(paper) for paper in chosen))


def _paragraph(paper: Paper) -> str:
    head = f"{paper.number:>2}  {paper.name}  [{paper.wing}, {paper.status}]"
    learns = f" Learns from: {', '.join(paper.signals)}." if paper.signals else ""
    body = f"{paper.title} ({paper.source}). {paper.claim}{learns}"
    lines = textwrap.wrap(body, 96, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False)
    return "\n".join([head, *lines, *([f"    $ {paper.command}"] if paper.run else [])])
