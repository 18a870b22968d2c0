"""A byte-level BPE tokenizer trained on the same content in several languages: what premium can be had.

Ahia et al., arXiv 2305.13707, train one on parallel text, one language a script. Here the pieces that are never
merged over are runs of letters *with their marks*: GPT-2's own pattern cuts words of Indic scripts at every vowel sign
(a mark, not a letter), and makes them dearer; `GPT2` is that pattern, for comparison.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hansei.core.errors import BadInput
from hansei.measuring.parallel_text import Parallel
from hansei.measuring.token_counts import count

WITH_MARKS = r" ?[\p{L}\p{M}]+| ?\p{N}+| ?[^\s\p{L}\p{M}\p{N}]+|\s+(?!\S)|\s+"
COPIES = 3
"""How often a language of mean weight is repeated for parity: so that a weight of a third is a whole text."""
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def train(rows: Mapping[str, Sequence[str]], size: int, pattern: str = WITH_MARKS) -> Any:
    """A fast tokenizer with `size` tokens, 256 of them bytes, so that it writes every text.

    `rows` are the texts of each language, every one read once. Raises BadInput where they are too short for the size.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    core.train_from_iterator((row for texts in rows.values() for row in texts), trainer)
    made = core.get_vocab_size()
    if made < size:
        raise BadInput(
            f"train: a vocabulary of {size} was expected, the text gives {made} tokens: give more, or a smaller size"
        )
    return PreTrainedTokenizerFast(tokenizer_object=core, clean_up_tokenization_spaces=False)


def train_for_parity(rows: Mapping[str, Sequence[str]], size: int, rounds: int, pattern: str = WITH_MARKS) -> Any:
    """As `train`, then `rounds` times anew on text that repeats each language the more, the dearer it just came out.

    A language's weight is multiplied by the square of its tokens over the mean, on the training text itself; of all
    rounds the fairest there is taken. Not in the paper: it shows how much of what is left after equal text is the
    choice of text.
    """
    weights = dict.fromkeys(rows, 1.0)
    tokenizer = train(rows, size, pattern)
    tokens = _tokens(tokenizer, rows)
    fairest = _spread(tokens), tokenizer
    for _ in range(rounds):
        mean = sum(tokens.values()) / len(tokens)
        weights = {name: weight * (tokens[name] / mean) ** 2 for name, weight in weights.items()}
        scale = COPIES * len(weights) / sum(weights.values())
        tokenizer = train({name: _repeated(rows[name], scale * weights[name]) for name in rows}, size, pattern)
        tokens = _tokens(tokenizer, rows)
        if _spread(tokens) < fairest[0]:
            fairest = _spread(tokens), tokenizer
    return fairest[1]


def _tokens(tokenizer: Any, rows: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Tokens of all texts of each language."""
    return {name: int(count(tokenizer, texts)[0].sum()) for name, texts in rows.items()}


def _spread(tokens: Mapping[str, int]) -> float:
    """The dearest language over the cheapest."""
    return max(tokens.values()) / min(tokens.values())


def _repeated(texts: Sequence[str], times: float) -> list[str]:
    """The texts so many times over; of the last, broken time an even choice."""
    whole = int(times)
    extra = [text for n, text in enumerate(texts) if int((n + 1) * (times - whole)) > int(n * (times - whole))]
    return [*texts] * whole + extra


def check_apart(material: Parallel, measured: Parallel) -> None:
    """Raises BadInput where a row of the training text is measured too."""
    seen = {row.strip() for rows in material.rows.values() for row in rows}
    shared = [(name, row) for name, rows in measured.rows.items() for row in rows if row.strip() in seen]
    if shared:
        raise BadInput(
            f"{material.name}: training text apart from {measured.name} was expected, {len(shared)} rows are in both, "
            f"such as {shared[0][0]}: {shared[0][1][:40]!r}: leave them out of one"
        )
