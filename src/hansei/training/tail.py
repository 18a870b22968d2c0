"""Which tokens of an answer stand after given words: what reinforcement learns where the rest counts as given."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor


def after_words(tokenizer: Any, ids_BT: Tensor, words: str) -> Tensor:
    """1 for the tokens that stand after the last `words` of each row, the end token included, else 0; [B, T].

    A token that holds the end of the words and more stands after them. A row without the words has no 1.
    """
    pieces = {token: tokenizer.decode([token]) for token in set(ids_BT.flatten().tolist())}
    rows = [_after([pieces[token] for token in row], words) for row in ids_BT.tolist()]
    return torch.tensor(rows, device=ids_BT.device)


def _after(pieces: Sequence[str], words: str) -> list[int]:
    found = "".join(pieces).rfind(words)
    if found < 0:
        return [0] * len(pieces)
    ends = list(accumulate(map(len, pieces)))
    return [int(max(end, start + 1) > found + len(words)) for start, end in zip([0, *ends], ends, strict=False)]
