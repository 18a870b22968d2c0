"""Does a model go on with a text as the test set does?

Two tests. n-gram accuracy (Xu et al. 2024, "Benchmarking Benchmark Leakage", arXiv 2404.18824): from several places of
a text the model writes the next few tokens; exact hits on the text, but not on a rewritten copy, speak for having
read it. Guided completion (Golchin & Surdeanu 2023, arXiv 2308.08493): the model is given the first part of an item
with and without the name of the set; a continuation that is closer to the true one when the set is named speaks for
having read it there. Closeness is ROUGE-L; the paper's other measure (BLEURT) needs a model of its own.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from hansei.core.keys import content_key
from hansei.core.progress import progress
from hansei.core.records import Figure, Prompt, Sampling, user
from hansei.core.statistics import bootstrap
from hansei.measuring.leak_signals import token_ids

if TYPE_CHECKING:
    from hansei.core.journal import Journal
    from hansei.models.local import LocalModel
    from hansei.models.protocol import Model

STARTS, TOKENS = 5, 5
GUIDED = (
    "Below is the first part of an item of the {split} split of the data set {name}. "
    "Write its second part exactly as it stands in the data set.\n\n{first}"
)
GENERAL = "Below is the first part of a text. Write a second part that fits it.\n\n{first}"
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_PARTS = (0.4, 0.7)


def ngram_accuracy(model: LocalModel, texts: Sequence[str], journal: Journal | None = None) -> list[float | None]:
    """Of each text the share of STARTS places from which greedy writing gives its next TOKENS tokens exactly.

    None for texts that are too short to have different places.
    """
    rows = [token_ids(model, text) for text in texts]
    places = [_places(len(ids)) for ids in rows]
    asked = [(i, place) for i, starts in enumerate(places) for place in starts]
    written = _greedy(model, [rows[i][:place] for i, place in asked], TOKENS, journal)
    hits = [0] * len(rows)
    for (i, place), tokens in zip(asked, written, strict=True):
        hits[i] += tokens == rows[i][place : place + TOKENS]
    return [hit / len(starts) if starts else None for hit, starts in zip(hits, places, strict=True)]


def _places(size: int) -> list[int]:
    last = size - TOKENS
    return [int(place) for place in np.linspace(2, last, STARTS)] if last >= 2 + STARTS else []


def _greedy(model: LocalModel, rows: Sequence[Sequence[int]], count: int, journal: Journal | None) -> list[list[int]]:
    """What the model goes on with after each row, `count` tokens at most; a batch is a unit, as in `leak_signals`."""
    from hansei.models.decoding import decode, greedy

    found: list[list[int]] = []
    for start in progress(range(0, len(rows), model.batch_rows), "continuations"):
        batch = rows[start : start + model.batch_rows]

        def work(batch: Sequence[Sequence[int]] = batch) -> list[list[int]]:
            return [one.tokens for one in decode(model.hf, batch, [count] * len(batch), model.ends, greedy)]

        key = content_key("continuations 1", model.fingerprint, batch, count)
        found += work() if journal is None else journal.unit(key, "continuation", work, list)
    return found


def halves(text: str, rng: random.Random) -> tuple[str, str] | None:
    """A text cut between two sentences, or two words where it has one sentence, after 40 to 70% of it.

    None for a text of one word.
    """
    pieces = [piece for piece in _SENTENCE.split(text) if piece.strip()]
    joint = "\n" if "\n" in text else " "
    if len(pieces) < 2:
        pieces, joint = text.split(), " "
    if len(pieces) < 2:
        return None
    cut = min(len(pieces) - 1, max(1, round(len(pieces) * rng.uniform(*_PARTS))))
    return joint.join(pieces[:cut]), joint.join(pieces[cut:])


Writer = Callable[[str, str, Sequence[str], int], Sequence[str | None]]
"""(name of the set, its split, first parts, most tokens) -> second parts; no name: not told. None: none came."""


def chat_writer(model: Model, journal: Journal) -> Writer:
    """Asks in words, as the paper does."""
    from hansei.steps.ask import ask

    def write(name: str, split: str, firsts: Sequence[str], tokens: int) -> list[str | None]:
        form = GUIDED.replace("{name}", name).replace("{split}", split) if name else GENERAL
        asked = [form.replace("{first}", first) for first in firsts]
        prompts = [Prompt(content_key("completion", i, text), user(text)) for i, text in enumerate(asked)]
        attempts = ask(model, prompts, Sampling(max_new_tokens=tokens), journal, label="completions")
        return [None if attempt.error else attempt.text for attempt in attempts]

    return write


def plain_writer(model: LocalModel, journal: Journal | None = None) -> Writer:
    """Lets a model that takes no instructions go on with the text, under a headline that names the set."""

    def write(name: str, split: str, firsts: Sequence[str], tokens: int) -> list[str | None]:
        head = f"{name}, {split}.\n" if name else ""
        rows = [token_ids(model, head + first) for first in firsts]
        return [model.tokenizer.decode(ids) for ids in _greedy(model, rows, tokens, journal)]

    return write


def guided_completion(write: Writer, texts: Sequence[str], name: str, split: str, seed: int = 0) -> Figure:
    """Mean gain in ROUGE-L from naming the set, with a bootstrap interval over the texts; above 0: it was read there.

    What is written is compared over as many words as the true second part has.
    """
    rng = random.Random(f"halves {seed}")
    cut = [pair for text in texts if (pair := halves(text, rng)) is not None]
    firsts, truths = [first for first, _ in cut], [second for _, second in cut]
    tokens = 3 * max((len(truth.split()) for truth in truths), default=1)
    close = [
        [None if text is None else rouge_l(text, truth) for text, truth in zip(written, truths, strict=True)]
        for written in (write(name, split, firsts, tokens), write("", "", firsts, tokens))
    ]
    gains = [None if a is None or b is None else a - b for a, b in zip(*close, strict=True)]
    return bootstrap(gains, draws=10_000, seed=seed)


def rouge_l(text: str, truth: str) -> float:
    """F1 of the longest common subsequence of words, over as many words as the truth has (Lin 2004)."""
    right = truth.lower().split()
    said = text.lower().split()[: len(right)]
    if not right or not said:
        return 0.0
    row = [0] * (len(right) + 1)
    for word in said:
        diagonal = 0
        for i, other in enumerate(right, 1):
            diagonal, row[i] = row[i], diagonal + 1 if word == other else max(row[i], row[i - 1])
    return 2 * row[-1] / (len(said) + len(right))
