"""The buffer and its manager, against twenty obvious lines; and its file."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hansei.core.errors import BadInput
from hansei.reasoning.similarity import by_words, similarity
from hansei.reasoning.templates import Buffer, Template, leaked, load, parse, parts

TASKS = ["have, find, how many", "have, give, how many", "have, find, give, how many", "sort the words", "sort", ""]


def template(task: str, **more: object) -> Template:
    return Template(task=task, slots="a had", steps="a", sources=(f"Q of {task}",), **more)  # type: ignore[arg-type]


def obvious(tasks: list[str], delta: float) -> list[str]:
    """The update rule in its obvious form (equation 4): in, if the buffer is empty or nothing in it is similar."""
    kept: list[str] = []
    for task in tasks:
        words = ["", *re.findall(r"\w+", task.lower()), ""]
        mine = Counter(words[1:-1] + [f"{a} {b}" for a, b in pairwise(words)])
        similar = False
        for other in kept:
            words = ["", *re.findall(r"\w+", other.lower()), ""]
            theirs = Counter(words[1:-1] + [f"{a} {b}" for a, b in pairwise(words)])
            dot = sum(mine[key] * theirs[key] for key in mine)
            length = math.sqrt(sum(n * n for n in mine.values())) * math.sqrt(sum(n * n for n in theirs.values()))
            if length and dot / length >= delta - 1e-12:
                similar = True
        if not similar:
            kept.append(task)
    return kept


@given(st.lists(st.sampled_from(TASKS), max_size=12), st.floats(0.05, 0.97))
def test_the_manager_lets_in_what_the_obvious_rule_does(tasks: list[str], delta: float) -> None:
    buffer = Buffer(delta, by_words)
    for task in tasks:
        buffer.update(template(task))
    assert [kept.task for kept in buffer.templates] == obvious(tasks, delta)
    assert len(buffer.templates) + len(buffer.declined) == len(tasks)
    assert all("similar" in refused["reason"] for refused in buffer.declined)


def test_the_most_similar_template_is_found_if_it_is_similar_enough() -> None:
    buffer = Buffer(0.6, by_words, [template(task) for task in TASKS[:4]])
    found, score = buffer.find("have, find, how many")
    assert found is buffer.templates[0] and math.isclose(score, 1.0)
    assert buffer.find("have, share, times, use, left")[0] is None
    assert Buffer(0.6, by_words).find("anything") == (None, 0.0)
    assert buffer.find("")[0] is None


def test_the_order_of_words_counts() -> None:
    (same, turned) = by_words("have, find, give", ["have, find, give", "have, give, find"])
    assert math.isclose(same, 1.0) and 0.5 < turned < 0.9


def test_the_file_is_readable_and_comes_back_as_it_was(tmp_path: Path) -> None:
    buffer = Buffer(0.7, by_words)
    buffer.update(template("sort the words", program="def solve(a): return a", made_by="f" * 32))
    buffer.update(template("sort the words"))
    buffer.save(tmp_path / "b.json")
    back = load(tmp_path / "b.json", by_words)
    assert back.templates == buffer.templates and back.threshold == 0.7 and back.declined == buffer.declined
    assert load(tmp_path / "b.json", by_words, 0.5).threshold == 0.5
    whole = json.loads((tmp_path / "b.json").read_text())
    assert whole["templates"][0]["sources"] == ["Q of sort the words"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "format"),
        ("{", "JSON"),
        ('{"format": "hansei thought templates 1", "templates": [3]}', "template 1"),
        ('{"format": "hansei thought templates 1", "templates": [{"task": "a"}]}', "slots"),
        ('{"format": "hansei thought templates 1", "templates": [{"task": "a", "evil": 1}]}', "evil"),
        ('{"format": "other", "templates": []}', "format"),
    ],
)
def test_a_file_that_is_no_buffer_is_refused_with_its_fault(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "b.json").write_text(text)
    with pytest.raises(BadInput, match=said):
        load(tmp_path / "b.json", by_words)
    with pytest.raises(BadInput):
        load(tmp_path / "none.json", by_words)


def test_sources_are_found_among_questions_whatever_their_spacing() -> None:
    assert leaked(["How many\n pens?"], ["how  many pens?", "how many cups?"]) == ["how  many pens?"]


@pytest.mark.parametrize(
    "reply", ["", "Task:", "nothing", "Task: a\nSlots: b", "```python\n", "Slots: a\n" * 50, "\0Steps:"]
)
def test_a_reply_that_is_no_template_is_none(reply: str) -> None:
    assert parse(reply, [], "") is None


def test_a_template_is_read_from_a_models_reply() -> None:
    reply = (
        "Here it is.\n**Task:** share evenly\n**Slots:** a the sum, b the heads\nSteps: 1. Divide a by b.\n"
        "Program:\n```python\ndef solve(a, b):\n    return a / b\n```\nDone."
    )
    found = parse(reply, ["Q"], "f", "Common Sense Reasoning")
    assert found is not None and found.program == "def solve(a, b):\n    return a / b"
    assert (found.task, found.slots, found.category) == (
        "share evenly",
        "a the sum, b the heads",
        "Common Sense Reasoning",
    )
    none = parse(reply.replace("```", "").replace("def solve(a, b):\n    return a / b", "none"), ["Q"], "f", "Magic")
    assert none is not None and not none.program.startswith("def") and none.category == "Mathematical Reasoning"
    assert parts("Task: one\nTask: two")["task"] == "one"


def test_a_folder_that_is_no_embedding_model_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"modules\.json"):
        similarity(str(tmp_path))
