"""What a model's probabilities say of whether it has read a text.

Min-K% Prob and its baselines as in Shi et al. 2024 (arXiv 2310.16789) and its code: perplexity, perplexity against
the text's zlib length, against the text in small letters, and against a reference model. Every score is turned so
that a higher one speaks for having been read.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from hansei.core.errors import BadInput

if TYPE_CHECKING:
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


def log_probabilities(model: LocalModel, texts: Sequence[str]) -> list[list[float]]:
    """Natural log-probability of each token of each text but the first; empty for a text of no tokens."""
    return scored(model, [token_ids(model, text) for text in texts])


def scored(model: LocalModel, rows: Sequence[Sequence[int]]) -> list[list[float]]:
    """Natural log-probability of each token of each row given those before it, in batches of equal memory."""
    found: list[list[float]] = [[] for _ in rows]
    order = sorted((i for i, ids in enumerate(rows) if len(ids) > 1), key=lambda i: -len(rows[i]))
    vocabulary = int(model.hf.config.get_text_config().vocab_size)
    while order:
        size = max(1, min(model.batch_rows, _LOGITS // (len(rows[order[0]]) * vocabulary)))
        batch, order = order[:size], order[size:]
        pairs = [([rows[i][0]], list(rows[i][1:])) for i in batch]
        for i, values in zip(batch, model.score(pairs), strict=True):
            found[i] = values
    return found


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


def model_signals(model: Model, texts: Sequence[str], reference: Model | None = None) -> dict[str, list[float | None]]:
    """`signals` of the texts, asked of a local model and, where given, of a local reference model."""
    here = local(model)
    low = log_probabilities(here, [text.lower() for text in texts])
    compared = None if reference is None else log_probabilities(local(reference), texts)
    return signals(texts, log_probabilities(here, texts), low, compared)
