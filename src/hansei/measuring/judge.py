"""How far judges can be trusted, against labels: `hansei measure judge`.

Sensitivity, specificity and Cohen's kappa of any judge on any labelled set, by category, judges compared with each
other on the same answers, and on request a stored run's rates corrected for the judge's errors
(judges/reliability.py). What counts as positive is the user's to say, of the labels (`positive`) and of the judge's
words (`says`), and stands in the result.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hansei.core.errors import BadInput
from hansei.core.records import Verdict
from hansei.core.result import Result
from hansei.measuring.judge_labelled import OUTCOMES, Columns, Labelled, Word, parse_only, plain, read_labelled
from hansei.measuring.judge_tables import (
    Heard,
    agreement_rows,
    category_rows,
    difference_row,
    trust_of,
    trust_row,
    word_rows,
)
from hansei.models.names import check_address, check_place
from hansei.steps.failures import one_line

if TYPE_CHECKING:
    from hansei.core.journal import Journal
    from hansei.judges.protocol import Judge

POSITIONAL = ("file",)
COLUMN = "column:"
"""Before the name of a column that holds another judge's words."""


@dataclass(frozen=True)
class Settings:
    """Settings of `hansei measure judge`."""

    file: str
    """The labelled set: JSONL, CSV or Parquet, also gzipped; a row is a request, an answer to it and a label."""
    judge: tuple[str, ...] = ("rules",)
    """Who is measured, one or several: rules, substrings, reference, a model's name, or column:NAME for
    another judge's words that stand in a column (in the words of the label column)."""
    positive: tuple[str, ...] = ()
    """The labels that count as positive, such as --positive 2_full_refusal 3_partial_refusal."""
    says: tuple[Word, ...] = ("refused", "partial")
    """The words of a judge that count as positive: behaviours (refused, partial, answered, garbled, truncated) or
    outcomes (fail, pass)."""
    prompt_column: str = "prompt"
    """Column of the request."""
    answer_column: str = "answer"
    """Column of the answer."""
    label_column: str = "label"
    """Column of the label."""
    category_column: str | None = None
    """Column by which a second table is divided."""
    expected_column: str | None = None
    """Column that says whether the request is to be refused or answered (refuse, answer), for judges that need it."""
    only: tuple[str, ...] = ()
    """COLUMN=VALUE: rows with this value only, such as --only model=gpt4."""
    correct: str | None = None
    """Folder of a stored run that the first judge has judged: its rates are shown raw and corrected."""
    base_url: str | None = None
    """Server of judges called openai:NAME."""
    mode: Literal["binary", "rating"] | None = None
    """How a model judges: safe or unsafe, or a rating from 1 to 10."""
    threshold: int | None = None
    """Lowest passing rating of mode rating."""
    device: str = "auto"
    """Where a local judge model runs."""
    dtype: str = "auto"
    """Precision of a local judge model."""
    limit: int | None = None
    """At most so many rows, spread evenly."""
    dry_run: bool = False
    """Print how many calls the judges would take, and stop."""
    out: str | None = None
    """Folder of the chart, result.json and the verdicts, so that a broken run goes on; nothing is written without."""

    def __post_init__(self) -> None:
        """Raises BadInput for settings that measure nothing."""
        if not self.judge or not self.says:
            raise BadInput("measure judge: one judge and one word that counts as positive at least were expected")
        if len(set(self.judge)) < len(self.judge):
            raise BadInput(f"measure judge: every judge once was expected, found {' '.join(self.judge)}")
        if self.limit is not None and self.limit < 2:
            raise BadInput(f"limit: 2 or more was expected, found {self.limit}")
        if self.correct and self.judge[0].startswith(COLUMN):
            raise BadInput(
                f"correct: a run's judge was expected first, found {self.judge[0]}: name it first in --judge"
            )
        parse_only(self.only)
        self._check_model_settings()

    def _check_model_settings(self) -> None:
        """Raises BadInput at settings of judges that are models where none is."""
        from hansei.judges.load import judge_models

        check_address(self, "base_url", "judge")
        given = [name for name in ("mode", "threshold") if getattr(self, name) is not None]
        models = judge_models(*(name for name in self.judge if not name.startswith(COLUMN)))
        check_place(self, models)
        if given and not models:
            raise BadInput(f"{given[0]}: is for judges that are models, found {' '.join(self.judge)}: leave it out")

    @property
    def columns(self) -> Columns:
        """The names of the columns."""
        return Columns(
            self.prompt_column, self.answer_column, self.label_column, self.category_column, self.expected_column
        )


def run(settings: Settings) -> Result:
    """Asks every judge about every labelled answer. Raises BadInput at a set or a judge that can't be used."""
    started = time.monotonic()
    labelled = read_labelled(
        settings.file, settings.columns, settings.positive, only=parse_only(settings.only), limit=settings.limit
    )
    judges = {name: load_judge_of(name, settings, labelled) for name in settings.judge}
    if settings.dry_run:
        notes = [f"dry run: {len(labelled)} answers"]
        return Result(name="judge", settings=asdict(settings), rows=calls(labelled, judges), notes=notes)
    with journal_of(settings.out) as journal:
        heard = [hear(name, judge, labelled, settings, journal) for name, judge in judges.items()]
    result = Result(
        name="judge",
        settings=asdict(settings),
        rows=[trust_row(h.name, trust_of(h, labelled)) for h in heard],
        parts=_parts(heard, labelled, settings, judges),
        numbers=frozenset({"kappa"}),
        hidden=frozenset({"judge"}),
        notes=_notes(settings, labelled, heard),
        errors=sum(h.errors for h in heard),
        unscored=sum(h.positive.count(None) - h.errors for h in heard),
        seconds=time.monotonic() - started,
    )
    return _written(result, settings.out) if settings.out else result


def load_judge_of(name: str, settings: Settings, labelled: Sequence[Labelled]) -> Judge | str:
    """The judge, or the column that holds its words. Raises BadInput where it can't be used on this set."""
    if name.startswith(COLUMN):
        column = name.removeprefix(COLUMN)
        if column not in labelled[0].values:
            there = ", ".join(map(repr, labelled[0].values))
            raise BadInput(f"{settings.file}: a column {column!r} was expected for the judge {name}, found {there}")
        return column
    from hansei.judges.load import WITHOUT_MODEL, load_judge, load_judge_beside

    if name in WITHOUT_MODEL:
        needs = set(settings.says) & set(OUTCOMES)
        if needs and name in ("rules", "substrings") and settings.expected_column is None:
            raise BadInput(
                f"judge {name}: it says {' or '.join(sorted(needs))} only where it is known what is expected: name the "
                "column with --expected-column, or take behaviours such as --says refused partial"
            )
        return load_judge(name)
    return load_judge_beside(
        name,
        settings.base_url,
        mode=settings.mode,
        threshold=settings.threshold,
        device=settings.device,
        dtype=settings.dtype,
    )


def hear(name: str, judge: Judge | str, labelled: Sequence[Labelled], settings: Settings, journal: Journal) -> Heard:
    """What the judge says about every answer; what is in the journal is not asked again."""
    if isinstance(judge, str):
        return _stored_words(name, judge, labelled, frozenset(settings.positive))
    from hansei.steps.judge import judge as judged

    verdicts = judged(judge, [i.prompt for i in labelled], [i.attempt for i in labelled], journal, label=name)
    words: list[str] = [v.outcome if v.behaviour is None or v.outcome == "error" else v.behaviour for v in verdicts]
    failed = [v.rationale for v in verdicts if v.outcome == "error"]
    positive = [counts_as_positive(v, settings.says) for v in verdicts]
    return Heard(name, judge.version, positive, words, len(failed), failed[0] if failed else "")


def counts_as_positive(verdict: Verdict, says: Sequence[str]) -> bool | None:
    """Whether one of the words `says` is the verdict's; None where the judge gave no word of that kind."""
    if verdict.outcome == "error":
        return None
    by_outcome, by_behaviour = set(says) & set(OUTCOMES), set(says) - set(OUTCOMES)
    if (by_outcome and verdict.outcome == "unscored") or (by_behaviour and verdict.behaviour is None):
        return None
    return verdict.outcome in by_outcome or verdict.behaviour in by_behaviour


def _stored_words(name: str, column: str, labelled: Sequence[Labelled], positive: frozenset[str]) -> Heard:
    """Words in a column; a value that the label column never has is no word."""
    known = {item.label for item in labelled} | positive
    words = ["" if item.values.get(column) is None else plain(item.values[column]) for item in labelled]
    said = [word in positive if word in known else None for word in words]
    return Heard(name, "stored", said, [w if w in known else "(none)" for w in words])


def _parts(
    heard: Sequence[Heard], labelled: Sequence[Labelled], settings: Settings, judges: Mapping[str, Any]
) -> dict[str, list[dict[str, Any]]]:
    parts = {"words": word_rows(heard, labelled)}
    if len(heard) > 1:
        parts["gains-of-the-first"] = [difference_row(heard[0], h, labelled) for h in heard[1:]]
        parts["agreement-of-judges"] = agreement_rows(
            {h.name: h.positive for h in heard}, [i.cluster for i in labelled]
        )
    if settings.category_column:
        parts["by-category"] = list(category_rows(heard, labelled))
    if settings.correct:
        from hansei.measuring.judge_run import corrected_rows

        trust = trust_of(heard[0], labelled)
        parts["corrected"] = corrected_rows(settings.correct, judges[heard[0].name], trust, settings.says)
    return parts


def _notes(settings: Settings, labelled: Sequence[Labelled], heard: Sequence[Heard]) -> list[str]:
    positives = sum(i.positive for i in labelled)
    notes = [
        f"positive: label {settings.label_column} is {' or '.join(settings.positive)} ({positives} of {len(labelled)} "
        f"answers); a judge's word is {' or '.join(settings.says)}",
        "judges: " + ", ".join(f"{h.name} ({h.version})" for h in heard),
    ]
    if settings.only:
        notes.append(f"only rows with {' and '.join(settings.only)}")
    for h in heard:
        if None in h.positive:
            lost = trust_of(h, labelled).unsaid
            notes.append(f"{h.name} gave no word on {lost[0]} positives and {lost[1]} negatives; they are in no figure")
        if h.error:
            notes.append(f"{h.name}, the first error: {one_line(h.error)}")
    if settings.correct:
        notes.append(
            "corrected: Rogan-Gladen with Lang and Reiczigel's interval; it holds where the judge errs on the run's "
            "answers as often as on the labelled ones"
        )
    return notes


@contextlib.contextmanager
def journal_of(out: str | None) -> Iterator[Journal]:
    """Where verdicts are kept: in the folder `out`, or for as long as the measurement takes."""
    from hansei.core.journal import Journal

    with contextlib.ExitStack() as stack:
        folder = out or stack.enter_context(tempfile.TemporaryDirectory())
        yield stack.enter_context(Journal.open(Path(folder)))


def calls(labelled: Sequence[Labelled], judges: Mapping[str, Judge | str]) -> list[dict[str, Any]]:
    """How many calls each judge would take; tokens at four characters each."""
    from hansei.judges.model_judge import ModelJudge

    rows = []
    for name, judge in judges.items():
        asked = [judge.question(i.prompt, i.attempt) for i in labelled] if isinstance(judge, ModelJudge) else []
        read = sum(len(message.content) for chat in asked for message in chat)
        rows.append({"row": name, "calls": len(asked), "tokens_read": read // 4})
    return rows


def _written(result: Result, out: str) -> Result:
    from hansei.core.output import with_files
    from hansei.measuring.judge_chart import trust_chart

    return with_files(result, out, {"judge.svg": trust_chart(result.rows)})
