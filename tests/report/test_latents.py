"""The page of latents: offline, searchable, and nothing that a model wrote is ever live."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from hansei.core.errors import BadInput
from hansei.inside.viewing import Effect, Example, Shown, View
from hansei.report.latents import in_script, render_latents, write_latents

from .test_report import HOSTILE, browse, elements


def latent(number: int, word: str, note: str = "") -> Shown:
    example = Example([word, " and", " more"], [2.0, 0.0, 0.5], 3)
    effect = Effect([(word, 1.5)], [(" less", -0.5)], 0.25, 0.01, 4)
    return Shown(number, 0.125, 2.0, 1.25, [0, 3, 1], [example], [example], effect, note)


def page(word: str) -> View:
    shown = [latent(7, word, word), latent(40, " lamp"), Shown(41, 0.0, 0.0, 0.0, [0, 0, 0], [], [], None)]
    return View(word, word, word, word, 64, 4, 1000, 30, 0.125, 0.02, shown)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_changes_no_element_and_comes_back_whole(text: str) -> None:
    def skeleton(html: str) -> list[tuple[str, list[str]]]:
        return [(tag, sorted(attributes)) for tag, attributes in elements(html)]

    html = render_latents(page(text))
    assert skeleton(html) == skeleton(render_latents(page("harmless")))
    [data] = re.findall(r'<script type="application/json" id="data">(.*)</script>\n', html)
    token = json.loads(data)[0]["top"][0]["tokens"][0]
    assert token == text if text.isprintable() and text.isascii() else "U+202E" in token and "\u202e" not in token


def test_json_cannot_end_its_script_element() -> None:
    made = in_script(["</script><!-- <script>", "\u2028 &amp; \ud800"])
    assert not set("<>&") & set(made) and made.isascii()
    assert json.loads(made) == ["</script><!-- <script>", "\u2028 &amp; \ud800"]


def test_the_page_asks_for_nothing_from_outside() -> None:
    html = render_latents(page(" lamp"))
    assert not re.search(r"https?://|@import|url\((?!#)|innerHTML|insertAdjacentHTML|document\.write|eval\(", html)
    [policy] = [a["content"] for tag, a in elements(html) if a.get("http-equiv")]
    assert policy is not None and policy.startswith("default-src 'none'") and "unsafe" not in policy
    assert html == render_latents(page(" lamp"))


def test_in_a_browser_latents_are_drawn_found_and_no_hostile_text_runs(tmp_path: Path) -> None:
    path = write_latents(page(" ".join(HOSTILE)), tmp_path / "latents.html")
    dom = browse(path, tmp_path / "profile")
    assert "Latent 7</h2>" in dom and 'class="on"' in dom and "3 of 3 shown" in dom
    assert "data-pwned" not in dom.replace("dataset.pwned", "")
    drawn = dom.split("<article")[1].split("</article>")[0]
    allowed = {"article", "h2", "h3", "p", "div", "span", "section", "table", "tbody", "tr", "td", "code", "small"}
    assert {tag for tag, _ in elements(f"<article{drawn}</article>")} <= allowed
    assert drawn.count('style="height') == 3 and "Promotes" in drawn and "+0.250 nats" in drawn


def test_in_a_browser_the_search_leaves_the_latents_that_have_the_word(tmp_path: Path) -> None:
    path = write_latents(page(" dynamite"), tmp_path / "latents.html")
    dom = browse(path, tmp_path / "profile", "#find=LAMP")
    assert "1 of 3 shown" in dom and "Latent 40</h2>" in dom
    assert [a["data-latent"] for tag, a in elements(dom.split("<nav>")[1].split("</nav>")[0]) if tag == "li"] == ["40"]


def test_a_page_that_cannot_be_written_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is a folder"):
        write_latents(page("x"), tmp_path)
