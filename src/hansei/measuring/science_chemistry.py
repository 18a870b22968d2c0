"""Molecules, formulas and sequences by RDKit: what is valid, what is the same, what is alike.

RDKit is an extra (`pip install 'hansei[science]'`); `check_installed` says so in one line.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import Any

from hansei.core.errors import BadInput

LONGEST = 1000
"""Characters of a SMILES or a sequence that are looked at; a longer one is none that was asked for."""
AMINO_ACIDS = frozenset("ACDEFGHIKLMNPQRSTVWY")
BASES = frozenset("ACGT")
_NAMES = "AlaCysAspGluPheGlyHisIleLysLeuMetAsnProGlnArgSerThrValTrpTyr"
THREE_LETTERS = {_NAMES[3 * i : 3 * i + 3]: letter for i, letter in enumerate("ACDEFGHIKLMNPQRSTVWY")}


def check_installed() -> None:
    """Raises BadInput where RDKit is not installed."""
    try:
        import rdkit  # noqa: F401
    except ImportError as error:
        raise BadInput(
            "measure science: RDKit was expected, which is an extra: install it with pip install 'hansei[science]'"
        ) from error


@functools.cache
def molecule(smiles: str) -> Any:
    """The molecule of a SMILES, or None where it is none: broken grammar, impossible valences or rings."""
    from rdkit import Chem, rdBase

    if not smiles or len(smiles) > LONGEST or not smiles.isascii():
        return None
    with rdBase.BlockLogs():
        found = Chem.MolFromSmiles(smiles)
    return found if found is not None and found.GetNumAtoms() else None


def canonical(smiles: str, *, stereo: bool = True) -> str | None:
    """RDKit's canonical SMILES, the same for every spelling of a molecule; None where it is none."""
    from rdkit import Chem

    found = molecule(smiles)
    return None if found is None else str(Chem.MolToSmiles(found, isomericSmiles=stereo))


def tanimoto(one: str, other: str) -> float | None:
    """Tanimoto similarity of the Morgan fingerprints (radius 2, 2,048 bits) of two SMILES, 0 to 1; None for no SMILES.

    Rogers & Hahn 2010, J. Chem. Inf. Model. 50:742.
    """
    from rdkit import DataStructs

    prints = [_fingerprint(smiles) for smiles in (one, other)]
    return None if None in prints else float(DataStructs.TanimotoSimilarity(*prints))


@functools.cache
def _fingerprint(smiles: str) -> Any:
    from rdkit.Chem import rdFingerprintGenerator

    found = molecule(smiles)
    return None if found is None else _generator(rdFingerprintGenerator).GetFingerprint(found)


@functools.cache
def _generator(module: Any) -> Any:
    return module.GetMorganGenerator(radius=2, fpSize=2048)


def sequence(text: str, letters: frozenset[str]) -> str | None:
    """A sequence in one-letter code, without white space and header; None where a letter is none of `letters`."""
    body = "".join(line for line in text.splitlines() if not line.startswith(">"))
    plain = re.sub(r"[\s*]", "", body).upper()
    if not plain or len(plain) > LONGEST or not set(plain) <= letters:
        return None
    return plain


def protein(text: str) -> str | None:
    """A protein in one-letter or in three-letter code (Met-Ala-…), as one-letter code; None where it is none."""
    parts = re.split(r"[-\s]+", text.strip())
    if len(parts) > 1 and all(part.capitalize() in THREE_LETTERS for part in parts):
        return "".join(THREE_LETTERS[part.capitalize()] for part in parts)
    return sequence(text, AMINO_ACIDS)


def dna(text: str) -> str | None:
    """A DNA sequence, its 5' and 3' left out; None where it is none."""
    return sequence(re.sub(r"[35]['′’]|-", "", text), BASES)


_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")


def composition(formula: str) -> dict[str, float] | None:
    """Atoms of a chemical formula such as CaMg(CO3)2, in its own units; None where it is none."""
    text = formula.translate(_SUBSCRIPTS).replace("_", "").replace("{", "").replace("}", "").replace("$", "")
    if not text or len(text) > 200:
        return None
    found, rest = _group(text, 0)
    return found if found and not rest else None


def _group(text: str, depth: int) -> tuple[dict[str, float] | None, str]:
    """Atoms up to the end or a closing bracket, and what follows."""
    atoms: dict[str, float] = {}
    while text and text[0] not in ")]":
        if text[0] in "([":
            if depth > 10:
                return None, text
            inner, text = _group(text[1:], depth + 1)
            if inner is None or not text or text[0] not in ")]":
                return None, text
            text = text[1:]
        else:
            match = re.match(r"[A-Z][a-z]?", text)
            if match is None or not _is_element(match[0]):
                return None, text
            inner, text = {match[0]: 1.0}, text[match.end() :]
        number = re.match(r"\d{1,4}(?:\.\d{1,4})?", text)
        times = float(number[0]) if number else 1.0
        text = text[number.end() :] if number else text
        if not times:
            return None, text
        for element, count in inner.items():
            atoms[element] = atoms.get(element, 0.0) + times * count
    return atoms, text


@functools.cache
def _is_element(symbol: str) -> bool:
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        try:
            return bool(Chem.GetPeriodicTable().GetAtomicNumber(symbol) > 0)
        except RuntimeError:
            return False


def same_formula(one: str, other: str) -> bool:
    """Whether two formulas hold the same atoms in the same proportions."""
    a, b = composition(one), composition(other)
    if a is None or b is None or a.keys() != b.keys():
        return False
    ratios = [a[element] / b[element] for element in a]
    return max(ratios) - min(ratios) < 1e-9 * max(ratios)


def alike(one: str, other: str, form: str) -> float:
    """How alike two strings of one form are, 0 to 1.

    SMILES by Tanimoto; formulas by their elements' descriptors; everything else by the share of three-letter pieces
    that both have (Jaccard).
    """
    if form == "SMILES":
        return tanimoto(one, other) or 0.0
    if form == "formula":
        a, b = _descriptors(one), _descriptors(other)
        return 0.0 if a is None or b is None else 1.0 / (1.0 + _distance(a, b))
    a_parts, b_parts = _pieces(one), _pieces(other)
    return len(a_parts & b_parts) / max(len(a_parts | b_parts), 1)


@functools.cache
def _descriptors(formula: str) -> tuple[float, ...] | None:
    """Mean and spread over the atoms of a formula: outer electrons, period, covalent radius."""
    from rdkit import Chem

    atoms = composition(formula)
    if atoms is None:
        return None
    table, total = Chem.GetPeriodicTable(), sum(atoms.values())
    rows = [(table.GetNOuterElecs(e), table.GetRow(e), 4 * table.GetRcovalent(e)) for e in atoms]
    shares = [count / total for count in atoms.values()]
    means = [sum(s * row[i] for s, row in zip(shares, rows, strict=True)) for i in range(3)]
    spreads = [sum(s * abs(row[i] - means[i]) for s, row in zip(shares, rows, strict=True)) for i in range(3)]
    return (*means, *spreads)


def _distance(a: Sequence[float], b: Sequence[float]) -> float:
    return float(sum((x - y) ** 2 for x, y in zip(a, b, strict=True)) ** 0.5)


def _pieces(text: str) -> set[str]:
    padded = f" {text.lower()} "
    return {padded[i : i + 3] for i in range(len(padded) - 2)}
