"""`hansei answer METHOD`: an answering method on your own questions; its options are its module's `Settings`."""

from __future__ import annotations

from cyclopts import App

from hansei.answering_methods import METHODS, Answering
from hansei.cli.common import command_of
from hansei.cli.reported import Reported, with_report

command = App(name="answer", help="Answer your questions by a method, with every prompt kept.", help_format="plaintext")


def __getattr__(name: str) -> object:
    """The command of a method, made when it is asked for, so that no other one's module is imported."""
    for entry in METHODS:
        if entry.name.replace("-", "_") == name:
            return _command(entry)
    raise AttributeError(name)


def _command(entry: Answering) -> object:
    from hansei.loop.answering import method_of

    def call(settings: object) -> Reported:
        from hansei.loop.answering import answer_questions

        learned = answer_questions(settings, entry.name)  # type: ignore[arg-type]
        return with_report(learned, learned.out, learned.comparison is not None)

    return command_of(method_of(entry)[0], call)


for _entry in METHODS:
    command.command(f"{__name__}:{_entry.name.replace('-', '_')}", name=_entry.name, help=_entry.help)
