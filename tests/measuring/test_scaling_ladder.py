"""The ladder: exact scores against sampled text, and a prediction that is there before the largest model is trained."""

import json
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hansei.core.errors import BadInput
from hansei.core.journal import Journal
from hansei.core.keys import content_key
from hansei.measuring import scaling_ladder, scaling_paper
from hansei.measuring.scaling_ladder import Rung, bucket_slices, new_model, parameters, score, surprisals
from hansei.measuring.scaling_paper import Settings, run
from hansei.town.ledger import PREDICTED, WORDS, Ledger


class Alone:
    """A pool of this process: same keys, same journal, and it tells what it was asked to work on."""

    worked: list[Any]

    def __init__(self, workers: int, journal: Journal, version: str) -> None:
        self.journal, self.version = journal, version

    def __enter__(self) -> "Alone":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def run(self, work: Callable[[Any], Any], tasks: Sequence[Any], label: str) -> list[Any]:
        found = []
        for task in tasks:
            key = content_key("task", self.version, task)
            if (done := self.journal.done(key)) is None:
                Alone.worked.append((label, task))
                self.journal.commit(key, label, [work(task)])
                done = self.journal.done(key)
            found.append((done or [None])[0])
        return found


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ladders that take a moment: a two-hundredth of the compute."""
    for home in (scaling_ladder, scaling_paper):
        monkeypatch.setattr(home, "SMALLEST", 8e6)
    monkeypatch.setattr(scaling_paper, "Pool", Alone)


def test_a_prediction_is_written_before_its_model_is_trained_and_never_made_anew(
    small: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    real = scaling_paper.train_rung

    def watched(rung: Rung) -> dict[str, Any]:
        seen.append((rung.compute, (tmp_path / "prediction.json").exists()))
        return real(rung)

    monkeypatch.setattr(scaling_paper, "train_rung", watched)
    settings = Settings(out=str(tmp_path), seeds=1, decades=0.5, rungs=5)
    Alone.worked = []
    made = run(settings)
    largest = max(c for c, _ in seen)
    assert [there for c, there in seen if c == largest] == [True] and not any(t for c, t in seen if c < largest)
    assert largest >= 10 * max(c for c, _ in seen if c < largest) * 0.999
    (forecast,) = json.loads((tmp_path / "prediction.json").read_text())
    assert forecast["written"] <= made.more["largest"][0]["started"]
    with Journal.open(tmp_path) as journal:
        kinds = [kind for kind in ("ladder", "prediction", "largest") for _ in journal.records(kind)]
    assert kinds == ["ladder"] * 5 + ["prediction", "largest"]
    known = made.rows[0]
    assert known["error"].value == pytest.approx(
        abs(forecast["reducible"][0] / made.more["largest"][0]["reducible"] - 1)
    )
    assert "<svg" in (tmp_path / "scaling.svg").read_text()
    Alone.worked = []
    again = run(settings)
    assert Alone.worked == [] and again.more["forecasts"] == made.more["forecasts"]
    more = run(Settings(out=str(tmp_path), seeds=2, decades=0.5, rungs=5))
    assert {task.seed for _, task in Alone.worked} == {1} and more.more["forecasts"][0] == forecast


def test_parameters_are_counted_as_the_model_has_them_and_compute_is_spent_as_asked() -> None:
    for width in (8, 12, 52):
        assert parameters(width) == sum(p.numel() for p in new_model(width).parameters())
    rungs = scaling_paper.rungs(Settings(), 0)
    assert all(rung.spent == pytest.approx(rung.compute, rel=0.01) for rung in rungs)
    assert rungs[-1].compute / rungs[0].compute == pytest.approx(100)
    largest = Rung(rungs[-1].compute * 10, 0)
    assert largest.width > rungs[-1].width > rungs[0].width and largest.tokens > rungs[-1].tokens


def test_the_exact_loss_is_that_of_fresh_text_and_the_pass_rate_that_of_sampled_answers() -> None:
    import torch

    torch.manual_seed(0)
    ledger, model = Ledger(0), new_model(8)
    surprisal_MT = surprisals(model, ledger.lines)
    found = score(ledger, surprisal_MT)
    fresh = np.array(list(islice(ledger.stream(9), 4000)))
    sampled = surprisals(model, fresh).sum(axis=1)  # an oracle that draws lines
    assert found["loss"] * PREDICTED == pytest.approx(sampled.mean(), abs=4 * sampled.std() / len(sampled) ** 0.5)
    line = torch.from_numpy(ledger.lines[:1])
    with torch.no_grad():
        loss = model(input_ids=line, labels=line).loss
    assert surprisal_MT[0].mean() == pytest.approx(float(loss), rel=1e-5)
    assert found["reducible"] == pytest.approx(found["loss"] - ledger.entropy)


def test_a_model_that_knows_the_ledger_has_no_reducible_loss_and_one_that_guesses_has_all() -> None:
    ledger = Ledger(0)
    names = np.zeros((len(ledger.lines), PREDICTED))
    names[:, 0] = -np.log(ledger.probabilities)  # all of a line's surprise lies in whom it is about
    known = score(ledger, names)
    assert known["reducible"] == pytest.approx(0, abs=1e-12) and known["neglog_pass"] == 0
    guessed = score(ledger, np.full_like(names, np.log(len(WORDS))))
    assert guessed["loss"] == pytest.approx(np.log(len(WORDS)))
    assert guessed["buckets"] == pytest.approx([2 * np.log(len(WORDS))] * 4)
    parts = bucket_slices(len(names))
    assert [len(names[part]) for part in parts] == [10, 90, 900, len(names) - 1000]


def test_numbers_that_make_no_experiment_are_refused() -> None:
    for wrong in ({"seeds": 0}, {"rungs": 3}, {"decades": 0.1}, {"workers": 0}):
        with pytest.raises(BadInput):
            Settings(**wrong)  # type: ignore[arg-type]
