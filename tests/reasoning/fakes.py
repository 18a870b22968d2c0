"""A model of a few lines, for tests of answering methods."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hansei.core.records import Chat, Prompt, Sampling, user
from hansei.models.protocol import Reply


class Scripted:
    """Says what `say(last turn, seed)` says."""

    name = "scripted"
    fingerprint = "a" * 32

    def __init__(self, say: Callable[[str, int], str]) -> None:
        self.say = say
        self.asked: list[str] = []

    def generate(self, chats: Sequence[Chat], sampling: Sampling) -> list[Reply]:
        turns = [chat[-1].content for chat in chats]
        self.asked += turns
        return [Reply(self.say(turn, sampling.seed), "stop", 10, 5) for turn in turns]

    def logprobs(self, texts: Sequence[tuple[Chat, str]]) -> list[list[float] | None]:
        return [None for _ in texts]

    def batches(self, chats: Sequence[Chat], sampling: Sampling) -> list[list[int]]:
        return [list(range(len(chats)))]


def asked(id: str, question: str, answer: str) -> Prompt:
    return Prompt(id, user(question), split="heldout", reference=answer, truth={"answers": [answer]})
