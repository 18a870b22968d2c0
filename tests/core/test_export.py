import dataclasses
import json

import pyarrow as pa
import pyarrow.json
import pyarrow.parquet as pq
import pytest

from hansei.core.export import to_parquet, to_trl
from hansei.core.journal import Journal
from hansei.core.records import Attempt, Exchange, Lesson, Prompt, Sampling, Verdict, user

LESSONS = [
    Lesson("l1", user("How?"), completion="No. \u2028 Grüße"),
    Lesson("l2", user("A", "B", "C"), chosen="good", rejected="bad"),
    Lesson("l3", user("How?"), completion="So.", label=False),
]


def rows(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


def said(text):
    return [{"role": "assistant", "content": text}]


def test_lessons_are_written_in_trls_three_conversational_formats(tmp_path):
    assert to_trl(LESSONS, tmp_path) == {"sft.jsonl": 1, "preference.jsonl": 1, "label.jsonl": 1}
    asked = [{"role": "user", "content": "How?"}]
    assert rows(tmp_path / "sft.jsonl") == [{"prompt": asked, "completion": said("No. \u2028 Grüße")}]
    [pair] = rows(tmp_path / "preference.jsonl")
    assert [turn["role"] for turn in pair["prompt"]] == ["user", "assistant", "user"]
    assert (pair["chosen"], pair["rejected"]) == (said("good"), said("bad"))
    assert rows(tmp_path / "label.jsonl") == [{"prompt": asked, "completion": said("So."), "label": False}]


def test_the_files_are_tables_of_messages_to_arrow_which_datasets_reads_them_with(tmp_path):
    to_trl([*LESSONS, Lesson("l4", user("half"), completion="half \ud83d")], tmp_path)
    message = pa.struct({"role": pa.string(), "content": pa.string()})
    for name, columns in (("preference", "chosen rejected"), ("label", "completion")):
        schema = pyarrow.json.read_json(tmp_path / f"{name}.jsonl").schema
        for column in ("prompt", *columns.split()):
            assert schema.field(column).type == pa.list_(message)
    assert rows(tmp_path / "sft.jsonl")[1]["completion"] == said("half \ud83d")


def test_a_second_export_leaves_no_file_of_the_first_and_nothing_else_is_touched(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    to_trl(LESSONS, tmp_path)
    assert to_trl(LESSONS[:1], tmp_path) == {"sft.jsonl": 1}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine.txt", "sft.jsonl"]


@pytest.mark.parametrize(
    "lesson",
    [
        Lesson("x", user("a")),
        Lesson("x", user("a"), chosen="b"),
        Lesson("x", user("a"), completion="b", chosen="c", rejected="d"),
        Lesson("x", user("a"), chosen="c", rejected="d", label=True),
    ],
)
def test_a_lesson_in_no_format_is_refused_and_nothing_is_written(tmp_path, lesson):
    with pytest.raises(ValueError, match="lesson x: completion, or chosen and rejected"):
        to_trl([LESSONS[0], lesson], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_each_kind_of_record_is_a_parquet_table(tmp_path):
    prompts = [
        Prompt("p1", user("a", "b", "c"), tags={"x": "1"}, truth={"n": [1, None]}),
        Prompt("p2", user("d"), tags={"y": "2"}, expected="refuse"),
    ]
    steps = (Exchange("notes", user("a"), "<a>", "n", Sampling()), Exchange("filter", (), "", "f"))
    plain = Attempt("a1", "p1", "m", "plain", Sampling(), 0, prompts[0].messages, "text", "stop", 3, 4)
    several = dataclasses.replace(plain, id="a2", trace=steps)
    verdicts = [Verdict("a1", "j", "1", "pass", score=s) for s in (None, 0.5)]
    mixed = [{"value": 1, "same": None, "many": []}, {"value": "one", "same": None, "many": []}]
    half = [{"text": "Grüße"}, {"text": "\ud83d"}]
    with Journal.open(tmp_path / "run") as journal:
        for kind, records in (
            ("prompt", prompts),
            ("attempt", [plain, several]),
            ("verdict", verdicts),
            ("mixed", mixed),
            ("half", half),
        ):
            journal.commit(kind, kind, records)
        journal.commit("none", "none", [])
        counts = to_parquet(journal, tmp_path / "out")
        journal.commit("odd", "odd", [1, 2])
        with pytest.raises(ValueError, match="'odd' are no objects"):
            to_parquet(journal, tmp_path / "out")
    assert counts == {"prompt": 2, "attempt": 2, "verdict": 2, "mixed": 2, "half": 2}
    table = pq.read_table(tmp_path / "out" / "prompt.parquet").to_pylist()
    assert table[0]["messages"][1] == {"role": "assistant", "content": "b"}
    assert [json.loads(row["tags"]) for row in table] == [{"x": "1"}, {"y": "2"}]
    assert (json.loads(table[0]["truth"]), table[1]["truth"]) == ({"n": [1, None]}, None)
    assert [row["expected"] for row in table] == [None, "refuse"]
    [row, other] = pq.read_table(tmp_path / "out" / "attempt.parquet").to_pylist()
    assert row["trace"] == [] and [step["rendered"] for step in other["trace"]] == ["<a>", ""]
    assert (row["prompt_tokens"], json.loads(row["sampling"])["seed"]) == (3, 0)
    assert [r["score"] for r in pq.read_table(tmp_path / "out" / "verdict.parquet").to_pylist()] == [None, 0.5]
    assert [r["value"] for r in pq.read_table(tmp_path / "out" / "mixed.parquet").to_pylist()] == ["1", '"one"']
    texts = [r["text"] for r in pq.read_table(tmp_path / "out" / "half.parquet").to_pylist()]
    assert [json.loads(text) for text in texts] == ["Grüße", "\ud83d"]
