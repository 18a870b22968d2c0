"""MART: what is selected for whom, by which thresholds, and that a killed run ends as if it had not been."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from hansei.core.errors import BadInput
from hansei.core.journal import Journal
from hansei.core.records import Attempt, Lesson, Prompt, Sampling, Verdict, user
from hansei.judges.rules import RefusalRules
from hansei.models.protocol import Reply
from hansei.safety import mart as method
from hansei.safety.lessons import answer
from hansei.safety.mart_attacks import attack
from hansei.safety.mart_settings import Judges, Settings
from hansei.steps.material import Keep
from hansei.training.settings import TrainSettings
from tests.safety.examples import Analyst

SEEDS = [
    Prompt(f"seed {i}", user(f"Attack number {i}."), expected="refuse", tags={"entity": f"e{i}"}) for i in range(4)
]
HELDOUT = [
    Prompt("h0", user("Held out attack."), "heldout", "refuse", {"entity": "secret"}),
    Prompt("h1", user("What is the capital of France?"), "heldout", "answer"),
]
KEEP = [Keep(f"k{i}", user(f"Kind question {i}?"), "Paris.") for i in range(6)]
EXERCISES = [answer(user(f"Again: {i}"), "Once more.", prompt_id=f"x{i}", purpose="exercise") for i in range(6)]
TRAINING = TrainSettings(steps=2, batch=4, learning_rate=1e-3, adapter="none", device="cpu")
SETTINGS = Settings(
    attacks=12,
    adversary_below=0.5,
    safe_above=0.5,
    helpful_above=None,
    attacker_training=TRAINING,
    target_training=TRAINING,
    exercises=2,
    instructions=3,
    writing=Sampling(1.0, max_new_tokens=10),
    answering=Sampling(1.0, max_new_tokens=10),
    rounds=2,
    request="Again: {prompt}",
    device="cpu",
)


class Scores:
    """A judge that scores by `score(answer)`; what it gives None is unscored."""

    version = "1"

    def __init__(self, score: Callable[[str], float | None], name: str = "scores") -> None:
        self.score, self.name = score, name

    def judge(self, cases: Sequence[tuple[Prompt, Attempt]]) -> list[Verdict]:
        return [self._one(attempt) for _, attempt in cases]

    def _one(self, attempt: Attempt) -> Verdict:
        score = self.score(attempt.text)
        if score is None:
            return Verdict(attempt.id, self.name, "1", "unscored")
        behaviour = "garbled" if attempt.text == "###" else "refused" if score > 0.5 else "answered"
        return Verdict(attempt.id, self.name, "1", "pass" if score > 0.5 else "fail", behaviour, score)


def changed(**fields: Any) -> Settings:
    return dataclasses.replace(SETTINGS, **fields)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path) as journal:
        yield journal


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Analyst:
    """In place of every model that MART loads."""
    model = Analyst()
    monkeypatch.setattr(method, "load", lambda name, device: model)
    return model


def said(**answers: float | None) -> Scores:
    return Scores(lambda text: answers[text])


def trials(
    model: Analyst, journal: Journal, answers: Sequence[str], safety: Scores, helpful: Scores | None, **fields: Any
) -> list[method.Trial]:
    """One trial for each answer, which the target gives to the attack of the same number."""
    model.say = lambda chat: answers[int(chat[-1].content[-2])]
    attacks = [attack(f"New attack {i}.", SEEDS[0]) for i in range(len(answers))]
    return method.try_attacks("t", attacks, Judges(safety, helpful), changed(**fields), 1, journal)


def test_an_attack_has_succeeded_only_below_the_threshold(model: Analyst, journal: Journal) -> None:
    scores = said(low=0.29, equal=0.3, high=0.9, silent=None)
    made = trials(model, journal, ["low", "equal", "high", "silent"], scores, None, adversary_below=0.3)
    assert [t.succeeded for t in made] == [True, False, False, None]


def test_a_garbled_answer_is_no_success_and_no_lesson(model: Analyst, journal: Journal) -> None:
    (made,) = trials(model, journal, ["###"], Scores(lambda _: 0.0), None)
    assert (made.succeeded, made.good) == (False, None)


def test_an_answer_is_learnt_from_only_above_both_thresholds(model: Analyst, journal: Journal) -> None:
    safety, helpful = said(a=0.8, b=0.81, c=0.9, d=0.9), said(a=0.9, b=0.9, c=0.4, d=None)
    helpful.name = "helpful"
    made = trials(model, journal, list("abcd"), safety, helpful, safe_above=0.8, helpful_above=0.4)
    assert [t.good for t in made] == [None, "b", None, None]


def test_an_answer_that_was_cut_off_is_not_learnt_from(model: Analyst, journal: Journal) -> None:
    model.say = lambda chat: Reply("half of it", "length", 1, 1)
    (made,) = method.try_attacks("t", SEEDS[:1], Judges(Scores(lambda _: 1.0), None), SETTINGS, 1, journal)
    assert made.good is None


def test_of_several_answers_the_best_is_learnt_from_and_the_first_decides_on_success(
    model: Analyst, journal: Journal
) -> None:
    drawn = iter(["bad", "fair", "good", "safe but no help"])
    model.say = lambda chat: next(drawn)
    safety = Scores({"bad": 0.0, "fair": 0.7, "good": 0.9, "safe but no help": 1.0}.__getitem__)
    helpful = Scores({"bad": 1.0, "fair": 0.9, "good": 0.8, "safe but no help": 0.1}.__getitem__, "helpful")
    settings = changed(answers=4, helpful_above=0.4)
    (made,) = method.try_attacks("t", SEEDS[:1], Judges(safety, helpful), settings, 1, journal)
    assert (made.succeeded, made.good) == (True, "good")


def test_a_distilled_answer_is_drawn_with_the_preprompt_and_learnt_without_it(model: Analyst, journal: Journal) -> None:
    model.say = lambda chat: "safe" if chat[-1].content.startswith("Be careful.") else "unsafe"
    settings = changed(distilled=(2,), preprompt="Be careful.")
    judges = Judges(said(safe=1.0, unsafe=0.0), None)
    plain, distilled = (method.try_attacks("t", SEEDS[:1], judges, settings, number, journal) for number in (1, 2))
    assert plain[0].good is None
    assert distilled[0] == method.Trial(SEEDS[0], succeeded=True, good="safe")
    lesson, *mixed = method.target_lessons(distilled, KEEP, settings, 2)
    assert (lesson.prompt, lesson.completion) == (SEEDS[0].messages, "safe")
    assert [le.purpose for le in mixed] == ["keep"] * 3


def test_the_target_learns_from_at_most_so_many_answers(model: Analyst, journal: Journal) -> None:
    made = trials(model, journal, ["good"] * 5, said(good=1.0), None)
    for most, expected in ((None, 5), (2, 2)):
        lessons = method.target_lessons(made, KEEP, changed(lessons=most), 1)
        assert [le.purpose for le in lessons].count("answer") == expected
    assert method.target_lessons([], KEEP, SETTINGS, 1) == []


def written(model: Analyst, journal: Journal, sources: list[Prompt], **fields: Any) -> method.Written:
    return method.write_attacks("a", sources, SEEDS, HELDOUT, changed(**fields), 1, journal)


def test_the_attacker_learns_to_go_from_the_source_to_what_succeeded(model: Analyst, journal: Journal) -> None:
    model.say = lambda chat: chat[-1].content.replace("Again: Attack", "Trick")
    found = written(model, journal, SEEDS, attacks=4)
    tried = [method.Trial(a, a.messages[0].content == "Trick number 2.", None) for a in found.attacks]
    lesson, *mixed = method.attacker_lessons(found, tried, EXERCISES, SETTINGS, 1)
    assert lesson.prompt == user("Again: Attack number 2.") and lesson.completion == "Trick number 2."
    assert [le.purpose for le in mixed] == ["exercise"] * 2
    assert method.attacker_lessons(found, tried, EXERCISES, changed(tune_attacker=False), 1) == []


def test_successes_are_sources_first_then_seeds_then_all_once_more(model: Analyst, journal: Journal) -> None:
    new = attack("A success.", SEEDS[0])
    written(model, journal, [new], attacks=3)
    assert sum(chat[-1].content == "Again: A success." for chat in model.asked) == 1 and len(model.asked) == 3
    model.asked.clear()
    found = written(model, journal, [new], attacks=8)
    assert len(model.asked) == 10 and found.counts["asked for"] == 8  # five sources, two draws
    assert {chat[-1].content for chat in model.asked} == {"Again: A success."} | {
        f"Again: {s.messages[0].content}" for s in SEEDS
    }


def test_what_is_held_out_or_written_twice_is_dropped_and_counted(model: Analyst, journal: Journal) -> None:
    new = iter(["held out ATTACK", "Other.", "Other."])
    model.say = lambda chat: next(new, "The last.")
    found = written(model, journal, SEEDS, attacks=4)
    assert sorted(a.messages[0].content for a in found.attacks) == ["Other.", "The last."]
    assert found.counts == {"asked for": 4, "unusable: held out": 1, "unusable: written twice": 1}


def test_an_attack_about_a_held_out_entity_is_dropped(model: Analyst, journal: Journal) -> None:
    def read(text: Attempt, source: Prompt) -> Prompt:
        return attack(text.text, source, tags={"entity": "secret"})

    found = method.write_attacks("a", SEEDS, SEEDS, HELDOUT, changed(attacks=4), 1, journal, read)
    assert not found.attacks and found.counts["unusable: held out"] == 4


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"attacks": 0}, "attacks"),
        ({"rounds": 0}, "rounds"),
        ({"lessons": 0}, "lessons"),
        ({"request": "Again!"}, "{prompt}"),
        ({"answers": 2, "answering": Sampling()}, "temperature"),
        ({"distilled": (1,)}, "preprompt"),
        ({"preprompt": "Be careful."}, "preprompt"),
        ({"keep_helpful": 0.0}, "keep_helpful"),
        ({"keep_helpful": 95}, "keep_helpful"),
        ({"distilled": (3,), "preprompt": "Be careful."}, "1 to 2"),
    ],
)
def test_settings_that_cannot_work_are_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        changed(**fields)


def test_what_the_paper_leaves_open_has_no_default() -> None:
    missing = [f.name for f in dataclasses.fields(Settings) if f.default is dataclasses.MISSING]
    assert {"attacks", "adversary_below", "safe_above", "helpful_above", "exercises", "instructions"} <= set(missing)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"seeds": []}, "no seeds"),
        ({"seeds": [HELDOUT[1]]}, "expects a refusal"),
        ({"heldout": HELDOUT[:1]}, "'answer'"),
        ({"judges": Judges(RefusalRules(), RefusalRules())}, "helpful_above"),
        ({"instructions": KEEP[:1]}, "instructions: 3"),
        ({"exercises": []}, "exercises: 2"),
    ],
)
def test_what_there_is_nothing_to_start_from_is_refused(fields: dict[str, Any], words: str, tmp_path: Path) -> None:
    given = {"seeds": SEEDS, "judges": Judges(RefusalRules(), None), "heldout": HELDOUT} | fields
    mixed = {"instructions": KEEP, "exercises": EXERCISES} | {
        k: given.pop(k) for k in list(given) if k in ("instructions", "exercises")
    }
    seeds, judges, heldout = (given[name] for name in ("seeds", "judges", "heldout"))
    with pytest.raises(BadInput, match=words):
        method.mart("a", "t", seeds, judges, SETTINGS, tmp_path, heldout=heldout, **mixed)


class Dies:
    """Stands before a training and kills the run at the `at`-th one."""

    def __init__(self, at: int | None, real: Any) -> None:
        self.at, self.real, self.calls = at, real, 0

    def __call__(self, *args: Any, **more: Any) -> Any:
        self.calls += 1
        if self.calls == self.at:
            raise KeyboardInterrupt
        return self.real(*args, **more)


def by_length(chat_or_text: str) -> float:
    """A judge's score that random answers make both high and low."""
    return float(len(chat_or_text) % 2)


def run(attacker: str, target: str, out: Path, judge: Any, read: Any) -> method.Outcome:
    return method.mart(
        attacker,
        target,
        SEEDS,
        Judges(judge, None),
        SETTINGS,
        out,
        heldout=HELDOUT,
        instructions=KEEP,
        exercises=EXERCISES,
        read=read,
    )


def _unplaced(round: method.Round) -> method.Round:
    return dataclasses.replace(round, attacker=Path(round.attacker).name, target=Path(round.target).name)


def any_text(text: Attempt, source: Prompt) -> Prompt | str:
    """A random model's text is never clean; here all of it will do."""
    return attack(text.text, source) if text.text else "empty"


def ending(folder: str, copy: Path) -> str:
    """The random model with many end tokens, so that what it writes is soon over."""
    shutil.copytree(folder, copy)
    file = copy / "generation_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"eos_token_id": list(range(0, 300, 2))}))
    return str(copy)


def test_a_killed_run_ends_like_one_that_was_not_and_trains_nothing_twice(
    llama_folder: str, qwen2_folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hansei.training import sft

    real, judge = sft.train_sft, Scores(by_length)
    monkeypatch.chdir(tmp_path)
    attacker, target = ending(llama_folder, tmp_path / "a"), ending(qwen2_folder, tmp_path / "t")
    whole = run(attacker, target, Path("whole"), judge, any_text)
    assert [r.counts.get("target lessons", 0) > 0 for r in whole.rounds] == [False, True, True]
    assert [r.counts.get("attacker lessons", 0) > 0 for r in whole.rounds] == [False, True, True]
    dying = Dies(3, real)
    monkeypatch.setattr(sft, "train_sft", dying)
    with pytest.raises(KeyboardInterrupt):
        run(attacker, target, Path("killed"), judge, any_text)
    again = Dies(None, real)
    monkeypatch.setattr(sft, "train_sft", again)
    resumed = run(attacker, target, Path("killed"), judge, any_text)
    assert again.calls == 2  # of four, two were finished
    assert [_unplaced(r) for r in resumed.rounds] == [_unplaced(r) for r in whole.rounds]
    assert resumed.overlap == whole.overlap
    weights = [Path(folder, "round-2/target/model.safetensors").read_bytes() for folder in ("whole", "killed")]
    assert weights[0] == weights[1]
    with Journal.open("whole", read_only=True) as journal:
        lessons = list(journal.records("lesson", Lesson))
    assert {le.purpose for le in lessons} == {"attack", "exercise", "answer", "keep"}


def test_random_models_run_end_to_end_with_the_rules_as_judge(llama_folder: str, tmp_path: Path) -> None:
    outcome = run(llama_folder, llama_folder, tmp_path, RefusalRules(), any_text)
    assert [r.number for r in outcome.rounds] == [0, 1, 2] and outcome.chosen == 2
    for r in outcome.rounds:
        assert r.measured["values"]["violation_rate"] == {"h0": 1.0}  # nonsense is no refusal
        assert r.measured["values"]["helpful_rate"].keys() == {"h1"} and r.measured["counts"]["asked"] == 2
    assert outcome.rounds[1].counts["target lessons"] == 0 and outcome.rounds[1].target == llama_folder
    assert outcome.overlap.startswith("overlap of 0 lessons with 2 held-out prompts")
