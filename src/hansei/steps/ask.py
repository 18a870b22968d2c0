"""Ask: prompts in, attempts out, every finished batch kept in the journal and never asked again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from hansei.core.errors import BadInput
from hansei.core.journal import Journal
from hansei.core.keys import content_key
from hansei.core.progress import progress
from hansei.core.records import Attempt, Chat, Message, Prompt, Sampling
from hansei.models.protocol import Model, Reply
from hansei.steps.units import finish


@dataclass(frozen=True)
class AnsweringMethod:
    """How a prompt becomes the conversation that the model is sent."""

    name: str
    """Stands in every attempt: `plain`, `guided` …"""
    version: str
    """Changes when `render` does; part of the content key."""
    render: Callable[[Prompt], Chat]
    """From the prompt to the conversation."""


def _as_it_stands(prompt: Prompt) -> Chat:
    return prompt.messages


plain = AnsweringMethod("plain", "1", _as_it_stands)
"""The prompt as it stands."""


def guided(reminder: str, *, name: str = "guided") -> AnsweringMethod:
    """The prompt with a sentence set before its last user turn: guided inference (arXiv 2310.10477, step 4).

    `name` tells other uses of a set sentence apart, such as a hint that induces mistakes.
    """

    def render(prompt: Prompt) -> Chat:
        last = max((i for i, message in enumerate(prompt.messages) if message.role == "user"), default=None)
        if last is None:
            raise BadInput(f"prompt {prompt.id}: a user turn was expected, to set {reminder!r} before")
        turn = Message("user", f"{reminder} {prompt.messages[last].content}")
        return (*prompt.messages[:last], turn, *prompt.messages[last + 1 :])

    return AnsweringMethod(name, "1", render)


def ask(
    model: Model,
    prompts: Sequence[Prompt],
    sampling: Sampling,
    journal: Journal,
    *,
    method: AnsweringMethod = plain,
    attempts: int = 1,
    label: str = "ask",
) -> list[Attempt]:
    """One attempt a prompt, in the prompts' order; with `attempts` above 1 then their second ones, and so on.

    The unit of work is the model's batch. What fails (an endpoint's error) is an attempt with `error`, which
    the next run asks again. Attempt number k is drawn with `attempt_seed(sampling.seed, k)`.

    Raises BadInput for several attempts at temperature 0, as they would be the same answer.
    """
    if attempts > 1 and sampling.temperature == 0:
        raise BadInput(f"{attempts} attempts at temperature 0 are one answer {attempts} times: set temperature")
    if len({p.id for p in prompts}) < len(prompts):
        raise ValueError("two prompts have the same id")
    chats = [method.render(prompt) for prompt in prompts]
    made: list[Attempt] = []
    for number in range(attempts):
        drawn = replace(sampling, seed=attempt_seed(sampling.seed, number))
        batches = model.batches(chats, drawn)
        answers: dict[int, Attempt] = {}
        for batch in progress(batches, label):
            asked = [(prompts[i].id, chats[i]) for i in batch]
            answers.update(zip(batch, _batch(model, asked, drawn, journal, method, number), strict=True))
        made += [answers[i] for i in range(len(prompts))]
    return made


def attempt_seed(seed: int, number: int) -> int:
    """The seed of attempt `number`: the sampling's own for the first, then ones derived from it (31 bits)."""
    return seed if number == 0 else int(content_key("attempt seed", seed, number)[:8], 16) >> 1


def _batch(
    model: Model,
    asked: Sequence[tuple[str, Chat]],
    sampling: Sampling,
    journal: Journal,
    method: AnsweringMethod,
    number: int,
) -> list[Attempt]:
    key = content_key("attempts", model.fingerprint, method.name, method.version, number, sampling, asked)

    def work(part: str, items: Sequence[int]) -> list[Attempt]:
        replies = model.generate([asked[i][1] for i in items], sampling)
        return [
            attempt_of(content_key(part, i), model, asked[i], sampling, method, number, reply)
            for i, reply in zip(items, replies, strict=True)
        ]

    return finish(journal, key, "attempt", Attempt, len(asked), work, lambda _, attempt: attempt.error is not None)


def attempt_of(
    id: str,
    model: Model,
    asked: tuple[str, Chat],
    sampling: Sampling,
    method: AnsweringMethod,
    number: int,
    reply: Reply,
) -> Attempt:
    """What came back for one prompt (its id, and the conversation that was sent), as a record."""
    return Attempt(
        id=id,
        prompt_id=asked[0],
        model=model.fingerprint,
        method=method.name,
        sampling=sampling,
        number=number,
        asked=asked[1],
        text=reply.text,
        finish=reply.finish,
        prompt_tokens=reply.prompt_tokens,
        completion_tokens=reply.completion_tokens,
        reasoning=reply.reasoning,
        error=reply.error,
    )
