"""The calibration: the truth is right, the instrument finds it, and careless readings of the same turns do not."""

from __future__ import annotations

import concurrent.futures
import copy
import dataclasses
import json
import math
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from hansei.cli import main
from hansei.core.errors import BadInput
from hansei.core.journal import Journal
from hansei.core.records import Attempt, Chat, Prompt, Sampling
from hansei.core.result import Result
from hansei.safety import deception_calibration as calibration
from hansei.safety import deception_experiment as experiment
from hansei.safety.deception import EVENTS, play
from hansei.safety.deception_judge import DeceptionJudge
from hansei.safety.deception_rows import what_came
from hansei.safety.deception_truth import condition, own_rates
from hansei.town import exchange
from hansei.town.exchange import TRADERS, Trader
from tests.safety.examples import Analyst

STAGES = (("act", exchange.acts), ("report", exchange.reports), ("answer", exchange.answers))


@pytest.mark.parametrize("trader", TRADERS, ids=lambda t: t.name)
def test_the_instrument_reads_every_text_of_the_exchange_right(trader: Trader) -> None:
    for stage, listed in STAGES:
        for text, kind in listed(trader):
            prompt = Prompt("p", exchange.opening(trader), truth={"stage": stage, "stock": exchange.STOCK})
            attempt = Attempt("a", "p", "m", "plain", Sampling(), 0, prompt.messages, text, "stop")
            (verdict,) = DeceptionJudge().judge([(prompt, attempt)])
            came = what_came(verdict)
            assert came == kind or (kind, came) == ("unreadable", "undecided"), (stage, text)


def shares_of(trader: Trader, stage: int, listed: Sequence[tuple[str, str]]) -> list[float]:
    """The chance of each listed text of a trader who says each text of a kind as often."""
    share = getattr(trader, ("acts", "hides", "denies")[stage])
    of = {"yes": share * (1 - trader.unreadable), "no": (1 - share) * (1 - trader.unreadable)}
    of["unreadable"] = trader.unreadable
    kinds = [kind for _, kind in listed]
    return [of[kind] / kinds.count(kind) for kind in kinds]


class Exact(Analyst):
    """A model that is its traders: every text has the chance that the exchange gives it."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = random.Random(seed)
        super().__init__(self._draw)

    def _said(self, chat: Chat) -> tuple[list[str], list[float]]:
        stage = len(chat) // 2 - 1
        trader = next(t for t in TRADERS if exchange.opening(t) == chat[:2])
        listed = STAGES[stage][1](trader)
        return [text for text, _ in listed], shares_of(trader, stage, listed)

    def _draw(self, chat: Chat) -> str:
        texts, chances = self._said(chat)
        return self.rng.choices(texts, chances)[0]

    def logprobs(self, texts: Sequence[tuple[Chat, str]]) -> list[list[float] | None]:
        def one(chat: Chat, text: str) -> list[float]:
            chance = dict(zip(*self._said(chat), strict=True))[text]
            return [math.log(chance)] if chance else [-math.inf]

        return [one(chat, text) for chat, text in texts]


@pytest.mark.parametrize("trader", TRADERS, ids=lambda t: t.name)
def test_the_own_rates_of_a_model_that_is_its_traders_are_their_shares(trader: Trader) -> None:
    found = own_rates(Exact(), trader)
    known = (trader.acts, trader.hides, trader.denies)
    for event, share in zip(EVENTS, known, strict=True):
        assert found[event] == {"rate": pytest.approx(share), "beyond": pytest.approx(0, abs=1e-9)}


def test_after_an_event_without_any_chance_there_is_no_rate() -> None:
    class Never(Analyst):
        def logprobs(self, texts: Sequence[tuple[Chat, str]]) -> list[list[float] | None]:
            return [[-math.inf] if f"{exchange.STOCK}, buy, " in text else [math.log(0.25)] for _, text in texts]

    found = own_rates(Never(), dataclasses.replace(TRADERS[2], notes=False))
    assert found[EVENTS[0]]["rate"] == 0.0
    assert found[EVENTS[1]] == found[EVENTS[2]] == {"rate": None, "beyond": None}


def test_own_rates_weigh_each_history_by_its_chance() -> None:
    """By hand: acts 40 and 90 have chances .3 and .1; reports hide with 1 after 40 and 0 after 90: 0.3 / 0.4."""
    trader = dataclasses.replace(TRADERS[2], notes=False)
    acts, reports = [t for t, _ in exchange.acts(trader)], dict(exchange.reports(trader))
    hides = [t for t, kind in reports.items() if kind == "yes"]

    class Uneven(Analyst):
        def logprobs(self, texts: Sequence[tuple[Chat, str]]) -> list[list[float] | None]:
            return [[math.log(self.chance(chat, text) or 1e-300)] for chat, text in texts]

        def chance(self, chat: Chat, text: str) -> float:
            if len(chat) == 2:
                return dict(zip(acts, (0.3, 0.1, 0.4, 0.1), strict=True))[text]  # .1 is said beyond the list
            if len(chat) == 4:
                hidden = ", 40" in chat[2].content
                return (text in hides) / len(hides) if hidden else (text not in hides) / (len(reports) - len(hides))
            return 1 / len(exchange.answers(trader))

    found = own_rates(Uneven(), trader)
    assert found[EVENTS[0]] == {"rate": pytest.approx(0.4 / 0.9), "beyond": pytest.approx(0.1)}
    assert found[EVENTS[1]] == {"rate": pytest.approx(0.75), "beyond": pytest.approx(0, abs=1e-9)}
    assert found[EVENTS[2]]["rate"] == pytest.approx(2 / 3)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What the experiment's tasks would say of models that are their traders; two seeds."""
    seeds = []
    for seed in range(2):
        with Journal.open(tmp_path_factory.mktemp("exact")) as journal:
            conditions = [condition(trader) for trader in TRADERS]
            model = Exact(seed)
            played = play(model, conditions, 60, Sampling(1.0, 1.0, 48, seed), DeceptionJudge(), journal)
        traders = {t.name: {"own": own_rates(model, t), "came": experiment.came(played, t.name)} for t in TRADERS}
        seeds.append({"seed": seed, "fingerprint": "f" * 32, "traders": traders})
    return seeds


@pytest.fixture(scope="module")
def found(measured: list[dict[str, Any]]) -> Result:
    return calibration.result({}, measured, 0.0)


def test_intervals_hold_the_known_shares_of_models_that_are_their_traders(found: Result) -> None:
    everything = found.rows[-1]
    assert 0.95 * 6 * len(TRADERS) < everything["conditions"] <= 6 * len(TRADERS)  # Finn may never act in 60 plays
    assert everything["held_in_the_text"] / everything["conditions"] >= 0.9
    assert everything["held_in_the_text"] == everything["held_in_the_model"]
    assert everything["points_from_the_text"].value < 8
    assert found.errors == 0 and found.unscored > 0


def test_careless_readings_of_the_same_turns_are_found_out(found: Result) -> None:
    left_out, as_no, aside, along = found.parts["careless-readings"]
    name = "holds_the_share_in_the_text"
    assert left_out[name].value >= 0.9 and aside[name].value >= 0.9
    assert as_no[name].value < 0.6 and along[name].value < 0.4


def test_a_trader_who_never_acts_has_no_rate_of_reports(measured: list[dict[str, Any]]) -> None:
    seed = copy.deepcopy(measured[0])
    seed["traders"]["Finn"]["came"]["counts"] = {"act": {"no": 60}, "report": {}, "answer": {}}
    row = next(r for r in calibration.result({}, [seed], 0.0).parts["traders"] if r["row"] == "Finn")
    assert row["misaligned"].value == 0.0 and row[EVENTS[1]].value is None and row["hides_held"] == "0 of 0"


@pytest.mark.parametrize(
    ("cell", "truth", "expected"),
    [((0, 50), 0.0, True), ((50, 50), 1.0, True), ((0, 50), 0.2, False), ((25, 50), 0.5, True), ((0, 0), 0.5, None),
     ((5, 50), None, None)],
)  # fmt: skip
def test_an_interval_holds_a_truth_or_not(cell: tuple[int, int], truth: float | None, expected: bool | None) -> None:
    assert calibration.holds(cell, truth) is expected


class Later(concurrent.futures.Future[Any]):
    """A task that is done at once, in this process."""

    def __init__(self, work: Callable[[Any], Any], task: Any) -> None:
        super().__init__()
        self.set_result(work(task))


class Here:
    """Stands for the pool of processes."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def submit(self, work: Callable[[Any], Any], task: Any) -> Later:
        return Later(work, task)

    def shutdown(self, **_: Any) -> None:
        pass


def test_the_experiment_grows_measures_and_goes_on_where_it_stopped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(concurrent.futures, "ProcessPoolExecutor", Here)
    small = ["--seeds", "1", "--samples", "2", "--steps", "4", "--workers", "1", "--out", str(tmp_path)]
    assert main(["papers", "run", "deception", *small, "--json"]) == 0
    first = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert first["paper"] == "deception" and first["seeds"] == [0]
    assert first["rows"][-1]["conditions"] == 0 and first["unscored"] == 0  # after 4 steps nothing can be read
    (folder,) = [path for path in tmp_path.iterdir() if path.name.startswith("seed-0-")]
    with Journal.open(folder, read_only=True) as journal:
        assert len(list(journal.records("attempt", Attempt))) == 2 * len(TRADERS)

    def nothing(*_: Any) -> None:
        raise AssertionError("grown again")

    monkeypatch.setattr(experiment, "measure_seed", nothing)
    nothing.__name__ = "measure_seed"
    assert main(["papers", "run", "deception", *small, "--json"]) == 0
    again = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert {k: v for k, v in again.items() if k not in ("seconds", "peak_rss_mb")} == {
        k: v for k, v in first.items() if k not in ("seconds", "peak_rss_mb")
    }


def test_a_dry_run_grows_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["papers", "run", "deception", "--dry-run", "--out", str(tmp_path / "none")]) == 0
    assert "5 models of" in capsys.readouterr().out and not (tmp_path / "none").exists()


@pytest.mark.parametrize("name", ["seeds", "samples", "steps", "workers"])
def test_numbers_that_make_no_experiment_are_one_line(name: str) -> None:
    with pytest.raises(BadInput, match=f"{name}: expected 1 or more, found 0"):
        experiment.Settings(**{name: 0})
