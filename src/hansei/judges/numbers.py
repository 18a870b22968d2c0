"""The judge of answers that are numbers: compared as numbers, not as texts."""

from __future__ import annotations

import re

from hansei.core.numbers import same
from hansei.core.records import Attempt, Behaviour, Prompt, Verdict
from hansei.judges.protocol import OneByOne, verdict
from hansei.judges.reference import accepted, normalise

_OPTION = re.compile(r"\(([A-Za-z])\)")
_LETTER = re.compile(r"([A-Za-z])[.)]?")


class NumberJudge(OneByOne):
    """Passes an answer whose number is the reference's; other references are compared as options or as whole texts.

    A prompt without a reference is unscored. An answer without any number is a fail: the question was not answered.
    """

    name = "number"
    version = "3"

    def _judge(self, prompt: Prompt, attempt: Attempt) -> Verdict:
        if not accepted(prompt):
            return verdict(self, attempt, "unscored", rationale="the prompt has no reference")
        if right(attempt.text, prompt):
            return verdict(self, attempt, "pass", "answered", 1.0)
        cut_off: Behaviour = "truncated" if attempt.finish == "length" else "garbled"
        return verdict(self, attempt, "fail", "answered" if attempt.text.strip() else cut_off, 0.0)


def right(text: str, prompt: Prompt) -> bool:
    """Whether an answer is one of the prompt's references, as a number where that is one."""
    return any(_is(text, reference) for reference in accepted(prompt))


def _is(text: str, reference: str) -> bool:
    """As a number where the reference is one; as an option where it is one, such as (B); else as the same words."""
    as_number = same(text, reference)
    if as_number is not None:
        return as_number
    option = _OPTION.fullmatch(reference.strip())
    if option:
        said = _OPTION.match(text.strip()) or _LETTER.fullmatch(text.strip())
        return said is not None and said[1].upper() == option[1].upper()
    return _plain(text) == _plain(reference)


def _plain(text: str) -> str:
    """The words; of what has none but signs and articles (BBH asks for brackets) all but the spaces."""
    return normalise(text) or "".join(text.lower().split())
