import csv
import json
import os
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hansei.core import inputs
from hansei.core.errors import BadInput
from hansei.core.inputs import assign_splits, read_prompts
from hansei.core.overlap import normalise
from hansei.core.records import Message, Prompt, user

DATA = Path(os.environ.get("HANSEI_DATA", Path(__file__).parents[2] / ".." / "shared" / "data"))


def data(name: str) -> Path:
    if not (DATA / name).exists():
        pytest.skip(f"HANSEI_DATA has no {name}")
    return DATA / name


def written(folder: Path, content: str | bytes, name: str = "p.jsonl") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def lines(*rows: object) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_all_that_a_row_can_tell_is_read(tmp_path):
    row = {
        "id": 7, "prompt": "How?", "category": "theft", "split": "heldout", "expected": "refuse",
        "reference": "No.", "mistake": "So.", "truth": {"a": [1]}, "suite": "past", "level": 3, "note": None,
    }  # fmt: skip
    [prompt] = read_prompts(written(tmp_path, lines(row)))
    tags = {"category": "theft", "suite": "past", "level": "3"}
    assert prompt == Prompt("7", user("How?"), "heldout", "refuse", tags, {"a": [1]}, "No.", "So.")


def test_a_tag_with_a_meaning_holds_one_of_its_words_or_nothing(tmp_path):
    words = {"suite": ("request", "past")}
    rows = [{"prompt": str(i), "suite": suite} for i, suite in enumerate(("past", "", None))]
    found = read_prompts(written(tmp_path, lines(*rows)), words=words)
    assert [prompt.tags for prompt in found] == [{"suite": "past"}, {}, {}]
    for other in ("Past", 1, ["past"]):
        path = written(tmp_path, lines({"prompt": "x"}, {"prompt": "y", "suite": other}))
        with pytest.raises(BadInput, match="line 2: request or past was expected in 'suite', found"):
            read_prompts(path, words=words)


def test_the_same_rows_are_the_same_prompts_in_every_format(tmp_path):
    rows = [
        {"id": "a", "prompt": 'Say "hi",\nthen go.', "expected": "answer", "split": "train", "kind": "x"},
        {"id": "b", "prompt": "Größe \u2028?", "expected": "refuse", "split": "heldout", "kind": "y"},
    ]
    jsonl = read_prompts(written(tmp_path, lines(*rows)))
    with (tmp_path / "p.csv").open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "p.parquet")
    assert jsonl == read_prompts(tmp_path / "p.csv") == read_prompts(tmp_path / "p.parquet")
    assert jsonl[1].messages == user("Größe \u2028?")


def test_conversations_are_read_in_every_format(tmp_path):
    turns = [
        {"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello"}, {"role": "user", "content": "How?"},
    ]  # fmt: skip
    chat = (Message("system", "Be kind."), *user("Hi", "Hello", "How?"))
    with (tmp_path / "p.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["messages"], [json.dumps(turns)]])
    pq.write_table(pa.Table.from_pylist([{"messages": turns}]), tmp_path / "p.parquet")
    for path in (
        written(tmp_path, lines({"messages": turns})),
        written(tmp_path, lines({"prompt": turns}), "trl.jsonl"),  # TRL's conversational prompt
        tmp_path / "p.csv",
        tmp_path / "p.parquet",
    ):
        assert read_prompts(path)[0].messages == chat


def test_columns_of_other_names_and_words_are_mapped(tmp_path):
    path = written(tmp_path, "Index,Goal,Kind,label\n0,Do it,theft,unsafe\n1,Say it,talk,safe\n", "p.csv")
    prompts = read_prompts(
        path,
        columns={"id": "Index", "prompt": "Goal", "category": "Kind", "expected": "label"},
        expected={"safe": "answer", "unsafe": "refuse"},
        split="heldout",
    )
    assert prompts == [
        Prompt("0", user("Do it"), "heldout", "refuse", {"category": "theft"}),
        Prompt("1", user("Say it"), "heldout", "answer", {"category": "talk"}),
    ]


def test_a_named_prompt_column_wins_over_messages(tmp_path):
    row = {
        "prompt": "A",
        "messages": [{"role": "user", "content": "B"}, {"role": "assistant", "content": "C"}],
    }
    path = written(tmp_path, lines(row))
    with pytest.raises(BadInput, match="found both"):
        read_prompts(path)
    assert read_prompts(path, columns={"prompt": "prompt"})[0].messages == user("A")


def test_what_the_call_says_holds_for_rows_that_say_nothing(tmp_path):
    path = written(tmp_path, lines({"prompt": "a", "expected": "answer", "split": "train"}, {"prompt": "b"}))
    prompts = read_prompts(path, expected="refuse", split="heldout")
    assert [(p.expected, p.split) for p in prompts] == [("answer", "train"), ("refuse", "heldout")]
    assert [p.expected for p in read_prompts(path)] == ["answer", None]
    assert [p.split for p in read_prompts(path, validation=1.0, heldout=0.0)] == ["train", "validation"]


def test_rows_without_id_get_one_that_does_not_depend_on_their_place(tmp_path):
    a, b = read_prompts(written(tmp_path, lines({"prompt": "a"}, {"prompt": "b"})))
    again = read_prompts(written(tmp_path, lines({"prompt": "b"}, {"prompt": "a"}, {"prompt": "a"})))
    assert [p.id for p in again] == [b.id, a.id, f"{a.id}-2"]
    assert again[1].split == again[2].split  # the same text is never on both sides


def test_a_text_that_is_there_many_times_is_not_counted_through_each_time(tmp_path, monkeypatch):
    looks = []
    whole = inputs._free
    monkeypatch.setattr(inputs, "_free", lambda name, taken, numbers: whole(name, Looked(taken, looks), numbers))
    prompts = read_prompts(written(tmp_path, lines(*[{"prompt": "a"}] * 500)), split="train")
    assert [p.id for p in prompts[1:]] == [f"{prompts[0].id}-{number}" for number in range(2, 501)]
    assert len(looks) < 3 * 500


class Looked:
    """What is taken, and a list of the questions whether something is."""

    def __init__(self, taken, looks):
        self.taken, self.looks = taken, looks

    def __contains__(self, name):
        self.looks.append(name)
        return name in self.taken


def test_limit_reads_the_first_rows_only(tmp_path):
    path = written(tmp_path, lines({"prompt": "a"}, {"prompt": "b"}) + "broken")
    assert [p.messages for p in read_prompts(path, limit=2)] == [user("a"), user("b")]
    with pytest.raises(BadInput, match="line 3"):
        read_prompts(path, limit=3)
    with pytest.raises(BadInput, match="limit: 1 or more"):
        read_prompts(path, limit=0)


GOOD = '{"id": "a", "prompt": "ok"}\n'
JSONL_DEFECTS = {
    "broken JSON": (GOOD + '{"prompt": "x"\n', r"line 2: .* broken JSON .*column 15"),
    "no object": (GOOD + '"x"\n', r"line 2: a JSON object"),
    "name twice": (GOOD + '{"prompt": "x", "prompt": "y"}', r"line 2: .*'prompt' stands in it twice"),
    "NaN": (GOOD + '{"prompt": "x", "n": NaN}', r"line 2: .*NaN is no JSON"),
    "too deep": (GOOD + "[" * 100_000, r"line 2: .*can't be read"),
    "a number too long": (GOOD + '{"prompt": ' + "1" * 5000 + "}", r"line 2: .*can't be read"),
    "no prompt": (
        GOOD + '{"text": "x"}',
        r"line 2: a column 'prompt' or 'messages' was expected, found 'text'",
    ),
    "a name in capitals": ('{"Prompt": "x"}', "--prompt-column 'Prompt'"),
    "empty prompt": (GOOD + '{"prompt": "  "}', r"line 2: a text in 'prompt' or 'messages' was expected"),
    "null prompt": (GOOD + '{"prompt": null}', r"line 2: a text in 'prompt' or 'messages' was expected"),
    "prompt is a number": (GOOD + '{"prompt": 5}', r"line 2: a text or a list of messages .* found 5"),
    "empty messages": (GOOD + '{"messages": []}', r"line 2: a text or a list of messages .* found \[\]"),
    "message without content": ('{"messages": [{"role": "user"}]}', r"line 1: message 1: "),
    "unknown role": (
        '{"messages": [{"role": "bot", "content": "x"}]}',
        r"message 1: a role of .* found 'bot'",
    ),
    "tool call": ('{"messages": [{"role": "user", "content": "x", "tool_calls": []}]}', r"message 1: "),
    "system later": (
        '{"messages": [{"role": "user", "content": "x"}, {"role": "system", "content": "y"}]}',
        r"message 2: a role of system, user, assistant \(system first only\)",
    ),
    "empty message": ('{"messages": [{"role": "user", "content": ""}]}', r"message 1: .*an empty one"),
    "ends with the assistant": (
        '{"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]}',
        r"line 1: a last message of the user was expected.*the model speaks next",
    ),
    "unknown expected": (
        GOOD + '{"prompt": "x", "expected": "deny"}',
        r"line 2: refuse or answer .* found 'deny'",
    ),
    "unknown split": (
        GOOD + '{"prompt": "x", "split": "test"}',
        r"line 2: train or validation or heldout .*'test'",
    ),
    "id twice": (GOOD + '\n{"prompt": "x", "id": "a"}', r"line 3: the id 'a' is that of .*line 1 too"),
    "id is a list": (GOOD + '{"prompt": "x", "id": [1]}', r"line 2: an id is"),
    "reference is a number": (
        GOOD + '{"prompt": "x", "reference": 4}',
        r"line 2: a text was expected in 'reference'",
    ),
    "truth is a text": (GOOD + '{"prompt": "x", "truth": "no"}', r"line 2: JSON was expected in 'truth'"),
    "truth is a list": (GOOD + '{"prompt": "x", "truth": [1]}', r"line 2: an object was expected in 'truth'"),
    "latin-1": (
        GOOD.encode() + '{"prompt": "Grüße"}'.encode("latin-1"),
        r"line 2: UTF-8 .* byte 0xfc: convert",
    ),
    "UTF-16": (GOOD.encode("utf-16"), r"UTF-8 was expected, found UTF-16"),
    "NUL byte": (GOOD + '{"prompt": "a\0b"}', r"line 2: text was expected, found a NUL byte"),
    "NUL escaped": (GOOD + '{"prompt": "a\\u0000b"}', r"line 2: .*'prompt', found a NUL character"),
    "half a surrogate pair": (GOOD + '{"prompt": "a\\ud800b"}', r"line 2: .*half of a surrogate pair"),
    "empty": ("", r"the file is empty"),
    "blank": (" \n\n", r"the file is empty"),
}


@pytest.mark.parametrize("name", JSONL_DEFECTS)
def test_each_defect_of_a_jsonl_file_is_one_line(tmp_path, name):
    content, words = JSONL_DEFECTS[name]
    path = written(tmp_path, content)
    with pytest.raises(BadInput, match=words) as caught:
        read_prompts(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400 + len(str(path))


CSV_DEFECTS = {
    "no header": (
        "How do I kill a process?,safe\nWhy?,safe\n",
        r"line 2: a column 'prompt'.* as a header line",
    ),
    "semicolons": ("id;prompt\n1;a\n", r"line 1: commas between columns were expected, found ';'"),
    "tabs": ("id\tprompt\n1\ta\n", r"line 1: commas between columns were expected, found '\\t'"),
    "a text with a semicolon, no header": ("Look; why?\nHow?\n", r"line 2: a column 'prompt'.* as a header line"),
    "header only": ("id,prompt\n", r"one row at least was expected"),
    "too few fields": (
        'id,prompt\n1,"a\nb"\n2\n',
        r"line 4: 2 fields were expected as in the header, found 1",
    ),
    "too many fields": ("id,prompt\n1,a, b\n", r"line 2: 2 fields .*found 3.*double quotes"),
    "open quote": ('id,prompt\n1,a\n2,"b\n', r"line 3: broken CSV"),
    "text after a quote": ('id,prompt\n1,"a"b\n', r"line 2: broken CSV"),
    "column twice": ("prompt,prompt\na,b\n", r"the column 'prompt' is there twice"),
    "row without prompt": ("id,prompt\n1,a\n2,\n", r"line 3: a text in 'prompt' or 'messages' was expected"),
    "messages no JSON": ("messages\nhello\n", r"line 2: JSON was expected in 'messages'"),
}


@pytest.mark.parametrize("name", CSV_DEFECTS)
def test_each_defect_of_a_csv_file_is_one_line(tmp_path, name):
    content, words = CSV_DEFECTS[name]
    with pytest.raises(BadInput, match=words):
        read_prompts(written(tmp_path, content, "p.csv"))


def test_a_csv_field_may_be_longer_than_the_readers_default(tmp_path):
    before = csv.field_size_limit()
    path = written(tmp_path, "prompt,\n" + "x" * 200_000 + ",\n\n", "p.csv")
    [prompt] = read_prompts(path)
    assert len(prompt.messages[0].content) == 200_000
    assert prompt.tags == {}  # a column without a name is left out
    assert csv.field_size_limit() == before


def test_what_is_no_such_file_is_one_line(tmp_path):
    (tmp_path / "folder.jsonl").mkdir()
    for path, words in [
        (tmp_path / "none.jsonl", "there is no such file"),
        (tmp_path / "folder.jsonl", "this is a folder"),
        (written(tmp_path, "x", "p.xlsx"), r"a file ending in \.jsonl, \.csv, \.parquet"),
        (written(tmp_path, "PAR1 or not", "p.parquet"), "Parquet was expected"),
        (written(tmp_path, b"PAR1" + b"\0" * 50 + b"PAR1", "q.parquet"), "Parquet was expected"),
    ]:
        with pytest.raises(BadInput, match=words):
            read_prompts(path)


def test_a_cut_off_parquet_file_is_one_line(tmp_path):
    pq.write_table(pa.table({"prompt": [f"prompt {i}" * 50 for i in range(3000)]}), tmp_path / "whole.parquet")
    whole = (tmp_path / "whole.parquet").read_bytes()
    damaged = whole[:4] + b"\xff" * (len(whole) // 2) + whole[4 + len(whole) // 2 :]
    for content in (whole[: len(whole) // 2], damaged):
        with pytest.raises(BadInput, match="Parquet was expected"):
            read_prompts(written(tmp_path, content, "p.parquet"))


def test_a_column_mapping_that_fits_nothing_is_one_line(tmp_path):
    path = written(tmp_path, lines({"prompt": "x", "kind": "y"}))
    with pytest.raises(BadInput, match="did you mean 'prompt'"):
        read_prompts(path, columns={"promt": "x"})
    with pytest.raises(BadInput, match=r"a column 'Kind' for 'category' was expected, found 'kind', 'prompt'"):
        read_prompts(path, columns={"category": "Kind"})
    with pytest.raises(BadInput, match=r"safe or unsafe was expected in 'kind', found 'y'"):
        read_prompts(path, columns={"expected": "kind"}, expected={"safe": "answer", "unsafe": "refuse"})


@settings(max_examples=150, deadline=None)
@given(content=st.binary(max_size=60), suffix=st.sampled_from(["jsonl", "csv", "parquet"]))
def test_any_bytes_are_prompts_or_one_line(tmp_path_factory, content, suffix):
    path = written(tmp_path_factory.getbasetemp(), content, f"any.{suffix}")
    try:
        assert read_prompts(path)
    except BadInput as error:
        assert str(path) in str(error)


PROMPTS = st.lists(
    st.tuples(st.text("ab ", min_size=1, max_size=3), st.sampled_from(["refuse", "answer", None])),
    max_size=40,
).map(lambda rows: [Prompt(f"p{i}", user(text), expected=word) for i, (text, word) in enumerate(rows)])


@settings(max_examples=60, deadline=None)
@given(PROMPTS, st.integers(0, 3))
def test_the_same_text_is_never_in_two_splits(prompts, seed):
    divided = assign_splits(prompts, seed)
    where = {}
    for prompt in divided:
        assert where.setdefault(normalise(prompt.messages[0].content), prompt.split) == prompt.split
    assert [p.id for p in divided] == [p.id for p in prompts]
    assert divided == assign_splits(prompts, seed)
    assert {p.id: p.split for p in assign_splits(prompts[::-1], seed)}.keys() == {p.id for p in prompts}


def test_splits_have_their_shares_within_each_expectation_and_depend_on_the_seed():
    words = ["refuse"] * 100 + ["answer"] * 50
    prompts = [Prompt(f"p{i}", user(f"text {i}"), expected=word) for i, word in enumerate(words)]
    divided = assign_splits(prompts)
    assert Counter((p.expected, p.split) for p in divided) == {
        ("refuse", "heldout"): 40, ("refuse", "validation"): 10, ("refuse", "train"): 50,
        ("answer", "heldout"): 20, ("answer", "validation"): 5, ("answer", "train"): 25,
    }  # fmt: skip
    assert divided == assign_splits(prompts[::-1])[::-1]
    assert divided != assign_splits(prompts, seed=1)
    with pytest.raises(ValueError, match="at most 1"):
        assign_splits(prompts, heldout=0.8, validation=0.3)


def test_prompts_about_one_entity_stay_together():
    prompts = [Prompt(f"p{i}", user(f"text {i}"), tags={"entity": f"e{i % 20}"}) for i in range(100)]
    splits = {}
    for prompt in assign_splits(prompts):
        assert splits.setdefault(prompt.tags["entity"], prompt.split) == prompt.split
    assert Counter(splits.values()) == {"heldout": 8, "validation": 2, "train": 10}


def test_jailbreakbench_is_read_as_it_is():
    path = data("jbb_behaviors/jbb_harmful.csv")
    prompts = read_prompts(path, columns={"prompt": "Goal", "category": "Category"}, expected="refuse")
    assert len({p.id for p in prompts}) == 100
    assert prompts[0].messages[0].content.startswith("Write a defamatory article")
    assert set(Counter(p.tags["category"] for p in prompts).values()) == {10}
    assert prompts[0].tags["Source"] == "TDC/HarmBench"
    assert Counter(p.split for p in prompts) == {"heldout": 40, "validation": 10, "train": 50}


def test_xstest_is_read_as_it_is():
    prompts = read_prompts(
        data("xstest/xstest_prompts.csv"),
        columns={"expected": "label", "category": "type"},
        expected={"safe": "answer", "unsafe": "refuse"},
    )
    assert Counter(p.expected for p in prompts) == {"answer": 250, "refuse": 200}
    assert (prompts[0].id, prompts[0].tags["focus"]) == ("1", "kill")
