"""Tokenizers of any kind, and how many tokens each makes of a text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hansei.core.errors import BadInput
from hansei.core.progress import counting
from hansei.measuring.parallel_text import Parallel

Counts = NDArray[np.int64]


def load_tokenizer(name: str) -> Any:
    """The tokenizer of a folder, a Hugging Face name, `town`, or a single `tokenizer.json`; fast or not.

    No code from the folder is run. Raises BadInput where it can't be loaded.
    """
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    from hansei.models.load import town_path
    from hansei.town.districts import district_of

    home = district_of(name)
    place = name if home is None else town_path(home)
    try:
        if place.endswith(".json"):
            return PreTrainedTokenizerFast(tokenizer_file=place)
        return AutoTokenizer.from_pretrained(place)
    except Exception as error:  # transformers and tokenizers raise many kinds for what they can't read
        reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise BadInput(
            f"{name}: a tokenizer (folder, Hugging Face name, tokenizer.json) was expected, found none: {reason}"
        ) from error


def count(tokenizer: Any, texts: Sequence[str]) -> tuple[Counts, Counts]:
    """Tokens of each of S texts, and how many of them stand for what is unknown; no special tokens are added."""
    ids = tokenizer(
        list(texts),
        add_special_tokens=False,
        padding=False,
        truncation=False,
        return_attention_mask=False,
        return_token_type_ids=False,
        verbose=False,
    )["input_ids"]
    unknown = tokenizer.unk_token_id
    return (
        np.array([len(row) for row in ids], dtype=np.int64),
        np.array([0 if unknown is None else list(row).count(unknown) for row in ids], dtype=np.int64),
    )


def count_all(tokenizer: Any, text: Parallel, label: str) -> tuple[Mapping[str, Counts], Mapping[str, int]]:
    """Tokens of each row by language, and the unknown ones of each language. Raises BadInput where one has none."""
    tokens: dict[str, Counts] = {}
    unknown: dict[str, int] = {}
    with counting(label, len(text.rows)) as advance:
        for language, texts in text.rows.items():
            tokens[language], strange = count(tokenizer, texts)
            unknown[language] = int(strange.sum())
            if not tokens[language].any():
                raise BadInput(f"{label}: tokens were expected for {language}, found none: is it a tokenizer of text?")
            advance(1)
    return tokens, unknown


def label_of(name: str) -> str:
    """A short name of a tokenizer: the last part of its path."""
    path = Path(name)
    return path.parent.name or path.stem if path.name == "tokenizer.json" else path.name or name


def unique_labels(tokenizers: Mapping[str, Any]) -> dict[str, Any]:
    """Tokenizers by their short name, or by the whole one where two have the same."""
    short = [label_of(name) for name in tokenizers]
    return {
        label if short.count(label) == 1 else name: tokenizer
        for label, (name, tokenizer) in zip(short, tokenizers.items(), strict=True)
    }
