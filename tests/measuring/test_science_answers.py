"""The tables of `hansei measure science`, what is read from answers, and formulas that are data."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from hansei.core.records import Attempt, Sampling
from hansei.measuring.science_answers import read
from hansei.measuring.science_chemistry import composition, molecule, same_formula
from hansei.measuring.science_expressions import NoFormula, check, formula, problem
from hansei.measuring.science_items import Item, shipped
from hansei.measuring.science_units import quantities


@pytest.fixture(scope="module")
def items() -> list[Item]:
    return shipped()


def answered(text: str, finish: str = "stop", error: str | None = None) -> Attempt:
    return Attempt("a", "p", "m", "plain", Sampling(), 0, (), text, finish, error=error)  # type: ignore[arg-type]


# --- the tables -----------------------------------------------------------------------------------------------------


def test_what_the_tables_say_is_computed_is_what_rdkit_computes(items: Sequence[Item]) -> None:
    from rdkit.Chem import AddHs, Descriptors, rdMolDescriptors

    computed = {
        "RDKit MolWt": lambda m: Descriptors.MolWt(m),
        "RDKit CalcNumRings": lambda m: rdMolDescriptors.CalcNumRings(m),
        "RDKit atomic numbers": lambda m: sum(a.GetAtomicNum() for a in AddHs(m).GetAtoms()),
    }
    seen = 0
    for item in items:
        if item.source in computed:
            assert computed[item.source](molecule(str(item.string))) == pytest.approx(item.number, abs=0.006), item
            seen += 1
        if item.task == "residues":
            assert item.number == len(str(item.string))
    assert seen > 100 and {item.domain for item in items} >= {"biology", "materials"}
    assert all(item.source for item in items) and len({item.id for item in items}) == len(items)


def test_the_sequences_of_the_tables_follow_base_pairing_and_the_genetic_code(items: Sequence[Item]) -> None:
    acids = "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG"
    for item in items:
        dna = str(item.string)
        if item.task == "reverse complement":
            assert "".join({"A": "T", "T": "A", "C": "G", "G": "C"}[b] for b in reversed(dna)) == item.answer
        if item.task == "translation":
            codons = [dna[i : i + 3] for i in range(0, len(dna), 3)]
            places = [sum("TCAG".index(b) * 4 ** (2 - i) for i, b in enumerate(codon)) for codon in codons]
            assert "".join(acids[place] for place in places) == item.answer


def test_every_solution_of_the_tables_solves_its_problem_and_one_that_is_a_little_off_does_not(
    items: Sequence[Item],
) -> None:
    tried = [item for item in items if item.kind == "solution"]
    assert len(tried) == 20
    for item in tried:
        asked = problem(item.equation, item.conditions)
        assert check(asked, formula(item.answer)).right, item
        assert not check(asked, formula(f"({item.answer}) + x*x/50")).right, item
        assert not check(asked, formula(f"1.02*({item.answer}) + 0.01")).right, item


# --- what is read ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "unit", "found"),
    [
        ("78.4 °C", "°C", [78.4]),
        ("it is about 351.5 K.", "°C", [78.35]),
        ("173 °F", "°C", [78.333]),
        ("−33.3 degrees Celsius", "°C", [-33.3]),
        ("1,234.5 g/mol", "g/mol", [1234.5]),
        ("0.18 kDa", "g/mol", [180]),
        ("1.12 × 10^2 pm", "Å", [1.12]),
        ("1.12 × 10⁻¹ nm", "Å", [1.12]),
        ("2.7 g/cm³", "g/cm3", [2.7]),
        ("2700 kg m-3", "g/cm3", [2.7]),
        ("13.6eV", "eV", [13.6]),
        ("1312 kJ/mol", "eV", [13.598]),
        ("between 77 and 79-80", None, [77]),
        ("C2H5OH has IC50 and a 2nd ring", None, []),
        ("1/2", None, [0.5]),
        ("1e400 and 1/0", None, []),
        ("42", None, [42]),
    ],
)
def test_numbers_are_read_in_the_unit_that_was_asked_for(text: str, unit: str | None, found: list[float]) -> None:
    assert [q.value for q in quantities(text, unit)] == pytest.approx(found, rel=1e-3)


def test_a_number_in_the_unit_of_another_quantity_is_read_and_wrong(items: Sequence[Item]) -> None:
    item = next(i for i in items if i.task == "boiling point" and i.name == "ethanol")
    assert read(item, "name", answered("Answer: 78.4 eV")).outcome == "wrong"
    assert read(item, "name", answered("Answer: 78.4")).outcome == "right"


def outcome(item: Item, text: str, finish: str = "stop", error: str | None = None) -> str:
    return read(item, "name", answered(text, finish, error)).outcome


def test_right_wrong_refused_unreadable_cut_and_error_are_different_things(items: Sequence[Item]) -> None:
    weight = next(i for i in items if i.task == "molecular weight" and i.name == "aspirin")
    assert outcome(weight, "Let me add 12 and 16.\n**Answer:** 180.2 g/mol") == "right"
    assert outcome(weight, "It weighs 180.16 g/mol, that is 0.18016 kg/mol.") == "right"
    assert outcome(weight, "Answer: 18 g/mol") == "wrong"
    assert outcome(weight, "I can't help with that.") == "refused"
    assert outcome(weight, "I don't know the weight of it.") == "refused"
    assert outcome(weight, "It is 180 or 190 or so.") == "unparsed"
    assert outcome(weight, "First we count the atoms", "length") == "cut"
    assert outcome(weight, "", "error", "HTTP 500") == "error"
    kind = next(i for i in items if i.task == "class" and i.answer == "semiconductor")
    assert outcome(kind, "Answer: Semiconductor.") == "right"
    assert outcome(kind, "It is not a metal but a semiconductor.") == "right"
    assert outcome(kind, "A metal or a semiconductor.") == "unparsed"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Answer: O=C(C)Oc1ccccc1C(O)=O", "right"),
        ("`CC(=O)Oc1ccccc1C(=O)O`", "right"),
        ("```smiles\nCC(=O)Oc1ccccc1C(=O)O\n```", "right"),
        ("CC(=O)Oc1ccccc1C(=O)O", "right"),
        ("Answer: Oc1ccccc1C(=O)O", "wrong"),
        ("Answer: CC(=O)Oc1ccccc1C(=O", "invalid"),
        ("Answer: C(C)(C)(C)(C)C", "invalid"),
        ("Answer: " + "C" * 5000, "invalid"),
        ("Answer: <script>alert(1)</script>", "invalid"),
        ("Answer: \0", "invalid"),
        ("Aspirin is a nice molecule", "unparsed"),
    ],
)
def test_a_smiles_is_right_in_every_spelling_and_what_is_no_molecule_is_invalid(
    items: Sequence[Item], text: str, said: str
) -> None:
    item = next(i for i in items if i.kind == "smiles" and i.name == "aspirin")
    assert outcome(item, text) == said


def test_stereochemistry_counts_and_is_told_apart(items: Sequence[Item]) -> None:
    item = next(i for i in items if i.kind == "smiles" and i.name == "nicotine")
    found = read(item, "name", answered("Answer: CN1CCCC1c1cccnc1"))
    assert (found.outcome, found.flat, found.alike) == ("wrong", True, pytest.approx(1.0))


@pytest.mark.parametrize(
    ("text", "atoms"),
    [
        ("CaMg(CO3)2", {"Ca": 1, "Mg": 1, "C": 2, "O": 6}),
        ("Al₂O₃", {"Al": 2, "O": 3}),
        ("Ca_5(PO_4)_3OH", {"Ca": 5, "P": 3, "O": 13, "H": 1}),
        ("Xx2", None),
        ("(" * 500, None),
        ("H2O)", None),
        ("H0", None),
        ("", None),
    ],
)
def test_a_formula_is_read_as_its_atoms(text: str, atoms: dict[str, float] | None) -> None:
    assert composition(text) == atoms
    assert same_formula("NaAlSi3O8", "O8Si3AlNa") and not same_formula("FeO", "Fe2O3")


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        ("protein", "Answer: Arg-Pro-Pro-Gly-Phe-Ser-Pro-Phe-Arg", "right"),
        ("protein", "Answer: RPPGFSPFR", "right"),
        ("protein", "Answer: RPPGFSPFX1", "invalid"),
        ("protein", "Answer: RPPG", "wrong"),
    ],
)
def test_a_sequence_is_read_in_one_and_in_three_letters(items: Sequence[Item], kind: str, text: str, said: str) -> None:
    item = next(i for i in items if i.kind == kind and i.name == "bradykinin")
    assert outcome(item, text) == said


@pytest.mark.parametrize(
    "text",
    [
        "exp(-pi^2*t)*sin(pi*x)",
        "u(x, t) = e^{-\\pi^2 t} \\sin(\\pi x)",
        "$u = \\frac{1}{1} \\exp(-\\pi^2 t) \\sin(\\pi x)$",
        "sin(pi x) exp(-pi**2 t)",
        "2 sin(pi x) cosh(0) e^(-π^2 t)/2",
    ],
)
def test_a_solution_is_right_in_every_spelling(items: Sequence[Item], text: str) -> None:
    item = next(i for i in items if i.kind == "solution")
    assert outcome(item, f"Answer: {text}") == "right"


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('touch owned')",
        "().__class__.__mro__",
        "[x for x in (1,)]",
        "lambda: 0",
        "x if x else t",
        "'a' * 10**9",
        "sin(x, t)",
        "exp(x=1)",
        "q + 1",
        "True",
        "1j*x",
        "(" * 400 + "x" + ")" * 400,
        "-" * 900 + "x",
        "x" * 2000,
        "\0",
        "",
    ],
)
def test_a_formula_is_never_a_program(items: Sequence[Item], text: str) -> None:
    asked = problem("u_t - u_xx", "u(x,0) = sin(pi*x)")
    with pytest.raises(NoFormula):
        check(asked, formula(text))


@pytest.mark.parametrize("text", ["9**9**9**9", "1/0*x", "log(-x)", "exp(exp(exp(99*x)))", "10^400"])
def test_a_formula_without_a_finite_value_solves_nothing(text: str) -> None:
    try:
        assert not check(problem("u_t - u_xx", ""), formula(text)).right
    except NoFormula:
        assert text == "10^400"  # no float can hold it
