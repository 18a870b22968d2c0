"""Numbers and hostile text as HTML-safe words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from markupsafe import Markup, escape

from hansei.core.records import Chat, Figure
from hansei.report.page import MEASURES, Difference, Measure

LONGEST_TEXT = 4_000
"""Characters of an answer that are shown; the journal keeps the rest."""
CONTEXT_TURNS = 8
"""Turns of a conversation that are shown."""

# What a reader would not see, or what changes how the rest is seen: controls, bidirectional marks and
# overrides, invisible spaces and operators, tag characters; and lone surrogates, which no file can hold.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f"
    "\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)


def shown(text: str, longest: int = LONGEST_TEXT) -> Markup:
    """Text of others: escaped, shortened with a note, and with what can't be seen made visible."""
    text = text.replace("\r\n", "\n")
    note = Markup("")
    if len(text) > longest:
        note = Markup('<span class="cut">… {} more characters are in the journal</span>').format(
            f"{len(text) - longest:,}"
        )
        text = text[:longest]
    pieces: list[Markup] = []
    end = 0
    for match in _UNSEEN.finditer(text):
        code = f"U+{ord(match[0]):04X}"
        name = unicodedata.name(match[0], "control character").lower()
        pieces += [
            escape(text[end : match.start()]),
            Markup('<span class="unseen" title="{}">{}</span>').format(name, code),
        ]
        end = match.end()
    return Markup("").join([*pieces, escape(text[end:]), note])


def plain(text: str, longest: int = 120) -> str:
    """Text of others on one line, for headings and labels; Jinja escapes it."""
    line = " ".join(_UNSEEN.sub("\ufffd", text).split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def visible(text: str) -> str:
    """Text of others as it is, but for what can't be seen, which stands as U+XXXX. Not escaped."""
    return _UNSEEN.sub(lambda match: f"U+{ord(match[0]):04X}", text)


def last_turn(chat: Chat) -> str:
    """What was asked last."""
    return chat[-1].content if chat else ""


def context(chat: Chat) -> Chat:
    """The turns before the last one, at most the latest `CONTEXT_TURNS`."""
    return chat[:-1][-CONTEXT_TURNS:]


def measure(name: str) -> Measure:
    """How a metric is read; an unknown one is shown under its own name, as a number."""
    return MEASURES.get(name, Measure(name.replace("_", " "), "", "", percent=False))


def _rounded(value: float, percent: bool) -> str:
    if percent:
        return f"{100 * value:.0f}" if abs(100 * value - round(100 * value)) < 0.05 else f"{100 * value:.1f}"
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.0f}"


def value(figure: Figure | None, percent: bool) -> str:
    """The estimate, such as `93.3%`."""
    if figure is None or figure.value is None:
        return "not measured"
    return _rounded(figure.value, percent) + ("%" if percent else "")


def interval(figure: Figure | None, percent: bool) -> str:
    """The interval and n, such as `88 to 97, n = 120`."""
    if figure is None or figure.value is None:
        return "" if figure is None else "n = 0"
    if figure.low is None or figure.high is None:
        return f"n = {figure.n:,}"
    return f"{_rounded(figure.low, percent)} to {_rounded(figure.high, percent)}, n = {figure.n:,}"


def signed(number: float | None, percent: bool) -> str:
    """A difference, such as `+89 points`."""
    if number is None:
        return "not measured"
    text = _rounded(abs(number), percent)
    sign = "±" if float(text) == 0 else "+" if number > 0 else "−"
    return f"{sign}{text}" + (" points" if percent else "")


def difference_interval(figure: Figure, percent: bool) -> str:
    """The ends of a difference's interval, signed, and its n."""
    if figure.low is None or figure.high is None:
        return f"n = {figure.n:,}"
    ends = [signed(end, percent).removesuffix(" points") for end in (figure.low, figure.high)]
    return f"{ends[0]} to {ends[1]}, n = {figure.n:,}"


def p_value(p: float | None) -> str:
    """`p = 0.03`, `p < 0.001`; empty without a test."""
    if p is None:
        return ""
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}" if p < 0.095 else f"p = {p:.2f}"


def reading(difference: Difference) -> str:
    """`better`, `worse`, `no clear change` (the interval holds 0); empty where neither direction is good."""
    figure, better = difference.figure, measure(difference.metric).better
    if figure.value is None or figure.low is None or figure.high is None or not better:
        return ""
    if figure.low <= 0 <= figure.high:
        return "no clear change"
    return "better" if (figure.value > 0) == (better == "higher") else "worse"


def duration(seconds: float | None) -> str:
    """`1 h 02 min`, `3 min 20 s`, `12 s`."""
    if seconds is None:
        return ""
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 60} min {whole % 60:02d} s" if whole >= 60 else f"{seconds:.0f} s"


def several(number: int, one: str, more: str | None = None) -> str:
    """`1 answer`, `2 answers`."""
    return f"{number:,} {one if number == 1 else more or one + 's'}"


def shared_metrics(rows: Sequence[dict[str, Figure]]) -> list[str]:
    """The metrics that any row has measured, known ones first in their order."""
    found = {name for figures in rows for name, figure in figures.items() if figure.value is not None}
    return [m for m in MEASURES if m in found] + sorted(found - set(MEASURES))
