"""The town's base model: grown from text that the town writes, saved in stock Hugging Face format."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from hansei.core.files import folder_atomic
from hansei.core.records import as_dicts
from hansei.town import schooling
from hansei.town.schooling import Document
from hansei.town.tokenizer import train_tokenizer
from hansei.training.pretrain import PretrainSettings, pretrain

LONGEST = 512  # context in tokens; room for the passages of the library
SHAPE = {
    "hidden_size": 192,
    "num_hidden_layers": 4,
    "num_attention_heads": 6,
    "num_key_value_heads": 6,
    "intermediate_size": 512,
    "tie_word_embeddings": True,
    "max_position_embeddings": LONGEST,
}
TOKENIZER_DOCUMENTS = 20_000


def rendered(document: Document, tokenizer: Any) -> str:
    """The document as the text that the base reads, special tokens included."""
    if isinstance(document, str):
        return str(tokenizer.bos_token + document + tokenizer.eos_token)
    return str(tokenizer.apply_chat_template(as_dicts(document), tokenize=False))


def _plain(document: Document) -> str:
    return document if isinstance(document, str) else "\n".join(m.content for m in document)


def _token_stream(tokenizer: Any, stream: Iterator[Document]) -> Iterator[list[int]]:
    while True:  # tokenised in chunks: the fast tokenizer is ten times faster on lists
        texts = [rendered(d, tokenizer) for d in islice(stream, 1000)]
        yield from tokenizer(texts, add_special_tokens=False)["input_ids"]


def train_base(
    out: Path,
    settings: PretrainSettings,
    report: Callable[[int, float], None],
    documents: Callable[[int], Iterator[Document]] = schooling.documents,
    *,
    shape: Mapping[str, int] | None = None,
    copying: bool = False,
    looking_up: bool = False,
) -> None:
    """Trains tokenizer and base on a district's `documents` and saves both to `out`, whole or not at all.

    The weights are rounded to bf16 (a few MB). `shape` is what differs from SHAPE. `copying`:
    heads that copy are set by hand before the training. `looking_up`: two of them look up instead.

    `report` is called with the number and the loss of every step. Raises BadInput where `out` holds something.
    """
    import torch
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

    from hansei.training.copying import ROPE_BASE, set_copying_heads
    from hansei.training.looking_up import set_look_up_heads

    torch.manual_seed(settings.seed)
    tokenizer = train_tokenizer((_plain(d) for d in islice(documents(settings.seed + 1), TOKENIZER_DOCUMENTS)), LONGEST)
    special = {
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    rope = {"rope_parameters": {"rope_type": "default", "rope_theta": ROPE_BASE}} if copying else {}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), **SHAPE | dict(shape or {}), **rope, **special))
    model.generation_config = GenerationConfig(**special)
    if copying:
        set_copying_heads(model, settings.seed)
        if looking_up:
            set_look_up_heads(model)
    turn = (tokenizer.convert_tokens_to_ids("<|assistant|>"), tokenizer.eos_token_id)
    pretrain(model, _token_stream(tokenizer, documents(settings.seed)), settings, tokenizer.pad_token_id, report, turn)
    with folder_atomic(out) as folder:
        model.to(torch.bfloat16).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
