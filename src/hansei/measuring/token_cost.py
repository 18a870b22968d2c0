"""What the same content costs in each language: `hansei measure token-cost`.

Ahia et al., "Do All Languages Cost the Same? Tokenization in the Era of Commercial Language Models", arXiv 2305.13707;
the premium is that of Petrov et al., arXiv 2305.15425: the tokens of a language over those of the reference language
for the same content. It is the product of three ratios, each against the reference:

    tokens/text = characters/text x bytes/character x tokens/byte.

Special tokens, which a text has once, are not counted. A tokenizer that puts one unknown token for what it can't
write looks cheap and loses the text: the share of such tokens stands beside.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hansei.core.errors import BadInput
from hansei.core.result import Result
from hansei.measuring.parallel_text import Parallel, read_parallel
from hansei.measuring.premiums import Priced, by_script, language_rows, side_by_side, summary_row
from hansei.measuring.token_counts import count_all, load_tokenizer, unique_labels

POSITIONAL = ("tokenizers",)


@dataclass(frozen=True)
class Settings:
    """Settings of the measurement."""

    tokenizers: tuple[str, ...] = ()
    """Tokenizers to be compared: model folders, Hugging Face names, tokenizer.json files, `town`."""
    text: str | None = None
    """Parallel text: a folder with a file a language, JSONL/CSV/Parquet with a column a language, FLORES's .tsv,
    XQuAD's folder, UDHR's .zip."""
    reference: str | None = None
    """The language whose price is 1; English where none is named."""
    languages: tuple[str, ...] = ()
    """Only these languages (and the reference)."""
    price: tuple[float, ...] = ()
    """Price of a million tokens: one for all tokenizers, or one each."""
    context: int = 4096
    """Tokens of the context window, for the demonstrations that fit."""
    answer_tokens: int = 256
    """Tokens of the window that are kept for the answer."""
    train: tuple[int, ...] = ()
    """Also train byte-level BPE tokenizers of these vocabulary sizes on --train-text."""
    train_text: str | None = None
    """Parallel text to train on, the same content in each language; not the text that is measured."""
    train_languages: tuple[str, ...] = ()
    """Only these languages of the training text."""
    parity: int = 0
    """Rounds in which dearer languages get more training text; 0 trains on equal text."""
    draws: int = 1000
    """Bootstrap resamples of rows behind each interval."""
    seed: int = 0
    """Seed of the resamples, and of the order of demonstrations."""
    out: str | None = None
    """Folder for the heat map, result.json and trained tokenizers; nothing is written without it."""

    def __post_init__(self) -> None:
        """Raises BadInput for what can't be measured."""
        if not self.tokenizers and not self.train:
            raise BadInput("measure token-cost: a tokenizer was expected: hansei measure token-cost FOLDER --text ...")
        if not self.text:
            raise BadInput("measure token-cost: parallel text was expected, found none: give it with --text PATH")
        if bool(self.train) != bool(self.train_text):
            raise BadInput("measure token-cost: --train SIZE and --train-text PATH go together: give both or neither")
        if self.train and min(self.train) < 300:
            raise BadInput(f"train: sizes of 300 or more were expected (256 are bytes), found {min(self.train)}")
        if self.parity < 0 or (self.parity and not self.train):
            raise BadInput(f"parity {self.parity}: 0 rounds or more, together with --train SIZE, were expected")
        made = len(self.tokenizers) + len(self.train)
        if len(self.price) not in (0, 1, made) or any(not price > 0 for price in self.price):
            raise BadInput(
                f"price: one price above 0, or one for each of {made} tokenizers expected, found {self.price}"
            )
        if not 0 <= self.answer_tokens < self.context:
            raise BadInput(
                f"context {self.context}, answer-tokens {self.answer_tokens}: 0 <= answer < context expected"
            )
        if self.draws < 100:
            raise BadInput(f"draws: 100 or more were expected for an interval, found {self.draws}")


def run(settings: Settings) -> Result:
    """Count, compare, draw. Raises BadInput at tokenizers or texts that can't be worked with."""
    started = time.monotonic()
    text = read_parallel(str(settings.text), settings.reference, settings.languages)
    tokenizers = unique_labels({name: load_tokenizer(name) for name in settings.tokenizers})
    tokenizers |= _trained(settings, text)
    prices = settings.price * (len(tokenizers) if len(settings.price) == 1 else 1)
    priced = {
        label: price(
            tokenizer,
            text,
            label,
            draws=settings.draws,
            seed=settings.seed,
            room=settings.context - settings.answer_tokens,
            million=prices[place] if prices else None,
        )
        for place, (label, tokenizer) in enumerate(tokenizers.items())
    }
    result = result_of(priced, text, asdict(settings), time.monotonic() - started)
    if not settings.out:
        return result
    from hansei.core.output import with_files
    from hansei.measuring.token_cost_chart import heat_map

    result = with_files(result, settings.out, {"token-cost.svg": heat_map(priced)})
    return _with_tokenizers(result, tokenizers, settings)


def result_of(
    priced: Mapping[str, Priced], text: Parallel, settings: Mapping[str, Any], seconds: float, kind: Any = "measure"
) -> Result:
    """A summary a tokenizer, and the languages of each."""
    tables = {label: language_rows(one) for label, one in priced.items()}
    parts: dict[str, Sequence[Mapping[str, Any]]] = {
        "by-script": by_script(priced),
        "side-by-side": side_by_side(tables) if len(tables) > 1 else [],
    }
    parts |= {f"languages, {label}": rows for label, rows in tables.items()}
    return Result(
        name="token-cost",
        kind=kind,
        settings=settings,
        rows=[summary_row(label, one) for label, one in priced.items()],
        parts={name: rows for name, rows in parts.items() if rows},
        numbers=frozenset({"premium", "demonstrations", *(f"premium_{label}" for label in priced)}),
        hidden=frozenset({"characters", "bytes", "tokens"}),
        notes=notes(text, priced),
        seeds=[0],
        seconds=seconds,
    )


def price(
    tokenizer: Any, text: Parallel, label: str, *, draws: int, seed: int, room: int, million: float | None
) -> Priced:
    """What the text costs with one tokenizer."""
    tokens, unknown = count_all(tokenizer, text, label)
    return Priced(
        reference=text.reference,
        characters={language: sum(map(len, rows)) for language, rows in text.rows.items()},
        bytes={language: sum(len(row.encode()) for row in rows) for language, rows in text.rows.items()},
        tokens=tokens,
        unknown=unknown,
        draws=draws,
        seed=seed,
        room=room,
        million=million,
    )


def notes(text: Parallel, priced: Mapping[str, Priced]) -> list[str]:
    """What is to be minded with these figures."""
    said = [
        f"{len(text.rows)} languages, {text.size} rows each, against {text.reference}; premium = characters ratio x "
        "bytes per character ratio x tokens per byte ratio; no special tokens counted; characters are code points"
    ]
    if text.dropped:
        said.append(f"left out, as their files are empty: {', '.join(text.dropped)}")
    if text.size == 1:
        said.append("one text a language: no interval, and no demonstrations")
    lossy = {label: sum(1 for n in one.unknown.values() if n) for label, one in priced.items()}
    said += [
        f"{label}: unknown tokens in {languages} languages: it loses text there, and the premium is too low"
        for label, languages in lossy.items()
        if languages
    ]
    return said + doubts(text)


def doubts(text: Parallel, least_rows: int = 30, least: float = 0.3) -> list[str]:
    """Languages whose rows do not follow the reference's in length, as rows of parallel text do."""
    if text.size < least_rows:
        return []
    lengths = {language: np.array([len(row) for row in rows], dtype=float) for language, rows in text.rows.items()}
    home = lengths[text.reference]
    varying = [name for name, found in lengths.items() if found.std() and home.std()]
    strange = [name for name in varying if np.corrcoef(lengths[name], home)[0, 1] < least]
    return [
        f"rows of {', '.join(strange)} do not follow those of {text.reference} in length: are they parallel?"
    ] * bool(strange)


def _trained(settings: Settings, text: Parallel) -> dict[str, Any]:
    """Byte-level BPE of each size on the training text, which shares no row with what is measured."""
    if not settings.train_text:
        return {}
    from hansei.measuring.byte_bpe import check_apart, train_for_parity

    material = read_parallel(settings.train_text, settings.reference, settings.train_languages)
    check_apart(material, text)
    return {f"byte-bpe-{size}": train_for_parity(material.rows, size, settings.parity) for size in settings.train}


def _with_tokenizers(result: Result, tokenizers: Mapping[str, Any], settings: Settings) -> Result:
    """Saves the trained tokenizers beside the result."""
    import dataclasses
    from pathlib import Path

    files = []
    for label in [f"byte-bpe-{size}" for size in settings.train]:
        folder = Path(str(settings.out)) / label
        tokenizers[label].save_pretrained(folder)
        files.append(str(folder))
    return dataclasses.replace(result, files=[*result.files, *files])
