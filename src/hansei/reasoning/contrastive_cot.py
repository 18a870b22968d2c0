"""Contrastive chain-of-thought: demonstrations with a right and a wrong explanation (Chia et al., arXiv 2311.09277).

    hansei answer contrastive-cot --model M --questions FILE --demonstrations gsm8k/train.jsonl.gz

1. A demonstration is (Q, T+, A+, T-, A-) (section 4.1). T- is built automatically: the bridging objects of T+ are
   found and change places ("incoherent-objects"; `invalid.py` has the other four kinds of table 1, too).
2. The model reads a few of them and the question up to "Explanation:", and goes on. What it writes after its own
   answer, such as a wrong explanation of its own, is cut off.
3. With several samples, the answer that most of them give (self-consistency).

`mistake="none"` is chain-of-thought with the same demonstrations; `explain=False` leaves explanations out ("standard").

Deviations: objects by rules where no spaCy pipeline is named; the answer's object always moves; answers are compared
as numbers, where the released scorer takes "50%" for "5" (it compares prefixes).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from hansei.core.errors import BadInput
from hansei.core.records import Prompt, Sampling, user
from hansei.reasoning.answers import extract, vote
from hansei.reasoning.invalid import Solved, Unbuildable, Wrong, invalid
from hansei.reasoning.objects import recogniser
from hansei.reasoning.problems import read_problems, without_solution
from hansei.steps.answer_settings import AnswerSettings
from hansei.steps.answering import Ask, Thinking, ThinkingMethod

VERSION = "1"
Mistake = Literal[
    "none",
    "invalid-reasoning",
    "incoherent-objects",
    "incoherent-language",
    "irrelevant-objects",
    "irrelevant-language",
]
POOL = 400
"""Problems of a file that demonstrations are drawn from, the first of a seeded order."""


@dataclass(frozen=True, kw_only=True)
class Settings(AnswerSettings):
    """Settings of `hansei answer contrastive-cot`."""

    judge: str = "number"
    """Who judges: number (compared as numbers), exact-match, reference, rules, or a model's name."""
    demonstrations: str | None = None
    """File of solved problems for demonstrations: GSM8K's train.jsonl, or rows with question, explanation and answer;
    the school's own problems where not given."""
    shots: int = 4
    """Demonstrations; the paper has 4."""
    mistake: Mistake = "incoherent-objects"
    """Kind of the wrong explanations; `none` is chain-of-thought."""
    explain: bool = True
    """Whether demonstrations have explanations; without them it is standard prompting."""
    samples: int = 1
    """Answers that are drawn; with more than one, the most frequent counts (self-consistency), at --temperature."""
    recogniser: str = "rules"
    """Finds the objects of an explanation: `rules`, or `spacy:PIPELINE`."""

    def __post_init__(self) -> None:
        """Raises BadInput for what is no method."""
        super().__post_init__()
        if self.shots < 0 or self.samples < 1:
            raise BadInput("contrastive-cot: shots of 0 or more and samples of 1 or more were expected")
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


def make(settings: Settings) -> ThinkingMethod:
    """The method with demonstrations from the settings' file. Raises BadInput where there are not enough."""
    pool = read_problems(settings.demonstrations) if settings.demonstrations else school_pool(settings.seed)
    try:
        shots = demonstrations(
            pool, settings.shots, settings.mistake, settings.seed, settings.explain, settings.recogniser
        )
    except BadInput as error:
        raise BadInput(f"{settings.demonstrations or 'school'}: {error}") from error
    return of(shots, settings.sampling, settings.samples, settings.explain)


def prepare(prompts: Sequence[Prompt], _: Settings) -> list[Prompt]:
    """The questions of a file with the answer alone as their reference (GSM8K's rows hold the solution, too)."""
    return [without_solution(prompt) for prompt in prompts]


def of(shots: Sequence[Demonstration], sampling: Sampling, samples: int = 1, explain: bool = True) -> ThinkingMethod:
    """The method with these demonstrations."""

    def think(prompt: Prompt) -> Thinking:
        question = prompt.messages[-1].content
        if any(shot.solved.question == question for shot in shots):
            raise BadInput(f"prompt {prompt.id}: the question is one of the demonstrations")
        chat = (*prompt.messages[:-1], *user(asked(shots, question, explain=explain)))
        replies = yield Ask.samples(chat, samples, sampling, "explanation")
        found = [extract(reply.text) if explain else answer_alone(reply.text) for reply in replies]
        return vote(found) or ""

    known = {"shots": [asdict(shot) for shot in shots], "sampling": sampling, "samples": samples, "explain": explain}
    return ThinkingMethod("contrastive-cot", VERSION, think, known, calls=samples)


def school_pool(seed: int) -> list[Solved]:
    """Solved problems of the school, from its split `train`."""
    from hansei.town import school

    return [solved_of(prompt) for prompt in school.prompts("train", POOL, seed=seed)]


def solved_of(prompt: Prompt) -> Solved:
    """A school problem with its solution."""
    truth = prompt.truth or {}
    return Solved(prompt.messages[-1].content, truth["worked"], str(truth["answer"]), prompt.id)


def demonstrations(
    pool: Sequence[Solved], shots: int, mistake: Mistake, seed: int, explain: bool = True, finder: str = "rules"
) -> list[Demonstration]:
    """`shots` demonstrations from the pool in a seeded order; problems that can't be spoilt are passed over.

    The order doesn't depend on the kind of mistake, so that two kinds have mostly the same demonstrations.
    Raises BadInput where the pool has not enough.
    """
    recognise = recogniser(finder)
    order = random.Random(f"demonstrations {seed}").sample(list(pool), min(POOL, len(pool)))
    usable = [solved for solved in order if solved.explanation or not explain]
    made: list[Demonstration] = []
    for solved in usable:
        if len(made) == shots:
            break
        rng = random.Random(f"mistake {seed} {solved.question}")
        try:
            wrong = None if mistake == "none" else invalid(solved, mistake, rng, usable[:20], recognise)
        except Unbuildable:
            continue
        made.append(Demonstration(solved, wrong))
    if len(made) < shots:
        found = f"{len(pool)} problems, {len(usable)} with explanations, {len(made)} of use"
        raise BadInput(
            f"{shots} problems with explanations were expected for demonstrations, found {found}: give rows question, "
            "explanation, answer"
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


def answer_alone(text: str) -> str | None:
    """The answer of a model that was asked for nothing else: its first line."""
    line = text.strip().partition("\n")[0].removeprefix("Answer:").strip().rstrip(".")
    return line or None
