"""What a model knows of five sciences, and whether it reads their notations: `hansei measure science`.

After "The Impact of Large Language Models on Scientific Discovery" (arXiv 2311.07361), which looks at drug discovery,
biology, computational chemistry, materials and partial differential equations, mostly by cases that experts judged. It
names weak points that can be measured: molecules and sequences given as SMILES or FASTA, exact numbers, and metal
against semiconductor. Here each is a table of questions whose answers are checked by rule: the same thing by name and
by string, numbers against nearest neighbours that know no language, and molecules, formulas, sequences and solutions
that are valid or not.

Deviations: the paper's cases are judged by experts and are not reproduced; its own benchmark sets are replaced by small
tables of well-known facts and of values that RDKit computes, each row with its source.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from hansei.core.errors import BadInput
from hansei.core.records import Attempt, Prompt, Sampling
from hansei.core.result import Result
from hansei.measuring import science_report as report
from hansei.measuring.science_answers import Answer, prompts, read
from hansei.measuring.science_baselines import Baselines, baselines
from hansei.measuring.science_chemistry import check_installed
from hansei.measuring.science_items import Item, first_of_each, read_items, shipped
from hansei.models.names import check_address, check_place

POSITIONAL = ("files",)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of `hansei measure science`."""

    files: tuple[str, ...] = ()
    """Your own questions: CSV, JSONL or Parquet with question, kind (number, choice, smiles, formula, dna, protein,
    solution) and answer, and any of domain, task, name, string, form, unit, tolerance, options, equation, conditions,
    source; in place of the tables that come with hansei."""
    model: str | None = None
    """The model: a folder, a Hugging Face name, town or openai:NAME; without one only the baselines are measured."""
    base_url: str | None = None
    """Address of the server of a model openai:NAME."""
    domain: tuple[str, ...] = ()
    """Only these domains, such as "biology"; all where none is given."""
    neighbours: int = 3
    """Most alike rows whose mean is the baseline of a number."""
    examples: int = 0
    """Of these neighbours, how many are shown to the model with their answers before each question that has any."""
    limit: int | None = None
    """Only the first questions of each task."""
    max_new_tokens: int = 256
    """Longest answer, in tokens."""
    device: str = "auto"
    """Where a local model runs: auto, cpu, cuda …"""
    dtype: str = "auto"
    """Precision of a local model: auto, float32, bfloat16 …"""
    seed: int = 0
    """Seed of the intervals; answers are greedy."""
    out: str | None = None
    """Folder for the answers, the chart and result.json; the same folder again goes on where it stopped."""
    dry_run: bool = False
    """Say how many questions and answers there would be, and stop."""

    def __post_init__(self) -> None:
        """Raises BadInput for what can't be measured."""
        if self.neighbours < 1 or not 0 <= self.examples <= self.neighbours:
            raise BadInput(
                "measure science: 1 or more neighbours, and from 0 to as many examples, were expected, "
                f"found {self.neighbours} and {self.examples}"
            )
        if (self.limit is not None and self.limit < 1) or self.max_new_tokens < 1:
            raise BadInput("measure science: limit and max-new-tokens of 1 or more were expected")
        if self.model is None and self.examples:
            raise BadInput("measure science: --examples goes with a model: name it with --model")
        check_address(self, "base_url", "model")
        check_place(self, [self.model])


def run(settings: Settings) -> Result:
    """Ask every question, read the answers, and set them beside the baselines. Raises BadInput."""
    from hansei.steps.failures import first_error

    started = time.monotonic()
    check_installed()
    everything = _items(settings)
    items = first_of_each(everything, settings.limit)
    known = baselines(everything, settings.neighbours)  # from the whole tables, also where a few are asked
    shown = {name: found[: settings.examples] for name, found in known.near.items()}
    asked = prompts(items, shown)
    if settings.dry_run:
        model = f"; {len(asked)} answers would be asked of {settings.model}" if settings.model else ""
        return Result(
            name="science",
            settings=asdict(settings),
            rows=[],
            notes=[f"{len(items)} questions{model}; nothing was run"],
        )
    attempts = _asked(settings, asked) if settings.model else {}
    answers = [read(item, way, attempts[f"{item.id}/{way}"]) for item in items for way, _ in item.ways() if attempts]
    result = tables(settings, items, answers, known, time.monotonic() - started)
    result = replace(result, notes=[*result.notes, *first_error(list(attempts.values()))])
    if settings.out is None:
        return result
    from hansei.core.output import with_files
    from hansei.measuring.science_chart import draw

    return with_files(result, settings.out, {"science.svg": draw(result)})


def tables(
    settings: Settings, items: Sequence[Item], answers: Sequence[Answer], known: Baselines, seconds: float
) -> Result:
    """The result of answers: domains, pairs, numbers, choices, validity, and the counts behind them."""
    parts = {
        "pairs": report.pair_rows(answers, settings.seed),
        "numbers": report.number_rows(items, answers, known, settings.seed),
        "choices": report.choice_rows(items, answers, known, settings.seed),
        "validity": report.validity_rows(items, answers, settings.seed),
        "outcomes": report.outcome_rows(answers),
    }
    outcomes = Counter(str(answer.outcome) for answer in answers)
    return Result(
        name="science",
        settings=asdict(settings),
        rows=report.domain_rows(items, answers, known, settings.seed),
        parts={name: rows for name, rows in parts.items() if rows},
        numbers=report.NUMBERS,
        notes=_notes(settings, items, outcomes),
        seeds=[settings.seed],
        errors=outcomes["error"],
        unscored=outcomes["unparsed"] + outcomes["cut"],
        seconds=seconds,
    )


def _items(settings: Settings) -> list[Item]:
    items = [item for path in settings.files for item in read_items(path)] if settings.files else shipped()
    if len({item.id for item in items}) < len(items):
        raise BadInput("measure science: two of the files have the same name: rename one, as answers are kept by it")
    known = list(dict.fromkeys(item.domain for item in items))
    strange = [name for name in settings.domain if name not in known]
    if strange:
        raise BadInput(f"measure science: domain {strange[0]!r}: one of {', '.join(known)} was expected")
    return [item for item in items if not settings.domain or item.domain in settings.domain]


def _asked(settings: Settings, asked: Sequence[Prompt]) -> dict[str, Attempt]:
    """What the model says to each prompt, by the prompt's id; kept in the journal of --out."""
    from hansei.core.journal import Journal
    from hansei.models.load import load
    from hansei.steps.ask import ask

    model = load(str(settings.model), base_url=settings.base_url, device=settings.device, dtype=settings.dtype)
    sampling = Sampling(max_new_tokens=settings.max_new_tokens)
    with tempfile.TemporaryDirectory() as passing, Journal.open(settings.out or passing) as journal:
        return {attempt.prompt_id: attempt for attempt in ask(model, asked, sampling, journal, label="ask science")}


def _notes(settings: Settings, items: Sequence[Item], outcomes: Mapping[str, int]) -> list[str]:
    said = [
        f"baseline: the {settings.neighbours} most alike other rows of the task, their mean for numbers (rounded for "
        "counts), their vote for choices; it has no answer to the rest",
    ]
    if settings.model is None:
        said.append(f"no model was named: {len(items)} questions, baselines only")
        return said
    said.append(
        "accuracy: of the answers that could be read; refusals and what could not be read are counted beside it"
    )
    if settings.examples:
        said.append(f"before numbers and choices stood {settings.examples} of their neighbours with the answers")
    if outcomes.get("cut"):
        said.append(f"{outcomes['cut']} answers were cut at --max-new-tokens before they said anything")
    return said
