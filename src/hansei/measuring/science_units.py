"""Numbers with their units, read from what a model writes."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from hansei.core.errors import BadInput


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit: value in the base unit of its quantity = value * scale + shift."""

    quantity: str
    scale: float
    shift: float = 0.0


UNITS: dict[str, Unit] = {
    **dict.fromkeys(("K", "kelvin", "kelvins"), Unit("temperature", 1.0)),
    **dict.fromkeys(("°C", "℃", "C", "celsius", "degrees celsius", "deg C", "oC"), Unit("temperature", 1.0, 273.15)),
    **dict.fromkeys(("°F", "℉", "F", "fahrenheit", "degrees fahrenheit"), Unit("temperature", 5 / 9, 459.67 * 5 / 9)),
    **dict.fromkeys(("g/mol", "g mol-1", "g mol^-1", "g·mol-1", "g·mol^-1"), Unit("molar mass", 1.0)),
    **dict.fromkeys(("g per mole", "grams per mole", "Da", "dalton", "daltons", "u", "amu"), Unit("molar mass", 1.0)),
    **dict.fromkeys(("kDa", "kg/mol"), Unit("molar mass", 1000.0)),
    **dict.fromkeys(("eV", "electronvolt", "electronvolts", "electron volts"), Unit("energy", 1.0)),
    "meV": Unit("energy", 1e-3),
    **dict.fromkeys(("kJ/mol", "kJ mol-1", "kJ mol^-1", "kJ·mol-1"), Unit("energy", 1 / 96.48533)),
    **dict.fromkeys(("kcal/mol", "kcal mol-1"), Unit("energy", 4.184 / 96.48533)),
    **dict.fromkeys(("hartree", "Ha", "Eh", "hartrees"), Unit("energy", 27.211386)),
    **dict.fromkeys(("Å", "Å", "A", "angstrom", "angstroms", "ångström", "ångströms", "Angstrom"), Unit("length", 1.0)),
    **dict.fromkeys(("pm", "picometers", "picometres", "picometer"), Unit("length", 0.01)),
    **dict.fromkeys(("nm", "nanometers", "nanometres"), Unit("length", 10.0)),
    **dict.fromkeys(("D", "debye", "debyes", "Debye"), Unit("dipole moment", 1.0)),
    **dict.fromkeys(("C·m", "C m"), Unit("dipole moment", 1 / 3.33564e-30)),
    **dict.fromkeys(("g/cm3", "g/cm^3", "g/cm³", "g cm-3", "g cm^-3", "g/mL", "g/ml", "g/cc"), Unit("density", 1.0)),
    **dict.fromkeys(("kg/m3", "kg/m^3", "kg/m³", "kg m-3"), Unit("density", 1e-3)),
    **dict.fromkeys(("kg/L", "kg/l", "kg/dm3"), Unit("density", 1.0)),
}
"""Every spelling that is understood."""
LONGEST = 4000
"""Characters of an answer that are read; what follows is no answer to a question for a number."""

_NUMBER = re.compile(
    r"(?<![\w.^])(?<![A-Za-z]-)(?<!\^-)(?P<sign>[-+]?)(?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+\.\d+|\d+|\.\d+)"
    r"(?:\s*(?:x|\*|×|·)\s*10\s*(?:\^|\*\*)?\s*\(?(?P<ten>[-+]?\d{1,3})\)?|[eE](?P<exponent>[-+]?\d{1,3}))?"
    r"(?P<fraction>\s*/\s*\d+(?:\.\d+)?)?(?P<range>\s*(?:-|–|to)\s*\d)?"
)
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺−–‐‑", "0123456789-+----")
_SPELLINGS = sorted(UNITS, key=len, reverse=True)


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number as it was written, in the unit that was asked for where its own could be converted."""

    value: float
    """NaN where its unit measures something else."""
    unit: str | None
    """The unit that stood behind it; None where there was none."""


def check_unit(unit: str | None, where: str) -> None:
    """Raises BadInput for a unit that can't be converted."""
    if unit is not None and unit not in UNITS:
        known = ", ".join(sorted({next(n for n, v in UNITS.items() if v == kind) for kind in UNITS.values()}))
        raise BadInput(f"{where}: unit: one of {known} was expected (or none), found {unit!r}")


def quantities(text: str, unit: str | None) -> list[Quantity]:
    """Every number in a text, in `unit`; a number without unit is taken as given in it.

    Digits inside words and formulas (C2H5, IC50) are no numbers. A range ("77 to 79") is none either: it is
    ambiguous.
    """
    text = text[:LONGEST].replace("\u00a0", " ").replace("\u202f", " ").replace("\u2009", " ")
    text = re.sub(r"10([⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+)", lambda m: "10^" + m[1].translate(_SUPERSCRIPTS), text)
    text = text.translate(_SUPERSCRIPTS).replace("\\times", "×").replace("{", "").replace("}", "").replace("$", "")
    found = []
    for match in _NUMBER.finditer(text):
        if match["range"]:
            continue
        rest = text[match.end() :]
        if re.match(r"(?!e[Vv]\b)[\w]*[A-Za-z]\w*", rest) and _spelling(rest) is None:
            continue  # 4-methyl…, 2nd: a part of a word
        number = _value(match)
        if number is not None:
            found.append(_converted(number, _spelling(rest), unit))
    return found


def _value(match: re.Match[str]) -> float | None:
    value = float(f"{match['digits'].replace(',', '')}e{int(match['ten'] or match['exponent'] or 0)}")
    if match["fraction"]:
        below = float(match["fraction"].strip().lstrip("/"))
        if not below:
            return None
        value /= below
    value = -value if match["sign"] == "-" else value
    return value if math.isfinite(value) else None


def _spelling(rest: str) -> str | None:
    """The unit at the start of what follows a number."""
    start = re.sub(r"^[ ]?(?:\\,|~|\\text|\\mathrm|\\ )?[ ]?", "", rest[:40])
    for name in _SPELLINGS:
        for one in (name, name.lower()) if len(name) > 3 else (name,):
            after = start[len(one) : len(one) + 1]
            if start.startswith(one) and not (after.isalnum() or after in ("/", "^")):
                return name
    return None


def _converted(number: float, found: str | None, unit: str | None) -> Quantity:
    if found is None or unit is None:
        return Quantity(number, found)
    have, want = UNITS[found], UNITS[unit]
    if have.quantity != want.quantity:
        return Quantity(math.nan, found)
    return Quantity((number * have.scale + have.shift - want.shift) / want.scale, found)
