"""The whole demo loop: `hansei.loop.demo` against the same steps written plainly with transformers and TRL.

Both sides ask the town's base, judge, let it analyse its mistakes, teach one student by mistake analysis and one by
plain SFT, ask both students and compare: the same prompts, lessons, steps, learning rate, precision and threads, each
side in processes of its own, in turn. The libraries are imported before the clock starts. The plain side asks in
batches of 64 in the order that the prompts come, trains by SFTTrainer's defaults where they don't change the result,
and keeps nothing. hansei also journals every batch, writes checkpoints, and pairs and bootstraps all rates.

    python benchmarks/demo_loop.py
    python benchmarks/demo_loop.py --checkpointing    # with TRL's default, activations computed twice: slower
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hansei.core.records import Chat, Message, Prompt, as_dicts, user
from hansei.loop.settings import DemoSettings
from hansei.town import phrasing, workshop
from hansei.town.grading import grade

SUITES = ("request", "past", "future", "hijack")
ROWS = ("before", "after", "sft")
BATCH, NEW_TOKENS = 64, 48
NEAR = {"before": 0.02, "after": 0.10, "sft": 0.10}
"""How far apart the two sides' rates on plain requests may be: students meet their lessons in another order."""

Rates = dict[str, dict[str, float]]
Lesson = dict[str, list[dict[str, str]]]


def plain(args: argparse.Namespace, folder: Path) -> tuple[Rates, dict[str, int]]:
    """What one writes in an afternoon. Rates by row and suite, and how many lessons each student had."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(workshop.BASE_PATH, padding_side="left")
    model = AutoModelForCausalLM.from_pretrained(workshop.BASE_PATH, dtype=torch.float32).eval()
    train, heldout = workshop.prompts("train", phrasings=2), workshop.prompts("heldout", SUITES)

    answers = ask(model, tokenizer, [p.messages for p in heldout])
    rates = {"before": measure(heldout, answers)}
    answers = ask(model, tokenizer, [p.messages for p in train])
    right = [passed(p, a) for p, a in zip(train, answers, strict=True)]
    mistakes = [(p, a) for p, a, good in zip(train, answers, right, strict=True) if not good]
    said = [(*p.messages, Message("assistant", a)) for p, a in mistakes]
    analyses = ask(model, tokenizer, [(*chat, *user(phrasing.ANALYSE_GUIDED)) for chat in said])

    kept = [(p, a) for p, a, good in zip(train, answers, right, strict=True) if good and p.expected == "answer"]
    sft = [lesson(p.messages, p.reference or "") for p, _ in mistakes] + [lesson(p.messages, a) for p, a in kept]
    explained = [
        lesson((*chat, *user(phrasing.ANALYSE)), text) for chat, text in zip(said, analyses, strict=True) if text
    ]
    del model
    for row, lessons in (("after", sft + explained), ("sft", sft)):
        student = teach(lessons, tokenizer, args, folder / row)
        rates[row] = measure(heldout, ask(student, tokenizer, [p.messages for p in heldout]))
    return rates, {"after": len(sft) + len(explained), "sft": len(sft)}


def ask(model: Any, tokenizer: Any, chats: Sequence[Chat]) -> list[str]:
    """Pad, generate, decode: 64 at a time, in the order that they come."""
    texts: list[str] = []
    for start in range(0, len(chats), BATCH):
        batch = tokenizer.apply_chat_template(
            [as_dicts(chat) for chat in chats[start : start + BATCH]],
            add_generation_prompt=True,
            padding=True,
            return_dict=True,
            return_tensors="pt",
        )
        out = model.generate(**batch, max_new_tokens=NEW_TOKENS, do_sample=False)
        texts += tokenizer.batch_decode(out[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)
    return [text.strip() for text in texts]


def lesson(chat: Chat, answer: str) -> Lesson:
    """A row of TRL's prompt-completion format."""
    return {"prompt": as_dicts(chat), "completion": [{"role": "assistant", "content": answer}]}


def teach(lessons: Sequence[Lesson], tokenizer: Any, args: argparse.Namespace, out: Path) -> Any:
    """SFTTrainer, with its defaults but for what changes the result: schedule, precision, batch."""
    import torch
    from datasets import Dataset
    from transformers import AutoModelForCausalLM
    from trl import SFTConfig, SFTTrainer

    config = SFTConfig(
        output_dir=str(out),
        max_steps=args.steps,
        per_device_train_batch_size=32,
        learning_rate=DemoSettings.learning_rate,
        lr_scheduler_type="constant",
        bf16=False,
        gradient_checkpointing=args.checkpointing,
        use_cpu=True,
        report_to="none",
    )
    model = AutoModelForCausalLM.from_pretrained(workshop.BASE_PATH, dtype=torch.float32)
    trainer = SFTTrainer(
        model=model, args=config, train_dataset=Dataset.from_list(list(lessons)), processing_class=tokenizer
    )
    trainer.train()
    trainer.save_model()
    model.config.use_cache = True  # the trainer has turned it off
    return model.eval()


def passed(prompt: Prompt, text: str) -> bool:
    """The exact judge's word."""
    return grade(prompt.truth or {}, text)[0] == "pass"


def measure(prompts: Sequence[Prompt], texts: Sequence[str]) -> dict[str, float]:
    """The share of right answers to each suite, plain requests by kind."""
    rights: dict[str, list[bool]] = {}
    for prompt, text in zip(prompts, texts, strict=True):
        suite = prompt.tags["suite"]
        name = f"{suite}, {prompt.tags['kind']}" if suite == "request" else suite
        rights.setdefault(name, []).append(passed(prompt, text))
    return {name: statistics.fmean(found) for name, found in rights.items()}


def ours(args: argparse.Namespace, folder: Path) -> tuple[Rates, dict[str, int]]:
    """The product's own demo; its rates are worked out again from the answers in the journal."""
    from hansei.core.journal import Journal
    from hansei.core.records import Prompt as Record
    from hansei.loop import demo
    from hansei.steps import run

    learned = demo(DemoSettings(out=str(folder / "run"), steps=args.steps), lambda _: None)
    rates = {}
    with Journal.open(learned.out, read_only=True) as journal:
        prompts = {p.id: p for p in run.stored(journal, "prompt", Record)}
        for row, answers in run.answers_of(journal, run.kept_rows(journal)).items():
            rates[row] = measure([prompts[a.prompt_id] for a in answers.attempts], [a.text for a in answers.attempts])
    return rates, {"after": learned.counts["lessons"], "sft": learned.counts["lessons, sft"]}


SIDES = {"plain": plain, "hansei": ours}


def side(args: argparse.Namespace) -> None:
    """One side, once, in this process; prints what came of it as JSON."""
    import datasets  # noqa: F401
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: F401
    from trl import SFTTrainer  # noqa: F401

    import hansei.loop.flow
    import hansei.loop.town_demo  # noqa: F401

    torch.set_num_threads(args.threads)
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        clock, used = time.perf_counter(), time.process_time()
        rates, lessons = SIDES[args.side](args, Path(folder))
        taken = {"seconds": time.perf_counter() - clock, "cpu_seconds": time.process_time() - used}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({**taken, "peak_rss_mb": round(peak), "lessons": lessons, "rates": rates}))


def start(name: str, args: argparse.Namespace) -> dict[str, Any]:
    """A side in a process of its own."""
    command = [sys.executable, __file__, "--side", name, "--steps", str(args.steps), "--threads", str(args.threads)]
    if args.checkpointing:
        command.append("--checkpointing")
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        sys.exit(f"{name} failed:\n{ran.stderr[-3000:]}")
    found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return found


def check(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Exits where the sides did not do the same: other lessons, or other rates on plain requests."""
    for row, near in NEAR.items():
        for name, value in one["rates"][row].items():
            if name.startswith("request") and abs(value - other["rates"][row][name]) > near:
                sys.exit(f"{row}, {name}: {value:.3f} and {other['rates'][row][name]:.3f} are no equal results")
    for row, count in one["lessons"].items():
        if abs(count - other["lessons"][row]) > 0.02 * count:
            sys.exit(f"{row}: {count} lessons and {other['lessons'][row]} are no equal work")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--steps", type=int, default=DemoSettings.steps, help="optimiser steps of each student")
    parser.add_argument("--runs", type=int, default=3, help="runs of each side; the median ratio counts")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--checkpointing", action="store_true", help="leave gradient checkpointing on, as TRL does")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.side:
        side(args)
        return
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in SIDES}
    for _ in range(args.runs):
        for name in SIDES:
            runs[name].append(start(name, args))
        check(*(found[-1] for found in runs.values()))
    report(runs, args)


def report(runs: dict[str, list[dict[str, Any]]], args: argparse.Namespace) -> None:
    """Prints the rates of both sides, what they took, and the median ratio over the pairs of runs."""
    last = {name: found[-1] for name, found in runs.items()}
    for row in ROWS:
        for kind in last["plain"]["rates"][row]:
            both = ", ".join(f"{name} {100 * last[name]['rates'][row][kind]:5.1f}%" for name in SIDES)
            print(f"{row:7} {kind:20} right answers: {both}")
    for what, words in (("cpu_seconds", "s of processor time"), ("seconds", "s by the clock")):
        took = {name: [run[what] for run in found] for name, found in runs.items()}
        ratio = statistics.median(a / b for a, b in zip(took["plain"], took["hansei"], strict=True))
        both = ", ".join(f"{name} {statistics.median(values):.1f}" for name, values in took.items())
        print(f"{both} {words}: hansei is {ratio:.2f} times as fast")
    settings = {"steps": args.steps, "threads": args.threads, "checkpointing": args.checkpointing}
    print(json.dumps({"ratio": round(ratio, 3), **settings, "runs": runs}))


if __name__ == "__main__":
    main()
