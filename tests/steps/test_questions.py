"""Questions from files of several makers, and passages for those that bring none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hansei.core.errors import BadInput
from hansei.retrieval.lexical import open_lexical
from hansei.retrieval.passages import Passage
from hansei.steps.questions import read_questions, with_passages


def file(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_questions_answers_and_passages_are_found_under_their_usual_names(tmp_path: Path) -> None:
    rows = [
        {
            "question": "q1",
            "answers": ["A", "a"],
            "ctxs": [{"id": "w:1", "title": "T", "text": "x", "score": "1"}, "y"],
        },
        {"question": "q2", "answer": "[not JSON"},
        {"question": "q3", "target": 5, "level": "hard"},
        {"question": "q4", "reference": "R", "answers": ["S"], "passages": []},
        {"question": "q5", "truth": {"answers": ["T"], "passages": ["z"]}},
        {"question": "q6", "answers": []},
        {"question": "q7", "answer": "A", "truth": {"aliases": ["B"], "answers": ["C", "A"]}},
    ]
    found = read_questions(file(tmp_path / "q.jsonl", *rows))
    assert [p.messages[0].content for p in found] == ["q1", "q2", "q3", "q4", "q5", "q6", "q7"]
    assert [p.reference for p in found] == ["A", "[not JSON", "5", "R", "T", None, "A"]
    assert found[0].truth["aliases"] == ["A", "a"] and found[3].truth["answers"] == ["R", "S"]
    assert found[6].truth["answers"] == ["A", "B", "C"]
    assert found[0].truth["passages"] == [
        {"id": "w:1", "title": "T", "text": "x"},
        {"id": "2", "title": "", "text": "y"},
    ]
    assert "passages" not in found[1].truth and found[3].truth["passages"] == []
    assert found[4].truth["passages"][0]["text"] == "z"
    assert found[2].tags == {"suite": "question", "level": "hard"}
    assert len(read_questions(tmp_path / "q.jsonl", limit=2)) == 2


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"ask": "x"}, "line 1: a column 'question' or .* was expected, found 'ask'"),
        ({"question": "x", "ctxs": {"text": "y"}}, r"q\.jsonl, line 1: question .*: a list of passages was expected"),
        ({"question": "x", "ctxs": [{"title": "y"}]}, r"q\.jsonl, line 1: question .*: a passage such as"),
        ({"question": "x", "answers": [{"text": "y"}]}, "an answer is a text or a number"),
        ({"question": "x", "truth": {"aliases": "y"}}, "a list of answers was expected in truth.aliases, found 'y'"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, row: object, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        read_questions(file(tmp_path / "q.jsonl", row))


def test_only_questions_without_passages_of_their_own_get_some(tmp_path: Path) -> None:
    rows = [{"question": "a blue lamp"}, {"question": "a blue lamp", "passages": ["mine"]}, {"question": "none"}]
    passages = [Passage(str(i), "", text) for i, text in enumerate(["red stone", "blue lamp", "blue"])]
    prompts = read_questions(file(tmp_path / "q.jsonl", *rows))
    found = with_passages(prompts, passages, open_lexical(passages), 2)
    assert [[p["text"] for p in prompt.truth["passages"]] for prompt in found] == [["blue lamp", "blue"], ["mine"], []]
    assert len({prompt.id for prompt in found}) == 3
