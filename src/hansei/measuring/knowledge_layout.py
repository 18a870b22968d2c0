"""Where everything of a knowledge map stands: a two-sided tree whose rows never touch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hansei.measuring.knowledge_data import Node

CENTRE = 250.0
"""Width of the middle, where the overall figures stand."""
FIRST, BRANCH, LAST = 330.0, 290.0, 80.0
"""Width of the fields' branches, of the levels under them, and of the lines to the leaves."""
TURN = 0.42
"""Share of a branch in which it turns; the rest is level, and its label stands there, where no branch crosses."""
LEAF = 340.0
"""Width of a leaf's row: bar, label and number of questions."""
ROW = 17.0
"""Least height of a leaf's row: its label is 10 units high, and so is a chapter's."""
SUBBAR = 5.0
"""Height of each model's bar where there are several."""
FIELD = 62.0
"""Least height of a field: its label and its glyphs stand one above the other."""
BETWEEN = 14.0
"""Space between two fields."""
TOP = 86.0
"""Room for the title."""


@dataclass(frozen=True, slots=True)
class Place:
    """A node of the tree on the sheet; units are those of the SVG."""

    node: Node
    """What stands here."""
    path: tuple[str, ...]
    """Names from the field down to the node."""
    depth: int
    """1 for a field, 2 for a chapter …"""
    side: int
    """1 to the right of the middle, -1 to the left."""
    field: int
    """Number of its field, which chooses its hue."""
    start: tuple[float, float]
    """Where its branch leaves the parent."""
    end: tuple[float, float]
    """Where its branch ends: x of the last column in the case of a leaf."""
    leaf: bool
    """Whether it has no sub-fields."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """The whole map."""

    width: float
    height: float
    middle: tuple[float, float]
    places: Sequence[Place]


def pruned(node: Node, keep: frozenset[str]) -> Node | None:
    """The tree without the fields that hold none of the questions `keep`; None where nothing is left."""
    if not node.children:
        return node if keep & set(node.questions) else None
    children = tuple(c for c in (pruned(child, keep) for child in node.children) if c is not None)
    return Node(node.name, children) if children else None


def layout(tree: Node, models: int, footer: float) -> Sheet:
    """Places the fields of `tree` in two halves of about as many rows, each row as high as `models` bars need."""
    row = max(ROW, models * SUBBAR + 6)
    depth = max(1, _depth(tree))
    halves = _halves(tree.children or (tree,), row)
    tall = max(sum(_height(f, row) + BETWEEN for _, f in half) for half in halves)
    tall = max(tall, 430.0)
    half_width = _reach(depth, depth) + LEAF
    middle = (half_width, TOP + tall / 2)
    places: list[Place] = []
    for side, half in zip((1, -1), halves, strict=True):
        y = TOP + (tall - sum(_height(f, row) + BETWEEN for _, f in half)) / 2
        for number, child in half:
            grower = _Grower(side, number, middle, depth, row)
            places.extend(grower.grow(child, (child.name,), 1, y, grower.edge(0), middle[1]))
            y += _height(child, row) + BETWEEN
    return Sheet(2 * half_width, TOP + tall + footer, middle, places)


def _reach(depth: int, deepest: int) -> float:
    """How far from the middle the branches of a depth end."""
    if depth == 0:
        return CENTRE / 2
    return CENTRE / 2 + FIRST + (depth - 1) * BRANCH if depth < deepest else _reach(depth - 1, deepest) + LAST


def _depth(node: Node) -> int:
    return 1 + max(map(_depth, node.children)) if node.children else 0


def _height(node: Node, row: float, depth: int = 1) -> float:
    own = sum(_height(c, row, depth + 1) for c in node.children) if node.children else row
    return max(own, FIELD) if depth == 1 else own


def _halves(fields: Sequence[Node], row: float) -> tuple[list[tuple[int, Node]], list[tuple[int, Node]]]:
    """Fields in their order, first the right half, then the left one, cut where the halves differ least."""
    numbered = list(enumerate(fields))
    heights = [_height(f, row) for f in fields]
    cut = min(range(len(fields) + 1), key=lambda i: abs(sum(heights[:i]) - sum(heights[i:])))
    return numbered[:cut], numbered[cut:]


@dataclass(frozen=True, slots=True)
class _Grower:
    side: int
    field: int
    middle: tuple[float, float]
    depth: int
    row: float

    def edge(self, depth: int) -> float:
        """x where the branches of a depth end; the last one is where all leaves' bars begin."""
        return self.middle[0] + self.side * _reach(depth, self.depth)

    def grow(self, node: Node, path: tuple[str, ...], depth: int, top: float, x: float, y: float) -> Iterator[Place]:
        height = _height(node, self.row, depth)
        own = top + height / 2
        end = self.edge(self.depth if not node.children else depth)
        yield Place(node, path, depth, self.side, self.field, (x, y), (end, own), not node.children)
        inner = top + (height - sum(_height(c, self.row, depth + 1) for c in node.children)) / 2
        for child in node.children:
            yield from self.grow(child, (*path, child.name), depth + 1, inner, end, own)
            inner += _height(child, self.row, depth + 1)
