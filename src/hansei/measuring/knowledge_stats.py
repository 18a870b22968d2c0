"""What a knowledge map says of a field: accuracy with its interval, difficulty, time, hallucination score, Bloom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from hansei.core.records import Figure
from hansei.core.statistics import bootstrap, wilson
from hansei.measuring.knowledge_data import BLOOM, Benchmark, Question, Score


@dataclass(frozen=True, slots=True)
class Stats:
    """One model on one set of questions."""

    accuracy: Figure
    """Mean score; `value` is None where the model was asked nothing, which is not the same as 0."""
    asked: int
    """Questions that the model has a score for."""
    questions: int
    """Questions there are."""
    seconds: float | None
    """Mean time of an answer."""
    difficulty: float | None
    """Mean difficulty of the questions, 1 to 5."""
    hallucination: float | None
    """Hallucination score; None where fewer than two difficulties have answers."""
    bloom: Mapping[str, Figure]
    """Accuracy by Bloom's level."""


def stats(benchmark: Benchmark, model: str, keys: Iterable[str]) -> Stats:
    """The figures of one model over the questions `keys`."""
    wanted = [benchmark.questions[k] for k in keys if k in benchmark.questions]
    scores = benchmark.scores[model]
    there = [(q, scores[q.id]) for q in wanted if q.id in scores]
    times = [s.seconds for _, s in there if s.seconds is not None]
    levels = [q.difficulty for q in wanted if q.difficulty is not None]
    return Stats(
        accuracy=accuracy([s for _, s in there]),
        asked=len(there),
        questions=len(wanted),
        seconds=sum(times) / len(times) if times else None,
        difficulty=sum(levels) / len(levels) if levels else None,
        hallucination=hallucination_score(there),
        bloom={level: accuracy([s for q, s in there if q.bloom == level]) for level in BLOOM},
    )


def accuracy(scores: Sequence[Score]) -> Figure:
    """Mean score: Wilson's interval where all are right or wrong, else the bootstrap's."""
    values = [s.value for s in scores]
    if all(v in (0.0, 1.0) for v in values):
        return wilson(int(sum(values)), len(values))
    return bootstrap(values)


def hallucination_score(answers: Sequence[tuple[Question, Score]]) -> float | None:
    """The paper's score: 0 where accuracy falls with every step of difficulty, as one expects, 1 where it rises.

    M = 1/(n - 1) * sum of sign(acc[d + 1] - acc[d]) over the difficulties that have answers; the score is
    (M + 1) / 2 (arXiv 2304.00457). Only signs count, so with few questions a level it is mostly noise.
    """
    by_level: dict[int, list[float]] = {}
    for question, score in answers:
        if question.difficulty is not None:
            by_level.setdefault(question.difficulty, []).append(score.value)
    # As the released code has it: levels of more than one question only.
    means = [sum(v) / len(v) for _, v in sorted(by_level.items()) if len(v) > 1]
    if len(means) < 2:
        return None
    signs = [(after > before) - (after < before) for before, after in pairwise(means)]
    return (sum(signs) / len(signs) + 1) / 2
