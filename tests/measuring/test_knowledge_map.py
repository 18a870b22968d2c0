"""Knowledge maps: what is read, what is counted, and what is drawn."""

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from hansei.cli import main
from hansei.core.errors import BadInput
from hansei.core.journal import Journal
from hansei.core.records import Chat, Sampling
from hansei.measuring.knowledge_data import Benchmark, Node, Question, Score, read_taxonomy, tree_of
from hansei.measuring.knowledge_fields import Stratified, check, stratify
from hansei.measuring.knowledge_layout import layout
from hansei.measuring.knowledge_map import Settings, page, run
from hansei.measuring.knowledge_stats import hallucination_score
from hansei.measuring.knowledge_svg import draw
from hansei.models.protocol import Reply


def benchmark(leaves: int = 6, each: int = 3, models: int = 1, name: str = "kinds") -> Benchmark:
    ids = [[f"q{i}-{j}" for j in range(each)] for i in range(leaves)]
    chapters = [
        Node(f"Chapter {c}", tuple(Node(f"Leaf {i} of a long name", (), tuple(ids[i])) for i in part))
        for c, part in enumerate([range(i, min(i + 3, leaves)) for i in range(0, leaves, 3)])
    ]
    tree = Node("all", tuple(Node(f"Field {f}", tuple(chapters[f::4])) for f in range(4) if chapters[f::4]))
    questions = {q: Question(q, "", 1 + n % 5, "apply") for n, q in enumerate(x for part in ids for x in part)}
    scores = {f"model {m}": {q: Score(float(n % (m + 2) == 0)) for n, q in enumerate(questions)} for m in range(models)}
    return Benchmark(name, questions, scores, tree)


def plain(path: Path, *rows: dict[str, Any]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def released(folder: Path) -> list[str]:
    """One question right, one wrong, one that was not asked, in LLMMaps' formats."""
    question = {"question_text": None, "bloom_classification": "apply", "difficulty_level": 2}
    answer = {"answer_time": 0.5, "score_default": "score_exact", "score_f1": None}
    tree = {
        "name": "T",
        "children": [{"name": "A", "question_keys": ["1", "2"]}, {"name": "B", "question_keys": ["3"]}],
    }
    files = {
        "t.qar": dict.fromkeys("123", question),
        "t_m.qaa": {"1": answer | {"score_exact": True}, "2": answer | {"score_exact": 0}, "3": answer},
        "t.hir": tree,
    }
    for name, value in files.items():
        (folder / name).write_text(json.dumps(value | {}), encoding="utf-8")
    return [str(folder / "t_m.qaa"), "--questions", str(folder / "t.qar"), "--hierarchy", str(folder / "t.hir")]


def test_the_hallucination_score_is_the_share_of_steps_up_in_difficulty_where_accuracy_rises() -> None:
    def answers(*by_level: tuple[int, list[float]]) -> list[tuple[Question, Score]]:
        return [(Question("q", "", level), Score(v)) for level, values in by_level for v in values]

    assert hallucination_score(answers((1, [1, 1]), (2, [1, 0]), (3, [0, 0]))) == 0.0
    assert hallucination_score(answers((1, [0, 0]), (2, [1, 0]), (3, [1, 1]))) == 1.0
    assert hallucination_score(answers((1, [1, 0]), (2, [0, 1]))) == 0.5
    assert hallucination_score(answers((1, [1, 1]), (2, [0]))) is None  # one question says nothing of a level


def test_the_published_figures_of_pubmedqa_come_out(public_data: Callable[[str], Path], tmp_path: Path) -> None:
    home = public_data("llmmaps")
    answers = tuple(str(home / f"pubmedqa_{m}.qaa") for m in ("chatgpt", "bloom", "davinci", "llama13b", "gpt2"))
    found = run(
        Settings(
            answers=answers,
            questions=str(home / "pubmedqa.qar"),
            hierarchy=str(home / "pubmedqa.hir"),
            out=str(tmp_path / "map"),
        )
    )
    assert [round(row["accuracy"].value, 3) for row in found.rows] == [0.694, 0.487, 0.443, 0.272, 0.205]
    chatgpt = found.rows[0]
    assert (round(100 * chatgpt["accuracy"].value, 2), chatgpt["accuracy"].n) == (69.41, 997)
    assert round(chatgpt["hallucination_score"].value, 2) == 0.33
    assert {Path(f).name for f in found.files} == {"map.svg", "map.html", "result.json"}


def test_what_was_not_asked_is_not_zero(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["measure", "knowledge-map", *released(tmp_path), "--json", "--out", str(tmp_path / "o")]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    a, b = found["parts"]["fields"]
    assert (a["accuracy"]["value"], a["accuracy"]["n"], a["of"]) == (0.5, 2, 2)
    assert (b["accuracy"]["value"], b["accuracy"]["n"], b["of"]) == (None, 0, 1)
    drawn = (tmp_path / "o" / "map.svg").read_text(encoding="utf-8")
    assert "no data" in drawn and "stroke-dasharray" in drawn


@pytest.mark.parametrize(("leaves", "models"), [(1, 1), (7, 1), (400, 1), (400, 5)])
def test_no_row_touches_another_and_nothing_leaves_the_sheet(leaves: int, models: int) -> None:
    map_ = benchmark(leaves, 1, models)
    sheet = layout(map_.tree, models, 90)
    for side in (1, -1):
        ends = sorted(p.end[1] for p in sheet.places if p.leaf and p.side == side)
        assert all(after - before >= max(17.0, 5.0 * models + 6) - 1e-6 for before, after in pairwise(ends))
    assert len([p for p in sheet.places if p.leaf]) == leaves
    assert all(0 < p.end[1] < sheet.height - 90 and 0 < p.end[0] < sheet.width for p in sheet.places)


def test_labels_of_four_hundred_leaves_do_not_overlap() -> None:
    root = ET.fromstring(draw(benchmark(400, 2)).svg)  # noqa: S314 (our own)
    boxes = []
    for element in root.iter("{http://www.w3.org/2000/svg}text"):
        size, x = float(element.get("font-size", 0)), float(element.get("x", 0))
        wide = 0.54 * size * len(element.text or "")
        left = {"start": x, "middle": x - wide / 2, "end": x - wide}[element.get("text-anchor", "start")]
        y = float(element.get("y", 0))
        boxes.append((y - 0.75 * size, y + 0.2 * size, left, left + wide, element.text))
    boxes.sort()
    for i, (_, bottom, left, right, text) in enumerate(boxes):
        for top, _, other_left, other_right, other in boxes[i + 1 :]:
            if top >= bottom:
                break
            assert right <= other_left or other_right <= left, (text, other)


def test_the_picture_is_valid_xml_whatever_the_names_and_the_page_runs_nothing_of_them() -> None:
    evil = '</text><script>alert(1)</script>"\x00&'
    question = {"q": Question("q")}
    map_ = Benchmark(evil, question, {evil: {"q": Score(1.0)}}, Node("all", (Node(evil, (), ("q",)),)))
    svg = draw(map_).svg
    ET.fromstring(svg.replace("\x00", ""))  # noqa: S314 (our own)
    assert "<script" not in svg
    html = page(map_, svg)
    assert html.count("<script>") == 1 and "alert(1)</script>" not in html


def test_plain_rows_bring_questions_fields_and_models(tmp_path: Path) -> None:
    rows = [
        {"id": 1, "score": 1, "category": "Biology / Cells", "model": "a", "difficulty": 1, "bloom": "Analyse"},
        {"id": 2, "score": 0.5, "category": "Biology / Cells", "model": "a"},
        {"id": 1, "score": 0, "category": "Biology / Cells", "model": "b"},
        {"id": 3, "score": None, "category": "Physics", "model": "b"},
    ]
    found = run(Settings(answers=(plain(tmp_path / "r.jsonl", *rows),)))
    assert [(r["row"], r["accuracy"].value, r["accuracy"].n, r["of"]) for r in found.rows] == [
        ("a", 0.75, 2, 3),
        ("b", 0.0, 1, 3),
    ]
    assert [r["row"] for r in found.parts["fields"]] == ["a: Biology", "a: Physics", "b: Biology", "b: Physics"]


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ({"id": 1}, "a column `score`"),
        ({"id": 1, "score": "NaN", "category": "x"}, "a score from 0 to 1 was expected"),
        ({"id": 1, "score": 2, "category": "x"}, "a score from 0 to 1 was expected"),
        ({"score": 1}, "a column `id` or `question`"),
        ({"id": 1, "score": 1}, "no fields"),
        ({"id": 1, "score": None, "category": "x"}, "no answer bears a score"),
        ({"id": 1, "score": 1, "category": "x", "difficulty": 9}, "a difficulty of 1 to 5"),
        ({"id": 1, "score": 1, "category": "x", "bloom": "guess"}, "one of remember"),
    ],
)
def test_a_broken_row_is_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], row: dict[str, Any], what: str
) -> None:
    assert main(["measure", "knowledge-map", plain(tmp_path / "r.jsonl", row), "--out", str(tmp_path / "o")]) == 2
    said = capsys.readouterr().err
    assert what in said and len(said.splitlines()) == 1 and not (tmp_path / "o" / "map.svg").exists()


def test_answers_to_other_questions_are_told_and_left_out(tmp_path: Path) -> None:
    answers, _, questions, _, tree = released(tmp_path)
    value = json.loads(Path(answers).read_text())
    Path(answers).write_text(json.dumps(value | {"9": value["1"]}))
    found = run(Settings(answers=(answers,), questions=questions, hierarchy=tree))
    assert found.rows[0]["accuracy"].n == 2
    assert any("1 answers to other questions" in note for note in found.notes)
    Path(answers).write_text(json.dumps({"9": value["1"]}))
    with pytest.raises(BadInput, match="none of its answers"):
        run(Settings(answers=(answers,), questions=questions, hierarchy=tree))


def test_a_taxonomy_of_indented_lines_is_a_tree(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("Biology\n  Cells\n  Plants\nPhysics\n", encoding="utf-8")
    tree = read_taxonomy(tmp_path / "t.txt")
    assert [(c.name, [g.name for g in c.children]) for c in tree.children] == [
        ("Biology", ["Cells", "Plants"]),
        ("Physics", []),
    ]
    (tmp_path / "t.txt").write_text("Biology\n    Cells\n", encoding="utf-8")
    with pytest.raises(BadInput, match="line 2: two spaces a level"):
        read_taxonomy(tmp_path / "t.txt")


def test_a_question_beside_sub_fields_gets_a_leaf_of_its_own() -> None:
    questions = {k: Question(k) for k in "abc"}
    tree = tree_of({"a": ("X",), "b": ("X", "Y")}, questions)
    assert sorted(tree.everything()) == ["a", "b", "c"]
    assert [leaf.name for leaf in tree.leaves()] == ["Y", "X, at large", "without a category"]


class Sorter:
    """A chat model that puts a question into the field that its text names, and drafts a small tree."""

    name = fingerprint = "sorter"

    def __init__(self, silent: str = "", down: str = "never") -> None:
        self.silent, self.down, self.calls = silent, down, 0

    def batches(self, chats: list[Chat], _: Sampling) -> list[list[int]]:
        return [[i] for i in range(len(chats))]

    def generate(self, chats: list[Chat], _: Sampling) -> list[Reply]:
        self.calls += len(chats)
        return [self.reply(chat[-1].content) for chat in chats]

    def reply(self, text: str) -> Reply:
        if self.down in text:
            return Reply("", "error", 0, 0, error="the server is down")
        return Reply(self.answer(text), "stop", 1, 1)

    def answer(self, text: str) -> str:
        if text.startswith("List the 5"):
            return "Here they are:\n1. Animals\n2. Plants"
        if text.startswith("List the chapters"):
            return "I. Small\nII. Large"
        fields, _, asked = text.partition("\n\nQuestions:\n")
        names = re.findall(r"^\d+\. (.*)$", fields, re.M)
        lines = re.findall(r"^(\d+)\. (.*)$", asked, re.M)
        found = [(n, i) for n, q in lines for i, name in enumerate(names, 1) if name in q and self.silent != q]
        return "\n".join(f"{n}: {i}" for n, i in found) + "\n99: 1\n1 is not a line"


def sorted_by(sorter: Sorter, questions: list[Question], tree: Node | None, topic: str, place: Path) -> Stratified:
    with Journal.open(place) as journal:
        return stratify(sorter, questions, tree, topic, journal)  # type: ignore[arg-type]


def test_a_chat_model_drafts_fields_and_places_every_question_that_it_can_name(tmp_path: Path) -> None:
    questions = [Question("a", "Animals Small"), Question("b", "Plants Large"), Question("c", "Rocks")]
    found = sorted_by(Sorter(), questions, None, "nature", tmp_path)
    places = {leaf.name: leaf.questions for leaf in found.tree.leaves() if leaf.questions}
    assert places == {"Small": ("a",), "Large": ("b",), "not placed": ("c",)}
    assert found.remarks == ("stratified by sorter: 2 of 3 questions placed",) and found.errors == 0


def test_placing_agrees_with_asking_one_by_one_and_stops_when_a_pass_gains_nothing(tmp_path: Path) -> None:
    given = Node("all", (Node("Animals"), Node("Plants")))
    questions = [Question(str(i), f"{'Animals' if i % 3 else 'Plants'} {i} " + "x" * 300) for i in range(60)]
    sorter = Sorter(silent=questions[7].text)
    tree = sorted_by(sorter, questions, given, "", tmp_path).tree
    alone = {q.id: "Animals" if int(q.id) % 3 else "Plants" for q in questions if q.id != "7"}
    assert {q: leaf.name for leaf in tree.leaves() for q in leaf.questions} == alone | {"7": "not placed"}
    assert sorter.calls < 10


def test_an_answer_that_did_not_come_is_an_error_and_the_next_run_asks_it_again_and_no_other(tmp_path: Path) -> None:
    given = Node("all", (Node("Animals"), Node("Plants")))
    questions = [Question(str(i), f"{'Animals' if i % 3 else 'Plants'} {i}: " + "x" * 300) for i in range(60)]
    found = sorted_by(Sorter(down="Animals 25:"), questions, given, "", tmp_path)
    assert found.errors >= 1 and found.remarks[1].endswith("the first error: the server is down")
    unplaced = [leaf.questions for leaf in found.tree.leaves() if leaf.name == "not placed"]
    assert len(unplaced) == 1 and "25" in unplaced[0] and 1 < len(unplaced[0]) < 30
    mended = Sorter()
    whole = sorted_by(mended, questions, given, "", tmp_path)
    assert whole == sorted_by(Sorter(), questions, given, "", tmp_path / "other") and whole.errors == 0
    assert mended.calls == 1


def test_a_stratifier_needs_texts_and_a_topic() -> None:
    with pytest.raises(BadInput, match="no text for a stratifier"):
        check([Question("a")], None, "nature")
    with pytest.raises(BadInput, match="needs --topic"):
        check([Question("a", "b")], None, "")
