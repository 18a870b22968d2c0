"""Does a multiple-choice score say what a model knows? `hansei measure multiple-choice`.

Wang et al., "Beyond the Answers: Reviewing the Rationality of Multiple Choice Question Answering for the Evaluation of
Large Language Models", arXiv 2402.01349 (v3: "LLMs May Perform MCQA by Selecting the Least Incorrect Option"). Every
question is asked in six variants and with fewer options; MCQA+ is the mean accuracy over the six. Each option is also
proposed on its own: a model that calls two of them true has not chosen the right one but the least wrong one.

Deviations: questions are asked without examples, in one wording; several seeds of the order and of the options that
are taken away, where the paper draws once.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from hansei.core.errors import BadInput
from hansei.core.result import Result, Row
from hansei.measuring.choice_answers import Answers, by_probability, by_writing
from hansei.measuring.choice_items import read_items
from hansei.measuring.choice_sheet import Answered, Sheet, positions, sheet_of, table
from hansei.models.names import check_address
from hansei.models.protocol import Model
from hansei.steps.failures import first_of

if TYPE_CHECKING:
    from hansei.core.journal import Journal

POSITIONAL = ("file",)
UNIT = 128
"""Questions in a unit of work: what a killed run asks again at most. Batches are made within it."""
Way = Literal["probability", "writing"]
TITLES: Mapping[Way, str] = {"probability": "likeliest-letter", "writing": "written-letter"}


@dataclass(frozen=True)
class Settings:
    """Settings of the measurement."""

    file: str
    """Questions: JSONL, CSV or Parquet as MMLU, ARC or TruthfulQA have them, or with columns question, A, B … and
    answer."""
    model: str = "town:registry"
    """Folder, Hugging Face name, town:registry, or openai:NAME."""
    base_url: str | None = None
    """Address of the server of openai:NAME."""
    by: Literal["probability", "writing", "both"] = "both"
    """How an answer is taken: the likeliest letter, the letter that the model writes, or both, as two tables."""
    seeds: int = 5
    """Seeds of the order of options and of those that are taken away."""
    limit: int | None = None
    """Only the first so many questions."""
    new_tokens: int = 32
    """Longest written answer, in tokens."""
    out: str | None = None
    """Folder for the chosen answers, the chart and result.json; the same command again goes on where it stopped.
    Nothing is kept without it."""

    def __post_init__(self) -> None:
        """Raises BadInput for numbers that measure nothing, and for an address that nobody is asked at."""
        check_address(self, "base_url", "model")
        for name in ("seeds", "new_tokens", "limit"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise BadInput(f"measure multiple-choice: {name} must be 1 or more, found {value}")


def run(settings: Settings) -> Result:
    """Asks every variant of every question and returns the tables. Raises BadInput for what can't be read or asked."""
    from hansei.core.journal import Journal
    from hansei.models.load import load

    items = read_items(settings.file, settings.limit)
    model = load(settings.model, base_url=settings.base_url)
    started = time.monotonic()
    sheet = sheet_of(items, range(settings.seeds))
    with tempfile.TemporaryDirectory() as passing, Journal.open(settings.out or passing) as journal:
        answers = {way: ask(model, sheet, way, settings.new_tokens, journal) for way in ways(settings.by)}
    return finished(
        Result(
            name="multiple-choice",
            settings=asdict(settings),
            **tables({way: [(sheet, given.chosen)] for way, given in answers.items()}),
            notes=notes(sheet, model) + first_of(a.error or None for a in answers.values()),
            seeds=list(sheet.seeds),
            errors=sum(a.errors for a in answers.values()),
            unscored=sum(a.unscored for a in answers.values()),
            seconds=time.monotonic() - started,
        ),
        settings.out,
    )


def notes(sheet: Sheet, model: Model) -> list[str]:
    """What was asked of whom, and what the data had wrong."""
    said = [f"{len(sheet.items)} questions, {len(sheet.asked)} different prompts; model {model.fingerprint}"]
    twice = sum(item.repeated > 0 for item in sheet.items)
    return said + [f"{twice} questions had an option twice; it was given once"] * bool(twice)


def ways(by: str) -> tuple[Way, ...]:
    """The ways of answering that a setting means."""
    return ("probability", "writing") if by == "both" else ("probability",) if by == "probability" else ("writing",)


def ask(model: Model, sheet: Sheet, way: Way, new_tokens: int, journal: Journal) -> Answers:
    """The model's answers to all that the sheet asks; a unit of which one did not come is asked again next time."""
    from hansei.core.keys import content_key
    from hansei.core.progress import progress

    chosen: list[int | None] = []
    errors, unscored, error = 0, 0, ""
    for start in progress(range(0, len(sheet.asked), UNIT), f"answers by {way}"):
        asked = sheet.asked[start : start + UNIT]
        drawn = None if way == "probability" else new_tokens
        key = content_key("choices 1", model.fingerprint, way, drawn, [(one.text, one.answers) for one in asked])
        found = journal.done(key)
        if found is None:
            made = by_probability(model, asked) if way == "probability" else by_writing(model, asked, new_tokens)
            found = [[list(made.chosen), made.errors, made.unscored, made.error]]
            if not made.errors:
                journal.commit(key, "choices", found)
        places, failed, unread, why = found[0]
        chosen += places
        errors, unscored, error = errors + failed, unscored + unread, error or why
    return Answers(chosen, errors, unscored, error)


Sheets = Mapping[Way, Sequence[Answered]]
"""Sheets with the answers that were given in each way."""


def tables(sheets: Sheets, only: Iterable[int] | None = None) -> dict[str, Any]:
    """Rows of the first way of answering, and as parts those of the other and the positions of each."""
    kept = None if only is None else list(only)
    made: dict[Way, list[dict[str, Any]]] = {way: table(answered, kept) for way, answered in sheets.items()}
    (first, rows), *others = made.items()
    parts: dict[str, Sequence[Row]] = {TITLES[way]: more for way, more in others}
    parts |= {f"positions-{TITLES[way]}": positions(answered) for way, answered in sheets.items()}
    return {"rows": rows, "parts": parts, "more": {"by": first}}


def finished(result: Result, out: str | None, series: Mapping[str, Sequence[Row]] | None = None) -> Result:
    """The result, with its chart (of the tables in `series`) and result.json where a folder was named."""
    if out is None:
        return result
    from hansei.core.output import with_files
    from hansei.measuring.choice_chart import chart

    return with_files(result, out, {"multiple-choice.svg": chart(result, series)})
