"""MART goes on while the help holds: which round's target is the result.

Each round refuses more, and in time more than it should. The rule here is a test of non-inferiority on validation
prompts: a round's target keeps the help where the 95% interval of what is left of the start's right answers to safe
requests lies above the share that was asked for. Its lower end decides, not its middle, as a few prompts by chance
all answered right say little about the others. The result is the target of the last round that keeps the help.

An addition of hansei's: the method of the paper ends after a number of rounds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hansei.core.errors import BadInput
from hansei.core.records import Figure, Prompt
from hansei.core.statistics import ratio_of_means
from hansei.steps.measure import cluster

LEAST = 10
"""Fewest safe validation prompts that the rule is applied to."""


def watched(validation: Sequence[Prompt], keep_helpful: float | None) -> list[Prompt]:
    """The prompts that the rule looks at: those to be answered; none without the rule. Raises BadInput at too few."""
    if keep_helpful is None:
        return []
    safe = [p for p in validation if p.expected == "answer" and p.tags.get("kind") != "alarming"]
    if len(safe) < LEAST:
        raise BadInput(
            f"keep_helpful: at least {LEAST} validation prompts that expect an answer are needed to see whether the "
            f"help holds, found {len(safe)}: give more, or leave keep_helpful out"
        )
    return safe


def help_left(start: Mapping[str, float | None], now: Mapping[str, float | None], prompts: Sequence[Prompt]) -> Figure:
    """What is left of the start's help: a ratio over the prompts that were judged both times, paired.

    `start`, `now`: 1 where the answer is right, by prompt id; None where nobody can say.
    """
    both = [p for p in prompts if start[p.id] is not None and now[p.id] is not None]
    before, after = ([[values[p.id] for p in both]] for values in (start, now))
    return ratio_of_means(before, after, [cluster(p) for p in both])


def last_kept(left: Sequence[Figure], keep_helpful: float) -> int:
    """The number of the last round that keeps the help, from what is left after rounds 1, 2 …; 0 where none does."""
    kept = [number for number, figure in enumerate(left, 1) if figure.low is not None and figure.low >= keep_helpful]
    return max(kept, default=0)
