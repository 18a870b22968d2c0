"""The released data of arXiv 2404.01268 as files: training text, validation files, word distributions, word lists."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hansei.core.errors import BadInput
from hansei.measuring.plain_text import decode, read_bytes
from hansei.measuring.sentences import Text, read_text
from hansei.measuring.word_mixture import WordModel

HOME = "llm_use_in_papers"
_VALIDATION = re.compile(r"validation_(?P<field>\w+?)_alpha_(?P<share>[\d.]+)\.txt(\.gz)?")
_DISTRIBUTION = re.compile(r"distribution_(?P<field>\w+)\.csv(\.gz)?")

Released = tuple[Mapping[str, int], WordModel]
"""The number of each word, and the model of a released distribution."""


@dataclass(frozen=True)
class Field:
    """One field of science."""

    name: str
    """CS, Math …"""
    human: Text
    """Training text by people."""
    ai: Text
    """Training text by a model."""
    validation: Mapping[float, Text]
    """Validation text by its true share, in order."""
    released: Released | None
    """The released word distribution of the field."""
    distributions: Mapping[str, Path]
    """Files of the released distributions of the other fields."""


def fields(data: str) -> tuple[Path, list[Field]]:
    """The folder of the data, and the fields that have training and validation text.

    Raises BadInput where there is none.
    """
    folder = Path(data) / HOME if (Path(data) / HOME).is_dir() else Path(data)
    if not folder.is_dir():
        raise BadInput(f"{data}: a folder was expected, found none: give the folder of {HOME} with --data DIR")
    files: dict[str, dict[float, Path]] = {}
    for path in sorted(folder.iterdir()):
        if match := _VALIDATION.fullmatch(path.name):
            files.setdefault(match["field"], {})[float(match["share"])] = path
    found = [_field(folder, name, shares) for name, shares in files.items() if _training(folder, name)]
    if not found:
        raise BadInput(
            f"{folder}: train_FIELD_human.txt.gz, train_FIELD_ai.txt.gz and validation_FIELD_alpha_SHARE.txt.gz of one "
            "FIELD at least were expected, found none: give the folder of the released data"
        )
    return folder, found


def _field(folder: Path, name: str, shares: Mapping[float, Path]) -> Field:
    distributions = {
        match["field"]: path for path in sorted(folder.iterdir()) if (match := _DISTRIBUTION.fullmatch(path.name))
    }
    own = distributions.pop(name, None)
    human, ai = (read_text(path) for path in _training(folder, name))
    validation = {share: read_text(shares[share]) for share in sorted(shares)}
    return Field(name, human, ai, validation, released_model(own) if own else None, distributions)


def _training(folder: Path, name: str) -> list[Path]:
    """Human and AI training text of a field; nothing where one of them is missing."""
    found = [
        next(
            (p for p in (folder / f"train_{name}_{side}.txt.gz", folder / f"train_{name}_{side}.txt") if p.is_file()),
            None,
        )
        for side in ("human", "ai")
    ]
    return [path for path in found if path] if all(found) else []


def released_model(path: Path) -> Released:
    """A released distribution: Word, logP, log1-P, logQ, log1-Q. Raises BadInput at other columns or values."""
    reader = csv.DictReader(decode(read_bytes(path), str(path)))
    index: dict[str, int] = {}
    weights, base = [], 0.0
    for row in reader:
        where = f"{path}, line {reader.line_num}"
        try:
            log_p, log_not_p, log_q, log_not_q = (float(row[c]) for c in ("logP", "log1-P", "logQ", "log1-Q"))
        except (KeyError, TypeError, ValueError):
            raise BadInput(f"{where}: Word,logP,log1-P,logQ,log1-Q with numbers were expected, found {row}") from None
        if not np.isfinite([log_p, log_not_p, log_q, log_not_q]).all():
            raise BadInput(f"{where}: finite logarithms were expected, found {row}: leave the word out")
        index[row["Word"]] = len(index)
        weights.append(log_q - log_p - (log_not_q - log_not_p))
        base += log_not_q - log_not_p
    if not index:
        raise BadInput(f"{path}: a word a line was expected, found none")
    return index, WordModel(np.array(weights), base, len(index))


def word_lists(folder: Path) -> dict[str, set[str] | None]:
    """Further vocabularies, where their data stand beside: adjectives (as in arXiv 2403.07183) and words of style."""
    lists: dict[str, set[str] | None] = {}
    wordnet = folder.parent / "open_english_wordnet" / "synsets.jsonl.gz"
    if wordnet.is_file():
        lists["adjectives (WordNet)"] = _adjectives(decode(read_bytes(wordnet), str(wordnet)))
    excess = folder.parent / "llm_excess_vocab" / "excess_words.csv"
    if excess.is_file():
        rows = csv.DictReader(decode(read_bytes(excess), str(excess)))
        lists["words of style (llm-excess-vocab)"] = {row["word"] for row in rows if row["type"].startswith("style")}
    return lists


def _adjectives(lines: list[str]) -> set[str]:
    """Words with at least as many adjective senses as all others."""
    senses: Counter[str] = Counter()
    adjective: set[str] = set()
    for line in lines:
        synset = json.loads(line)
        members = [member.lower() for member in synset["members"]]
        if synset["pos"] in "as":
            adjective.update(members)
            senses.update(members)
        else:
            senses.subtract(members)
    return {word for word in adjective if senses[word] >= 0}
