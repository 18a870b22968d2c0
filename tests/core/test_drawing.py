"""Charts: whatever names are drawn, the file is well-formed and says them as they are."""

from xml.dom import minidom

import pytest

from hansei.core import drawing

NAMES = ["<script>alert(1)</script>", r"$\nosuch$", "cost $5 and $6_x", "red \x1b[31m \x85", "鬼"]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_drawn_as_it_is(name: str) -> None:
    figure, axis = drawing.canvas()
    axis.barh([name], [1.0], label=f"{name}, too")
    axis.set_title(name)
    axis.legend()
    made = drawing.svg(figure)
    said = "".join(text.firstChild.data for text in minidom.parseString(made).getElementsByTagName("text"))  # noqa: S318 (our own)
    shown = name.replace("\x1b", "\ufffd")
    assert said.count(shown) == 3 and "<script" not in made
    assert drawing.svg(figure) == made


def test_a_logarithmic_axis_still_has_powers_of_ten() -> None:
    figure, axis = drawing.canvas()
    axis.plot([1, 1000], [1, 2], label="cost $5 and $6")
    axis.set_xscale("log")
    axis.legend()
    made = drawing.svg(figure)
    assert ">$" not in made and "cost $5 and $6" in made
