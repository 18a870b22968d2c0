"""Stated confidence with a reason: SaySelf (Xu et al. 2024, "SaySelf: Teaching LLMs to Express Confidence with
Self-Reflective Rationales", arXiv 2405.20974; its code: xu1868/SaySelf).

Stage 1, from the model's own disagreement with itself (`cases`, `lessons`):

1. *Sample* N = 100 chains a question from the untaught model (`hansei.steps.chains`).
2. *Cluster* them by meaning: greedily by the cosine of their embeddings, 0.9 and more (`by_embedding`), or by what an
   exact reader finds in them (`by_key`). Clusters of one chain are dropped.
3. *Reflect*: somebody writes, in the first person, what the clusters disagree about.
4. *Confidence* of a cluster: its share of the chains, as a whole number from 1 to 10 (`confidence_of_share`).
5. *SFT* on "answer, self-reflection, confidence", one lesson a cluster.

Stage 2, reinforcement (`confidence_reward`): the answer is right (c = 1) or not (c = 0), the confidence is p:

    R = 2 (0.5 - (c - p)^2) = 1 - 2 (c - p)^2

a proper score, highest in the mean where p is the chance of being right; learnt by the tokens after "Confidence:" only.

Deviations: RLOO in place of PPO, which TRL no longer has; and as TRL's RLOO has no mask of tokens, a subclass of it
has one (`RolloutSettings.learn_after`). A confidence that can't be read earns -1, as in the paper's code; an answer
without "Confidence:" earns nothing and teaches nothing (the code asks for more text, several times). The rule from
share to number is ours: the nearest tenth. `Teaching.drawn` above 0 replaces "one lesson a cluster" by chains drawn in
proportion to the clusters, so that the taught model keeps the untaught one's answers: with one lesson a cluster, a
cluster of 3% is taught as often as one of 60%.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hansei.core.errors import BadInput
from hansei.core.keys import content_key
from hansei.core.records import Attempt, Chat, Lesson, Prompt
from hansei.steps.ask import AnsweringMethod
from hansei.training.reinforcement import Reward

VERSION = "1"
MARK = "Confidence:"
"""Stands before the number; what comes after it is what stage 2 learns."""
THRESHOLD = 0.9
"""Least cosine of two chains of one cluster: the paper's evaluation code."""
UNREADABLE = -1.0
"""Reward of a confidence that can't be read: the paper's code."""
_NUMBER = re.compile(r"\s*(10|[1-9])(?:\s*/\s*10)?(?![\w%/]|\s*%|[.,]\d)")

Array = NDArray[np.float32]
Meaning = Callable[[Prompt, Sequence[str]], list[int]]
"""(prompt, chains) -> the number of each chain's cluster."""
Correct = Callable[[Sequence[tuple[Prompt, str]]], list[float | None]]
"""(prompt, answer) pairs -> 1 right, 0 wrong, between them partly; None where nobody can say."""


@dataclass(frozen=True)
class Stated:
    """A text taken apart."""

    answer: str
    """What is said."""
    reflection: str
    """What is said about it."""
    confidence: float | None
    """From 0.1 to 1; None where it can't be read."""


@dataclass(frozen=True)
class Form:
    """How a confidence is asked for and stated. The text ends in "Confidence: n"."""

    name: str
    """For the record."""
    ask: Callable[[Chat], Chat]
    """The conversation that asks for an answer with a confidence."""
    tell: Callable[[str, str, int], str]
    """(answer, reflection, confidence from 1 to 10) -> the text that states them."""
    split: Callable[[str], tuple[str, str]]
    """What stands before "Confidence:" -> answer and reflection."""

    def read(self, text: str) -> Stated:
        """The parts of a text."""
        body = text.rpartition(MARK)[0] if MARK in text else text
        return Stated(*self.split(body), confidence_in(text))

    @property
    def method(self) -> AnsweringMethod:
        """How prompts are sent to be answered in this form."""
        return AnsweringMethod(f"confidence {self.name}", VERSION, lambda prompt: self.ask(prompt.messages))


def confidence_in(text: str) -> float | None:
    """The number from 1 to 10 after the last "Confidence:", divided by 10; None for anything else.

    "Confidence: 7/10" is 0.7. "Confidence: 70%", "0.7", "11" and words are no such numbers: unscored.
    """
    _, mark, tail = text.rpartition(MARK)
    found = _NUMBER.match(tail) if mark else None
    return int(found[1]) / 10 if found else None


@dataclass(frozen=True)
class Cluster:
    """Chains that say the same."""

    chains: tuple[str, ...]
    """Their texts, in the order that they were drawn."""
    share: float
    """Of all chains of the question that came."""

    @property
    def confidence(self) -> int:
        """From 1 to 10."""
        return confidence_of_share(self.share)


@dataclass(frozen=True)
class Case:
    """A question and what the model says to it again and again."""

    prompt: Prompt
    """The question."""
    clusters: tuple[Cluster, ...]
    """The largest first; of equals the one that was drawn first."""
    errors: int = 0
    """Chains that did not come."""


Reflect = Callable[[Sequence[tuple[Case, Cluster]]], list[str | None]]
"""What disagreement there is about each case, told in the first person by one whose answer is the cluster's."""


def cases(prompts: Sequence[Prompt], chains: Sequence[Sequence[Attempt]], meaning: Meaning) -> list[Case]:
    """The chains of every prompt, clustered. A prompt of which no chain came has no cluster."""
    found = []
    for prompt, attempts in zip(prompts, chains, strict=True):
        texts = [a.text for a in attempts if a.error is None]
        found.append(Case(prompt, tuple(clustered(prompt, texts, meaning)), len(attempts) - len(texts)))
    return found


def clustered(prompt: Prompt, texts: Sequence[str], meaning: Meaning) -> list[Cluster]:
    """The clusters of some chains, the largest first."""
    groups: dict[int, list[str]] = {}
    for text, label in zip(texts, meaning(prompt, texts), strict=True):
        groups.setdefault(label, []).append(text)
    made = [Cluster(tuple(group), len(group) / len(texts)) for group in groups.values()]
    return sorted(made, key=lambda cluster: -cluster.share)  # stable: of equals the first


def by_key(key: Callable[[Prompt, str], Hashable]) -> Meaning:
    """Chains with the same key say the same."""

    def meaning(prompt: Prompt, texts: Sequence[str]) -> list[int]:
        numbers: dict[Hashable, int] = {}
        return [numbers.setdefault(key(prompt, text), len(numbers)) for text in texts]

    return meaning


def by_embedding(embed: Callable[[Sequence[str]], Array], threshold: float = THRESHOLD) -> Meaning:
    """Greedy clusters by cosine; `embed` gives unit vectors [texts, D]."""

    def meaning(_: Prompt, texts: Sequence[str]) -> list[int]:
        return greedy_clusters(embed(texts), threshold) if texts else []

    return meaning


def greedy_clusters(vectors_ID: Array, threshold: float) -> list[int]:
    """Each text joins the first cluster whose founder is near enough, or founds the next one."""
    founders: list[Array] = []
    labels = []
    for vector_D in vectors_ID:
        label = next((n for n, founder_D in enumerate(founders) if founder_D @ vector_D >= threshold), len(founders))
        if label == len(founders):
            founders.append(vector_D)
        labels.append(label)
    return labels


def confidence_of_share(share: float) -> int:
    """The nearest whole number to ten times the share, at least 1; a half goes up."""
    return max(1, math.floor(10 * share + 0.5))


@dataclass(frozen=True)
class Teaching:
    """What becomes of the clusters."""

    smallest: int = 2
    """Clusters of fewer chains are dropped."""
    drawn: int = 0
    """Lessons a question: 0 for one a cluster (the paper's), else so many chains in proportion to the clusters."""
    reflect: bool = True
    """Whether lessons hold the self-reflection; without it, the paper's ablation."""

    def __post_init__(self) -> None:
        if self.smallest < 1 or self.drawn < 0:
            raise BadInput(f"smallest and drawn: 1 and 0 at least were expected, found {self.smallest}, {self.drawn}")


def lessons(
    found: Sequence[Case], reflect: Reflect, form: Form, teaching: Teaching, counts: Counter[str]
) -> list[Lesson]:
    """The lessons of stage 1. Chains in dropped clusters, and reflections that did not come, are counted.

    Raises BadInput where there is no lesson at all.
    """
    taught = [(case, cluster, text) for case in found for cluster, text in _chosen(case, teaching)]
    kept = len({case.prompt.id for case, _, _ in taught})
    counts["questions without a cluster"] += len(found) - kept
    counts["chains that did not come"] += sum(case.errors for case in found)
    pairs = list({(case.prompt.id, cluster.chains): (case, cluster) for case, cluster, _ in taught}.values())
    said = reflect(pairs) if teaching.reflect else [""] * len(pairs)
    told = {(case.prompt.id, cluster.chains): text for (case, cluster), text in zip(pairs, said, strict=True)}
    made = []
    for case, cluster, text in taught:
        reflection = told[case.prompt.id, cluster.chains]
        if reflection is None:
            counts["reflections that did not come"] += 1
            continue
        stated = form.tell(text, reflection, cluster.confidence)
        made.append(_lesson(case.prompt, form.ask(case.prompt.messages), stated))
    if not made:
        raise BadInput(f"confidence: no lesson is left: {dict(counts) or 'there were no questions'}")
    return made


def _chosen(case: Case, teaching: Teaching) -> list[tuple[Cluster, str]]:
    """The chains that are taught, each with its cluster."""
    kept = [cluster for cluster in case.clusters if len(cluster.chains) >= teaching.smallest]
    if not teaching.drawn:
        return [(cluster, cluster.chains[0]) for cluster in kept]
    every = [(cluster, text) for cluster in kept for text in cluster.chains]
    # systematic sampling: every k-th chain of the clusters in a row, from the middle of the first step
    places = [int((n + 0.5) * len(every) / teaching.drawn) for n in range(teaching.drawn)] if every else []
    return [every[place] for place in places]


def _lesson(prompt: Prompt, chat: Chat, text: str) -> Lesson:
    return Lesson(content_key("confidence", chat, text), chat, text, prompt_id=prompt.id, purpose="confidence")


def reward(correct: float, confidence: float) -> float:
    """R = 1 - 2 (c - p)^2: from -1 (sure and wrong) to 1 (sure and right)."""
    return 1 - 2 * (correct - confidence) ** 2


def confidence_reward(prompts: Sequence[Prompt], correct: Correct, form: Form, counts: Counter[str]) -> Reward:
    """The reward of stage 2 for `train_rloo`; what can't be read or judged is counted.

    None (nothing is learnt) without "Confidence:", and where nobody can say whether the answer is right.
    """
    by_chat = {form.ask(prompt.messages): prompt for prompt in prompts}

    def worth(chat: Chat, text: str) -> float | None:
        if MARK not in text:
            counts["answers without a confidence"] += 1
            return None
        stated = form.read(text)
        if stated.confidence is None:
            counts["confidences that can't be read"] += 1
            return UNREADABLE
        (right,) = correct([(by_chat[chat], stated.answer)])
        if right is None:
            counts["answers that nobody could judge"] += 1
            return None
        return reward(right, stated.confidence)

    return worth
