"""The school's shipped base does what its district needs of it."""

from __future__ import annotations

from hansei.core.records import Sampling, user
from hansei.models.load import load
from hansei.steps.town_school import problem_of
from hansei.town import school
from hansei.town import school_phrasing as say
from hansei.town.school_text import fill_request


def test_slots_are_filled_and_templates_written_on_held_out_problems() -> None:
    base = load("town:school", device="cpu")
    problems = [p for p in school.prompts("heldout", 40, told=0) if p.tags["shelf"] == "textbook"][:16]
    slots = base.generate([user(fill_request(problem_of(p))) for p in problems], Sampling(max_new_tokens=64))
    filled = [r.text.strip() == say.filled((p.truth or {})["numbers"]) for p, r in zip(problems, slots, strict=True)]
    assert sum(filled) >= 12
    asked = [f"{say.QUESTION.format(question=p.messages[-1].content)}\n{say.DISTIL}" for p in problems]
    said = base.generate([user(text) for text in asked], Sampling(max_new_tokens=64))
    named = [say.task(tuple((p.truth or {})["kind"])) in r.text for p, r in zip(problems, said, strict=True)]
    assert sum(named) >= 10
