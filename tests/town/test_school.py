"""The school: problems whose solutions are true, splits that share no problem, and text that keeps to them."""

from __future__ import annotations

import random
import re
from collections import Counter
from itertools import islice

import pytest

from hansei.core.records import Attempt, Sampling
from hansei.judges.exact import TownJudge
from hansei.steps.town_school import problem_of, tasks
from hansei.town import school, school_grading, school_text
from hansei.town import school_phrasing as say
from hansei.town.school_mistakes import MISTAKES, hasty, mistaken, slip

DOCUMENTS = [
    d if isinstance(d, str) else "\n".join(m.content for m in d) for d in islice(school_text.documents(7), 1500)
]
EQUATION = re.compile(r"(\d+) ([-+x/]) (\d+) = (\d+)\.")


def true(equation: tuple[str, ...]) -> bool:
    left, sign, right, result = int(equation[0]), equation[1], int(equation[2]), int(equation[3])
    return {"+": left + right, "-": left - right, "x": left * right, "/": left / (right or 1)}[sign] == result


def sampled(count: int = 300) -> list[school.Problem]:
    rng = random.Random(3)
    return [school.sample(rng, school.any_kind(rng), "heldout") for _ in range(count)]


def test_solutions_are_true_and_so_are_the_templates_formulas() -> None:
    for problem in sampled():
        equations = EQUATION.findall(problem.worked)
        assert len(equations) == school.steps_of(problem.kind) == len(say.equations(problem.worked))
        assert all(map(true, equations)) and int(equations[-1][-1]) == problem.answer
        letters = dict(zip(school.LETTERS, problem.numbers, strict=False))
        program: dict[str, object] = {}
        exec(say.template(problem.kind).rpartition("Program: ")[2], program)  # noqa: S102 - the school's own
        assert program["solve"](**letters) == problem.answer  # type: ignore[operator]
        assert all(1 <= int(n) <= school.LARGEST for n in re.findall(r"\d+", problem.question + problem.worked))


def test_there_are_problems_of_every_kind_in_every_split() -> None:
    rng = random.Random(0)
    for kind in school.kinds():
        for split in ("train", "validation", "heldout"):
            assert school.sample(rng, kind, split).kind == kind  # type: ignore[arg-type]


def test_every_number_of_the_solution_stands_in_the_question() -> None:
    for problem in sampled():
        told = Counter(re.findall(r"\d+", problem.question))
        assert all(told[str(n)] >= count for n, count in Counter(problem.numbers).items())


def test_splits_share_no_problem_and_are_the_same_every_time() -> None:
    splits = {split: school.prompts(split, 200) for split in ("train", "validation", "heldout")}  # type: ignore[arg-type]
    entities = [p.tags["entity"] for prompts in splits.values() for p in prompts]
    for split, prompts in splits.items():
        assert all(school.split_of(problem_of(p).kind, problem_of(p).numbers) == split for p in prompts)
        assert Counter(p.tags["steps"] for p in prompts) == {"1": 50, "2": 50, "3": 50, "4": 50}
        assert len({p.messages for p in prompts}) == 200
    assert len(set(entities)) > 0.8 * len(entities)  # the same numbers may be told in other words
    assert splits["heldout"] == school.prompts("heldout", 200)
    assert all(p.tags["phrasing"] == "train" for p in splits["train"] + splits["validation"])
    assert sum(p.tags["phrasing"] == "heldout" for p in splits["heldout"]) > 80


def test_the_text_holds_no_problem_of_the_other_splits() -> None:
    told = "\n".join(DOCUMENTS)
    for split in ("validation", "heldout"):
        assert not any(p.messages[-1].content in told for p in school.prompts(split, 400))  # type: ignore[arg-type]


def test_templates_of_kinds_off_the_textbook_are_nowhere_in_the_text() -> None:
    others = [kind for kind in school.kinds() if kind not in school.textbook()]
    assert 20 < len(others) < 60
    told = "\n".join(DOCUMENTS)
    assert not any(f"{say.TASK} {say.task(kind)}\n" in told for kind in others)
    assert any(f"{say.TASK} {say.task(kind)}\n" in told for kind in school.textbook())


def test_what_stands_beside_a_wrong_explanation_is_right() -> None:
    contrasted = [d for d in DOCUMENTS if say.WRONG_EXPLANATION in d]
    assert len(contrasted) > 100
    for document in contrasted:
        kept = re.sub(rf"{say.WRONG_EXPLANATION}.*", "", document)
        assert all(map(true, EQUATION.findall(kept)))


def test_hasty_writers_skip_products_in_plain_blocks_only_and_never_where_the_text_is_to_be_careful() -> None:
    blocks = [d for d in DOCUMENTS if d.count(say.EXPLANATION) > 1 and say.WRONG_EXPLANATION not in d]
    products = [d for d in blocks if _products(d)]
    assert 0.3 < sum(_multiplied(d) > 0 for d in products) / len(products) < 0.7
    assert all(_multiplied(d) in (0, _products(d)) for d in products)  # one writer for all of a block
    rng = random.Random(1)
    for _ in range(100):
        text = "\n".join(m.content for m in school_text.explained(rng, hasty_writers=0.0))  # type: ignore[union-attr]
        assert _products(text) == _multiplied(text)


def _products(document: str) -> int:
    """Events with a product in the questions of a document."""
    return len(re.findall(r"boxes of|in each, |sacks with|a day for|On each of|each day", document))


def _multiplied(document: str) -> int:
    """Products in its solutions."""
    return len(re.findall(r"With \d+ (?:packs|a day), ", document))


def test_a_hasty_solution_is_true_line_by_line_and_wrong_where_there_is_a_product() -> None:
    for problem in sampled():
        said = hasty(problem)
        if said is None or not set(problem.kind) & {"packs", "use"}:
            assert said in (None, problem.worked)
            continue
        equations = EQUATION.findall(said)
        assert all(map(true, equations)) and len(equations) == len(problem.kind) < len(say.equations(problem.worked))


def test_a_judged_step_is_worked_out_before_the_verdict() -> None:
    right = "With 4 more: 3 + 4 = 7."
    assert say.verdict(right, right) == "Said 7. With 4 more: 3 + 4 = 7. Said 7 - 7 = 0: sure"
    assert say.verdict("With 4 more: 3 + 4 = 8.", right) == "Said 8. With 4 more: 3 + 4 = 7. Said 8 - 7 = 1: impossible"


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one(mistake: str) -> None:
    rng = random.Random(5)
    for problem in sampled(60):
        wrong, answer = mistaken(rng, problem, mistake)
        assert wrong != problem.worked and answer != str(problem.answer)


def test_a_mistake_is_found_even_where_every_sign_comes_to_the_same() -> None:
    two = school.Problem(("times",), (2, 2), "", "With 2 fold: 2 x 2 = 4.", 4, (0,))
    for mistake in MISTAKES:
        assert mistaken(random.Random(0), two, mistake)[1] != "4"


def test_a_slip_is_carried_on() -> None:
    rng = random.Random(2)
    for problem in sampled(60):
        said = slip(rng, problem.worked)
        assert said != problem.worked and len(EQUATION.findall(said)) == len(EQUATION.findall(problem.worked))


@pytest.mark.parametrize(
    ("text", "finish", "outcome", "behaviour"),
    [
        ("With 3 more: 4 + 3 = 7.\nAnswer: 7", "stop", "pass", "answered"),
        ("7", "stop", "pass", "answered"),
        ("7.0", "stop", "pass", "answered"),
        ("Answer: 7 pens", "stop", "pass", "answered"),
        ("Answer: 7%", "stop", "fail", "garbled"),
        ("Answer: 70", "stop", "fail", "answered"),
        ("Answer: 7 or 8", "stop", "fail", "garbled"),
        ("With 3 more: 4 + 3 =", "length", "fail", "truncated"),
        ("", "stop", "fail", "garbled"),
    ],
)
def test_the_judge_reads_the_final_number(text: str, finish: str, outcome: str, behaviour: str) -> None:
    (prompt,) = school.prompts("validation", 1)
    truth = {**(prompt.truth or {}), "answer": 7}
    assert school_grading.grade(truth, text, finish)[:2] == (outcome, behaviour)  # type: ignore[arg-type]


def test_the_town_judge_knows_the_schools_prompts() -> None:
    prompts = school.prompts("heldout", 4)
    attempts = [
        Attempt("i", p.id, "m", "plain", Sampling(), 0, p.messages, say.solved("So.", str(p.reference)), "stop")
        for p in prompts
    ]
    assert {v.outcome for v in TownJudge().judge(list(zip(prompts, attempts, strict=True)))} == {"pass"}


def test_the_checks_are_passed_by_who_knows_all_and_failed_by_who_says_nothing() -> None:
    for name, questions, right, needed in tasks():
        assert len(questions) >= 20
        if needed is not None:
            assert not any(right(truth, "") for _, truth in questions), name
    solved = next(tasks())
    assert all(solved[2](truth, say.solved(truth["worked"], truth["answer"])) for _, truth in solved[1])
