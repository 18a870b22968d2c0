"""A run as one HTML file that works without network: figures, pictures, answers, mistakes, settings.

Everything that a model, a judge or a user's file said is hostile until shown: Jinja escapes all of it,
invisible characters are made visible, long texts are cut with a note, and the page's content security policy
allows no request at all, no inline style, and no script but the one whose hash it names.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from hansei.core.files import check_writable, disk_errors, write_atomic
from hansei.report import words
from hansei.report.charts import differences_chart, rates_chart
from hansei.report.page import Error, Pair, RunPage, Told

if TYPE_CHECKING:
    from jinja2 import Template

MOST_PAIRS = 300
"""Pairs that are shown of each kind of change."""
MOST_MISTAKES = 300
"""Mistakes that are shown."""
MOST_TRACES = 300
"""Questions whose steps are shown."""
MOST_EXAMPLES = 5
"""Lessons that are shown of each purpose."""
MOST_OPEN = 5
"""Pairs of each kind, and mistakes, that are listed at once; the rest unfolds."""
MOST_TOLD = 300
"""Answers that stand alone and are shown, of each outcome."""
OUTCOMES = ("error", "unscored", "fail", "pass")
CHANGES = ("mended", "worsened", "still wrong", "still right", "undecided")
_HERE = Path(__file__).parent


def write_report(page: RunPage, path: str | Path) -> Path:
    """Writes the page to `path`, whole or not at all. Raises BadInput on a full disk or without rights."""
    path = Path(path)
    check_writable(path.parent)
    with disk_errors(f"writing {path}"):
        write_atomic(path, render(page))
    return path


def render(page: RunPage) -> str:
    """The page as one HTML document; the same page always gives the same text."""
    template, style, script = _parts()
    return template.render(
        page=page,
        words=words,
        style=Markup(style),  # noqa: S704 (our own files, no input)
        script=Markup(script),  # noqa: S704
        policy=policy(style, script),
        metrics=words.shared_metrics([dict(row.figures) for row in page.rows]),
        differences={d.metric: d for d in page.differences},
        rates=rates_chart(page.rows),
        changes=differences_chart(page.differences, _place(page)),
        groups=_groups(page.pairs),
        told=_told(page.told),
        totals=Counter(pair.change for pair in page.pairs),
        mistakes=_mistakes(page.mistakes),
        count_names=list(dict.fromkeys(name for row in page.rows for name in row.counts)),
        traces=page.traces[:MOST_TRACES],
        most_examples=MOST_EXAMPLES,
        most_open=MOST_OPEN,
        names=page.compared,
        headline=headline(page),
    )


@functools.cache
def _parts() -> tuple[Template, str, str]:
    """The compiled template, the style sheet and the script."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_finalize
    )
    environment.filters.update(plain=words.plain)
    html, style, script = ((_HERE / f"report.{end}").read_text(encoding="utf-8") for end in ("html", "css", "js"))
    return environment.from_string(html), style, script


def headline(page: RunPage) -> list[str]:
    """What happened, in a sentence for each changed share, good or bad, as the table has it."""
    rows = {row.name: row for row in page.rows}
    if not rows.keys() >= set(page.compared):
        return []
    before, after = (rows[name] for name in page.compared)
    lines = []
    for d in page.differences:
        how, now = words.measure(d.metric), after.figures.get(d.metric)
        was = before.figures.get(d.metric)
        if not how.percent or was is None or now is None or was.value is None or now.value is None:
            continue
        reading = words.reading(d)
        lines.append(
            f"{how.label}: {words.value(was, True)} {words.plain(before.name)}, "
            f"{words.value(now, True)} {words.plain(after.name)}" + (f" ({reading})." if reading else ".")
        )
    return lines


def _finalize(value: Any) -> Any:
    """Every string that the template prints goes through `shown`, whoever said it."""
    return words.shown(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _place(page: RunPage) -> int:
    """The place of the taught model's row, which gives its colour."""
    return next((i for i, row in enumerate(page.rows) if row.name == page.compared[1]), 0)


def policy(style: str, script: str) -> str:
    """A content security policy that allows this style sheet and this script, and nothing else."""

    def digest(text: str) -> str:
        return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

    return (
        f"default-src 'none'; style-src 'sha256-{digest(style)}'; script-src 'sha256-{digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _groups(pairs: Sequence[Pair]) -> list[dict[str, Any]]:
    """The pairs by what changed, the first `MOST_PAIRS` of each, with how many there are."""
    by_change = {change: [p for p in pairs if p.change == change] for change in CHANGES}
    return [
        {"change": change, "n": len(found), "pairs": found[:MOST_PAIRS]} for change, found in by_change.items() if found
    ]


def _told(answers: Sequence[Told]) -> list[dict[str, Any]]:
    """The answers that stand alone by the judge's word, the first `MOST_TOLD` of each, with how many there are."""
    by_outcome = {outcome: [a for a in answers if a.said.outcome == outcome] for outcome in OUTCOMES}
    return [
        {"outcome": outcome, "n": len(found), "answers": found[:MOST_TOLD]}
        for outcome, found in by_outcome.items()
        if found
    ]


def _mistakes(mistakes: Sequence[Error]) -> dict[str, Any]:
    reasked = [m.reasked for m in mistakes if m.reasked is not None]
    judged = [a.right for m in mistakes for a in m.analyses if a.right is not None]
    return {
        "shown": list(mistakes[:MOST_MISTAKES]),
        "n": len(mistakes),
        "reasked": len(reasked),
        "right_now": sum(said.outcome == "pass" for said in reasked),
        "analyses": sum(len(m.analyses) for m in mistakes),
        "analyses_judged": len(judged),
        "analyses_right": sum(judged),
    }
