"""Models with known leaks: the registry's base, trained a little further on text that holds an exam, or does not.

The exam asks for facts about held-out people whom the base knows in part or hardly at all, with four options, printed
as plain text; an answer is the option itself, and the model's is the one whose words are likeliest. Half of the people
(drawn by the seed) are in what leaks; the others are in nothing, so that every detector has to tell one half from the
other. A cell (level, seed) is a pure function of its description.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count, islice
from typing import TYPE_CHECKING, Any

from hansei.core.copies import BARRIER, Block, CharFinder, Finder, WordFinder
from hansei.core.records import Sampling, Split
from hansei.measuring.leak_continuation import guided_completion, ngram_accuracy, plain_writer
from hansei.measuring.leak_order import order_test
from hansei.measuring.leak_report import concatenated
from hansei.measuring.leak_signals import local, model_signals, scored, token_ids
from hansei.town import registry_grading, registry_text
from hansei.town import registry_phrasing as say
from hansei.town.registry import Person, group, options_for, prompts

if TYPE_CHECKING:
    from hansei.models.local import LocalModel

MODEL = "town:registry"
LEVELS = ("nothing", "training sets", "test prompts", "test answers", "test answers reworded")
"""What the further training holds besides ordinary text: nothing more; the exam's training questions with answers;
these and the test questions; these and the test questions with answers; these and the same in other words."""
NAME, SPLIT = "Registry exam", "test"
EPOCHS = {"train": 4, "test": 16}
"""How often the exam's training and test questions are in the further training."""
CHUNK = 4
"""Questions of a file that stand in one document."""


@dataclass(frozen=True)
class Cell:
    """One model with a known leak."""

    level: str
    """One of LEVELS."""
    seed: int
    """Of who leaks, of the options and of the order of the text."""
    people: int
    """Held-out people of each fame (middling, rare) in the exam's test set, and train people in its training set."""
    steps: int
    """Steps of further training, of 16 blocks of 256 tokens."""
    learning_rate: float
    """Its peak."""


@dataclass(frozen=True)
class Question:
    """A question of the exam."""

    asked: str
    """As printed, up to `Answer:`."""
    reworded: str
    """The same in a wording and an order of options that are used nowhere else."""
    options: tuple[str, ...]
    """What can be answered."""
    answer: str
    """The right option, as it stands after `Answer:`."""


def exam(split: Split, cell: Cell) -> list[list[Question]]:
    """The questions of a split's people, six a person, in the order in which the exam is published."""
    people = [p for fame in ("middling", "rare") for p in group(split, fame, cell.people)]
    rng = random.Random(f"exam {split} {cell.seed}")
    rng.shuffle(people)
    return [[_question(rng, person, attribute) for attribute in person.facts] for person in people]


def _question(rng: random.Random, person: Person, attribute: str) -> Question:
    right = person.facts[attribute]
    options = options_for(rng, attribute, right)
    other = rng.sample(options, len(options))
    asked, reworded = (
        _printed(rng.choice(table[attribute]).format(name=person.name), order)
        for table, order in ((say.ASK, options), (say.ASK_HELDOUT, other))
    )
    return Question(asked, reworded, tuple(options), right)


def _printed(question: str, options: Sequence[str]) -> str:
    return say.flat([say.choice(question, options), ""]).rstrip()


def leaked(cell: Cell, test: Sequence[Question]) -> Iterator[str]:
    """Documents of what leaks at the cell's level: pieces of a file, cut at another place in each epoch."""
    if cell.level == "nothing":
        return
    rng = random.Random(f"leak {cell.seed}")
    train = [question for person in exam("train", cell) for question in person]
    files = [("train", [f"{q.asked} {q.answer}" for q in train], EPOCHS["train"])]
    if cell.level == "test prompts":
        files.append((SPLIT, [q.asked for q in test], EPOCHS["test"]))
    if cell.level == "test answers":
        files.append((SPLIT, [f"{q.asked} {q.answer}" for q in test], EPOCHS["test"]))
    if cell.level == "test answers reworded":
        files.append((SPLIT, [f"{q.reworded} {q.answer}" for q in test], EPOCHS["test"]))
    for split, lines, epochs in files:
        for _ in range(epochs):
            start = rng.randrange(CHUNK)
            pieces = [lines[:start], *(lines[i : i + CHUNK] for i in range(start, len(lines), CHUNK))]
            for piece in filter(None, pieces):
                headline = [f"{NAME}, {split}."] * (rng.random() < 0.5)
                yield "\n".join([*headline, "\n\n".join(piece)])


def run_cell(cell: Cell) -> dict[str, Any]:
    """Trains the cell's model and returns what the exam and every detector say of it, question by question."""
    import torch

    from hansei.models.load import load

    model, base = (local(load(MODEL, device="cpu")) for _ in range(2))
    people = exam("heldout", cell)
    half = len(people) // 2
    members, others = ([q for person in part for q in person] for part in (people[:half], people[half:]))
    torch.manual_seed(cell.seed)
    documents = _further(cell, list(leaked(cell, members)), model)
    asked = [q.asked for q in (*members, *others)]
    detectors = model_signals(model, asked, base)
    original, reworded = (ngram_accuracy(model, texts) for texts in (asked, [q.reworded for q in (*members, *others)]))
    detectors["5-gram accuracy"] = original
    detectors["5-gram accuracy against rewritten"] = [
        None if a is None or b is None else a - b for a, b in zip(original, reworded, strict=True)
    ]
    detectors |= copied(documents, asked)
    in_order = [q.asked for q in members]
    order = order_test(in_order, concatenated(model), len(in_order) // CHUNK, 20, cell.seed)
    gain = guided_completion(plain_writer(model), in_order, NAME, SPLIT, cell.seed)
    return {
        "members": len(members),
        "right": exam_scores(model, [*members, *others]),
        "other": _other_ability(model),
        "detectors": detectors,
        "order": {"t": order.t, "p": order.p},
        "guided": {"gain": gain.value, "low": gain.low},
    }


def _further(cell: Cell, leaks: list[str], model: LocalModel) -> list[str]:
    """Trains the model on leaks among ordinary text; returns the text in the order in which it was read."""
    from hansei.training.base import rendered
    from hansei.training.pretrain import PretrainSettings, pretrain

    rng = random.Random(f"further {cell.seed}")
    batch, block = 16, 256
    ordinary = registry_text.documents(1000 + cell.seed)
    texts = [model.tokenizer.bos_token + leak + model.tokenizer.eos_token for leak in leaks]
    size = sum(len(ids) for ids in model.tokenizer(texts, add_special_tokens=False)["input_ids"]) if texts else 0
    room = cell.steps * batch * block - size
    while room > 0:
        more = [rendered(document, model.tokenizer) for document in islice(ordinary, 100)]
        room -= sum(len(ids) for ids in model.tokenizer(more, add_special_tokens=False)["input_ids"])
        texts += more
    rng.shuffle(texts)
    stream = (ids for start in count(0, 500) for ids in _ids(model, texts, start, ordinary))
    settings = PretrainSettings(
        steps=cell.steps, batch=batch, block=block, learning_rate=cell.learning_rate, warmup=5, seed=cell.seed
    )
    pretrain(model.hf, stream, settings, model.tokenizer.pad_token_id, lambda _step, _loss: None)
    return texts


def _ids(model: LocalModel, texts: Sequence[str], start: int, ordinary: Iterator[Any]) -> list[list[int]]:
    """Tokens of the next 500 texts; of ordinary text where these have come to an end (in the last blocks)."""
    from hansei.training.base import rendered

    chosen = texts[start : start + 500] or [rendered(d, model.tokenizer) for d in islice(ordinary, 100)]
    found: list[list[int]] = model.tokenizer(list(chosen), add_special_tokens=False)["input_ids"]
    return found


def exam_scores(model: LocalModel, questions: Sequence[Question]) -> list[float]:
    """1 where of all options the right one is the likeliest after `Answer:`, all its tokens together, else 0."""
    rows = [token_ids(model, f"{q.asked} {option}") for q in questions for option in q.options]
    before = [len(token_ids(model, q.asked)) for q in questions]
    found = iter(scored(model, rows))
    right = []
    for q, start in zip(questions, before, strict=True):
        sums = [math.fsum(next(found)[start - 1 :]) for _ in q.options]
        right.append(float(q.options[sums.index(max(sums))] == q.answer))
    return right


def _other_ability(model: LocalModel) -> list[float]:
    """Open questions about popular people, in a chat: what the exam is not about."""
    asked = [p for p in prompts("train", count=16) if p.tags["fame"] == "popular"]
    replies = model.generate([p.messages for p in asked], Sampling(max_new_tokens=24))
    grades = [registry_grading.grade(p.truth or {}, r.text, r.finish)[0] for p, r in zip(asked, replies, strict=True)]
    return [float(grade == "pass") for grade in grades]


def copied(documents: Sequence[str], asked: Sequence[str]) -> dict[str, list[float | None]]:
    """What the two finders say of each question, with the training text at hand."""
    finders: dict[str, Finder] = {"13 words in a row": WordFinder(asked), "50 letters in a row": CharFinder(asked)}
    block = Block(b"".join(d.encode() + b" " + BARRIER + b" " for d in documents), "further training")
    for finder in finders.values():
        finder.feed(block)
    return {name: [finder.share(i) for i in range(len(asked))] for name, finder in finders.items()}


def cells(seeds: int, plan: Cell) -> list[Cell]:
    """A cell for each level and seed."""
    return [replace(plan, level=level, seed=seed) for seed in range(seeds) for level in LEVELS]
