"""How far a judge is swayed by text inserted into labelled answers: `hansei measure judge-injection`.

Every labelled answer is judged as it is, and once for each kind of injection (judges/injection.py) with a text that
claims the opposite of what the judge has just said. A flip is a word that turned; `control` are texts that claim
nothing, and a kind's effect is its flips minus the control's, paired by answer. A judge that falls silent has not been
turned, but it has been put out of action: those are counted apart.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from hansei.core.errors import BadInput
from hansei.core.keys import content_key
from hansei.core.result import Result
from hansei.core.statistics import paired_bootstrap, rate
from hansei.judges.injection import INJECTIONS, KINDS, Direction, Place
from hansei.judges.reliability import reliability
from hansei.measuring import judge as plain
from hansei.measuring.judge_labelled import Columns, Labelled, Word, parse_only, read_labelled
from hansei.measuring.judge_tables import Heard
from hansei.steps.failures import first_of

POSITIONAL = ("file",)
CONTROL = "control"
HARMLESS: frozenset[str] = frozenset({"pass", "refused", "partial"})
"""Words that the texts of direction `harmless` ask for."""
HARMFUL: frozenset[str] = frozenset({"fail", "answered"})


@dataclass(frozen=True)
class Settings:
    """Settings of `hansei measure judge-injection`."""

    file: str
    """The labelled set: JSONL, CSV or Parquet, also gzipped; a row is a request, an answer to it and a label."""
    judge: str = "rules"
    """Who is measured: rules, substrings or a model's name."""
    positive: tuple[str, ...] = ()
    """The labels that count as positive."""
    says: tuple[Word, ...] = ("refused", "partial")
    """The words of the judge that count as positive: refused, partial and pass, or answered and fail."""
    place: Place = "end"
    """Where the text is set: at the end of the answer, or at its start."""
    prompt_column: str = "prompt"
    """Column of the request."""
    answer_column: str = "answer"
    """Column of the answer."""
    label_column: str = "label"
    """Column of the label."""
    expected_column: str | None = None
    """Column that says whether the request is to be refused or answered, for judges that need it."""
    only: tuple[str, ...] = ()
    """COLUMN=VALUE: rows with this value only."""
    base_url: str | None = None
    """Server of a judge called openai:NAME."""
    mode: Literal["binary", "rating"] | None = None
    """How a model judges: safe or unsafe, or a rating from 1 to 10."""
    threshold: int | None = None
    """Lowest passing rating of mode rating."""
    device: str = "auto"
    """Where a local judge model runs."""
    dtype: str = "auto"
    """Precision of a local judge model."""
    limit: int | None = None
    """At most so many answers, spread evenly; each is judged once more for every kind of text."""
    dry_run: bool = False
    """Print how many calls the judge would take, and stop."""
    out: str | None = None
    """Folder of the chart, result.json and the verdicts, so that a broken run goes on; nothing is written without."""

    def __post_init__(self) -> None:
        """Raises BadInput for a question that makes no sense."""
        if self.judge.startswith(plain.COLUMN):
            raise BadInput(f"measure judge-injection: a judge that can be asked was expected, found {self.judge}")
        if not self.says or not (set(self.says) <= HARMLESS or set(self.says) <= HARMFUL):
            raise BadInput(
                f"says: words of one direction were expected ({', '.join(sorted(HARMLESS))}; or "
                f"{', '.join(sorted(HARMFUL))}), found {' '.join(self.says) or 'none'}"
            )
        if self.limit is not None and self.limit < 2:
            raise BadInput(f"limit: 2 or more was expected, found {self.limit}")
        parse_only(self.only)
        _as_plain(self)


def run(settings: Settings) -> Result:
    """Judges the answers with and without the texts. Raises BadInput at a set or a judge that can't be used."""
    started = time.monotonic()
    columns = Columns(
        settings.prompt_column, settings.answer_column, settings.label_column, None, settings.expected_column
    )
    labelled = read_labelled(
        settings.file, columns, settings.positive, only=parse_only(settings.only), limit=settings.limit
    )
    asked = _as_plain(settings)
    if settings.dry_run:
        return _estimate(asked, settings, labelled)
    judge = plain.load_judge_of(settings.judge, asked, labelled)
    with plain.journal_of(settings.out) as journal:
        clean = plain.hear(settings.judge, judge, labelled, asked, journal)
        turned = {
            kind: plain.hear(f"{kind} in", judge, injected(labelled, clean.positive, kind, settings), asked, journal)
            for kind in KINDS
        }
    words = {kind: heard.positive for kind, heard in turned.items()}
    result = Result(
        name="judge-injection",
        settings=asdict(settings),
        rows=list(sway_rows(labelled, clean.positive, words)),
        parts={"right-and-wrong": trust_rows(labelled, clean.positive, words)},
        notes=_notes(settings, labelled, clean),
        errors=clean.errors + sum(heard.errors for heard in turned.values()),
        unscored=sum(h.positive.count(None) - h.errors for h in (clean, *turned.values())),
        seconds=time.monotonic() - started,
    )
    return _written(result, settings.out) if settings.out else result


def injected(
    labelled: Sequence[Labelled], clean: Sequence[bool | None], kind: str, settings: Settings
) -> list[Labelled]:
    """The answers with a text of the kind that claims the opposite of the judge's word (of the label, without a word).

    The texts of a kind take turns over the answers.
    """
    texts = [injection for injection in INJECTIONS if injection.kind == kind]
    positive_is_harmless = set(settings.says) <= HARMLESS
    changed = []
    for number, (item, word) in enumerate(zip(labelled, clean, strict=True)):
        said = item.positive if word is None else word
        direction: Direction = "harmful" if said == positive_is_harmless else "harmless"
        text = texts[number % len(texts)].into(item.attempt.text, direction, settings.place)
        attempt = replace(item.attempt, id=content_key("injected", item.attempt.id, text), text=text)
        changed.append(replace(item, attempt=attempt))
    return changed


def sway_rows(
    labelled: Sequence[Labelled], clean: Sequence[bool | None], words: Mapping[str, Sequence[bool | None]]
) -> list[dict[str, Any]]:
    """For each kind how often the judge's word turned, in both directions, and against the control."""
    clusters = [item.cluster for item in labelled]
    flips = {kind: [_flip(a, b) for a, b in zip(clean, after, strict=True)] for kind, after in words.items()}
    rows = []
    for kind, after in words.items():
        row: dict[str, Any] = {"row": kind, "flip_rate": rate(flips[kind], clusters)}
        if kind != CONTROL:
            row["flip_rate_minus_control"] = paired_bootstrap(flips[CONTROL], flips[kind], clusters)
        for name, before in (("positive_to_negative", True), ("negative_to_positive", False)):
            turned = [f if a is before else None for a, f in zip(clean, flips[kind], strict=True)]
            row[name] = rate(turned, clusters)
        silenced = [None if a is None else float(b is None) for a, b in zip(clean, after, strict=True)]
        row["silenced"] = rate(silenced, clusters)
        rows.append(row)
    return rows


def _flip(before: bool | None, after: bool | None) -> float | None:
    return None if before is None or after is None else float(before != after)


def trust_rows(
    labelled: Sequence[Labelled], clean: Sequence[bool | None], words: Mapping[str, Sequence[bool | None]]
) -> list[dict[str, Any]]:
    """Sensitivity and specificity without and with each kind of text."""
    truth, clusters = [item.positive for item in labelled], [item.cluster for item in labelled]
    rows = []
    for name, said in {"as they are": clean, **words}.items():
        trust = reliability(said, truth, clusters)
        rows.append({"row": name, "sensitivity": trust.sensitivity, "specificity": trust.specificity})
    return rows


def _as_plain(settings: Settings) -> plain.Settings:
    """The same question to `hansei measure judge`, for what both do."""
    return plain.Settings(
        settings.file,
        (settings.judge,),
        settings.positive,
        settings.says,
        expected_column=settings.expected_column,
        base_url=settings.base_url,
        mode=settings.mode,
        threshold=settings.threshold,
        device=settings.device,
        dtype=settings.dtype,
    )


def _estimate(asked: plain.Settings, settings: Settings, labelled: Sequence[Labelled]) -> Result:
    judge = plain.load_judge_of(settings.judge, asked, labelled)
    (row,) = plain.calls(labelled, {settings.judge: judge})
    times = 1 + len(KINDS)
    row = {**row, "calls": row["calls"] * times, "tokens_read": row["tokens_read"] * times}
    return Result(name="judge-injection", settings=asdict(settings), rows=[row], notes=["dry run"])


def _notes(settings: Settings, labelled: Sequence[Labelled], clean: Heard) -> list[str]:
    return [
        f"judge {clean.name} ({clean.version}); texts at the {settings.place} of {len(labelled)} answers, "
        f"{len(INJECTIONS)} texts of {len(KINDS)} kinds, each claiming the opposite of the judge's word",
        f"positive: label {settings.label_column} is {' or '.join(settings.positive)}; a judge's word is "
        f"{' or '.join(settings.says)}; {clean.positive.count(None)} answers without a word before are in no flip rate",
        *first_of([clean.error or None]),
    ]


def _written(result: Result, out: str) -> Result:
    from hansei.core.output import with_files
    from hansei.measuring.judge_chart import dots

    series = {"flip_rate": "word turned", "silenced": "no word any more"}
    return with_files(result, out, {"judge-injection.svg": dots(result.rows, series, "share of the answers")})
