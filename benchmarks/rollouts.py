"""Rollouts: hansei's batched decoding against plain `transformers.generate` in batches of 64, unsorted.

Both sides have the same weights, precision, stop tokens, prompts and process; runs alternate, and the ratio is
the median over the pairs of runs. Both start from conversations and end with text.

    python benchmarks/rollouts.py                       # the town and its prompts
    python benchmarks/rollouts.py --model random        # random weights, answers of random lengths
    python benchmarks/rollouts.py --model PATH_OR_NAME --prompts 500 --new 64
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from hansei.core.records import Chat, Sampling, Split, as_dicts, user
from hansei.models.load import load
from hansei.models.local import LocalModel

PLAIN_BATCH = 64


def plain(model: LocalModel, chats: list[Chat], new: int) -> list[str]:
    """What one writes without hansei: pad, generate, decode; 64 at a time, in the order that they come."""
    tokenizer, hf = model.tokenizer, model.hf
    texts: list[str] = []
    for start in range(0, len(chats), PLAIN_BATCH):
        batch = tokenizer.apply_chat_template(
            [as_dicts(chat) for chat in chats[start : start + PLAIN_BATCH]],
            add_generation_prompt=True,
            padding=True,
            return_dict=True,
            return_tensors="pt",
            tokenizer_kwargs={"padding_side": "left"},
        ).to(hf.device)
        out = hf.generate(**batch, max_new_tokens=new, do_sample=False, eos_token_id=list(model.ends))
        texts += tokenizer.batch_decode(out[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)
    return [text.strip() for text in texts]


def ours(model: LocalModel, chats: list[Chat], new: int) -> list[str]:
    """The same through hansei."""
    return [reply.text for reply in model.generate(chats, Sampling(max_new_tokens=new))]


def compare(model: LocalModel, chats: list[Chat], new: int, runs: int) -> dict[str, Any]:
    """Alternating runs of both sides, after one warm-up each."""
    sides = {"plain": plain, "hansei": ours}
    texts = {name: side(model, chats, new) for name, side in sides.items()}
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(runs):
        for name, side in sides.items():
            start = time.perf_counter()
            side(model, chats, new)
            seconds[name].append(time.perf_counter() - start)
    ratios = [a / b for a, b in zip(seconds["plain"], seconds["hansei"], strict=True)]
    written = [r.completion_tokens for r in model.generate(chats, Sampling(max_new_tokens=new))]
    same = sum(a == b for a, b in zip(texts["plain"], texts["hansei"], strict=True))
    return {
        "ratio": statistics.median(ratios),
        "ratios": [round(ratio, 3) for ratio in ratios],
        "plain_seconds": statistics.median(seconds["plain"]),
        "hansei_seconds": statistics.median(seconds["hansei"]),
        "prompts": len(chats),
        "same_text": same,
        "prompt_tokens": _quartiles([len(prompt.ids) for prompt in model.render(chats)]),
        "answer_tokens": _quartiles(written),
        "tokens_per_second": round(sum(written) / statistics.median(seconds["hansei"])),
        "parameters": model.hf.num_parameters(),
        "dtype": str(model.hf.dtype),
        "threads": torch.get_num_threads(),
    }


def town_chats(count: int) -> list[Chat]:
    """The town's prompts of every split and suite, shuffled."""
    from hansei.town.workshop import SUITES, prompts

    splits: tuple[Split, ...] = ("train", "validation", "heldout")
    chats = [prompt.messages for split in splits for prompt in prompts(split, SUITES)]
    random.Random(0).shuffle(chats)
    return chats[:count]


def random_chats(count: int) -> list[Chat]:
    """Requests of 20 to 40 random words, for the model below."""
    dice = random.Random(0)
    lengths = [dice.randint(20, 40) - 2 for _ in range(count)]
    return [user(" ".join(f"w{dice.randrange(2000)}" for _ in range(n))) for n in lengths]


def random_llama(folder: Path) -> LocalModel:
    """A random Llama of 2.2 M parameters, which ends an answer by chance of its token and position: 1 in 20.

    A random model hardly ever ends by itself. The hook that makes it end serves both sides alike.
    """
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
    model.hf.register_forward_hook(_ends_by_chance, with_kwargs=True)
    return model


def _ends_by_chance(_: Any, __: Any, inputs: dict[str, Any], output: Any) -> None:
    token, place = inputs["input_ids"][:, -1], inputs["position_ids"][:, -1]
    output.logits[(token * 7919 + place * 104729) % 1000 < 50, -1, 1] = 1e4


def _quartiles(values: list[int]) -> str:
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{min(values)} to {max(values)}, quartiles {low:.0f} {middle:.0f} {high:.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", default="town", help="`town`, `random`, a folder or a Hugging Face name")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--prompts", type=int, default=1000)
    parser.add_argument("--new", type=int, default=40, help="longest answer in tokens")
    parser.add_argument("--runs", type=int, default=5, help="runs of each side")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if args.model == "random":
            model, chats = random_llama(Path(folder)), random_chats(args.prompts)
        else:
            loaded = load(args.model, dtype=args.dtype)
            if not isinstance(loaded, LocalModel):
                parser.error("an endpoint's decoding is not ours to measure")
            model, chats = loaded, town_chats(args.prompts)
        result = compare(model, chats, args.new, args.runs)
    print(f"hansei is {result['ratio']:.2f} times as fast as transformers.generate in batches of {PLAIN_BATCH}")
    print(json.dumps({"model": args.model, **result}))


if __name__ == "__main__":
    main()
