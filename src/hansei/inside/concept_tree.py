"""Hierarchies of concepts: from the user's tree to sets of tokens, and what is left of it for a vocabulary."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hansei.core.errors import BadInput


@dataclass(frozen=True)
class Concept:
    """A concept of a hierarchy, before any vocabulary."""

    words: tuple[str, ...]
    """Its own words; those of the concepts below it are its words too."""
    parents: tuple[str, ...] = ()
    """The concepts right above it."""


Hierarchy = Mapping[str, Concept]


@dataclass(frozen=True)
class Kept:
    """The concepts that are left for a vocabulary: K concepts over N tokens."""

    names: tuple[str, ...]
    """The K concepts, each after those above it, a branch at a time."""
    tokens: tuple[int, ...]
    """The N tokens, concept by concept, so that those of a branch stand together."""
    members: tuple[tuple[int, ...], ...]
    """Of each concept, the places of its tokens in `tokens`."""
    parents: tuple[tuple[int, ...], ...]
    """Of each concept, the nearest ones above it."""
    counts: tuple[tuple[str, int, int], ...] = ()
    """How many concepts and words are left after each step."""


def keep(
    hierarchy: Hierarchy,
    tokens_of: Mapping[str, Sequence[int]],
    *,
    least: int,
    merge_below: int = 0,
    limit: int | None = None,
) -> Kept:
    """The concepts with `least` or more tokens, each under the nearest such above it.

    `tokens_of` says which tokens a word has (several, where its plural and the like count; none where it is no single
    token). Where `merge_below` is more than 0, a concept that has nearly all tokens of the one above it (less than so
    many missing), or is its only one, is merged into it, as upstream does for WordNet. `limit` keeps the largest.
    Raises BadInput where fewer than two concepts are left, or the hierarchy goes round in a circle.
    """
    order = _from_the_top(hierarchy)
    sets: dict[str, set[int]] = {name: set() for name in order}
    for name in reversed(order):
        for word in hierarchy[name].words:
            sets[name].update(tokens_of.get(word, ()))
        for parent in hierarchy[name].parents:
            sets[parent] |= sets[name]
    some = [name for name in order if sets[name]]
    counts = [("in the hierarchy", len(order), len({w for c in hierarchy.values() for w in c.words}))]
    counts.append(("with a single-token word", len(some), len(set().union(*sets.values())) if sets else 0))
    kept = [name for name in order if len(sets[name]) >= least]
    counts.append((f"with {least} or more", len(kept), len(set().union(*(sets[name] for name in kept)))))
    parents = _nearest(hierarchy, order, set(kept))
    if merge_below:
        parents = _merged(parents, sets, merge_below)
        counts.append(("after merging", len(parents), len(set().union(*(sets[name] for name in parents)))))
    if limit is not None and limit < len(parents):
        largest = set(sorted(parents, key=lambda name: -len(sets[name]))[:limit])
        parents = _nearest({n: Concept((), p) for n, p in parents.items()}, list(parents), largest)
        counts.append((f"the {limit} largest", len(parents), len(set().union(*(sets[name] for name in parents)))))
    if len(parents) < 2:
        raise BadInput(
            f"two concepts with {least} or more single-token words were expected, found {len(parents)} of {len(order)} "
            f"({counts[1][2]} such words in all): lower --min-words, or take a model with a larger vocabulary"
        )
    return _placed(parents, sets, tuple(counts))


def _from_the_top(hierarchy: Hierarchy) -> list[str]:
    """All concepts, each after the ones above it."""
    children: dict[str, list[str]] = {name: [] for name in hierarchy}
    waiting = {name: len(concept.parents) for name, concept in hierarchy.items()}
    for name, concept in hierarchy.items():
        for parent in concept.parents:
            children[parent].append(name)
    ready, order = [name for name, count in waiting.items() if not count], []
    while ready:
        order.append(ready.pop())
        for child in children[order[-1]]:
            waiting[child] -= 1
            if not waiting[child]:
                ready.append(child)
    if len(order) < len(hierarchy):
        circle = next(name for name, count in waiting.items() if count)
        raise BadInput(f"the hierarchy goes round in a circle at {circle!r}: a concept can't be above itself")
    return order


def _nearest(hierarchy: Hierarchy, order: Sequence[str], kept: set[str]) -> dict[str, tuple[str, ...]]:
    """Of each kept concept the nearest kept ones above it; none that is above another of them."""
    nearest: dict[str, frozenset[str]] = {}  # of any concept: itself where kept, else the nearest above
    above: dict[str, frozenset[str]] = {}  # of a kept concept: all kept ones above
    found = {}
    for name in order:
        reached = frozenset().union(*(nearest[parent] for parent in hierarchy[name].parents))
        reached -= frozenset().union(*(above[one] for one in reached))
        nearest[name] = reached
        if name in kept:
            found[name] = tuple(sorted(reached, key=order.index)) if len(reached) > 1 else tuple(reached)
            above[name] = reached.union(*(above[one] for one in reached))
            nearest[name] = frozenset((name,))
    return found


def _merged(
    parents: Mapping[str, tuple[str, ...]], sets: Mapping[str, set[int]], below: int
) -> dict[str, tuple[str, ...]]:
    """The same without concepts that say hardly more than the one above them; their children move up."""
    left = {name: list(above) for name, above in parents.items()}
    children: dict[str, list[str]] = {name: [] for name in left}
    for name, above in left.items():
        for parent in above:
            children[parent].append(name)
    changed = True
    while changed:
        changed = False
        for name in list(left):
            above = left[name]
            same = any(len(sets[parent]) - len(sets[name]) < below for parent in above)
            if not same and not (len(above) == 1 and len(children[above[0]]) == 1):
                continue
            changed = True
            for parent in above:
                children[parent].remove(name)
            for child in children.pop(name):
                added = [parent for parent in above if parent not in left[child]]
                left[child] = [parent for parent in left[child] if parent != name] + added
                for parent in added:
                    children[parent].append(child)
            del left[name]
    return {name: tuple(above) for name, above in left.items()}


def _placed(parents: Mapping[str, tuple[str, ...]], sets: Mapping[str, set[int]], counts: tuple[Any, ...]) -> Kept:
    """The kept concepts and their tokens in the order of a walk through the tree."""
    children: dict[str, list[str]] = {name: [] for name in parents}
    for name, above in parents.items():
        if above:
            children[above[0]].append(name)
    names: list[str] = []
    ahead = [name for name, above in reversed(list(parents.items())) if not above]
    while ahead:
        names.append(ahead.pop())
        ahead += sorted(children[names[-1]], key=lambda name: (len(sets[name]), name))
    places: dict[int, int] = {}
    for name in reversed(names):  # the walk backwards ends each branch with its head, so its tokens stand together
        for token in sorted(sets[name]):
            places.setdefault(token, len(places))
    number = {name: n for n, name in enumerate(names)}
    return Kept(
        tuple(names),
        tuple(places),
        tuple(tuple(sorted(places[token] for token in sets[name])) for name in names),
        tuple(tuple(number[parent] for parent in parents[name]) for name in names),
        counts,
    )


def read_tree(path: str | Path) -> Hierarchy:
    """The user's own tree: nested tables in JSON or TOML, or indented text.

    JSON and TOML: a concept holds concepts (a table) or words (a list). Text: a line under which others are indented is
    a concept, any other a word. A name of a concept is no word of it unless it stands among its words. Raises BadInput
    with the place at whatever is no such tree.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".json":
            tree: Any = json.loads(text, object_pairs_hook=_no_twice)
        elif path.suffix == ".toml":
            tree = tomllib.loads(text)
        else:
            return _of_lines(path, text)
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: a tree of concepts was expected, found a file that can't be read: {error}") from error
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path}: a tree of concepts was expected, found a broken file: {error}") from error
    found: dict[str, Concept] = {}
    if not isinstance(tree, dict) or not tree:
        raise BadInput(f"{path}: a table of concepts was expected, found {type(tree).__name__}")
    _of_tables(path, tree, (), found)
    return found


def _no_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise ValueError(f"the name {next(n for n in names if names.count(n) > 1)!r} stands in one table twice")
    return dict(pairs)


def _of_tables(path: Path, tree: Mapping[str, Any], parents: tuple[str, ...], found: dict[str, Concept]) -> None:
    for name, below in tree.items():
        if name in found:
            raise BadInput(f"{path}: the concept {name!r} stands in the tree twice: give each a name of its own")
        if isinstance(below, dict) and below:
            found[name] = Concept((), parents)
            _of_tables(path, below, (name,), found)
        elif isinstance(below, list) and below and all(isinstance(word, str) and word.strip() for word in below):
            found[name] = Concept(tuple(dict.fromkeys(word.strip() for word in below)), parents)
        else:
            raise BadInput(f"{path}: concepts or a list of words were expected in {name!r}, found {below!r:.60}")


def _of_lines(path: Path, text: str) -> Hierarchy:
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    depths = [len(line) - len(line.lstrip(" \t")) for _, line in lines]
    words: dict[str, list[str]] = {}
    parents: dict[str, tuple[str, ...]] = {}
    above: list[tuple[int, str]] = []
    for place, (number, line) in enumerate(lines):
        name, depth = line.strip(), depths[place]
        while above and above[-1][0] >= depth:
            above.pop()
        if place + 1 < len(lines) and depths[place + 1] > depth:
            if name in parents:
                raise BadInput(f"{path}, line {number}: the concept {name!r} stands in the tree twice: rename one")
            parents[name], words[name] = ((above[-1][1],) if above else ()), []
            above.append((depth, name))
        elif above:
            words[above[-1][1]].append(name)
        else:
            raise BadInput(f"{path}, line {number}: a concept with indented words below was expected, found {name!r}")
    if not parents:
        raise BadInput(f"{path}: a tree of concepts was expected, found an empty file")
    return {name: Concept(tuple(dict.fromkeys(words[name])), above_) for name, above_ in parents.items()}
