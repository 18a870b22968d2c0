"""Chains: the attempts that `ask` would make, in units that a killed run does not repeat."""

from __future__ import annotations

from pathlib import Path

import pytest

from hansei.core.errors import BadInput
from hansei.core.journal import Journal
from hansei.core.records import Sampling
from hansei.models.local import LocalModel
from hansei.steps.ask import ask
from hansei.steps.chains import ask_chains
from tests.steps.fakes import FakeModel, broken, request

DRAWN = Sampling(temperature=1.0, max_new_tokens=6, seed=4)
PROMPTS = [request(f"p{i}", "What is the capital of France? " * (i + 1)) for i in range(5)]


def test_chains_are_the_attempts_of_ask(llama_folder: str, tmp_path: Path) -> None:
    model = LocalModel(llama_folder, dtype="float64", batch_rows=8)
    with Journal.open(tmp_path / "a") as journal, Journal.open(tmp_path / "b") as other:
        found = ask_chains(model, PROMPTS, DRAWN, 3, journal)
        asked = ask(model, PROMPTS, DRAWN, other, attempts=3)
    for place, chains in enumerate(found):
        for number, chain in enumerate(chains):
            same = asked[number * len(PROMPTS) + place]
            told = ("prompt_id", "number", "sampling", "asked", "text", "finish", "completion_tokens")
            assert [getattr(chain, name) for name in told] == [getattr(same, name) for name in told]
    assert len({chain.id for chains in found for chain in chains}) == 15
    assert len({chain.text for chain in found[0]}) > 1


def test_what_is_in_the_journal_is_not_drawn_again(
    llama_folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = LocalModel(llama_folder, batch_rows=6)
    with Journal.open(tmp_path) as journal:
        first = ask_chains(model, PROMPTS, DRAWN, 3, journal)

        def refuse(*_: object) -> None:
            raise AssertionError("drawn a second time")

        monkeypatch.setattr(LocalModel, "chains", refuse)
        assert ask_chains(model, PROMPTS, DRAWN, 3, journal) == first


def test_another_model_is_asked_one_by_one_and_its_errors_are_attempts(tmp_path: Path) -> None:
    model = FakeModel(lambda turn: broken() if "p1" in turn else turn.upper())
    with Journal.open(tmp_path) as journal:
        found = ask_chains(model, [request("p0"), request("p1")], DRAWN, 3, journal)
    assert [[chain.number for chain in chains] for chains in found] == [[0, 1, 2]] * 2
    assert [chain.text for chain in found[0]] == ["REQUEST P0"] * 3
    assert all(chain.error for chain in found[1])


def test_chains_that_would_be_one_are_refused(llama_folder: str, tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        with pytest.raises(BadInput, match="temperature 0"):
            ask_chains(LocalModel(llama_folder), PROMPTS, Sampling(), 3, journal)
        with pytest.raises(BadInput, match="1 or more"):
            ask_chains(FakeModel(), PROMPTS, DRAWN, 0, journal)
