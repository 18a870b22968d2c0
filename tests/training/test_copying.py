"""Heads that copy before any training, and a loss in which answers weigh more."""

from __future__ import annotations

import torch
from tiny import untrained_base
from torch.nn import functional as F
from transformers import LlamaForCausalLM

from hansei.training.copying import set_copying_heads
from hansei.training.pretrain import IGNORED, _loss, weights


def untrained(copying: bool) -> LlamaForCausalLM:
    model: LlamaForCausalLM = untrained_base(2048)
    if copying:
        set_copying_heads(model)
    return model


def test_an_untrained_model_goes_on_with_a_repeated_text_as_it_stood() -> None:
    half = torch.randint(1, 2048, (2, 60), generator=torch.Generator().manual_seed(1))
    ids = torch.cat([half, half], 1)
    right = {}
    for copying in (False, True):
        with torch.no_grad():
            said = untrained(copying)(ids).logits.argmax(-1)
        right[copying] = float((said[:, 65:119] == ids[:, 66:120]).float().mean())
    assert right[True] > 0.9 and right[False] < 0.05


def test_what_it_copies_follows_the_words_before_and_not_the_last_word_alone() -> None:
    """`in` stands after two names; after the first one's words it is the first one's town that is copied."""
    ada, otto, lives, at, garth, selby, other = range(100, 107)
    text = [ada, lives, at, garth, other, otto, lives, at, selby, other, ada, lives, at]
    with torch.no_grad():
        said = untrained(True)(torch.tensor([text])).logits[0, -1]
    assert int(said.argmax()) == garth and said[garth] > said[selby]


def test_tokens_of_an_answer_weigh_more_from_its_first_to_its_end_token() -> None:
    begin, end = 7, 8
    ids = torch.tensor([[1, 5, end, begin, 5, 6, end, 1, 5, 0]])
    assert weights(ids, (begin, end), 1.0) is None and weights(ids, None, 6.0) is None
    found = weights(ids, (begin, end), 6.0)
    assert found is not None and found.tolist() == [[1, 1, 1, 1, 6, 6, 6, 1, 1, 1]]


def test_the_weighted_loss_is_the_weighted_mean_of_the_tokens_losses() -> None:
    model = untrained(False)
    ids, numbers = (
        torch.randint(1, 2048, (2, 12), generator=torch.Generator().manual_seed(0)),
        torch.ones(2, 12, dtype=torch.long),
    )
    heavy = torch.where(torch.arange(12) % 3 == 0, 4.0, 1.0).expand(2, 12)
    with torch.no_grad():
        logits = model(ids).logits[:, :-1].float()
        each = F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none", ignore_index=IGNORED)
        expected = (each * heavy[:, 1:].flatten()).sum() / heavy[:, 1:].sum()
        assert torch.allclose(_loss(model, ids, numbers, heavy), expected, atol=1e-4)
        assert torch.allclose(_loss(model, ids, numbers), each.mean(), atol=1e-4)
