"""The command line: it parses, calls one function of the Python API, and prints.

Exit codes: 0 done; 1 a defect of ours, with its traceback; 2 bad input, one line on stderr; 130 interrupted.
A command's module is imported only when that command is asked for, so that `hansei --help` takes no 0.3 s.
"""

from __future__ import annotations

import keyword
import os
import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hansei.core.errors import BadInput, visible

if TYPE_CHECKING:
    from cyclopts import App

COMMANDS = {
    "demo": "Run the whole loop on the town: ask, judge, explain, teach, ask again, compare.",
    "learn": "Run the loop on your own model and prompts, and prove on held-out prompts that it worked.",
    "mart": "Red-team your own model in rounds: an attacker and the model are tuned in turns (MART).",
    "factuality": "Tune your own model to say less that is wrong, by its own answers, ranked.",
    "demonstrations": "Teach your own model a style from fewer than ten demonstrations (DITTO).",
    "confidence": "Teach your own model to say how sure it is, and why, from its own disagreement (SaySelf).",
    "probe": "Ask a model your prompts and judge its answers, without teaching it.",
    "answer": "Answer your questions by a method, from your passages: every prompt is kept and can be replayed.",
    "judge": "Judge the stored answers of a run again, with another judge.",
    "import": "Read findings of garak, promptfoo, Inspect, JailbreakBench or plain JSONL, to look at or teach from.",
    "compare": "Compare two models, or two runs, on the same held-out prompts.",
    "papers": "List the papers, what they claim and what is built; `papers run NAME` runs an experiment.",
    "measure": "Measure a model, a benchmark or a text: `hansei measure --help` lists what can be measured.",
    "inside": "Look into a model: its activations, sparse autoencoders of them, and the latents of its mistakes.",
    "show": "Write a run as one HTML page that works offline, and print where it is.",
    "export": "Write a run's lessons for TRL, its answers for Inspect, or all its records as Parquet.",
    "town": "The small closed world that comes with hansei: ask its model, look at its prompts, grow a base anew.",
}
"""Name and help of each command; its module is `hansei.cli.NAME` (`import_` for import), its App `command`."""


def build_app() -> App:
    """The command-line application; no command's own module is imported yet."""
    from cyclopts import App

    import hansei

    app = App(
        name="hansei",
        help=(hansei.__doc__ or "").partition("\n")[0].removeprefix("hansei: ").capitalize(),
        version=hansei.__version__,
        help_format="plaintext",
        suppress_keyboard_interrupt=False,
    )
    for name, text in COMMANDS.items():
        module = f"{name}_" if keyword.iskeyword(name) else name
        app.command(f"hansei.cli.{module}:command", name=name, help=text)
    return app


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (that of the process where None) and return its exit code."""
    tokens = list(sys.argv[1:] if argv is None else argv)
    try:
        _run(tokens)
        sys.stdout.flush()
    except BadInput as error:
        print(f"hansei: {visible(str(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"hansei: interrupted; {_kept(tokens)}: {shlex.join(['hansei', *tokens])}", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 141
    return 0


def _kept(tokens: list[str]) -> str:
    """What an interrupted command leaves behind, and what the same command again does."""
    from hansei.catalogue import PAPERS, Paper
    from hansei.measurements import MEASUREMENTS, Measurement

    named: list[Measurement | Paper] = [m for m in MEASUREMENTS if tokens[:2] == ["measure", m.name]]
    named += [p for p in PAPERS if tokens[:3] == ["papers", "run", p.name] and p.run]
    if not all(one.keeps for one in named):
        return "a result is written at the end, so nothing was kept; again"
    if named and not any(token.startswith("--out") for token in tokens) and not _has_default(str(named[0].run)):
        return "without --out nothing was kept; again"
    return "finished work is kept, and this goes on with it"


def _has_default(run: str) -> bool:
    """Whether that measurement or experiment has a folder `out` of its own."""
    import importlib

    return bool(importlib.import_module(run.partition(":")[0]).Settings.out)


def _run(tokens: list[str]) -> None:
    """Parse and run; what the parser can't understand is the user's mistake."""
    from cyclopts import CycloptsError

    for token in tokens:
        if any("\ud800" <= c <= "\udfff" for c in token):  # what Python makes of bytes that are no UTF-8
            raise BadInput(f"{token}: an argument in UTF-8 was expected, found other bytes")
    app = build_app()
    try:
        app(tokens, exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        raise BadInput(str(error)) from error
