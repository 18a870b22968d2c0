"""How much a span of text helps to answer a question: the three measures of FILCO (Wang et al. 2023, arXiv 2311.08377).

All three need the right answer, so they are for choosing what a filter model is taught (section 3.1), and for seeing
what a perfect filter would do ("silver").
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Literal

from hansei.core.records import Chat
from hansei.judges.reference import normalise
from hansei.models.protocol import Model

Measure = Literal["strinc", "lexical", "cxmi"]
F1Mode = Literal["token", "char"]
_ABBREVIATED = re.compile(r"\b(?:al|cf|ca|vs|etc|e\.g|i\.e|approx|no|nos|fig|sec|dr|mr|mrs|ms|prof|st|\w)\.$", re.I)
_BOUNDARY = re.compile(r"(?<=[.!?])[\"'”’)\]]*\s+(?=[\"'“‘(\[]?[^\W_a-z])|(?<=[。！？])")


def sentences(text: str) -> list[str]:
    """The sentences of a text, each stripped: cut after . ! ? before a capital or a digit, not after abbreviations."""
    found, start = [], 0
    for match in _BOUNDARY.finditer(text):
        before = text[start : match.end()].strip()
        if before and not _ABBREVIATED.search(before):
            found.append(before)
            start = match.end()
    rest = text[start:].strip()
    return [*found, rest] if rest else found


def strinc(span: str, answers: Sequence[str]) -> float:
    """STRINC: 1 where the span holds an answer as a string, in any case, else 0."""
    return float(any(answer.lower() in span.lower() for answer in answers if answer))


def lexical(span: str, answers: Sequence[str], mode: F1Mode = "token") -> float:
    """LEXICAL: unigram F1 of span and answer, the highest over the answers.

    `token`: the paper's unigrams, words after SQuAD's normalisation. `char` is what the released code computes: its
    counter runs over the normalised string (which keeps punctuation), and so over characters.
    """
    units: Callable[[str], Sequence[str]] = _words if mode == "token" else _characters
    return max((unigram_f1(units(span), units(answer)) for answer in answers), default=0.0)


def unigram_f1(found: Sequence[str], wanted: Sequence[str]) -> float:
    """Harmonic mean of precision and recall of the units, each counted as often as it stands in both; 0 for none."""
    same = sum((Counter(found) & Counter(wanted)).values())
    return 2 * same / (len(found) + len(wanted)) if same else 0.0


def _words(text: str) -> list[str]:
    return normalise(text).split()


def _characters(text: str) -> str:
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text.lower()).split())


def cxmi(model: Model, asked: Sequence[tuple[Chat, Chat, str]]) -> list[float | None]:
    """CXMI in nats: log P(answer | span, question) - log P(answer | question), equation 1, by summed log-probabilities.

    `asked`: for each span the conversation with it, the one without any context, and the answer as the model would
    say it. The released code multiplies probabilities, which become 0/0 for long answers, and puts the ratio through
    a sigmoid; that changes no order, and its 0.5 is 0 here. None where a text is too long for the model. Raises
    BadInput for a model without log-probabilities.
    """
    bare = list(dict.fromkeys((without, answer) for _, without, answer in asked))
    scores = model.logprobs([*((with_, answer) for with_, _, answer in asked), *bare])
    base = dict(zip(bare, scores[len(asked) :], strict=True))
    return [
        None if (before := base[without, answer]) is None or after is None else sum(after) - sum(before)
        for (_, without, answer), after in zip(asked, scores[: len(asked)], strict=True)
    ]


def chosen(scores: Sequence[float | None], measure: Measure, keep: int, threshold: float) -> list[int]:
    """The spans that are kept, in their order.

    STRINC keeps every span with an answer. The others keep the `keep` best of those above the threshold; the released
    code takes `num_sents` of each passage at a threshold of 0 that every score reaches.
    """
    scored = [(score, i) for i, score in enumerate(scores) if score is not None and score > threshold]
    if measure != "strinc":
        scored = sorted(scored, key=lambda pair: (-pair[0], pair[1]))[:keep]
    return sorted(i for _, i in scored)
