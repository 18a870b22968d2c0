"""The ladder of `hansei papers run scaling`: small Llamas that are trained on the ledger, each with its own compute.

Compute is C = 6 N D. N counts all parameters; embeddings and unembedding are one matrix, which is used once for
products, so it counts once. D counts all tokens that are read, the full stops that open the lines included.

Legend: M people, T tokens a line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hansei.town.ledger import LINE, PREDICTED, WORDS, Ledger

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM

SMALLEST = 1.6e9
"""Compute of the smallest model."""
NARROWEST = 8
"""Its width."""
LAYERS = HEADS = 2
PARAMETERS_BY_COMPUTE = 0.42
"""N grows as C^0.42, and so D as C^0.58."""
BATCH_BY_COMPUTE = 0.3
"""Lines a step grow as C^0.3 from FEWEST, so that small models get enough steps and large ones not too many."""
FEWEST = 24
"""Lines a step of the smallest model."""
RATE = 0.3
"""The peak of the learning rate is RATE / width."""
BUCKETS = (10, 100, 1000)
"""Ranks that part the people into buckets of difficulty: to 10, to 100, to 1,000, and beyond."""


@dataclass(frozen=True)
class Rung:
    """One model of the ladder: all that its training depends on."""

    compute: float
    """6 N D that is aimed at; whole steps come within a per cent of it."""
    seed: int
    """Of the ledger, of the order of its lines, and of the first weights."""

    @property
    def width(self) -> int:
        """Of the residual stream: the multiple of 4 whose parameters are nearest to the rule's, in the logarithm."""
        target: float = parameters(NARROWEST) * (self.compute / SMALLEST) ** PARAMETERS_BY_COMPUTE
        return min(range(4, 1025, 4), key=lambda width: float(abs(np.log(parameters(width) / target))))

    @property
    def batch(self) -> int:
        """Lines a step."""
        growth: float = (self.compute / SMALLEST) ** BATCH_BY_COMPUTE
        return round(FEWEST * growth)

    @property
    def steps(self) -> int:
        """Optimiser steps."""
        return max(1, round(self.compute / (6 * parameters(self.width) * self.batch * LINE)))

    @property
    def tokens(self) -> int:
        """D."""
        return self.steps * self.batch * LINE

    @property
    def spent(self) -> float:
        """6 N D of whole steps: what the fits are given."""
        return 6.0 * parameters(self.width) * self.tokens


def parameters(width: int) -> int:
    """N: embeddings, and in each layer attention (4 w^2), a gated MLP of inner width 2 w (6 w^2) and two norms."""
    return len(WORDS) * width + LAYERS * (10 * width**2 + 2 * width) + width


def train_rung(rung: Rung) -> dict[str, Any]:
    """Trains one model and tells how it stands, exactly: see `score`."""
    import torch

    from hansei.training.pretrain import PretrainSettings, pretrain

    started = datetime.now(UTC).isoformat(timespec="seconds")  # tells that the prediction was there before
    torch.manual_seed(rung.seed)
    ledger, model = Ledger(rung.seed), new_model(rung.width)
    settings = PretrainSettings(
        steps=rung.steps,
        batch=rung.batch,
        block=LINE,  # a line a block: nothing to pack, and nothing to pad
        learning_rate=RATE / rung.width,
        warmup=max(1, rung.steps // 10),
        weight_decay=0.0,  # the stream is endless: there is nothing to overfit
        seed=rung.seed,
        bf16=False,  # at these widths it gains nothing
    )
    pretrain(model, ledger.stream(rung.seed), settings, 0, lambda step, loss: None)
    return {
        "compute": rung.spent,
        "seed": rung.seed,
        "width": rung.width,
        "params": parameters(rung.width),
        "tokens": rung.tokens,
        "steps": rung.steps,
        "batch": rung.batch,
        "started": started,
        **score(ledger, surprisals(model, ledger.lines)),
    }


def new_model(width: int) -> LlamaForCausalLM:
    """An untrained Llama of this width."""
    from transformers import LlamaConfig, LlamaForCausalLM

    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(WORDS),
            hidden_size=width,
            intermediate_size=2 * width,
            num_hidden_layers=LAYERS,
            num_attention_heads=HEADS,
            num_key_value_heads=HEADS,
            max_position_embeddings=8,
            tie_word_embeddings=True,
            initializer_range=0.5 * width**-0.5,
        )
    )


def surprisals(model: Any, lines_MT: NDArray[np.int64], size: int = 4096) -> NDArray[np.float64]:
    """-log q of each predicted token of each line, M x (T - 1), in nats."""
    import torch

    found = []
    with torch.no_grad():
        for start in range(0, len(lines_MT), size):
            ids_BT = torch.from_numpy(lines_MT[start : start + size])
            logits_BTV = model(input_ids=ids_BT, use_cache=False).logits[:, :-1].double()
            found.append(-logits_BTV.log_softmax(-1).gather(2, ids_BT[:, 1:, None])[..., 0].numpy())
    return np.concatenate(found)


def score(ledger: Ledger, surprisal_MT: NDArray[np.float64]) -> dict[str, Any]:
    """Loss and pass rate from -log q of every token of every line.

    Both are expectations over the ledger's own distribution of lines, each weighted by its probability: what fresh
    text would show on average if it never ended. `loss` is in nats per predicted token, `reducible` what it has above
    the entropy. The completion task gives a person's name and asks for good and place: the model passes with
    probability q(good, place | name), and `neglog_pass` is -E log of that. `buckets` has it by the person's rank.
    """
    p_M = ledger.probabilities
    loss = float(p_M @ surprisal_MT.sum(axis=1)) / PREDICTED
    answer_M = surprisal_MT[:, 2:].sum(axis=1)
    return {
        "loss": loss,
        "reducible": loss - ledger.entropy,
        "neglog_pass": float(p_M @ answer_M),
        "buckets": [float(np.average(answer_M[part], weights=p_M[part])) for part in bucket_slices(len(p_M))],
    }


def bucket_slices(people: int, edges: Sequence[int] = BUCKETS) -> list[slice]:
    """The ranks of each bucket."""
    bounds = [0, *edges, people]
    return [slice(low, high) for low, high in pairwise(bounds)]
