"""The town's tokenizer: byte-level BPE of 2,048 with a chat template, in stock Hugging Face format."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

VOCABULARY = 2048  # enough for the names of the taxonomy to be single tokens
SPECIAL = {
    "pad_token": "<|pad|>",
    "unk_token": "<|unknown|>",
    "bos_token": "<|begin|>",
    "eos_token": "<|end|>",
}
ROLES = ("<|system|>", "<|user|>", "<|assistant|>")
# Every turn ends with the end-of-text token, or the model runs on into the next turn.
TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] + eos_token }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def train_tokenizer(texts: Iterable[str], longest: int) -> Any:
    """A PreTrainedTokenizerFast trained on `texts`; `longest` is the model's context in tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[*SPECIAL.values(), *ROLES],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=longest, clean_up_tokenization_spaces=False, **SPECIAL
    )
    fast.chat_template = TEMPLATE
    return fast
