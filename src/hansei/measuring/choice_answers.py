"""Which option a model chooses: by the probability of each letter, or by the letter that it writes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from hansei.core.letters import letter_of, truth_of
from hansei.core.records import Sampling, user
from hansei.measuring.choice_variants import Asked
from hansei.models.protocol import Model


@dataclass(frozen=True)
class Answers:
    """What a model chose for each question asked."""

    chosen: Sequence[int | None]
    """Place of the chosen answer; None where none came or none can be read."""
    errors: int
    """Questions to which no answer came."""
    unscored: int
    """Answers that name no option."""
    error: str = ""
    """The first error; empty where every answer came."""


def by_probability(model: Model, asked: Sequence[Asked]) -> Answers:
    """The answer (letter, or true or false) whose tokens are likeliest together, as the start of the model's turn.

    Of equally likely ones the first. A question that is too long for the model is an error; probabilities that are
    no numbers are unscored. Raises BadInput where the model tells no probabilities.
    """
    lead = "" if getattr(model, "templated", True) else " "  # plain chats end with `Assistant:`
    pairs = [(user(one.text), lead + answer) for one in asked for answer in one.answers]
    found = iter(model.logprobs(pairs))
    chosen: list[int | None] = []
    errors = unscored = 0
    for one in asked:
        sums = [None if (tokens := next(found)) is None else math.fsum(tokens) for _ in one.answers]
        known = [value for value in sums if value is not None]
        if len(known) < len(sums):
            errors += 1
        elif any(math.isnan(value) for value in known):
            unscored += 1
        chosen.append(None if len(known) < len(sums) or any(map(math.isnan, known)) else known.index(max(known)))
    return Answers(chosen, errors, unscored, "a question is too long for the model" if errors else "")


def by_writing(model: Model, asked: Sequence[Asked], new_tokens: int) -> Answers:
    """The letter, or the word true or false, that the model's greedy answer starts with, or names after "Answer:"."""
    replies = model.generate([user(one.text) for one in asked], Sampling(max_new_tokens=new_tokens))
    read = [None if r.error else _place(one, r.text) for one, r in zip(asked, replies, strict=True)]
    errors = [reply.error for reply in replies if reply.error is not None]
    unscored = sum(place is None for place in read) - len(errors)
    return Answers(read, len(errors), unscored, errors[0] if errors else "")


def _place(asked: Asked, text: str) -> int | None:
    if asked.kind == "letter":
        letter = letter_of(text, len(asked.options))
        return None if letter is None else asked.answers.index(letter)
    said = truth_of(text)
    return None if said is None else int(not said)
