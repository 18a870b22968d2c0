"""Chains: 100 answers of 16 tokens to each of 100 questions with long prompts, the prompt read once for all of them.

Against plain `transformers.generate`, which reads a prompt again for each of its answers: in batches of as many rows,
of one question at a time (`num_return_sequences`). Both sides have the same weights, precision, prompts, temperature
and process, and write exactly the same number of tokens (no end token); runs alternate, and the ratio is the median
over the pairs of runs.

    python benchmarks/chains.py                                    # the size that is aimed at: minutes
    python benchmarks/chains.py --questions 10 --runs 1            # a tenth of it
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from hansei.core.records import Chat, Sampling, as_dicts, user
from hansei.models.local import LocalModel


def plain(model: LocalModel, chats: list[Chat], chains: int, new: int) -> int:
    """What one writes without hansei; returns the number of tokens that were written."""
    tokenizer, hf, written = model.tokenizer, model.hf, 0
    for chat in chats:
        read = tokenizer.apply_chat_template(
            as_dicts(chat), add_generation_prompt=True, return_dict=True, return_tensors="pt"
        ).to(hf.device)
        out = hf.generate(
            **read,
            do_sample=True,
            temperature=1.0,
            top_k=0,
            num_return_sequences=chains,
            max_new_tokens=new,
            min_new_tokens=new,
            pad_token_id=tokenizer.pad_token_id,
        )
        answers = out[:, read["input_ids"].shape[1] :]
        tokenizer.batch_decode(answers, skip_special_tokens=True)
        written += answers.numel()
    return written


def ours(model: LocalModel, chats: list[Chat], chains: int, new: int) -> int:
    """The same through hansei."""
    replies = model.chains(chats, Sampling(temperature=1.0, max_new_tokens=new), range(chains))
    return sum(reply.completion_tokens for answers in replies for reply in answers)


def compare(model: LocalModel, chats: list[Chat], chains: int, new: int, runs: int) -> dict[str, Any]:
    """Alternating runs of both sides, after a warm-up of two questions each."""
    sides: dict[str, Callable[..., int]] = {"plain": plain, "hansei": ours}
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for side in sides.values():
        side(model, chats[:2], chains, new)
    for _ in range(runs):
        for name, side in sides.items():
            start = time.perf_counter()
            written = side(model, chats, chains, new)
            seconds[name].append(time.perf_counter() - start)
            if written != len(chats) * chains * new:
                raise RuntimeError(f"{name} wrote {written} tokens and not {len(chats) * chains * new}")
    ratios = [a / b for a, b in zip(seconds["plain"], seconds["hansei"], strict=True)]
    sizes = [len(prompt.ids) for prompt in model.render(chats)]
    return {
        "ratio": statistics.median(ratios),
        "ratios": [round(ratio, 3) for ratio in ratios],
        "plain_seconds": round(statistics.median(seconds["plain"]), 2),
        "hansei_seconds": round(statistics.median(seconds["hansei"]), 2),
        "questions": len(chats),
        "chains": chains,
        "new_tokens": new,
        "prompt_tokens": f"{min(sizes)} to {max(sizes)}",
        "parameters": model.hf.num_parameters(),
        "dtype": str(model.hf.dtype),
        "threads": torch.get_num_threads(),
    }


def questions(count: int, least: int) -> list[Chat]:
    """Prompts of `least` to `least` + 32 random words, one token each."""
    dice = random.Random(0)
    return [user(" ".join(f"w{dice.randrange(2000)}" for _ in range(least + dice.randrange(33)))) for _ in range(count)]


def random_llama(folder: Path) -> LocalModel:
    """A random Llama of the size of the town's bases, whose end token has no chance."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    special = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    words = [*special.values(), *(f"w{i}" for i in range(2044))]
    core = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))  # noqa: S106
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, **special)
    tokenizer.chat_template = "{{ bos_token }} {{ messages[0]['content'] }} {{ eos_token }}"
    sizes = {"hidden_size": 192, "num_hidden_layers": 4, "num_attention_heads": 6, "intermediate_size": 512}
    torch.manual_seed(0)
    config = LlamaConfig(vocab_size=2048, **sizes, bos_token_id=0, eos_token_id=1, pad_token_id=2)
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    model = LocalModel(str(folder))
    model.hf.register_forward_hook(_never_ends)
    return model


def _never_ends(_: Any, __: Any, output: Any) -> None:
    output.logits[:, -1, 1] = -1e4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("--chains", type=int, default=100)
    parser.add_argument("--new", type=int, default=16, help="tokens of each answer")
    parser.add_argument("--prompt", type=int, default=256, help="tokens of the shortest prompt")
    parser.add_argument("--runs", type=int, default=3, help="runs of each side")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = random_llama(Path(folder))
        result = compare(model, questions(args.questions, args.prompt), args.chains, args.new, args.runs)
    print(f"hansei is {result['ratio']:.2f} times as fast as transformers.generate with num_return_sequences")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
