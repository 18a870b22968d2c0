"""Pre-training: whole documents in blocks, and a loss that knows nothing of a document's neighbours."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch.nn import functional as F
from transformers import LlamaConfig, LlamaForCausalLM

from hansei.training.pretrain import PretrainSettings, _loss, learning_rate, pack, pretrain

BLOCK, PAD, VOCABULARY = 16, 0, 32


def documents(count: int, longest: int = BLOCK, seed: int = 0) -> list[list[int]]:
    """Documents of different lengths; their tokens are never the padding."""
    rng = random.Random(seed)
    return [[rng.randrange(1, VOCABULARY) for _ in range(rng.randint(2, longest))] for _ in range(count)]


def tiny(dtype: torch.dtype = torch.float64) -> Any:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=2 * BLOCK,
        initializer_range=0.5,
    )
    return LlamaForCausalLM(config).to(dtype)


def unpacked(ids: list[int], numbers: list[int]) -> list[list[int]]:
    """The documents of a block."""
    pairs = zip(ids, numbers, strict=True)
    return [[i for i, _ in group] for number, group in itertools.groupby(pairs, lambda pair: pair[1]) if number]


def test_blocks_hold_every_document_whole_and_once() -> None:
    made = documents(300)
    blocks = list(pack(iter(made), BLOCK, PAD))
    assert all(len(ids) == len(numbers) == BLOCK for ids, numbers in blocks)
    assert sorted(d for block in blocks for d in unpacked(*block)) == sorted(made)
    for ids, numbers in blocks:
        assert all((i == PAD) == (n == 0) for i, n in zip(ids, numbers, strict=True))
        there = [n for n in numbers if n]
        assert there == sorted(there) and set(there) == set(range(1, max(there) + 1))


def test_little_of_the_blocks_is_padding() -> None:
    blocks = list(pack(iter(documents(2000, longest=8)), BLOCK, PAD))
    assert sum(numbers.count(0) for _, numbers in blocks) / (BLOCK * len(blocks)) < 0.1


def test_a_document_longer_than_a_block_is_cut_at_its_end() -> None:
    ((ids, numbers),) = pack(iter([list(range(1, 31))]), BLOCK, PAD)
    assert ids == list(range(1, BLOCK + 1)) and set(numbers) == {1}


def test_packing_waits_for_no_more_documents_than_it_needs() -> None:
    endless = itertools.cycle(documents(7))
    assert len(list(itertools.islice(pack(endless, BLOCK, PAD), 50))) == 50


def per_document(model: Any, blocks: list[tuple[list[int], list[int]]]) -> torch.Tensor:
    """The obvious version: each document through the model by itself."""
    losses = []
    for ids, numbers in blocks:
        for document in unpacked(ids, numbers):
            logits_TV = model(input_ids=torch.tensor([document])).logits[0]
            losses.append(F.cross_entropy(logits_TV[:-1], torch.tensor(document[1:]), reduction="none"))
    return torch.cat(losses).mean()


@pytest.mark.parametrize("longest", [3, 9, BLOCK])
def test_the_packed_loss_and_its_gradient_are_those_of_each_document_alone(longest: int) -> None:
    model = tiny()
    blocks = list(pack(iter(documents(40, longest)), BLOCK, PAD))
    ids_BT, numbers_BT = (torch.tensor(part) for part in zip(*blocks, strict=True))
    grads = []
    for loss in (_loss(model, ids_BT, numbers_BT), per_document(model, blocks)):
        grads.append([loss.detach().double(), *torch.autograd.grad(loss, list(model.parameters()))])
    for packed, alone in zip(*grads, strict=True):
        torch.testing.assert_close(packed, alone, rtol=1e-5, atol=1e-7)


def test_a_document_s_neighbours_do_not_change_its_loss() -> None:
    model = tiny()
    first, second, third = [5, 6, 7, 8], [9, 10, 11, 12, 13], [20, 21, 22, 23, 24]
    losses = []
    for other in (second, third):
        ((ids, numbers),) = pack(iter([other, first, other]), BLOCK, PAD)
        alone = [n if n == 2 else 0 for n in numbers]  # the rest as if it were padding
        losses.append(_loss(model, torch.tensor([ids]), torch.tensor([alone])))
    assert torch.equal(*losses)


def test_the_learning_rate_warms_up_and_falls_to_a_tenth() -> None:
    settings = PretrainSettings(steps=100, warmup=10, learning_rate=1.0)
    rates = [learning_rate(step, settings) for step in range(101)]
    assert rates[0] == 0.1 and rates[9] == rates[10] == 1.0
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[55] == pytest.approx(0.55) and rates[100] == pytest.approx(0.1)


def stream() -> Iterator[list[int]]:
    """Documents in which each token says which comes next."""
    rng = random.Random(0)
    while True:
        start = rng.randrange(1, 20)
        yield [1 + (start + k) % 30 for k in range(rng.randint(4, 8))]


def test_training_learns_tells_each_loss_and_repeats_bit_for_bit() -> None:
    settings = PretrainSettings(steps=30, batch=2, block=BLOCK, learning_rate=3e-2, warmup=5)
    runs = []
    for _ in range(2):
        model, losses = tiny(torch.float32), list[float]()
        pretrain(model, stream(), settings, PAD, lambda _step, loss, losses=losses: losses.append(loss))  # type: ignore[misc]
        runs.append((losses, model.state_dict()))
    (losses, weights), (again, others) = runs
    assert len(losses) == 30 and sum(losses[-5:]) < 0.8 * sum(losses[:5])
    assert losses == again and all(torch.equal(weights[k], others[k]) for k in weights)
