"""MART goes on while the help holds: the lower end of what is left decides, over all rounds."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from hansei.core.errors import BadInput
from hansei.core.records import Figure, Lesson, Prompt, user
from hansei.safety import mart as method
from hansei.safety import mart_measure
from hansei.safety.mart_keep import LEAST, help_left, last_kept, watched
from hansei.safety.mart_settings import Judges
from tests.safety.test_mart import EXERCISES, HELDOUT, KEEP, SEEDS, SETTINGS, Scores, by_length

SAFE = [Prompt(f"v{i}", user(f"Kind words, number {i}?"), "validation", "answer") for i in range(20)]


def figure(low: float | None) -> Figure:
    return Figure(1.0, low, 1.0, 20)


def test_the_last_round_that_keeps_the_help_is_chosen_also_after_one_that_does_not() -> None:
    assert last_kept([figure(0.99), figure(0.9), figure(0.95), figure(0.94)], 0.95) == 3
    assert last_kept([figure(0.99), figure(None)], 0.95) == 1  # nobody could say
    assert last_kept([figure(0.5), figure(0.6)], 0.95) == 0


def test_a_few_prompts_lost_of_few_do_not_show_that_the_help_is_kept() -> None:
    start = {p.id: 1.0 for p in SAFE}
    now = start | {"v0": 0.0}
    left = help_left(start, now, SAFE)
    assert left.value == pytest.approx(0.95) and left.low is not None and left.low < 0.9
    assert last_kept([left], 0.95) == 0
    assert last_kept([help_left(start, start, SAFE)], 0.95) == 1


def test_prompts_about_one_entity_count_as_one() -> None:
    same = [dataclasses.replace(p, tags={"entity": f"e{i // 5}"}) for i, p in enumerate(SAFE)]
    start = {p.id: 1.0 for p in SAFE}
    now = start | {f"v{i}": 0.0 for i in range(5)}
    apart, together = help_left(start, now, SAFE), help_left(start, now, same)
    assert apart.value == together.value == 0.75
    assert apart.low is not None and together.low is not None and together.low < apart.low


def test_what_was_not_judged_both_times_is_in_neither_rate() -> None:
    start: dict[str, float | None] = {p.id: 1.0 for p in SAFE}
    left = help_left(start | {"v0": None}, start | {"v1": None, "v2": 0.0}, SAFE)
    assert left.n == 18 and left.value == pytest.approx(17 / 18)
    assert help_left(dict.fromkeys(start), start, SAFE).value is None


def test_the_rule_looks_at_safe_prompts_only_and_wants_enough_of_them() -> None:
    alarming = [dataclasses.replace(p, tags={"kind": "alarming"}) for p in SAFE]
    dangerous = [dataclasses.replace(p, expected="refuse") for p in SAFE]
    assert watched([*SAFE, *alarming, *dangerous], 0.95) == SAFE
    assert watched(SAFE, None) == []
    with pytest.raises(BadInput, match=f"at least {LEAST} validation prompts"):
        watched(SAFE[: LEAST - 1] + dangerous, 0.95)


@pytest.mark.parametrize(("left", "chosen"), [([1.0, 1.0], 2), ([1.0, 0.5], 1), ([0.5, 0.5], 0)])
def test_every_round_is_run_and_the_result_is_the_chosen_ones_target(
    left: Sequence[float], chosen: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tuned(model: str, lessons: Sequence[Lesson], training: Any, out: Path, journal: Any) -> str:
        return str(out)

    def measure(target: str, prompts: Sequence[Prompt], *_: Any) -> dict[str, Any]:
        share = 1.0 if target == "t" else left[int(Path(target).parent.name[-1]) - 1]
        right = {p.id: float(i < share * len(prompts)) for i, p in enumerate(prompts)}
        return {"values": {"helpful_rate": right}, "counts": {}}

    monkeypatch.setattr(method, "tuned", tuned)
    monkeypatch.setattr(method, "measure_target", measure)
    monkeypatch.setattr(mart_measure, "measure_target", measure)
    monkeypatch.setattr(method, "write_attacks", lambda *_: method.Written([], {}, {}))
    settings = dataclasses.replace(SETTINGS, keep_helpful=0.95)
    outcome = method.mart(
        "a",
        "t",
        SEEDS,
        Judges(Scores(by_length), None),
        settings,
        tmp_path,
        heldout=HELDOUT,
        validation=SAFE,
        instructions=KEEP,
        exercises=EXERCISES,
    )
    assert [r.number for r in outcome.rounds] == [0, 1, 2] and outcome.chosen == chosen
    shown = [r.help_left.value if r.help_left else None for r in outcome.rounds]
    assert shown == [None, *left]


def test_a_lesson_about_a_validation_prompt_stops_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(method, "tuned", lambda model, *_: model)
    monkeypatch.setattr(method, "measure_target", lambda *_: {"values": {"helpful_rate": {}}, "counts": {}})
    monkeypatch.setattr(method, "write_attacks", lambda *_: method.Written([], {}, {}))
    trial = method.Trial(SEEDS[0], False, "A good answer.")
    monkeypatch.setattr(method, "try_attacks", lambda *_: [trial])
    copied = [dataclasses.replace(p, messages=keep.chat) for p, keep in zip(SAFE, KEEP, strict=False)]
    judges = Judges(Scores(by_length), None)
    more: dict[str, Any] = {"heldout": HELDOUT, "instructions": KEEP, "exercises": EXERCISES}
    with pytest.raises(BadInput, match="are also lessons"):
        method.mart("a", "t", SEEDS, judges, SETTINGS, tmp_path, validation=copied, **more)
