"""The questions of `hansei measure science`: the tables that come with it, or the user's own file of the same form."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from hansei.core.errors import BadInput
from hansei.core.rows import Row, read_rows
from hansei.measuring import science_chemistry as chemistry
from hansei.measuring.science_expressions import NoFormula, problem
from hansei.measuring.science_units import check_unit

Kind = Literal["number", "choice", "smiles", "formula", "dna", "protein", "solution"]
"""What an answer is: a number, one of some words, or something that is checked for being valid and the same."""
Form = Literal["SMILES", "FASTA", "DNA", "formula", "equation"]
"""What the string of an item is."""
TABLES = Path(__file__).parent / "science_tables"
DOMAINS = ("drug_discovery", "biology", "computational_chemistry", "materials", "differential_equations")
"""Files of the shipped tables, in the paper's order."""
COLUMNS = (
    "domain",
    "task",
    "kind",
    "question",
    "name",
    "string",
    "form",
    "answer",
    "unit",
    "tolerance",
    "options",
    "equation",
    "conditions",
    "source",
)
GIVEN: dict[str, str] = {
    "SMILES": "the molecule with the SMILES {}",
    "FASTA": "the peptide with the sequence {}",
    "DNA": "{}",
    "formula": "the substance with the formula {}",
    "equation": "the equation {}",
}
"""How a string is put into a question."""


@dataclass(frozen=True, slots=True)
class Item:
    """One question, about one thing that may be given by its name, by a string, or in both ways."""

    id: str
    domain: str
    task: str
    """Questions of one task are alike; a number's neighbours are looked for within its task."""
    kind: Kind
    question: str
    """With {x} where the thing stands."""
    name: str | None
    string: str | None
    form: Form | None
    answer: str
    unit: str | None
    relative: float | None
    """A number is right within this share of the truth …"""
    absolute: float | None
    """… or within this much of it, in its unit; one of the two is set."""
    options: tuple[str, ...]
    equation: str
    conditions: str
    source: str

    @property
    def number(self) -> float:
        """The truth of a numeric item."""
        return float(self.answer)

    def near(self, value: float, truth: float | None = None) -> bool:
        """Whether a number counts as the truth, or as another number that is given for it."""
        truth = self.number if truth is None else truth
        allowed = self.absolute if self.absolute is not None else (self.relative or 0.0) * abs(truth)
        return math.isfinite(value) and abs(value - truth) <= allowed + 1e-9

    def ways(self) -> list[tuple[str, str]]:
        """How the thing can be given: `name`, `string`, or both, each with the question's text."""
        if self.name is None and self.string is None:
            return [("name", self.question)]
        ways = [("name", self.question.replace("{x}", self.name))] if self.name is not None else []
        if self.string is not None:
            given = GIVEN[self.form or "SMILES"].format(self.string)
            ways.append(("string", self.question.replace("{x}", given)))
        return ways


def shipped() -> list[Item]:
    """The items of the tables that come with hansei, all domains."""
    return [item for name in DOMAINS for item in read_items(TABLES / f"{name}.csv")]


def read_items(path: str | Path) -> list[Item]:
    """The items of a file. Raises BadInput at what is none, with its line."""
    items: list[Item] = []
    seen: dict[tuple[str, str | None, str | None], str] = {}
    for number, row in enumerate(read_rows(path), 1):
        item = _item(row, f"{Path(path).stem}-{number}")
        key = (item.question, item.name, item.string)
        if key in seen:
            raise BadInput(f"{row.where}: the same question about the same thing stands at {seen[key]}: remove one")
        seen[key] = row.where
        items.append(item)
    if not items:
        raise BadInput(f"{path}: one question at least was expected, found none")
    return items


def _item(row: Row, id: str) -> Item:
    values = {name: _text(row, name) for name in COLUMNS}
    strange = [name for name in row.values if name not in COLUMNS]
    if strange or "question" not in row.values or "answer" not in row.values:
        raise BadInput(
            f"{row.where}: columns question, kind and answer (and any of {', '.join(COLUMNS)}) were expected, "
            f"found {', '.join(map(str, row.values))[:120]}"
        )
    kind = values["kind"] or "number"
    if kind not in get_args(Kind):
        raise BadInput(f"{row.where}: kind: one of {', '.join(get_args(Kind))} was expected, found {kind!r}")
    for needed in ("question", "answer"):
        if values[needed] is None:
            raise BadInput(f"{row.where}: a text in {needed!r} was expected, found none: fill it in or remove the row")
    relative, absolute = _tolerance(row, values["tolerance"])
    item = Item(
        id=id,
        domain=values["domain"] or "science",
        task=values["task"] or "questions",
        kind=kind,  # type: ignore[arg-type]
        question=str(values["question"]),
        name=values["name"],
        string=values["string"],
        form=values["form"],  # type: ignore[arg-type]
        answer=str(values["answer"]),
        unit=values["unit"],
        relative=relative,
        absolute=absolute,
        options=tuple(option.strip() for option in (values["options"] or "").split("|") if option.strip()),
        equation=values["equation"] or "",
        conditions=values["conditions"] or "",
        source=values["source"] or "",
    )
    _check(item, row)
    return item


def _text(row: Row, name: str) -> str | None:
    value = row.values.get(name)
    if isinstance(value, bool) or (value is not None and not isinstance(value, str | int | float)):
        raise BadInput(f"{row.where}: a text or a number was expected in {name!r}, found {value!r:.40}")
    text = None if value is None else str(value).strip()
    return text or None


def _tolerance(row: Row, text: str | None) -> tuple[float | None, float | None]:
    """`5%` is a share of the truth, `0.5` an amount in the answer's unit; 5% where nothing is said."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(%?)", text or "5%")
    if match is None:
        raise BadInput(
            f"{row.where}: tolerance: a share such as 5% or an amount such as 0.5 was expected, found {text!r}"
        )
    value = float(match[1])
    return (value / 100, None) if match[2] else (None, value)


def _check(item: Item, row: Row) -> None:
    """Raises BadInput where the item contradicts itself, so that no model is measured by a wrong key."""
    check_unit(item.unit, row.where)
    if item.form is not None and item.form not in get_args(Form):
        raise BadInput(f"{row.where}: form: one of {', '.join(get_args(Form))} was expected, found {item.form!r}")
    if (item.name is not None or item.string is not None) != ("{x}" in item.question):
        raise BadInput(f"{row.where}: {{x}} in the question goes with a name or a string: give both or neither")
    if item.string is not None and item.form is None:
        raise BadInput(f"{row.where}: the form of the string was expected ({', '.join(get_args(Form))})")
    broken = _broken(item)
    if broken:
        raise BadInput(f"{row.where}: {broken}")


def _broken(item: Item) -> str | None:
    """What is wrong with the answer or the string of an item; None where nothing is."""
    valid: Mapping[str, Any] = {
        "SMILES": chemistry.molecule,
        "FASTA": chemistry.protein,
        "DNA": chemistry.dna,
        "formula": chemistry.composition,
    }
    if item.string is not None and item.form in valid and not valid[str(item.form)](item.string):
        return f"a {item.form} was expected in 'string', found {item.string!r:.60}"
    if item.kind == "number":
        return None if _is_number(item.answer) else f"a finite number was expected in 'answer', found {item.answer!r}"
    if item.kind == "choice":
        if len(item.options) < 2 or item.answer not in item.options:
            return f"an answer among two or more options (a|b) was expected, found {item.answer!r} of {item.options}"
        return None
    if item.kind == "solution":
        try:
            problem(item.equation, item.conditions)
        except NoFormula as error:
            return f"an equation that can be checked was expected: {error}"
        return None
    checks = {"smiles": "SMILES", "protein": "FASTA", "dna": "DNA", "formula": "formula"}
    good = valid[checks[item.kind]](item.answer)
    return None if good else f"a valid {item.kind} was expected in 'answer', found {item.answer!r:.60}"


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def first_of_each(items: Sequence[Item], limit: int | None) -> list[Item]:
    """The first `limit` items of each task of each domain; all where there is no limit."""
    taken: dict[tuple[str, str], int] = {}
    kept = []
    for item in items:
        place = (item.domain, item.task)
        taken[place] = taken.get(place, 0) + 1
        if limit is None or taken[place] <= limit:
            kept.append(item)
    return kept
