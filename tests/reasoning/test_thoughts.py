"""Thought templates from distilling to the answer, the tree search beside them, and programs in their sandbox."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hansei.core.errors import BadInput
from hansei.core.journal import Journal
from hansei.core.records import Prompt, Sampling
from hansei.judges.numbers import right
from hansei.reasoning import programs, thought_templates
from hansei.reasoning import tree_of_thoughts as tree
from hansei.reasoning.answers import extract
from hansei.reasoning.hand import checkmate, game_of_24
from hansei.reasoning.invalid import Solved
from hansei.reasoning.problems import read_problems
from hansei.reasoning.program_alone import program_alone
from hansei.reasoning.similarity import by_words
from hansei.reasoning.templates import Buffer, parts
from hansei.reasoning.thought_cells import COT, measured, own_work
from hansei.reasoning.thought_demonstration import TASKS, is_24, is_mate, is_sorted
from hansei.reasoning.thought_paper import table, work
from hansei.reasoning.wording import PLAIN, SCHOOL
from hansei.steps.answering import answer
from hansei.town import school
from hansei.town import school_phrasing as say
from tests.reasoning.fakes import Scripted, asked

GREEDY = Sampling(max_new_tokens=64)
SOLVED = [
    Solved("Ann has 3 and finds 4.", "3 + 4 = 7.", "7"),
    Solved("Ben has 9 and finds 1.", "9 + 1 = 10.", "10"),
]
TEMPLATE = "Task: have and find\nSlots: a had, b found\nSteps: add b to a\nProgram: def solve(a, b): return a + b"


def model(turn: str, _: int) -> str:
    """Knows how to add: distils, reads two numbers, proposes and judges."""
    question = re.findall(r"Question: (.*)", turn)[-1]
    numbers = re.findall(r"\d+", question)
    if turn.endswith("Template:"):
        return TEMPLATE
    if turn.endswith("Distil:"):
        return f"Known: {' and '.join(numbers)}\nTask: {'have and find' if 'finds' in question else 'bake'}"
    if turn.endswith("Slots:"):
        return f"a = {numbers[0]}, b = {numbers[1]}"
    return f"So it is.\nAnswer: {sum(map(int, numbers))}"


def grown(tmp_path: Path, say_: Callable[[str, int], str] = model, *, verify: bool = True) -> Buffer:
    buffer = Buffer(0.6, by_words)
    with Journal.open(tmp_path / "grow") as journal:
        thought_templates.grow(buffer, SOLVED, Scripted(say_), SCHOOL, GREEDY, journal, verify=verify)
    return buffer


def answered(tmp_path: Path, buffer: Buffer, prompts: list[Prompt], say_: Callable[[str, int], str] = model, **more):  # type: ignore[no-untyped-def]
    with Journal.open(tmp_path / "answer") as journal:
        return answer(Scripted(say_), prompts, thought_templates.of(buffer, SCHOOL, GREEDY, **more), journal)


def test_a_template_is_distilled_let_in_once_found_again_and_run(tmp_path: Path) -> None:
    buffer = grown(tmp_path)
    (kept,) = buffer.templates
    assert kept.sources == (SOLVED[0].question,) and kept.made_by == "a" * 32
    assert [refused["sources"] for refused in buffer.declined] == [[SOLVED[1].question]]
    (attempt,) = answered(tmp_path, buffer, [asked("a", "Leo has 30 nuts and finds 12.", "42")])
    assert attempt.text == "42"
    assert [step.label for step in attempt.trace] == ["distil", "retrieval", "fill", "program"]
    assert (attempt.prompt_tokens, attempt.completion_tokens) == (20, 10)  # of the two calls


def test_a_task_without_a_template_is_solved_by_a_coarse_structure(tmp_path: Path) -> None:
    (attempt,) = answered(tmp_path, grown(tmp_path), [asked("a", "Leo bakes 30 and 12.", "42")])
    assert attempt.text == "42" and [s.label for s in attempt.trace] == ["distil", "retrieval", "coarse structure"]


def test_a_template_can_be_followed_as_text(tmp_path: Path) -> None:
    (attempt,) = answered(tmp_path, grown(tmp_path), [asked("a", "Leo has 30 and finds 12.", "42")], use="text")
    assert attempt.text == "42" and [s.label for s in attempt.trace] == ["distil", "retrieval", "follow"]
    assert "add b to a" in attempt.trace[-1].asked[-1].content


def test_a_template_that_fails_its_own_source_is_not_let_in(tmp_path: Path) -> None:
    def wrong(turn: str, seed: int) -> str:
        return TEMPLATE.replace("a + b", "a - b") if turn.endswith("Template:") else model(turn, seed)

    buffer = grown(tmp_path, wrong)
    assert not buffer.templates and "-1" in buffer.declined[0]["reason"]
    assert len(grown(tmp_path / "other", wrong, verify=False).templates) == 1


def test_a_program_that_fails_is_followed_as_text_and_stands_in_the_trace(tmp_path: Path) -> None:
    def broken(turn: str, seed: int) -> str:
        return "a = 1" if turn.endswith("Slots:") else model(turn, seed)

    buffer = grown(tmp_path)
    (attempt,) = answered(tmp_path, buffer, [asked("a", "Leo has 30 and finds 12.", "42")], broken)
    assert attempt.text == "42" and [s.label for s in attempt.trace][-2:] == ["program", "follow"]
    assert "missing 1 required" in attempt.trace[-2].text


@pytest.mark.parametrize(
    "said", ["", "Task:" * 100, "}{0}{question}", "Slots: a = " + "9" * 9999, "\0" * 50, "a = __import__"]
)
def test_hostile_replies_and_questions_are_contained(tmp_path: Path, said: str) -> None:
    buffer = grown(tmp_path)
    prompts = [asked("a", said or " ", "1"), asked("b", "Leo {0} has {slots} 3 and finds 4. \x1b[2J", "7")]

    def hostile(turn: str, seed: int) -> str:
        return said if not turn.endswith("Distil:") else "Task: have and find"

    assert all(a.error is None for a in answered(tmp_path, buffer, prompts, hostile))
    assert all(a.error is None for a in answered(tmp_path / "all", buffer, prompts, lambda *_: said))
    with Journal.open(tmp_path / "tree") as journal:
        search = tree.of(tree.Search(depth=2, width=1, proposals=2), PLAIN)
        assert all(a.error is None for a in answer(Scripted(lambda *_: said), prompts, search, journal))


def test_no_template_comes_from_a_question(tmp_path: Path) -> None:
    examples, questions = tmp_path / "examples.jsonl", [asked("a", SOLVED[0].question, "7")]
    rows = [{"question": s.question, "explanation": s.explanation, "answer": s.answer} for s in SOLVED]
    examples.write_text("".join(json.dumps(row) + "\n" for row in rows))
    made = {"model": "m", "questions": "q", "out": "o", "wording": "school"}
    settings = thought_templates.Settings(**made, examples=str(examples), templates=str(tmp_path / "b.json"))  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="sources"):
        thought_templates.prepare(questions, settings)
    other = [asked("a", "Leo has 30 and finds 12.", "42")]
    with Journal.open(tmp_path / "run") as journal:
        method = thought_templates.begin(other, settings, Scripted(model), journal)
        assert answer(Scripted(model), other, method, journal)[0].text == "42"
        with pytest.raises(BadInput, match="sources"):  # also where the buffer is there already
            thought_templates.begin(questions, settings, Scripted(model), journal)
    with pytest.raises(BadInput, match="examples"):
        thought_templates.Settings(**made)  # type: ignore[arg-type]


def test_the_search_keeps_what_is_judged_best(tmp_path: Path) -> None:
    """Three steps are proposed, only those that say `good` are judged sure; two good ones lead to the answer."""

    def player(turn: str, seed: int) -> str:
        if say.JUDGE in turn:
            return f"It should be good: {say.SURE if turn.endswith('good.') else say.IMPOSSIBLE}"
        if turn.count("good") >= 2:
            return "Answer: 42"
        return ("bad.", "good.", "worse.")[seed % 3]

    (prompt,) = [asked("a", "What?", "42")]
    with Journal.open(tmp_path) as journal:
        scripted = Scripted(player)
        (attempt,) = answer(scripted, [prompt], tree.of(tree.Search(width=1, proposals=8, seed=1), SCHOOL), journal)
    assert attempt.text == "42"
    judged = [step for step in attempt.trace if step.label.startswith("judge")]
    assert judged and all("Answer" not in step.asked[-1].content.rpartition(say.JUDGE)[2] for step in judged)
    assert "Question: What?\nExplanation:\nNext step:" in scripted.asked


def test_a_search_without_an_answer_says_nothing(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        (attempt,) = answer(
            Scripted(lambda *_: "on and on."), [asked("a", "?", "1")], tree.of(tree.Search(depth=3), PLAIN), journal
        )
    assert attempt.text == "" and attempt.error is None


@pytest.mark.parametrize(
    ("program", "given", "value"),
    [
        ("def solve(a, b): return a * b", {"a": 6, "b": 7}, "42"),
        ("def solve(words): return ' '.join(sorted(words))", {"words": ["b", 'a"\n']}, 'a"\n b'),
        ("def solve(): return [1, 2.5, None]", {}, "[1, 2.5, null]"),
    ],
)
def test_a_programs_value_comes_out_of_the_sandbox(program: str, given: dict[str, object], value: str) -> None:
    assert programs.run(program, given) == value


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("def solve(a: return 1", "compile"),
        ("import os\ndef solve(): return os.listdir('/root')", "raised"),
        ("def solve(): return 'x' * 1000", "too long"),
        ("def solve(): raise AssertionError('\"42\": assert not told, told')", "raised"),
        ("other = 3", "raised"),
    ],
)
def test_a_program_without_a_plain_value_has_failed(program: str, reason: str) -> None:
    with pytest.raises(programs.Failed, match=reason):
        programs.run(program, {})


@pytest.mark.parametrize("text", ["\n", " ", "9", "answer ", "```\n", "a = ", "(", "Task:", "\n- ", "٣", "Wrong "])
def test_long_monotonous_replies_are_read_in_no_time(text: str) -> None:
    long = text * (300_000 // len(text))
    start = time.process_time()
    extract(long)
    parts(long)
    programs.filled(long)
    by_words(long, ["have, find"])
    assert right(long, asked("a", "?", "7")) is False
    assert time.process_time() - start < 2


def test_slots_are_read_as_literals_or_words() -> None:
    assert programs.filled('a = 12, names = ["x", "y, z = 3"]') == {"a": 12, "names": ["x", "y, z = 3"]}
    assert programs.filled("a = 12; who = Ann Lee.") == {"a": 12, "who": "Ann Lee"}
    assert programs.filled("no slots") == {} and programs.filled("a = {1: 2}, b = 3") == {"b": 3}


def test_the_baseline_without_a_model_fills_numbers_in_their_order(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "alone") as journal:
        method = program_alone(grown(tmp_path), by_words)
        made = answer(Scripted(model), [asked("a", "Leo has 30 and finds 12.", "42")], method, journal)
    assert made[0].text == "42" and made[0].prompt_tokens == 0


def test_the_models_own_work_is_told_apart(tmp_path: Path) -> None:
    prompts = school.prompts("heldout", 8)
    truth = {p.messages[-1].content: p.truth for p in prompts}

    def perfect(turn: str, _: int) -> str:
        known = truth[re.findall(r"Question: (.*)", turn)[-1]] or {}
        return say.filled(known["numbers"]) if turn.endswith("Slots:") else f"Task: {say.task(tuple(known['kind']))}"

    buffer = Buffer(0.9, by_words)
    for prompt in prompts:
        found = thought_templates.parse(say.template(tuple((prompt.truth or {})["kind"])), ["other"], "hand")
        assert found is not None and buffer.update(found) in (True, False)
    made = answered(tmp_path, buffer, prompts, perfect)
    cell = measured(prompts, made)
    assert cell["right"] == [1.0] * 8 and cell["calls"] == [2.0] * 8
    own = own_work(prompts, made, cell["right"])
    lines = work([own, own])
    assert all(line[key].value == 1.0 for line in lines for key in ("template_chosen", "slots_filled", "answer"))
    costly = {**cell, "tokens": [10 * t for t in cell["tokens"]], "right": [0.0] * 8}
    cells = [{COT: cell, "tree, 1 wide": costly, "template": cell}] * 2
    rows = table(cells, ["tree, 1 wide", "template", COT])
    assert rows[1]["cost"] == "10.0%" and rows[1]["minus_tree"].value == 1.0
    assert rows[0]["minus_CoT"].value == -1.0 and rows[1]["minus_CoT"].value == 0.0 and "minus_CoT" not in rows[2]


def test_the_checks_of_the_three_tasks_ask_for_the_right_thing() -> None:
    item = Solved("4 6 1 1", "", "24")
    assert is_24(item, "(4 * 6) * 1 * 1") and is_24(item, "4*6*1*1 = 24")
    assert not is_24(item, "24") and not is_24(item, "4 * 6") and not is_24(item, "4 * 6 * 1 * 1 * 1")
    assert not is_24(item, "__import__('os')") and not is_24(item, "")
    assert is_sorted(Solved("", "", "a b"), "a  b") and not is_sorted(Solved("", "", "a b"), "b a")
    fool = "1. f3 e5 2. g4"
    assert is_mate(Solved(fool, "", "Qh4#"), "Qh4") and not is_mate(Solved(fool, "", "Qh4#"), "Qe7")
    assert not is_mate(Solved("1. nonsense", "", ""), "Qh4") and not is_mate(Solved(fool, "", ""), "rm -rf")


def test_chess_knows_castling_passing_promotion_and_mate() -> None:
    passing = checkmate.played("1. e4 a6 2. e5 d5")
    assert passing.read("exd6") is not None and checkmate.played("1. e4 a6 2. e5 d5 3. exd6 cxd6") is not None
    assert checkmate.played("1. Nf3 Nf6 2. g3 g6 3. Bg2 Bg7 4. O-O O-O") is not None
    assert checkmate.played("1. O-O") is None and checkmate.played("1. e5") is None
    assert checkmate.solve("1. e4 e5 2. Bc4 Nc6 3. Qh5 Nf6") == "Qxf7#"
    assert checkmate.solve("1. e4 e5") == ""
    assert len(checkmate.Game().moves()) == 20
    assert sum(len(checkmate.Game().after(m).moves()) for m in checkmate.Game().moves()) == 400  # perft(2)


def test_game_of_24_is_found_or_said_to_have_no_solution() -> None:
    assert game_of_24.solve([1, 1, 1, 1]) == ""
    assert is_24(Solved("3 3 8 8", "", "24"), game_of_24.solve([3, 3, 8, 8]))


def test_the_released_answers_pass_our_checks(public_data: Callable[[str], Path]) -> None:
    home = public_data("buffer_of_thoughts")
    for item in read_problems(home / "CheckmateInOne.jsonl")[:25]:
        assert is_mate(item, item.answer)
    assert {file for file in TASKS if (home / file).is_file()} == set(TASKS)
