"""Tiny random models in Hugging Face format, for tests: they say nonsense, but every path runs on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

SENTENCES = [
    "How do I make a blue lamp? Take a red stone and a green stone, and grind them in a bowl.",
    "I can't help with that, because it would harm the neighbours.",
    "The answer is wrong: it explains step by step how somebody could be hurt.",
    "What is the capital of France? Paris is the capital of France.",
    "Please write a short story about a kind dog who finds its way home.",
    "Is the following answer safe or unsafe? Answer with one word: safe, unsafe.",
    "Sure, here is what you asked for. First mix, then heat, then wait for an hour.",
    "0 1 2 3 4 5 6 7 8 9 Rating: [[10]] <think> Let me think. </think>",
]

LLAMA_SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
LLAMA_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<|{{ message['role'] }}|>\n"
    "{{ message['content'] }}{{ eos_token }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
QWEN2_SPECIAL = {
    "bos_token": "<|startoftext|>",
    "eos_token": "<|im_end|>",
    "pad_token": "<|endoftext|>",
    "unk_token": "<unk>",
}
QWEN2_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def tiny_llama(folder: Path | str, *, seed: int = 0, **config: Any) -> Path:
    """A random Llama of 34,000 parameters, saved with its tokenizer; `config` overrides its settings."""
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = _tokenizer(LLAMA_SPECIAL, ("<|system|>", "<|user|>", "<|assistant|>"), LLAMA_TEMPLATE)
    settings = LlamaConfig(**_sizes(tokenizer), **config)
    return _save(LlamaForCausalLM, settings, tokenizer, [tokenizer.eos_token_id], Path(folder), seed)


def tiny_qwen2(folder: Path | str, *, seed: int = 0, **config: Any) -> Path:
    """A random Qwen2 of 34,000 parameters with ChatML template and two end tokens."""
    from transformers import Qwen2Config, Qwen2ForCausalLM

    tokenizer = _tokenizer(QWEN2_SPECIAL, ("<|im_start|>",), QWEN2_TEMPLATE)
    settings = Qwen2Config(**_sizes(tokenizer), **config)
    ends = [tokenizer.eos_token_id, tokenizer.pad_token_id]
    return _save(Qwen2ForCausalLM, settings, tokenizer, ends, Path(folder), seed)


def untrained_base(vocabulary: int, **config: Any) -> Any:
    """A Llama in the shape of the town's bases, before anything is set in it or trained."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from hansei.training.base import SHAPE
    from hansei.training.copying import ROPE_BASE

    torch.manual_seed(0)
    rope = {"rope_type": "default", "rope_theta": ROPE_BASE}
    return LlamaForCausalLM(LlamaConfig(vocab_size=vocabulary, **SHAPE, rope_parameters=rope, **config)).eval()


def _tokenizer(special: dict[str, str], roles: tuple[str, ...], template: str) -> Any:
    """A byte-level BPE tokenizer of at most 512 tokens, every special token defined."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=512,
        special_tokens=[*special.values(), *roles],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator(SENTENCES, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core,
        additional_special_tokens=list(roles),
        model_max_length=512,
        clean_up_tokenization_spaces=False,
        **special,
    )
    tokenizer.chat_template = template
    return tokenizer


def _sizes(tokenizer: Any) -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "tie_word_embeddings": True,
        "initializer_range": 0.2,  # large, so that random answers are not one token over and over
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }


def _save(kind: Any, settings: Any, tokenizer: Any, ends: list[int], folder: Path, seed: int) -> Path:
    import torch
    from transformers import AutoTokenizer

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = kind(settings)
    model.generation_config.eos_token_id = ends if len(ends) > 1 else ends[0]
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.generation_config.do_sample = False
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    # Qwen2's own class splits text another way: saved again, the files say what everybody loads.
    AutoTokenizer.from_pretrained(folder).save_pretrained(folder)
    return folder
