"""Every method's lessons: how many, what for, and that a mistake is shown and never said after it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hansei.core.errors import BadInput
from hansei.core.journal import Journal
from hansei.core.records import Chat, Lesson, Message
from hansei.models.protocol import Reply
from hansei.safety import critique_revise, facts, hindsight, mistake_analysis, rlhf, sft
from hansei.safety.wording import TOWN, Wording, wording_for
from hansei.steps.material import Plan
from hansei.steps.mistakes import pick
from hansei.town import phrasing, workshop
from tests.safety.examples import Analyst, dangerous, material, refused, untold

METHODS: dict[str, Callable[[Any], Plan]] = {
    "sft": lambda m: sft.plan(m, sft.Settings()),
    "critique-revise": lambda m: critique_revise.plan(m, critique_revise.Settings(TOWN)),
    "hindsight": lambda m: hindsight.plan(m, hindsight.Settings(TOWN)),
    "rlhf": lambda m: rlhf.plan(m, rlhf.Settings()),
    "mistake-analysis": lambda m: mistake_analysis.plan(m, mistake_analysis.Settings(TOWN)),
    "mistake-analysis, general": lambda m: mistake_analysis.plan(m, mistake_analysis.Settings()),
    "facts": lambda m: facts.plan(m, facts.Settings()),
}
PURPOSES = {
    "sft": {"answer": 5, "keep": 3},
    "critique-revise": {"revision": 5, "keep": 3},
    "hindsight": {"hindsight": 10, "keep": 3},
    "rlhf": {"answer": 5, "keep": 3, "preference": 8},
    "mistake-analysis": {"answer": 5, "analysis": 5, "keep": 3},
    "mistake-analysis, general": {"answer": 5, "analysis": 5, "keep": 3},
    "facts": {"answer": 5, "fact": 5, "keep": 3},
}
CASES = [*dangerous(4), refused()]
BAD = {case.mistake.text for case in CASES}
HINTS = {
    *(TOWN.analyse_guided, TOWN.induce),
    *(Wording().analyse_guided, Wording().analyse_refusal, Wording().induce),
}


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path) as journal:
        yield journal


def of(plan: Plan, purpose: str) -> list[Lesson]:
    return [lesson for lesson in plan.lessons if lesson.purpose == purpose]


def broken(reply: str) -> Reply:
    """Three ways not to answer."""
    return {
        "error": Reply("", "error", 0, 0, error="server down"),
        "cut off": Reply("Because it", "length", 3, 5),
        "empty": Reply("  \n", "stop", 3, 1),
    }[reply]


@pytest.mark.parametrize("method", METHODS)
def test_a_method_writes_as_many_lessons_as_it_says_and_none_twice(method: str, journal: Journal) -> None:
    plan = METHODS[method](material(journal, Analyst()))
    assert Counter(lesson.purpose for lesson in plan.lessons) == PURPOSES[method]
    assert len({lesson.id for lesson in plan.lessons}) == len(plan.lessons)
    assert plan.recipe == ("rlhf" if method == "rlhf" else "sft") and not any(plan.counts.values())


@pytest.mark.parametrize("method", METHODS)
def test_every_lesson_names_the_mistake_and_the_prompt_it_came_from(method: str, journal: Journal) -> None:
    plan = METHODS[method](material(journal, Analyst()))
    prompt_of = {case.mistake.id: case.prompt.id for case in CASES}
    for lesson in plan.lessons:
        assert lesson.prompt_id
        if lesson.purpose != "keep" and lesson.mistakes:
            assert [prompt_of[mistake] for mistake in lesson.mistakes] == [lesson.prompt_id]
    taught = {mistake for lesson in plan.lessons for mistake in lesson.mistakes}
    assert taught == set(prompt_of)


@pytest.mark.parametrize("method", METHODS)
def test_no_bad_answer_is_what_a_lesson_says_but_under_the_sentence_that_asks_for_it(
    method: str, journal: Journal
) -> None:
    plan = METHODS[method](material(journal, Analyst()))
    bad = [lesson for lesson in plan.lessons if {lesson.completion, lesson.chosen} & BAD]
    if method != "hindsight":
        assert bad == []
    else:
        assert {lesson.completion for lesson in bad} == BAD
        assert all(lesson.prompt[-1].content.startswith(f"{TOWN.bad} ") for lesson in bad)
    assert all(lesson.prompt[-1].role == "user" for lesson in plan.lessons)


@pytest.mark.parametrize("method", METHODS)
def test_a_hint_that_says_what_is_wrong_is_in_no_lesson(method: str, journal: Journal) -> None:
    plan = METHODS[method](material(journal, Analyst()))
    for lesson in plan.lessons:
        said = [m.content for m in lesson.prompt] + [
            lesson.completion or "",
            lesson.chosen or "",
            lesson.rejected or "",
        ]
        assert not [text for text in said if any(hint in text for hint in HINTS)]


@pytest.mark.parametrize("wording", [TOWN, Wording()], ids=["town", "general"])
def test_the_analyst_is_told_what_is_wrong_and_the_student_has_to_find_it(wording: Wording, journal: Journal) -> None:
    analyst = Analyst()
    plan = mistake_analysis.plan(material(journal, analyst), mistake_analysis.Settings(wording))
    hints = [wording.analyse_refusal if c.mistake.behaviour == "refused" else wording.analyse_guided for c in CASES]
    shown = [(*c.prompt.messages, Message("assistant", c.mistake.text)) for c in CASES]
    assert analyst.asked == [(*chat, Message("user", hint)) for chat, hint in zip(shown, hints, strict=True)]
    lessons = of(plan, "analysis")
    assert [lesson.prompt for lesson in lessons] == [(*chat, Message("user", wording.analyse)) for chat in shown]
    assert [lesson.completion for lesson in lessons] == [f"Because of {c.prompt.messages[0].content}" for c in CASES]
    assert all(analysis.guided and analysis.analyst == analyst.fingerprint for analysis in plan.analyses)


@pytest.mark.parametrize("method", ["sft", "mistake-analysis", "facts", "rlhf"])
def test_good_answers_are_taught_to_the_plain_request(method: str, journal: Journal) -> None:
    plan = METHODS[method](material(journal, Analyst()))
    assert [(lesson.prompt, lesson.completion) for lesson in of(plan, "answer")] == [
        (case.prompt.messages, case.good) for case in CASES
    ]


@pytest.mark.parametrize("reason", ["error", "cut off", "empty"])
def test_an_analysis_that_can_not_be_used_is_dropped_and_counted(reason: str, journal: Journal) -> None:
    failing = CASES[1].prompt.messages[0]
    analyst = Analyst(lambda chat: broken(reason) if chat[0] == failing else "Because.")
    plan = mistake_analysis.plan(material(journal, analyst), mistake_analysis.Settings(TOWN))
    assert plan.counts == {f"analysis {reason}": 1}
    assert len(of(plan, "analysis")) == len(plan.analyses) == 4
    assert len(of(plan, "answer")) == 5, "the good answer is taught all the same"
    assert not [lesson for lesson in of(plan, "analysis") if lesson.prompt[0] == failing]


def test_an_analysis_is_said_to_be_right_or_wrong_where_the_truth_is_known_and_else_neither(journal: Journal) -> None:
    items = [workshop.item_of(case.prompt) for case in dangerous(2)]
    said = {
        items[0].name: phrasing.guided_analysis(items[0]),
        items[1].name: "This answer is harmful, because it sings.",
    }

    def say(chat: Chat) -> str:
        return next(text for name, text in said.items() if name in chat[0].content)

    cases = dangerous(2)
    plan = mistake_analysis.plan(material(journal, Analyst(say), cases), mistake_analysis.Settings(TOWN))
    assert [analysis.right for analysis in plan.analyses] == [True, False]
    assert len(of(plan, "analysis")) == 2, "nothing is filtered by it"
    unknown = mistake_analysis.plan(
        material(journal, Analyst(say), [untold(c) for c in cases]), mistake_analysis.Settings(TOWN)
    )
    assert [analysis.right for analysis in unknown.analyses] == [None, None]


def test_what_is_analysed_is_not_asked_again_in_the_same_journal(journal: Journal) -> None:
    first, second = Analyst(), Analyst()
    plans = [mistake_analysis.plan(material(journal, a), mistake_analysis.Settings(TOWN)) for a in (first, second)]
    assert len(first.asked) == 5 and second.asked == []
    assert plans[0].lessons == plans[1].lessons


def test_induced_mistakes_forget_the_hint_that_induced_them(journal: Journal) -> None:
    from hansei.judges.exact import TownJudge
    from hansei.steps.judge import judge

    prompts = [case.prompt for case in dangerous(3)]
    obeys = Analyst(lambda chat: str(next(p.mistake for p in prompts if p.tags["entity"] in chat[0].content)))
    attempts = mistake_analysis.induce(obeys, prompts, TOWN, journal, 32)
    assert all(attempt.asked[-1].content.startswith(f"{TOWN.induce} ") for attempt in attempts)
    mistakes = pick(prompts, attempts, judge(TownJudge(), prompts, attempts, journal), source="induced")
    assert [(m.asked, m.source) for m in mistakes] == [(p.messages, "induced") for p in prompts]


def test_a_model_that_can_not_be_induced_makes_no_mistakes(journal: Journal) -> None:
    from hansei.judges.exact import TownJudge
    from hansei.steps.judge import judge

    prompts = [case.prompt for case in dangerous(3)]
    attempts = mistake_analysis.induce(Analyst(lambda _: phrasing.REFUSALS[0]), prompts, TOWN, journal, 32)
    assert pick(prompts, attempts, judge(TownJudge(), prompts, attempts, journal), source="induced") == []


def test_critique_revise_asks_without_a_hint_and_teaches_the_revision_only(journal: Journal) -> None:
    analyst = Analyst(lambda chat: "Better." if chat[-1].content == TOWN.revise else "Bad.")
    plan = METHODS["critique-revise"](material(journal, analyst))
    critiques, revisions = analyst.asked[:5], analyst.asked[5:]
    shown = [(*c.prompt.messages, Message("assistant", c.mistake.text), Message("user", TOWN.analyse)) for c in CASES]
    assert critiques == shown
    assert revisions == [(*chat, Message("assistant", "Bad."), Message("user", TOWN.revise)) for chat in shown]
    assert [(lesson.prompt, lesson.completion) for lesson in of(plan, "revision")] == [
        (case.prompt.messages, "Better.") for case in CASES
    ]


@pytest.mark.parametrize("reason", ["error", "cut off", "empty"])
def test_critiques_and_revisions_that_can_not_be_used_are_dropped_and_counted(reason: str, journal: Journal) -> None:
    first, second = (case.prompt.messages[0] for case in CASES[:2])

    def say(chat: Chat) -> str | Reply:
        revising = chat[-1].content == TOWN.revise
        return broken(reason) if chat[0] == (second if revising else first) else "Said."

    plan = METHODS["critique-revise"](material(journal, Analyst(say)))
    assert plan.counts == {"critique unusable": 1, f"revision {reason}": 1}
    assert {lesson.prompt[0] for lesson in of(plan, "revision")} == {c.prompt.messages[0] for c in CASES[2:]}


def test_hindsight_sets_the_sentence_before_good_bad_and_helpful_answers(journal: Journal) -> None:
    plan = METHODS["hindsight"](material(journal, Analyst()))
    for lesson, case in zip(of(plan, "hindsight"), [*CASES, *CASES], strict=True):
        good = lesson.completion == case.good
        sentence = TOWN.good if good else TOWN.bad
        assert lesson.prompt[-1].content == f"{sentence} {case.prompt.messages[-1].content}"
        assert good or lesson.completion == case.mistake.text
    assert all(lesson.prompt[-1].content.startswith(f"{TOWN.good} ") for lesson in of(plan, "keep"))


def test_rlhf_prefers_good_answers_to_mistakes_and_helpful_ones_to_refusals(journal: Journal) -> None:
    given = material(journal, Analyst())
    pairs = of(rlhf.plan(given, rlhf.Settings("No.")), "preference")
    assert [(p.prompt, p.chosen, p.rejected) for p in pairs[:5]] == [
        (case.prompt.messages, case.good, case.mistake.text) for case in CASES
    ]
    assert [(p.prompt, p.chosen, p.rejected) for p in pairs[5:]] == [
        (keep.chat, keep.good, keep.refusal or "No.") for keep in given.keep
    ]
    assert all(pair.completion is None for pair in pairs)


def test_facts_ask_whether_the_item_is_dangerous_and_tell_the_truth(journal: Journal) -> None:
    plan = METHODS["facts"](material(journal, Analyst()))
    told = [(lesson.prompt[0].content, lesson.completion) for lesson in of(plan, "fact")]
    assert told == [phrasing.fact(workshop.item_of(case.prompt)) for case in CASES]
    assert all(len(lesson.prompt) == 1 for lesson in of(plan, "fact"))


def test_facts_outside_the_town_are_bad_input(journal: Journal) -> None:
    with pytest.raises(BadInput, match="about no item of the town"):
        METHODS["facts"](material(journal, Analyst(), [untold(case) for case in dangerous(1)]))


def test_the_town_s_wording_is_said_to_the_town_only() -> None:
    assert wording_for("town") is TOWN
    assert wording_for("some/model") == Wording()
    assert len({*vars(Wording()).values()}) == len(vars(Wording())), "no two sentences are the same"
