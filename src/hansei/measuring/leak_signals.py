"""What a model's probabilities say of whether it has read a text.

Min-K% Prob and its baselines as in Shi et al. 2024 (arXiv 2310.16789) and its code: perplexity, perplexity against
the text's zlib length, against the text in small letters, and against a reference model. Every score is turned so
that a higher one speaks for having been read.

Where a journal is given, each batch is a unit of work. None is for work that is a part of a larger unit, and for a
model that was trained since it was loaded, which its fingerprint doesn't tell.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from hansei.core.errors import BadInput
from hansei.core.keys import content_key
from hansei.core.progress import progress

if TYPE_CHECKING:
    from hansei.core.journal import Journal
    from hansei.models.local import LocalModel
    from hansei.models.protocol import Model

K = (5, 10, 20, 30, 40, 50, 60)
"""Per cent of a text's least likely tokens that Min-K% looks at."""
_LOGITS = 2**26
"""Most logits in memory at a time."""


def local(model: Model) -> LocalModel:
    """The model, where it runs here. Raises BadInput for a server, which tells no probabilities of plain text."""
    from hansei.models.local import LocalModel

    if not isinstance(model, LocalModel):
        raise BadInput(f"{model.name}: probabilities of plain texts need a model that runs here: name its folder")
    return model


def token_ids(model: LocalModel, text: str) -> list[int]:
    """The text's tokens after the token that starts a text, cut at the model's context.

    Where the model has no start token, the text's first token stands for it.
    """
    ids = list(model.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])
    start = model.tokenizer.bos_token_id
    return ([] if start is None else [int(start)]) + ids[: (model.context or len(ids) + 1) - 1]


def log_probabilities(model: LocalModel, texts: Sequence[str], journal: Journal | None = None) -> list[list[float]]:
    """Natural log-probability of each token of each text but the first; empty for a text of no tokens."""
    return scored(model, [token_ids(model, text) for text in texts], journal)


def scored(model: LocalModel, rows: Sequence[Sequence[int]], journal: Journal | None = None) -> list[list[float]]:
    """Natural log-probability of each token of each row given those before it, in batches of equal memory."""
    return _by_batch(model, rows, None, journal)


def summed(
    model: LocalModel, rows: Sequence[Sequence[int]], last: Sequence[int], journal: Journal | None = None
) -> list[float]:
    """Natural log-probability of the `last` so many tokens of each row, of two at least, together."""
    return [total for (total,) in _by_batch(model, rows, last, journal)]


def _by_batch(
    model: LocalModel, rows: Sequence[Sequence[int]], last: Sequence[int] | None, journal: Journal | None
) -> list[list[float]]:
    """Of each row the values of all tokens but the first, or with `last` the one sum of its last ones."""
    found: list[list[float]] = [[] for _ in rows]
    for batch in progress(_batches(model, rows), "log-probabilities"):

        def work(batch: Sequence[int] = batch) -> list[list[float]]:
            values = model.score([([rows[i][0]], list(rows[i][1:])) for i in batch])
            if last is None:
                return values
            return [[sum(row[len(row) - last[i] :])] for i, row in zip(batch, values, strict=True)]

        asked = [(rows[i], None if last is None else last[i]) for i in batch]
        key = content_key("scores 1", model.fingerprint, asked)
        made = work() if journal is None else _kept(journal, key, work)
        for i, values in zip(batch, made, strict=True):
            found[i] = values
    return found


def _batches(model: LocalModel, rows: Sequence[Sequence[int]]) -> list[list[int]]:
    """Which rows are scored together, longest first; those of one token or none in no batch."""
    order = sorted((i for i, ids in enumerate(rows) if len(ids) > 1), key=lambda i: -len(rows[i]))
    vocabulary = int(model.hf.config.get_text_config().vocab_size)
    batches: list[list[int]] = []
    while order:
        size = max(1, min(model.batch_rows, _LOGITS // (len(rows[order[0]]) * vocabulary)))
        batches.append(order[:size])
        order = order[size:]
    return batches


def _kept(journal: Journal, key: str, work: Callable[[], list[list[float]]]) -> list[list[float]]:
    """The unit's values; minus infinity and the like are words in the journal, as JSON has no numbers for them."""

    def exact() -> list[list[float | str]]:
        return [[v if np.isfinite(v) else str(v) for v in row] for row in work()]

    return [[float(v) for v in row] for row in journal.unit(key, "score", exact, list)]


def signals(
    texts: Sequence[str], tokens: Sequence[Sequence[float]], low: Sequence[Sequence[float]],
    reference: Sequence[Sequence[float]] | None = None,
) -> dict[str, list[float | None]]:  # fmt: skip
    """Detector to the score of each text; None where a text has too few tokens or the probabilities are no numbers.

    `tokens`, `low` and `reference` are log-probabilities: of the text, of the text in small letters, and of the text
    by a reference model.
    """
    made: dict[str, list[float | None]] = {}

    def put(name: str, values: Iterator[float]) -> None:
        made[name] = [float(v) if np.isfinite(v) else None for v in values]

    with np.errstate(divide="ignore", invalid="ignore"):
        put("perplexity", (_mean(t) for t in tokens))
        for k in K:
            put(f"Min-{k}%", (min_k(t, k) for t in tokens))
        packed = [len(zlib.compress(text.encode("utf-8", "surrogatepass"))) for text in texts]
        put("zlib", (_mean(t) / size for t, size in zip(tokens, packed, strict=True)))
        put("small letters", (np.divide(_mean(s), _mean(t)) for s, t in zip(low, tokens, strict=True)))
        if reference is not None:
            put("reference model", (_mean(t) - _mean(r) for t, r in zip(tokens, reference, strict=True)))
    return made


def min_k(tokens: Sequence[float], k: float) -> float:
    """Mean log-probability of the k per cent of tokens that are least likely, one at least; NaN for no tokens."""
    if not tokens:
        return float("nan")
    return float(np.mean(np.sort(np.asarray(tokens))[: max(1, int(len(tokens) * k / 100))]))


def _mean(tokens: Sequence[float]) -> np.float64:
    return np.float64(np.mean(tokens)) if tokens else np.float64("nan")


def model_signals(
    model: LocalModel, texts: Sequence[str], reference: LocalModel | None = None, journal: Journal | None = None
) -> dict[str, list[float | None]]:
    """`signals` of the texts, asked of a model and, where given, of a reference model."""
    low = log_probabilities(model, [text.lower() for text in texts], journal)
    compared = None if reference is None else log_probabilities(reference, texts, journal)
    return signals(texts, log_probabilities(model, texts, journal), low, compared)
