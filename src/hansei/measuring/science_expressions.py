"""Formulas as text, evaluated without running them; and whether one solves a differential equation.

Text is parsed by Python's own grammar, and only numbers, names, + - * / ** and a few functions are allowed, with a
bound on length and depth: a model's answer is data, never a program. Derivatives are taken by central differences of
fourth order, so that any formula that can be evaluated can be checked, whatever its form.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{name: getattr(np, name) for name in ("sin", "cos", "tan", "exp", "log", "sqrt", "sinh", "cosh", "tanh", "abs")},
    "ln": np.log,
    "sech": lambda z: 1 / np.cosh(z),
}
CONSTANTS = {"pi": np.pi, "e": np.e}
VARIABLES = ("x", "y", "z", "t")
LONGEST = 1000
STEP = {1: 2e-3, 2: 5e-3, 3: 2e-2, 4: 4e-2}
"""Width of the differences by order of the derivative: wider where rounding counts for more."""
_CENTRAL = {
    1: ((-2, 1 / 12), (-1, -2 / 3), (1, 2 / 3), (2, -1 / 12)),
    2: ((-2, -1 / 12), (-1, 4 / 3), (0, -5 / 2), (1, 4 / 3), (2, -1 / 12)),
    3: ((-3, 1 / 8), (-2, -1), (-1, 13 / 8), (1, -13 / 8), (2, 1), (3, -1 / 8)),
    4: ((-3, -1 / 6), (-2, 2), (-1, -13 / 2), (0, 28 / 3), (1, -13 / 2), (2, 2), (3, -1 / 6)),
}
"""Weights of the differences of fourth order (Fornberg 1988, table 1)."""
TOLERANCE = 1e-4
"""Largest residual, as a share of the equation's largest term."""
POINTS = 5
"""Points an axis at which an equation is checked, inside (0, 1)."""


class NoFormula(ValueError):
    """Text that is no formula of the kind that is allowed."""


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula that can be evaluated at numbers or arrays."""

    tree: ast.expr
    names: frozenset[str]
    """Variables and unknowns in it."""

    def __call__(self, values: Mapping[str, Any]) -> Any:
        """Its value. Raises NoFormula at a name that has none."""
        with np.errstate(all="ignore"):
            return _evaluate(self.tree, {**CONSTANTS, **values})


def formula(text: str) -> Formula:
    """The formula in a text. `^` is a power, `2x`, `2 pi x` and `sin(x) y` are products, LaTeX's \\frac a fraction.

    Raises NoFormula.
    """
    if len(text) > LONGEST:
        raise NoFormula(f"longer than {LONGEST} characters")
    text = _plain(text)
    try:
        tree = ast.parse(text, mode="eval").body
        names = frozenset(_names(tree))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise NoFormula(f"{text[:60]!r} is no formula") from error
    return Formula(tree, names)


def _plain(text: str) -> str:
    """The text in Python's grammar."""
    text = text.strip().strip("$`. ").replace("−", "-").replace("·", "*").replace("×", "*").replace("π", "pi ")
    text = text.replace("\\left", "").replace("\\right", "").replace("\\cdot", "*").replace("\\,", " ")
    for _ in range(4):
        text = re.sub(r"\\frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}", r"((\1)/(\2))", text)
        text = re.sub(r"\\sqrt\s*\{([^{}]*)\}", r"sqrt(\1)", text)
        text = re.sub(r"\^\s*\{([^{}]*)\}", r"^(\1)", text)
    text = text.replace("\\", "").replace("{", "(").replace("}", ")").replace("²", "^2").replace("³", "^3")
    functions = "|".join(FUNCTIONS)
    # sin^2(x) is (sin(x))^2: only with a plain argument, as deeper ones can't be told by a pattern.
    text = re.sub(rf"\b({functions})\s*\^\s*(\d)\s*\(([^()]*)\)", r"(\1(\3))^\2", text)
    text = text.replace("^", "**")
    text = re.sub(r"(?<![\w.])(\d+(?:\.\d+)?|\.\d+)\s*(?=[A-Za-z(])(?![eE][-+]?\d)", r"\1*", text)
    text = re.sub(r"\)\s*(?=[\w(])", r")*", text)
    text = re.sub(rf"\b(?!(?:{functions})\b)([A-Za-z_]\w*)\s+(?=[A-Za-z_(])", r"\1*", text)
    return re.sub(rf"\b({'|'.join((*CONSTANTS, *VARIABLES))})\(", r"\1*(", text)


def _names(node: ast.AST, depth: int = 0) -> list[str]:
    """The names in a tree. Raises NoFormula at whatever is not allowed."""
    if depth > 100:
        raise NoFormula("nested too deeply")
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        return []
    if isinstance(node, ast.Name):
        return [node.id] if node.id not in CONSTANTS else []
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.UAdd | ast.USub):
        return _names(node.operand, depth + 1)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub | ast.Mult | ast.Div | ast.Pow):
        return _names(node.left, depth + 1) + _names(node.right, depth + 1)
    call = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS
    if isinstance(node, ast.Call) and call and len(node.args) == 1 and not node.keywords:
        return _names(node.args[0], depth + 1)
    raise NoFormula(f"{type(node).__name__} is not allowed in a formula")


def _evaluate(node: ast.expr, values: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.Constant):
        try:
            return np.float64(node.value)  # type: ignore[arg-type]
        except OverflowError as error:
            raise NoFormula("a number that is too large") from error
    if isinstance(node, ast.Name):
        if node.id not in values:
            raise NoFormula(f"the unknown name {node.id!r}")
        return values[node.id]
    if isinstance(node, ast.UnaryOp):
        inner = _evaluate(node.operand, values)
        return -inner if isinstance(node.op, ast.USub) else inner
    if isinstance(node, ast.Call):
        return FUNCTIONS[node.func.id](_evaluate(node.args[0], values))  # type: ignore[attr-defined]
    assert isinstance(node, ast.BinOp)  # noqa: S101  # the only kind left, as `_names` has seen the tree
    left, right = _evaluate(node.left, values), _evaluate(node.right, values)
    operations = {ast.Add: np.add, ast.Sub: np.subtract, ast.Mult: np.multiply, ast.Div: np.divide, ast.Pow: np.power}
    return operations[type(node.op)](left, right)  # type: ignore[index]


@dataclass(frozen=True, slots=True)
class Condition:
    """`u_x(0, t) = g`: the value of the unknown, or of a derivative, where some variables are fixed."""

    derivative: str
    """Such as `x` or `tt`; empty for the unknown itself."""
    places: tuple[str, ...]
    """The arguments in the order of the variables: a number, or the variable's own name."""
    value: Formula


@dataclass(frozen=True, slots=True)
class Problem:
    """A differential equation `left = 0` for u, with conditions; variables run over (0, 1)."""

    left: Formula
    conditions: tuple[Condition, ...]
    variables: tuple[str, ...]


def problem(equation: str, conditions: str) -> Problem:
    """The problem in the words of a table: `u_t - u_xx`, and `u(x,0) = sin(pi*x); u(0,t) = 0`. Raises NoFormula."""
    left = formula(equation)
    letters = {letter for name in left.names if name.startswith("u_") for letter in name[2:]}
    letters |= {name for name in left.names if name in VARIABLES}
    variables = tuple(v for v in VARIABLES if v in letters)
    unknown = {n for n in left.names if n not in variables and not re.fullmatch(r"u|u_[xyzt]{1,4}", n)}
    if unknown or not variables:
        raise NoFormula(f"an equation in u, u_x, u_tt … and x, y, z, t was expected, found {equation!r}")
    found = []
    for part in filter(None, (part.strip() for part in conditions.split(";"))):
        match = re.fullmatch(r"u(?:_(?P<d>[xyzt]{1,4}))?\((?P<at>[^()]*)\)\s*=\s*(?P<value>.+)", part)
        places = tuple(p.strip() for p in match["at"].split(",")) if match else ()
        if match is None or len(places) != len(variables) or not all(map(_place, places, variables)):
            raise NoFormula(f"a condition such as u({', '.join(variables)}) = … was expected, found {part!r}")
        found.append(Condition(match["d"] or "", places, formula(match["value"])))
    return Problem(left, tuple(found), variables)


def _place(text: str, variable: str) -> bool:
    return text == variable or re.fullmatch(r"-?\d+(\.\d+)?", text) is not None


@dataclass(frozen=True, slots=True)
class Checked:
    """What holds of a proposed solution."""

    equation: bool
    conditions: bool

    @property
    def right(self) -> bool:
        """Whether it solves the problem."""
        return self.equation and self.conditions


def check(asked: Problem, solution: Formula) -> Checked:
    """Whether a formula satisfies the equation and the conditions, numerically, at points inside (0, 1).

    Raises NoFormula where it has names that are no variables of the problem.
    """
    strange = solution.names - set(asked.variables)
    if strange:
        raise NoFormula(f"the unknown name {min(strange)!r}")
    with np.errstate(all="ignore"):
        return _checked(asked, solution, np.linspace(0, 1, POINTS + 2)[1:-1])


def _checked(asked: Problem, solution: Formula, axis: Array) -> Checked:
    grid = dict(zip(asked.variables, map(np.ravel, np.meshgrid(*[axis] * len(asked.variables))), strict=True))
    values = dict(grid)
    for name in asked.left.names - set(asked.variables):
        values[name] = _derivative(solution, grid, name.removeprefix("u").removeprefix("_"))
    residual = np.broadcast_to(np.asarray(asked.left(values), dtype=float), axis.size ** len(asked.variables))
    scale = 1.0 + max((float(np.max(np.abs(v))) for n, v in values.items() if n not in grid), default=0.0)
    holds = bool(np.isfinite(residual).all() and np.abs(residual).max() <= TOLERANCE * scale)
    return Checked(holds, all(_holds(condition, asked, solution, axis) for condition in asked.conditions))


def _holds(condition: Condition, asked: Problem, solution: Formula, axis: Array) -> bool:
    free = [v for v, place in zip(asked.variables, condition.places, strict=True) if place == v]
    points = dict(zip(free, map(np.ravel, np.meshgrid(*[axis] * len(free))), strict=True)) if free else {}
    size = next(iter(points.values())).size if points else 1
    at = {v: points[v] if v in points else np.full(size, float(p)) for v, p in _fixed(asked.variables, condition)}
    wanted = np.broadcast_to(np.asarray(condition.value(at), dtype=float), size)
    found = np.broadcast_to(np.asarray(_derivative(solution, at, condition.derivative), dtype=float), size)
    gap = np.abs(found - wanted)
    return bool(np.isfinite(gap).all() and gap.max() <= TOLERANCE * (1.0 + np.abs(wanted).max()))


def _fixed(variables: Sequence[str], condition: Condition) -> list[tuple[str, str]]:
    return [(v, "0" if p == v else p) for v, p in zip(variables, condition.places, strict=True)]


def _derivative(solution: Formula, at: Mapping[str, Array], letters: str) -> Any:
    """A derivative such as `xx` or `xxt` at the points, by central differences in each of its variables."""
    orders = {letter: letters.count(letter) for letter in dict.fromkeys(letters)}
    total: Any = 0.0
    width = STEP[max(len(letters), 1)]
    for chosen in itertools.product(*(_CENTRAL[order] for order in orders.values())):
        moved, weight = dict(at), 1.0
        for letter, (steps, factor) in zip(orders, chosen, strict=True):
            moved[letter] = moved[letter] + steps * width
            weight *= factor
        total = total + weight * solution(moved)
    return total / width ** len(letters)
