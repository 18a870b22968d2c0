"""Reading notes: what is read back of a reply, lessons, rejection measured by a perfect and by a credulous reader."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from steps.fakes import FakeModel, broken

from hansei.core.errors import BadInput
from hansei.core.journal import Journal
from hansei.core.records import Prompt, user
from hansei.models.protocol import Reply
from hansei.reading import reading_notes_cells as cells
from hansei.reading import reading_notes_paper
from hansei.reading.reading_lessons import EQUAL, LIBRARY_TAIL, TAIL, from_teacher, from_truth, lessons
from hansei.reading.reading_notes import AT_ONCE, INSTRUCTION, PLAIN, Note, Settings, make, read, wording_of, written
from hansei.reading.reading_notes_paper import Settings as Experiment
from hansei.reading.reading_notes_paper import choose, run
from hansei.steps.answering import answer
from hansei.town import library_phrasing as say
from hansei.town import library_text
from hansei.town.library import by_name
from hansei.town.library_prompts import Case, prompts

HOW = Settings(model="town:library", questions="q.jsonl", out="run")
IDS = ["a", "b", "c"]


def reader(prompt_of: dict[str, Prompt], *, credulous: bool = False) -> FakeModel:
    """Reads the turn's text alone and takes notes; a credulous one answers Garth, whatever it tells."""

    def reply(turn: str) -> str:
        question = turn.splitlines()[0].removeprefix("Question: ").removesuffix(say.NOTES).strip()
        prompt = prompt_of[question]
        name = prompt.tags["entity"]
        attribute = next(
            a for a in say.ASK if any(f.format(name=name) == question for f in (*say.ASK[a], *say.ASK_HELDOUT[a]))
        )
        lines, found = [], None
        for number, text in re.findall(r"^Passage (\d+): (.*)$", turn, re.M):
            told = [
                s for s in re.findall(r"[^.]+\.", text) if any(_says(f, name, s.strip()) for f in say.TELL[attribute])
            ]
            about = text.split()[:4] if text.startswith("The book") else text.split()[:2]
            same = " ".join(about).lower() == name.lower()
            kind = "answers" if told else "context" if same else "irrelevant"
            lines.append(say.note(int(number), told[0].strip() if told else " ".join(about) + ".", kind))
            if told:
                found = next(v for f in say.TELL[attribute] if (v := _says(f, name, told[0].strip())))
        known = by_name().get(name)
        value = found or (known.facts[attribute] if known else say.UNKNOWN)
        if found is None:
            lines.append(say.memory(name, known is not None))
        return "\n".join([*lines, say.answer("Garth" if credulous else value, "as noted.")])

    return FakeModel(reply, size=64)


def _says(form: str, name: str, sentence: str) -> str | None:
    match = re.fullmatch(
        re.escape(form).replace(r"\{name\}", re.escape(name)).replace(r"\{value\}", "(.+)"), sentence, re.I
    )
    return match[1] if match else None


def test_notes_and_answer_are_read_back_as_they_were_written() -> None:
    notes = (
        Note("a", "irrelevant", "Otto Reed."),
        Note("b", "answers", "Ada Field lives in Garth.", "Garth"),
        Note("c", "context", "Ada Field keeps a (tame) goat."),
    )
    reading = read(written(notes, "Garth", IDS), IDS)
    assert reading.notes == notes and reading.answer == "Garth" and reading.known is None
    for known in (True, False):
        own = say.memory("Ada Field", known)
        reading = read(written(notes[:1], "Garth", IDS, "Ada Field lives in Garth.", own), IDS)
        assert (reading.notes, reading.answer, reading.known) == (notes[:1], "Garth", known)
    with pytest.raises(BadInput, match="passage 'x' is none"):
        written([Note("x", "context", "?")], "Garth", IDS)


@pytest.mark.parametrize(
    ("text", "kinds", "said"),
    [
        ("Passage 2: It tells. (ANSWERS)\nanswer: **Garth**", {"b": "answers"}, "Garth"),
        ("- Passage 1: nothing [irrelevant]\n- Passage 1: again (answers)\nAnswer: x", {"a": "irrelevant"}, "x"),
        ("Passage 9: of no passage (answers)\nAnswer: first\nAnswer: last", {}, "last"),
        ("Passage 0: (answers)\nPassage 1: no kind\nGarth", {}, "Passage 0: (answers)\nPassage 1: no kind\nGarth"),
        ("Passage 1: Answer: forged (irrelevant)\nAnswer: true", {"a": "irrelevant"}, "true"),
        ("Passage 1: told (context)\nIt is Garth.", {"a": "context"}, "It is Garth."),
        ("Memory: somebody (known)\nMemory: of no kind\nGarth", {}, "Memory: of no kind\nGarth"),
        ("\x00\u202e" * 50 + "\nAnswer:", {}, ""),
        ("Passage " + "9" * 500 + ": x (answers)", {}, "Passage " + "9" * 500 + ": x (answers)"),
        ("", {}, ""),
    ],
)
def test_nothing_is_guessed_from_a_reply(text: str, kinds: dict[str, str], said: str) -> None:
    reading = read(text, IDS)
    assert {note.passage: note.kind for note in reading.notes} == kinds and reading.answer == said


def test_a_huge_hostile_reply_is_read_in_no_time() -> None:
    line = "Passage 1: " + "(answers " * 20_000
    assert read(f"{line}\nAnswer: x", IDS).answer == "x"


def test_the_notes_are_a_step_of_the_trace(tmp_path: Path) -> None:
    asked = prompts(Case("heldout"), 6)
    with Journal.open(tmp_path) as journal:
        attempts = answer(reader({p.messages[-1].content: p for p in asked}), asked, make(HOW), journal)  # type: ignore[arg-type]
    for prompt, attempt in zip(asked, attempts, strict=True):
        assert attempt.text == prompt.reference and [e.label for e in attempt.trace] == ["notes and answer", "notes"]
        notes = json.loads(attempt.trace[1].text)
        assert [n["kind"] for n in notes] == prompt.truth["kinds"]  # type: ignore[index]
        assert [n["passage"] for n in notes] == [p["id"] for p in prompt.truth["passages"]]  # type: ignore[index]
        assert any(n["span"] == prompt.reference for n in notes if n["kind"] == "answers")


def test_a_perfect_reader_rejects_all_and_only_what_cannot_be_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups = cells.questions("heldout", 12)
    of = {p.messages[-1].content: p for group in groups.values() for p in group}
    for credulous in (False, True):
        monkeypatch.setattr(cells, "load", lambda *_, c=credulous, **__: reader(of, credulous=c))
        with Journal.open(tmp_path / str(credulous)) as journal:
            found = {kind: cells.measured("x", group, "notes", journal) for kind, group in groups.items()}
        for kind, values in found.items():
            unknowable = kind == cells.UNKNOWABLE
            for value in values.values():
                assert value["unknown"] == float(unknowable and not credulous)
                assert value["kinds"] == 1.0
                assert value["known"] == (1.0 if kind in (cells.NOISY, cells.UNKNOWABLE) else None)
                assert credulous or value["right"] == 1.0
        assert credulous == (sum(v["right"] or 0 for v in found[cells.NOISY].values()) < 6)


def test_lessons_of_all_rows_are_about_the_same_questions() -> None:
    asked = prompts(Case("train"), 20) + prompts(Case("train", noise=1.0), 20)
    notes = from_truth(asked)
    with_notes, plain, hybrid = (lessons(asked, notes, without=share, seed=3) for share in (0.0, 1.0, 0.5))
    at_once = lessons(asked, notes, without=1.0, short=AT_ONCE)
    assert [le.completion for le in at_once] == [f"Answer: {p.reference}" for p in asked]
    assert all(say.AT_ONCE in le.prompt[-1].content for le in at_once)
    assert [le.prompt_id for le in with_notes] == [le.prompt_id for le in plain] == [le.prompt_id for le in hybrid]
    assert sum(le.purpose == "answer" for le in hybrid) == 20 and {le.purpose for le in plain} == {"answer"}
    for prompt, long, short in zip(asked, with_notes, plain, strict=True):
        fact = prompt.truth["fact"]  # type: ignore[index]
        assert long.completion and short.completion == f"Fact: {fact}\nAnswer: {prompt.reference}"
        assert fact.endswith(f" {prompt.reference}.")
        own = prompt.truth["memory"]  # type: ignore[index]
        assert long.completion.endswith(f"{own}\n{short.completion}" if own else short.completion)
        assert long.completion.count("\n") == (6 if own is None else 7) and (own is None) == bool(
            prompt.truth["helpful"]
        )  # type: ignore[index]
        asked, passages = short.prompt[-1].content.split("\n", 1)
        assert long.prompt[-1].content == f"{asked} {say.NOTES}\n{passages}"
        assert [
            n.kind for n in read(long.completion, [p["id"] for p in prompt.truth["passages"]]).notes
        ] == prompt.truth["kinds"]  # type: ignore[index]
    assert (TAIL.share, LIBRARY_TAIL.share, EQUAL.share) == (0.5, 0.5, 0.0)
    assert all(le.completion and le.completion.count(LIBRARY_TAIL.words) == 1 for le in with_notes)


def test_truth_without_kinds_makes_no_lessons() -> None:
    prompt = Prompt("q", user("Who?"), truth={"passages": [{"id": "1", "text": "x"}]}, reference="y")
    with pytest.raises(BadInput, match="no kind for every passage"):
        from_truth([prompt])
    with pytest.raises(BadInput, match="no answer to learn"):
        lessons([replace(prompt, reference=None)], {"q": ()})


def test_a_teacher_s_replies_are_kept_where_they_answer_rightly_and_note_every_passage(tmp_path: Path) -> None:
    asked = prompts(Case("train"), 4)
    good = reader({p.messages[-1].content: p for p in asked}).say
    bad = iter(["Answer: nonsense", "", None, None])
    replies: dict[str, Any] = {}

    def say_(turn: str) -> str | Reply:
        if turn not in replies:
            said = next(bad)
            perfect = good(turn)
            replies[turn] = perfect if said is None else broken() if said == "" else said
            if len(replies) == 3:  # a note is missing
                replies[turn] = "\n".join(str(perfect).splitlines()[1:])
        return replies[turn]

    with Journal.open(tmp_path) as journal:
        made = from_teacher(FakeModel(say_), asked, HOW, journal)  # type: ignore[arg-type]
    assert len(made.notes) == 1 and dict(made.dropped) == {
        "another answer than the reference": 1,
        "no answer came": 1,
        "a passage without a note": 1,
    }


def test_another_model_is_told_what_notes_are_and_the_base_is_asked_in_its_own_words() -> None:
    prompt = Prompt("q", user("Who?"), truth={"passages": [{"id": "1", "title": "T", "text": "x\ny"}]})
    other = replace(HOW, model="folder")
    assert wording_of(HOW).turn(prompt) == f"Question: Who? {say.NOTES}\nPassage 1: T: x y"
    assert wording_of(other).turn(prompt).startswith(INSTRUCTION)
    assert wording_of(replace(other, notes=False)).turn(prompt).startswith(PLAIN)
    assert wording_of(replace(other, instruction="")).turn(prompt) == "Question: Who?\nPassage 1: T: x y"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A random model with the library's tokenizer."""
    from transformers import LlamaConfig, LlamaForCausalLM

    from hansei.town.tokenizer import train_tokenizer
    from hansei.training.base import _plain

    folder = tmp_path_factory.mktemp("small")
    tokenizer = train_tokenizer((_plain(d) for d in islice(library_text.documents(1), 500)), 512)
    special = {name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        intermediate_size=16,
        max_position_embeddings=512,
        **special,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


class Here:
    """A pool that works in this process, so that the test's settings hold in its tasks."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __enter__(self) -> Here:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def run(self, work: Callable[[Any], Any], tasks: list[Any], _label: str) -> list[Any]:
        return [json.loads(json.dumps(work(task))) for task in tasks]


def test_the_experiment_measures_every_row(small: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "LONGEST", 3)
    monkeypatch.setattr(cells, "VALIDATION", 2)
    monkeypatch.setattr(reading_notes_paper, "Pool", Here)
    settings = Experiment(
        model=small, out=str(tmp_path), seeds=1, steps=(1,), batch=2, train=2, proof=4, curve=1,
        rows=("once", "sentence", "notes", "hybrid"),
    )  # fmt: skip
    result = run(settings).to_json()
    names = [row["row"] for row in result["rows"]]
    assert len(names) == 8 and len(set(names)) == 8
    for row in result["rows"]:
        assert row["rejection_rate"]["n"] == 4 and row["over_rejection"]["n"] == 12 and row["noise_only"]["n"] == 4
    assert len(result["parts"]["noise"]) == 16 and len(result["parts"]["differences"]) == 6
    assert result["errors"] == 0 and Path(result["files"][0]).is_file()
    assert all(point["n"] == 8 for points in result["search"].values() for point in points)


def test_an_adapter_is_tuned_where_it_is_asked_for(small: str, tmp_path: Path) -> None:
    for adapter in ("none", "lora"):
        settings = Experiment(model=small, steps=(1,), batch=2, train=2, adapter=adapter)  # type: ignore[arg-type]
        kept = cells.students(reading_notes_paper.teaching(settings, "notes"), 0, tmp_path / adapter)
        assert (Path(kept[1]) / "adapter_config.json").is_file() == (adapter == "lora")


def test_settings_that_make_no_experiment_are_refused() -> None:
    for wrong in ({"seeds": 0}, {"rows": ("once", "more")}, {"rows": ()}, {"steps": ()}, {"curve": -1}):
        with pytest.raises(BadInput, match="papers run reading-notes"):
            Experiment(**wrong)  # type: ignore[arg-type]


def test_of_equal_step_counts_the_fewest_are_chosen() -> None:
    assert choose([{"steps": 80, "right": 0.5}, {"steps": 40, "right": 0.5}, {"steps": 20, "right": 0.4}]) == 40


def test_the_searches_of_several_seeds_count_every_answer_once() -> None:
    one = [{"steps": 40, "right": 0.5, "n": 4}, {"steps": 80, "right": 1.0, "n": 4}]
    other = [{"steps": 40, "right": 1.0, "n": 12}, {"steps": 80, "right": 0.0, "n": 0}]
    assert cells.together([one, other]) == [
        {"steps": 40, "right": pytest.approx(14 / 16), "n": 16},
        {"steps": 80, "right": 1.0, "n": 4},
    ]


def test_validation_is_of_the_kind_that_proves_and_lessons_know_both_kinds_of_noise() -> None:
    for split, count in (("validation", cells.VALIDATION), ("heldout", 6), ("train", 6)):
        made = cells.questions(split, count)  # type: ignore[arg-type]
        assert set(made) == set(cells.KINDS)
        for group in made.values():
            near = sum("/near" in prompt.tags["suite"] for prompt in group)
            assert len(group) == count and near == (count // 2 if split == "train" else count)
