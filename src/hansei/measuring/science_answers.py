"""What a model is asked, and what its answer says: right, wrong, refused, not to be read, cut, or no answer at all."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from hansei.core.records import Attempt, Prompt, user
from hansei.judges.refusals import find_refusal
from hansei.measuring import science_chemistry as chemistry
from hansei.measuring.science_expressions import NoFormula, check, formula, problem
from hansei.measuring.science_items import Item
from hansei.measuring.science_units import quantities

Outcome = Literal["right", "wrong", "invalid", "refused", "unparsed", "cut", "error"]
"""`invalid`: an answer that is read and is no molecule, formula, sequence or function; it is a wrong one too.
`cut`: one that ended at the longest length before it said anything that can be read."""
READ = ("right", "wrong", "invalid")
"""Outcomes that are in the denominator of an accuracy."""
ASKED: Mapping[str, str] = {
    "number": "a number{unit}",
    "choice": "one of these: {options}",
    "smiles": "the SMILES and nothing else",
    "formula": "the formula and nothing else",
    "dna": "the sequence, from 5' to 3', and nothing else",
    "protein": "the sequence and nothing else",
    "solution": "a formula for u in x, y, t, such as exp(-t)*sin(2*x), and nothing else",
}
LAST_LINE = 'End with a line that holds "Answer:" and {what}.'
_MARK = re.compile(r"(?:\*\*)?\banswer\b(?:\*\*)?\s*(?:is)?\s*[:=](?:\*\*)?[ \t]*(?P<rest>[^\n]*)", re.IGNORECASE)
_UNSURE = re.compile(
    r"\b(?:i\s+(?:do not|don['’]t|cannot|can['’]t)\s+(?:know|determine|answer|say|tell|calculate)|i['’]?m not sure|"
    r"unknown to me|not able to (?:answer|determine|calculate))\b",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"[^\s`'\"“”,;]+")


@dataclass(frozen=True, slots=True)
class Answer:
    """What one answer says."""

    item: Item
    way: str
    """`name` or `string`: how the thing was given."""
    outcome: Outcome
    value: float | str | None = None
    """A number in the item's unit, an option, or the canonical form of what was written; None where nothing is read."""
    alike: float | None = None
    """For a valid SMILES: its Tanimoto similarity to the truth."""
    flat: bool | None = None
    """For a valid SMILES: whether it is the truth but for its stereochemistry."""


def prompts(items: Sequence[Item], examples: Mapping[str, Sequence[Item]]) -> list[Prompt]:
    """One prompt for each item and each way to give its thing; `examples` by item id stand before the question."""
    made = []
    for item in items:
        for way, text in item.ways():
            unit = f" in {item.unit}" if item.unit else ""
            what = ASKED[item.kind].format(unit=unit, options=", ".join(item.options))
            shown = "".join(_example(other, way) for other in examples.get(item.id, ()))
            made.append(Prompt(id=f"{item.id}/{way}", messages=user(f"{shown}{text}\n{LAST_LINE.format(what=what)}")))
    return made


def _example(item: Item, way: str) -> str:
    text = dict(item.ways()).get(way) or item.ways()[0][1]
    return f"{text}\nAnswer: {item.answer}{f' {item.unit}' if item.unit else ''}\n\n"


def read(item: Item, way: str, attempt: Attempt) -> Answer:
    """What an attempt says. A refusal is one only where nothing that can be read stands beside it."""
    if attempt.error is not None:
        return Answer(item, way, "error")
    answer = _read(item, way, attempt.text)
    if answer is not None:
        return answer
    refusal = find_refusal(attempt.text)
    if (refusal is not None and not refusal.then_answers) or _UNSURE.search(attempt.text):
        return Answer(item, way, "refused")
    return Answer(item, way, "cut" if attempt.finish == "length" else "unparsed")


def _read(item: Item, way: str, text: str) -> Answer | None:
    marked = [match["rest"].strip().strip("*").strip() for match in _MARK.finditer(text)]
    last = next((rest for rest in reversed(marked) if rest), None)
    if item.kind == "number":
        return _number(item, way, last, text)
    if item.kind == "choice":
        return _choice(item, way, last, text)
    written = last if last is not None else _alone(text)
    return None if written is None else _checked(item, way, written)


def _number(item: Item, way: str, last: str | None, text: str) -> Answer | None:
    """The first number behind the mark; without a mark, the numbers with a fitting unit, or the only number.

    A number whose unit measures something else is read, and wrong.
    """
    found = quantities(last, item.unit)[:1] if last is not None else []
    if not found:
        every = quantities(text, item.unit)
        fitting = [q for q in every if q.unit is not None and q.value == q.value]
        found = (fitting or every) if item.unit else every
        if not found or not all(item.near(q.value, found[0].value) for q in found):
            return None
    value = found[0].value
    known = value if value == value else None
    return Answer(item, way, "right" if known is not None and item.near(known) else "wrong", known)


def _choice(item: Item, way: str, last: str | None, text: str) -> Answer | None:
    for place in (last, text):
        named = {option for option in item.options if place is not None and _names(place, option)}
        if len(named) == 1:
            chosen = named.pop()
            return Answer(item, way, "right" if chosen == item.answer else "wrong", chosen)
    return None


def _names(text: str, option: str) -> bool:
    """Whether a text names an option, and not to deny it."""
    return bool(re.search(rf"(?<!not )(?<!not a )(?<!not an )(?<![\w-]){re.escape(option)}s?(?![\w-])", text, re.I))


def _alone(text: str) -> str | None:
    """What a text without a mark gives as its answer: its only code, or all of it where it is one line."""
    codes = re.findall(r"```[^\n]*\n(.*?)```", text, re.DOTALL) or re.findall(r"`([^`\n]+)`", text)
    if len(codes) == 1:
        return str(codes[0]).strip() or None
    stripped = text.strip()
    return stripped if stripped and "\n" not in stripped and len(stripped.split()) == 1 else None


def _checked(item: Item, way: str, written: str) -> Answer:
    """A molecule, formula, sequence or function: whether it is valid, and whether it is the right one."""
    if item.kind == "solution":
        return _solved(item, way, written)
    plain = written.strip("`").strip()
    if item.kind in ("smiles", "formula"):
        token = _TOKEN.search(plain)
        plain = token[0].rstrip(".") if token else ""
    if item.kind == "smiles":
        return _molecule(item, way, plain)
    if item.kind == "formula":
        if chemistry.composition(plain) is None:
            return Answer(item, way, "invalid")
        return Answer(item, way, "right" if chemistry.same_formula(plain, item.answer) else "wrong", plain)
    kept = chemistry.protein(plain) if item.kind == "protein" else chemistry.dna(plain)
    if kept is None:
        return Answer(item, way, "invalid")
    return Answer(item, way, "right" if kept == item.answer else "wrong", kept)


def _molecule(item: Item, way: str, smiles: str) -> Answer:
    canonical = chemistry.canonical(smiles)
    if canonical is None:
        return Answer(item, way, "invalid")
    right = canonical == chemistry.canonical(item.answer)
    flat = chemistry.canonical(smiles, stereo=False) == chemistry.canonical(item.answer, stereo=False)
    alike = chemistry.tanimoto(smiles, item.answer)
    return Answer(item, way, "right" if right else "wrong", canonical, alike, flat)


def _solved(item: Item, way: str, written: str) -> Answer:
    body = re.sub(r"^\s*\$*\s*u\s*(?:\([^()]*\))?\s*=\s*", "", written)
    try:
        checked = check(problem(item.equation, item.conditions), formula(body))
    except NoFormula:
        return Answer(item, way, "invalid")
    return Answer(item, way, "right" if checked.right else "wrong", body)
