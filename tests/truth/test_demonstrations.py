"""DITTO: which pairs are made, what the reference is, and what demonstrations can't be learnt from."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from hansei.core.errors import BadInput
from hansei.core.records import Message, Prompt, Sampling, user
from hansei.training.online import Pair, Policy, Said, train_dpo_online
from hansei.training.settings import PreferenceSettings
from hansei.truth import demonstrations as method
from hansei.truth.demonstrations import DITTO, DPO, SFT, SPIN, Play, Rounds, counts, few_shot, pairs

SHOWN = [Prompt(f"d{c}", user(f"How do I make a {c} lamp?"), reference=f"Take a {c} stone.") for c in ("red", "blue")]
THREE = [[[Said(f"round {r}, prompt {p}, sample {k}") for k in range(3)] for p in range(2)] for r in range(3)]
SHORT = Sampling(1.0, max_new_tokens=6)


def kind_of(pair: Pair, rounds: int) -> str:
    """By brute force: what a pair says about the order demonstration > pi_t > ... > pi_0."""
    place = [d.messages for d in SHOWN].index(pair.prompt)
    drawn = [round[place] for round in THREE[:rounds]]
    worse = next(r for r, samples in enumerate(drawn) if pair.rejected in samples)
    if pair.chosen == Said(SHOWN[place].reference or ""):
        return "expert" if worse == rounds - 1 else "replay"
    better = next(r for r, samples in enumerate(drawn) if pair.chosen in samples)
    assert better > worse, "an earlier student's sample before a later one's"
    return "inter_model"


@pytest.mark.parametrize("batch", [1, 2, 3, 8, 11, 24])
@pytest.mark.parametrize("shares", [(0.7, 0.2, 0.1), (1.0, 0.0, 0.0), (0.0, 0.5, 0.5), (1 / 3, 1 / 3, 1 / 3)])
def test_the_shares_of_the_pairs_are_the_nearest_whole_numbers(batch: int, shares: tuple[float, ...]) -> None:
    found = counts(Play(*shares), batch)
    options = [(e, r, batch - e - r) for e in range(batch + 1) for r in range(batch + 1 - e)]

    def distance(option: tuple[int, ...]) -> float:
        return sum((n - share * batch) ** 2 for n, share in zip(option, shares, strict=True))

    assert distance(tuple(found.values())) == pytest.approx(min(map(distance, options)))
    assert sum(found.values()) == batch
    assert counts(DITTO, 24) == {"expert": 17, "replay": 5, "inter_model": 2}  # as in the paper's code


def test_every_pair_is_one_that_the_order_of_students_allows_and_every_share_has_an_effect() -> None:
    for wanted in (counts(DITTO, 24), counts(Play(0.2, 0.3, 0.5), 24), counts(SPIN, 24)):
        for step in range(20):
            made = pairs(SHOWN, THREE, wanted, str(step))
            assert Counter(kind_of(p, 3) for p in made) == Counter(wanted)
            assert Counter(p.prompt for p in made) == {d.messages: 12 for d in SHOWN}  # all weigh the same
    every = {
        p for step in range(300) for p in pairs(SHOWN, THREE, {"expert": 8, "replay": 8, "inter_model": 8}, str(step))
    }
    # expert: 3 samples; replay: 2 rounds of 3; inter-model: 3 pairs of rounds with 3 x 3 samples; for 2 demonstrations
    assert len(every) == 2 * (3 + 2 * 3 + 3 * 9)


def test_until_there_is_an_earlier_student_all_pairs_are_expert_pairs() -> None:
    made = pairs(SHOWN, THREE[:1], counts(DITTO, 24), "0")
    assert {kind_of(p, 1) for p in made} == {"expert"} and len(made) == 24


def test_the_same_step_has_the_same_pairs() -> None:
    first, again, other = (pairs(SHOWN, THREE, counts(DITTO, 24), seed) for seed in ("0 1", "0 1", "0 2"))
    assert first == again != other


@pytest.mark.parametrize("shares", [{"expert": 0.8}, {"expert": 1.2, "replay": -0.3}, {"replay": 0.3}])
def test_shares_that_are_none_are_refused(shares: dict[str, float]) -> None:
    with pytest.raises(BadInput, match="add up to 1"):
        Play(**shares)  # type: ignore[arg-type]


def test_demonstrations_without_an_answer_or_twice_the_same_are_refused_by_number() -> None:
    with pytest.raises(BadInput, match=r"mine\.jsonl: demonstration 2 has no answer"):
        method.check_demonstrations([SHOWN[0], replace(SHOWN[1], reference="  ")], "mine.jsonl")
    with pytest.raises(BadInput, match="demonstration 3 is the same as number 1"):
        twin = replace(SHOWN[0], id="twin", reference=" take a RED stone. ")
        method.check_demonstrations([*SHOWN, twin])
    method.check_demonstrations([*SHOWN, replace(SHOWN[0], reference="Buy one.")])  # another answer shows something
    with pytest.raises(BadInput, match="found none"):
        method.check_demonstrations([])


def test_few_shot_prompting_sets_the_demonstrations_before_the_request() -> None:
    asked = Prompt("new", (Message("system", "Be brief."), *user("How do I make a green lamp?")))
    chat = few_shot(SHOWN).render(asked)
    assert [m.role for m in chat] == ["system", "user", "assistant", "user", "assistant", "user"]
    assert chat[0].content == "Be brief." and chat[2].content == "Take a red stone." and chat[-1] == asked.messages[-1]
    assert few_shot(SHOWN[:1]).name != few_shot(SHOWN).name


@pytest.fixture(scope="module")
def sft(llama_folder: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = replace(SFT, steps=6, batch=2, learning_rate=5e-3, warmup=0, max_length=128, device="cpu")
    return method.imitate(llama_folder, SHOWN, tmp_path_factory.mktemp("sft") / "sft", settings, stop_loss=5.0)


def test_sft_stops_after_the_first_step_with_a_low_loss(sft: Path, llama_folder: str, tmp_path: Path) -> None:
    facts = json.loads((sft / "hansei.json").read_text())
    assert 1 < facts["stopped"] < 6 and facts["steps"] == facts["stopped"]
    settings = replace(SFT, steps=2, batch=2, learning_rate=5e-3, warmup=0, max_length=128, device="cpu")
    whole = method.imitate(llama_folder, SHOWN, tmp_path / "whole", settings, stop_loss=0.01)
    facts = json.loads((whole / "hansei.json").read_text())
    assert "stopped" not in facts and facts["steps"] == 2


@pytest.mark.parametrize("moving", [False, True])
def test_the_reference_stays_the_sft_adapter_and_moves_in_self_play_only(
    moving: bool, sft: Path, tmp_path: Path
) -> None:
    import torch
    from safetensors.torch import load_file

    start = {k.removesuffix(".weight"): v for k, v in load_file(sft / "adapter_model.safetensors").items()}
    play = replace(SPIN if moving else DITTO, resample=2, samples=2, sampling=SHORT)
    rounds = Rounds(SHOWN, play, 4, seed=0)
    moved: list[tuple[float, float]] = []

    def watch(step: int, policy: Policy) -> list[Pair]:
        made = rounds(step, policy)
        weights = dict(policy._model.named_parameters())
        far = [
            max(float((weights[f"{k}.{name}.weight"].detach() - v).abs().max()) for k, v in start.items())
            for name in NAMES
        ]
        moved.append((far[0], far[1]))
        return made

    NAMES = ("default", "ref")
    dpo = replace(DPO, steps=5, batch=4, learning_rate=1e-2, warmup=0, max_length=128, device="cpu")
    preference = PreferenceSettings(play.beta, precompute_reference=False)
    with torch.random.fork_rng():
        train_dpo_online(str(sft), method.lessons(SHOWN), watch, {}, dpo, tmp_path / "out", preference=preference)
    assert moved[0] == (0.0, 0.0) and moved[1][0] > 0 and len(rounds.rounds) == 3
    references = [reference for _, reference in moved]
    students = [student for student, _ in moved]
    assert references == ([0.0, 0.0, students[2], students[2], students[4]] if moving else [0.0] * 5)


def test_ditto_is_the_same_twice_and_another_with_other_shares(sft: Path, tmp_path: Path) -> None:
    dpo = replace(DPO, steps=4, batch=4, learning_rate=1e-3, warmup=0, max_length=128, device="cpu")
    play = replace(DITTO, resample=2, samples=2, sampling=SHORT)
    weights = []
    for name, changed in (("a", play), ("b", play), ("c", replace(play, expert=0.0, replay=0.5, inter_model=0.5))):
        out = method.ditto(sft, SHOWN, tmp_path / name, dpo, changed)
        weights.append((out / "adapter_model.safetensors").read_bytes())
    assert weights[0] == weights[1] != weights[2]
    assert not (tmp_path / "a.work").exists()
    with pytest.raises(BadInput, match="exists and is not this student"):
        method.ditto(sft, SHOWN, tmp_path / "a", dpo, replace(play, samples=3))


def test_the_likelihood_of_the_chosen_answers_is_a_loss_beside_dpos(sft: Path, tmp_path: Path) -> None:
    """On pairs of twice the same answer DPO has no gradient, so such a step is one of SFT on these answers."""
    import torch
    from safetensors.torch import load_file

    from hansei.training.sft import train_sft

    lessons = method.lessons(SHOWN)
    dpo = replace(DPO, steps=1, batch=2, learning_rate=1e-3, warmup=0, max_length=128, device="cpu")
    same = [Pair(d.messages, Said(d.reference or ""), Said(d.reference or "")) for d in SHOWN]
    ours = train_dpo_online(
        str(sft),
        lessons,
        lambda *_: same,
        {},
        dpo,
        tmp_path / "equal",
        preference=PreferenceSettings(0.1, precompute_reference=False),
        likelihood=2.0,
    )
    theirs = train_sft(str(sft), lessons, dpo, tmp_path / "sft")
    start, one, other = (load_file(path / "adapter_model.safetensors") for path in (sft, ours, theirs))
    steps = [torch.cat([(w[name] - start[name]).flatten() for name in sorted(start)]) for w in (one, other)]
    assert torch.nn.functional.cosine_similarity(steps[0], steps[1], dim=0) > 0.95 and steps[0].abs().max() > 5e-4
    with pytest.raises(BadInput, match="likelihood"):
        replace(DITTO, likelihood=-1.0)


def test_beta_and_likelihood_have_an_effect(sft: Path, tmp_path: Path) -> None:
    dpo = replace(DPO, steps=2, batch=4, learning_rate=1e-3, warmup=0, max_length=128, device="cpu")
    play = replace(DITTO, samples=2, sampling=SHORT)
    ways = {"paper": play, "likelihood": replace(play, likelihood=1.0), "beta": replace(play, beta=0.4)}
    weights = {
        (method.ditto(sft, SHOWN, tmp_path / name, dpo, way) / "adapter_model.safetensors").read_bytes()
        for name, way in ways.items()
    }
    assert len(weights) == 3


def test_a_step_of_micro_batches_is_the_step_of_the_whole(sft: Path, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    dpo = replace(DPO, steps=1, batch=4, learning_rate=1e-3, warmup=0, max_length=128, device="cpu")
    play = replace(DITTO, samples=2, sampling=SHORT)
    whole = load_file(method.ditto(sft, SHOWN, tmp_path / "whole", dpo, play) / "adapter_model.safetensors")
    parts = method.ditto(sft, SHOWN, tmp_path / "parts", replace(dpo, micro_batch=2), play)
    for name, value in load_file(parts / "adapter_model.safetensors").items():
        assert torch.allclose(value, whole[name], atol=2e-4), name  # Adam's first step hides the size of gradients


def test_the_end_of_a_sample_that_was_cut_off_is_not_learnt(sft: Path, tmp_path: Path) -> None:
    from hansei.training import online
    from hansei.training.job import plan
    from hansei.training.start import load_start

    dpo = replace(DPO, steps=1, batch=1, max_length=128, device="cpu")
    job = plan("dpo-online", str(sft), method.lessons(SHOWN), {}, tmp_path / "none")
    start = load_start(job, dpo)
    batches = online._Batches(job, lambda *_: [], None, start, dpo, list)  # type: ignore[arg-type]
    ids = tuple(start.tokenizer("Take a")["input_ids"])
    ids = ids[ids[0] == start.tokenizer.bos_token_id :]
    pair = Pair(SHOWN[0].messages, Said("Take a red stone."), Said("Take a", finished=False, ids=ids))
    cut, ended, empty = batches._rows(
        [pair, replace(pair, rejected=Said("Take a", ids=ids)), replace(pair, rejected=Said("", ids=()))]
    )
    assert cut["rejected_ids"] == list(ids) and ended["prompt_ids"] == cut["prompt_ids"]
    tail = ended["rejected_ids"][len(ids) :]
    assert tail == empty["rejected_ids"] == ended["chosen_ids"][-len(tail) :] and tail[0] in (start.ends or set())


def test_samples_and_pairs_stay_within_the_longest_length(sft: Path, tmp_path: Path) -> None:
    dpo = replace(DPO, steps=2, batch=4, learning_rate=1e-3, warmup=0, max_length=40, device="cpu")
    play = replace(DITTO, samples=4, sampling=Sampling(1.0, max_new_tokens=100))
    assert (method.ditto(sft, SHOWN, tmp_path / "short", dpo, play) / "hansei.json").is_file()
    with pytest.raises(BadInput, match="leaves no room"):
        method.ditto(sft, SHOWN, tmp_path / "none", replace(dpo, max_length=8), play)


def test_what_can_not_be_trained_on_its_own_samples_is_refused(llama_folder: str, sft: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="adapter was expected"):
        method.ditto(Path(llama_folder), SHOWN, tmp_path / "x", DPO)
    with pytest.raises(BadInput, match="checkpoint"):
        method.ditto(sft, SHOWN, tmp_path / "x", replace(DPO, save_every=5))
    with pytest.raises(BadInput, match="temperature"):
        replace(DITTO, sampling=Sampling(0.0))
