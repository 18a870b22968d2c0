"""The share of LLM-modified sentences in a body of text: `hansei measure llm-use`.

Liang et al., "Mapping the Increasing Use of LLMs in Scientific Papers", arXiv 2404.01268; method of arXiv 2403.07183:
`word_mixture.py`. It tells of a body of text, never of one sentence or one author.

Deviations. The estimate is calibrated on training sentences that the word probabilities were not counted from, which
takes out the floor (the published procedure reads 2 to 3% in purely human text); the raw estimate and the floor are
printed beside it. Vocabulary and minimum count are chosen by the expected error on the same held-out training
sentences, instead of 5 human and 3 AI. Documents are resampled, where they are known, and with them the calibration;
the estimate is the maximum of the likelihood, not the middle of the interval. Sentences are cut by a rule, not spaCy.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hansei.core.errors import BadInput
from hansei.core.records import Figure
from hansei.core.result import Result
from hansei.measuring.sentences import Documents, Text, read_documents, read_text, text_of
from hansei.measuring.word_mixture import bootstrap, estimate, occurrences
from hansei.measuring.word_training import SHARES, Candidate, Trained, known_words, train, word_list
from hansei.models.names import check_address

POSITIONAL = ("targets",)
CURVE = (*SHARES, 0.3, 0.4, 0.5, 0.75, 1.0)
"""Shares of the calibration curve that are printed."""
LEVEL = (0.025, 0.975)


@dataclass(frozen=True)
class Settings:
    """Settings of the measurement."""

    targets: tuple[str, ...]
    """Texts to be measured: .txt (a line is a sentence or paragraph, blank lines part documents), .txt.gz, JSONL, CSV,
    Parquet, or a folder whose text files are a document each."""
    human: str | None = None
    """Training text by people only, of the same kind and time (such as abstracts of the field before 2020)."""
    ai: str | None = None
    """Training text by a language model, about the same things; or let --writer write it."""
    writer: str | None = None
    """In place of --ai: a model (folder, Hugging Face name, openai:NAME) that writes the human text anew from its own
    outlines, as the paper does; the text is kept in OUT/ai.jsonl."""
    base_url: str | None = None
    """Address of the server of a writer openai:NAME."""
    passages: int = 500
    """Human documents that the writer writes anew, from the first on."""
    new_tokens: int = 512
    """Longest outline or passage of the writer, in tokens."""
    temperature: float = 1.0
    """Temperature of the writer."""
    column: str = "text"
    """The column that holds the text in JSONL, CSV and Parquet; a column `document` there names the document."""
    words: tuple[str, ...] = ()
    """Word lists, a word a line: each is tried as the vocabulary besides all words."""
    min_count: tuple[int, ...] = (2, 3, 5, 10, 20, 50, 100)
    """Minimum counts of a word in human and in AI sentences that are tried; one number fixes it."""
    draws: int = 1000
    """Bootstrap resamples behind each interval."""
    seed: int = 0
    """Seed of the resamples and of the folds."""
    out: str | None = None
    """Folder for what the writer writes (the same command again goes on with it), the chart and result.json; nothing is
    written without it."""

    def __post_init__(self) -> None:
        """Raises BadInput for what can't be measured."""
        if not self.targets:
            raise BadInput("measure llm-use: one text at least was expected: hansei measure llm-use FILE --human ...")
        if not self.human:
            raise BadInput(
                "measure llm-use: training text by people was expected, found none: give it with --human FILE"
            )
        if bool(self.ai) == bool(self.writer):
            raise BadInput("measure llm-use: one of --ai FILE and --writer MODEL was expected: give AI text or a model")
        if self.writer and not self.out:
            raise BadInput("measure llm-use: a folder for what the writer writes was expected: give it with --out DIR")
        check_address(self, "base_url", "writer")
        if self.passages < 1:
            raise BadInput(f"passages: 1 or more were expected, found {self.passages}")
        check_numbers(self.min_count, self.draws)


def check_numbers(min_count: Sequence[int], draws: int) -> None:
    """Raises BadInput for counts that make no vocabulary, or draws that make no interval."""
    if not min_count or min(min_count) < 1:
        raise BadInput(f"min-count: whole numbers of 1 or more were expected, found {min_count}")
    if draws < 100:
        raise BadInput(f"draws: 100 or more were expected for an interval, found {draws}")


def run(settings: Settings) -> Result:
    """Train, choose, calibrate, estimate every target. Raises BadInput at text that can't be worked with."""
    started = time.monotonic()
    targets = [read_text(path, settings.column) for path in settings.targets]
    human = read_documents(str(settings.human), settings.column)
    human_text = text_of(human)
    ai = read_text(settings.ai or _written_by_model(human, settings), settings.column if settings.ai else "text")
    lists = {"all words": None} | {path: word_list(path) for path in settings.words}
    least = min(len(target.sentences) for target in targets)
    trained = train(human_text, ai, lists, settings.min_count, sentences=least, seed=settings.seed)
    rows = [measure(trained, target, settings.draws, settings.seed) for target in targets]
    result = Result(
        name="llm-use",
        settings=asdict(settings),
        rows=rows,
        parts={"choice": choice_rows(trained), "calibration": curve_rows(trained.best), "words": word_rows(trained)},
        notes=notes(trained, rows),
        seeds=[settings.seed],
        seconds=time.monotonic() - started,
    )
    return written(result, trained, settings.out) if settings.out else result


def _written_by_model(human: Documents, settings: Settings) -> str:
    from hansei.core.records import Sampling
    from hansei.measuring.llm_writing import write_ai_text
    from hansei.models.load import load

    model = load(str(settings.writer), base_url=settings.base_url)
    sampling = Sampling(temperature=settings.temperature, max_new_tokens=settings.new_tokens, seed=settings.seed)
    return str(write_ai_text(human, model, str(settings.out), count=settings.passages, sampling=sampling))


def measure(trained: Trained, target: Text, draws: int, seed: int) -> dict[str, Any]:
    """The row of one target: calibrated share, raw estimate, floor, sampling error."""
    best, rng = trained.best, np.random.default_rng(seed)
    ratio_N = best.model.ratios(occurrences(target.sentences, trained.index))
    raw, raw_D = estimate(ratio_N), bootstrap(ratio_N, np.array(target.documents, dtype=np.intp), draws, rng)
    share_D, n = best.calibration.draws(raw_D, rng), len(target.sentences)
    return {
        "row": Path(target.name).name,
        "share": figure(best.calibration.share(raw), share_D, n),
        "raw_share": figure(raw, raw_D, n),
        "floor": Figure(best.calibration.floor, None, None, len(best.calibration.human_N)),
        "sampling_error_points": round(100 * float(np.std(share_D)), 2),
        "documents": max(target.documents) + 1 if target.known else None,
        "resampled": target.unit,
        "known_words_percent": round(100 * known_words(trained, target), 1),
    }


def figure(value: float, draws: Any, n: int) -> Figure:
    """A share and its percentile interval, cut to [0, 1]."""
    low, high = np.quantile(draws, LEVEL)
    inside = [float(min(max(number, 0.0), 1.0)) for number in (value, low, high)]
    return Figure(inside[0], inside[1], inside[2], n)


def choice_rows(trained: Trained) -> list[dict[str, Any]]:
    """What was tried, by expected error on training text; the first row was chosen."""
    return [
        {
            "row": f"{candidate.vocabulary}, {candidate.least} or more",
            "vocabulary_words": candidate.model.words,
            "expected_error_points": round(100 * candidate.error, 3),
            "floor": Figure(candidate.calibration.floor, None, None, len(candidate.calibration.human_N)),
            "chosen": "yes" if candidate is trained.best else "",
        }
        for candidate in trained.candidates
    ]


def curve_rows(best: Candidate) -> list[dict[str, Any]]:
    """The calibration curve: what the raw estimate of a mixture with this share is."""
    n = len(best.calibration.human_N) + len(best.calibration.ai_N)
    return [
        {
            "row": f"true share {share:.1%}",
            "true_share": share,
            "raw_share": Figure(best.calibration.raw(share), None, None, n),
        }
        for share in CURVE
    ]


def word_rows(trained: Trained, count: int = 10) -> list[dict[str, Any]]:
    """The words that speak most for AI and for human text, by the log-likelihood that they carry in all."""
    weights_V = trained.best.model.weights_V
    shares = [
        count_V / len(t.sentences) for count_V, t in zip(trained.counts, (trained.human, trained.ai), strict=True)
    ]
    carried_V = weights_V * (shares[1] - shares[0])
    names = list(trained.index)
    rows = []
    for side, sign in (("AI", 1), ("human", -1)):
        order = np.argsort(-carried_V * (np.sign(weights_V) == sign))[:count]
        rows += [
            {
                "row": names[n],
                "speaks_for": side,
                "in_human": f"{shares[0][n]:.2%}",
                "in_ai": f"{shares[1][n]:.2%}",
            }
            for n in order
            if np.sign(weights_V[n]) == sign
        ]
    return rows


def notes(trained: Trained, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """What is to be minded with these figures."""
    best = trained.best
    said = [
        f"vocabulary: {best.vocabulary} in {best.least} or more human and AI sentences ({best.model.words} words), "
        f"chosen on training text alone; training: {len(trained.human.sentences)} human sentences "
        f"({trained.human.unit} apart), {len(trained.ai.sentences)} AI sentences ({trained.ai.unit} apart)",
        f"floor: {best.calibration.floor:.1%} is the raw estimate of purely human text; `share` is calibrated for it",
        "an interval tells of sampling (of the text and of the training text), not of text unlike the training text",
    ]
    if any(row["resampled"] == "sentences" for row in rows):
        said.append("documents unknown: resampled by sentence, and so too narrow where sentences of a document agree")
    return said


def written(result: Result, trained: Trained, out: str) -> Result:
    """The result with its chart and result.json in the folder `out`."""
    from hansei.core.output import with_files
    from hansei.measuring.llm_use_chart import draw

    return with_files(result, out, {"llm-use.svg": draw(result.rows, trained.best)})
