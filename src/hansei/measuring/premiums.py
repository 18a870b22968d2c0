"""Premiums of languages over a reference, taken apart, with intervals: what `token_cost.py` prints.

Ratios are exact fractions until they are shown, so that premium = characters ratio x bytes per character ratio x
tokens per byte ratio holds without rounding. Legend: S rows, L languages, D draws.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hansei.core.records import Figure

Array = NDArray[np.float64]
LEVEL = (0.025, 0.975)


@dataclass(frozen=True)
class Priced:
    """Counts of one tokenizer on parallel text, and what follows from them."""

    reference: str
    """The language whose premium is 1."""
    characters: Mapping[str, int]
    """Code points of each language."""
    bytes: Mapping[str, int]
    """Bytes in UTF-8."""
    tokens: Mapping[str, NDArray[np.int64]]
    """Tokens of each of S rows."""
    unknown: Mapping[str, int]
    """Tokens that stand for what is unknown."""
    draws: int
    """Resamples of rows behind each interval."""
    seed: int
    """Seed of the resamples and of the order of demonstrations."""
    room: int
    """Tokens of the window for demonstrations and the row that is asked."""
    million: float | None = None
    """Price of a million tokens."""

    def total(self, language: str) -> int:
        """Tokens of all rows."""
        return int(self.tokens[language].sum())

    def factors(self, language: str) -> tuple[Fraction, Fraction, Fraction]:
        """Characters a text, bytes a character and tokens a byte, each over the reference's."""
        home = self.reference
        texts = Fraction(self.characters[language], self.characters[home])
        width = Fraction(self.bytes[language], self.bytes[home]) / texts
        pieces = Fraction(self.total(language), self.total(home)) / (texts * width)
        return texts, width, pieces

    def premium(self, language: str) -> Fraction:
        """Tokens over the reference's tokens."""
        return Fraction(self.total(language), self.total(self.reference))

    @cached_property
    def premiums(self) -> dict[str, Figure]:
        """The premium of each language; the interval resamples rows, the same ones in every language."""
        S = len(self.tokens[self.reference])
        if S == 1:
            return {name: Figure(float(self.premium(name)), None, None, 1) for name in self.tokens}
        names = list(self.tokens)
        drawn_DL = self._weights @ np.stack([self.tokens[name] for name in names], axis=1).astype(float)
        ratio_DL = drawn_DL / drawn_DL[:, [names.index(self.reference)]]
        low_L, high_L = np.quantile(ratio_DL, LEVEL, axis=0)
        return {
            name: Figure(float(self.premium(name)), float(low), float(high), S)
            for name, low, high in zip(names, low_L, high_L, strict=True)
        }

    @cached_property
    def _weights(self) -> Array:
        """How often each of S rows is drawn, D x S."""
        S = len(self.tokens[self.reference])
        rng = np.random.default_rng(self.seed)
        return rng.multinomial(S, np.full(S, 1 / S), size=self.draws).astype(float)

    def mean_of_ratios(self, language: str) -> float:
        """The mean over rows of each row's own ratio; rows without tokens in the reference are left out."""
        home = self.tokens[self.reference]
        return float((self.tokens[language][home > 0] / home[home > 0]).mean())

    def demonstrations(self, language: str) -> tuple[Figure, float | None]:
        """How many other rows fit into the window before a row, on average; and the share with room for none."""
        fitting_S = fitting(self.tokens[language], self.room, self.seed)
        S = len(fitting_S)
        if S == 1:
            return Figure(None, None, None, 0), None
        low, high = np.quantile(self._weights @ fitting_S / S, LEVEL)
        return Figure(float(fitting_S.mean()), float(low), float(high), S), float((fitting_S == 0).mean())


def fitting(tokens_S: NDArray[np.int64], room: int, seed: int) -> NDArray[np.int64]:
    """How many demonstrations fit before each of S rows: the rows that follow it in a shuffled circle.

    A row counts its own tokens; what a template puts between rows is not known here, and not counted.
    """
    order = np.random.default_rng(seed).permutation(len(tokens_S))
    circle = np.concatenate([[0], np.cumsum(np.tile(tokens_S[order], 2))])
    after = np.arange(len(tokens_S)) + 1
    end = circle[after] + room - tokens_S[order]
    fits = np.clip(np.searchsorted(circle, end, side="right") - 1 - after, 0, len(tokens_S) - 1)
    back = np.empty(len(fits), dtype=np.int64)
    back[order] = fits
    return back


def language_rows(priced: Priced) -> list[dict[str, Any]]:
    """A row a language, the dearest first."""
    rows = []
    for language in sorted(priced.tokens, key=lambda name: (-priced.premium(name), name)):
        texts, width, pieces = priced.factors(language)
        premium, total = priced.premium(language), priced.total(language)
        demonstrations, none = priced.demonstrations(language)
        row: dict[str, Any] = {
            "row": language,
            "premium": priced.premiums[language],
            "mean_of_row_premiums": round(priced.mean_of_ratios(language), 3),
            "characters_ratio": float(texts),
            "bytes_per_character_ratio": float(width),
            "tokens_per_byte_ratio": float(pieces),
            "context_lost_percent": round(100 * float(1 - 1 / premium), 1),
            "demonstrations": demonstrations,
            "no_room_percent": None if none is None else round(100 * none, 1),
            "unknown_percent": round(100 * priced.unknown[language] / total, 2),
            "characters": priced.characters[language],
            "bytes": priced.bytes[language],
            "tokens": total,
        }
        if priced.million is not None:
            row["price"] = round(priced.million * float(premium), 4)
        rows.append(row)
    return rows


def summary_row(label: str, priced: Priced) -> dict[str, Any]:
    """One tokenizer over all languages."""
    premiums = sorted((float(figure.value or 0), name) for name, figure in priced.premiums.items())
    values = np.array([value for value, _ in premiums])
    rows = len(priced.tokens[priced.reference])
    unknown = sum(priced.unknown.values()) / sum(priced.total(name) for name in priced.tokens)
    return {
        "row": label,
        "languages": len(values),
        "rows": rows,
        "tokens_of_reference": priced.total(priced.reference),
        "median_premium": round(float(np.median(values)), 3),
        "largest_premium": round(premiums[-1][0], 3),
        "dearest": premiums[-1][1],
        "cheapest": premiums[0][1],
        "above_2_percent": round(100 * float((values > 2).mean()), 1),
        "gini": round(gini(values), 3),
        "unknown_percent": round(100 * unknown, 2),
    }


def gini(values: Array) -> float:
    """Gini coefficient: 0 where all pay the same, towards 1 where one pays all."""
    ordered = np.sort(values)
    ranks = np.arange(1, len(ordered) + 1)
    return float(2 * (ranks @ ordered) / (len(ordered) * ordered.sum()) - (len(ordered) + 1) / len(ordered))


def script(language: str) -> str | None:
    """The script in a name like FLORES's `eng_Latn`."""
    parts = language.split("_")
    return parts[1] if len(parts) == 2 and len(parts[1]) == 4 and parts[1].istitle() else None


def by_script(priced: Mapping[str, Priced]) -> list[dict[str, Any]]:
    """Median premium of the languages of each script by tokenizer, the dearest for the first one on top."""
    names = next(iter(priced.values())).tokens
    scripts: dict[str, list[str]] = {}
    for name in names:
        if found := script(name):
            scripts.setdefault(found, []).append(name)
    rows = [
        {"row": found, "languages": len(members)}
        | {
            f"median_premium_{label}": round(float(np.median([float(one.premium(name)) for name in members])), 3)
            for label, one in priced.items()
        }
        for found, members in scripts.items()
    ]
    first = f"median_premium_{next(iter(priced))}"
    return sorted(rows, key=lambda row: -float(str(row[first]))) if len(rows) > 1 else []


def side_by_side(tables: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """The premium of each language by tokenizer, in the first one's order."""
    first = next(iter(tables.values()))
    premiums = {label: {row["row"]: row["premium"] for row in rows} for label, rows in tables.items()}
    return [
        {"row": row["row"], **{f"premium_{label}": found[row["row"]] for label, found in premiums.items()}}
        for row in first
    ]
