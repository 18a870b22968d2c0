"""Many answers to each prompt, drawn together: each prompt is read once where the model is a local one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from hansei.core.errors import BadInput
from hansei.core.journal import Journal
from hansei.core.keys import content_key
from hansei.core.progress import progress
from hansei.core.records import Attempt, Prompt, Sampling
from hansei.models.protocol import Model
from hansei.steps.ask import AnsweringMethod, ask, attempt_of, attempt_seed, plain
from hansei.steps.units import finish

if TYPE_CHECKING:
    from hansei.models.local import LocalModel


def ask_chains(
    model: Model,
    prompts: Sequence[Prompt],
    sampling: Sampling,
    count: int,
    journal: Journal,
    *,
    method: AnsweringMethod = plain,
    label: str = "chains",
) -> list[list[Attempt]]:
    """`count` attempts at each prompt, errors among them; attempt k is drawn with `attempt_seed(sampling.seed, k)`.

    The same answers as `ask` with `attempts=count`, up to floating point. A local model answers a few prompts with all
    their chains together, and that is the unit of work; any other model is asked by `ask`. Raises BadInput as `ask`
    does.
    """
    if count < 1:
        raise BadInput(f"chains: 1 or more were expected, found {count}")
    if not hasattr(model, "chains"):
        made = ask(model, prompts, sampling, journal, method=method, attempts=count, label=label)
        return [made[i :: len(prompts)] for i in range(len(prompts))]
    local = cast("LocalModel", model)
    chats = [method.render(prompt) for prompt in prompts]
    found: dict[int, list[Attempt]] = {}
    for batch in progress(local.chain_batches(chats, sampling, count), label):
        answers = _batch(local, [prompts[i] for i in batch], sampling, count, journal, method)
        found.update({i: answers[place * count : (place + 1) * count] for place, i in enumerate(batch)})
    return [found[i] for i in range(len(prompts))]


def _batch(
    model: LocalModel,
    prompts: Sequence[Prompt],
    sampling: Sampling,
    count: int,
    journal: Journal,
    method: AnsweringMethod,
) -> list[Attempt]:
    """The chains of a few prompts, those of each one after another."""
    asked = [(prompt.id, method.render(prompt)) for prompt in prompts]
    key = content_key("chains", model.fingerprint, method.name, method.version, count, sampling, asked)
    drawn = [replace(sampling, seed=attempt_seed(sampling.seed, number)) for number in range(count)]

    def work(part: str, items: Sequence[int]) -> list[Attempt]:
        replies = model.chains([chat for _, chat in asked], sampling, [d.seed for d in drawn])
        every = [
            attempt_of(content_key(part, place, k), model, asked[place], drawn[k], method, k, reply)
            for place, answers in enumerate(replies)
            for k, reply in enumerate(answers)
        ]
        return [every[i] for i in items]

    return finish(journal, key, "attempt", Attempt, len(asked) * count, work, lambda _, a: a.error is not None)
