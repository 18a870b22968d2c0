"""What every model can do, wherever it runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from hansei.core.errors import BadInput
from hansei.core.records import Chat, Finish, Sampling


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back for one conversation: an answer, or the error that came instead."""

    text: str
    """The answer, without reasoning and outer white space; empty where there was an error."""
    finish: Finish
    """`stop` at an end token, `length` at a limit, `error` where no usable answer came."""
    prompt_tokens: int
    """Tokens read; 0 where unknown."""
    completion_tokens: int
    """Tokens written: reasoning and the end token included; 0 where unknown."""
    reasoning: str = ""
    """Reasoning text of a reasoning model, kept apart from the answer."""
    error: str | None = None
    """What went wrong, in one line."""


class Model(Protocol):
    """A language model that continues conversations."""

    @property
    def name(self) -> str:
        """What the user typed."""

    @property
    def fingerprint(self) -> str:
        """32 hex digits: weights, tokenizer, template and precision; for an endpoint name and address."""

    def generate(self, chats: Sequence[Chat], sampling: Sampling) -> list[Reply]:
        """One reply for each conversation, in their order.

        A sampled reply depends on the conversation and `sampling` only: the same conversation twice with
        one seed is drawn twice the same (up to floating point), so another attempt needs another
        `sampling.seed`. A conversation that fails is a Reply with `error`, and never stops the others.
        """

    def logprobs(self, texts: Sequence[tuple[Chat, str]]) -> list[list[float] | None]:
        """Natural log-probability of each token of a continuation, given its conversation.

        The end-of-turn token is not part of the continuation. None where the text is too long for the model.
        Raises BadInput where the model can't tell (an endpoint without this).
        """

    def batches(self, chats: Sequence[Chat], sampling: Sampling) -> list[list[int]]:
        """The units of work: indices of the conversations that are answered together.

        A pure function of conversations and settings, because floating point makes an answer depend on the
        batch. `generate` called with one batch alone answers as it does within the whole list.
        """


def check_sampling(sampling: Sampling) -> None:
    """Raises BadInput unless an answer can be drawn like this."""
    if sampling.temperature < 0 or not 0 < sampling.top_p <= 1 or sampling.max_new_tokens < 1:
        expected = "expected temperature >= 0, 0 < top_p <= 1 and max_new_tokens >= 1"
        found = f"{sampling.temperature}, {sampling.top_p} and {sampling.max_new_tokens}"
        raise BadInput(f"sampling: {expected}, found {found}")
