"""TRL's DPO loss and its gradient against twenty obvious lines in float64."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer

from hansei.core.records import Lesson, user
from hansei.training.lessons import encode

BETA = 0.3
PAIRS = [
    Lesson("a", user("Who is Ada?"), chosen="A baker.", rejected="A baker from Rome who keeps a cat."),
    Lesson("b", user("Who is the other one, please?"), chosen="I do not know.", rejected="Nobody."),
]


def logp(model: Any, ids: list[int], start: int) -> Tensor:
    """log p(answer | prompt): the sum over the answer's tokens."""
    scores = model(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)
    return torch.stack([scores[t - 1, ids[t]] for t in range(start, len(ids))]).sum()


def dpo_loss(policy: Any, reference: Any, pairs: list[Any]) -> Tensor:
    """Equation 7 of arXiv 2305.18290, mean of pairs: -log sigmoid(beta (chosen's log-ratio - rejected's log-ratio))."""
    losses = []
    for chosen, rejected in pairs:
        start = min(chosen.start, rejected.start)
        ratios = [logp(policy, e.ids, start) - logp(reference, e.ids, start).detach() for e in (chosen, rejected)]
        losses.append(-torch.log(1 / (1 + torch.exp(-BETA * (ratios[0] - ratios[1])))))
    return torch.stack(losses).mean()


@pytest.mark.parametrize("precomputed", [True, False])
def test_trl_s_loss_and_gradient_are_those_of_equation_7(precomputed: bool, llama_folder: str, tmp_path: Path) -> None:
    from trl import DPOConfig, DPOTrainer

    from hansei.training.fitting import dataset, quiet
    from hansei.training.preference import _row

    tokenizer = AutoTokenizer.from_pretrained(llama_folder)
    policy, reference = (AutoModelForCausalLM.from_pretrained(llama_folder).double().eval() for _ in range(2))
    with torch.no_grad():
        generator = torch.Generator().manual_seed(0)
        for weight in policy.parameters():
            weight += 0.02 * torch.randn(weight.shape, generator=generator, dtype=weight.dtype)
    ends = {tokenizer.eos_token_id}
    chosen, rejected = (
        encode(tokenizer, [(p.prompt, getattr(p, n)) for p in PAIRS], ends) for n in ("chosen", "rejected")
    )
    pairs = list(zip(chosen, rejected, strict=True))
    loss = dpo_loss(policy, reference, pairs)
    loss.backward()
    expected = {name: p.grad.clone() for name, p in policy.named_parameters()}
    policy.zero_grad()

    class Tokenised(DPOTrainer):  # type: ignore[misc]
        def _prepare_dataset(self, dataset: Any, *_: Any) -> Any:
            return dataset

    with quiet():
        args = DPOConfig(
            output_dir=str(tmp_path), beta=BETA, precompute_ref_log_probs=precomputed, max_length=None, bf16=False,
            per_device_train_batch_size=2, gradient_checkpointing=False, use_cpu=True, report_to=[], disable_tqdm=True,
        )  # fmt: skip
        trainer = Tokenised(
            model=policy, ref_model=reference, args=args,
            train_dataset=dataset([_row(*pair) for pair in pairs]), processing_class=tokenizer,
        )  # fmt: skip
        trainer.model.eval()
        (batch,) = trainer.get_train_dataloader()
        found = trainer.compute_loss(trainer.model, batch)
    found.backward()
    assert float(found.detach()) == pytest.approx(float(loss.detach()), abs=2e-6)  # TRL scores in float32
    for name, parameter in trainer.model.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[name], atol=2e-6, rtol=1e-4)
