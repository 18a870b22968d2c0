"""Contrastive chain-of-thought: demonstrations with a right and a wrong explanation (Chia et al., arXiv 2311.09277).

    hansei answer contrastive-cot --model M --questions FILE --demonstrations gsm8k/train.jsonl.gz

1. A demonstration is (Q, T+, A+, T-, A-) (section 4.1). T- is built automatically: the bridging objects of T+ are
   found and change places ("incoherent objects"; `invalid.py` has the other four kinds of table 1, too).
2. The model reads a few of them and the question up to "Explanation:", and goes on. What it writes after its own
   answer, such as a wrong explanation of its own, is cut off.
3. With several samples, the answer that most of them give (self-consistency).

`mistake="none"` is chain-of-thought with the same demonstrations; `explain=False` leaves explanations out ("standard").

Deviations: objects by rules where no spaCy pipeline is named; the answer's object always moves; answers are compared
as numbers, where the released scorer takes "50%" for "5" (it compares prefixes).
"""

from __future__ import annotations

import functools
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from hansei.core.errors import BadInput
from hansei.core.records import Prompt, Sampling, user
from hansei.reasoning.answers import extract, vote
from hansei.reasoning.invalid import Solved, Unbuildable, Wrong, invalid
from hansei.reasoning.objects import recogniser
from hansei.reasoning.problems import read_problems
from hansei.steps.answering import Ask, Thinking, ThinkingMethod

VERSION = "1"
Mistake = Literal[
    "none",
    "invalid reasoning",
    "incoherent objects",
    "incoherent language",
    "irrelevant objects",
    "irrelevant language",
]
POOL = 400
"""Problems of a file that demonstrations are drawn from, the first of a seeded order."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of contrastive chain-of-thought."""

    demonstrations: str | None = None
    """File of solved problems for demonstrations: GSM8K's train.jsonl, or rows with question, explanation and answer;
    the school's own problems where not given."""
    shots: int = 4
    """Demonstrations; the paper has 4."""
    mistake: Mistake = "incoherent objects"
    """Kind of the wrong explanations; `none` is chain-of-thought."""
    explain: bool = True
    """Whether demonstrations have explanations; without them it is standard prompting."""
    samples: int = 1
    """Answers that are drawn; with more than one, the most frequent counts (self-consistency)."""
    temperature: float = 0.7
    """Temperature of several samples; a single one is greedy."""
    max_new_tokens: int = 256
    """Longest explanation and answer, in tokens."""
    recogniser: str = "rules"
    """Finds the objects of an explanation: `rules`, or `spacy:PIPELINE`."""
    seed: int = 0
    """Seed of demonstrations, wrong explanations and samples."""

    def __post_init__(self) -> None:
        """Raises BadInput for what is no method."""
        if self.shots < 0 or self.samples < 1 or self.temperature < 0 or self.max_new_tokens < 1:
            raise BadInput("contrastive-cot: shots >= 0, samples >= 1, temperature >= 0, max_new_tokens >= 1 expected")
        if self.samples > 1 and self.temperature == 0:
            raise BadInput("contrastive-cot: several samples at temperature 0 are one sample: set --temperature")
        if not self.explain and self.mistake != "none":
            raise BadInput("contrastive-cot: without explanations there are no wrong ones: set --mistake none")


@dataclass(frozen=True, slots=True)
class Demonstration:
    """A solved problem, and the same solved wrongly."""

    solved: Solved
    """Question, right explanation, right answer."""
    wrong: Wrong | None
    """Wrong explanation and answer; None in plain chain-of-thought."""


def method(settings: Settings) -> ThinkingMethod:
    """The method with demonstrations from the settings' file. Raises BadInput where there are not enough."""
    return of(demonstrations(_pool(settings), settings), settings)


def of(shots: Sequence[Demonstration], settings: Settings) -> ThinkingMethod:
    """The method with these demonstrations."""
    think = functools.partial(_think, shots, settings)
    known = {**asdict(settings), "demonstrations": [asdict(shot) for shot in shots]}
    return ThinkingMethod("contrastive-cot", VERSION, think, known)


def _pool(settings: Settings) -> list[Solved]:
    if settings.demonstrations is None:
        from hansei.town import school

        prompts = school.prompts("train", POOL, seed=settings.seed)
        return [solved_of(prompt) for prompt in prompts]
    return read_problems(settings.demonstrations)


def solved_of(prompt: Prompt) -> Solved:
    """A school problem with its solution."""
    truth = prompt.truth or {}
    return Solved(prompt.messages[-1].content, truth["worked"], str(truth["answer"]), prompt.id)


def demonstrations(pool: Sequence[Solved], settings: Settings) -> list[Demonstration]:
    """`shots` demonstrations from the pool in a seeded order; problems that can't be spoilt are passed over.

    The order doesn't depend on the kind of mistake, so that two kinds have mostly the same demonstrations.
    Raises BadInput where the pool has not enough.
    """
    recognise = recogniser(settings.recogniser)
    order = random.Random(f"demonstrations {settings.seed}").sample(list(pool), min(POOL, len(pool)))
    usable = [solved for solved in order if solved.explanation or not settings.explain]
    made: list[Demonstration] = []
    for solved in usable:
        if len(made) == settings.shots:
            break
        rng = random.Random(f"mistake {settings.seed} {solved.question}")
        try:
            wrong = (
                None if settings.mistake == "none" else invalid(solved, settings.mistake, rng, usable[:20], recognise)
            )
        except Unbuildable:
            continue
        made.append(Demonstration(solved, wrong))
    if len(made) < settings.shots:
        found = f"{len(pool)} problems, {len(usable)} with explanations, {len(made)} of use"
        raise BadInput(
            f"{settings.demonstrations or 'school'}: {settings.shots} problems with explanations were expected for "
            f"demonstrations, found {found}: give rows question, explanation, answer"
        )
    return made


def shown(demonstration: Demonstration, *, explain: bool = True) -> str:
    """A demonstration as the model reads it (the released demo's format)."""
    solved, wrong = demonstration.solved, demonstration.wrong
    lines = [f"Question: {solved.question}"]
    lines += [f"Explanation: {solved.explanation}"] * explain
    lines += [f"Answer: {solved.answer}"]
    if wrong is not None:
        lines += [f"Wrong explanation: {wrong.explanation}", f"Wrong Answer: {wrong.answer}"]
    return "\n".join(lines)


def asked(shots: Sequence[Demonstration], question: str, *, explain: bool = True) -> str:
    """The whole prompt."""
    end = f"Question: {question}\n{'Explanation' if explain else 'Answer'}:"
    return "\n\n".join([*(shown(shot, explain=explain) for shot in shots), end])


def _think(shots: Sequence[Demonstration], settings: Settings, prompt: Prompt) -> Thinking:
    question = prompt.messages[-1].content
    if any(shot.solved.question == question for shot in shots):
        raise BadInput(f"prompt {prompt.id}: the question is one of the demonstrations")
    chat = (*prompt.messages[:-1], *user(asked(shots, question, explain=settings.explain)))
    sampling = Sampling(
        temperature=settings.temperature if settings.samples > 1 else 0.0,
        max_new_tokens=settings.max_new_tokens,
        seed=settings.seed,
    )
    replies = yield Ask.samples(chat, settings.samples, sampling, "explanation")
    texts = [reply.text for reply in replies]
    found = [extract(text) if settings.explain else answer_alone(text) for text in texts]
    return vote(found) or ""


def answer_alone(text: str) -> str | None:
    """The answer of a model that was asked for nothing else: its first line."""
    line = text.strip().partition("\n")[0].removeprefix("Answer:").strip().rstrip(".")
    return line or None
