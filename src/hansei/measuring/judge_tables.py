"""The tables of `hansei measure judge`: judges against labels, and against each other."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hansei.core.records import Figure
from hansei.judges.reliability import Reliability, difference, kappa, reliability
from hansei.measuring.judge_labelled import Labelled


@dataclass(frozen=True)
class Heard:
    """One judge's words on the labelled answers."""

    name: str
    """As the user named it."""
    version: str
    """The judge's version; `stored` for a column."""
    positive: list[bool | None]
    """Whether its word counts as positive; None where it gave none."""
    words: list[str]
    """What it said: its behaviour, or its outcome; the value of a column."""
    errors: int = 0
    """Answers at which the judge itself failed."""
    error: str = ""
    """The first of these failures; empty where there is none."""


def trust_of(heard: Heard, labelled: Sequence[Labelled]) -> Reliability:
    """The judge against the labels; answers to one request are one cluster."""
    return reliability(heard.positive, [i.positive for i in labelled], [i.cluster for i in labelled])


def trust_row(name: str, trust: Reliability, **more: Any) -> dict[str, Any]:
    counts = trust.confusion
    return {
        "row": name,
        **more,
        "sensitivity": trust.sensitivity,
        "specificity": trust.specificity,
        "kappa": trust.kappa,
        "agreement": trust.agreement,
        "hits": counts.hits,
        "misses": counts.misses,
        "false_alarms": counts.false_alarms,
        "clears": counts.clears,
        "no_word": sum(trust.unsaid),
    }


def word_rows(heard: Sequence[Heard], labelled: Sequence[Labelled]) -> list[dict[str, Any]]:
    """Label by judge's word, as counts."""
    rows = []
    for h in heard:
        names = sorted(set(h.words))
        for label in sorted({i.label for i in labelled}):
            counts = Counter(w for w, i in zip(h.words, labelled, strict=True) if i.label == label)
            rows.append({"row": f"{h.name}: label {label}", **{name: counts[name] for name in names}})
    return rows


def difference_row(one: Heard, other: Heard, labelled: Sequence[Labelled]) -> dict[str, Any]:
    clusters = [i.cluster for i in labelled]
    found = difference(one.positive, other.positive, [i.positive for i in labelled], clusters)
    return {
        "row": f"{one.name} minus {other.name}",
        "sensitivity": found.sensitivity,
        "p_sensitivity": found.p_sensitivity,
        "specificity": found.specificity,
        "p_specificity": found.p_specificity,
    }


def agreement_rows(words: Mapping[str, Sequence[bool | None]], clusters: Sequence[str]) -> list[dict[str, Any]]:
    """How often each two judges agree, and which one says positive where they differ."""
    return [
        {"row": f"{one} and {other}", **agreement(words[one], words[other], clusters)}
        for one, other in itertools.combinations(words, 2)
    ]


def agreement(
    one: Sequence[bool | None], other: Sequence[bool | None], clusters: Sequence[str]
) -> dict[str, Figure | int]:
    """Share of disagreement and kappa of two judges, and the counts of both kinds of disagreement."""
    from hansei.core.statistics import rate

    pairs = list(zip(one, other, strict=True))
    differ = [None if a is None or b is None else float(a != b) for a, b in pairs]
    return {
        "disagree": rate(differ, clusters),
        "kappa": kappa(one, other, clusters),
        "only_first": pairs.count((True, False)),
        "only_second": pairs.count((False, True)),
    }


def category_rows(heard: Sequence[Heard], labelled: Sequence[Labelled]) -> Iterator[dict[str, Any]]:
    for h in heard:
        for category in sorted({i.category for i in labelled}):
            mine = [n for n, i in enumerate(labelled) if i.category == category]
            part = Heard(h.name, h.version, [h.positive[n] for n in mine], [])
            row = trust_row(f"{h.name}: {category}", trust_of(part, [labelled[n] for n in mine]), judge=h.name)
            yield {name: value for name, value in row.items() if name not in ("kappa", "agreement")}
