"""Charts by matplotlib in one house style: SVG that holds no date and no chance, so that it can be committed.

matplotlib is imported only when something is drawn.
"""

from __future__ import annotations

import io
import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hansei.core.files import write_atomic

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ("#0b5fa5", "#b3560b", "#177a4b", "#8a2f7d", "#555555", "#c2a200", "#00857c", "#a3123a", "#000000")
"""One a series; told apart by the colour-blind too."""
MARKS = "osD^vP*X<"
"""One a series, so that a chart can be read without its colours."""
GRID = "#dddddd"
_NO_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
STYLE = {
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.5,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "svg.fonttype": "none",
}


def canvas(rows: int = 1, columns: int = 1, *, width: float = 6.4, height: float = 3.6, **more: Any) -> tuple[Any, Any]:
    """A figure and its axes in the house style, sizes in inches; `more` goes to matplotlib's `subplots`.

    One axis comes alone, several as an array. No window and no global state: nothing is left open.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        return figure, figure.subplots(rows, columns, **more)


def svg(figure: Figure) -> str:
    """The figure as SVG text, the same for the same figure. Names in it are names: `$` begins no formula."""
    from matplotlib import rc_context
    from matplotlib.text import Text

    logarithmic = [axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis) if axis.get_scale() == "log"]
    formulas = {text for axis in logarithmic for text in axis.findobj(Text)}  # 10 to the power of 3
    for text in figure.findobj(Text):
        if text not in formulas:
            text.set_parse_math(False)
    buffer = io.StringIO()
    style = STYLE | {"svg.hashsalt": "hansei", "text.parse_math": bool(logarithmic)}
    with rc_context(style), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # the words stay words: the viewer has fonts
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return well_formed("\n".join(line.rstrip() for line in buffer.getvalue().split("\n")))


def well_formed(xml: str) -> str:
    """The text with U+FFFD for each character that XML can't hold, such as an escape in a name."""
    return _NO_XML.sub("\ufffd", xml)


def save(figure: Figure, path: str | Path) -> str:
    """Writes the figure as SVG to `path`, whole or not at all, and returns the path as text."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, svg(figure))
    return str(path)
