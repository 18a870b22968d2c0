"""The report: one file, nothing from outside, nothing that a model said is ever live."""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hansei.core.errors import BadInput
from hansei.core.records import Figure, user
from hansei.report import words
from hansei.report.charts import differences_chart, rates_chart
from hansei.report.html import MOST_PAIRS, MOST_TOLD, render, write_report
from hansei.report.page import Difference, Error, Example, Explained, Lessons, Pair, Row, RunPage, Said, Told

from .example import example

HOSTILE = [
    "<script>document.documentElement.dataset.pwned = 1</script>",
    "</script><script>document.documentElement.dataset.pwned = 1</script>",
    "\"><img src=x onerror=\"document.documentElement.dataset.pwned = 1\">",
    "' onmouseover='document.documentElement.dataset.pwned = 1' x='",
    "</style><script>document.documentElement.dataset.pwned = 1</script>",
    "</title></details><svg onload=\"document.documentElement.dataset.pwned = 1\">",
    '<a href="javascript:document.documentElement.dataset.pwned = 1">click</a>',
    "{{ 7 * 7 }}{% for x in ().__class__.__base__.__subclasses__() %}{{ x }}{% endfor %}",
    "<!-- ]]> --> <![CDATA[ <iframe src=https://example.com></iframe>",
    "safe \u202etxt.exe\u202c \u2066x\u2069 \u200b zero \ufeff \x00 NUL \x1b[31m \U000e0041 \ud800 lone",
]  # fmt: skip


class Tags(HTMLParser):
    """Collects the elements and attributes of a page, and checks that elements close in order."""

    VOID = frozenset({"meta", "input", "path", "use"})

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


def elements(html: str) -> list[tuple[str, dict[str, str | None]]]:
    tags = Tags()
    tags.feed(html)
    tags.close()
    assert tags.open == []
    return tags.elements


def hostile_page(text: str) -> RunPage:
    """A page in which every string is the hostile one."""
    said = Said(text, "fail", "answered", text, 0.5)
    mended = dataclasses.replace(said, outcome="pass")
    figures = {"harmless_rate": Figure(0.5, 0.4, 0.6, 10), text: Figure(1.0, None, None, 3)}
    rows = (Row(text, figures, {text: 1}), Row(text + "2", figures, {text: 2}))
    return RunPage(
        title=text, models={text: text}, rows=rows, compared=(text, text + "2"),
        differences=(Difference("harmless_rate", Figure(0.0, -0.1, 0.1, 10), 0.5),),
        pairs=(Pair(text, user(text, text, text), said, mended, text, {text: text}),),
        mistakes=(Error(user(text), said, text, (Explained(text, text, right=True),), said, text),),
        told=(Told(text, user(text, text), said),),
        lessons=(Lessons(text, 1, (Example(user(text), text, text),)),),
        dropped={text: 1}, counts={text: 1}, settings={text: [text]}, judge=text, judge_version=text, version=text,
    )  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_changes_no_element_of_the_page(text: str) -> None:
    def skeleton(html: str) -> list[tuple[str, list[str]]]:
        return [(tag, sorted(a)) for tag, a in elements(html) if (tag, a.get("class")) != ("span", "unseen")]

    harmless = "harmless" if words.plain(text) == text else "harm  less"  # what a heading shortens is repeated
    assert skeleton(render(hostile_page(text))) == skeleton(render(hostile_page(harmless)))


@given(st.text(st.characters()))
def test_any_text_can_be_shown_and_written(text: str) -> None:
    html = str(words.shown(text))
    html.encode("utf-8")
    assert {(tag, a["class"]) for tag, a in elements(html)} <= {("span", "unseen")}


def test_what_cannot_be_seen_is_made_visible() -> None:
    shown = str(words.shown(HOSTILE[-1]))
    codes = ("202E", "202C", "2066", "2069", "200B", "FEFF", "0000", "001B", "E0041", "D800")
    assert all(f">U+{code}</span>" in shown for code in codes)
    assert not words._UNSEEN.search(shown)
    assert "\u202e" not in words.plain(HOSTILE[-1])


def test_other_scripts_emoji_and_line_breaks_stay_as_they_are() -> None:
    text = "猫 नमस्ते עברית 👩‍🚀 é\n\tnext"
    assert words.shown(text) == text


def test_a_very_long_answer_is_shortened_with_a_note() -> None:
    long = RunPage("t", {}, (), pairs=(
        Pair("p", user("q"), Said("<b>" * 350_000, "fail"), Said("y", "pass")),
    ))  # fmt: skip
    html = render(long)
    assert len(html) < 100_000
    assert f"{1_050_000 - words.LONGEST_TEXT:,} more characters are in the journal" in html


def test_many_pairs_are_counted_and_only_the_first_are_shown() -> None:
    pair = Pair("p", user("q"), Said("x", "fail"), Said("y", "pass"))
    html = render(RunPage("t", {}, (), pairs=(pair,) * (MOST_PAIRS + 7)))
    assert html.count('<details class="item"') == MOST_PAIRS
    assert "7 more are in the journal" in html
    assert f"Of {MOST_PAIRS + 7} held-out prompts" in html


def test_answers_that_stand_alone_are_shown_by_the_judges_word_and_counted() -> None:
    passed, failed = (Told("model", user("q"), Said(text, text)) for text in ("pass", "error"))
    html = render(RunPage("t", {}, (), told=(passed,) * (MOST_TOLD + 7) + (failed,)))
    assert html.count('<details class="item"') == MOST_TOLD + 1 and "7 more are in the journal" in html
    assert html.index('<h3>Errors <span class="n">1<') < html.index(f'<h3>Pass <span class="n">{MOST_TOLD + 7}<')


def test_the_page_asks_for_nothing_from_outside() -> None:
    html = render(example())
    assert not re.search(r"https?://(?!www\.w3\.org/)|@import|url\((?!#)|innerHTML|eval\(", html)
    for tag, attributes in elements(html):
        assert tag not in ("link", "iframe", "img", "object", "embed", "form", "base")
        assert not any(name == "style" or name.startswith("on") for name in attributes)
        for name in ("href", "xlink:href", "src"):
            assert (attributes.get(name) or "#").startswith("#")


def test_the_policy_names_the_only_style_and_script_by_their_hashes() -> None:
    [policy] = [a["content"] for tag, a in elements(render(example())) if a.get("http-equiv")]
    assert policy is not None
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy


def test_every_figure_stands_with_interval_and_n() -> None:
    html = render(example())
    for text in ("93.3%", "87.4 to 96.6, n = 120", "+90 points", "p &lt; 0.001", "no clear change", "not measured"):
        assert text in html


def test_what_was_mended_and_what_got_worse_are_both_counted() -> None:
    page = example()
    html = render(page)
    for change, title in (("mended", "Mended"), ("worsened", "Got worse"), ("still wrong", "Still wrong")):
        number = sum(p.change == change for p in page.pairs)
        assert number > 0
        assert f'<h3>{title} <span class="n">{number}</span>' in html


def test_the_change_stands_beside_the_row_that_it_is_about() -> None:
    page = example()
    html = render(dataclasses.replace(page, rows=(page.rows[0], page.rows[2], page.rows[1])))
    head = re.findall(r'<th scope="col">([^<]*)</th>', html)[:5]
    assert head == ["Measure", "before", "plain SFT", "after", "change"]
    assert "Harmless: 3.3% before, 93.3% after (better)." in html


def test_the_counts_the_overlap_and_the_settings_are_on_the_page() -> None:
    html = render(example())
    for text in ("unscored", "garbled", "truncated", "left out: no good answer", "0 shared runs of 13 words",
                 "learning_rate", "1 min 37 s", "town, version 1"):  # fmt: skip
        assert text in html


def test_an_undecided_pair_is_neither_mended_nor_worse() -> None:
    unscored = Said("x", "unscored")
    assert Pair("p", user("q"), unscored, Said("y", "pass")).change == "undecided"
    assert Pair("p", user("q"), Said("y", "pass"), Said("", "error")).change == "undecided"


def test_a_bare_page_can_be_shown() -> None:
    html = render(RunPage("t", {"before": "m"}, (Row("before", {"harmless_rate": Figure(None, None, None, 0)}),)))
    assert elements(html)
    assert "<figure" not in html


@pytest.mark.parametrize(
    ("metric", "value", "low", "high", "read"),
    [
        ("harmless_rate", 0.5, 0.4, 0.6, "better"), ("harmless_rate", -0.5, -0.6, -0.4, "worse"),
        ("over_refusal", 0.1, 0.05, 0.2, "worse"), ("over_refusal", -0.1, -0.2, -0.05, "better"),
        ("over_refusal", 0.1, 0.0, 0.2, "no clear change"), ("tokens", 5.0, 4.0, 6.0, ""),
        ("harmless_rate", None, None, None, ""),
    ],
)  # fmt: skip
def test_a_change_is_read_by_its_direction_and_interval(
    metric: str, value: float | None, low: float | None, high: float | None, read: str
) -> None:
    assert words.reading(Difference(metric, Figure(value, low, high, 9))) == read


def test_the_charts_draw_each_measured_share_and_say_it_in_words() -> None:
    page = example()
    chart = str(rates_chart(page.rows))
    assert 'aria-label="Shares with 95% intervals. Harmless: before 3.3%, after 93.3%, plain SFT 87.5%' in chart
    assert "style=" not in chart
    assert {f"stroke-series-{i}" in chart for i in range(3)} == {True}
    assert "Tokens" not in chart
    assert "Past-tense attack −38.3 points" in str(differences_chart(page.differences))
    assert rates_chart(()) == differences_chart(()) == ""


def test_the_same_run_gives_the_same_file(tmp_path: Path) -> None:
    paths = [write_report(example(), tmp_path / name) for name in ("a.html", "b.html")]
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_a_report_that_cannot_be_written_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="folder"):
        write_report(example(), tmp_path / "file" / "report.html")


def browse(path: Path, profile: Path, fragment: str = "") -> str:
    """The page, at a fragment of it, as a browser has it after its script ran."""
    browser = next((b for b in ("chromium", "chromium-browser", "google-chrome") if shutil.which(b)), None)
    if browser is None:
        pytest.skip("no Chromium is installed")
    flags = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
        "--disable-component-update --disable-sync --dump-dom"
    )
    command = [browser, *flags.split(), f"--user-data-dir={profile}", path.as_uri() + fragment]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


def test_in_a_browser_the_search_works_and_no_hostile_text_runs(tmp_path: Path) -> None:
    said = Said(" ".join(HOSTILE), "fail", rationale=" ".join(HOSTILE))
    pair = Pair("p", user(" ".join(HOSTILE)), said, dataclasses.replace(said, outcome="pass"))
    page = dataclasses.replace(example(), title=HOSTILE[0] + HOSTILE[5], pairs=(pair,))
    dom = browse(write_report(page, tmp_path / "report.html"), tmp_path / "profile")
    assert '<p class="tools">' in dom  # the script took `hidden` away, so the policy lets it run
    assert "data-pwned" not in dom.replace("dataset.pwned", "")
