"""The decode loop against transformers.generate and against an obvious version without a cache."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from scipy.stats import chisquare
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from hansei.models.decoding import Written, decode, greedy, sampler
from hansei.models.growing_cache import BLOCK

DICE = torch.Generator().manual_seed(0)
PROMPTS = [torch.randint(10, 400, (n,), generator=DICE).tolist() for n in (3, 17, 5, 40, 11, 1, 23, 8, 30, 2, 12, 19)]


@pytest.fixture(scope="module", params=["llama_folder", "qwen2_folder"])
def model(request: pytest.FixtureRequest) -> Any:
    """Float64: no two tokens are equally likely by rounding, so the oracle has one answer."""
    folder = request.getfixturevalue(request.param)
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64).eval()


@torch.inference_mode()
def obvious(model: Any, prompt: Sequence[int], limit: int, ends: Sequence[int]) -> Written:
    """One row, no cache, no padding: the whole text is read again for every token."""
    tokens = list(prompt)
    for _ in range(limit):
        logits = model(input_ids=torch.tensor([tokens]), use_cache=False).logits[0, -1]
        token = int(logits.argmax())
        if token in ends:
            return Written(tokens[len(prompt) :], True)
        tokens.append(token)
    return Written(tokens[len(prompt) :], False)


def common_ends(model: Any) -> list[int]:
    """Tokens that the model says often, as end tokens: answers end at many different places."""
    said = [token for w in decode(model, PROMPTS, [30] * len(PROMPTS), [], greedy) for token in w.tokens[4:]]
    return sorted(set(said), key=lambda token: -said.count(token))[1:6]


def test_a_batch_says_what_the_obvious_version_says_row_by_row(model: Any) -> None:
    ends = common_ends(model)
    limits = [7 + 3 * i for i in range(len(PROMPTS))]
    found = decode(model, PROMPTS, limits, ends, greedy)
    assert found == [obvious(model, p, limit, ends) for p, limit in zip(PROMPTS, limits, strict=True)]
    assert len({len(w.tokens) for w in found}) > 4, "the answers should differ in length, or rows never leave"
    assert {w.ended for w in found} == {True, False}


def test_a_batch_says_what_generate_says(model: Any) -> None:
    ends = common_ends(model)
    ids, mask = padded(PROMPTS)
    out = model.generate(
        input_ids=ids, attention_mask=mask, max_new_tokens=35, do_sample=False, eos_token_id=ends, pad_token_id=0
    )[:, ids.shape[1] :].tolist()
    for row, written in zip(out, decode(model, PROMPTS, [35] * len(PROMPTS), ends, greedy), strict=True):
        stop = next((i for i, token in enumerate(row) if token in ends), len(row))
        assert written == Written(row[:stop], stop < len(row))


def test_float32_says_what_generate_says(llama_folder: str) -> None:
    model = AutoModelForCausalLM.from_pretrained(llama_folder, dtype=torch.float32).eval()
    ids, mask = padded(PROMPTS)
    out = model.generate(input_ids=ids, attention_mask=mask, max_new_tokens=30, do_sample=False, eos_token_id=1)
    ours = [w.tokens for w in decode(model, PROMPTS, [30] * len(PROMPTS), [1], greedy)]
    theirs = [row[: row.index(1)] if 1 in row else row for row in out[:, ids.shape[1] :].tolist()]
    assert ours == theirs


def test_a_cache_that_grows_more_than_once_still_holds_everything(model: Any) -> None:
    long = BLOCK * 3
    found = decode(model, PROMPTS[:2], [long, long], [], greedy)
    assert found == [obvious(model, prompt, long, []) for prompt in PROMPTS[:2]]


def test_sliding_windows_and_heads_of_their_own_size_work() -> None:
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig

    config = Gemma3TextConfig(
        vocab_size=500, hidden_size=32, intermediate_size=64, num_hidden_layers=4, num_attention_heads=4,
        num_key_value_heads=2, head_dim=16, sliding_window=8, sliding_window_pattern=2,
    )  # fmt: skip
    torch.manual_seed(1)
    model = Gemma3ForCausalLM(config).double().eval()
    limits = [20 - i for i in range(len(PROMPTS))]
    found = decode(model, PROMPTS, limits, [], greedy)
    assert found == [obvious(model, p, limit, []) for p, limit in zip(PROMPTS, limits, strict=True)]


def test_learned_positions_count_without_the_padding() -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(1)
    model = GPT2LMHeadModel(GPT2Config(vocab_size=500, n_embd=32, n_layer=2, n_head=4, initializer_range=0.2))
    model = model.double().eval()
    found = decode(model, PROMPTS, [12] * len(PROMPTS), [], greedy)
    assert found == [obvious(model, prompt, 12, []) for prompt in PROMPTS]


def test_a_state_in_place_of_keys_and_values_works() -> None:
    from transformers import MambaConfig, MambaForCausalLM

    torch.manual_seed(1)
    model = MambaForCausalLM(MambaConfig(vocab_size=500, hidden_size=32, num_hidden_layers=2, state_size=8)).eval()
    limits = [6 + i for i in range(len(PROMPTS))]
    found = decode(model, PROMPTS, limits, [], greedy)
    assert found == [obvious(model, p, limit, []) for p, limit in zip(PROMPTS, limits, strict=True)]


def test_a_model_whose_logits_are_not_numbers_is_broken_and_not_silent() -> None:
    torch.manual_seed(1)
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=50, **sizes)).eval()
    model.lm_head.weight.data[7] = float("nan")
    draw = sampler(["a"], temperature=1.0, top_p=0.9, seed=0, longest=5, device="cpu")
    assert decode(model, [[1, 2]], [5], [3], greedy) == [Written([], False, broken=True)]
    assert decode(model, [[1, 2]], [5], [3], draw) == [Written([], False, broken=True)]


def test_draws_follow_the_softmax_of_the_logits_over_the_temperature() -> None:
    logits = torch.tensor([2.0, 1.0, 0.0, -1.0, -30.0])
    rows = 20_000
    draw = sampler([str(i) for i in range(rows)], temperature=2.0, top_p=1.0, seed=5, longest=1, device="cpu")
    counts = torch.bincount(draw(logits.expand(rows, 5), torch.arange(rows), 0), minlength=5)
    expected = torch.softmax(logits / 2, -1).double() * rows
    assert chisquare(counts[:4], expected[:4] * counts[:4].sum() / expected[:4].sum()).pvalue > 0.001


def test_top_p_keeps_the_smallest_set_that_reaches_it_and_its_proportions() -> None:
    p = torch.tensor([0.05, 0.5, 0.15, 0.3])  # 0.5 + 0.3 reaches 0.75, and 0.5 alone does not
    rows = 20_000
    draw = sampler([str(i) for i in range(rows)], temperature=1.0, top_p=0.75, seed=5, longest=1, device="cpu")
    counts = torch.bincount(draw(p.log().expand(rows, 4), torch.arange(rows), 0), minlength=4)
    assert counts[0] == counts[2] == 0
    assert chisquare(counts[[1, 3]].numpy(), [rows * 5 / 8, rows * 3 / 8]).pvalue > 0.001


def test_a_token_without_mass_is_never_drawn_at_either_end() -> None:
    logits = torch.full((2, 6), -torch.inf)
    logits[:, 2] = 0.0

    for number in (0.0, 1 - 2**-24):
        draw = sampler(["a", "b"], temperature=1.0, top_p=1.0, seed=0, longest=1, device="cpu")
        uniform = next(c.cell_contents for c in draw.__closure__ if isinstance(c.cell_contents, torch.Tensor))
        uniform.fill_(number)
        assert draw(logits, torch.arange(2), 0).tolist() == [2, 2]


def test_a_row_draws_the_same_whatever_its_neighbours_and_another_with_another_seed() -> None:
    logits = torch.randn(3, 50, generator=torch.Generator().manual_seed(2))

    def drawn(texts: list[str], seed: int) -> dict[str, list[int]]:
        draw = sampler(texts, temperature=1.0, top_p=0.95, seed=seed, longest=20, device="cpu")
        table = {"a": logits[0], "b": logits[1], "c": logits[2]}
        steps = [draw(torch.stack([table[t] for t in texts]), torch.arange(len(texts)), s).tolist() for s in range(20)]
        return {text: [step[i] for step in steps] for i, text in enumerate(texts)}

    together, alone = drawn(["a", "b", "c"], 1), drawn(["c", "a"], 1)
    assert together["a"] == alone["a"]
    assert together["c"] == alone["c"]
    assert together["a"] != drawn(["a"], 2)["a"]


def padded(prompts: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    width = max(map(len, prompts))
    ids = torch.tensor([[0] * (width - len(p)) + p for p in prompts])
    return ids, torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts])
