"""Contrastive chain-of-thought: what the model reads, and what becomes of what it writes."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from hansei.core.errors import BadInput
from hansei.core.journal import Journal
from hansei.core.records import Attempt, Sampling
from hansei.reasoning import contrastive_paper
from hansei.reasoning.contrastive_cells import COT, FEW, PRODUCTS, ROWS, Cell, run_cell, scored
from hansei.reasoning.contrastive_cot import Settings, demonstrations, make, of, prepare, school_pool
from hansei.reasoning.contrastive_cot import asked as prompt_of
from hansei.reasoning.invalid import same_answer
from hansei.reasoning.problems import read_problems
from hansei.steps.answering import answer
from hansei.steps.questions import read_questions
from hansei.steps.town_school import problem_of
from hansei.town import school
from hansei.town.school_mistakes import hasty
from reasoning.fakes import Scripted, asked

GREEDY = Sampling(max_new_tokens=8)


def test_the_prompt_has_the_parts_of_the_paper_in_their_order() -> None:
    shots = demonstrations(school_pool(0), 2, "incoherent-objects", 0)
    lines = prompt_of(shots, "How many?").split("\n")
    marks = ["Question:", "Explanation:", "Answer:", "Wrong explanation:", "Wrong Answer:", ""] * 2
    assert [line[: len(mark)] for line, mark in zip(lines, marks, strict=False)] == marks
    assert lines[-2:] == ["Question: How many?", "Explanation:"]
    plain = prompt_of(demonstrations(school_pool(0), 2, "none", 0, explain=False), "How many?", explain=False)
    assert "xplanation" not in plain and plain.endswith("Question: How many?\nAnswer:")


def test_every_kind_of_mistake_spoils_the_same_problems_and_never_rightly() -> None:
    pool = school_pool(3)
    plain = demonstrations(pool, 4, "none", 3)
    for row in ROWS[2:]:
        made = demonstrations(pool, 4, row.mistake, 3)
        assert len({d.solved.question for d in made} & {d.solved.question for d in plain}) >= 3
        assert all(d.wrong and not same_answer(d.wrong.answer, d.solved.answer) for d in made)


def test_samples_vote_and_words_after_the_answer_do_not_count(tmp_path: Path) -> None:
    def say(_: str, seed: int) -> str:
        return "So.\nAnswer: 7\nWrong explanation: no.\nWrong Answer: 9" if seed % 3 else "So.\nAnswer: 9"

    shots = demonstrations(school_pool(0), 1, "incoherent-objects", 0)
    method = of(shots, Sampling(temperature=1.0, seed=4), samples=15)
    with Journal.open(tmp_path) as journal:
        (attempt,) = answer(Scripted(say), [asked("a", "How many?", "7")], method, journal)
    said = [step.text for step in attempt.trace]
    assert len(said) == 15 and len({step.sampling.seed for step in attempt.trace}) == 15
    assert attempt.text == ("7" if sum("7" in text for text in said) > 7 else "9")


def test_a_question_that_is_a_demonstration_is_not_answered(tmp_path: Path) -> None:
    shots = demonstrations(school_pool(0), 1, "none", 0)
    both = [asked("a", shots[0].solved.question, "1"), asked("b", "How many?", "1")]
    with Journal.open(tmp_path) as journal:
        found = answer(Scripted(lambda *_: "Answer: 1"), both, of(shots, GREEDY), journal)
    assert "demonstrations" in str(found[0].error) and found[1].text == "1"


@pytest.mark.parametrize("said", ["", "\0\x1b[2J", "Answer:", "}{[" * 999, "{question}", "Answer: " + "9" * 5000])
def test_hostile_replies_and_questions_are_contained(tmp_path: Path, said: str) -> None:
    shots = demonstrations(school_pool(0), 1, "incoherent-objects", 0)
    questions = [asked("a", said or " ", "1"), asked("b", "How many {question} {0}?", "1")]
    with Journal.open(tmp_path) as journal:
        found = answer(Scripted(lambda *_: said), questions, of(shots, GREEDY), journal)
    assert len(found) == 2 and all(attempt.error is None for attempt in found)


def test_files_of_gsm8k_mgsm_and_bbh_are_read(tmp_path: Path) -> None:
    gsm, pairs, bbh = tmp_path / "gsm.jsonl", tmp_path / "mgsm_de.tsv", tmp_path / "bbh.json"
    gsm.write_text('{"question": "Two twos?", "answer": "2*2=<<2*2=4>>4\\n#### 1,004"}\n', encoding="utf-8")
    pairs.write_text("Zwei mal zwei?\t4\n", encoding="utf-8")
    bbh.write_text('{"canary": "x", "examples": [{"input": "not True is", "target": "False"}]}', encoding="utf-8")
    (solved,) = read_problems(gsm)
    assert (solved.explanation, solved.answer) == ("2*2=4", "1,004")
    assert read_problems(pairs)[0].answer == "4" and read_problems(bbh)[0].answer == "False"
    settings = Settings(model="m", questions=str(gsm), out="o", demonstrations=str(gsm), shots=1, mistake="none")
    (prompt,) = prepare(read_questions(gsm), settings)
    assert prompt.reference == "1,004" and make(settings).calls == 1
    pairs.write_text("no tab\n", encoding="utf-8")
    with pytest.raises(BadInput, match="line 1"):
        read_problems(pairs)
    with pytest.raises(BadInput, match="found 1 problems"):
        make(Settings(model="m", questions=str(gsm), out="o", demonstrations=str(gsm), shots=4))


def test_settings_that_make_no_method_are_refused() -> None:
    for wrong in ({"samples": 3}, {"explain": False}, {"shots": -1}):
        with pytest.raises(BadInput):
            Settings(model="m", questions="q", out="o", **wrong)  # type: ignore[arg-type]


def test_a_cell_measures_every_row_on_a_real_model(llama_folder: str) -> None:
    rows = (FEW[0], *PRODUCTS)
    found = run_cell(Cell(llama_folder, 0, 4, rows, 0.7))
    assert set(found) == {row.name for row in rows}
    for measured in found.values():
        assert len(measured["right"]) == len(measured["tokens"]) == 4


def test_answers_of_hasty_writers_are_counted_where_there_is_a_product() -> None:
    prompts = school.prompts("heldout", 40)
    said = [(hasty(problem_of(p)) or "").rpartition(" ")[2].rstrip(".") for p in prompts]
    attempts = [
        Attempt("i", p.id, "m", "plain", Sampling(), 0, p.messages, text, "stop")
        for p, text in zip(prompts, said, strict=True)
    ]
    found = scored(prompts, attempts)
    assert 10 < found["hasty"].count(1.0) < 30 and found["hasty"].count(0.0) == 0
    for right, in_haste, text in zip(found["right"], found["hasty"], said, strict=True):
        assert right == (in_haste is None and bool(text))


def test_the_table_pairs_each_row_with_chain_of_thought_of_as_many_shots() -> None:
    rng = random.Random(0)

    def cell(share: float) -> dict[str, object]:
        right = [float(rng.random() < share) for _ in range(40)]
        return {"right": right, "hasty": [None, 1.0] * 20, "tokens": [1.0] * 40, "unanswered": 0, "errors": 0}

    names = [COT, "contrastive: incoherent-objects", f"{COT}, 1 shot", "contrastive: incoherent-objects, 1 shot"]
    cells = [dict(zip(names, map(cell, (0.2, 0.9, 0.9, 0.2)), strict=True)) for _ in range(3)]
    lines = {line["row"]: line for line in contrastive_paper.table(cells, names)}
    assert lines[names[1]]["minus_CoT"].low > 0.3 and lines[names[3]]["minus_CoT"].high < -0.3
    assert "minus_CoT" not in lines[COT] and lines[COT]["hasty"].n == 60


def test_demonstrations_can_be_printed_for_reading(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "solved.jsonl"
    row = (
        '{{"question": "{0} and 4, 2 gone?", "explanation": "Once {0} + 4 = {1}. So {1} - 2 = {2}.", "answer": {2}}}\n'
    )
    file.write_text("".join(row.format(n, n + 4, n + 2) for n in range(5, 15)), encoding="utf-8")
    found = contrastive_paper.run(contrastive_paper.Settings(show=str(file)))
    said = capsys.readouterr().out
    assert said.count("Wrong explanation:") == 20 and "--- incoherent-objects" in said
    assert all(row["built"].value >= 0.9 and row["built"].n == 10 for row in found.rows)
