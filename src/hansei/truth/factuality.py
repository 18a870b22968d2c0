"""Fine-tuning for factuality (Tian, Mitchell, Yao, Manning and Finn 2023, arXiv 2311.08401; ICLR 2024).

The idea: a model often knows which of its own claims are true. Nobody needs to write true answers; it is enough to
rank the model's own samples. Per prompt (a biography, a question):

1. *Sample* up to 10 answers at temperature 1 (`sample`).
2. *Split* each answer into atomic claims (a `Split`: the town's grammar, or a chat model).
3. *Score* each claim (a `Worth`), with a reference: 1 if it is supported, 0 if not; or without one: ask the model a
   question about it 20 times, merge equal answers, and take how far they agree (`factuality_confidence.py`). The
   reward of an answer is the mean over its claims, less for short answers if wished (`reward`).
4. *Pair* all answers to one prompt with different rewards (`pairs`).
5. *Teach*: SFT on all samples, then DPO on the pairs from the SFT student (`teach`).

The base's facts are in no lesson: lessons hold its own samples only.

Deviations: an answer without claims has no reward and is in no pair; a claim that could not be scored is left out of
the mean and counted; an answer that was cut at the limit is no lesson, as it would teach to stop in mid-sentence; the
optimiser is AdamW and its rate a setting, where the paper's code has RMSprop at 5e-7 for 7B parameters.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

from hansei.core.errors import BadInput
from hansei.core.journal import Journal
from hansei.core.keys import content_key
from hansei.core.records import Attempt, Lesson, Prompt, Sampling, by_id
from hansei.models.protocol import Model
from hansei.steps.chains import ask_chains
from hansei.training.settings import DPO, PreferenceSettings, TrainSettings

SAMPLES = 10
"""Answers to each prompt, as in the paper."""

Case = tuple[Prompt, Attempt]
"""A prompt, and one answer to it."""
Split = Callable[[Sequence[Case]], list[tuple[str, ...] | None]]
"""Cases -> the atomic claims of each answer, each a sentence that stands alone; None where it could not be split."""
Worth = Callable[[Sequence[tuple[Prompt, str]]], list[float | None]]
"""(prompt, claim) pairs -> what each claim is worth, the more the truer; None where that could not be told."""


@dataclass(frozen=True)
class Scored:
    """An answer with its claims."""

    prompt: Prompt
    """What was asked."""
    attempt: Attempt
    """The answer."""
    claims: tuple[str, ...] | None
    """Its atomic claims; None where it could not be split."""
    worth: tuple[float | None, ...]
    """Of each claim; None where it could not be scored."""
    gamma: float = 0.0
    """Of the length penalty; 0 is none."""

    @property
    def reward(self) -> float | None:
        """What the answer is worth; None where no claim has been scored."""
        return reward(self.worth, self.gamma)


def sample(
    model: Model, prompts: Sequence[Prompt], sampling: Sampling, journal: Journal, samples: int = SAMPLES
) -> list[Case]:
    """Step 1: `samples` answers to each prompt; those that did not come are left out.

    Raises BadInput where not one came, and for several samples at temperature 0.
    """
    known = by_id(prompts)
    if samples > 1 and sampling.temperature == 0:
        raise BadInput(f"{samples} samples at temperature 0 are one answer {samples} times: set temperature")
    drawn = ask_chains(model, prompts, sampling, samples, journal, label="sample")
    attempts = [attempt for chains in drawn for attempt in chains]
    if attempts and all(a.error is not None for a in attempts):
        raise BadInput(f"{model.name}: not one answer came: {attempts[0].error}")
    return [(known[a.prompt_id], a) for a in attempts if a.error is None]


def score(cases: Sequence[Case], split: Split, worth: Worth) -> list[Scored]:
    """Steps 2 and 3: the claims of every answer, and what each is worth; a claim made twice is scored once."""
    told = split(cases)
    asked = {
        (prompt.id, claim): (prompt, claim)
        for (prompt, _), claims in zip(cases, told, strict=True)
        for claim in claims or ()
    }
    known = dict(zip(asked, worth(list(asked.values())), strict=True))
    return [
        Scored(prompt, attempt, claims, tuple(known[prompt.id, claim] for claim in claims or ()))
        for (prompt, attempt), claims in zip(cases, told, strict=True)
    ]


def reward(worth: Sequence[float | None], gamma: float = 0.0) -> float | None:
    """The mean of what is known; the order of the claims plays no part, not even in rounding.

    An answer of n < `gamma` claims counts exp(1 - gamma / n) times that: FActScore's length penalty (Min et al. 2023,
    arXiv 2305.14251, with gamma 10), which the paper's code has as its second reward. Without it the safest answer is
    the one that hardly says anything.
    """
    known = [value for value in worth if value is not None]
    if not known:
        return None
    return math.fsum(known) / len(known) * math.exp(min(0.0, 1.0 - gamma / len(known)))


def pairs(scored: Sequence[Scored], margin: float = 0.0) -> list[Lesson]:
    """Step 4: every two answers to one prompt whose rewards differ by more than `margin`, the better one chosen.

    n answers with different rewards give n (n - 1) / 2 pairs. Raises BadInput where there is no pair at all.
    """
    groups: dict[str, list[tuple[Scored, float]]] = {}
    for one in scored:
        if one.reward is not None and one.attempt.finish == "stop" and one.attempt.text.strip():
            groups.setdefault(one.prompt.id, []).append((one, one.reward))
    made = []
    for group in groups.values():
        for (a, of_a), (b, of_b) in combinations(group, 2):
            if abs(of_a - of_b) > margin:
                made.append(_pair(*((a, b) if of_a > of_b else (b, a))))
    if not made:
        raise BadInput(
            f"factuality: nothing to learn from: {sum(map(len, groups.values()))} of {len(scored)} answers have a "
            f"reward, and no two answers to one of the {len(groups)} prompts differ in it by more than {margin:g}; "
            "nothing was trained. Take more samples, a higher temperature, or another way to score"
        )
    return made


def _pair(better: Scored, worse: Scored) -> Lesson:
    return Lesson(
        id=content_key("factuality pair", better.attempt.id, worse.attempt.id),
        prompt=better.prompt.messages,
        chosen=better.attempt.text,
        rejected=worse.attempt.text,
        prompt_id=better.prompt.id,
        purpose="factuality",
    )


def imitation(scored: Sequence[Scored]) -> list[Lesson]:
    """The SFT lessons of step 5: every whole sample, good or bad, as in the paper."""
    return [
        Lesson(
            id=content_key("factuality sample", one.attempt.id),
            prompt=one.prompt.messages,
            completion=one.attempt.text,
            prompt_id=one.prompt.id,
            purpose="sample",
        )
        for one in scored
        if one.attempt.finish == "stop" and one.attempt.text.strip()
    ]


@dataclass(frozen=True)
class Teaching:
    """How step 5 is done."""

    sft: TrainSettings
    """SFT on all samples."""
    dpo: TrainSettings
    """DPO on the pairs."""
    preference: PreferenceSettings = DPO
    """beta is 0.1 to 0.5 in the paper's code."""
    margin: float = 0.0
    """Least difference of rewards in a pair."""


def teach(
    model: str,
    scored: Sequence[Scored],
    teaching: Teaching,
    sft_out: Path,
    dpo_out: Path,
    *,
    keep_steps: Sequence[int] = (),
) -> tuple[Path, Path]:
    """Step 5: the students' folders, of SFT and of DPO, whose reference is the SFT student.

    Pairs are made first, so that nothing is trained where there are none; an SFT student that is there already is not
    trained again. `keep_steps`: also keeps the DPO students after so many steps. Raises BadInput as `pairs` and the
    trainings do.
    """
    from hansei.training.preference import train_dpo
    from hansei.training.sft import train_sft

    ranked = pairs(scored, teaching.margin)
    start = train_sft(model, imitation(scored), teaching.sft, sft_out)
    how = {"preference": teaching.preference, "keep_steps": keep_steps}
    return start, train_dpo(str(start), ranked, teaching.dpo, dpo_out, **how)  # type: ignore[arg-type]


def best_of(scored: Sequence[Scored]) -> list[Scored]:
    """Of each prompt's answers the one with the highest reward, the first of equals: sampling without tuning.

    Where no answer to a prompt has a reward, the first one stands.
    """
    best: dict[str, Scored] = {}
    for one in scored:
        there = best.get(one.prompt.id)
        if there is None or _rank(one) > _rank(there):
            best[one.prompt.id] = one
    return list(best.values())


def _rank(one: Scored) -> float:
    return -math.inf if one.reward is None else one.reward


def counts(scored: Sequence[Scored]) -> dict[str, Any]:
    """What was left out on the way, for the report."""
    return {
        "answers": len(scored),
        "unsplit": sum(one.claims is None for one in scored),
        "without_claims": sum(one.claims == () for one in scored),
        "claims": sum(len(one.worth) for one in scored),
        "unscored_claims": sum(value is None for one in scored for value in one.worth),
        "cut_off": sum(one.attempt.finish == "length" for one in scored),
    }


def with_gamma(scored: Sequence[Scored], gamma: float) -> list[Scored]:
    """The same answers and scores with that length penalty."""
    return [replace(one, gamma=gamma) for one in scored]


def with_worth(scored: Sequence[Scored], worth: Worth) -> list[Scored]:
    """The same answers and claims, scored in another way."""
    asked = {(one.prompt.id, claim): (one.prompt, claim) for one in scored for claim in one.claims or ()}
    known = dict(zip(asked, worth(list(asked.values())), strict=True))
    return [replace(one, worth=tuple(known[one.prompt.id, claim] for claim in one.claims or ())) for one in scored]
