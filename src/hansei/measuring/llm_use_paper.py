"""The check of `llm-use` against the paper's own validation files: `hansei papers run llm-use --data DIR`.

Liang et al., arXiv 2404.01268, released as github.com/Weixin-Liang/Mapping-the-Increasing-Use-of-LLMs-in-Scientific-
Papers. Three procedures on the same files, whose true shares are known: the published one (the released word
distribution, no calibration), the same from our part of the training text, and ours (`llm_use.py`). Training text alone
chooses vocabulary, minimum count and calibration; the validation files are only measured.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from hansei.core.errors import BadInput
from hansei.core.progress import progress
from hansei.core.records import Figure
from hansei.core.result import Result
from hansei.core.statistics import bootstrap as mean_of
from hansei.core.statistics import rate, two_way_bootstrap
from hansei.measuring.llm_use import check_numbers, choice_rows, curve_rows, figure, measure, word_rows
from hansei.measuring.llm_use_data import Field, fields, released_model, word_lists
from hansei.measuring.sentences import Text
from hansei.measuring.word_mixture import bootstrap, estimate, occurrences
from hansei.measuring.word_training import Candidate, Trained, train

MIN_COUNTS = (2, 3, 5, 10, 20, 50, 100)
COVERED_SHARES = (0.0, 0.05, 0.1, 0.25)
MIXTURES = 50
"""Mixtures a share on which the intervals are tried."""


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment."""

    data: str | None = None
    """Folder of the released data: `llm_use_in_papers`, or the folder that holds it."""
    out: str | None = "runs/llm-use"
    """Folder for the charts and result.json."""
    seeds: int = 5
    """Seeds of the folds and resamples."""
    draws: int = 1000
    """Bootstrap resamples behind each interval."""
    dry_run: bool = False
    """Print what would be measured, and how long it takes, and stop."""

    def __post_init__(self) -> None:
        """Raises BadInput without data, or for numbers that make no experiment."""
        if not self.data:
            raise BadInput("papers run llm-use: the released data were expected: give their folder with --data DIR")
        if self.seeds < 1:
            raise BadInput(f"papers run llm-use: seeds of 1 or more were expected, found {self.seeds}")
        check_numbers(MIN_COUNTS, self.draws)


def run(settings: Settings) -> Result:
    """Every field of the folder that has training and validation files."""
    started = time.monotonic()
    folder, found = fields(str(settings.data))
    named = ", ".join(f"{field.name} ({len(field.validation)} files)" for field in found)
    print(f"{named}; {settings.seeds} seeds; about {12 * settings.seeds * len(found)} s on one core", flush=True)
    if settings.dry_run:
        return Result(name="llm-use", kind="paper", settings=asdict(settings), rows=[])
    lists = word_lists(folder)
    results = [_field(field, lists, settings) for field in found]
    parts: dict[str, Sequence[Mapping[str, Any]]] = {}
    for field, (_, more, _) in zip(found, results, strict=True):
        parts |= {f"{name}" if len(found) == 1 else f"{name} {field.name}": rows for name, rows in more.items()}
    result = Result(
        name="llm-use",
        kind="paper",
        settings=asdict(settings) | {"data": folder.name},
        rows=[row for rows, _, _ in results for row in rows],
        parts=parts,
        numbers=frozenset({"mean_error_points"}),
        notes=_notes(found, results),
        seeds=list(range(settings.seeds)),
        seconds=time.monotonic() - started,
    )
    return _written(result, results, settings.out) if settings.out else result


Measured = tuple[list[dict[str, Any]], dict[str, list[dict[str, Any]]], Trained]


def _field(field: Field, lists: Mapping[str, set[str] | None], settings: Settings) -> Measured:
    """Rows of the validation files, further tables, and what seed 0 has learnt."""
    sentences = min(len(text.sentences) for text in field.validation.values())
    trained, ours = [], []
    for seed in progress(range(settings.seeds), f"{field.name}, seeds"):
        trained.append(train(field.human, field.ai, {"all words": None}, MIN_COUNTS, sentences=sentences, seed=seed))
        ours.append([measure(trained[-1], text, settings.draws, seed) for text in field.validation.values()])
    first, rows = trained[0], []
    published = _published(field, settings.draws)
    for n, (share, text) in enumerate(field.validation.items()):
        values = tuple(row[n]["share"].value for row in ours)
        row = {
            **ours[0][n],
            "row": f"{field.name}, true share {share:.1%}",
            "true_share": share,
            "share": replace(ours[0][n]["share"], per_seed=values),
            "error_points": round(100 * (ours[0][n]["share"].value - share), 2),
            "published_share": published.get(share, Figure(None, None, None, len(text.sentences))),
        }
        rows.append(row)
    tried = [first]
    if lists:
        tried.append(train(field.human, field.ai, lists, MIN_COUNTS, sentences=sentences, seed=0))
    more = {
        "errors": _error_rows(field, ours, published),
        "choice": choice_rows(first),
        "vocabularies": _vocabulary_rows(tried, field),
        "calibration": curve_rows(first.best),
        "coverage": _coverage_rows(field, settings.draws),
        "other-fields": _foreign_rows(field),
        "words": word_rows(first),
    }
    return rows, {name: part for name, part in more.items() if part}, first


def _published(field: Field, draws: int) -> dict[float, Figure]:
    """The published procedure on each file: the released distribution, no calibration; empty where there is none."""
    figures = {}
    for share, text in field.validation.items() if field.released else ():
        ratio_N = _ratios(text, *field.released)  # type: ignore[misc]
        raw_D = bootstrap(ratio_N, np.arange(len(ratio_N)), draws, np.random.default_rng(0))
        figures[share] = figure(estimate(ratio_N), raw_D, len(ratio_N))
    return figures


def _ratios(text: Text, index: Mapping[str, int], model: Any) -> Any:
    return model.ratios(occurrences(text.sentences, index))


def _error_rows(
    field: Field, ours: Sequence[Sequence[Mapping[str, Any]]], published: Mapping[float, Figure]
) -> list[dict[str, Any]]:
    """Mean and largest error over the files: published, ours before and after calibration."""
    truths = list(field.validation)
    tables = {
        "published distribution, no calibration": [[published[share].value for share in truths]] if published else [],
        "chosen vocabulary, no calibration": [[row["raw_share"].value for row in rows] for rows in ours],
        "chosen vocabulary, calibrated": [[row["share"].value for row in rows] for rows in ours],
    }
    sampling = float(np.mean([row["sampling_error_points"] for rows in ours for row in rows]))
    return [
        {
            "row": name,
            "mean_error_points": two_way_bootstrap(_errors(table, truths)),
            "largest_error_points": round(float(_errors(table, truths).max()), 2),
            "at_no_use_points": round(float(_errors(table, truths)[:, 0].mean()), 2),
            "sampling_error_points": round(sampling, 2),
        }
        for name, table in tables.items()
        if table
    ]


def _errors(table: Sequence[Sequence[float | None]], truths: Sequence[float]) -> Any:
    """Absolute errors in points, seeds x files."""
    return 100 * np.abs(np.array(table, dtype=float) - np.array(truths))


def _vocabulary_rows(tried: Sequence[Trained], field: Field) -> list[dict[str, Any]]:
    """Every vocabulary that was tried: the error expected from training text, and the one on the validation files."""
    rows = []
    for trained in tried:
        files = [occurrences(text.sentences, trained.index) for text in field.validation.values()]
        for row, candidate in zip(choice_rows(trained), trained.candidates, strict=True):
            errors = _errors([[_calibrated(candidate, file) for file in files]], list(field.validation))
            rows.append(
                {key: value for key, value in row.items() if key != "chosen"}
                | {
                    "mean_error_points": round(float(errors.mean()), 2),
                    "largest_error_points": round(float(errors.max()), 2),
                }
            )
    return sorted(rows, key=lambda row: float(row["expected_error_points"]))


def _calibrated(candidate: Candidate, occurring_NV: Any) -> float:
    raw = estimate(candidate.model.ratios(occurring_NV))
    return min(max(candidate.calibration.share(raw), 0.0), 1.0)


def _coverage_rows(field: Field, draws: int, sentences: int = 3000) -> list[dict[str, Any]]:
    """How often the 95% interval holds the truth, on mixtures of training sentences that were kept apart."""
    rng = np.random.default_rng(0)
    sides = [_halves(text, rng) for text in (field.human, field.ai)]
    trained = train(sides[0][0], sides[1][0], {"all words": None}, MIN_COUNTS, sentences=sentences, seed=0)
    ratios = [_ratios(side[1], trained.index, trained.best.model) for side in sides]
    sentences_N, rows = np.arange(sentences), []
    for share in progress(COVERED_SHARES, f"{field.name}, coverage"):
        held, values = [], []
        for _ in range(MIXTURES):
            ais = rng.binomial(sentences, share)
            ratio_N = np.concatenate([rng.choice(ratios[0], sentences - ais), rng.choice(ratios[1], ais)])
            raw_D = bootstrap(ratio_N, sentences_N, max(200, draws // 5), rng)
            shown = figure(
                trained.best.calibration.share(estimate(ratio_N)), trained.best.calibration.draws(raw_D, rng), sentences
            )
            values.append(shown.value or 0.0)
            held.append((shown.low or 0.0) <= share <= (shown.high or 0.0))
        rows.append(
            {
                "row": f"true share {share:.0%}",
                "interval_holds_truth": rate(held),
                "mean_share": mean_of(values),
            }
        )
    return rows


def _halves(text: Text, rng: np.random.Generator) -> tuple[Text, Text]:
    """Two thirds of a text's documents for training, and the rest."""
    drawn = rng.random(max(text.documents) + 1) < 2 / 3
    return _part(text, drawn), _part(text, ~drawn)


def _part(text: Text, drawn: Any) -> Text:
    kept = [n for n, document in enumerate(text.documents) if drawn[document]]
    _, numbers = np.unique([text.documents[n] for n in kept], return_inverse=True)
    return Text(text.name, [text.sentences[n] for n in kept], numbers.tolist(), text.known)


def _foreign_rows(field: Field) -> list[dict[str, Any]]:
    """The released distributions of other fields on this field's files: what comes of unlike training text."""
    return [
        {"row": f"words of {name}"}
        | {
            f"raw_at_{share:.1%}": round(100 * estimate(_ratios(text, *model)), 1)
            for share, text in field.validation.items()
        }
        for name, model in ((name, released_model(path)) for name, path in field.distributions.items())
    ]


def _notes(found: Sequence[Field], results: Sequence[Measured]) -> list[str]:
    said = []
    for field, (_, _, trained) in zip(found, results, strict=True):
        train_text = {" ".join(sentence) for text in (field.human, field.ai) for sentence in text.sentences}
        files = [[" ".join(s) for s in text.sentences] for text in field.validation.values()]
        shared = sum(sentence in train_text for sentences in files for sentence in sentences)
        total = sum(map(len, files))
        said.append(
            f"{field.name}: {len(field.human.sentences)} human and {len(field.ai.sentences)} AI training sentences; "
            f"{shared} of {total} validation sentences stand in the training text too; "
            f"{total - sum(len(set(s)) for s in files)} stand in their own file twice; documents unknown; "
            f"chosen: {trained.best.vocabulary} in {trained.best.least} or more sentences of either kind"
        )
    return said


def _written(result: Result, results: Sequence[Measured], out: str) -> Result:
    from hansei.core.output import with_files
    from hansei.measuring.llm_use_chart import validation

    charts = {
        f"llm-use-{rows[0]['row'].split(',')[0].lower()}.svg": validation(rows, trained.best)
        for rows, _, trained in results
    }
    return with_files(result, out, charts)
