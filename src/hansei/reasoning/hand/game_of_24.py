"""Game of 24: an expression of four numbers, each used once, that comes to 24."""

from fractions import Fraction
from itertools import permutations


def solve(numbers):
    """The first expression that is found; empty where there is none."""
    return _search([(Fraction(number), str(number)) for number in numbers])


def _search(parts):
    if len(parts) == 1:
        return parts[0][1] if parts[0][0] == 24 else ""
    for i, j in permutations(range(len(parts)), 2):
        (a, x), (b, y) = parts[i], parts[j]
        rest = [part for n, part in enumerate(parts) if n not in (i, j)]
        made = [(a + b, "+"), (a - b, "-"), (a * b, "*")] + ([(a / b, "/")] if b else [])
        for value, sign in made:
            found = _search([*rest, (value, f"({x} {sign} {y})")])
            if found:
                return found
    return ""
