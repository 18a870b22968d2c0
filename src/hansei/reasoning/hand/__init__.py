"""Templates whose programs were written by hand: solvers of three public tasks that need no model at all.

Each module is one program as a template holds it: standard library alone, and `solve(slots…)`.
"""
